//! The client for async programs, with any runtime or none.

use alloc::vec::Vec;
use async_lock::Mutex;
use core::fmt;
use core::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::{
    Attempt, Backoff, Call, LocationAccessToken, LocationId, Misuse, Next, Owner, RESPONSE_LIMIT, RenewError, Renewal,
    Renewing, Replay, RequestHead, Retry, Session, TokenState, Turn, UserAccessToken, UserLogin, Verdict,
};

use super::super::{AsyncTransport, events};
use super::shared::{Shared, methods_of_both, reentrant};
use super::sync::lock;
use super::{AsyncTokenStore, CallError, IntoBody, NoStore, reentry};

/// A session and an async transport. Cheap to clone: give each task one. Its futures are `Send` where the futures of the transport and of
/// the store are.
///
/// Dropping a call's future in the middle of a renewal passes the turn to the next caller. The token request that was on its way counts as
/// one whose outcome is unknown, and after two such in a row nobody sends another. So give the transport a shorter time-out than
/// your own around a call. A future that is kept and not polled keeps its turn: who waits for the same token waits for it.
///
/// ```no_run
/// # async fn example<T: location_auth::transports::AsyncTransport>(session: location_auth::Session, transport: T)
/// # -> Result<(), Box<dyn std::error::Error>> where T::Error: std::error::Error + 'static {
/// use location_auth::transports::client::AsyncClient;
///
/// let client = AsyncClient::new(session, transport);
/// let call = http::Request::get("https://api.example.com/contacts").body(())?;
/// let response = client.call(call).await?;
/// # Ok(())
/// # }
/// ```
pub struct AsyncClient<T, S = NoStore>(pub(super) Shared<T, S, Mutex<()>>);

impl<T: AsyncTransport> AsyncClient<T> {
    /// A client that renews nothing: a call whose token is rejected fails with [`CallError::TokenRejected`].
    pub fn new(session: Session, transport: T) -> Self {
        let owner = Owner::new(session.app());
        Self::with_owner(session, owner, transport, NoStore)
    }
}

impl<T: AsyncTransport, S: AsyncTokenStore> AsyncClient<T, S> {
    /// A client that lets the owner renew a rejected token, and puts each new token into the store before it is used.
    pub fn with_owner(session: Session, owner: Owner, transport: T, store: S) -> Self {
        Self(Shared::new(session, owner, transport, store))
    }

    methods_of_both!();

    /// Makes a call: authorized, and once more after a 401 if there is a new token.
    ///
    /// # Errors
    /// [`CallError`]. Any status is a response, but a 401 of a session with a token.
    pub async fn call<B: IntoBody>(&self, request: Request<B>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let request = request.map(IntoBody::into_body);
        self.call_with(Call::new(&request), request, |request| self.0.family.transport.send(request, self.0.limit))
            .await
    }

