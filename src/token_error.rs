//! Why there is no new token, after a 401 or before the first call.

use alloc::{boxed::Box, string::String, sync::Arc};
use core::fmt;
use core::time::Duration;

use crate::text::clean;
use crate::{Delivery, Error, Fault, LastOutcome, LocationId, Misuse, Retry, Step};

/// An error that says why a rejected token was not renewed, or why there is no first token.
///
/// It holds no credential, no flow and no error of a client library. All callers that waited for the same token request get the same error.
///
/// ```
/// use location_auth::{TokenError, TokenErrorKind};
///
/// fn advice(error: &TokenError) -> &'static str {
///     match error.kind() {
///         TokenErrorKind::NotEnabled => "ask the owner to log in",
///         TokenErrorKind::Paused { .. } => "wait, then make the call again",
///         _ => "look at the error, and make the call again later",
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct TokenError {
    location: Option<LocationId>,
    /// Whether the Location has had no token yet: `None` if the error is about no session.
    first: Option<bool>,
    step: Option<Step>,
    /// Step 2 refused a User Access Token that is so new that the service may not know it everywhere.
    early: bool,
    /// Why there was no response. One pointer: a result of each call has room for an error.
    cause: Option<Arc<String>>,
    kind: TokenErrorKind,
}

/// The reason why there is no new token.
///
/// ```
/// use location_auth::{Delivery, ErrorKind, TokenErrorKind};
///
/// /// The service may have issued a token that nobody has: ask its support to revoke it.
/// fn may_have_lost_a_token(kind: &TokenErrorKind) -> bool {
///     match kind {
///         TokenErrorKind::NoResponse(Delivery::Unknown) => true,
///         TokenErrorKind::Response(error) => {
///             error.kind() == ErrorKind::ServerError || matches!(error.status().as_u16(), 408 | 425)
///         }
///         _ => false,
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The [`Owner`](crate::Owner) has neither a User Access Token nor a login, or the session's token is not a Location's.
    NotEnabled,
    /// The response to a token request has no token.
    Response(Error),
    /// There was no complete response to a token request.
    NoResponse(Delivery),
    /// The token that the call waited for, or was sent again with, was rejected as well. The next call that gets a 401 may lead to another one.
    RejectedAgain,
    /// No token request may be sent now: the service asked for a wait, or too many requests were sent since a token has helped.
    Paused {
        /// How long: at most an hour.
        wait: Duration,
        /// What became of the last request.
        after: LastOutcome,
    },
    /// The store gave no turn, or failed to read or to write. Nothing was sent, and nothing is counted. The error's text has the cause.
    Store,
    /// The store says that the owner's tokens were [forgotten](crate::Owner::forget): no token is requested until a person sets other credentials.
    Forgotten,
    /// What was to get the token has ended without it: the program's executor has dropped it, or it panicked.
    Abandoned,
    /// The renewal was used with a session or an owner that is not its own.
    Misuse(Misuse),
}

impl From<TokenErrorKind> for TokenError {
    fn from(kind: TokenErrorKind) -> Self {
        Self { location: None, first: None, step: None, early: false, cause: None, kind }
    }
}

impl TokenError {
    pub(crate) fn at(self, step: Step) -> Self {
        Self { step: self.step.or(Some(step)), ..self }
    }

    pub(crate) fn of(self, location: Option<&LocationId>, first: bool) -> Self {
        Self { location: location.cloned(), first: Some(first), ..self }
    }

    pub(crate) fn early(self) -> Self {
        Self { early: true, ..self }
    }

    /// `cause` says what the store could not do.
    pub(crate) fn store(cause: &str) -> Self {
        Self::from(TokenErrorKind::Store).because(Some(clean(cause, CAUSE_LIMIT)))
    }

    pub(crate) fn because(self, cause: Option<Box<str>>) -> Self {
        Self { cause: cause.map(|cause| Arc::new(cause.into())), ..self }
    }

