//! What both clients are. Each asks the core what is next, and does it. All locks of the state are taken here, for a few lines at a time. No code of
//! the program, the transport or the store runs, and none of their values is dropped, under a lock.

extern crate std;

use alloc::string::ToString;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::{
    Acquiring, Acquisition, Attempt, AwaitTurn, Call, Next, OpenRecord, Replay, RequestHead, SendToken, SentCall,
    Verdict, WriteRecord,
};
use location_auth::store::{RecordKey, Stored};
use location_auth::{
    Delivery, LocationAccessToken, LocationId, Misuse, Owner, Session, TokenState, Unsaved, UserAccessToken, UserLogin,
};
use zeroize::Zeroizing;

use super::super::{SendErrorKind, events};
use super::store::StoreError;
use super::sync::{Mutex, lock};
use super::ticket::{Ended, Ticket};

/// What a [`Client`](super::Client) and an [`AsyncClient`](super::AsyncClient) are: they differ in `W`, the way that a caller waits for its turn.
///
/// ```
/// use location_auth::TokenState;
/// use location_auth::transports::client::AnyClient;
///
/// /// For the health checks of both.
/// fn state<T, S, W>(client: &AnyClient<T, S, W>) -> TokenState {
///     client.state()
/// }
/// ```
pub struct AnyClient<T, S, W> {
    pub(super) family: Arc<Family<T, S, W>>,
    pub(super) place: Arc<Place<W>>,
    pub(super) limit: usize,
    clock: fn() -> Duration,
}

/// What the clients of one owner's Locations share.
pub(super) struct Family<T, S, W> {
    pub(super) transport: T,
    pub(super) store: S,
    /// The caller that logs in holds it.
    pub(super) turn: W,
    pub(super) owner: Mutex<Owner>,
    counts: Mutex<Counts>,
    /// What the program runs an acquisition with, so that it outlives its call, and those that run so.
    pub(super) spawn: Mutex<Option<Spawn<T, S, W>>>,
    pub(super) running: Mutex<Vec<Weak<Ended>>>,
}

pub(super) type Spawn<T, S, W> = Arc<dyn Fn(Detached<T, S, W>) + Send + Sync>;

/// The way to a token, which no longer depends on the call that began it: [`with_spawn`](super::AsyncClient#method.with_spawn) gives it to the
/// program.
///
/// If it is dropped before its end, the calls that wait for it get [`TokenErrorKind::Abandoned`](crate::TokenErrorKind::Abandoned).
#[must_use = "the calls that wait for it fail if it is dropped"]
pub struct Detached<T, S, W> {
    pub(super) client: AnyClient<T, S, W>,
    pub(super) acquisition: Acquisition,
    pub(super) ticket: Ticket,
}

/// What all clients of an owner have counted since the first was made.
///
/// ```
/// use location_auth::transports::client::AnyClient;
///
/// fn export<T, S, W>(client: &AnyClient<T, S, W>, gauge: impl Fn(&str, u64)) {
///     let counts = client.counts();
///     gauge("token_requests", counts.requests);
///     gauge("tokens_received", counts.tokens);
///     gauge("tokens_taken_over", counts.taken_over);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Token requests that were handed to the transport and have ended.
    pub requests: u64,
    /// Tokens that they got.
    pub tokens: u64,
    /// Tokens of other processes that were in the store.
    pub taken_over: u64,
    /// Own tokens that came too late, since the store had another.
    pub surplus: u64,
    /// Turns of the store that were waited for.
    pub turns: u64,
}

/// What the clients of one Location share.
pub(super) struct Place<W> {
    /// The caller that renews the Location's token holds it.
    pub(super) turn: W,
    location: Option<LocationId>,
    pub(super) session: Mutex<Session>,
}

/// 1 MiB.
const DEFAULT_LIMIT: usize = 1024 * 1024;

