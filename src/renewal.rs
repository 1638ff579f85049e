//! What follows a 401, as a value: who waits for whom, which token request is sent, and what each answer leads to (`Q12`, `Q17`, `Q18`).

use core::fmt;
use core::time::Duration;

use http::{Request, Response};

use crate::gate::{Outcome, Ticket, shows_that_token_works};
use crate::session::{Attempt, Identity};
use crate::{
    Delivery, Error, Flow, LocationId, Misuse, Owner, Progress, ReceiveError, RenewError, RenewErrorKind, Replay,
    SavedToken, Session, Step, TokenExchange, UserLogin,
};
use alloc::vec::Vec;

/// A rejected token on its way to a new one. [`Session::received`] makes it; [`start`](Self::start) says what is first.
///
/// ```text
/// start ─┬─▶ a newer token is there ──────────────────────────────────────────────────▶ Done(Ok)
///        ├─▶ the owner can't renew, or must not ────────────────────────────────────────▶ Done(Err)
///        └─▶ AwaitTurn(Location) ─▶ SendToken(step 2) ─▶ token ─▶ Keep ─────────────────▶ Done(Ok)
///                                     ▲   └─▶ 401: the User Access Token is rejected
///                                     │        └─▶ AwaitTurn(Owner) ─▶ SendToken(step 1) ─▶ token ─▶ Keep
///                                     └───────────────────────────────────────────────────────────────┘
/// ```
///
/// Each state is given what came by its one method and is used up by it. Whoever drives it holds a lock for each turn, the Location's before
/// the owner's, and gives a turn up as soon as [`Renewing::holds`] no longer names it. Dropping a state is allowed at any time: what was
/// on its way counts as unknown.
///
/// ```
/// use core::time::Duration;
/// use http::{Request, Response};
/// use location_auth::{Delivery, Owner, Renewal, Renewing, RenewError, Replay, SavedToken, Session};
///
/// /// A driver for a program with one thread: no one else waits, so a turn is always free.
/// fn renew(
///     renewal: Renewal,
///     (session, owner): (&mut Session, &mut Owner),
///     now: impl Fn() -> Duration,
///     send: impl Fn(Request<Vec<u8>>) -> Option<Response<Vec<u8>>>,
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
#[must_use = "it does nothing by itself: start it, or tell that the token was rejected"]
#[derive(Debug)]
pub struct Renewal {
    session: Identity,
    /// Which token was rejected.
    generation: u64,
}

/// What a [`Renewal`] needs next: its page shows a loop over it.
///
/// ```
/// use location_auth::Renewing;
///
/// /// What a driver may tell its log.
/// fn in_words(next: &Renewing) -> &'static str {
///     match next {
///         Renewing::AwaitTurn(_) => "somebody else may be renewing the token",
///         Renewing::SendToken(_) => "a token request is about to be sent",
///         Renewing::Keep(_) => "a new token goes to the store",
///         Renewing::Done(_) => "the renewal is over",
///     }
/// }
/// ```
#[derive(Debug)]
pub enum Renewing {
    /// Wait until nobody else has this turn.
    AwaitTurn(AwaitTurn),
    /// Send a token request.
    SendToken(SendToken),
    /// Give a new token to the program's store.
    Keep(Keep),
    /// There is a newer token, and the call may be sent again; or there is none.
    Done(Result<Replay, RenewError>),
}

/// For what one caller at a time acts.
///
/// ```
/// use location_auth::{Renewing, Turn};
///
/// /// The turns that a driver still holds.
/// fn held(next: &Renewing) -> Vec<Turn> {
///     [Turn::Location, Turn::Owner].into_iter().filter(|turn| next.holds(*turn)).collect()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// The exchange for one Location.
    Location,
    /// The login of one owner.
    Owner,
}

impl Renewing {
    /// Whether the caller keeps this turn until the next state. A turn that it does not keep passes to the next who waits.
    pub fn holds(&self, turn: Turn) -> bool {
        match (self, turn) {
            (Self::AwaitTurn(AwaitTurn { turn: Turn::Location, .. }) | Self::Done(_), _) => false,
            (Self::AwaitTurn(_), turn) => turn == Turn::Location,
            (Self::SendToken(_) | Self::Keep(_), Turn::Location) => true,
            (Self::SendToken(SendToken { sent, .. }), Turn::Owner) => matches!(sent, Sent::Login { .. }),
            (Self::Keep(Keep { of, .. }), Turn::Owner) => *of == Turn::Owner,
        }
    }
}

