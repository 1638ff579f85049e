//! A token in one process's memory, and what is known of it: the same for an owner's and for a Location's.
//!
//! | event | token | rejected | settled | unsaved | count |
//! | --- | --- | --- | --- | --- | --- |
//! | the program sets a token | the new one | no | yes | the new one | begins anew |
//! | a request got a token | | | | the new one | |
//! | that token is saved | the unsaved one, unless the program has set another | no | no | none | |
//! | the store fails to save it | the same | no | no | the same one | |
//! | the record has another token | the record's | no | yes | none; an own one is surplus | the record's |
//! | the service rejects the newest token | | yes | | | |
//! | the newest token has helped | | no | yes | | begins anew |
//! | the service accepts the newest token for another call | | no | | | |
//! | the program sets other credentials | | | | | begins anew |
//! | the program tries again | | | | | without its pause |

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::time::Duration;

use crate::acts::Acts;
use crate::counter::Count;
use crate::outcome::{Effect, LastOutcome};
use crate::record::StoredRecord;
use crate::token::BearerToken;
use crate::{Misuse, TokenError};

const MINUTE: Duration = Duration::from_secs(60);

/// Its `Debug` shows no token: neither does a token's own.
#[derive(Debug)]
pub(crate) struct Slot {
    held: Option<Held>,
    /// Which token it is: how many there have been.
    generation: u64,
    /// This process requested the token, and it has not helped yet.
    unsettled: bool,
    /// The token has helped, and the record does not say so yet: the count as it was then.
    owes: Option<Count>,
    issued: Option<Issued>,
    /// Tokens that nobody uses, since another one took their place before they were saved.
    surplus: Vec<BearerToken>,
    /// As it was in the record at last, or this process's own, if no record is kept.
    pub(crate) count: Count,
    /// The record's tokens were forgotten.
    pub(crate) is_forgotten: bool,
    keeps_record: bool,
    /// What the program had last done to the owner, as far as the count knows.
    seen: Option<Acts>,
    /// The same, as far as the record knows.
    written: Option<Acts>,
    /// When something unwritten was written at last, or was to be.
    tidied: Option<Duration>,
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
    /// When it was issued, if that is known.
    issued: Option<Duration>,
    /// This process requested it, or its program set it: no other process had it before.
    is_own: bool,
    unsaved: Option<Unsaved>,
}

/// A new token that is not used yet: it is to be saved first.
#[derive(Debug)]
struct Issued {
    token: BearerToken,
    /// Which of the tokens it replaces.
    generation: u64,
    at: Duration,
    unsaved: Unsaved,
}

/// What is known of a token that no record has.
#[derive(Debug)]
struct Unsaved {
    /// The token that the record had when this one was requested. A token that the program has set replaces any.
    replaces: Option<Option<BearerToken>>,
    /// Why the store did not save it.
    cause: Option<Box<str>>,
}

/// Why a token is in this process's memory alone.
pub(crate) enum Unkept<'a> {
    /// The store has not saved it, for this reason.
    Unsaved(Option<&'a str>),
    /// Another token took its place.
    Surplus,
}

/// What a turn begins with.
#[derive(Clone, Copy)]
pub(crate) enum Claim {
    /// There is a token of this process that the record lacks.
    Save,
    /// The slot has a newer token now than it had before.
    Newer,
    /// Neither.
    Nothing,
}

impl Slot {
    pub(crate) fn new(token: Option<BearerToken>) -> Self {
        Self {
            generation: u64::from(token.is_some()),
            held: token.map(|token| Held { token, is_rejected: false, issued: None, is_own: false, unsaved: None }),
            unsettled: false,
            owes: None,
            issued: None,
            surplus: Vec::new(),
            count: Count::default(),
            is_forgotten: false,
            keeps_record: false,
            seen: None,
            written: None,
            tidied: None,
            turn: Weak::new(),
            ended: 0,
            failure: None,
        }
    }

