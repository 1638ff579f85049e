//! Why a call has no response for the caller.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::error::Error as StdError;
use core::fmt;

use http::Response;
use location_auth::driver::{CallFailure, asks_for_another_login};
use location_auth::{Delivery, Fault, LocationId, Misuse, Retry, TokenError};

use super::super::{SendErrorKind, events};

/// The error of a call: there was no token for it, it got no response, or it got a 401 that no new token could solve.
///
/// It holds no credential and no login, and does not name the owner. `E` is the transport's own error, and `R` the body of a response.
///
/// ```
/// use location_auth::Fault;
/// use location_auth::transports::client::CallError;
///
/// fn advice<E>(error: &CallError<E>) -> String {
///     match error {
///         CallError::NoToken { error, .. } | CallError::TokenRejected { error, .. } => match error.location() {
///             Some(location) if error.fault() == Fault::Caller => format!("ask the owner of {location} to log in"),
///             _ => error.to_string(),
///         },
///         other => other.to_string(),
///     }
/// }
/// ```
#[non_exhaustive]
pub enum CallError<E, R = Vec<u8>> {
    /// The request can't be authorized, and was not sent.
    Misuse(Misuse),
    /// The Location has no token yet, and the client got none: the call was not sent.
    NoToken {
        /// Why there is no token. All callers that waited for the same token request get the same error.
        error: TokenError,
        /// The transport's own error, if this caller's token request got no response.
        transport: Option<E>,
    },
    /// The call got no complete response: none came, it broke off, or its body is longer than the limit.
    Transport {
        /// The Location of the call, if its token is a Location's.
        location: Option<LocationId>,
        /// The transport's own error.
        error: E,
        /// Whether the call may have arrived.
        delivery: Delivery,
    },
    /// The call got a 401, and there is no new token, or the new one got a 401, too. Tokens do not expire, so the service revoked the token,
    /// or the 401 means something else: the response may say what.
    TokenRejected {
        /// The service's response to the call. `Debug` does not show it.
        response: Box<Response<R>>,
        /// Why there is no new token. All callers that waited for the same token request get the same error.
        error: TokenError,
        /// The transport's own error, if this caller's token request got no response.
        transport: Option<E>,
    },
    /// The call got a 401 and there is a new token, but the call's body can't be sent again: make the call again.
    NotRepeated {
        /// The Location of the call, if its token is a Location's.
        location: Option<LocationId>,
        /// The service's response to the call. `Debug` does not show it.
        response: Box<Response<R>>,
    },
}

impl<E, R> CallError<E, R> {
    pub(super) fn new(failure: CallFailure<R>, location: Option<&LocationId>, transport: Option<E>) -> Self {
        match failure {
            CallFailure::NoToken { error } => Self::NoToken { error, transport },
            CallFailure::TokenRejected { response, error } => {
                Self::TokenRejected { response: Box::new(response), error, transport }
            }
            CallFailure::NotRepeated { response } => {
                Self::NotRepeated { location: location.cloned(), response: Box::new(response) }
            }
        }
    }

    /// Logs that the caller gets this error. `kind` says what happened, if it is the transport's own one.
    pub(super) fn log(&self, location: Option<&LocationId>, kind: impl FnOnce(&E) -> SendErrorKind) {
        let failed = match self {
            Self::Transport { error, delivery, .. } => Some((*delivery, || kind(error))),
            _ => None,
        };
        events::call_failed(location, failed, self.fault(), self);
    }

    /// Returns who has to change something.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Misuse(_) | Self::NotRepeated { .. } | Self::Transport { delivery: Delivery::Unsendable, .. } => {
                Fault::Caller
            }
            Self::Transport { .. } => Fault::Transport,
            Self::NoToken { error, .. } | Self::TokenRejected { error, .. } => error.fault(),
        }
    }

    /// Returns whether and when you may make the same call again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Misuse(_) => Retry::Never,
            Self::Transport { delivery: Delivery::NotSent, .. } => Retry::Unspecified,
            Self::Transport { .. } => Retry::Never,
            Self::NoToken { error, .. } | Self::TokenRejected { error, .. } => error.retry(),
            Self::NotRepeated { .. } => Retry::Now,
        }
    }
}

impl<E, R> From<Misuse> for CallError<E, R> {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl<E: fmt::Debug, R> fmt::Debug for CallError<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => f.debug_tuple("Misuse").field(misuse).finish(),
            Self::NoToken { error, transport } => {
                f.debug_struct("NoToken").field("error", error).field("transport", transport).finish()
            }
            Self::Transport { location, error, delivery } => f
                .debug_struct("Transport")
                .field("location", location)
                .field("error", error)
                .field("delivery", delivery)
                .finish(),
            Self::TokenRejected { error, transport, .. } => f
                .debug_struct("TokenRejected")
                .field("error", error)
                .field("transport", transport)
                .finish_non_exhaustive(),
            Self::NotRepeated { location, .. } => {
                f.debug_struct("NotRepeated").field("location", location).finish_non_exhaustive()
            }
        }
    }
}

/// Shows one line: what happened, who is at fault, what to do. The transport's error is the [`source`](StdError::source).
impl<E, R> fmt::Display for CallError<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, location, after, advice) = match self {
            Self::Misuse(misuse) => return fmt::Display::fmt(misuse, f),
            Self::TokenRejected { response, error, .. } if asks_for_another_login(response) => (
                "the call",
                &error.location().cloned(),
                " got a 401 that asks for a login of another kind, since WWW-Authenticate does not name Bearer: a gateway in front of the \
                 service seems to have answered, and the token is not at fault",
                "check the call's URL and what is in front of it",
            ),
            Self::NoToken { error, .. } | Self::TokenRejected { error, .. } => return fmt::Display::fmt(error, f),
            Self::Transport { location, delivery: Delivery::NotSent, .. } => {
                ("the call", location, " was not sent", "check the URL's host and the network, then make it again")
            }
            Self::Transport { location, delivery: Delivery::Unsendable, .. } => (
                "the transport cannot send the call",
                location,
                "",
                "check the call's URL and headers, and how the transport is set up",
            ),
            Self::Transport { location, delivery: Delivery::Unknown, .. } => (
                "no complete response to the call",
                location,
                " came, and it may have arrived",
                "check the network, and make it again only if twice does no harm",
            ),
            Self::NotRepeated { location, .. } => (
                "the access token",
                location,
                " was rejected and is renewed, and the call was not sent again",
                "make it again",
            ),
        };
        f.write_str(before)?;
        if let Some(location) = location {
            write!(f, " of Location {location}")?;
        }
        write!(f, "{after}; {}: {advice}", self.fault())
    }
}

impl<E: StdError + 'static, R> StdError for CallError<E, R> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Transport { error, .. } => Some(error),
            Self::NoToken { transport: Some(error), .. } | Self::TokenRejected { transport: Some(error), .. } => {
                Some(error)
            }
            Self::Misuse(_) | Self::NoToken { .. } | Self::TokenRejected { .. } | Self::NotRepeated { .. } => None,
        }
    }
}
