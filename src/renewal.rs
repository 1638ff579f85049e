//! Renewal after a 401, and of a Location without a token: which caller waits, which token request is sent, and what follows each response (`Q12`,
//! `Q17`, `Q18`).

use core::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::login::Held;
use crate::outcome::Outcome;
use crate::renewing::{Context, Sent, Unsaved};
use crate::{
    AwaitTurn, Delivery, Error, Flow, Keep, Misuse, Owner, RenewError, RenewErrorKind, Renewal, Renewing, SavedToken,
    SendToken, Session, Step, TokenExchange, Turn, UserLogin,
};

impl Renewal {
    /// Begins the renewal, and returns its first state. `now` is the time of a clock that only goes forward. Use the
    /// same clock for all calls of an owner.
    pub fn start(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        if session.identity != self.session {
            return failed(session, Misuse::ForeignAttempt.into());
        }
        if session.generation != self.generation {
            return Renewing::Done(Ok(session.leave_to_replay()));
        }
        if let Err(misuse) = session.app().home().accept(&owner.home) {
            return failed(session, misuse.into());
        }
        session.arm_after(owner);
        if session.target.is_none() || !owner.can_renew() && session.unsaved.is_none() {
            return failed(session, RenewErrorKind::NotEnabled.into());
        }
        let checked = if session.unsaved.is_some() { Ok(()) } else { session.check_renewal(now) };
        match checked {
            Ok(()) => {
                let (generation, ticket) = (self.generation, session.gate.ticket());
                let (session, owner) = (self.session, owner.identity);
                let context = Context { session, owner, generation, ticket, refused: false };
                Renewing::AwaitTurn(AwaitTurn { context, turn: Turn::Location, ticket })
            }
            Err(error) => failed(session, error.at(Step::LocationToken)),
        }
    }
}

impl AwaitTurn {
    /// The turn to wait for.
    pub fn turn(&self) -> Turn {
        self.turn
    }

    /// Takes the turn, once no other caller has it, and returns the next state.
    pub fn granted(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        let Self { context, turn, ticket } = self;
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
    /// The step whose request it is.
    pub fn step(&self) -> Step {
        match self.sent {
            Sent::Login { .. } => Step::UserToken,
            Sent::Exchange { .. } => Step::LocationToken,
        }
    }

    /// Builds the request. Send it once. It holds secrets.
    pub fn request(&self) -> Request<Bytes> {
        match &self.sent {
            Sent::Login { login, .. } => login.request(),
            Sent::Exchange { exchange, .. } => exchange.request(),
        }
    }

    /// Takes the response, whatever its status, and returns the next state.
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
        session.arm_after(owner);
        let user = owner.token.as_ref().map(|token| &token.secret);
        let held = Held { login: owner.login.as_ref(), user, location: session.token.as_ref() };
        match sent {
            Sent::Login { login, owner_generation } => match login.token(response, held) {
                Ok(token) => {
                    owner.gate.end(ticket);
                    let saved = SavedToken::from(&token);
                    owner.unsaved = Some(Unsaved { token, replaced: owner_generation, ticket });
                    Renewing::Keep(Keep { context, of: Turn::Owner, token: saved })
                }
                Err(error) => {
                    let outcome = Outcome::of_response(&error);
                    let error = RenewError::from(RenewErrorKind::Response(error)).at(Step::UserToken);
                    owner.gate.fail_with(ticket, &error, outcome, now);
                    context.give_up(session, error)
                }
            },
            Sent::Exchange { exchange, owner_generation } => match exchange.token(response, held) {
                Ok(token) => {
                    session.gate.end(ticket);
                    owner.token_works(owner_generation);
                    let saved = SavedToken::from(&token);
                    session.unsaved = Some(Unsaved { token, replaced: context.generation, ticket });
                    Renewing::Keep(Keep { context, of: Turn::Location, token: saved })
                }
                Err(error) if error.status() == 401 => {
                    session.gate.end(ticket);
                    context.user_token_rejected(error, owner_generation, session, owner, now)
                }
                Err(error) => {
                    let outcome = Outcome::of_response(&error);
                    let error = RenewError::from(RenewErrorKind::Response(error)).at(Step::LocationToken);
                    let error = session.about(error);
                    session.gate.fail_with(ticket, &error, outcome, now);
                    context.end(session, error)
                }
            },
        }
    }

    /// Takes the failure if there is no response, and returns the next state.
    pub fn failed(self, delivery: Delivery, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        let (step, outcome) = (self.step(), Outcome::of_delivery(delivery));
        if let Err(error) = self.context.check(session, owner) {
            return failed(session, error);
        }
        session.arm_after(owner);
        let error = session.about(RenewError::from(RenewErrorKind::NoResponse(delivery)).at(step));
        match self.sent {
            Sent::Login { .. } => {
                owner.gate.fail_with(self.ticket, &error, outcome, now);
                self.context.give_up(session, error)
            }
            Sent::Exchange { .. } => {
                session.gate.fail_with(self.ticket, &error, outcome, now);
                self.context.end(session, error)
            }
        }
    }
}