impl<T, S, W: Default> AnyClient<T, S, W> {
    pub(super) fn made_of(session: Session, mut owner: Owner, transport: T, store: S) -> Self {
        owner.begin();
        let (turn, owner) = (W::default(), Mutex::new(owner));
        let (counts, spawn, running) = Default::default();
        let family = Family { transport, store, turn, owner, counts, spawn, running };
        Self { family: Arc::new(family), place: Place::new(session), limit: DEFAULT_LIMIT, clock: clock() }
    }

    /// Makes a client for another Location of the same owner. It shares the transport, the owner and the store with this client, and has its
    /// limit and clock. It checks nothing: the service refuses step 2 for a Location of another owner.
    pub fn for_session(&self, session: Session) -> Self {
        Self { place: Place::new(session), ..self.clone() }
    }
}

impl<W: Default> Place<W> {
    fn new(session: Session) -> Arc<Self> {
        let location = session.location().cloned();
        Arc::new(Self { turn: W::default(), location, session: Mutex::new(session) })
    }
}

// Not derived: a derived impl would require a transport that is `Clone`.
impl<T, S, W> Clone for AnyClient<T, S, W> {
    fn clone(&self) -> Self {
        let (family, place) = (Arc::clone(&self.family), Arc::clone(&self.place));
        Self { family, place, limit: self.limit, clock: self.clock }
    }
}

impl<T, S, W> AnyClient<T, S, W> {
    /// Returns the same client with another limit for the body of a response, in bytes. Use it for all calls, or for one.
    ///
    /// The default is 1 MiB. The limit of a token request is always [`RESPONSE_LIMIT`](super::super::RESPONSE_LIMIT). A 401 with a longer body is an
    /// error like any response with a longer one, and no new token is requested: leave room for the body of a refusal.
    #[must_use = "it is another client"]
    pub fn with_limit(&self, limit: usize) -> Self {
        Self { limit, ..self.clone() }
    }

    /// Returns the same client with another clock: the time of day, since 1970. All clients of an owner must have the same one. The client uses
    /// it for the pauses between token requests.
    ///
    /// The default is std's clock. WebAssembly's bare target (`wasm32-unknown-unknown`) has none: without this, a pause never ends there.
    #[must_use = "it is another client"]
    pub fn with_clock(&self, clock: fn() -> Duration) -> Self {
        Self { clock, ..self.clone() }
    }

    /// Sets the owner's login, which gets new tokens. With another login than the one that is set, the counts of token requests begin anew.
    ///
    /// # Errors
    /// As [`Owner::set_login`].
    pub fn set_login(&self, login: UserLogin) -> Result<(), Misuse> {
        lock(&self.family.owner).set_login(login)
    }

    /// Sets the owner's User Access Token. With another token than the one that is set, the counts of token requests begin anew.
    ///
    /// # Errors
    /// As [`Owner::set_user_token`].
    pub fn set_user_token(&self, token: UserAccessToken) -> Result<(), Misuse> {
        lock(&self.family.owner).set_user_token(token)
    }

    /// Ends the pauses between token requests, as [`Owner::try_again`] does: for a person who has corrected what was wrong.
    pub fn try_again(&self) {
        lock(&self.family.owner).try_again();
    }

    /// Sets a new token of the Location, one that your program got elsewhere. If a call in flight gets a 401, it is sent again with this token.
    ///
    /// # Errors
    /// As [`Session::set_location_token`].
    pub fn set_location_token(&self, token: LocationAccessToken) -> Result<(), Misuse> {
        lock(&self.place.session).set_location_token(token)
    }

    /// Returns the new tokens of the Location and its owner that no store has, for a health check: those that the store failed to save, and those that
    /// came too late. Each is listed until it is saved or taken.
    pub fn unsaved(&self) -> Vec<Unsaved> {
        let mut unsaved = lock(&self.place.session).unsaved();
        unsaved.extend(lock(&self.family.owner).unsaved());
        unsaved
    }

