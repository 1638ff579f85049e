//! Attempts, verdicts and replays: what a session returns for a call and for its response.

use crate::TokenError;
use crate::acquiring::{Acquisition, Replay};
use crate::identity::Identity;

/// An authorized call: it knows the session, and which of the session's tokens the call carries.
///
/// [`Session::received`](crate::Session::received) takes it, with the status of the response. The page of [`Session`](crate::Session) has a program.
#[derive(Debug)]
pub struct Attempt {
    pub(crate) session: Identity,
    pub(crate) generation: u64,
    /// Whether the call has had its one renewal: it was sent before with another token, or has waited for the first one.
    pub(crate) again: bool,
}

/// What to do after the response to a call.
#[must_use = "a verdict says what to do with the call"]
#[derive(Debug)]
pub enum Verdict {
    /// Return the response to the caller: the status is not 401, or the session has no token.
    Answered,
    /// The status is 401, and the session has a newer token than the attempt: send the call again, once.
    Replay(Replay),
    /// The status is 401, and the session has no newer token: renew the token, or report to the caller that it was rejected.
    Acquire(Acquisition),
    /// The status is 401 for a call that has had its one renewal. Do not send it again.
    Rejected(TokenError),
}
