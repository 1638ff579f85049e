//! An ordinary call as a value: it is sent as soon as there is a token, and after a 401 sent once more with a new one.

use core::fmt;

use http::{Request, Response};

use crate::{Attempt, Misuse, RenewError, Renewal, Replay, Session, Verdict};

/// An ordinary call in progress. Its methods take what happened, and return what to do next.
///
#[doc = include_str!("call_states.md")]
///
/// It is generic over the two bodies, and reads neither. It sends nothing and holds no lock. If the transport fails, drop the call and return
/// the transport's error.
///
/// ```
/// use http::{Request, Response};
/// use location_auth::{Bytes, Call, CallFailure, Next, Renewal, RenewError, Replay, Session};
///
/// /// A driver for a program with one thread.
/// fn carry(
///     request: Request<Bytes>,
///     session: &mut Session,
///     send: impl Fn(Request<Bytes>) -> Result<Response<Vec<u8>>, Box<dyn std::error::Error>>,
///     renew: impl Fn(Renewal, &mut Session) -> Result<Replay, RenewError>,
/// ) -> Result<Result<Response<Vec<u8>>, CallFailure<Vec<u8>>>, Box<dyn std::error::Error>> {
///     let mut next = Call::new(&request).start(request, session);
///     loop {
///         next = match next {
///             Next::Send(mut request, mut call) => {
///                 let attempt = call.authorize(session, &mut request)?;
///                 let response = send(request)?;
///                 call.received(session.received(attempt, response.status())?, response)
///             }
///             Next::Renew(renewal, waiting) => waiting.renewed(renew(renewal, session)).into(),
///             Next::Done(result) => return Ok(result),
///         }
///     }
/// }
/// ```
#[must_use = "a call does nothing until it is started and its request is sent"]
pub struct Call<B> {
    /// The caller's request, to send again. `None` if it can't be sent again, or was.
    again: Option<Request<B>>,
    /// Whether that is a clone of the request to send now: then it needs no judging of its own.
    is_clone: bool,
    /// Allows the session to authorize it again.
    replay: Option<Replay>,
}

/// What to do next for a [`Call`]. The page of `Call` has a loop over it.
///
/// ```
/// use location_auth::Next;
///
/// fn is_over<B, R>(next: &Next<B, R>) -> bool {
///     matches!(next, Next::Done(_))
/// }
/// ```
pub enum Next<B, R> {
    /// Authorize the request, send it, and pass the response to [`Call::received`].
    Send(Request<B>, Call<B>),
    /// Run the renewal, and pass its result to [`WaitingCall::renewed`].
    Renew(Renewal, WaitingCall<B, R>),
    /// The call has ended.
    Done(Result<Response<R>, CallFailure<R>>),
}

/// A call that waits for a token: it got a 401, or its Location has no token yet. See the drawing on the page of [`Call`].
///
/// ```
/// use location_auth::{Next, RenewError, WaitingCall};
///
/// /// Ends the call if the user does not want to wait: the caller gets the reason why there is no token.
/// fn give_up<B, R>(call: WaitingCall<B, R>, error: RenewError) -> Next<B, R> {
///     call.renewed(Err(error)).into()
/// }
/// ```
#[must_use = "say how the renewal ended, or the call never ends"]
pub struct WaitingCall<B, R>(Waiting<B, R>);

enum Waiting<B, R> {
    /// For the first token, to be sent for the first time.
    First(Request<B>, Call<B>),
    /// For a new token, to be sent again.
    Rejected { again: Option<Request<B>>, response: Response<R> },
}

/// The reason why a call has no response for the caller.
///
/// ```
/// use location_auth::CallFailure;
///
/// fn may_be_made_again<R>(failure: &CallFailure<R>) -> bool {
///     matches!(failure, CallFailure::NotRepeated { .. })
/// }
/// ```
pub enum CallFailure<R> {
    /// The Location has no token yet, and got none: the call was not sent.
    NoToken {
        /// Why there is no token.
        error: RenewError,
    },
    /// The token was rejected and there is no new one, or the new one was rejected as well.
    NotRenewed {
        /// The response to the call.
        response: Response<R>,
        /// Why there is no usable token.
        error: RenewError,
    },
    /// The token was rejected and is renewed, but the call's body can't be sent again: make a new call.
    NotRepeated {
        /// The response to the call.
        response: Response<R>,
    },
}

impl<B: Clone> Call<B> {
    /// Makes a call from a request without credentials: start it with this request. After a 401 and a renewal, a clone of it is sent.
    pub fn new(request: &Request<B>) -> Self {
        Self { is_clone: true, ..Self::repeating(Some(request.clone())) }
    }
}

