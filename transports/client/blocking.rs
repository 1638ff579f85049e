//! The client for blocking programs.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::{Acquiring, Acquisition, Attempt, Call, Next, Replay, Turn, Verdict};
use location_auth::store::{Record, Stored};
use location_auth::{Backoff, Misuse, Owner, Retry, Session, TokenError};

use super::super::{RESPONSE_LIMIT, Transport};
use super::shared::AnyClient;
use super::sync::{Mutex, lock};
use super::{CallError, IntoBody, NoStore, StoreError, TokenStore, reentry};

/// A client that makes calls over a blocking transport, gets the first token, and renews it after a 401. It holds an `Arc`: clone it for each thread.
///
/// ```no_run
/// # #[cfg(feature = "ureq")]
/// # fn example(session: location_auth::Session) -> Result<(), Box<dyn std::error::Error>> {
/// use location_auth::transports::{client::Client, ureq::Ureq};
///
/// let client = Client::new(session, Ureq::new());
/// let call = http::Request::get("https://api.example.com/contacts").body(())?;
/// let response = client.call(call)?;
/// # Ok(())
/// # }
/// ```
pub type Client<T, S = NoStore> = AnyClient<T, S, Blocking>;

/// The way that a [`Client`] waits: it blocks the thread.
#[derive(Debug, Default)]
pub struct Blocking(Mutex<()>);

impl<T: Transport> Client<T> {
    /// Makes a client that requests no tokens: a call returns [`CallError::TokenRejected`] if the service rejects the token, and
    /// [`CallError::NoToken`] if the Location has none.
    pub fn new(session: Session, transport: T) -> Self {
        let owner = Owner::new(session.app());
        Self::with_owner(session, owner, transport, NoStore)
    }
}

impl<T: Transport, S: TokenStore> Client<T, S> {
    /// Makes a client that gets a new token from the owner after a 401, and before the first call of a
    /// [`Location::session`](crate::Location::session). It saves each new token in the store before it uses the token.
    ///
    /// It checks nothing. If the owner is of an App of elsewhere, a renewal is the error [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`].
    /// The session of a user, or one of [`Session::without_token`], is never renewed.
    pub fn with_owner(session: Session, owner: Owner, transport: T, store: S) -> Self {
        Self::made_of(session, owner, transport, store)
    }

    /// Sends a request with the credentials. If the Location has no token yet, it gets one first. After a 401 it sends the request once more, if
    /// there is a new token.
    ///
    /// # Errors
    /// [`CallError`]. A response with any status is `Ok`, except a 401 for a session with a token.
    pub fn call<B: IntoBody>(&self, request: Request<B>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let request = request.map(IntoBody::into_body);
        self.call_with(Call::new(request), |request| self.family.transport.send(request, self.limit))
    }

