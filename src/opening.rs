//! The store's part of an acquisition: the record is read in a turn of the store, and says whether anything is sent (`Q20`).

use alloc::boxed::Box;
use alloc::format;
use core::time::Duration;

use crate::acquiring::{Acquiring, Context, Onward, OpenRecord, Purpose, SendToken, Then, Turn, WriteRecord};
use crate::acquisition::{On, held};
use crate::record::{Record, StoredRecord};
use crate::record_key::RecordKey;
use crate::slot::Claim;
use crate::store::Stored;
use crate::{Owner, Session, TokenError};

impl OpenRecord {
    /// What the record is for.
    pub fn key(&self) -> &RecordKey {
        &self.key
    }

    /// Takes what the store has, and returns the next state. Keep the store's turn until [`Acquiring::holds_record`] is false.
    pub fn opened(self, stored: Stored, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        let Self { mut context, of, key } = self;
        let on = match context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        match stored {
            Stored::SavesOnly => context.saves_only = true,
            Stored::Record(text) => match StoredRecord::read(key.clone(), text) {
                Ok(record) => context.record = Some(Box::new(record)),
                Err(problem) => return context.unopened(of, &format!("{key}: {problem}"), on),
            },
        }
        context.opened(of, on)
    }

    /// The store's own words as a line without a credential, for a log.
    pub fn told(&self, cause: &str, session: &Session, owner: &Owner) -> Box<str> {
        held(session, owner).told(cause, None)
    }

    /// Takes the store's failure: it gave no turn within its limit, or it could not be read. Then nothing is sent. `cause` is the
    /// store's own words: the error shows them as a line without a credential.
    pub fn failed(self, cause: &str, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        match self.context.meet(session, owner, now) {
            Ok(on) => {
                let cause = held(on.session, on.owner).told(cause, None);
                self.context.unopened(self.of, &cause, on)
            }
            Err(error) => Acquiring::Done(Err(error)),
        }
    }
}

impl WriteRecord {
    /// What the record is for.
    pub fn key(&self) -> &RecordKey {
        self.record.key()
    }

    /// Whether it is written to save a new token.
    pub fn saves_token(&self) -> bool {
        self.token.is_some()
    }

    /// As [`OpenRecord::told`].
    pub fn told(&self, cause: &str, session: &Session, owner: &Owner) -> Box<str> {
        held(session, owner).told(cause, self.record.token.as_ref())
    }

    /// What to write.
    pub fn record(&self) -> Record {
        self.record.to_record(self.token.clone())
    }

    /// Takes it that the record is written, and returns the next state.
    pub fn written(self, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        let Self { mut context, of, record, then, .. } = self;
        let mut on = match context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        on.slot(of).wrote(&record);
        context.record = context.record.map(|_| record);
        match then {
            Then::Send(counted) => Acquiring::SendToken(SendToken { context, counted, cause: None }),
            Then::Use => {
                on.slot(of).saved();
                on.settle(of);
                context.use_token(of, on)
            }
            Then::GoOn(onward) => {
                on.settle(of);
                context.go_on(onward, on)
            }
        }
    }

    /// Takes the store's failure. `cause` is its own words, as for [`OpenRecord::failed`]. A request that could not be counted is not sent. A new token is used all the same,
    /// after the store was asked once more: [`Session::unsaved`] lists it until it is saved.
    pub fn failed(self, cause: &str, session: &mut Session, owner: &mut Owner, now: Duration) -> Acquiring {
        let Self { mut context, of, record, then, .. } = self;
        let mut on = match context.meet(session, owner, now) {
            Ok(on) => on,
            Err(error) => return Acquiring::Done(Err(error)),
        };
        let cause = &*held(on.session, on.owner).told(cause, record.token.as_ref());
        match then {
            Then::Send(counted) => {
                on.slot(of).count = counted.before;
                context.give_up(on, TokenError::store(cause))
            }
            Then::Use if context.record.is_some() && !context.is_second && context.purpose == Purpose::Token => {
                // The turn may be lost, or the record is written and only the answer is lost: the next turn shows it.
                context.is_second = true;
                context.open(of, on)
            }
            Then::Use => context.not_saved(of, cause, on),
            Then::GoOn(Onward::Tidied) => {
                on.tidied(of);
                on.settle(of);
                context.use_token(of, on)
            }
            Then::GoOn(onward) => context.go_on(onward, on),
        }
    }
}

impl Context {
    /// Waits for the store's turn, unless the store only saves, which the Location's turn has shown.
    pub(crate) fn open(mut self, of: Turn, on: On<'_>) -> Acquiring {
        self.record = None;
        match (self.saves_only, of) {
            (true, Turn::Owner) => self.opened(Turn::Owner, on),
            _ => {
                let key = on.key(of);
                Acquiring::OpenRecord(OpenRecord { context: self, of, key })
            }
        }
    }

