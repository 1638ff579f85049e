//! What the outcome of a token request means for the next one (`Q17`): counted for an owner (step 1) and for a Location (step 2).

use core::time::Duration;

use crate::outcome::Outcome;
use crate::{RenewError, RenewErrorKind};

/// As many token requests in a row may have an unknown outcome: each may have created a token that nobody has.
const MOST_UNKNOWN: u8 = 2;

/// Whether the next token request may be sent.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// How often the program has armed it again: what began before says nothing of what came after.
    armed: u64,
    /// A request was let through and has not ended. Whoever takes the next turn knows by it that its sender was dropped.
    in_flight: bool,
    /// Outcomes in a row that are unknown.
    unknown: u8,
    latch: Option<RenewError>,
    /// The service asked that nobody sends before.
    not_before: Option<Duration>,
    /// How many requests have ended. Who waits for one sees by it that it has.
    ended: u64,
    /// How the last of them failed, if it did, and how often the gate was armed when it began.
    failure: Option<(u64, RenewError)>,
}

/// What a caller remembers who begins to wait, or to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    armed: u64,
    ended: u64,
}

impl Gate {
    /// The program has set credentials: that decision is the program's alone.
    pub(crate) fn arm(&mut self) {
        let (armed, ended) = (self.armed.saturating_add(1), self.ended);
        *self = Self { armed, ended, ..Self::default() };
    }

    /// Why nobody may send, if nobody may.
    pub(crate) fn check(&self, now: Duration) -> Result<(), RenewError> {
        if let Some(latch) = &self.latch {
            return Err(latch.clone());
        }
        if self.unknown >= MOST_UNKNOWN {
            return Err(RenewErrorKind::InDoubt.into());
        }
        match self.not_before.and_then(|until| until.checked_sub(now)) {
            Some(wait) if !wait.is_zero() => Err(RenewErrorKind::Postponed(wait).into()),
            _ => Ok(()),
        }
    }

    /// It is the caller's turn: what is still in flight was dropped by its sender, so its outcome is unknown.
    pub(crate) fn take_turn(&mut self) {
        if core::mem::take(&mut self.in_flight) {
            self.unknown = self.unknown.saturating_add(1);
        }
    }

    pub(crate) fn ticket(&self) -> Ticket {
        Ticket { armed: self.armed, ended: self.ended }
    }

    /// How the request failed that the caller waited for: it failed for all who waited.
    pub(crate) fn failed_since(&self, ticket: Ticket) -> Option<RenewError> {
        let (armed, failure) = self.failure.as_ref()?;
        (self.ended != ticket.ended && *armed == ticket.armed).then(|| failure.clone())
    }

    /// Notes a request before it is sent.
    pub(crate) fn begin(&mut self) -> Ticket {
        self.in_flight = true;
        self.ticket()
    }

    /// A request has led to a token, or to an answer that says nothing of whom the gate is for. What was unknown before stays counted until
    /// the token has worked.
    pub(crate) fn end(&mut self, ticket: Ticket) {
        if ticket.armed == self.armed {
            self.in_flight = false;
        }
        self.ended = self.ended.saturating_add(1);
        self.failure = None;
    }

    /// A request, or what had to come before it, has failed: for all who wait now.
    pub(crate) fn fail(&mut self, ticket: Ticket, error: &RenewError) {
        self.end(ticket);
        self.failure = Some((ticket.armed, error.clone()));
    }

    /// A request has failed, and this is what is known of it.
    pub(crate) fn fail_with(&mut self, ticket: Ticket, error: &RenewError, outcome: Outcome, now: Duration) {
        self.fail(ticket, error);
        if ticket.armed != self.armed {
            return;
        }
        match outcome {
            Outcome::NotActed(wait) => self.not_before = wait.map(|wait| now.saturating_add(wait)),
            Outcome::Final => self.latch = Some(error.clone()),
            Outcome::Unknown => self.unknown = self.unknown.saturating_add(1),
        }
    }

    pub(crate) fn latch(&mut self, error: RenewError) {
        self.latch = Some(error);
    }

    pub(crate) fn latched(&self) -> Option<&RenewError> {
        self.latch.as_ref()
    }

    pub(crate) fn in_doubt(&self) -> bool {
        self.unknown >= MOST_UNKNOWN
    }

    /// The token that was issued last has worked: nothing is in doubt any more.
    pub(crate) fn token_works(&mut self) {
        self.unknown = 0;
    }
}
