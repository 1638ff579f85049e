//! An ordinary call as a value: sent, and once more with a new token where a 401 can be helped.

use core::fmt;

use http::{Request, Response};

use crate::{Attempt, Misuse, RenewError, Renewal, Replay, Session, Verdict};

/// An ordinary call on its way. It says what is next, one thing at a time, and is given what came.
///
#[doc = include_str!("call_states.md")]
///
/// Generic over the body of the request and of the response, neither of which it looks at. It sends nothing itself and holds no lock.
/// A call that fails on its way has no next state: drop it, and tell the transport's error.
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
///     let call = Call::new(&request);
///     let mut next = Next::Send(request, call);
///     loop {
///         next = match next {
///             Next::Send(mut request, mut call) => {
///                 let attempt = call.authorize(session, &mut request)?;
///                 let response = send(request)?;
///                 call.received(session.received(attempt, response.status())?, response)
///             }
///             Next::Renew(renewal, rejected) => rejected.renewed(renew(renewal, session)).into(),
///             Next::Done(result) => return Ok(result),
///         }
///     }
/// }
/// ```
#[must_use = "a call does nothing until its request is authorized and sent"]
pub struct Call<B> {
    /// The request as the caller made it, to be sent again. `None` where that can't be, or has been.
    again: Option<Request<B>>,
    /// The leave to send it again.
    replay: Option<Replay>,
}

/// What a [`Call`] needs next: its page shows a loop over it.
///
/// ```
/// use location_auth::Next;
///
/// fn is_over<B, R>(next: &Next<B, R>) -> bool {
///     matches!(next, Next::Done(_))
/// }
/// ```
pub enum Next<B, R> {
    /// Authorize the request, send it, and say what came.
    Send(Request<B>, Call<B>),
    /// Run the renewal to its end, and say what it came to.
    Renew(Renewal, RejectedCall<B, R>),
    /// The call has ended.
    Done(Result<Response<R>, CallFailure<R>>),
}

/// A call that was answered with 401 and waits for a new token: the page of [`Call`] shows where it stands.
///
/// ```
/// use location_auth::{Next, RejectedCall, RenewError};
///
/// /// For a program whose user does not want to wait: the caller learns why there is no new token.
/// fn give_up<B, R>(call: RejectedCall<B, R>, error: RenewError) -> Next<B, R> {
///     call.renewed(Err(error)).into()
/// }
/// ```
#[must_use = "say how the renewal ended, or the call never ends"]
pub struct RejectedCall<B, R> {
    again: Option<Request<B>>,
    response: Response<R>,
}

/// Why a call that was answered with 401 has ended so.
///
/// ```
/// use location_auth::CallFailure;
///
/// fn may_be_made_again<R>(failure: &CallFailure<R>) -> bool {
///     matches!(failure, CallFailure::NotRepeated { .. })
/// }
/// ```
pub enum CallFailure<R> {
    /// The token was rejected and there is no new one, or the new one was rejected as well.
    NotRenewed {
        /// What the service answered.
        response: Response<R>,
        /// Why there is none.
        error: RenewError,
    },
    /// The token was rejected and is renewed, but the call's body can't be sent again: make the call anew.
    NotRepeated {
        /// What the service answered.
        response: Response<R>,
    },
}

impl<B: Clone> Call<B> {
    /// The call that this request makes, before it is authorized. After a 401 with a new token, a clone of the request is sent again.
    pub fn new(request: &Request<B>) -> Self {
        Self::repeating(Some(request.clone()))
    }
}

impl<B> Call<B> {
    /// A call whose request can't be sent again. After a 401 the token is renewed, and the call ends as [`CallFailure::NotRepeated`].
    #[inline]
    pub fn once() -> Self {
        Self::repeating(None)
    }

    /// For a body that is no `Clone` but can be made again: after a 401 with a new token this request is sent, not yet authorized.
    /// `None` is [`once`](Self::once).
    #[inline]
    pub fn repeating(again: Option<Request<B>>) -> Self {
        Self { again, replay: None }
    }

    /// Puts the credentials on the request that is sent now. What it returns goes to [`Session::received`] when the answer has come.
    ///
    /// # Errors
    /// As [`Session::authorize`], and [`Misuse::ForeignAttempt`] for another session than the one that rejected the first attempt.
    #[inline]
    pub fn authorize(&mut self, session: &Session, request: &mut Request<B>) -> Result<Attempt, Misuse> {
        match self.replay.take() {
            None => session.authorize(request),
            Some(replay) => session.replay(replay, request),
        }
    }

    /// The answer came, and this is what the session says of it.
    #[inline]
    pub fn received<R>(self, verdict: Verdict, response: Response<R>) -> Next<B, R> {
        match verdict {
            Verdict::Answered => Next::Done(Ok(response)),
            Verdict::Replay(replay) => RejectedCall { again: self.again, response }.renewed(Ok(replay)).into(),
            Verdict::Renew(renewal) => Next::Renew(renewal, RejectedCall { again: self.again, response }),
            Verdict::Rejected(error) => Next::Done(Err(CallFailure::NotRenewed { response, error })),
        }
    }
}

impl<B, R> RejectedCall<B, R> {
    /// What the renewal came to: the request to send now, or why the call has ended. [`Next`] is made from it.
    ///
    /// # Errors
    /// [`CallFailure`] where there is no new token, or the request can't be sent again.
    #[allow(clippy::result_large_err, reason = "no larger than `Next`, which it becomes")]
    pub fn renewed(self, result: Result<Replay, RenewError>) -> Result<(Request<B>, Call<B>), CallFailure<R>> {
        let response = self.response;
        match (result, self.again) {
            (Ok(replay), Some(request)) => Ok((request, Call { again: None, replay: Some(replay) })),
            (Ok(_), None) => Err(CallFailure::NotRepeated { response }),
            (Err(error), _) => Err(CallFailure::NotRenewed { response, error }),
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

/// What is next, and nothing of the request or of the response.
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

impl<B, R> fmt::Debug for RejectedCall<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectedCall").field("can_be_sent_again", &self.again.is_some()).finish_non_exhaustive()
    }
}

/// The reason, and nothing of the response.
impl<R> fmt::Debug for CallFailure<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRenewed { error, .. } => f.debug_tuple("NotRenewed").field(error).finish(),
            Self::NotRepeated { .. } => f.write_str("NotRepeated"),
        }
    }
}
