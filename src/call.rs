//! An ordinary call as a value: it is sent as soon as there is a token, and after a 401 sent once more with a new one.

use alloc::boxed::Box;
use core::fmt;
use core::ops::{Deref, DerefMut};

use http::{Request, Response};

use crate::acquiring::{Acquisition, Replay};
use crate::attempt::{Attempt, Verdict};
use crate::{Fault, Misuse, Session, TokenError};

/// An ordinary call in progress: its request without credentials, and what is to be sent after a 401.
///
#[doc = include_str!("call_states.md")]
///
/// Its methods consume the state and return the next one, so that no response is taken for another's and nothing is sent without credentials. It
/// is generic over the two bodies, and reads neither. It sends nothing and holds no lock: give the session or a guard of its lock, which is
/// released before anything of the program's is dropped. If the transport fails, drop the call and return the transport's error.
///
/// ```
/// use http::{Request, Response};
/// use location_auth::driver::{Call, CallFailure, Next, Acquisition, Replay};
/// use location_auth::{Bytes, TokenError, Session};
///
/// /// A driver for a program with one caller: [`driver`](location_auth::driver) has one for many.
/// fn carry(
///     request: Request<Bytes>,
///     session: &mut Session,
///     send: impl Fn(Request<Bytes>) -> Result<Response<Vec<u8>>, Box<dyn std::error::Error>>,
///     renew: impl Fn(Acquisition, &mut Session) -> Result<Replay, TokenError>,
/// ) -> Result<Result<Response<Vec<u8>>, CallFailure<Vec<u8>>>, Box<dyn std::error::Error>> {
///     let mut next = Call::new(request).start(&*session);
///     loop {
///         next = match next {
///             Next::Send(call) => {
///                 let (request, sent) = call.authorize(&*session)?;
///                 sent.received(send(request)?, &mut *session)?
///             }
///             Next::Acquire(renewal, waiting) => waiting.acquired(renew(renewal, session)).into(),
///             Next::Done(result) => return Ok(result),
///         }
///     }
/// }
/// ```
#[must_use = "a call does nothing until it is started and its request is sent"]
pub struct Call<B> {
    request: Request<B>,
    /// What to send after a 401. `None` if the call can't be sent again, or was. In a box, since a call is moved a few times.
    again: Option<Box<Request<B>>>,
    /// Clones that, if it is a clone of the request: then it needs no judging of its own.
    clone: Option<Copier<B>>,
    /// The call has waited for a token.
    replay: Option<Replay>,
}

/// Makes a clone of a request, where its type allows it.
type Copier<B> = fn(&Request<B>) -> Request<B>;

/// What to do next for a [`Call`].
#[must_use = "a call goes on only if the driver does what its state says"]
pub enum Next<B, R> {
    /// [Authorize](Call::authorize) the call, and send the request that this returns.
    Send(Call<B>),
    /// Run the renewal, and pass its result to [`WaitingCall::acquired`].
    Acquire(Acquisition, WaitingCall<B, R>),
    /// The call has ended.
    Done(Result<Response<R>, CallFailure<R>>),
}

/// A call whose request was authorized: it takes the response.
#[must_use = "a call that was sent waits for its response"]
pub struct SentCall<B> {
    again: Option<Box<Request<B>>>,
    clone: Option<Copier<B>>,
    attempt: Attempt,
}

/// A call that waits for a token: it got a 401, or its Location has no token yet. See the drawing on the page of [`Call`].
#[must_use = "say how the renewal ended, or the call never ends"]
pub struct WaitingCall<B, R>(Waiting<B, R>);

enum Waiting<B, R> {
    /// For the first token, to be sent for the first time.
    First(Call<B>),
    /// For a new token, to be sent again.
    Rejected { again: Option<Box<Request<B>>>, clone: Option<Copier<B>>, response: Response<R> },
}

/// The reason why a call has no response for the caller.
pub enum CallFailure<R> {
    /// The Location has no token yet, and got none: the call was not sent.
    NoToken {
        /// Why there is no token.
        error: TokenError,
    },
    /// The token was rejected and there is no new one, or the new one was rejected as well.
    TokenRejected {
        /// The response to the call.
        response: Response<R>,
        /// Why there is no usable token.
        error: TokenError,
    },
    /// The token was rejected and is renewed, but the call's body can't be sent again: make a new call.
    NotRepeated {
        /// The response to the call.
        response: Response<R>,
    },
}

impl<B: Clone> Call<B> {
    /// Makes a call from a request without credentials. After a 401 and a renewal, a clone of it is sent.
    pub fn new(request: Request<B>) -> Self {
        Self { again: Some(Box::new(request.clone())), request, clone: Some(Request::clone), replay: None }
    }
}

impl<B> Call<B> {
    /// Makes a call whose request can't be sent again. After a 401 the token is renewed, and the call ends as [`CallFailure::NotRepeated`].
    #[inline]
    pub fn once(request: Request<B>) -> Self {
        Self::repeating(request, None)
    }

    /// Makes a call whose body is not `Clone` but can be made again. After a 401 and a renewal, `again` is sent: it has no credentials yet.
    /// `None` is the same as [`once`](Self::once).
    #[inline]
    pub fn repeating(request: Request<B>, again: Option<Request<B>>) -> Self {
        Self { request, again: again.map(Box::new), clone: None, replay: None }
    }

    /// Returns what to do first: send the request, or get the Location's first token.
    #[inline]
    pub fn start<R>(self, session: impl Deref<Target = Session>) -> Next<B, R> {
        // What can't be authorized, now or again, needs no token: `authorize` says what is wrong with it.
        let is_fit = |_: &_| session.check_request(&self.request).and_then(|()| self.check_again(&session)).is_ok();
        match session.first_token().filter(is_fit) {
            None => Next::Send(self),
            Some(renewal) => Next::Acquire(renewal, WaitingCall(Waiting::First(self))),
        }
    }

