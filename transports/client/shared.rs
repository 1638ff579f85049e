//! What both clients do: each asks the core what is next and carries it out. Every lock of a state is taken here, for a few lines at a
//! time. Nothing of the program's, the transport's or the store's is called or dropped under one.

extern crate std;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::{
    Attempt, AwaitTurn, Call, Delivery, Keep, LocationId, Misuse, Owner, RenewError, RenewErrorKind, Renewal, Renewing,
    Replay, RequestHead, SavedToken, SendToken, Session, Verdict,
};
use zeroize::Zeroizing;

use super::super::{SendErrorKind, events};
use super::store::{NotSaved, StoreError};
use super::sync::{Mutex, lock};

/// A client, except how it waits. `M` is the lock that a turn is.
pub(super) struct Shared<T, S, M> {
    pub(super) family: Arc<Family<T, S, M>>,
    pub(super) place: Arc<Place<M>>,
    pub(super) limit: usize,
    pub(super) clock: fn() -> Duration,
}

/// What the clients of one owner's Locations share.
pub(super) struct Family<T, S, M> {
    pub(super) transport: T,
    pub(super) store: S,
    /// Held by the one who logs in.
    pub(super) turn: M,
    pub(super) owner: Mutex<Owner>,
    /// What the store failed to keep, until a response carries it.
    not_saved: Mutex<Vec<(SavedToken, StoreError)>>,
}

/// What the clients of one Location share.
pub(super) struct Place<M> {
    /// Held by the one who renews its token.
    pub(super) turn: M,
    location: Option<LocationId>,
    pub(super) session: Mutex<Session>,
}

/// 1 MiB.
const DEFAULT_LIMIT: usize = 1024 * 1024;

impl<T, S, M: Default> Shared<T, S, M> {
    pub(super) fn new(session: Session, owner: Owner, transport: T, store: S) -> Self {
        let (turn, owner) = (M::default(), Mutex::new(owner));
        let family = Family { transport, store, turn, owner, not_saved: Mutex::new(Vec::new()) };
        Self { family: Arc::new(family), place: Place::new(session), limit: DEFAULT_LIMIT, clock: clock() }
    }

    pub(super) fn for_session(&self, session: Session) -> Self {
        Self { place: Place::new(session), ..self.clone() }
    }
}

impl<M: Default> Place<M> {
    fn new(session: Session) -> Arc<Self> {
        let location = session.location().cloned();
        Arc::new(Self { turn: M::default(), location, session: Mutex::new(session) })
    }
}

/// Not derived, which would ask for a transport that is `Clone`.
impl<T, S, M> Clone for Shared<T, S, M> {
    fn clone(&self) -> Self {
        let (family, place) = (Arc::clone(&self.family), Arc::clone(&self.place));
        Self { family, place, limit: self.limit, clock: self.clock }
    }
}

impl<T, S, M> Shared<T, S, M> {
    /// Tells this owner's clients from another's.
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.family).addr()
    }

    pub(super) fn location(&self) -> Option<&LocationId> {
        self.place.location.as_ref()
    }

    pub(super) fn authorize(&self, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
        lock(&self.place.session).authorize(request)
    }

    pub(super) fn replay(&self, replay: Replay, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
        lock(&self.place.session).replay(replay, request)
    }

    pub(super) fn prepare<B>(&self, request: &mut Request<B>, call: &mut Call<B>) -> Result<Attempt, Misuse> {
        call.authorize(&lock(&self.place.session), request)
    }

    pub(super) fn received(&self, attempt: Attempt, status: StatusCode) -> Result<Verdict, Misuse> {
        events::call_answered(self.location(), status);
        lock(&self.place.session).received(attempt, status)
    }

    pub(super) fn start(&self, renewal: Renewal) -> Renewing {
        self.with_both(|session, owner, now| renewal.start(session, owner, now))
    }

    pub(super) fn granted(&self, waiting: AwaitTurn) -> Renewing {
        self.with_both(|session, owner, now| waiting.granted(session, owner, now))
    }

    /// A token request was answered, or was not: then the transport's error is kept for the caller.
    pub(super) fn answered<E>(
        &self,
        sent: SendToken,
        answer: Result<Response<Vec<u8>>, E>,
        failure: impl FnOnce(&E) -> (Delivery, SendErrorKind),
        transport: &mut Option<E>,
    ) -> Renewing {
        let step = sent.step();
        match answer {
            Ok(response) => {
                // The body may hold a token: it is wiped when it has been read.
                let response = response.map(Zeroizing::new);
                let next = self.with_both(|session, owner, now| sent.received(&response, session, owner, now));
                events::renewal_answered(step, self.location(), response.status(), &next);
                next
            }
            Err(error) => {
                let (delivery, kind) = failure(&error);
                *transport = Some(error);
                let next = self.with_both(|session, owner, now| sent.failed(delivery, session, owner, now));
                events::renewal_failed(step, self.location(), (delivery, kind), &next);
                next
            }
        }
    }

    pub(super) fn kept(&self, keep: Keep, saved: Result<(), StoreError>) -> Renewing {
        if let Err(error) = saved {
            events::token_not_saved(keep.token().location());
            lock(&self.family.not_saved).push((keep.token(), error));
        }
        self.with_both(|session, owner, now| keep.kept(session, owner, now))
    }

    /// The response that is the caller's, and with it what the store failed to keep.
    pub(super) fn told<R>(&self, mut response: Response<R>) -> Response<R> {
        let not_saved = core::mem::take(&mut *lock(&self.family.not_saved));
        if !not_saved.is_empty() {
            response.extensions_mut().insert(NotSaved(not_saved.into()));
        }
        response
    }

    /// The Location's lock before the owner's, always.
    fn with_both(&self, change: impl FnOnce(&mut Session, &mut Owner, Duration) -> Renewing) -> Renewing {
        let now = (self.clock)();
        change(&mut lock(&self.place.session), &mut lock(&self.family.owner), now)
    }
}

