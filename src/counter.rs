//! The count of token requests, and the pause that follows from it (`Q17`). An owner has one count (step 1), and each Location one (step 2).
//!
//! | event | requests | pause | taken back |
//! | --- | --- | --- | --- |
//! | a request is sent | one more; one, if the last one is a day old | from the second on: 1, 2, 4 … 60 minutes | |
//! | it got a token, or may have been acted on | | | |
//! | the service refused it | at least two | begins now | |
//! | it was certainly not acted on | as before it | as before it, or as long as the service asks, an hour at most | |
//! | step 2 refused the User Access Token | as before it, once | as before it, once | yes |
//! | a token has helped | none | none | no |
//! | the program sets other credentials | none | none | no |
//! | the program tries again | | none | |

use core::time::Duration;

use http::StatusCode;

use crate::outcome::{Effect, LastOutcome};
use crate::{Fault, TokenError, TokenErrorKind};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The token requests since a token has helped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Count {
    pub(crate) requests: u32,
    /// When the last one was sent.
    pub(crate) last: Option<Duration>,
    pub(crate) pause: Option<Pause>,
    /// Step 2 refused a User Access Token, and that did not count.
    pub(crate) taken_back: bool,
}

/// No request is sent before this time, because of the last one's outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pause {
    pub(crate) until: Duration,
    pub(crate) after: LastOutcome,
}

impl Count {
    /// Returns an error if no request may be sent now.
    pub(crate) fn check(&self, now: Duration) -> Result<(), TokenError> {
        match self.pause.map(|pause| (pause.until.saturating_sub(now), pause.after)) {
            Some((wait, after)) if !wait.is_zero() => {
                Err(TokenErrorKind::Paused { wait: wait.min(HOUR), after }.into())
            }
            _ => Ok(()),
        }
    }

    /// Counts a request that is about to be sent. Returns the count from before.
    pub(crate) fn count(&mut self, now: Duration) -> Self {
        if self.last.is_some_and(|last| now.saturating_sub(last) >= DAY) {
            *self = Self::default();
        }
        let before = self.clone();
        self.requests = self.requests.saturating_add(1);
        self.last = Some(now);
        // Whoever drops the request leaves it like this.
        self.pause_after(LastOutcome::NoResponse(crate::Delivery::Unknown), now);
        before
    }

    /// Records the outcome of a request that is counted, if it still is. `before` is the count from before the request.
    pub(crate) fn ended(&mut self, before: Self, effect: Effect, after: LastOutcome, now: Duration) {
        // Else a token has helped since, or the program has set other credentials.
        let is_counted = self.requests > before.requests;
        match effect {
            Effect::None { wait } => {
                if is_counted {
                    *self = before;
                }
                let until = now.saturating_add(wait.min(HOUR));
                if until > self.pause.map_or(now, |pause| pause.until.max(now)) {
                    self.pause = Some(Pause { until, after });
                }
            }
            Effect::Refused if is_counted => {
                self.requests = self.requests.max(AT_ONCE);
                self.pause_after(after, now);
            }
            Effect::Unknown if is_counted => {
                if let Some(pause) = &mut self.pause {
                    pause.after = after;
                }
            }
            Effect::UserTokenRefused if is_counted && !self.taken_back => *self = Self { taken_back: true, ..before },
            Effect::UserTokenRefused if is_counted => self.ended(before, Effect::Unknown, after, now),
            _ => {}
        }
    }

    /// Whether no request was counted in between. A record has whole seconds.
    pub(crate) fn is_of_same_request(&self, other: &Self) -> bool {
        let second = |count: &Self| count.last.map(|last| last.as_secs());
        self.requests == other.requests && second(self) == second(other)
    }

    /// A token has helped, or the program has set other credentials.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self::default();
    }

    /// Step 2 has refused the newest User Access Token there is. It did not count yet.
    pub(crate) fn user_token_refused(&mut self, now: Duration) {
        if !core::mem::replace(&mut self.taken_back, true) {
            return;
        }
        _ = self.count(now);
        self.pause_after(LastOutcome::Response { status: StatusCode::UNAUTHORIZED, fault: Fault::Caller }, now);
    }

    /// The program tries again: one more request may be sent.
    pub(crate) fn try_again(&mut self) {
        self.pause = None;
    }

    /// A clock went back if a time is more than an hour ahead: then it is written anew.
    pub(crate) fn correct(&mut self, now: Duration) {
        let latest = now.saturating_add(HOUR);
        if self.last.is_some_and(|last| last > latest) {
            self.last = Some(now);
        }
        if let Some(pause) = self.pause.as_mut().filter(|pause| pause.until > latest) {
            pause.until = latest;
        }
    }

    fn pause_after(&mut self, after: LastOutcome, now: Duration) {
        self.pause = self.requests.checked_sub(AT_ONCE).map(|more| {
            let minutes = 1_u32.checked_shl(more).unwrap_or(u32::MAX);
            Pause { until: now.saturating_add(MINUTE.saturating_mul(minutes).min(HOUR)), after }
        });
    }
}

/// So many requests may be sent without a pause. Each of them may have created a token that nobody has.
const AT_ONCE: u32 = 2;