impl Keep {
    /// The new token: a user's or a Location's. It never expires.
    pub fn token(&self) -> SavedToken {
        self.token.clone()
    }

    /// Uses the token, once the store has it, and returns the next state. If the store fails, call it, too: the token is used, and the driver
    /// reports the failure.
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
                Renewing::Done(Ok(session.leave_to_replay()))
            }
        }
    }
}

impl Context {
    fn check(self, session: &Session, owner: &Owner) -> Result<(), RenewError> {
        if session.identity == self.session && owner.identity == self.owner {
            return Ok(());
        }
        Err(Misuse::ForeignAttempt.into())
    }

    /// Checks whether another caller has got a new token meanwhile, and whether that token is saved.
    fn saved_or_replaced(self, session: &Session) -> Option<Renewing> {
        if let Some(unsaved) = &session.unsaved {
            let token = SavedToken::from(&unsaved.token);
            return Some(Renewing::Keep(Keep { context: self, of: Turn::Location, token }));
        }
        self.replaced(session)
    }

    /// The end, if there is a newer token: another caller got it, or the program has set it.
    fn replaced(self, session: &Session) -> Option<Renewing> {
        (session.generation != self.generation).then(|| Renewing::Done(Ok(session.leave_to_replay())))
    }

    /// Step 2 with the User Access Token that there is, or else a login first. It is the Location's turn.
    fn exchange(mut self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        if let Some(next) = self.replaced(session) {
            return next;
        }
        // The program may have set new credentials during the login.
        session.arm_after(owner);
        self.ticket = session.gate.ticket();
        if let Err(error) = session.check_renewal(now) {
            return self.give_up(session, error.at(Step::LocationToken));
        }
        match (&owner.token, &session.target) {
            (Some(user), Some(location)) if owner.unsaved.is_none() => {
                let exchange = TokenExchange::new(location.clone(), user.secret.clone());
                let ticket = session.gate.begin();
                let sent = Sent::Exchange { exchange, owner_generation: owner.generation };
                Renewing::SendToken(SendToken { context: self, ticket, sent })
            }
            _ => self.await_owner(session, owner, now),
        }
    }

    /// Step 2 got a 401: that says nothing about the Location, unless the next User Access Token gets one, too, and works for others.
    fn user_token_rejected(
        mut self,
        error: Error,
        owner_generation: u64,
        session: &mut Session,
        owner: &mut Owner,
        now: Duration,
    ) -> Renewing {
        if owner.generation != owner_generation {
            return self.exchange(session, owner, now);
        }
        if core::mem::replace(&mut self.refused, true) && owner.works {
            let error = RenewError::from(RenewErrorKind::Response(error)).at(Step::LocationToken);
            session.gate.latch(session.about(error.clone()));
            return self.give_up(session, error);
        }
        owner.token_rejected();
        if !owner.works {
            owner.gate.latch(RenewError::from(RenewErrorKind::InVain).at(Step::UserToken));
        } else if owner.login.is_none() {
            owner.gate.latch(RenewError::from(RenewErrorKind::Response(error)).at(Step::LocationToken));
        }
        self.await_owner(session, owner, now)
    }

    /// There is no User Access Token to use: waits for the turn to log in, or fails if the owner can't log in.
    fn await_owner(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        if owner.unsaved.is_none() {
            if let Err(error) = may_log_in(owner, now) {
                return self.give_up(session, error);
            }
        }
        Renewing::AwaitTurn(AwaitTurn { context: self, turn: Turn::Owner, ticket: owner.gate.ticket() })
    }

    /// Step 1, unless another caller has done it. It is the owner's turn.
    fn log_in(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
        if let Some(unsaved) = &owner.unsaved {
            return Renewing::Keep(Keep { context: self, of: Turn::Owner, token: SavedToken::from(&unsaved.token) });
        }
        if let Some(next) = self.replaced(session) {
            return next;
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

    /// Ends the renewal with an error, for all callers that wait for this Location.
    fn give_up(self, session: &mut Session, error: RenewError) -> Renewing {
        let error = session.about(error);
        session.gate.fail(self.ticket, &error);
        self.end(session, error)
    }

    fn end(self, session: &Session, error: RenewError) -> Renewing {
        self.replaced(session).unwrap_or(Renewing::Done(Err(error)))
    }
}

fn may_log_in(owner: &Owner, now: Duration) -> Result<UserLogin, RenewError> {
    owner.gate.check(now).map_err(|error| error.at(Step::UserToken))?;
    owner.login.clone().ok_or_else(|| RenewErrorKind::NotEnabled.into())
}

fn failed(session: &Session, error: RenewError) -> Renewing {
    Renewing::Done(Err(session.about(error)))
}
