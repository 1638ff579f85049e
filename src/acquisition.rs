//! Acquisition after a 401, and of a Location without a token: which caller waits, which token request is sent, and what follows each response (`Q12`,
//! `Q17`, `Q18`).

use core::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::acquiring::{Acquiring, Acquisition, AwaitTurn, Context, Keep, SendToken, Sent, Turn};
use crate::login::Held;
use crate::outcome::{Effect, LastOutcome};
use crate::slot::Slot;
use crate::text::clean;
use crate::token::BearerToken;
use crate::{
    Delivery, Error, Flow, Misuse, Owner, SavedToken, Session, Step, TokenError, TokenErrorKind, TokenExchange,
};

/// Whom it is about, and when.
struct On<'a> {
    session: &'a mut Session,
    owner: &'a mut Owner,
    now: Duration,
}

impl Acquisition {
    /// Begins, and returns the first state. `now` is the time of day, since 1970. Use the same clock for all calls of an owner.
    pub fn start(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        let (ended, acts) = (session.slot.ended(), owner.acts);
        let Self { session: identity, generation } = self;
        let context = Context { session: identity, generation, acts, location_turn: None, owner_turn: None };
        let on = match context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        if !context.is_unreplaced(&on) {
            return on.newer();
        }
        if let Err(misuse) = on.session.app().home().accept(&on.owner.home) {
            return on.failed(misuse.into());
        }
        on.session.see(on.owner);
        on.session.slot.record.correct(now);
        on.owner.slot.record.correct(now);
        if on.session.slot.unsaved().is_none() {
            if on.session.target.is_none() || !on.owner.has_means() {
                return on.failed(TokenErrorKind::NotEnabled.into());
            }
            if let Err(error) = on.session.slot.check(now) {
                return on.failed(error.at(Step::LocationToken));
            }
        }
        Acquiring::AwaitTurn(AwaitTurn { context, turn: Turn::Location, ended })
    }
}

impl AwaitTurn {
    /// The turn to wait for.
    pub fn turn(&self) -> Turn {
        self.turn
    }

    /// Takes the turn, once no other caller has it, and returns the next state.
    ///
    /// It ends with [`Misuse::TurnTaken`] if another caller still has the turn: keep a turn until [`Acquiring::holds`] is false for it.
    pub fn granted(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        let Self { mut context, turn, ended } = self;
        let mut on = match context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        let taken = match on.slot(turn).take_turn() {
            Ok(taken) => Some(taken),
            Err(misuse) => return on.failed(misuse.into()),
        };
        match turn {
            Turn::Location => context.location_turn = taken,
            Turn::Owner => context.owner_turn = taken,
        }
        if let Some(token) = on.unsaved(turn) {
            return Acquiring::Keep(Keep { context, of: turn, token });
        }
        on.session.see(on.owner);
        match (on.slot(turn).failed_since(ended), turn) {
            (Some(error), Turn::Owner) => context.give_up(on, error),
            (Some(error), Turn::Location) if context.is_unreplaced(&on) => Acquiring::Done(Err(error)),
            (_, Turn::Location) => context.exchange(on),
            (None, Turn::Owner) => context.log_in(on),
        }
    }
}

impl SendToken {
    /// The step whose request it is.
    pub fn step(&self) -> Step {
        match &self.sent {
            Sent::Login(_) => Step::UserToken,
            Sent::Exchange(_) => Step::LocationToken,
        }
    }

    /// Builds the request. Send it once. It holds secrets.
    pub fn request(&self) -> Request<Bytes> {
        match &self.sent {
            Sent::Login(login) => login.request(),
            Sent::Exchange(exchange) => exchange.request(),
        }
    }