impl<B> Call<B> {
    /// Returns what to do first: send the request, or get the Location's first token.
    #[inline]
    pub fn start<R>(self, request: Request<B>, session: &Session) -> Next<B, R> {
        // What can't be authorized, now or again, needs no token: `authorize` says what is wrong with it.
        let is_fit = |_: &_| session.check_request(&request).and_then(|()| self.check_again(session)).is_ok();
        match session.first_token().filter(is_fit) {
            None => Next::Send(request, self),
            Some(renewal) => Next::Renew(renewal, WaitingCall(Waiting::First(request, self))),
        }
    }

    /// Makes a call whose request can't be sent again. After a 401 the token is renewed, and the call ends as [`CallFailure::NotRepeated`].
    #[inline]
    pub fn once() -> Self {
        Self::repeating(None)
    }

    /// Makes a call whose body is not `Clone` but can be made again. After a 401 and a renewal, this request is sent: it has no credentials yet.
    /// `None` is the same as [`once`](Self::once).
    #[inline]
    pub fn repeating(again: Option<Request<B>>) -> Self {
        Self { again, is_clone: false, replay: None }
    }

    /// Puts the credentials on the request to send now. Pass the attempt to [`Session::received`], with the status of the response.
    ///
    /// # Errors
    /// As [`Session::authorize`], also for the request that would be sent again: before anything is sent, and not after a token was requested for
    /// it. [`Misuse::ForeignAttempt`] if the first attempt was another session's.
    #[inline]
    pub fn authorize(&self, session: &Session, request: &mut Request<B>) -> Result<Attempt, Misuse> {
        match &self.replay {
            None => {
                self.check_again(session)?;
                session.authorize(request)
            }
            // A copy: if this fails, the request can be corrected, and it is still the last one.
            Some(Replay { session: of, renewed }) => {
                session.replay(Replay { session: *of, renewed: *renewed }, request)
            }
        }
    }

    #[inline]
    fn check_again(&self, session: &Session) -> Result<(), Misuse> {
        match &self.again {
            Some(again) if !self.is_clone => session.check_request(again),
            _ => Ok(()),
        }
    }

    /// Takes the response and the session's verdict, and returns what to do next.
    #[inline]
    pub fn received<R>(self, verdict: Verdict, response: Response<R>) -> Next<B, R> {
        match verdict {
            Verdict::Answered => Next::Done(Ok(response)),
            Verdict::Replay(replay) => self.rejected(response).renewed(Ok(replay)).into(),
            Verdict::Renew(renewal) => Next::Renew(renewal, self.rejected(response)),
            Verdict::Rejected(error) => Next::Done(Err(CallFailure::NotRenewed { response, error })),
        }
    }

    fn rejected<R>(self, response: Response<R>) -> WaitingCall<B, R> {
        WaitingCall(Waiting::Rejected { again: self.again, response })
    }
}

impl<B, R> WaitingCall<B, R> {
    /// Takes the result of the renewal, and returns the request to send now or the reason why the call failed. It converts into a [`Next`].
    ///
    /// # Errors
    /// [`CallFailure`] if there is no new token, or the request can't be sent again.
    #[allow(clippy::result_large_err, reason = "no larger than `Next`, which it becomes")]
    pub fn renewed(self, result: Result<Replay, RenewError>) -> Result<(Request<B>, Call<B>), CallFailure<R>> {
        match (self.0, result) {
            (Waiting::First(request, call), Ok(_)) => Ok((request, call)),
            (Waiting::First(..), Err(error)) => Err(CallFailure::NoToken { error }),
            (Waiting::Rejected { again: Some(request), .. }, Ok(replay)) => {
                Ok((request, Call { replay: Some(replay), ..Call::once() }))
            }
            (Waiting::Rejected { again: None, response }, Ok(_)) => Err(CallFailure::NotRepeated { response }),
            (Waiting::Rejected { response, .. }, Err(error)) => Err(CallFailure::NotRenewed { response, error }),
        }
    }
}

impl<B, R> From<Result<(Request<B>, Call<B>), CallFailure<R>>> for Next<B, R> {
    fn from(renewed: Result<(Request<B>, Call<B>), CallFailure<R>>) -> Self {
        match renewed {
            Ok((request, call)) => Self::Send(request, call),
            Err(failure) => Self::Done(Err(failure)),
        }
    }
}

/// Shows what is next and a response's status, and nothing else of the request or the response.
impl<B, R> fmt::Debug for Next<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(_, call) => f.debug_tuple("Send").field(call).finish(),
            Self::Renew(_, call) => f.debug_tuple("Renew").field(call).finish(),
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
            Self::NotRenewed { error, .. } => f.debug_tuple("NotRenewed").field(error).finish(),
            Self::NotRepeated { .. } => f.write_str("NotRepeated"),
        }
    }
}
