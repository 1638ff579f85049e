//! Tokens that no store has.

use alloc::boxed::Box;
use core::fmt;

use crate::SavedToken;
use crate::slot::Unkept;

/// A new token that the service issued and that is in this program's memory alone. It never expires, so save it, or have the service revoke it.
///
/// ```
/// use location_auth::{Owner, Session};
///
/// /// For a health check.
/// fn warn(session: &Session, owner: &Owner) {
///     for unsaved in session.unsaved().iter().chain(&owner.unsaved()) {
///         eprintln!("{unsaved}");
///     }
/// }
/// ```
pub struct Unsaved {
    token: SavedToken,
    cause: Option<Box<str>>,
    is_surplus: bool,
}

impl Unsaved {
    pub(crate) fn new(token: SavedToken, why: Unkept<'_>) -> Self {
        let (cause, is_surplus) = match why {
            Unkept::Unsaved(cause) => (cause.map(Box::from), false),
            Unkept::Surplus => (None, true),
        };
        Self { token, cause, is_surplus }
    }

    /// The token.
    pub fn token(&self) -> &SavedToken {
        &self.token
    }

    /// What the store said, if it failed to save the token. The token is used, and the next turn saves it. It is a line without the token.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Whether another token is in the store in its place: nobody uses this one, and the service should revoke it.
    pub fn is_surplus(&self) -> bool {
        self.is_surplus
    }
}

/// One line: what happened, and what to do. It does not show the token.
impl fmt::Display for Unsaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.token.location() {
            Some(location) => write!(f, "a Location Access Token of Location {location}")?,
            None => f.write_str("a User Access Token")?,
        }
        match (&self.cause, self.is_surplus) {
            (_, true) => f.write_str(" came too late, since the store has another: have the service revoke it"),
            (Some(cause), _) => write!(f, " is not in the store yet: {cause}"),
            (None, _) => f.write_str(" is not in the store yet"),
        }
    }
}

/// Shows no token.
impl fmt::Debug for Unsaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsaved")
            .field("token", &self.token)
            .field("cause", &self.cause)
            .field("is_surplus", &self.is_surplus)
            .finish()
    }
}
