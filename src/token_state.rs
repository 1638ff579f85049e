//! The state of a session's token, for a health check.

use core::time::Duration;

use crate::{Owner, Session, Step, TokenError, TokenErrorKind};

/// The state of a session's token, for a health check.
///
/// ```
/// use core::time::Duration;
/// use location_auth::{Owner, Session, TokenState};
///
/// /// What a health check says about a Location: `now` is the time of the client's clock.
/// fn in_words(session: &Session, owner: &Owner, now: Duration) -> String {
///     match session.state(owner, now) {
///         TokenState::Present => "calls have a token".into(),
///         TokenState::Paused(error) => error.to_string(),
///         _ => "the next call requests a token".into(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenState {
    /// There is no token: the first one is not there yet, or calls carry the API Key alone.
    NoToken,
    /// Calls carry a token that was not rejected.
    Present,
    /// The token was rejected, and there is no newer one yet.
    Rejected,
    /// The store says that the owner's tokens were forgotten: no token is requested until a person sets other credentials.
    Forgotten,
    /// The token was rejected or is still missing, and no token request may be sent now. The error says how long, and after what outcome.
    Paused(TokenError),
}

impl Session {
    /// Returns the state of the token. `now` is the time of the clock that the driver uses.
    pub fn state(&self, owner: &Owner, now: Duration) -> TokenState {
        let wants_token = self.slot.is_rejected() || self.needs_token();
        // The next renewal ends a pause from before what the program did last.
        let own = if self.slot.has_seen(owner.acts) { self.slot.check(now) } else { Ok(()) };
        let paused = own.map_err(|error| error.at(Step::LocationToken)).and_then(|()| owner.may_renew(now));
        match paused {
            Err(error) if wants_token && matches!(error.kind(), TokenErrorKind::Paused { .. }) => {
                TokenState::Paused(self.about(error))
            }
            _ if wants_token && (self.slot.is_forgotten || owner.slot.is_forgotten) => TokenState::Forgotten,
            _ if self.slot.is_rejected() => TokenState::Rejected,
            _ if self.has_token() => TokenState::Present,
            _ => TokenState::NoToken,
        }
    }
}