    #[inline]
    pub(crate) fn token(&self) -> Option<&BearerToken> {
        self.held.as_ref().map(|held| &held.token)
    }

    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    #[inline]
    pub(crate) fn is_rejected(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_rejected)
    }

    /// Whether a call with the newest token has had its once, if it was sent before with an older one: another process's token is a first send.
    pub(crate) fn is_own(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_own)
    }

    /// Whether a request has got a token that is not used yet.
    pub(crate) fn has_issued(&self) -> bool {
        self.issued.is_some()
    }

    /// Whether the token was issued less than a minute ago: the service may not know it everywhere.
    pub(crate) fn is_young(&self, now: Duration) -> bool {
        let issued = self.held.as_ref().and_then(|held| held.issued);
        issued.is_some_and(|issued| now.abs_diff(issued) < MINUTE)
    }

    pub(crate) fn begin(&mut self, acts: Acts) {
        self.seen = self.seen.or(Some(acts.at_start()));
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.seen.is_some()
    }

    /// The program sets a token, or removes it. One that it starts with is not its own: the record's is as good.
    pub(crate) fn set(&mut self, token: Option<BearerToken>, is_own: bool) {
        let unsaved = is_own.then_some(Unsaved { replaces: None, cause: None });
        self.replace(token.map(|token| Held { token, is_rejected: false, issued: None, is_own, unsaved }));
        (self.count, self.owes, self.tidied) = (Count::default(), None, None);
    }

    /// A request got a token: it is to be saved before it is used.
    pub(crate) fn issued(
        &mut self,
        (token, generation): (BearerToken, u64),
        record: Option<&StoredRecord>,
        before: Count,
        now: Duration,
    ) {
        self.count.ended(before, Effect::Unknown, LastOutcome::Token, now);
        let unsaved = Unsaved { replaces: Some(record.and_then(|record| record.token.clone())), cause: None };
        self.issued = Some(Issued { token, generation, at: now, unsaved });
        self.tell(None);
    }

    /// A turn has begun, with this record: none, if the store only saves. What the program has done to the owner since the last turn changes the
    /// count.
    pub(crate) fn opened(
        &mut self,
        record: Option<&StoredRecord>,
        (acts, has_means): (Acts, bool),
        now: Duration,
    ) -> Claim {
        self.keeps_record = record.is_some();
        if let Some(record) = record {
            (self.count, self.is_forgotten) = (record.count.clone(), record.is_forgotten);
            // What was seen and not written is seen again.
            self.seen = Some(*self.written.get_or_insert(acts.at_start()));
        }
        self.count.correct(now);
        let is_by_hand = |(_, unsaved): (_, &Unsaved)| unsaved.replaces.is_none();
        let by_hand = self.unsaved().is_some_and(is_by_hand);
        if self.still_owes(record) || by_hand {
            self.count.begin_anew();
        }
        self.is_forgotten &= !by_hand;
        self.see(acts, has_means);
        let Some(record) = record else {
            return if self.unsaved().is_some() { Claim::Save } else { Claim::Nothing };
        };
        if let Some((own, unsaved)) = self.unsaved() {
            if record.has(own) {
                // The write had arrived, and only its answer was lost.
                self.is_kept_by(record);
                self.saved();
                return Claim::Newer;
            }
            if unsaved.may_replace(record) && !self.is_forgotten && !record.is_newer {
                return Claim::Save;
            }
        }
        let late = self.issued.take();
        let own = self.token();
        let is_newer = |stored: &&BearerToken| late.is_some() || own.is_none_or(|own| !own.is_same(stored));
        // Who was told to forget takes nothing over, even if the record is not overwritten yet.
        let newer = record.token.as_ref().filter(is_newer).filter(|_| !acts.is_forgotten);
        self.surplus.extend(late.map(|late| late.token));
        match newer {
            Some(token) => {
                let (token, issued) = (token.clone(), record.issued);
                self.replace(Some(Held { token, is_rejected: false, issued, is_own: false, unsaved: None }));
                Claim::Newer
            }
            None => Claim::Nothing,
        }
    }

    /// Whether the record is to say that the token has helped: unless it has another one, or a request was sent since.
    fn still_owes(&mut self, record: Option<&StoredRecord>) -> bool {
        let has_token = |record: &&StoredRecord| !record.is_newer && self.token().is_some_and(|own| record.has(own));
        let counted = record.filter(has_token).map(|record| &record.count);
        let is_due = |owed: &Count| counted.is_some_and(|count| count.requests > 0 && count.is_of_same_request(owed));
        self.owes = self.owes.take().filter(is_due);
        self.owes.is_some()
    }

    /// What the program has done to the owner changes the count.
    pub(crate) fn see(&mut self, acts: Acts, has_means: bool) {
        let before = self.seen.replace(acts).unwrap_or(acts.at_start());
        if !before.has_credentials_of(&acts) {
            self.count.begin_anew();
        } else if before != acts {
            self.count.try_again();
        }
        self.is_forgotten &= before == acts || !has_means;
    }

    /// Whether the count knows all that the program has done to the owner.
    pub(crate) fn has_seen(&self, acts: Acts) -> bool {
        self.seen.unwrap_or(acts.at_start()) == acts
    }

    /// Puts what is known here into a record that is to be written.
    pub(crate) fn write_to(&self, record: &mut StoredRecord) {
        (record.count, record.is_forgotten) = (self.count.clone(), self.is_forgotten);
        let (issued, held) = (self.issued.as_ref(), self.held.as_ref());
        let issued = issued.map(|issued| (&issued.token, &issued.unsaved, Some(issued.at)));
        // A token that was rejected before it was saved is in the record, too, before another is requested.
        let held = held.and_then(|held| Some((&held.token, held.unsaved.as_ref()?, held.issued)));
        if let Some((token, _, at)) = issued.or(held).filter(|(_, unsaved, _)| unsaved.may_replace(record)) {
            record.set_token(token.clone(), at);
        }
    }

    /// The record has the new token. It is used now, unless the program has set another one meanwhile that was not rejected.
    pub(crate) fn saved(&mut self) {
        if let Some(issued) = self.issued.take() {
            self.use_issued(issued, false);
        }
    }

    /// The store failed: the token is used, and stays listed as unsaved.
    pub(crate) fn not_saved(&mut self, cause: Box<str>, now: Duration) {
        self.tidied = Some(now);
        if let Some(issued) = self.issued.take() {
            let unused = self.use_issued(issued, true);
            self.surplus.extend(unused);
        }
        if let Some(unsaved) = self.held.as_mut().and_then(|held| held.unsaved.as_mut()) {
            unsaved.cause = Some(cause);
        }
    }

    /// Returns the token if there is a better one.
    fn use_issued(&mut self, issued: Issued, is_unsaved: bool) -> Option<BearerToken> {
        let Issued { token, generation, at, unsaved } = issued;
        if generation != self.generation && !self.is_rejected() {
            return Some(token);
        }
        let unsaved = is_unsaved.then_some(unsaved);
        self.replace(Some(Held { token, is_rejected: false, issued: Some(at), is_own: true, unsaved }));
        self.unsettled = true;
        None
    }

    /// The token that is to be saved.
    fn unsaved(&self) -> Option<(&BearerToken, &Unsaved)> {
        let held = self.held.as_ref().filter(|held| !held.is_rejected);
        let held = held.and_then(|held| Some((&held.token, held.unsaved.as_ref()?)));
        self.issued.as_ref().map(|issued| (&issued.token, &issued.unsaved)).or(held)
    }

    /// The token that a record is written to save.
    pub(crate) fn to_save(&self) -> Option<&BearerToken> {
        self.unsaved().map(|(token, _)| token)
    }

    /// All tokens that the program may lose.
    pub(crate) fn unkept(&self) -> impl Iterator<Item = (&BearerToken, Unkept<'_>)> {
        let issued = self.issued.as_ref().map(|issued| (&issued.token, &issued.unsaved));
        let held = self.held.as_ref().and_then(|held| Some((&held.token, held.unsaved.as_ref()?)));
        let unsaved = issued.into_iter().chain(held);
        let unsaved = unsaved.map(|(token, unsaved)| (token, Unkept::Unsaved(unsaved.cause.as_deref())));
        unsaved.chain(self.surplus.iter().map(|token| (token, Unkept::Surplus)))
    }

    pub(crate) fn surplus(&self) -> usize {
        self.surplus.len()
    }

    /// The program has taken them, but for one that is about to be saved.
    pub(crate) fn take_unkept(&mut self) {
        self.surplus.clear();
        if let Some(held) = &mut self.held {
            held.unsaved = None;
        }
    }

    /// A record was written, and it has this token.
    pub(crate) fn wrote(&mut self, record: &StoredRecord) {
        self.written = self.seen;
        self.owes = self.owes.take().filter(|_| record.count != self.count);
        self.is_kept_by(record);
    }

    fn is_kept_by(&mut self, record: &StoredRecord) {
        if let Some(held) = self.held.as_mut().filter(|held| record.has(&held.token)) {
            held.unsaved = None;
        }
    }

    /// Whether there is something to write that no call waits for.
    #[inline]
    pub(crate) fn is_untidy(&self) -> bool {
        self.owes.is_some() || self.unsaved().is_some()
    }

    /// Whether a turn is due for that: at most once a minute after the store has failed.
    pub(crate) fn is_tidy_due(&self, now: Duration) -> bool {
        self.turn.strong_count() == 0 && self.tidied.is_none_or(|tidied| now.abs_diff(tidied) >= MINUTE)
    }

    /// Such a turn was tried.
    pub(crate) fn tidied(&mut self, now: Duration) {
        self.tidied = Some(now);
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
            self.owes = self.keeps_record.then(|| self.count.clone());
            self.count.begin_anew();
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
        if self.turn.strong_count() > 0 { Ok(()) } else { self.count.check(now) }
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

    fn replace(&mut self, held: Option<Held>) {
        let old = core::mem::replace(&mut self.held, held);
        // What was requested is told, also if it was rejected: nobody knows why. What the program has set it knows itself.
        let is_requested = |held: &Held| held.unsaved.as_ref().is_some_and(|unsaved| unsaved.replaces.is_some());
        self.surplus.extend(old.filter(is_requested).map(|held| held.token));
        self.generation = self.generation.saturating_add(1);
        self.unsettled = false;
    }

    fn set_rejected(&mut self, is_rejected: bool) {
        if let Some(held) = &mut self.held {
            held.is_rejected = is_rejected;
        }
    }
}

impl Unsaved {
    /// Whether a record's token may be replaced: it is the one that was there before, or there is none.
    fn may_replace(&self, record: &StoredRecord) -> bool {
        match (&self.replaces, &record.token) {
            (None, _) | (_, None) => true,
            (Some(replaced), Some(stored)) => replaced.as_ref().is_some_and(|replaced| replaced.is_same(stored)),
        }
    }
}
