//! Attempts, verdicts and replays: what a session returns for a call and for its response.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::RenewError;

/// Identifies a session or an owner. It is a number, since all threads that make calls would write to the count of an `Arc`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Identity(usize);

/// Hides the number, which differs between runs.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// An authorized call: it knows the session, and which of the session's tokens the call carries.
///
/// [`Session::received`](crate::Session::received) takes it, with the status of the response.
///
/// ```
/// use location_auth::{Attempt, Misuse, Session};
///
/// /// Returns the call to send, and the attempt for `Session::received`. Keep the original, too.
/// fn prepare(session: &Session, original: &http::Request<()>) -> Result<(http::Request<()>, Attempt), Misuse> {
///     let mut call = original.clone();
///     let attempt = session.authorize(&mut call)?;
///     Ok((call, attempt))
/// }
/// ```
pub struct Attempt {
    pub(crate) session: Identity,
    pub(crate) generation: u64,
    /// Whether the call was sent before, with another token.
    pub(crate) again: bool,
    /// It is sent again with a token that was requested for it.
    pub(crate) renewed: bool,
}

/// What to do after the response to a call.
///
/// ```
/// use location_auth::Verdict;
///
/// fn in_words(verdict: &Verdict) -> &'static str {
///     match verdict {
///         Verdict::Answered => "the response is for the caller",
///         Verdict::Replay(_) => "send the call again: there is a newer token",
///         Verdict::Renew(_) => "the token is rejected: renew it, or report it",
///         Verdict::Rejected(_) => "the newer token is rejected, too",
///     }
/// }
/// ```
#[derive(Debug)]
pub enum Verdict {
    /// Return the response to the caller: the status is not 401, or the session has no token.
    Answered,
    /// The status is 401, and the session has a newer token than the attempt: send the call again, once.
    Replay(Replay),
    /// The status is 401, and the session has no newer token: renew the token, or report to the caller that it was rejected.
    Renew(Renewal),
    /// The status is 401 for a call that was sent again. Do not send it a third time.
    Rejected(RenewError),
}

/// Allows a call to be sent again, once, with a newer token. [`Session::replay`](crate::Session::replay) takes it.
///
/// ```
/// use location_auth::{Attempt, Misuse, Replay, Session};
///
/// fn once_more(
///     session: &Session,
///     replay: Replay,
///     original: &http::Request<()>,
/// ) -> Result<(http::Request<()>, Attempt), Misuse> {
///     let mut call = original.clone();
///     let attempt = session.replay(replay, &mut call)?;
///     Ok((call, attempt))
/// }
/// ```
#[must_use = "a replay does nothing until the call is sent again with it"]
pub struct Replay {
    pub(crate) session: Identity,
    /// The token was renewed for this call: it was not only slower than another.
    pub(crate) renewed: bool,
}

/// The renewal of a rejected token, or the request for a first one. [`Session::received`](crate::Session::received) or
/// [`Session::first_token`](crate::Session::first_token) returns it, and [`start`](Self::start) begins it.
///
#[doc = include_str!("renewal_states.md")]
///
/// The drawing leaves out what the program sets meanwhile. [`Session::set_location_token`](crate::Session::set_location_token) ends the renewal
/// before the next request, as a new token does. [`Owner::forget`](crate::Owner::forget) ends it before the next request with an error.
///
/// A method of each state takes the result, consumes the state, and returns the next one. The driver holds a lock for each turn, the
/// Location's before the owner's. It releases a turn as soon as [`Renewing::holds`](crate::Renewing::holds) is false for it. You may drop a
/// state at any time: a token request in flight then counts as one with an unknown outcome.
///
/// ```
/// use core::time::Duration;
/// use http::{Request, Response};
/// use location_auth::{Bytes, Delivery, Owner, Renewal, Renewing, RenewError, Replay, SavedToken, Session};
///
/// /// A driver for a program with one thread: no other caller waits, so a turn is always free.
/// fn renew(
///     renewal: Renewal,
///     (session, owner): (&mut Session, &mut Owner),
///     now: impl Fn() -> Duration,
///     send: impl Fn(Request<Bytes>) -> Option<Response<Vec<u8>>>,
///     save: impl Fn(SavedToken),
/// ) -> Result<Replay, RenewError> {
///     let mut next = renewal.start(session, owner, now());
///     loop {
///         next = match next {
///             Renewing::AwaitTurn(waiting) => waiting.granted(session, owner, now()),
///             Renewing::SendToken(step) => match send(step.request()) {
///                 Some(response) => step.received(&response, session, owner, now()),
///                 None => step.failed(Delivery::Unknown, session, owner, now()),
///             },
///             Renewing::Keep(keep) => {
///                 save(keep.token());
///                 keep.kept(session, owner, now())
///             }
///             Renewing::Done(result) => return result,
///         }
///     }
/// }
/// ```
///
#[doc = include_str!("renewal.md")]
#[must_use = "a renewal does nothing until it is started"]
#[derive(Debug)]
pub struct Renewal {
    pub(crate) session: Identity,
    /// Which token was rejected, or was not there: how many the session had got before.
    pub(crate) generation: u64,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("generation", &self.generation)
            .field("again", &self.again)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}
