//! The two access tokens, as two types, so that nobody confuses them (`P5`).

use crate::home::Home;
use crate::secret::SecretHeader;
use crate::{Environment, LocationId};

/// A token that authenticates one user. [`Location::exchange`](crate::Location::exchange) exchanges it for a Location Access Token.
///
/// It never expires: one that leaks works until the service revokes it. So it has no `Display`, no `==` and no serde, its `Debug` hides it,
/// and it is overwritten when its last clone is dropped. To keep it, write it as a [`SavedToken`](crate::SavedToken).
///
/// ```
/// use location_auth::{SavedToken, UserAccessToken};
///
/// fn keep(user: &UserAccessToken, write: impl Fn(&SavedToken)) {
///     write(&SavedToken::from(user)); // to get tokens of Locations that are added later, too
/// }
/// ```
#[derive(Clone, Debug)]
pub struct UserAccessToken {
    pub(crate) home: Home,
    pub(crate) secret: BearerToken,
}

impl UserAccessToken {
    /// The environment whose service issued it.
    pub fn environment(&self) -> Environment {
        self.home.environment
    }

    /// Returns the token itself: visible ASCII, not empty. Give it to a secret store, and to nothing that logs.
    pub fn expose_secret(&self) -> &str {
        self.secret.expose()
    }
}

/// A token that authenticates a Location, always as its owner.
///
/// It never expires: one that leaks works until the service revokes it. So it has no `Display`, no `==` and no serde, its `Debug` hides it,
/// and it is overwritten when its last clone is dropped. To keep it, write it as a [`SavedToken`](crate::SavedToken).
///
/// ```
/// use location_auth::{App, LocationAccessToken, Misuse, Session};
///
/// fn session(app: &App, token: LocationAccessToken) -> Result<Session, Misuse> {
///     assert_eq!(token.environment(), app.environment(), "or else the session is refused");
///     println!("calls for {}", token.location());
///     Session::for_location(app, token)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct LocationAccessToken {
    pub(crate) home: Home,
    pub(crate) location: LocationId,
    pub(crate) secret: BearerToken,
}

impl LocationAccessToken {
    /// The environment whose service issued it.
    pub fn environment(&self) -> Environment {
        self.home.environment
    }

    /// The Location that it acts for.
    pub fn location(&self) -> &LocationId {
        &self.location
    }

    /// Returns the token itself: visible ASCII, not empty. Give it to a secret store, and to nothing that logs.
    pub fn expose_secret(&self) -> &str {
        self.secret.expose()
    }
}

/// A token as it is in an `Authorization` header (`P7`, RFC 6750 section 2.1).
#[derive(Clone, Debug)]
pub(crate) struct BearerToken(SecretHeader);

impl BearerToken {
    /// `None` unless the token is one or more visible ASCII characters.
    pub(crate) fn new(token: &str) -> Option<Self> {
        SecretHeader::new("Bearer ", token).map(Self)
    }

    pub(crate) fn authorization(&self) -> &http::HeaderValue {
        self.0.header()
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// A short form, to tell tokens apart: FNV-1a. It is no secret's hash, since it is written beside a token.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.expose()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}
