//! What went wrong, at which step, who is at fault, and what to do next.
//!
//! ```text
//! Misuse   the caller's settings or arguments: found by this crate itself
//! Error    the service's response: found by Flow::receive
//! RunError  either the transport's own error or an Error: found by a driver (see `transports`)
//! ```
//!
//! For all three, [`Fault`] says who has to act.

use alloc::boxed::Box;
use core::fmt;

use http::StatusCode;

use crate::error_message::Message;
use crate::{BodyProblem, Credentials, ErrorKind, Fault, Field, LocationId, Retry};

/// An error that says why [`Flow::receive`](crate::Flow::receive) returned no token. It is safe to log.
///
/// It holds no credential of its request: it quotes the service's message only if the message repeats none.
///
/// ```
/// use http::{Response, StatusCode};
/// use location_auth::{ErrorKind, Fault, Flow, Retry, Step};
#[doc = include_str!("doctest_app.txt")]
/// let login = app.location("loc-1")?.login("owner@example.com", "hunter2")?;
/// let response = Response::builder().status(401).body(r#"{"error": "invalid_grant", "message": "Wrong password"}"#)?;
/// let error = login.receive(&response).unwrap_err().error;
///
/// assert_eq!(error.kind(), ErrorKind::Refused);
/// assert_eq!(error.step(), Step::UserToken);
/// assert_eq!(error.fault(), Fault::Caller);
/// assert_eq!(error.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(error.retry(), Retry::Never);
/// assert_eq!(error.code(), Some("invalid_grant"));
/// assert_eq!(error.message(), Some("invalid_grant: Wrong password"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// `Q8`.
#[derive(Clone)]
pub struct Error(Box<Details>);

/// All that is kept of a response without a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) step: Step,
    pub(crate) location: Option<LocationId>,
    pub(crate) kind: ErrorKind,
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<core::time::Duration>,
    pub(crate) request_id: Option<Box<str>>,
    pub(crate) media_type: Option<Box<str>>,
    pub(crate) asks_for_another_login: bool,
    pub(crate) message: Message,
    pub(crate) code: Option<Box<str>>,
    /// The body is JSON, or there is none: what stands before a service answers with a page or a text.
    pub(crate) is_of_service: bool,
}

impl Error {
    pub(crate) fn new(answer: Details) -> Self {
        Self(Box::new(answer))
    }

    pub(crate) fn is_of_service(&self) -> bool {
        self.0.is_of_service
    }

    pub(crate) fn at(mut self, location: &LocationId) -> Self {
        self.0.location = Some(location.clone());
        self
    }

    /// The step whose request got the response.
    pub fn step(&self) -> Step {
        self.0.step
    }

    /// The Location that the token was for: `None` for a [`UserLogin`](crate::UserLogin), which has none.
    pub fn location(&self) -> Option<&LocationId> {
        self.0.location.as_ref()
    }

    /// What kind of response it was.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The response's status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Who has to change something.
    pub fn fault(&self) -> Fault {
        self.0.kind.fault()
    }

    /// Whose credentials the service refused, as far as it says so. A service that follows OAuth says it by its code (RFC 6749 section 5.2), and
    /// a 401 without one is [`Credentials::Either`]. `None` if it refused something else, or did not answer for itself.
    pub fn refused_credentials(&self) -> Option<Credentials> {
        let is = |known: &str| self.code().is_some_and(|code| code.eq_ignore_ascii_case(known));
        let is_owners = match self.0.step {
            // That of many services that do not follow OAuth.
            Step::UserToken => is("invalid_credentials"),
            // RFC 6750 section 3.1.
            Step::LocationToken => is("invalid_token"),
        };
        if self.0.kind != ErrorKind::Refused {
            None
        } else if is_owners {
            Some(Credentials::Owner)
        } else {
            let is_services = !self.is_gateways() && !matches!(self.0.message, Message::Html(_));
            let either = is_services && self.0.status == StatusCode::UNAUTHORIZED;
            self.code().and_then(Credentials::named_by).or(either.then_some(Credentials::Either))
        }
    }

    /// Whether the response asks for a login that is none of the protocol.
    fn is_gateways(&self) -> bool {
        self.0.asks_for_another_login && self.code().is_none()
    }

    /// Whether, and when, the same request may be sent again without the risk of a second token.
    pub fn retry(&self) -> Retry {
        match self.0.kind {
            ErrorKind::Throttled => Retry::told(self.0.retry_after),
            // Without a wait it may be a server that no longer waits for its own handler.
            ErrorKind::Unavailable if self.0.retry_after.is_some() => Retry::told(self.0.retry_after),
            _ => Retry::Never,
        }
    }