/// The error of a client that would wait for itself.
pub(super) fn reentrant() -> RenewError {
    RenewErrorKind::Misuse(Misuse::Reentrant).into()
}

/// Time since the first client was made. On WebAssembly's bare target std has no clock, and the program brings one.
fn clock() -> fn() -> Duration {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    #[allow(clippy::disallowed_methods, reason = "the clients are the drivers that bring the time")]
    fn clock() -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    fn clock() -> Duration {
        Duration::ZERO
    }
    clock
}

/// What both clients offer beside their calls.
macro_rules! methods_of_both {
    () => {
        /// A client of another of the owner's Locations: it shares the transport, the owner and the store with this one.
        pub fn for_session(&self, session: Session) -> Self {
            Self(self.0.for_session(session))
        }

        /// The same client with another limit for a response's body, in bytes: for all calls, or for one.
        ///
        /// It is 1 MiB without this. A token request keeps to [`RESPONSE_LIMIT`].
        #[must_use = "it is another client"]
        pub fn with_limit(&self, limit: usize) -> Self {
            Self(Shared { limit, ..self.0.clone() })
        }

        /// The same client with another clock, which must only go forward: the same for all of an owner's clients. It is asked how long to send
        /// no token request after the service said so.
        ///
        /// Without this it is std's, which WebAssembly's bare target does not have: there the time stands still, and such a wait does not end.
        #[must_use = "it is another client"]
        pub fn with_clock(&self, clock: fn() -> Duration) -> Self {
            Self(Shared { clock, ..self.0.clone() })
        }

        /// Lets the owner log in when a new token is needed. Whatever stopped the owner's clients so far is forgotten.
        ///
        /// # Errors
        /// As [`Owner::set_login`].
        pub fn set_login(&self, login: UserLogin) -> Result<(), Misuse> {
            lock(&self.0.family.owner).set_login(login)
        }

        /// Lets the owner use this User Access Token. Whatever stopped the owner's clients so far is forgotten.
        ///
        /// # Errors
        /// As [`Owner::set_token`].
        pub fn set_user_token(&self, token: UserAccessToken) -> Result<(), Misuse> {
            lock(&self.0.family.owner).set_token(token)
        }

        /// Forgets the owner's login and User Access Token: nothing is renewed any more.
        pub fn forget(&self) {
            lock(&self.0.family.owner).forget();
        }

        /// Takes a new token of the Location from outside. Calls that are under way and meet a 401 are sent again with it.
        ///
        /// # Errors
        /// As [`Session::renew`].
        pub fn renew(&self, token: LocationAccessToken) -> Result<(), Misuse> {
            lock(&self.0.place.session).renew(token)
        }

        /// The transport, for a call of any body over the connections that it has.
        pub fn transport(&self) -> &T {
            &self.0.family.transport
        }

        /// The Location that calls act for, if the token is a Location's.
        pub fn location(&self) -> Option<&LocationId> {
            self.0.location()
        }

        /// How the Location's token fares, and what keeps the owner from renewing it: for a health route.
        pub fn state(&self) -> TokenState {
            lock(&self.0.place.session).state(&lock(&self.0.family.owner))
        }

        /// Puts the credentials on a request that the program sends itself, a streamed one for instance.
        ///
        /// # Errors
        /// As [`Session::authorize`].
        pub fn authorize(&self, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
            self.0.authorize(request)
        }

        /// Puts the newest credentials on a request that the program sends itself, again.
        ///
        /// # Errors
        /// As [`Session::replay`].
        pub fn replay(&self, replay: Replay, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
            self.0.replay(replay, request)
        }
    };
}
pub(super) use methods_of_both;