    /// Takes the response, whatever its status, and returns the next state.
    pub fn received<B: AsRef<[u8]>>(
        self,
        response: &Response<B>,
        session: &mut Session,
        owner: &mut Owner,
        now: Duration,
    ) -> Acquiring {
        let on = match self.context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        let (user, location) = (on.owner.slot.token(), on.session.slot.token());
        let held = Held { login: on.owner.login.as_ref(), user, location };
        let answer = match &self.sent {
            Sent::Login(login) => login.token(response, held).map(|token| (SavedToken::from(&token), token.secret)),
            Sent::Exchange(exchange) => {
                exchange.token(response, held).map(|token| (SavedToken::from(&token), token.secret))
            }
        };
        match answer {
            Ok((saved, token)) => self.issued(saved, token, on),
            Err(error) if self.step() == Step::LocationToken && error.status() == 401 => {
                self.user_token_refused(error, on)
            }
            Err(error) => {
                let (effect, outcome) = (Effect::of_response(&error), LastOutcome::from(&error));
                self.end(TokenErrorKind::Response(error).into(), effect, outcome, on)
            }
        }
    }

    /// Says why there is no response, before [`failed`](Self::failed) does that there is none. All callers that wait for the request get this line as
    /// well, so it must be safe to log.
    pub fn because(self, cause: &str) -> Self {
        Self { cause: Some(clean(cause, CAUSE_LIMIT)), ..self }
    }

    /// Takes the failure if there is no response, and returns the next state.
    pub fn failed(mut self, delivery: Delivery, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        let on = match self.context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        let error = TokenError::from(TokenErrorKind::NoResponse(delivery)).because(self.cause.take());
        self.end(error, Effect::of_delivery(delivery), LastOutcome::NoResponse(delivery), on)
    }

    fn issued(self, saved: SavedToken, token: BearerToken, mut on: On<'_>) -> Acquiring {
        let (of, now) = (self.turn(), on.now);
        let Self { context, owner_generation, before, .. } = self;
        let replaced = if of == Turn::Owner { owner_generation } else { context.generation };
        if of == Turn::Location && on.owner.slot.generation() == owner_generation {
            on.owner.slot.accepted(true);
        }
        on.slot(of).issued(token, replaced, before, now);
        Acquiring::Keep(Keep { context, of, token: saved })
    }

    /// Step 2 got a 401. That says nothing about the Location, unless the next User Access Token gets one, too.
    fn user_token_refused(self, error: Error, on: On<'_>) -> Acquiring {
        let outcome = LastOutcome::from(&error);
        let error = TokenError::from(TokenErrorKind::Response(error));
        if on.owner.slot.generation() != self.owner_generation {
            // The program, or another caller, has set another one meanwhile.
            on.session.slot.record.ended(self.before, Effect::None { wait: Duration::ZERO }, outcome, on.now);
            return self.context.exchange(on);
        }
        if on.owner.slot.is_young(on.now) {
            return self.end(error.early(), Effect::Unknown, outcome, on);
        }
        on.owner.slot.reject();
        if !on.owner.has_login() {
            return self.end(error, Effect::Refused, outcome, on);
        }
        on.session.slot.record.ended(self.before, Effect::UserTokenRefused, outcome, on.now);
        self.context.await_owner(on)
    }

    /// The request got no token: that is the failure of all callers that wait now, unless the program has changed the credentials meanwhile.
    fn end(self, error: TokenError, effect: Effect, outcome: LastOutcome, mut on: On<'_>) -> Acquiring {
        let (error, of, now) = (error.at(self.step()), self.turn(), on.now);
        on.session.see(on.owner);
        on.slot(of).record.ended(self.before, effect, outcome, now);
        if of == Turn::Owner {
            on.owner.slot.tell(self.context.is_current(&on).then(|| error.clone()));
        }
        self.context.give_up(on, error)
    }

    fn turn(&self) -> Turn {
        if self.step() == Step::UserToken { Turn::Owner } else { Turn::Location }
    }
}

impl Keep {
    /// The new token: a user's or a Location's. It never expires.
    pub fn token(&self) -> SavedToken {
        self.token.clone()
    }

    /// Uses the token, once the store has it, and returns the next state. If the store fails, call it, too: the token is used, and the driver
    /// reports the failure.
    pub fn kept(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        let mut on = match self.context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        on.slot(self.of).saved();
        if self.of == Turn::Owner { self.context.exchange(on) } else { on.newer() }
    }
}

