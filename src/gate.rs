//! Whether the outcome of a token request allows the next one (`Q17`): one gate for an owner (step 1), and one for each Location (step 2).

use core::time::Duration;

use crate::outcome::Outcome;
use crate::{Fault, RenewError, RenewErrorKind};

/// At most this many token requests in a row may have an unknown outcome: each may have created a token that nobody has.
const MOST_UNKNOWN: u8 = 2;

/// Whether the next token request may be sent.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// How often the program has set credentials. The outcome of a request that began before the last time does not count, except a wait.
    armed: u64,
    /// A request has begun and has not ended. If it is set when a caller takes the next turn, the sender was dropped.
    in_flight: bool,
    /// How many outcomes in a row are unknown.
    unknown: u8,
    latch: Option<RenewError>,
    /// The service asked for no request before this time, and whose fault that was.
    not_before: Option<(Duration, Fault)>,
    /// How many requests have ended. A caller that waits for one sees from it that the request has ended.
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
    /// The program has set credentials: only that opens the gate again.
    pub(crate) fn arm(&mut self) {
        let (armed, ended) = (self.armed.saturating_add(1), self.ended);
        *self = Self { armed, ended, ..Self::default() };
    }

    /// Returns an error if no request may be sent now.
    pub(crate) fn check(&self, now: Duration) -> Result<(), RenewError> {
        if let Some(latch) = &self.latch {
            return Err(latch.clone());
        }
        if self.unknown >= MOST_UNKNOWN {
            return Err(RenewErrorKind::InDoubt.into());
        }
        match self.not_before.map(|(until, fault)| (until.saturating_sub(now), fault)) {
            Some((wait, fault)) if !wait.is_zero() => Err(RenewErrorKind::Postponed { wait, fault }.into()),
            _ => Ok(()),
        }
    }

    /// It is the caller's turn: what is still in flight was dropped by its sender, so its outcome is unknown.
    pub(crate) fn take_turn(&mut self) {
        if core::mem::take(&mut self.in_flight) {
            self.unknown = self.unknown.saturating_add(1);
        }
    }

    /// Whether the program has set credentials since.
    pub(crate) fn is_armed_since(&self, ticket: Ticket) -> bool {
        self.armed != ticket.armed
    }

    pub(crate) fn ticket(&self) -> Ticket {
        Ticket { armed: self.armed, ended: self.ended }
    }

    /// The error of the request that the caller waited for. All callers that waited get it, unless its credentials are older than the caller's.
    pub(crate) fn failed_since(&self, ticket: Ticket) -> Option<RenewError> {
        let (armed, failure) = self.failure.as_ref()?;
        (self.ended != ticket.ended && *armed >= ticket.armed).then(|| failure.clone())
    }

    /// Records a request before it is sent.
    pub(crate) fn begin(&mut self) -> Ticket {
        self.in_flight = true;
        self.ticket()
    }

    /// Records that a request got a token, or a response that says nothing about the owner or Location of this gate. Earlier unknown outcomes stay
    /// counted until the token has worked.
    pub(crate) fn end(&mut self, ticket: Ticket) {
        if !self.is_armed_since(ticket) {
            self.in_flight = false;
        }
        self.ended = self.ended.saturating_add(1);
        self.failure = None;
    }

    /// Records that a request, or one that had to come before it, failed for all callers that wait now.
    pub(crate) fn fail(&mut self, ticket: Ticket, error: &RenewError) {
        self.end(ticket);
        self.failure = Some((ticket.armed, error.clone()));
    }

    /// Records a failed request and its outcome.
    pub(crate) fn fail_with(&mut self, ticket: Ticket, error: &RenewError, outcome: Outcome, now: Duration) {
        self.fail(ticket, error);
        match outcome {
            // The service asks for it whatever the credentials are.
            Outcome::NotActed(Some(wait)) => {
                self.not_before = Some((now.saturating_add(wait), error.fault()));
            }
            _ if self.is_armed_since(ticket) => {}
            Outcome::NotActed(None) => self.not_before = None,
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

    /// Records that the newest token has worked: nothing is in doubt any more.
    pub(crate) fn token_works(&mut self) {
        self.unknown = 0;
    }
}
