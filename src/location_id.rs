//! The id of a Location.

use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use percent_encoding::utf8_percent_encode;
use serde_core::de::{Deserialize, Deserializer, Error};

use crate::json::Text;
use crate::percent::RESERVED;
use crate::text::disturbs;
use crate::{Field, Misuse};

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
impl FromStr for LocationId {
    type Err = Misuse;

    fn from_str(id: &str) -> Result<Self, Misuse> {
        Self::new(id)
    }
}

impl<'de> Deserialize<'de> for LocationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&Text::deserialize(deserializer)?.0).map_err(Error::custom)
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
