//! A token in one process's memory, and what is known of it: the same for an owner's and for a Location's.
//!
//! | event | token | rejected | settled | unsaved | record |
//! | --- | --- | --- | --- | --- | --- |
//! | the program sets a token | the new one | no | yes | | begins anew |
//! | a request got a token | | | | the new one | |
//! | that token is saved | the unsaved one, unless the program has set another | no | no | none | |
//! | the service rejects the newest token | | yes | | | |
//! | the newest token has helped | | no | yes | | begins anew |
//! | the service accepts the newest token for another call | | no | | | |
//! | the program sets other credentials | | | | | begins anew |
//! | the program tries again | | | | | without its pause |

use alloc::sync::{Arc, Weak};
use core::time::Duration;

use crate::outcome::{Effect, LastOutcome};
use crate::record::Record;
use crate::token::BearerToken;
use crate::{Misuse, TokenError};

/// Its `Debug` shows no token: neither does a token's own.
#[derive(Debug)]
pub(crate) struct Slot {
    held: Option<Held>,
    /// Which token it is: how many there have been.
    generation: u64,
    /// This process requested the token, and it has not helped yet.
    unsettled: bool,
    unsaved: Option<Unsaved>,
    pub(crate) record: Record,
    /// It lives as long as a caller has the turn.
    turn: Weak<()>,
    /// How many requests have ended. A caller that waits for one sees from it that the request has ended.
    ended: u64,
    /// How the last of them failed, if it did.
    failure: Option<TokenError>,
}

#[derive(Debug)]
struct Held {
    token: BearerToken,
    is_rejected: bool,
    /// When it was issued, if this process requested it.
    issued: Option<Duration>,
}

/// A new token that is not in the program's store yet.
#[derive(Debug)]
struct Unsaved {
    token: BearerToken,
    /// Which token it replaces.
    replaced: u64,
    issued: Duration,
}

impl Slot {
    pub(crate) fn new(token: Option<BearerToken>) -> Self {
        Self {
            generation: u64::from(token.is_some()),
            held: token.map(|token| Held::new(token, None)),
            unsettled: false,
            unsaved: None,
            record: Record::default(),
            turn: Weak::new(),
            ended: 0,
            failure: None,
        }
    }

    #[inline]
    pub(crate) fn token(&self) -> Option<&BearerToken> {
        self.held.as_ref().map(|held| &held.token)
    }

    pub(crate) fn unsaved(&self) -> Option<&BearerToken> {
        self.unsaved.as_ref().map(|unsaved| &unsaved.token)
    }

    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    #[inline]
    pub(crate) fn is_rejected(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_rejected)
    }

    /// Whether the token was issued less than a minute ago: the service may not know it everywhere.
    pub(crate) fn is_young(&self, now: Duration) -> bool {
        let issued = self.held.as_ref().and_then(|held| held.issued);
        issued.is_some_and(|issued| now.abs_diff(issued) < Duration::from_secs(60))
    }

    /// The program sets a token, or removes it.
    pub(crate) fn set(&mut self, token: Option<BearerToken>) {
        self.replace(token, None);
        self.record = Record::default();
    }

    /// A request got a token: it is to be saved before it is used.
    pub(crate) fn issued(&mut self, token: BearerToken, replaced: u64, before: Record, now: Duration) {
        self.record.ended(before, Effect::Unknown, LastOutcome::Token, now);
        self.unsaved = Some(Unsaved { token, replaced, issued: now });
        self.tell(None);
    }

    /// Uses the new token, now that the store has it, unless the program has set another one meanwhile that was not rejected.
    pub(crate) fn saved(&mut self) {
        if let Some(Unsaved { token, replaced, issued }) = self.unsaved.take() {
            if replaced == self.generation || self.is_rejected() {
                self.replace(Some(token), Some(issued));
            }
        }
    }

    /// The service rejected the newest token.
    pub(crate) fn reject(&mut self) {
        self.set_rejected(true);
    }

    /// The service accepted the newest token. `helps` says whether that shows that a request for it was of use: the first token of all does, and
    /// otherwise only a call that would have failed without it.
    pub(crate) fn accepted(&mut self, helps: bool) {
        self.set_rejected(false);
        if self.unsettled && (helps || self.generation == 1) {
            self.unsettled = false;
            self.record = Record::default();
        }
    }

    /// Whether a response to a call with the newest token could change anything here.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        !self.unsettled && !self.is_rejected()
    }

    /// Takes the turn for as long as the value lives.
    ///
    /// # Errors
    /// [`Misuse::TurnTaken`] if another caller has it: then the driver does not keep the order of turns.
    pub(crate) fn take_turn(&mut self) -> Result<Arc<()>, Misuse> {
        if self.turn.strong_count() > 0 {
            return Err(Misuse::TurnTaken);
        }
        let turn = Arc::new(());
        self.turn = Arc::downgrade(&turn);
        Ok(turn)
    }

    /// Returns an error if a caller who begins to wait would meet a pause. While another caller has the turn, its request's outcome decides.
    pub(crate) fn check(&self, now: Duration) -> Result<(), TokenError> {
        if self.turn.strong_count() > 0 { Ok(()) } else { self.record.check(now) }
    }

    /// What a caller remembers who begins to wait.
    pub(crate) fn ended(&self) -> u64 {
        self.ended
    }

    /// The error of the request that the caller has waited for. All callers that waited get it.
    pub(crate) fn failed_since(&self, ended: u64) -> Option<TokenError> {
        self.failure.clone().filter(|_| self.ended != ended)
    }

    /// A request has ended, or can't be sent: all callers that wait now get this error.
    pub(crate) fn tell(&mut self, failure: Option<TokenError>) {
        self.ended = self.ended.wrapping_add(1);
        self.failure = failure;
    }

    fn replace(&mut self, token: Option<BearerToken>, issued: Option<Duration>) {
        self.held = token.map(|token| Held::new(token, issued));
        self.generation = self.generation.saturating_add(1);
        self.unsettled = issued.is_some();
    }

    fn set_rejected(&mut self, is_rejected: bool) {
        if let Some(held) = &mut self.held {
            held.is_rejected = is_rejected;
        }
    }
}

impl Held {
    fn new(token: BearerToken, issued: Option<Duration>) -> Self {
        Self { token, is_rejected: false, issued }
    }
}