impl Context {
    /// Returns an error if the session or the owner is not the one that it began with.
    fn meet<'a>(&self, session: &'a mut Session, owner: &'a mut Owner, now: Duration) -> Result<On<'a>, TokenError> {
        let misuse = match (session.identity == self.session, owner.acts.owner == self.acts.owner) {
            (true, true) => return Ok(On { session, owner, now }),
            (false, _) => Misuse::ForeignAttempt,
            (true, false) => Misuse::ForeignOwner,
        };
        Err(session.about(misuse.into()))
    }

    /// Whether the credentials are those that the caller has acted with.
    fn is_current(&self, on: &On<'_>) -> bool {
        self.acts.has_credentials_of(&on.owner.acts)
    }

    /// Whether there is no newer token: another caller may have got one, or the program has set one.
    fn is_unreplaced(&self, on: &On<'_>) -> bool {
        on.session.slot.generation() == self.generation
    }

    /// Sees what the program has done to the owner meanwhile: from now on the caller acts with that.
    fn see(&mut self, on: &mut On<'_>) {
        on.session.see(on.owner);
        self.acts = on.owner.acts;
    }

    /// Step 2 with the User Access Token that there is, or else a login first. It is the Location's turn.
    fn exchange(mut self, mut on: On<'_>) -> Acquiring {
        self.owner_turn = None;
        if !self.is_unreplaced(&on) {
            return on.newer();
        }
        self.see(&mut on);
        if let Err(error) = on.session.slot.record.check(on.now) {
            return self.give_up(on, error.at(Step::LocationToken));
        }
        match (on.owner.usable_token(), &on.session.target) {
            (Some(user), Some(location)) => {
                let sent = Sent::Exchange(TokenExchange::new(location.clone(), user.clone()));
                self.send(sent, Turn::Location, on)
            }
            _ => self.await_owner(on),
        }
    }

    /// There is no User Access Token to use: waits for the turn to log in, or fails if the owner can't log in.
    fn await_owner(mut self, mut on: On<'_>) -> Acquiring {
        self.see(&mut on);
        match on.owner.may_renew(on.now) {
            Ok(()) => {
                Acquiring::AwaitTurn(AwaitTurn { context: self, turn: Turn::Owner, ended: on.owner.slot.ended() })
            }
            Err(error) => self.give_up(on, error),
        }
    }

    /// Step 1, unless another caller has done it. It is the owner's turn.
    fn log_in(mut self, mut on: On<'_>) -> Acquiring {
        if !self.is_unreplaced(&on) || on.owner.usable_token().is_some() {
            return self.exchange(on);
        }
        self.see(&mut on);
        match on.owner.may_log_in(on.now).cloned() {
            Ok(login) => self.send(Sent::Login(login), Turn::Owner, on),
            Err(error) => self.give_up(on, error),
        }
    }

    fn send(self, sent: Sent, of: Turn, mut on: On<'_>) -> Acquiring {
        let (owner_generation, now) = (on.owner.slot.generation(), on.now);
        let before = on.slot(of).record.count(now);
        Acquiring::SendToken(SendToken { context: self, sent, owner_generation, before, cause: None })
    }

    /// Ends with an error, for all callers that wait for this Location.
    fn give_up(self, on: On<'_>, error: TokenError) -> Acquiring {
        let error = on.session.about(error);
        on.session.slot.tell(self.is_current(&on).then(|| error.clone()));
        if self.is_unreplaced(&on) { Acquiring::Done(Err(error)) } else { on.newer() }
    }
}

impl On<'_> {
    fn slot(&mut self, of: Turn) -> &mut Slot {
        if of == Turn::Owner { &mut self.owner.slot } else { &mut self.session.slot }
    }

    fn unsaved(&self, of: Turn) -> Option<SavedToken> {
        if of == Turn::Owner { self.owner.unsaved() } else { self.session.unsaved() }
    }

    /// There is a newer token.
    fn newer(&self) -> Acquiring {
        Acquiring::Done(Ok(self.session.replay_now()))
    }

    fn failed(&self, error: TokenError) -> Acquiring {
        Acquiring::Done(Err(self.session.about(error)))
    }
}

/// The longest cause that is kept, in bytes.
const CAUSE_LIMIT: usize = 256;