    /// Writes the record with what this process knows.
    pub(crate) fn write(self, of: Turn, then: Then, mut on: On<'_>) -> Acquiring {
        let mut record = self.record.clone().unwrap_or_else(|| Box::new(StoredRecord::empty(on.key(of))));
        on.slot(of).write_to(&mut record);
        let saved = on.slot(of).to_save().filter(|_| matches!(then, Then::Use)).cloned();
        let token = saved.map(|token| on.saved_token(of, token));
        Acquiring::WriteRecord(WriteRecord { context: self, of, record, token, then })
    }

    /// The record was read, or none is kept.
    pub(crate) fn opened(mut self, of: Turn, mut on: On<'_>) -> Acquiring {
        let (acts, now) = ((on.owner.acts, on.owner.has_means()), on.now);
        let claim = on.slot(of).opened(self.record.as_deref(), acts, now);
        self.acts = on.owner.acts;
        on.settle(of);
        match (claim, of) {
            (Claim::Save, _) => self.write(of, Then::Use, on),
            _ if self.purpose == Purpose::Tidy => self.record_outcome(of, Onward::Tidied, on),
            (Claim::Newer, _) => self.use_token(of, on),
            (Claim::Nothing, Turn::Location) => {
                self.refused = None;
                if core::mem::take(&mut self.is_refused) && !self.saves_only {
                    on.session.slot.count.user_token_refused(now);
                }
                match self.failed.take() {
                    Some(error) => self.record_outcome(of, Onward::GiveUp(error), on),
                    None => self.exchange(on),
                }
            }
            (Claim::Nothing, Turn::Owner) => self.log_in(on),
        }
    }

    /// Without the store, nothing is sent.
    fn unopened(mut self, of: Turn, cause: &str, mut on: On<'_>) -> Acquiring {
        on.tidied(of);
        match on.slot(of).has_issued() {
            true => self.not_saved(of, cause, on),
            false => {
                self.record = None;
                self.give_up(on, TokenError::store(cause))
            }
        }
    }

    fn not_saved(self, of: Turn, cause: &str, mut on: On<'_>) -> Acquiring {
        let now = on.now;
        on.slot(of).not_saved(cause.into(), now);
        on.tidied(of);
        on.settle(of);
        self.use_token(of, on)
    }

    /// There is a token, in the record or not.
    fn use_token(mut self, of: Turn, on: On<'_>) -> Acquiring {
        match (self.purpose, of) {
            (Purpose::Token, Turn::Location) => on.newer(),
            (Purpose::Token, Turn::Owner) => {
                // If this is another process's token, it explains the refusal of the one before.
                if !on.owner.slot.is_own() {
                    (self.refused, self.is_refused) = (None, false);
                }
                self.exchange(on)
            }
            (Purpose::Tidy, Turn::Location) if on.session.owes_owner || on.owner.slot.is_untidy() => {
                self.await_owner(on)
            }
            (Purpose::Tidy, _) => {
                self.record = None;
                on.newer()
            }
        }
    }

    /// The record gets what has become of the count, unless that changes nothing, or the record is of a newer version.
    pub(crate) fn record_outcome(self, of: Turn, onward: Onward, mut on: On<'_>) -> Acquiring {
        let is_changed = |record: &StoredRecord| !record.is_newer && record.count != on.slot(of).count;
        let is_changed = self.record.as_deref().is_some_and(is_changed);
        match is_changed {
            true => self.write(of, Then::GoOn(onward), on),
            false => self.go_on(onward, on),
        }
    }

    fn go_on(self, onward: Onward, on: On<'_>) -> Acquiring {
        match onward {
            Onward::GiveUp(error) => self.give_up(on, *error),
            Onward::AwaitOwner => self.await_owner(on),
            Onward::Exchange => self.exchange(on),
            Onward::Tidied => {
                let of = if self.owner_turn.is_some() { Turn::Owner } else { Turn::Location };
                self.use_token(of, on)
            }
        }
    }
}

impl On<'_> {
    /// The session says when a turn for the rest is due, for the owner's, too.
    fn tidied(&mut self, of: Turn) {
        let now = self.now;
        self.slot(of).tidied(now);
        self.session.slot.tidied(now);
    }

    /// Whether the owner has more to write.
    fn settle(&mut self, of: Turn) {
        if of == Turn::Owner {
            self.session.owes_owner = self.owner.slot.is_untidy();
        }
    }
}