    /// The reason why there is no new token.
    pub fn kind(&self) -> &TokenErrorKind {
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
            TokenErrorKind::Response(error) => error.fault(),
            TokenErrorKind::NoResponse(delivery) => LastOutcome::NoResponse(*delivery).fault(),
            TokenErrorKind::Paused { after, .. } => after.fault(),
            TokenErrorKind::NotEnabled
            | TokenErrorKind::RejectedAgain
            | TokenErrorKind::Abandoned
            | TokenErrorKind::Store
            | TokenErrorKind::Forgotten
            | TokenErrorKind::Misuse(_) => Fault::Caller,
        }
    }

    /// Whether, and when, the call may be made again. After [`Retry::Never`] another call may still get a token: the token requests are counted, and
    /// a pause between them is [`TokenErrorKind::Paused`].
    pub fn retry(&self) -> Retry {
        match &self.kind {
            TokenErrorKind::Response(_) if self.early => Retry::Unspecified,
            TokenErrorKind::Response(error) => error.retry(),
            TokenErrorKind::NoResponse(Delivery::NotSent) | TokenErrorKind::Store => Retry::Unspecified,
            TokenErrorKind::Paused { wait, .. } => Retry::After(*wait),
            _ => Retry::Never,
        }
    }
}

/// One line: what happened, who is at fault, what to do.
impl fmt::Display for TokenError {
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
            TokenErrorKind::Misuse(misuse) => return write!(f, ", and {failed}: {misuse}"),
            TokenErrorKind::Response(error) => write!(f, ", and {failed}: {error}")?,
            TokenErrorKind::NotEnabled => write!(f, "; {fault}: {advice}")?,
            TokenErrorKind::Abandoned => write!(
                f,
                ", and what was to get one was dropped; {fault}: give `with_spawn` an executor that runs it to its end, and wait for `idle` \
                 before the program ends"
            )?,
            TokenErrorKind::Store => {
                write!(f, ", and no token request was sent, since the store of tokens failed")?;
                if let Some(cause) = &self.cause {
                    write!(f, ": {cause}")?;
                }
                write!(f, "; {fault}: check the store")?;
            }
            TokenErrorKind::Forgotten => write!(
                f,
                ", and the owner's tokens were forgotten; {fault}: ask the owner to log in again, or try again if this owner is meant"
            )?,
            TokenErrorKind::RejectedAgain => write!(
                f,
                ", although it is newer than the call; {fault}: check that the call is one that this token may make, then \
                 make it again"
            )?,
            TokenErrorKind::Paused { wait, after } => {
                let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
                let advice = match (after, fault) {
                    (LastOutcome::Token, _) => "check that the calls are ones that this token may make",
                    (LastOutcome::Response { status, .. }, _) if matches!(status.as_u16(), 429 | 503) => {
                        "wait that long, then make the call again"
                    }
                    (_, Fault::Caller) => "look at the error of that request, then set other credentials or try again",
                    (_, Fault::Transport) => "check the network, or wait",
                    (_, Fault::Service) => "ask the service's support, or wait",
                };
                write!(
                    f,
                    ", and the last request for a new {token} {after}, so that none is sent for {seconds} s; {fault}: {advice}"
                )?;
            }
            TokenErrorKind::NoResponse(delivery) => {
                write!(f, ", and {failed}")?;
                if let Some(step) = self.step {
                    write!(f, " at {step}")?;
                }
                let (what, check) = match delivery {
                    Delivery::NotSent => ("the request was not sent", "the network"),
                    Delivery::Unsendable => ("the transport cannot send the request", "how the transport is set up"),
                    Delivery::Unknown => ("no complete response came, and the request may have arrived", "the network"),
                };
                write!(f, ": {what}; {fault}: ")?;
                match (&self.cause, self.step) {
                    (Some(cause), _) => f.write_str(cause)?,
                    (None, Some(step)) => write!(f, "check {check} and the {}", step.url())?,
                    (None, None) => write!(f, "check {check}")?,
                }
            }
        }
        if self.early {
            f.write_str("; the User Access Token is new, so the service may not know it yet: make the call again")?;
        }
        Ok(())
    }
}

impl core::error::Error for TokenError {}

impl From<Misuse> for TokenError {
    fn from(misuse: Misuse) -> Self {
        TokenErrorKind::Misuse(misuse).into()
    }
}

/// The longest cause that is kept, in bytes.
pub(crate) const CAUSE_LIMIT: usize = 256;
