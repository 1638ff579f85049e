//! What a session gives with a call, and takes back when the call is answered.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::RenewError;

/// Tells one session's attempts from another's. A number, since all threads that make calls would write to the count of an `Arc`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Identity(usize);

/// Without the number, which is another in each run: what is printed is the same for the same run.
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

/// A call that was authorized: which session did it, and with which of its tokens.
///
/// [`Session::received`](crate::Session::received) takes it together with the status that the call was answered with.
///
/// ```
/// use location_auth::{Attempt, Misuse, Session};
///
/// /// The call as it is sent, and what [`Session::received`](crate::Session::received) takes when it is answered: keep both together, and the original.
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
}

/// What follows the answer to a call.
///
/// ```
/// use location_auth::Verdict;
///
/// fn in_words(verdict: &Verdict) -> &'static str {
///     match verdict {
///         Verdict::Answered => "the answer is the caller's",
///         Verdict::Replay(_) => "send the call again: there is a newer token",
///         Verdict::Renew(_) => "the token is rejected: renew it, or tell that it is",
///         Verdict::Rejected(_) => "the newer token is rejected, too",
///     }
/// }
/// ```
#[derive(Debug)]
pub enum Verdict {
    /// The answer is the caller's: any status but 401, or a session without a token.
    Answered,
    /// The answer was 401, and the session has a newer token than the attempt: send the call again, once.
    Replay(Replay),
    /// The answer was 401, and the session has no newer token: renew it, or tell the caller that it was rejected.
    Renew(Renewal),
    /// The answer was 401 to a call that was sent again. It is not sent a third time.
    Rejected(RenewError),
}

/// The leave to send a call again, once, with a newer token. [`Session::replay`](crate::Session::replay) takes it.
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
#[must_use = "it is the leave to send the call again"]
pub struct Replay {
    pub(crate) session: Identity,
}

/// A rejected token on its way to a new one. [`Session::received`](crate::Session::received) makes it; [`start`](Self::start) says what is first.
///
#[doc = include_str!("renewal_states.md")]
///
/// Each state is given what came by its one method and is used up by it. Whoever drives it holds a lock for each turn, the Location's before
/// the owner's, and gives a turn up as soon as [`Renewing::holds`](crate::Renewing::holds) no longer names it. Dropping a state is allowed at any time: what was
/// on its way counts as unknown.
///
/// ```
/// use core::time::Duration;
/// use http::{Request, Response};
/// use location_auth::{Bytes, Delivery, Owner, Renewal, Renewing, RenewError, Replay, SavedToken, Session};
///
/// /// A driver for a program with one thread: no one else waits, so a turn is always free.
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
    /// Which token was rejected.
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
