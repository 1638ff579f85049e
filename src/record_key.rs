//! The names of records.

use core::fmt;
use core::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::{Environment, LocationId, Misuse};

/// What a record is for: an environment and one Location, or the owner.
///
/// Its text is a name for a row or a file: `staging/owner` or `staging/location/loc-1`. The id is percent-encoded, so that it has no `/`. Two keys
/// may differ in letter case alone.
///
/// ```
/// use location_auth::store::RecordKey;
///
/// let key: RecordKey = "staging/location/salon%201%2F2".parse()?;
/// assert_eq!(key.location().map(|id| id.as_str()), Some("salon 1/2"));
/// assert_eq!(key.to_string(), "staging/location/salon%201%2F2");
/// # Ok::<(), location_auth::Misuse>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    environment: Environment,
    location: Option<LocationId>,
}

impl RecordKey {
    /// The key of a Location's record, or, without a Location, of the owner's.
    pub fn new(environment: Environment, location: Option<&LocationId>) -> Self {
        Self { environment, location: location.cloned() }
    }

    /// The environment of the token.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The Location, or `None` for the owner.
    pub fn location(&self) -> Option<&LocationId> {
        self.location.as_ref()
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            None => write!(f, "{}/owner", self.environment),
            Some(id) => write!(f, "{}/location/{}", self.environment, id.percent_encoded()),
        }
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({self})")
    }
}

/// As [`LocationId::new`], [`Misuse::UnknownEnvironment`], or [`Misuse::UnknownKey`].
impl FromStr for RecordKey {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        let (environment, rest) = text.split_once('/').ok_or(Misuse::UnknownKey)?;
        let location = match rest.split_once('/') {
            None if rest == "owner" => None,
            Some(("location", id)) => {
                let id = percent_decode_str(id).decode_utf8().map_err(|_| Misuse::UnknownKey)?;
                Some(LocationId::new(&id)?)
            }
            _ => return Err(Misuse::UnknownKey),
        };
        Ok(Self { environment: environment.parse()?, location })
    }
}
