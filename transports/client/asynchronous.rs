//! The client for async programs, on any runtime or none.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use async_lock::Semaphore;
use core::fmt;
use core::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::{Acquiring, Acquisition, Attempt, Call, Next, Replay, Turn, Verdict};
use location_auth::store::{Record, Stored};
use location_auth::{Backoff, Misuse, Owner, Retry, Session, TokenError};

use super::super::{AsyncTransport, RESPONSE_LIMIT};
use super::shared::{AnyClient, Detached};
use super::sync::{MutexGuard, lock};
use super::ticket::{Ended, Ticket};
use super::{AsyncTokenStore, CallError, IntoBody, NoStore, StoreError, reentry};

/// A client that makes calls over an async transport, gets the first token, and renews it after a 401. It holds an `Arc`: clone it for each task. Its
/// futures are `Send` if the futures of the transport and of the store are.
///
/// **Give it a way to spawn** ([`with_spawn`](#method.with_spawn)), in a web service above all: then a token request outlives the call that needs it. A
/// visitor who closes the tab, or a time-out around a call, costs nothing. Without it:
///
/// - If you drop a future while it gets a token, the turn passes to the next caller. The token request in flight then has an unknown outcome, and
///   after two of these in a row there is a pause. So a time-out around a call must be longer than the transport's own time-out.
/// - If you keep a future and don't poll it, it keeps its turn, and every call that waits for the same token waits. `buffer_unordered` can do
///   that, since it polls its futures only while you wait for `next()`. `guide/rejected-token.md` has the details.
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
pub type AsyncClient<T, S = NoStore> = AnyClient<T, S, Async>;

/// The way that an [`AsyncClient`] waits: it gives the thread to other tasks.
// A mutex of async-lock looks at the clock, so that it would depend on the machine who gets it next.
#[derive(Debug)]
pub struct Async(Semaphore);

impl Default for Async {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl<T: AsyncTransport> AsyncClient<T> {
    /// Makes a client that requests no tokens: a call returns [`CallError::TokenRejected`] if the service rejects the token, and
    /// [`CallError::NoToken`] if the Location has none.
    pub fn new(session: Session, transport: T) -> Self {
        let owner = Owner::new(session.app());
        Self::with_owner(session, owner, transport, NoStore)
    }
}

impl<T: AsyncTransport, S: AsyncTokenStore> AsyncClient<T, S> {
    /// Makes a client that gets a new token from the owner after a 401, and before the first call of a
    /// [`Location::session`](crate::Location::session). It saves each new token in the store before it uses the token.
    ///
    /// It checks nothing. If the owner is of an App of elsewhere, a renewal is the error [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`].
    /// The session of a user, or one of [`Session::without_token`], is never renewed.
    pub fn with_owner(session: Session, owner: Owner, transport: T, store: S) -> Self {
        Self::made_of(session, owner, transport, store)
    }

    /// Gives all clients of the owner a way to spawn: a function that runs what gets a token, as a task of its own. So whoever needs the token may
    /// stop to wait, and the token request goes on and its token is saved. Then [`CallError`] has no error of the transport: an event has its kind.
    ///
    /// On tokio it is `client.with_spawn(|detached| drop(tokio::spawn(detached.run())))`. A program with one thread uses its executor's
    /// `spawn_local`. On any other executor:
    ///
    /// ```
    /// use core::pin::Pin;
    /// use location_auth::transports::AsyncTransport;
    /// use location_auth::transports::client::AsyncClient;
    ///
    /// fn spawning<T: AsyncTransport + 'static>(
    ///     client: AsyncClient<T>,
    ///     spawn: impl Fn(Pin<Box<dyn Future<Output = ()>>>) + Send + Sync + 'static,
    /// ) -> AsyncClient<T> {
    ///     client.with_spawn(move |detached| spawn(Box::pin(detached.run())))
    /// }
    /// ```
    #[must_use = "it is the client"]
    pub fn with_spawn(self, spawn: impl Fn(Detached<T, S, Async>) + Send + Sync + 'static) -> Self {
        *lock(&self.family.spawn) = Some(Arc::new(spawn));
        self
    }

    /// Waits until nothing runs that was [spawned](#method.with_spawn): before the program ends, so that no token is lost.
    pub async fn idle(&self) {
        loop {
            let first = self.running().iter().find_map(Weak::upgrade);
            let Some(ended) = first else { return };
            ended.wait().await;
        }
    }

    /// Locks the list of what runs, without what has ended.
    fn running(&self) -> MutexGuard<'_, Vec<Weak<Ended>>> {
        let mut running = lock(&self.family.running);
        running.retain(|ended| ended.upgrade().is_some_and(|ended| ended.is_running()));
        running
    }