    /// Returns the same, for a program that saves them itself: they are not listed again, but for one that is about to be saved.
    pub fn take_unsaved(&self) -> Vec<Unsaved> {
        let mut unsaved = lock(&self.place.session).take_unsaved();
        unsaved.extend(lock(&self.family.owner).take_unsaved());
        unsaved
    }

    /// Returns what all clients of the owner have counted, for a program that exports numbers.
    pub fn counts(&self) -> Counts {
        *lock(&self.family.counts)
    }

    /// Returns the transport, for example to send calls with any body over its connections.
    pub fn transport(&self) -> &T {
        &self.family.transport
    }

    /// Returns the Location of the calls, if the session is a Location's.
    pub fn location(&self) -> Option<&LocationId> {
        self.place.location.as_ref()
    }

    /// Returns the state of the Location's token, and why the owner can't renew it, for a health check.
    pub fn state(&self) -> TokenState {
        lock(&self.place.session).state(&lock(&self.family.owner), (self.clock)())
    }

    /// Puts the credentials on a request that your program sends itself, for example one that streams.
    ///
    /// # Errors
    /// As [`Session::authorize`]. To avoid [`Misuse::NoToken`], call `ensure_token` before.
    pub fn authorize(&self, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
        lock(&self.place.session).authorize(request)
    }

    /// Puts the newest credentials on a request that your program sends itself for the second time.
    ///
    /// # Errors
    /// As [`Session::replay`].
    pub fn replay(&self, replay: Replay, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
        lock(&self.place.session).replay(replay, request)
    }

