//! Acquisition after a 401, and of a Location without a token: which caller waits, which token request is sent, and what follows each response (`Q12`,
//! `Q17`, `Q18`, `Q20`). `opening.rs` has the store's part.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::acquiring::{
    Acquiring, Acquisition, AwaitTurn, Context, Counted, Onward, Purpose, SendToken, Sent, Then, Turn,
};
use crate::login::Held;
use crate::outcome::{Effect, LastOutcome};
use crate::record_key::RecordKey;
use crate::slot::Slot;
use crate::text::clean;
use crate::token::BearerToken;
use crate::token_error::CAUSE_LIMIT;
use crate::{
    Delivery, Error, Flow, Misuse, Owner, SavedToken, Session, Step, TokenError, TokenErrorKind, TokenExchange,
};

/// Whom it is about, and when.
pub(crate) struct On<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) owner: &'a mut Owner,
    pub(crate) now: Duration,
}

impl Acquisition {
    /// Begins, and returns the first state. `now` is the time of day, since 1970. Use the same clock for all calls of an owner.
    pub fn start(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        owner.begin();
        session.slot.count.correct(now);
        owner.slot.count.correct(now);
        let (ended, acts) = (session.slot.ended(), owner.acts);
        let context = Context {
            session: self.session,
            generation: self.generation,
            purpose: self.purpose,
            acts,
            location_turn: None,
            owner_turn: None,
            record: None,
            saves_only: false,
            has_looked: false,
            refused: None,
            is_refused: false,
            failed: None,
            is_second: false,
        };
        let on = match context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        if context.is_served(&on) {
            return on.newer();
        }
        if let Err(misuse) = on.session.app().home().accept(&on.owner.home) {
            return on.failed(misuse.into());
        }
        match (on.session.target.is_some(), context.purpose) {
            (true, _) => {}
            (false, Purpose::Tidy) => return context.await_owner(on),
            (false, Purpose::Token) => return on.failed(TokenErrorKind::NotEnabled.into()),
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
        let slot = on.slot(turn);
        let taken = match slot.take_turn() {
            Ok(taken) => Some(taken),
            Err(misuse) => return on.failed(misuse.into()),
        };
        // What was issued is saved first, whatever the others have met.
        let failed = slot.failed_since(ended).filter(|_| !slot.has_issued() && context.purpose == Purpose::Token);
        match turn {
            Turn::Location => context.location_turn = taken,
            Turn::Owner => context.owner_turn = taken,
        }
        let is_served = match turn {
            Turn::Location => context.is_served(&on),
            Turn::Owner => context.purpose == Purpose::Token && on.owner.usable_token(false).is_some(),
        };
        match (failed, turn) {
            _ if is_served && !on.slot(turn).has_issued() => context.exchange(on),
            (Some(error), Turn::Owner) => context.give_up(on, error),
            (Some(error), Turn::Location) => Acquiring::Done(Err(error)),
            (None, _) => context.open(turn, on),
        }
    }
}

impl SendToken {
    /// The step whose request it is.
    pub fn step(&self) -> Step {
        self.counted.step()
    }