impl Renewal {
    pub(crate) fn new(attempt: &Attempt) -> Self {
        Self { session: attempt.session, generation: attempt.generation }
    }

    /// Says what is first. `now` is any clock that only goes forward, the same one for all of an owner's calls.
    pub fn start(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        let environments = (session.app().environment(), owner.environment());
        if session.identity != self.session {
            return failed(session, RenewErrorKind::Misuse(Misuse::ForeignAttempt).into());
        }
        if environments.0 != environments.1 {
            let misuse = Misuse::WrongEnvironment { token: environments.1, app: environments.0 };
            return failed(session, RenewErrorKind::Misuse(misuse).into());
        }
        if session.generation != self.generation {
            return Renewing::Done(Ok(Replay::new(session)));
        }
        session.arm_after(owner);
        let kind = RenewErrorKind::NotEnabled;
        if session.target.is_none() || !owner.can_renew() && session.unsaved.is_none() {
            return failed(session, kind.into());
        }
        let checked = if session.unsaved.is_some() { Ok(()) } else { session.gate.check(now) };
        match checked {
            Ok(()) => {
                let (generation, ticket) = (self.generation, session.gate.ticket());
                let context = Context { session: self.session, owner: owner.identity, generation, ticket };
                Renewing::AwaitTurn(AwaitTurn { context, turn: Turn::Location, ticket })
            }
            Err(error) => failed(session, error.at(Step::LocationToken)),
        }
    }
}

/// What all states know.
#[derive(Clone, Copy, Debug)]
struct Context {
    session: Identity,
    owner: Identity,
    /// Which of the Location's tokens was rejected.
    generation: u64,
    /// When it became the Location's turn: what fails says nothing to who came after a later hand-over.
    ticket: Ticket,
}

/// Waiting for a turn: the page of [`Renewal`] shows where it stands.
///
/// ```
/// use core::time::Duration;
/// use location_auth::{AwaitTurn, Owner, Renewing, Session};
///
/// /// Once the lock is held that stands for `waiting.turn()`.
/// fn go_on(waiting: AwaitTurn, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
///     waiting.granted(session, owner, now)
/// }
/// ```
#[must_use = "it does nothing by itself"]
#[derive(Debug)]
pub struct AwaitTurn {
    context: Context,
    turn: Turn,
    ticket: Ticket,
}

/// A token request to send: the page of [`Renewal`] shows where it stands.
///
/// ```
/// use location_auth::{Redacted, SendToken};
///
/// fn for_the_log(step: &SendToken) -> String {
///     format!("{}: {}", step.step(), Redacted(&step.request()))
/// }
/// ```
#[must_use = "it does nothing by itself: send its request"]
pub struct SendToken {
    context: Context,
    ticket: Ticket,
    sent: Sent,
}

enum Sent {
    Login { login: UserLogin, owner_generation: u64 },
    Exchange { exchange: TokenExchange, owner_generation: u64 },
}

/// A new token to give to the program's store before it is used: the page of [`Renewal`] shows where it stands.
///
/// ```
/// use location_auth::Keep;
///
/// /// What the store writes: a secret.
/// fn written(keep: &Keep) -> serde_json::Result<String> {
///     serde_json::to_string(&keep.token())
/// }
/// ```
#[must_use = "it does nothing by itself: give its token to the store"]
#[derive(Debug)]
pub struct Keep {
    context: Context,
    of: Turn,
    token: SavedToken,
}

impl AwaitTurn {
    /// Whose turn it is.
    pub fn turn(&self) -> Turn {
        self.turn
    }

    /// It is the caller's turn now.
    pub fn granted(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        let Self { mut context, turn, ticket } = self;
        if let Err(error) = context.check(session, owner) {
            return failed(session, error);
        }
        match turn {
            Turn::Location => {
                session.gate.take_turn();
                if let Some(next) = context.saved_or_replaced(session) {
                    return next;
                }
                session.arm_after(owner);
                if let Some(error) = session.gate.failed_since(ticket) {
                    return Renewing::Done(Err(error));
                }
                context.ticket = session.gate.ticket();
                context.exchange(session, owner, now)
            }
            Turn::Owner => {
                owner.gate.take_turn();
                if let Some(error) = owner.gate.failed_since(ticket) {
                    return context.give_up(session, error);
                }
                context.log_in(session, owner, now)
            }
        }
    }
}