    /// The wait that the response's `Retry-After` asks for, whatever the status (RFC 9110 section 10.2.3).
    ///
    /// At most [`Retry::MAX_DELAY`]. `None` if the header is missing or can't be read without a clock.
    pub fn retry_after(&self) -> Option<core::time::Duration> {
        self.0.retry_after
    }

    /// The response's `x-request-id`, to quote to the service's support: visible ASCII, at most 128 bytes.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The service's message: from JSON the texts that usually say what went wrong, from `text/plain` the first line, from a page of HTML the title
    /// (unless the status is a success). It has at most 256 bytes, and control characters are replaced. `[email]` and `[client id]` replace the
    /// owner's email and the Client ID.
    ///
    /// `None` if there is no message, or if [`is_message_withheld`](Self::is_message_withheld).
    pub fn message(&self) -> Option<&str> {
        match &self.0.message {
            Message::Text(text) | Message::Html(Some(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the service's message is withheld, because it repeats a credential.
    ///
    /// The service may have done nothing wrong: a password that is an ordinary word occurs in ordinary sentences.
    pub fn is_message_withheld(&self) -> bool {
        self.0.message == Message::Withheld
    }

    /// The service's own code for what went wrong, if its body has one: letters, digits, `_`, `-` and `.`, at most 64.
    ///
    /// It is there even if the message is withheld. For a wrong password or a wrong Client Secret, ask
    /// [`refused_credentials`](Self::refused_credentials) instead.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The media type of a success that has no usable token: the essence of its `Content-Type`, visible ASCII, at most 128 bytes.
    pub fn media_type(&self) -> Option<&str> {
        self.0.media_type.as_deref()
    }

    /// The content coding of a body that was not read because of it, whatever the status (RFC 9110 section 8.4). This crate decodes none.
    pub fn content_coding(&self) -> Option<&str> {
        match &self.0.message {
            Message::Coded(coding) => Some(coding),
            _ => None,
        }
    }

    fn advice(&self) -> &'static str {
        use BodyProblem::{Empty, Encoded, NotAnObject, NotUtf8, Syntax, TrailingData, Truncated};
        use Step::{LocationToken, UserToken};
        let no_service = matches!(self.0.message, Message::Html(_)) && self.0.kind == ErrorKind::Refused
            || matches!(
                self.0.kind,
                ErrorKind::TooLarge
                    | ErrorKind::Body(Empty | NotUtf8 | Truncated | Syntax { .. } | NotAnObject | TrailingData)
            );
        let is_gateways = self.is_gateways();
        let refused = self.refused_credentials();
        match (self.0.kind, self.0.step, self.0.status.as_u16()) {
            (ErrorKind::Refused, UserToken, 401) if is_gateways => {
                "a gateway in front of the service seems to ask for a login of its own, since WWW-Authenticate does not name Bearer: check the user token URL and what is in front of it, then the owner's email and password"
            }
            (ErrorKind::Refused, LocationToken, 401) if is_gateways => {
                "a gateway in front of the service seems to ask for a login of its own, since WWW-Authenticate does not name Bearer: check the location token URL and what is in front of it, then that the User Access Token was not revoked"
            }
            (_, UserToken, _) if no_service => {
                "a proxy, a firewall or a login page may have answered: check the user token URL and what is in front of it, then ask the service's support"
            }
            (_, LocationToken, _) if no_service => {
                "a proxy, a firewall or a login page may have answered: check the location token URL and what is in front of it, then ask the service's support"
            }
            (ErrorKind::Body(Encoded), ..) => {
                "set the transport's accept-encoding to identity, or let it decode the body; if it does so already, ask the service's support"
            }
            (ErrorKind::Refused, UserToken, _) if refused == Some(Credentials::Owner) => {
                "check the owner's email and password"
            }
            (ErrorKind::Refused, LocationToken, _) if refused == Some(Credentials::Owner) => {
                "check that the User Access Token was not revoked, and have the owner log in again if it was"
            }
            (ErrorKind::Refused, ..) if refused == Some(Credentials::Integrator) => {
                if self.code().is_some_and(|code| code.eq_ignore_ascii_case("unauthorized_client")) {
                    "ask the service's support to allow this Client ID to log in"
                } else {
                    "check the Client ID and the Client Secret"
                }
            }
            (ErrorKind::Refused, UserToken, 401) => {
                "check the owner's email and password, and that the API Key, the Client ID and the Client Secret are this environment's"
            }
            (ErrorKind::Refused, LocationToken, 401) => {
                "check that the User Access Token was not revoked, and that the API Key, the Client ID and the Client Secret are this environment's"
            }
            (ErrorKind::Refused, UserToken, 403) => {
                "check that the API Key is this environment's, then ask the service's support"
            }
            (ErrorKind::Refused, LocationToken, 403) => {
                "check that the API Key is this environment's and that the owner owns this Location"
            }
            (ErrorKind::Refused, UserToken, 404 | 405) => "check the user token URL",
            (ErrorKind::Refused, LocationToken, 404 | 405) => "check the location token URL and the Location's id",
            (ErrorKind::Refused, _, 407) => "check the proxy's address and credentials",
            (ErrorKind::Refused, _, 408 | 425) => {
                "check the network; the service may have issued a token, so repeat only if a second one does no harm"
            }
            (ErrorKind::Refused, UserToken, _) => {
                "ask the service's support what it objects to, then correct the App's settings or the owner's login"
            }
            (ErrorKind::Refused, LocationToken, _) => {
                "ask the service's support what it objects to, then correct the App's settings or the Location's id"
            }
            (ErrorKind::Throttled | ErrorKind::Unavailable, ..) if self.retry() != Retry::Never => match self.retry() {
                Retry::Now => "send the same request again",
                Retry::After(_) => "wait as long as it asks, then send the same request again",
                _ => "wait a little, then send the same request again",
            },
            (ErrorKind::ServerError | ErrorKind::Throttled | ErrorKind::Unavailable, ..) => {
                "ask the service's support; it may have issued a token, so repeat only if a second one does no harm"
            }
            (ErrorKind::Redirected, UserToken, _) => {
                "set the user token URL to the address that answers without a redirect"
            }
            (ErrorKind::Redirected, LocationToken, _) => {
                "set the location token URL to the address that answers without a redirect"
            }
            (ErrorKind::UnexpectedStatus, ..) => "fix the transport, which must return the final response",
            (ErrorKind::TooLarge | ErrorKind::Body(_), UserToken, _) => {
                "check that the user token URL is the service's, then ask its support"
            }
            (ErrorKind::TooLarge | ErrorKind::Body(_), LocationToken, _) => {
                "check that the location token URL is the service's, then ask its support"
            }
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0).finish()
    }
}

/// One line: step, what happened, the service's message, who is at fault, what to do.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.step)?;
        if let Some(location) = &self.0.location {
            write!(f, " of Location {location}")?;
        }
        write!(f, ": {} (status {}", self.0.kind, self.0.status.as_str())?;
        if let Some(media_type) = &self.0.media_type {
            write!(f, ", {media_type}")?;
        }
        f.write_str(")")?;
        match &self.0.message {
            Message::None => {}
            Message::Text(text) => write!(f, ", saying {text:?}")?,
            Message::Withheld => f.write_str(", its words withheld because they repeat a credential")?,
            Message::Html(None) => f.write_str(", answering with HTML")?,
            Message::Html(Some(title)) => write!(f, ", answering with HTML that says {title:?}")?,
            Message::Coded(coding) => write!(f, ", its body encoded as {coding}")?,
        }
        if let Some(code) = self.code().filter(|code| !self.message().is_some_and(|text| text.contains(code))) {
            write!(f, ", code {code}")?;
        }
        if let Some(id) = &self.0.request_id {
            write!(f, ", request id {id}")?;
        }
        if let Some(wait) = self.0.retry_after {
            write!(f, ", asking to wait {} s", wait.as_secs())?;
        }
        write!(f, "; {}: {}", self.fault(), self.advice())
    }
}

/// The two token requests of the protocol.
///
/// ```
/// use location_auth::Step;
///
/// assert_eq!(Step::LocationToken.to_string(), "step 2 (Location Access Token)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Step 1 exchanges an owner's email and password for a User Access Token.
    UserToken,
    /// Step 2 exchanges a User Access Token for a Location Access Token.
    LocationToken,
}

impl Step {
    /// Returns 1 or 2, the number in the service's documentation.
    pub fn number(self) -> u8 {
        match self {
            Step::UserToken => 1,
            Step::LocationToken => 2,
        }
    }

    /// The setting with the URL of the step's request.
    pub fn url(self) -> Field {
        match self {
            Step::UserToken => Field::UserTokenUrl,
            Step::LocationToken => Field::LocationTokenUrl,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::UserToken => "step 1 (User Access Token)",
            Step::LocationToken => "step 2 (Location Access Token)",
        })
    }
}
