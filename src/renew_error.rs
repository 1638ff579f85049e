//! Why there is no new token, after a 401 or before the first call.

use core::fmt;
use core::time::Duration;

use crate::outcome::Outcome;
use crate::{Delivery, Error, Fault, LocationId, Misuse, Retry, Step};

/// An error that says why a rejected token was not renewed, or why there is no first token.
///
/// It holds no credential, no flow and no error of a client library. All callers that waited for the same token request get the same error.
///
/// ```
/// use location_auth::{RenewError, RenewErrorKind};
///
/// fn advice(error: &RenewError) -> &'static str {
///     match error.kind() {
///         RenewErrorKind::NotEnabled => "ask the owner to log in",
///         RenewErrorKind::Postponed { .. } => "wait, then make the call again",
///         _ if error.is_final() => "look at the error, then give the program credentials again",
///         _ => "make the call again later",
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RenewError {
    location: Option<LocationId>,
    /// Whether the Location has had no token yet: `None` if the error is about no session.
    first: Option<bool>,
    step: Option<Step>,
    kind: RenewErrorKind,
}

/// The reason why there is no new token.
///
/// ```
/// use location_auth::{Delivery, ErrorKind, RenewErrorKind};
///
/// /// The service may have issued a token that nobody has: ask its support to revoke it.
/// fn may_have_lost_a_token(kind: &RenewErrorKind) -> bool {
///     match kind {
///         RenewErrorKind::NoResponse(Delivery::Unknown) | RenewErrorKind::InDoubt => true,
///         RenewErrorKind::Response(error) => {
///             error.kind() == ErrorKind::ServerError || matches!(error.status().as_u16(), 408 | 425)
///         }
///         _ => false,
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RenewErrorKind {
    /// The [`Owner`](crate::Owner) has neither a User Access Token nor a login, or the session's token is not a Location's.
    NotEnabled,
    /// The response to a token request has no token.
    Response(Error),
    /// There was no complete response to a token request.
    NoResponse(Delivery),
    /// A new token was rejected before it had worked, or two new tokens in a row did not help the calls that they were requested for: another
    /// new one would be rejected, too. In the first case renewals go on as soon as the token has worked for another call.
    InVain,
    /// The newer token that the call was sent again with was rejected as well. It has worked for other calls.
    RejectedAgain,
    /// The outcome of two token requests in a row is unknown. Each may have created a token that nobody has.
    InDoubt,
    /// The service asked for a wait, and some of it is left. No token request was sent.
    Postponed {
        /// What is left of the wait.
        wait: Duration,
        /// Whose fault the response was that asked for it.
        fault: Fault,
    },
    /// The renewal was used with a session or an owner that is not its own.
    Misuse(Misuse),
}

impl From<RenewErrorKind> for RenewError {
    fn from(kind: RenewErrorKind) -> Self {
        Self { location: None, first: None, step: None, kind }
    }
}

impl RenewError {
    pub(crate) fn at(self, step: Step) -> Self {
        Self { step: self.step.or(Some(step)), ..self }
    }

    pub(crate) fn of(self, location: Option<&LocationId>, first: bool) -> Self {
        Self { location: location.cloned(), first: Some(first), ..self }
    }

    /// The reason why there is no new token.
    pub fn kind(&self) -> &RenewErrorKind {
        &self.kind
    }

    /// The Location whose token was rejected or is missing: `None` if the session is not a Location's, or the error is about no session.
    pub fn location(&self) -> Option<&LocationId> {
        self.location.as_ref()
    }

    /// The step whose token request the error is about: `None` if it is about neither.
    pub fn step(&self) -> Option<Step> {
        self.step
    }

    /// Who has to change something.
    pub fn fault(&self) -> Fault {
        match &self.kind {
            RenewErrorKind::Response(error) => error.fault(),
            RenewErrorKind::NoResponse(Delivery::NotSent | Delivery::Unknown) | RenewErrorKind::InDoubt => {
                Fault::Transport
            }
            RenewErrorKind::NoResponse(Delivery::Unsendable)
            | RenewErrorKind::NotEnabled
            | RenewErrorKind::InVain
            | RenewErrorKind::RejectedAgain
            | RenewErrorKind::Misuse(_) => Fault::Caller,
            RenewErrorKind::Postponed { fault, .. } => *fault,
        }
    }