impl SendToken {
    /// Which token request it is.
    pub fn step(&self) -> Step {
        match self.sent {
            Sent::Login { .. } => Step::UserToken,
            Sent::Exchange { .. } => Step::LocationToken,
        }
    }

    /// The Location whose token is renewed.
    pub fn location(&self) -> Option<&LocationId> {
        match &self.sent {
            Sent::Login { .. } => None,
            Sent::Exchange { exchange, .. } => exchange.location(),
        }
    }

    /// The request to send, once. It holds secrets.
    pub fn request(&self) -> Request<Vec<u8>> {
        match &self.sent {
            Sent::Login { login, .. } => login.request(),
            Sent::Exchange { exchange, .. } => exchange.request(),
        }
    }

    /// The response came, whatever its status.
    pub fn received<B: AsRef<[u8]>>(
        self,
        response: &Response<B>,
        session: &mut Session,
        owner: &mut Owner,
        now: Duration,
    ) -> Renewing {
        let Self { context, ticket, sent } = self;
        if let Err(error) = context.check(session, owner) {
            return failed(session, error);
        }
        match sent {
            Sent::Login { login, owner_generation } => match login.receive(response) {
                Ok(Progress::Done(token)) => {
                    owner.gate.end(ticket);
                    let saved = SavedToken::from(&token);
                    owner.unsaved = Some((owner_generation, token));
                    Renewing::Keep(Keep { context, of: Turn::Owner, token: saved })
                }
                Ok(Progress::Next(_)) => context.give_up(session, RenewErrorKind::InVain.into()),
                Err(ReceiveError { error, .. }) => {
                    let outcome = Outcome::of_response(&error);
                    let error = RenewError::from(RenewErrorKind::Response(error)).at(Step::UserToken);
                    owner.gate.fail_with(ticket, &error, outcome, now);
                    context.give_up(session, error)
                }
            },
            Sent::Exchange { exchange, owner_generation } => match exchange.receive(response) {
                Ok(Progress::Done(token)) => {
                    session.gate.end(ticket);
                    owner.token_works(owner_generation);
                    let saved = SavedToken::from(&token);
                    session.unsaved = Some((context.generation, token));
                    Renewing::Keep(Keep { context, of: Turn::Location, token: saved })
                }
                Ok(Progress::Next(_)) => context.give_up(session, RenewErrorKind::InVain.into()),
                Err(ReceiveError { error, .. }) if error.status() == 401 => {
                    session.gate.end(ticket);
                    context.user_token_rejected(error, owner_generation, session, owner, now)
                }
                Err(ReceiveError { error, .. }) => {
                    if shows_that_token_works(error.status()) {
                        owner.token_works(owner_generation);
                    }
                    let outcome = Outcome::of_response(&error);
                    let error = RenewError::from(RenewErrorKind::Response(error)).at(Step::LocationToken);
                    let error = error.of(session.location());
                    session.gate.fail_with(ticket, &error, outcome, now);
                    Renewing::Done(Err(error))
                }
            },
        }
    }

    /// No response came.
    pub fn failed(self, delivery: Delivery, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        let (step, outcome) = (self.step(), Outcome::of_delivery(delivery));
        if let Err(error) = self.context.check(session, owner) {
            return failed(session, error);
        }
        let error = RenewError::from(RenewErrorKind::NoResponse(delivery)).at(step).of(session.location());
        match self.sent {
            Sent::Login { .. } => {
                owner.gate.fail_with(self.ticket, &error, outcome, now);
                self.context.give_up(session, error)
            }
            Sent::Exchange { .. } => {
                session.gate.fail_with(self.ticket, &error, outcome, now);
                Renewing::Done(Err(error))
            }
        }
    }
}

impl Keep {
    /// The new token: a user's or a Location's. It lives for ever.
    pub fn token(&self) -> SavedToken {
        self.token.clone()
    }

    /// The store was given the token. Where it failed, the token is used all the same, and telling the caller is the driver's part.
    pub fn kept(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        if let Err(error) = self.context.check(session, owner) {
            return failed(session, error);
        }
        match self.of {
            Turn::Owner => {
                owner.saved();
                self.context.exchange(session, owner, now)
            }
            Turn::Location => {
                session.saved();
                if session.generation == self.context.generation {
                    // It was bought for an older token than the one that was rejected now.
                    return self.context.exchange(session, owner, now);
                }
                Renewing::Done(Ok(Replay::new(session)))
            }
        }
    }
}