    /// All clients of one owner have the same id, and no other client has it.
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.family).addr()
    }

    pub(super) fn begin<B, R>(&self, call: Call<B>) -> Next<B, R> {
        call.start(lock(&self.place.session))
    }

    pub(super) fn first_token(&self) -> Option<Acquisition> {
        lock(&self.place.session).first_token()
    }

    pub(super) fn all_unwritten(&self) -> Acquisition {
        lock(&self.place.session).all_unwritten()
    }

    pub(super) fn prepare<B>(&self, call: Call<B>) -> Result<(Request<B>, SentCall<B>), Misuse> {
        call.authorize(lock(&self.place.session))
    }

    /// Also returns what is to be written now, after the response.
    pub(super) fn call_answered<B, R>(
        &self,
        call: SentCall<B>,
        response: Response<R>,
    ) -> Result<(Next<B, R>, Option<Acquisition>), Misuse> {
        events::call_answered(self.location(), response.status());
        let mut session = lock(&self.place.session);
        let next = call.received(response, &mut *session)?;
        Ok((next, session.unwritten(self.clock)))
    }

    pub(super) fn judge(&self, attempt: Attempt, status: StatusCode) -> Result<Verdict, Misuse> {
        events::call_answered(self.location(), status);
        lock(&self.place.session).received(attempt, status)
    }

    pub(super) fn start(&self, renewal: Acquisition) -> Acquiring {
        self.with_both(|session, owner, now| renewal.start(session, owner, now))
    }

    pub(super) fn granted(&self, waiting: AwaitTurn) -> Acquiring {
        self.with_both(|session, owner, now| waiting.granted(session, owner, now))
    }

    /// Takes the result of a token request. If it is the transport's error, `transport` keeps it for the caller.
    pub(super) fn answered<E>(
        &self,
        sent: SendToken,
        answer: Result<Response<Vec<u8>>, E>,
        failure: impl FnOnce(&E) -> (Delivery, SendErrorKind),
        transport: &mut Option<E>,
    ) -> Acquiring {
        let step = sent.step();
        let has_token = |next: &Acquiring| matches!(next, Acquiring::WriteRecord(write) if write.saves_token());
        self.count(|counts| counts.requests = counts.requests.saturating_add(1));
        match answer {
            Ok(response) => {
                // The body may hold a token, so it is wiped after it was read.
                let response = response.map(Zeroizing::new);
                let next = self.with_both(|session, owner, now| sent.received(&response, session, owner, now));
                events::renewal_answered(step, self.location(), response.status(), &next);
                self.count(|counts| counts.tokens = counts.tokens.saturating_add(has_token(&next).into()));
                next
            }
            Err(error) => {
                let (delivery, kind) = failure(&error);
                *transport = Some(error);
                // What is not known to be safe says nothing to those who only wait.
                let sent = if kind == SendErrorKind::Other { sent } else { sent.because(&kind.to_string()) };
                let next = self.with_both(|session, owner, now| sent.failed(delivery, session, owner, now));
                events::renewal_failed(step, self.location(), (delivery, kind), &next);
                next
            }
        }
    }

    /// Takes what the store has under a key, or its error.
    pub(super) fn opened(&self, open: OpenRecord, stored: Result<Stored, StoreError>) -> Acquiring {
        let location = open.key().location().cloned();
        let surplus = |session: &Session, owner: &Owner| session.surplus().saturating_add(owner.surplus());
        let (next, surplus) = match stored {
            Ok(stored) => self.with_both(|session, owner, now| {
                let before = surplus(session, owner);
                let next = open.opened(stored, session, owner, now);
                (next, surplus(session, owner).saturating_sub(before))
            }),
            Err(error) => {
                let error = error.to_string();
                let (cause, next) = self.with_both(|session, owner, now| {
                    (open.told(&error, session, owner), open.failed(&error, session, owner, now))
                });
                events::store_failed(location.as_ref(), &cause);
                (next, 0)
            }
        };
        let is_taken_over = match &next {
            Acquiring::Done(Ok(replay)) => replay.is_first(),
            // Back from the owner's record to the Location's, with a token.
            Acquiring::OpenRecord(_) => location.is_none(),
            _ => false,
        };
        if is_taken_over {
            events::token_taken_over(location.as_ref());
        }
        self.count(|counts| {
            counts.turns = counts.turns.saturating_add(1);
            counts.taken_over = counts.taken_over.saturating_add(is_taken_over.into());
            counts.surplus = counts.surplus.saturating_add(surplus.try_into().unwrap_or(u64::MAX));
        });
        next
    }

    /// Takes the result of a write to the store.
    pub(super) fn written(&self, write: WriteRecord, written: Result<(), StoreError>) -> Acquiring {
        let Err(error) = written else {
            return self.with_both(|session, owner, now| write.written(session, owner, now));
        };
        let (location, error) = (write.key().location().cloned(), error.to_string());
        let (cause, next) = self.with_both(|session, owner, now| {
            (write.told(&error, session, owner), write.failed(&error, session, owner, now))
        });
        events::store_failed(location.as_ref(), &cause);
        next
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut lock(&self.family.counts));
    }

    /// The records to overwrite when the owner is forgotten.
    pub(super) fn forgotten(&self, mut keys: Vec<RecordKey>) -> Vec<RecordKey> {
        lock(&self.family.owner).forget();
        let environment = lock(&self.place.session).app().environment();
        keys.retain(|key| key.environment() == environment);
        keys.extend([None, self.location()].map(|location| RecordKey::new(environment, location)));
        keys.sort();
        keys.dedup();
        keys
    }

    pub(super) fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (session, owner) = (lock(&self.place.session), lock(&self.family.owner));
        f.debug_struct(name).field("session", &*session).field("owner", &*owner).finish_non_exhaustive()
    }

    /// Always takes the Location's lock before the owner's.
    fn with_both<R>(&self, change: impl FnOnce(&mut Session, &mut Owner, Duration) -> R) -> R {
        let now = (self.clock)();
        change(&mut lock(&self.place.session), &mut lock(&self.family.owner), now)
    }
}

/// The time of day. On WebAssembly's bare target std has no clock, so the program brings one.
fn clock() -> fn() -> Duration {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    #[allow(clippy::disallowed_methods, reason = "the clients are the drivers that bring the time")]
    fn clock() -> Duration {
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    fn clock() -> Duration {
        Duration::ZERO
    }
    clock
}