    /// Whether, and when, the call may be made again. A new call does not repeat a token request whose outcome is final or in doubt.
    pub fn retry(&self) -> Retry {
        match &self.kind {
            RenewErrorKind::Response(error) => error.retry(),
            RenewErrorKind::NoResponse(Delivery::NotSent) => Retry::Unspecified,
            RenewErrorKind::Postponed { wait, .. } => Retry::After(*wait),
            _ => Retry::Never,
        }
    }

    /// Whether no caller tries again until the program sets credentials, the same or new ones (see [`RenewErrorKind::InVain`] for one exception).
    pub fn is_final(&self) -> bool {
        match &self.kind {
            RenewErrorKind::Response(error) => Outcome::of_response(error) == Outcome::Final,
            RenewErrorKind::NotEnabled | RenewErrorKind::InVain | RenewErrorKind::InDoubt => true,
            RenewErrorKind::NoResponse(_)
            | RenewErrorKind::RejectedAgain
            | RenewErrorKind::Postponed { .. }
            | RenewErrorKind::Misuse(_) => false,
        }
    }
}

/// One line: what happened, who is at fault, what to do.
impl fmt::Display for RenewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.first {
            None => "there is no new access token",
            Some(true) => "there is no access token",
            Some(false) => "the access token",
        })?;
        if let Some(location) = &self.location {
            write!(f, " of Location {location}")?;
        }
        let (what, failed, advice) = match self.first {
            None => ("", "getting one failed", "log in, or let an Owner get one"),
            Some(true) => (" yet", "getting one failed", "log in, or let an Owner get one"),
            Some(false) => (" was rejected", "renewing it failed", "log in again, or let an Owner renew it"),
        };
        f.write_str(what)?;
        let token = match self.step {
            Some(Step::UserToken) => "User Access Token",
            _ => "Location Access Token",
        };
        let fault = self.fault();
        match &self.kind {
            RenewErrorKind::Misuse(misuse) => return write!(f, ", and {failed}: {misuse}"),
            RenewErrorKind::Response(error) => write!(f, ", and {failed}: {error}")?,
            RenewErrorKind::NotEnabled => write!(f, "; {fault}: {advice}")?,
            RenewErrorKind::InVain if self.step == Some(Step::UserToken) => write!(
                f,
                ", and a new {token} was rejected before it had worked; {fault}: check the Client ID and the Client Secret"
            )?,
            RenewErrorKind::InVain => write!(
                f,
                ", as another new one would be; {fault}: check that the call is one that this token may make"
            )?,
            RenewErrorKind::RejectedAgain => write!(
                f,
                ", and so was the newer {token} that the call was sent again with; {fault}: check that the call is one that this \
                 token may make"
            )?,
            RenewErrorKind::InDoubt => write!(
                f,
                ", and two requests in a row for a new {token} had an unknown outcome; {fault}: check the network, and ask the \
                 service's support to revoke tokens that nobody has"
            )?,
            RenewErrorKind::Postponed { wait, .. } => {
                let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
                write!(
                    f,
                    ", and the service asks to wait before a new {token} is requested; {fault}: wait {seconds} s, then make the call again"
                )?;
            }
            RenewErrorKind::NoResponse(delivery) => {
                write!(f, ", and {failed}")?;
                if let Some(step) = self.step {
                    write!(f, " at {step}")?;
                }
                let (what, check) = match delivery {
                    Delivery::NotSent => ("the request was not sent", "the network"),
                    Delivery::Unsendable => ("the transport cannot send the request", "how the transport is set up"),
                    Delivery::Unknown => ("no complete response came, and the request may have arrived", "the network"),
                };
                write!(f, ": {what}; {fault}: check {check}")?;
                if let Some(step) = self.step {
                    write!(f, " and the {}", step.url())?;
                }
            }
        }
        if self.is_final() && !matches!(self.kind, RenewErrorKind::NotEnabled) {
            f.write_str(
                "; no new token is requested until the program sets the owner's login or User Access Token again",
            )?;
        }
        Ok(())
    }
}

impl core::error::Error for RenewError {}

impl From<Misuse> for RenewError {
    fn from(misuse: Misuse) -> Self {
        RenewErrorKind::Misuse(misuse).into()
    }
}