    /// Sends a request with the credentials. If the Location has no token yet, it gets one first. After a 401 it sends the request once more, if
    /// there is a new token.
    ///
    /// # Errors
    /// [`CallError`]. A response with any status is `Ok`, except a 401 for a session with a token.
    pub async fn call<B: IntoBody>(&self, request: Request<B>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let request = request.map(IntoBody::into_body);
        self.call_with(Call::new(request), |request| self.family.transport.send(request, self.limit)).await
    }

    /// Makes a call as [`call`](AsyncClient#method.call) does, and makes it again if that is safe: as [`Retry::after`] says of its response, if the request
    /// was not sent, or if no token may be requested yet. It calls `sleep` with each wait, which is the service's `Retry-After`
    /// or the backoff's. A `sleep` that only pretends, in a test, needs a clock that it moves on: [`with_clock`](Self::with_clock).
    ///
    /// # Errors
    /// As [`call`](AsyncClient#method.call). When the backoff allows no more retries, it returns the last result: a response with 429 or 503 is `Ok`.
    pub async fn call_with_retries<B: IntoBody, W: Future>(
        &self,
        request: Request<B>,
        mut backoff: Backoff,
        mut sleep: impl FnMut(Duration) -> W,
    ) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let request = request.map(IntoBody::into_body);
        loop {
            let result = self.call(request.clone()).await;
            let again = |response: &Response<_>| Retry::after(request.method(), response.status(), response.headers());
            let retry = result.as_ref().map_or_else(CallError::retry, again);
            let Some(wait) = backoff.next_delay(retry) else { return result };
            sleep(wait).await;
        }
    }

    /// Makes a call with your own function, which sends one request. Both bodies can have any type, so they can stream.
    ///
    /// After a 401, [`Call::new`] sends a clone of the request, [`Call::repeating`] sends the one that you made for this, and [`Call::once`]
    /// sends nothing.
    ///
    /// # Errors
    /// As [`call`](AsyncClient#method.call), and [`CallError::NotRepeated`] if the request can't be sent again.
    pub async fn call_with<B, R, F>(
        &self,
        call: Call<B>,
        mut send: impl FnMut(Request<B>) -> F,
    ) -> Result<Response<R>, CallError<T::Error, R>>
    where
        F: Future<Output = Result<Response<R>, T::Error>>,
    {
        let (mut next, mut transport) = (self.begin(call), None);
        let result = loop {
            next = match next {
                Next::Send(call) => match self.send(call, &mut send).await {
                    Ok(next) => next,
                    Err(error) => break Err(error),
                },
                Next::Acquire(renewal, waiting) => waiting.acquired(self.run(renewal, &mut transport).await).into(),
                Next::Done(result) => {
                    break result.map_err(|failure| CallError::new(failure, self.location(), transport));
                }
            }
        };
        let kind = |error: &_| self.family.transport.kind(error);
        result.inspect_err(|error| error.log(self.location(), kind))
    }

    /// Gets the Location's first token, if it has none. Each call does this before it is sent: you need it only before
    /// [`authorize`](Self::authorize), or to see an error early.
    ///
    /// # Errors
    /// [`TokenError`] if there is no token.
    pub async fn ensure_token(&self) -> Result<(), TokenError> {
        match self.first_token() {
            Some(renewal) => self.run(renewal, &mut None).await.map(drop),
            None => Ok(()),
        }
    }

    /// Returns what to do after a response to a request that your program sent itself, with [`authorize`](Self::authorize). `None`: use the
    /// response. [`Replay`]: send the request again, with [`replay`](Self::replay). It gets a new token first, if that is necessary.
    ///
    /// # Errors
    /// [`TokenError`] if the service rejected the token and there is no new one.
    pub async fn received(&self, attempt: Attempt, status: StatusCode) -> Result<Option<Replay>, TokenError> {
        match self.judge(attempt, status)? {
            Verdict::Answered => Ok(None),
            Verdict::Replay(replay) => Ok(Some(replay)),
            Verdict::Acquire(renewal) => self.run(renewal, &mut None).await.map(Some),
            Verdict::Rejected(error) => Err(error),
        }
    }

    /// Writes to the store what is [unsaved](Self::unsaved), such as a token that the program has just set, and that a new token has helped. Else the next
    /// call does that, after its response, or the next turn.
    ///
    /// # Errors
    /// [`TokenError`] if the store fails.
    pub async fn flush(&self) -> Result<(), TokenError> {
        let unwritten = self.all_unwritten();
        self.run(unwritten, &mut None).await.map(drop)
    }

    /// Removes the owner's login and tokens, as [`Owner::forget`] does, also from the store: no token is requested for this owner, by any process that
    /// shares the store, until a person sets other credentials.
    ///
    /// # Errors
    /// The store's. Call it again: some records may be forgotten already.
    pub async fn forget(&self) -> Result<(), StoreError> {
        let (id, store) = (self.id(), &self.family.store);
        let keys = reentry::inside_async(id, || store.keys()).await;
        for key in self.forgotten(keys?) {
            let (mut turn, stored) = reentry::inside_async(id, || store.open(key.clone())).await?;
            if let Stored::Record(_) = stored {
                reentry::inside_async(id, || store.write(&mut turn, Record::forgotten(&key))).await?;
            }
        }
        Ok(())
    }

    async fn send<B, R, F>(
        &self,
        call: Call<B>,
        send: &mut impl FnMut(Request<B>) -> F,
    ) -> Result<Next<B, R>, CallError<T::Error, R>>
    where
        F: Future<Output = Result<Response<R>, T::Error>>,
    {
        let (request, sent) = self.prepare(call)?;
        let response = send(request).await.map_err(|error| {
            let delivery = self.family.transport.delivery(&error);
            CallError::Transport { location: self.location().cloned(), error, delivery }
        })?;
        let (next, unwritten) = self.call_answered(sent, response)?;
        if let Some(unwritten) = unwritten {
            self.write_rest(unwritten).await;
        }
        Ok(next)
    }

    /// Writes what no call waits for: as a task of its own, if the program has given a way to spawn.
    async fn write_rest(&self, unwritten: Acquisition) {
        if !reentry::is_inside(self.id()) {
            if let Err(unwritten) = self.spawn(unwritten) {
                _ = self.run_here(unwritten, &mut None).await;
            }
        }
    }

    /// Gives it to the program to run, or returns it if the program has given no way to spawn.
    pub(super) fn spawn(&self, acquisition: Acquisition) -> Result<Arc<Ended>, Acquisition> {
        let spawn = lock(&self.family.spawn).clone().filter(|_| !reentry::is_inside(self.id()));
        let Some(spawn) = spawn else { return Err(acquisition) };
        let (ticket, ended) = Ticket::new();
        self.running().push(Arc::downgrade(&ended));
        spawn(Detached { client: self.clone(), acquisition, ticket });
        Ok(ended)
    }

    pub(super) async fn run(
        &self,
        acquisition: Acquisition,
        transport: &mut Option<T::Error>,
    ) -> Result<Replay, TokenError> {
        match self.spawn(acquisition) {
            Ok(ended) => ended.outcome().await,
            Err(acquisition) => self.run_here(acquisition, transport).await,
        }
    }

    async fn run_here(&self, renewal: Acquisition, transport: &mut Option<T::Error>) -> Result<Replay, TokenError> {
        let (id, family) = (self.id(), &*self.family);
        // What is declared last is dropped first: a waiting caller of this process finds the store's turn free.
        let (mut location_turn, mut owner_turn, mut store_turn) = (None, None, None);
        let mut next = self.start(renewal);
        loop {
            store_turn = reentry::inside(id, || store_turn.filter(|_| next.holds_record()));
            owner_turn = owner_turn.filter(|_| next.holds(Turn::Owner));
            location_turn = location_turn.filter(|_| next.holds(Turn::Location));
            next = match next {
                Acquiring::AwaitTurn(_) if reentry::is_inside(id) => return Err(Misuse::Reentrant.into()),
                Acquiring::AwaitTurn(waiting) => {
                    match waiting.turn() {
                        Turn::Location => location_turn = Some(self.place.turn.0.acquire().await),
                        Turn::Owner => owner_turn = Some(family.turn.0.acquire().await),
                    }
                    reentry::inside(id, || self.granted(waiting))
                }
                Acquiring::SendToken(step) => {
                    let answer =
                        reentry::inside_async(id, || family.transport.send(step.request(), RESPONSE_LIMIT)).await;
                    let failure = |error: &_| (family.transport.delivery(error), family.transport.kind(error));
                    reentry::inside(id, || self.answered(step, answer, failure, transport))
                }
                Acquiring::OpenRecord(open) => {
                    let opened = reentry::inside_async(id, || family.store.open(open.key().clone())).await;
                    let stored = opened.map(|(turn, stored)| {
                        store_turn = Some(turn);
                        stored
                    });
                    reentry::inside(id, || self.opened(open, stored))
                }
                Acquiring::WriteRecord(write) => {
                    let written = match &mut store_turn {
                        Some(turn) => reentry::inside_async(id, || family.store.write(turn, write.record())).await,
                        None => Err("the turn is gone".into()),
                    };
                    reentry::inside(id, || self.written(write, written))
                }
                Acquiring::Done(result) => {
                    // The request failed, but meanwhile the program has set a token.
                    *transport = transport.take().filter(|_| result.is_err());
                    return result;
                }
            }
        }
    }
}

impl<T: AsyncTransport, S: AsyncTokenStore> Detached<T, S, Async> {
    /// Gets the token and saves it. Let your executor run this to its end.
    pub async fn run(self) {
        let Self { client, acquisition, ticket } = self;
        ticket.end(client.run_here(acquisition, &mut None).await);
    }
}

impl<T, S, W> fmt::Debug for Detached<T, S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached").field("acquisition", &self.acquisition).finish_non_exhaustive()
    }
}

impl<T, S> fmt::Debug for AsyncClient<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show("AsyncClient", f)
    }
}
