//! The two access tokens, as two types, so that nobody confuses them (`P5`).

use alloc::sync::Arc;
use core::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::home::Home;
use crate::secret::SecretHeader;
use crate::text::disturbs;
use crate::{Environment, Field, Misuse};

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
}

/// The service's id of a Location, or your own label for it if the location token URL has no `{location_id}`.
///
/// It is not secret: it is in URLs, errors and logs. serde and [`str::parse`] read it from a text.
///
/// ```
/// use location_auth::{LocationId, Misuse};
///
/// let id = LocationId::new("salon 1/2")?;
/// assert_eq!((id.as_str(), id.percent_encoded().to_string().as_str()), ("salon 1/2", "salon%201%2F2"));
/// assert_eq!(LocationId::new("..").unwrap_err(), Misuse::DotSegment);
/// # Ok::<(), Misuse>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocationId(Arc<str>);

/// All characters except RFC 3986's unreserved ones: right for a path segment and for a query value.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl LocationId {
    /// Makes an id from a text, and checks it.
    ///
    /// # Errors
    /// [`Misuse::Empty`]; [`Misuse::Character`] for a control character, a line separator or a mark that changes the direction of text;
    /// [`Misuse::DotSegment`] for `.` and `..`.
    pub fn new(id: &str) -> Result<Self, Misuse> {
        match id {
            "" => Err(Misuse::Empty(Field::LocationId)),
            "." | ".." => Err(Misuse::DotSegment),
            _ if id.chars().any(disturbs) => Err(Misuse::Character(Field::LocationId)),
            _ => Ok(Self(Arc::from(id))),
        }
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as it goes into the path or the query of a URL, or into a file's name: each byte that is not an ASCII letter, a digit or one of
    /// `-._~` is percent-encoded.
    pub fn percent_encoded(&self) -> impl fmt::Display {
        utf8_percent_encode(&self.0, RESERVED)
    }
}

/// As [`LocationId::new`].
impl core::str::FromStr for LocationId {
    type Err = Misuse;

    fn from_str(id: &str) -> Result<Self, Misuse> {
        Self::new(id)
    }
}

impl fmt::Display for LocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