    /// Makes a call as [`call`](Client#method.call) does, and makes it again if that is safe: as [`Retry::after`] says of its response, if the request
    /// was not sent, or if no token may be requested yet. It calls `sleep` with each wait, which is the service's `Retry-After`
    /// or the backoff's. A `sleep` that only pretends, in a test, needs a clock that it moves on: [`with_clock`](Self::with_clock).
    ///
    /// # Errors
    /// As [`call`](Client#method.call). When the backoff allows no more retries, it returns the last result: a response with 429 or 503 is `Ok`.
    pub fn call_with_retries<B: IntoBody>(
        &self,
        request: Request<B>,
        mut backoff: Backoff,
        mut sleep: impl FnMut(Duration),
    ) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let request = request.map(IntoBody::into_body);
        loop {
            let result = self.call(request.clone());
            let again = |response: &Response<_>| Retry::after(request.method(), response.status(), response.headers());
            let retry = result.as_ref().map_or_else(CallError::retry, again);
            let Some(wait) = backoff.next_delay(retry) else { return result };
            sleep(wait);
        }
    }

    /// Makes a call with your own function, which sends one request. Both bodies can have any type, so they can stream.
    ///
    /// After a 401, [`Call::new`] sends a clone of the request, [`Call::repeating`] sends the one that you made for this, and [`Call::once`]
    /// sends nothing.
    ///
    /// # Errors
    /// As [`call`](Client#method.call), and [`CallError::NotRepeated`] if the request can't be sent again.
    pub fn call_with<B, R>(
        &self,
        call: Call<B>,
        mut send: impl FnMut(Request<B>) -> Result<Response<R>, T::Error>,
    ) -> Result<Response<R>, CallError<T::Error, R>> {
        let (mut next, mut transport) = (self.begin(call), None);
        let result = loop {
            next = match next {
                Next::Send(call) => match self.send(call, &mut send) {
                    Ok(next) => next,
                    Err(error) => break Err(error),
                },
                Next::Acquire(renewal, waiting) => waiting.acquired(self.run(renewal, &mut transport)).into(),
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
    pub fn ensure_token(&self) -> Result<(), TokenError> {
        match self.first_token() {
            Some(renewal) => self.run(renewal, &mut None).map(drop),
            None => Ok(()),
        }
    }

    /// Returns what to do after a response to a request that your program sent itself, with [`authorize`](Self::authorize). `None`: use the
    /// response. [`Replay`]: send the request again, with [`replay`](Self::replay). It gets a new token first, if that is necessary.
    ///
    /// # Errors
    /// [`TokenError`] if the service rejected the token and there is no new one.
    pub fn received(&self, attempt: Attempt, status: StatusCode) -> Result<Option<Replay>, TokenError> {
        match self.judge(attempt, status)? {
            Verdict::Answered => Ok(None),
            Verdict::Replay(replay) => Ok(Some(replay)),
            Verdict::Acquire(renewal) => self.run(renewal, &mut None).map(Some),
            Verdict::Rejected(error) => Err(error),
        }
    }

    /// Writes to the store what is [unsaved](Self::unsaved), such as a token that the program has just set, and that a new token has helped. Else the next
    /// call does that, after its response, or the next turn.
    ///
    /// # Errors
    /// [`TokenError`] if the store fails.
    pub fn flush(&self) -> Result<(), TokenError> {
        let unwritten = self.all_unwritten();
        self.run(unwritten, &mut None).map(drop)
    }

    /// Removes the owner's login and tokens, as [`Owner::forget`] does, also from the store: no token is requested for this owner, by any process that
    /// shares the store, until a person sets other credentials.
    ///
    /// # Errors
    /// The store's. Call it again: some records may be forgotten already.
    pub fn forget(&self) -> Result<(), StoreError> {
        let (id, store) = (self.id(), &self.family.store);
        let keys = reentry::inside(id, || store.keys());
        for key in self.forgotten(keys?) {
            reentry::inside(id, || match store.open(&key)? {
                (mut turn, Stored::Record(_)) => store.write(&mut turn, &Record::forgotten(&key)),
                (_, Stored::SavesOnly) => Ok(()),
            })?;
        }
        Ok(())
    }

    fn send<B, R>(
        &self,
        call: Call<B>,
        send: &mut impl FnMut(Request<B>) -> Result<Response<R>, T::Error>,
    ) -> Result<Next<B, R>, CallError<T::Error, R>> {
        let (request, sent) = self.prepare(call)?;
        let response = send(request).map_err(|error| {
            let delivery = self.family.transport.delivery(&error);
            CallError::Transport { location: self.location().cloned(), error, delivery }
        })?;
        let (next, unwritten) = self.call_answered(sent, response)?;
        if let Some(unwritten) = unwritten.filter(|_| !reentry::is_inside(self.id())) {
            _ = self.run(unwritten, &mut None);
        }
        Ok(next)
    }

    fn run(&self, renewal: Acquisition, transport: &mut Option<T::Error>) -> Result<Replay, TokenError> {
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
                        Turn::Location => location_turn = Some(lock(&self.place.turn.0)),
                        Turn::Owner => owner_turn = Some(lock(&family.turn.0)),
                    }
                    reentry::inside(id, || self.granted(waiting))
                }
                Acquiring::SendToken(step) => {
                    let answer = reentry::inside(id, || family.transport.send(step.request(), RESPONSE_LIMIT));
                    let failure = |error: &_| (family.transport.delivery(error), family.transport.kind(error));
                    reentry::inside(id, || self.answered(step, answer, failure, transport))
                }
                Acquiring::OpenRecord(open) => {
                    let opened = reentry::inside(id, || family.store.open(open.key()));
                    let stored = opened.map(|(turn, stored)| {
                        store_turn = Some(turn);
                        stored
                    });
                    reentry::inside(id, || self.opened(open, stored))
                }
                Acquiring::WriteRecord(write) => {
                    let mut write_in = |turn| reentry::inside(id, || family.store.write(turn, &write.record()));
                    let written = store_turn.as_mut().map_or_else(|| Err("the turn is gone".into()), &mut write_in);
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

impl<T, S> fmt::Debug for Client<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show("Client", f)
    }
}