    /// Puts the credentials on the request, and returns it with the state that takes its response.
    ///
    /// # Errors
    /// As [`Session::authorize`], also for the request that would be sent again: before anything is sent, and not after a token was requested for
    /// it. [`Misuse::ForeignAttempt`] if the call has waited for a token of another session.
    #[inline]
    pub fn authorize(mut self, session: impl Deref<Target = Session>) -> Result<(Request<B>, SentCall<B>), Misuse> {
        let judged = self.check_again(&session);
        let attempt = judged.and_then(|()| match self.replay.take() {
            None => session.authorize(&mut self.request),
            Some(replay) => session.replay(replay, &mut self.request),
        });
        drop(session);
        Ok((self.request, SentCall { again: self.again, clone: self.clone, attempt: attempt? }))
    }

    #[inline]
    fn check_again(&self, session: &Session) -> Result<(), Misuse> {
        match &self.again {
            Some(again) if self.clone.is_none() => session.check_request(&**again),
            _ => Ok(()),
        }
    }
}

impl<B> SentCall<B> {
    /// Takes the response to the request, and returns what to do next.
    ///
    /// # Errors
    /// [`Misuse::ForeignAttempt`] if another session authorized the call.
    #[inline]
    pub fn received<R>(
        self,
        response: Response<R>,
        mut session: impl DerefMut<Target = Session>,
    ) -> Result<Next<B, R>, Misuse> {
        let verdict = session.received(self.attempt, response.status());
        drop(session);
        let Self { again, clone, .. } = self;
        let waiting = |response| WaitingCall(Waiting::Rejected { again, clone, response });
        Ok(match verdict? {
            Verdict::Answered => Next::Done(Ok(response)),
            Verdict::Replay(replay) => waiting(response).acquired(Ok(replay)).into(),
            Verdict::Acquire(renewal) => Next::Acquire(renewal, waiting(response)),
            Verdict::Rejected(error) => Next::Done(Err(CallFailure::TokenRejected { response, error })),
        })
    }
}

impl<B, R> WaitingCall<B, R> {
    /// Takes the result of the renewal, and returns the call to send now. It converts into a [`Next`].
    ///
    /// # Errors
    /// [`CallFailure`] if there is no new token, or the request can't be sent again.
    #[allow(clippy::result_large_err, reason = "no larger than `Next`, which it becomes")]
    pub fn acquired(self, result: Result<Replay, TokenError>) -> Result<Call<B>, CallFailure<R>> {
        match (self.0, result) {
            (Waiting::First(call), Ok(replay)) => Ok(Call { replay: Some(replay), ..call }),
            // Another process's token is a first send: the call may have to be sent once more.
            (Waiting::Rejected { again: Some(again), clone: Some(clone), .. }, Ok(replay)) if !replay.again => {
                Ok(Call { request: clone(&again), again: Some(again), clone: Some(clone), replay: Some(replay) })
            }
            (Waiting::Rejected { again: Some(request), .. }, Ok(replay)) => {
                Ok(Call { replay: Some(replay), ..Call::once(*request) })
            }
            (Waiting::First(_), Err(error)) => Err(CallFailure::NoToken { error }),
            (Waiting::Rejected { again: None, response, .. }, Ok(_)) => Err(CallFailure::NotRepeated { response }),
            (Waiting::Rejected { response, .. }, Err(error)) => Err(CallFailure::TokenRejected { response, error }),
        }
    }
}

impl<B, R> From<Result<Call<B>, CallFailure<R>>> for Next<B, R> {
    fn from(renewed: Result<Call<B>, CallFailure<R>>) -> Self {
        renewed.map_or_else(|failure| Self::Done(Err(failure)), Self::Send)
    }
}

/// Shows what is next and a response's status, and nothing else of the request or the response.
impl<B, R> fmt::Debug for Next<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(call) => f.debug_tuple("Send").field(call).finish(),
            Self::Acquire(_, call) => f.debug_tuple("Acquire").field(call).finish(),
            Self::Done(Ok(response)) => f.debug_tuple("Done").field(&response.status()).finish(),
            Self::Done(Err(failure)) => f.debug_tuple("Done").field(failure).finish(),
        }
    }
}

impl<B> fmt::Debug for Call<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("is_replay", &self.replay.is_some()).finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for SentCall<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentCall").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// Shows whether it was sent, and nothing else of the request or the response.
impl<B, R> fmt::Debug for WaitingCall<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Waiting::First(..) => "WaitingCall(First)",
            Waiting::Rejected { .. } => "WaitingCall(Rejected)",
        })
    }
}

/// Shows the reason, and nothing of the response.
impl<R> fmt::Debug for CallFailure<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken { error } => f.debug_tuple("NoToken").field(error).finish(),
            Self::TokenRejected { error, .. } => f.debug_tuple("TokenRejected").field(error).finish(),
            Self::NotRepeated { .. } => f.write_str("NotRepeated"),
        }
    }
}

/// One line: what happened, who is at fault, what to do.
impl<R> fmt::Display for CallFailure<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken { error } | Self::TokenRejected { error, .. } => fmt::Display::fmt(error, f),
            Self::NotRepeated { .. } => write!(
                f,
                "the access token was rejected and is renewed, and the call was not sent again; {}: make it again",
                Fault::Caller
            ),
        }
    }
}

impl<R> core::error::Error for CallFailure<R> {}
