//! The kinds of responses without a token.

use crate::Fault;

/// The kind of a response without a usable token.
///
/// ```
/// use location_auth::{Error, ErrorKind};
///
/// fn is_worth_an_alarm(error: &Error) -> bool {
///     match error.kind() {
///         ErrorKind::Throttled | ErrorKind::Unavailable => false, // `Error::retry` says when to try again
///         _ => true,
///     }
/// }
/// ```
///
#[doc = include_str!("responses.md")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A 4xx other than 429, or a 2xx that carries an error and no usable token.
    #[error("the service refused")]
    Refused,
    /// 429: too many requests for now.
    #[error("the service is throttling")]
    Throttled,
    /// 503: with a `Retry-After` the service did not act, without one it may have.
    #[error("the service is unavailable")]
    Unavailable,
    /// A 5xx other than 503: the service may have acted.
    #[error("the service failed")]
    ServerError,
    /// A 3xx: redirects are never followed.
    #[error("the service redirected, and redirects are never followed")]
    Redirected,
    /// A status that no final response has: below 200 or above 599.
    #[error("the status is not that of a final response")]
    UnexpectedStatus,
    /// A success whose body is longer than [`RESPONSE_LIMIT`](crate::transports::RESPONSE_LIMIT).
    #[error("the response is longer than 64 KiB")]
    TooLarge,
    /// A success whose body is not one JSON object with a usable token.
    #[error("the response {0}")]
    Body(BodyProblem),
}

impl ErrorKind {
    pub(crate) fn fault(self) -> Fault {
        match self {
            Self::Refused | Self::Throttled | Self::Redirected => Fault::Caller,
            Self::UnexpectedStatus => Fault::Transport,
            Self::Unavailable | Self::ServerError | Self::TooLarge | Self::Body(_) => Fault::Service,
        }
    }
}

/// What is wrong with the body of a success. No value from the body is kept.
///
/// ```
/// use location_auth::{BodyProblem, ErrorKind, Flow};
#[doc = include_str!("doctest_app.txt")]
/// let login = app.user_login("owner@example.com", "hunter2")?;
/// let error = login.receive(&http::Response::new(r#"{"access_token": ""}"#)).unwrap_err().error;
/// assert_eq!(error.kind(), ErrorKind::Body(BodyProblem::EmptyToken));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BodyProblem {
    /// No body, or white space alone.
    #[error("has no body")]
    Empty,
    /// The body has a content coding, which [`Error::content_coding`](crate::Error::content_coding) returns. This crate decodes none.
    #[error("has a content coding that was not decoded")]
    Encoded,
    /// The body is not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// The JSON ends too early.
    #[error("ends in the middle of its JSON")]
    Truncated,
    /// The body is not JSON.
    #[error("is not JSON (line {line}, column {column})")]
    Syntax {
        /// Where reading stopped: the line, from 1.
        line: usize,
        /// Where reading stopped: the column in bytes.
        column: usize,
    },
    /// The body is JSON, but not an object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// Something other than white space follows the object.
    #[error("has text after its JSON object")]
    TrailingData,
    /// The object has no `access_token`, or a `null`.
    #[error("has no access_token")]
    NoToken,
    /// The object has `access_token` more than once.
    #[error("has more than one access_token")]
    DuplicateToken,
    /// `access_token` is not a string.
    #[error("has an access_token that is not a string")]
    TokenNotAString,
    /// `access_token` is an empty string.
    #[error("has an empty access_token")]
    EmptyToken,
    /// `access_token` holds something other than visible ASCII, so no header can carry it.
    #[error("has an access_token that no header can carry")]
    InvalidToken,
    /// The token is the User Access Token that the request of step 2 carried: something returned step 1's response.
    #[error("repeats the User Access Token that it was asked with")]
    UserTokenReturned,
}
