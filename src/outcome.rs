//! What a response, or no response, says about the token request that it is for (`Q17`).

use core::fmt;
use core::time::Duration;

use http::StatusCode;

use crate::{Delivery, Error, ErrorKind, Fault};

/// What the outcome of a token request without a token does to its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The request was certainly not acted on: it does not count. The service may have asked for a wait.
    None { wait: Duration },
    /// The service refused it: the next one would be refused as well.
    Refused,
    /// Step 2 refused the User Access Token, which says nothing about the Location.
    UserTokenRefused,
    /// There may be a token that nobody has.
    Unknown,
}

impl Effect {
    pub(crate) fn of_response(error: &Error) -> Self {
        let is_refusal = error.kind() == ErrorKind::Refused && error.is_of_service();
        match (error.status().as_u16(), error.retry_after()) {
            (407, _) => Self::NOT_SENT,
            (429 | 503, Some(wait)) => Self::None { wait },
            (408 | 425, _) => Self::Unknown,
            _ if is_refusal => Self::Refused,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn of_delivery(delivery: Delivery) -> Self {
        match delivery {
            Delivery::NotSent | Delivery::Unsendable => Self::NOT_SENT,
            Delivery::Unknown => Self::Unknown,
        }
    }

    const NOT_SENT: Self = Self::None { wait: Duration::ZERO };
}

/// The outcome of the last token request.
///
/// ```
/// use location_auth::{Fault, LastOutcome};
///
/// /// The owner may have changed their password.
/// fn was_refused(outcome: LastOutcome) -> bool {
///     matches!(outcome, LastOutcome::Response { fault: Fault::Caller, .. })
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LastOutcome {
    /// A token, which no call has been answered with so far.
    Token,
    /// A response without a token.
    Response {
        /// The response's status.
        status: StatusCode,
        /// Who has to change something.
        fault: Fault,
    },
    /// No complete response. If the caller was dropped, or the request is still under way, this is [`Delivery::Unknown`].
    NoResponse(Delivery),
}

impl LastOutcome {
    pub(crate) fn fault(self) -> Fault {
        match self {
            Self::Token | Self::NoResponse(Delivery::Unsendable) => Fault::Caller,
            Self::Response { fault, .. } => fault,
            Self::NoResponse(Delivery::NotSent | Delivery::Unknown) => Fault::Transport,
        }
    }
}

impl From<&Error> for LastOutcome {
    fn from(error: &Error) -> Self {
        Self::Response { status: error.status(), fault: error.fault() }
    }
}

/// What became of the request, as the end of a sentence.
impl fmt::Display for LastOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("got a token that has helped no call"),
            Self::Response { status, .. } => write!(f, "got status {}", status.as_str()),
            Self::NoResponse(Delivery::NotSent) => f.write_str("was not sent"),
            Self::NoResponse(Delivery::Unsendable) => f.write_str("could not be sent"),
            Self::NoResponse(Delivery::Unknown) => f.write_str("got no complete response"),
        }
    }
}
