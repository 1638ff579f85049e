//! The client for blocking programs.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::{
    Attempt, Call, LocationAccessToken, LocationId, Misuse, Next, Owner, RESPONSE_LIMIT, RenewError, Renewal, Renewing,
    Replay, RequestHead, Session, TokenState, Turn, UserAccessToken, UserLogin, Verdict,
};

use super::super::{Transport, events};
use super::shared::{NextOf, Shared, methods_of_both, reentrant};
use super::sync::{Mutex, lock};
use super::{CallError, NoStore, TokenStore, reentry};

/// A session and a blocking transport. Cheap to clone: give each thread one.
///
/// ```no_run
/// # #[cfg(feature = "ureq")]
/// # fn example(session: location_auth::Session) -> Result<(), Box<dyn std::error::Error>> {
/// use location_auth::transports::{client::Client, ureq::Ureq};
///
/// let client = Client::new(session, Ureq::new());
/// let call = http::Request::get("https://api.example.com/contacts").body(vec![])?;
/// let response = client.call(call)?;
/// # Ok(())
/// # }
/// ```
pub struct Client<T, S = NoStore>(Shared<T, S, Mutex<()>>);

impl<T: Transport> Client<T> {
    /// A client that renews nothing: a rejected token is told to the caller.
    pub fn new(session: Session, transport: T) -> Self {
        let owner = Owner::new(session.app());
        Self::with_owner(session, owner, transport, NoStore)
    }
}

impl<T: Transport, S: TokenStore> Client<T, S> {
    /// A client that lets the owner renew a rejected token, and puts each new token into the store before it is used.
    pub fn with_owner(session: Session, owner: Owner, transport: T, store: S) -> Self {
        Self(Shared::new(session, owner, transport, store))
    }

    methods_of_both!();

    /// Makes a call: authorized, and once more after a 401 if there is a new token to be had.
    ///
    /// # Errors
    /// [`CallError`]. Any status is a response, but a 401 of a session with a token.
    pub fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        self.carry(Call::new(&request), request)
    }

    /// As [`call`](Self::call), without a copy of the request: after a 401 the token is renewed, and the call is not sent again.
    ///
    /// # Errors
    /// As [`call`](Self::call), and [`CallError::NotRepeated`].
    pub fn call_once(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        self.carry(Call::once(), request)
    }

    /// Says what follows the status that a request of the program's own was answered with, after [`authorize`](Self::authorize): the answer is
    /// the program's (`None`), or send the request again by [`replay`](Self::replay). It renews the token first where that is needed.
    ///
    /// # Errors
    /// [`RenewError`] where the token was rejected and there is no new one.
    pub fn received(&self, attempt: Attempt, status: StatusCode) -> Result<Option<Replay>, RenewError> {
        match self.0.received(attempt, status)? {
            Verdict::Answered => Ok(None),
            Verdict::Replay(replay) => Ok(Some(replay)),
            Verdict::Renew(renewal) => self.run(renewal, &mut None).map(Some),
            Verdict::Rejected(error) => Err(error),
        }
    }

    fn carry(&self, call: Call<Vec<u8>>, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let (mut next, mut transport) = (Next::Send(request, call), None);
        let result = loop {
            next = match next {
                Next::Send(request, call) => match self.send(request, call) {
                    Ok(next) => next,
                    Err(error) => break Err(error),
                },
                Next::Renew(renewal, rejected) => rejected.renewed(self.run(renewal, &mut transport)),
                Next::Done(result) => break result.map_err(|failure| CallError::new(failure, transport)),
            }
        };
        let kind = |error: &_| self.0.family.transport.kind(error);
        result
            .map(|response| self.0.told(response))
            .inspect_err(|error| events::call_failed(self.location(), error, kind))
    }

    fn send(&self, mut request: Request<Vec<u8>>, mut call: Call<Vec<u8>>) -> Result<NextOf, CallError<T::Error>> {
        let attempt = self.0.prepare(&mut request, &mut call)?;
        let transport = &self.0.family.transport;
        let response = transport.send(request, self.0.limit).map_err(|error| {
            let delivery = transport.delivery(&error);
            CallError::Transport { error, delivery }
        })?;
        Ok(call.received(self.0.received(attempt, response.status())?, response))
    }

    fn run(&self, renewal: Renewal, transport: &mut Option<T::Error>) -> Result<Replay, RenewError> {
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
                        Turn::Location => location_turn = Some(lock(&self.0.place.turn)),
                        Turn::Owner => owner_turn = Some(lock(&family.turn)),
                    }
                    self.0.granted(waiting)
                }
                Renewing::SendToken(step) => {
                    let answer = reentry::inside(id, || family.transport.send(step.request(), RESPONSE_LIMIT));
                    let failure = |error: &_| (family.transport.delivery(error), family.transport.kind(error));
                    self.0.answered(step, answer, failure, transport)
                }
                Renewing::Keep(keep) => {
                    let saved = reentry::inside(id, || family.store.save(&keep.token()));
                    self.0.kept(keep, saved)
                }
                Renewing::Done(result) => return result,
            }
        }
    }
}

/// Not derived, which would ask for a transport that is `Clone`.
impl<T, S> Clone for Client<T, S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, S> fmt::Debug for Client<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let session = lock(&self.0.place.session);
        let owner = lock(&self.0.family.owner);
        f.debug_struct("Client").field("session", &*session).field("owner", &*owner).finish_non_exhaustive()
    }
}