    /// As [`call`](Self::call), and again where that is safe: after 429 and 503, by which the service says that it did not act, and
    /// where the call never left. `sleep` is given each wait: what the service asks for, or what the backoff says.
    ///
    /// # Errors
    /// As [`call`](Self::call). Once the backoff gives up, its last answer stands: a response of 429 or 503 is a response.
    pub async fn call_with_retries<B: IntoBody, W: Future>(
        &self,
        request: Request<B>,
        mut backoff: Backoff,
        mut sleep: impl FnMut(Duration) -> W,
    ) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let request = request.map(IntoBody::into_body);
        loop {
            let result = self.call(request.clone()).await;
            let retry = result.as_ref().map_or_else(CallError::retry, Retry::from_response);
            let Some(wait) = backoff.next_delay(retry) else { return result };
            sleep(wait).await;
        }
    }

    /// Makes a call of any body over a function of yours, which sends one request: a body that streams, up or down.
    ///
    /// [`Call::new`] sends a clone of the request after a 401, [`Call::repeating`] what you made for that, and [`Call::once`] nothing.
    ///
    /// # Errors
    /// As [`call`](Self::call), and [`CallError::NotRepeated`] for a call whose request could not be sent again.
    pub async fn call_with<B, R, F>(
        &self,
        call: Call<B>,
        request: Request<B>,
        mut send: impl FnMut(Request<B>) -> F,
    ) -> Result<Response<R>, CallError<T::Error, R>>
    where
        F: Future<Output = Result<Response<R>, T::Error>>,
    {
        let (mut next, mut transport) = (Next::Send(request, call), None);
        let result = loop {
            next = match next {
                Next::Send(request, call) => match self.send(request, call, &mut send).await {
                    Ok(next) => next,
                    Err(error) => break Err(error),
                },
                Next::Renew(renewal, rejected) => rejected.renewed(self.run(renewal, &mut transport).await).into(),
                Next::Done(result) => break result.map_err(|failure| CallError::new(failure, transport)),
            }
        };
        let kind = |error: &_| self.0.family.transport.kind(error);
        result
            .map(|response| self.0.told(response))
            .inspect_err(|error| events::call_failed(self.location(), error, kind))
    }

    /// Says what follows the status that a request of the program's own was answered with, after [`authorize`](Self::authorize): the answer is
    /// the program's (`None`), or send the request again by [`replay`](Self::replay). It renews the token first where that is needed.
    ///
    /// # Errors
    /// [`RenewError`] where the token was rejected and there is no new one.
    pub async fn received(&self, attempt: Attempt, status: StatusCode) -> Result<Option<Replay>, RenewError> {
        match self.0.received(attempt, status)? {
            Verdict::Answered => Ok(None),
            Verdict::Replay(replay) => Ok(Some(replay)),
            Verdict::Renew(renewal) => self.run(renewal, &mut None).await.map(Some),
            Verdict::Rejected(error) => Err(error),
        }
    }

    async fn send<B, R, F>(
        &self,
        mut request: Request<B>,
        mut call: Call<B>,
        send: &mut impl FnMut(Request<B>) -> F,
    ) -> Result<Next<B, R>, CallError<T::Error, R>>
    where
        F: Future<Output = Result<Response<R>, T::Error>>,
    {
        let attempt = self.0.prepare(&mut request, &mut call)?;
        let response = send(request).await.map_err(|error| {
            let delivery = self.0.family.transport.delivery(&error);
            CallError::Transport { error, delivery }
        })?;
        Ok(call.received(self.0.received(attempt, response.status())?, response))
    }

    pub(super) async fn run(&self, renewal: Renewal, transport: &mut Option<T::Error>) -> Result<Replay, RenewError> {
        let (id, family) = (self.0.id(), &*self.0.family);
        let (mut location_turn, mut owner_turn) = (None, None);
        let mut next = self.0.start(renewal);
        loop {
            owner_turn = owner_turn.filter(|_| next.holds(Turn::Owner));
            location_turn = location_turn.filter(|_| next.holds(Turn::Location));
            next = match next {
                Renewing::AwaitTurn(_) if reentry::is_inside(id) => return Err(reentrant()),
                Renewing::AwaitTurn(waiting) => {
                    match waiting.turn() {
                        Turn::Location => location_turn = Some(self.0.place.turn.lock().await),
                        Turn::Owner => owner_turn = Some(family.turn.lock().await),
                    }
                    self.0.granted(waiting)
                }
                Renewing::SendToken(step) => {
                    let answer = reentry::inside_async(id, family.transport.send(step.request(), RESPONSE_LIMIT)).await;
                    let failure = |error: &_| (family.transport.delivery(error), family.transport.kind(error));
                    self.0.answered(step, answer, failure, transport)
                }
                Renewing::Keep(keep) => {
                    let saved = reentry::inside_async(id, family.store.save(keep.token())).await;
                    self.0.kept(keep, saved)
                }
                Renewing::Done(result) => return result,
            }
        }
    }
}

/// Not derived, which would ask for a transport that is `Clone`.
impl<T, S> Clone for AsyncClient<T, S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, S> fmt::Debug for AsyncClient<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let session = lock(&self.0.place.session);
        let owner = lock(&self.0.family.owner);
        f.debug_struct("AsyncClient").field("session", &*session).field("owner", &*owner).finish_non_exhaustive()
    }
}