    /// Builds the request. Send it once. It holds secrets.
    pub fn request(&self) -> Request<Bytes> {
        match &self.counted.sent {
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
        let held = held(on.session, on.owner);
        let answer = match &self.counted.sent {
            Sent::Login(login) => login.token(response, held).map(|token| token.secret),
            Sent::Exchange(exchange) => exchange.token(response, held).map(|token| token.secret),
        };
        match answer {
            Ok(token) => self.issued(token, on),
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

    fn issued(self, token: BearerToken, mut on: On<'_>) -> Acquiring {
        let Self { context, counted, .. } = self;
        let (of, now) = (counted.turn(), on.now);
        let replaced = if of == Turn::Owner { counted.owner_generation } else { context.generation };
        if of == Turn::Location && on.owner.slot.generation() == counted.owner_generation {
            on.owner.slot.accepted(true);
            on.session.owes_owner |= on.owner.slot.is_untidy();
        }
        on.slot(of).issued((token, replaced), context.record.as_deref(), counted.before, now);
        // The caller may be dropped before it is written.
        on.session.owes_owner |= of == Turn::Owner;
        context.write(of, Then::Use, on)
    }

    /// Step 2 got a 401. That says nothing about the Location, unless the next User Access Token gets one, too.
    fn user_token_refused(mut self, error: Error, on: On<'_>) -> Acquiring {
        let outcome = LastOutcome::from(&error);
        let error = TokenError::from(TokenErrorKind::Response(error));
        let before = self.counted.before.clone();
        if on.owner.slot.generation() != self.counted.owner_generation {
            // The program, or another caller, has set another one meanwhile.
            on.session.slot.count.ended(before, Effect::None { wait: Duration::ZERO }, outcome, on.now);
            return self.context.record_outcome(Turn::Location, Onward::Exchange, on);
        }
        if on.owner.slot.is_young(on.now) {
            return self.end(error.early(), Effect::Unknown, outcome, on);
        }
        on.owner.slot.reject();
        if !on.owner.has_login() && (self.context.saves_only || self.context.has_looked) {
            return self.end(error, Effect::Refused, outcome, on);
        }
        // Another process may have a newer one, which is in the store then: that explains the refusal.
        let effect = match self.context.saves_only {
            true => Effect::UserTokenRefused,
            false => Effect::None { wait: Duration::ZERO },
        };
        on.session.slot.count.ended(before, effect, outcome, on.now);
        if let Some(record) = &mut self.context.record {
            record.refused = on.owner.slot.token().map(BearerToken::fingerprint);
        }
        self.context.refused = Some(Box::new(error.at(Step::LocationToken)));
        self.context.is_refused = true;
        self.context.record_outcome(Turn::Location, Onward::AwaitOwner, on)
    }

    /// The request got no token: that is the failure of all callers that wait now, unless the program has changed the credentials meanwhile.
    fn end(self, error: TokenError, effect: Effect, outcome: LastOutcome, mut on: On<'_>) -> Acquiring {
        let Self { context, counted, .. } = self;
        let (error, of, now) = (error.at(counted.step()), counted.turn(), on.now);
        on.see(of);
        on.slot(of).count.ended(counted.before, effect, outcome, now);
        if of == Turn::Owner {
            on.owner.slot.tell(context.is_current(&on).then(|| error.clone()));
        }
        context.record_outcome(of, Onward::GiveUp(Box::new(error)), on)
    }
}

impl Counted {
    pub(crate) fn turn(&self) -> Turn {
        if self.step() == Step::UserToken { Turn::Owner } else { Turn::Location }
    }

    fn step(&self) -> Step {
        match &self.sent {
            Sent::Login(_) => Step::UserToken,
            Sent::Exchange(_) => Step::LocationToken,
        }
    }
}

impl Context {
    /// Returns an error if the session or the owner is not the one that it began with.
    pub(crate) fn meet<'a>(
        &self,
        session: &'a mut Session,
        owner: &'a mut Owner,
        now: Duration,
    ) -> Result<On<'a>, TokenError> {
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

    /// Whether there is a newer token for the call: another caller may have got one, or the program has set one.
    fn is_served(&self, on: &On<'_>) -> bool {
        self.purpose == Purpose::Token && on.session.slot.generation() != self.generation
    }

    /// Step 2 with the User Access Token that there is, or else a login first. It is the Location's turn.
    pub(crate) fn exchange(mut self, mut on: On<'_>) -> Acquiring {
        if self.owner_turn.take().is_some() {
            self.record = None;
        }
        if self.is_served(&on) {
            return on.newer();
        }
        if !self.saves_only && self.record.is_none() {
            return self.open(Turn::Location, on);
        }
        on.see(Turn::Location);
        self.acts = on.owner.acts;
        if self.saves_only && !on.owner.has_means() && !on.owner.slot.has_issued() {
            return self.give_up(on, TokenErrorKind::NotEnabled.into());
        }
        if let Err(error) = self.may_send(Turn::Location, &on) {
            return self.give_up(on, error);
        }
        let may_repeat = self.saves_only || self.has_looked;
        let refused = self.record.as_ref().and_then(|record| record.refused).filter(|_| !may_repeat);
        if refused.is_some() && refused == on.owner.slot.token().map(BearerToken::fingerprint) {
            // Another process has met that.
            on.owner.slot.reject();
            self.is_refused = true;
        }
        match (on.owner.usable_token(may_repeat), &on.session.target) {
            (Some(user), Some(location)) => {
                let sent = Sent::Exchange(TokenExchange::new(location.clone(), user.clone()));
                self.send(sent, Turn::Location, on)
            }
            _ => self.await_owner(on),
        }
    }

    /// There is no User Access Token to use: waits for the turn to log in.
    pub(crate) fn await_owner(mut self, on: On<'_>) -> Acquiring {
        // No caller has two turns of the store, or waits for another caller with one.
        self.record = None;
        self.acts = on.owner.acts;
        if self.saves_only {
            if let Err(error) = on.owner.may_renew(on.now) {
                return self.give_up(on, error);
            }
        }
        Acquiring::AwaitTurn(AwaitTurn { context: self, turn: Turn::Owner, ended: on.owner.slot.ended() })
    }

    /// Step 1, unless another caller has done it. It is the owner's turn.
    pub(crate) fn log_in(mut self, mut on: On<'_>) -> Acquiring {
        if self.is_served(&on) || on.owner.usable_token(false).is_some() {
            (self.refused, self.is_refused) = (None, false);
            return self.exchange(on);
        }
        on.see(Turn::Owner);
        (self.acts, self.has_looked) = (on.owner.acts, true);
        let Some(login) = on.owner.login.clone() else {
            return match self.refused.clone() {
                Some(refused) => self.fail(on, *refused),
                // It was refused long ago: that may have changed.
                None if on.owner.usable_token(true).is_some() => self.exchange(on),
                None => self.give_up(on, TokenErrorKind::NotEnabled.into()),
            };
        };
        match self.may_send(Turn::Owner, &on) {
            Ok(()) => self.send(Sent::Login(login), Turn::Owner, on),
            Err(error) => self.fail(on, error),
        }
    }

    /// The owner gets no token. If step 2 has refused theirs, the Location's record has to know that first.
    fn fail(mut self, on: On<'_>, error: TokenError) -> Acquiring {
        if self.saves_only || !self.is_refused {
            return self.give_up(on, error);
        }
        (self.failed, self.owner_turn) = (Some(Box::new(error)), None);
        self.open(Turn::Location, on)
    }

    /// Returns an error if no request may be sent, whatever the means.
    fn may_send(&self, of: Turn, on: &On<'_>) -> Result<(), TokenError> {
        let (slot, step) = match of {
            Turn::Owner => (&on.owner.slot, Step::UserToken),
            Turn::Location => (&on.session.slot, Step::LocationToken),
        };
        let may_send = match &self.record {
            Some(record) if record.is_newer => Err(TokenError::store("the record is of a newer version of this crate")),
            Some(_) if slot.is_forgotten => Err(TokenErrorKind::Forgotten.into()),
            _ => slot.count.check(on.now),
        };
        may_send.map_err(|error| error.at(step))
    }

    fn send(self, sent: Sent, of: Turn, mut on: On<'_>) -> Acquiring {
        let (owner_generation, now) = (on.owner.slot.generation(), on.now);
        let before = on.slot(of).count.count(now);
        let counted = Counted { sent, owner_generation, before };
        match self.saves_only {
            true => Acquiring::SendToken(SendToken { context: self, counted, cause: None }),
            false => self.write(of, Then::Send(counted), on),
        }
    }

    /// Ends with an error, for all callers that wait for this Location.
    pub(crate) fn give_up(self, on: On<'_>, error: TokenError) -> Acquiring {
        let error = on.session.about(error);
        if self.purpose == Purpose::Tidy {
            return Acquiring::Done(Err(error));
        }
        on.session.slot.tell(self.is_current(&on).then(|| error.clone()));
        if self.is_served(&on) { on.newer() } else { Acquiring::Done(Err(error)) }
    }
}

impl On<'_> {
    pub(crate) fn slot(&mut self, of: Turn) -> &mut Slot {
        if of == Turn::Owner { &mut self.owner.slot } else { &mut self.session.slot }
    }

    /// Sees what the program has done to the owner meanwhile: from now on the caller acts with that.
    fn see(&mut self, of: Turn) {
        let (acts, has_means) = (self.owner.acts, self.owner.has_means());
        self.slot(of).see(acts, has_means);
    }

    pub(crate) fn key(&self, of: Turn) -> RecordKey {
        RecordKey::new(self.session.app().environment(), self.session.location().filter(|_| of == Turn::Location))
    }

    pub(crate) fn saved_token(&self, of: Turn, token: BearerToken) -> SavedToken {
        let location = self.session.location().filter(|_| of == Turn::Location);
        SavedToken::new(self.session.app().home(), location, token)
    }

    /// There is a newer token.
    pub(crate) fn newer(&self) -> Acquiring {
        Acquiring::Done(Ok(self.session.replay_now()))
    }

    fn failed(&self, error: TokenError) -> Acquiring {
        Acquiring::Done(Err(self.session.about(error)))
    }
}

/// What no error repeats.
pub(crate) fn held<'a>(session: &'a Session, owner: &'a Owner) -> Held<'a> {
    Held { login: owner.login.as_ref(), user: owner.slot.token(), location: session.slot.token() }
}