impl Context {
    fn check(self, session: &Session, owner: &Owner) -> Result<(), RenewError> {
        if session.identity == self.session && owner.identity == self.owner {
            return Ok(());
        }
        Err(RenewErrorKind::Misuse(Misuse::ForeignAttempt).into())
    }

    /// What somebody else has done meanwhile: the token is renewed, or only the store has not been given it.
    fn saved_or_replaced(self, session: &Session) -> Option<Renewing> {
        if let Some((_, token)) = &session.unsaved {
            return Some(Renewing::Keep(Keep { context: self, of: Turn::Location, token: SavedToken::from(token) }));
        }
        (session.generation != self.generation).then(|| Renewing::Done(Ok(Replay::new(session))))
    }

    /// Step 2 with the User Access Token that there is, or else a login first. It is the Location's turn.
    fn exchange(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        if let Err(error) = session.gate.check(now) {
            return self.give_up(session, error.at(Step::LocationToken));
        }
        let exchange = match (&owner.token, &session.target) {
            (Some(user), Some(location)) if owner.unsaved.is_none() => location.exchange(user),
            (_, Some(_)) => return self.await_owner(session, owner, now),
            (_, None) => return self.give_up(session, RenewErrorKind::NotEnabled.into()),
        };
        match exchange {
            Ok(exchange) => {
                let ticket = session.gate.begin();
                let sent = Sent::Exchange { exchange, owner_generation: owner.generation };
                Renewing::SendToken(SendToken { context: self, ticket, sent })
            }
            Err(misuse) => self.give_up(session, RenewErrorKind::Misuse(misuse).into()),
        }
    }

    /// The service refused step 2 with 401: that says nothing of the Location.
    fn user_token_rejected(
        self,
        error: Error,
        owner_generation: u64,
        session: &mut Session,
        owner: &mut Owner,
        now: Duration,
    ) -> Renewing {
        if owner.generation != owner_generation {
            return self.exchange(session, owner, now);
        }
        owner.token = None;
        if !owner.works {
            owner.gate.latch(RenewError::from(RenewErrorKind::InVain).at(Step::UserToken));
        } else if owner.login.is_none() {
            owner.gate.latch(RenewError::from(RenewErrorKind::Response(error)).at(Step::LocationToken));
        }
        self.await_owner(session, owner, now)
    }

    /// There is no User Access Token to use: the owner logs in, or somebody does so already, or nobody can.
    fn await_owner(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        if owner.unsaved.is_none() {
            if let Err(error) = may_log_in(owner, now) {
                return self.give_up(session, error);
            }
        }
        Renewing::AwaitTurn(AwaitTurn { context: self, turn: Turn::Owner, ticket: owner.gate.ticket() })
    }

    /// Step 1, unless somebody else has done it. It is the owner's turn.
    fn log_in(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        if let Some((_, token)) = &owner.unsaved {
            return Renewing::Keep(Keep { context: self, of: Turn::Owner, token: SavedToken::from(token) });
        }
        if owner.token.is_some() {
            return self.exchange(session, owner, now);
        }
        match may_log_in(owner, now) {
            Ok(login) => {
                let ticket = owner.gate.begin();
                let sent = Sent::Login { login, owner_generation: owner.generation };
                Renewing::SendToken(SendToken { context: self, ticket, sent })
            }
            Err(error) => self.give_up(session, error),
        }
    }

    /// The owner can't: all who wait for this Location are told.
    fn give_up(self, session: &mut Session, error: RenewError) -> Renewing {
        let error = error.of(session.location());
        session.gate.fail(self.ticket, &error);
        Renewing::Done(Err(error))
    }
}

fn may_log_in(owner: &Owner, now: Duration) -> Result<UserLogin, RenewError> {
    owner.gate.check(now).map_err(|error| error.at(Step::UserToken))?;
    owner.login.clone().ok_or_else(|| RenewErrorKind::NotEnabled.into())
}

fn failed(session: &Session, error: RenewError) -> Renewing {
    Renewing::Done(Err(error.of(session.location())))
}

/// Step and Location, no credential.
impl fmt::Debug for SendToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendToken")
            .field("step", &self.step())
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}
