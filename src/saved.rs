//! A token that can be saved and read again, so that a restart needs no password.

use core::fmt;

use serde_core::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_core::ser::{Serialize, SerializeMap, Serializer};

use crate::home::Home;
use crate::json::Member;
use crate::token::BearerToken;
use crate::{Environment, LocationAccessToken, LocationId, Misuse, UserAccessToken};

/// A token to save and to read again. Its serialized form is a secret.
///
/// serde reads and writes it in any self-describing format: JSON, TOML, YAML, RON, CBOR, MessagePack. Other formats, like bincode or postcard,
/// can't read it: store JSON in them. The form, version 1, is
/// `{"version": 1, "environment": "staging", "kind": "location", "location": "loc-1", "access_token": "…"}`. The kind `user` has no
/// location. Files of this version can always be read.
///
/// Reading makes the same checks as for a fresh response. A token that no header can carry, a member that is there twice, and an unknown version
/// or kind are errors. Their text quotes nothing of the file, and does not show the format's own error, which may quote a line. But the
/// libraries for TOML and YAML read ahead, and return their own error for a mistake that they find first. `toml`'s `Display` quotes the line
/// with the mistake, which may be the token's: print its `message()` alone. `serde_json`'s error shows line and column, and no text.
///
/// Keep it in the operating system's secret store, or in a file that only its owner can read. Do not keep it in the repository, in a log, or in
/// an environment variable that child processes inherit. A saved token works with a new [`App`](crate::App) of the same environment for as long
/// as the service accepts it. Whether it works after a change of the API Key or the Client Secret is not documented: be ready for a 401.
///
/// ```
/// use location_auth::{LocationAccessToken, SavedToken};
///
/// let file = r#"{"version": 1, "environment": "staging", "kind": "location", "location": "loc-1", "access_token": "l-1"}"#;
/// let saved: SavedToken = serde_json::from_str(file)?;
/// let token = LocationAccessToken::try_from(saved)?;
/// assert_eq!((token.location().as_str(), token.expose_secret()), ("loc-1", "l-1"));
///
/// let written = serde_json::to_string(&SavedToken::from(&token))?;
/// assert_eq!(written.replace(':', ": ").replace(',', ", "), file);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// `Q5`, `Q16`.
#[derive(Clone, Debug)]
pub struct SavedToken {
    home: Home,
    /// `None` for a User Access Token.
    location: Option<LocationId>,
    secret: BearerToken,
}

impl SavedToken {
    pub(crate) fn new(home: &Home, location: Option<&LocationId>, secret: BearerToken) -> Self {
        Self { home: home.clone(), location: location.cloned(), secret }
    }

    /// The environment whose service issued it.
    pub fn environment(&self) -> Environment {
        self.home.environment
    }

    /// The token's Location: `None` for a User Access Token.
    pub fn location(&self) -> Option<&LocationId> {
        self.location.as_ref()
    }
}

impl From<&LocationAccessToken> for SavedToken {
    fn from(token: &LocationAccessToken) -> Self {
        let (location, secret) = (Some(token.location.clone()), token.secret.clone());
        Self { home: token.home.clone(), location, secret }
    }
}

impl From<&UserAccessToken> for SavedToken {
    fn from(token: &UserAccessToken) -> Self {
        Self { home: token.home.clone(), location: None, secret: token.secret.clone() }
    }
}

/// [`Misuse::WrongKind`] for a User Access Token.
impl TryFrom<SavedToken> for LocationAccessToken {
    type Error = Misuse;

    fn try_from(saved: SavedToken) -> Result<Self, Misuse> {
        let location = saved.location.ok_or(Misuse::WrongKind)?;
        Ok(Self { home: saved.home, location, secret: saved.secret })
    }
}

/// [`Misuse::WrongKind`] for a Location Access Token.
impl TryFrom<SavedToken> for UserAccessToken {
    type Error = Misuse;

    fn try_from(saved: SavedToken) -> Result<Self, Misuse> {
        if saved.location.is_some() {
            return Err(Misuse::WrongKind);
        }
        Ok(Self { home: saved.home, secret: saved.secret })
    }
}

const VERSION: u64 = 1;
const NAMES: [&str; 5] = ["version", "environment", "kind", "location", "access_token"];

impl Serialize for SavedToken {
    /// Writes a map, since some formats write a struct without its field names, and then nobody can read it back.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [version, environment, kind, location, access_token] = NAMES;
        let mut form = serializer.serialize_map(Some(if self.location.is_some() { 5 } else { 4 }))?;
        form.serialize_entry(version, &VERSION)?;
        form.serialize_entry(environment, written(self.environment()))?;
        form.serialize_entry(kind, if self.location.is_some() { "location" } else { "user" })?;
        if let Some(id) = &self.location {
            form.serialize_entry(location, id.as_str())?;
        }
        form.serialize_entry(access_token, self.secret.expose())?;
        form.end()
    }
}

/// How an environment is written in a file: fixed for ever, whatever its `Display` says.
fn written(environment: Environment) -> &'static str {
    match environment {
        Environment::Staging => "staging",
        Environment::Production => "production",
    }
}

impl<'de> Deserialize<'de> for SavedToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `deserialize_map`, with which serde_json quotes a text in place of the object. The format's own error is dropped: it may
        // quote the line.
        let read = deserializer.deserialize_any(SavedVisitor).unwrap_or(Err(NONE));
        read.map_err(|problem| de::Error::custom(format_args!("{problem}: log in again and save the new token")))
    }
}

const NONE: &str = "this is not a saved token";

/// Returns the token, or an error that quotes nothing.
struct SavedVisitor;

impl<'de> Visitor<'de> for SavedVisitor {
    type Value = Result<SavedToken, &'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a saved token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = [const { None }; NAMES.len()];
        let mut twice = false;
        while let Some(name) = map.next_key::<Member<'de>>()? {
            match NAMES.iter().zip(&mut members).find(|(known, _)| Some(**known) == name.text()) {
                Some((_, member)) => twice |= member.replace(map.next_value::<Member<'de>>()?).is_some(),
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(if twice { Err("the saved token has a member twice") } else { read(members) })
    }
}

/// Makes the same checks as for a fresh response. The error quotes nothing.
fn read(members: [Option<Member<'_>>; NAMES.len()]) -> Result<SavedToken, &'static str> {
    let [version, environment, kind, location, access_token] = members;
    if !matches!(version, Some(Member::Number(VERSION))) {
        return Err("the saved token has an unknown version");
    }
    let environment = match environment.as_ref().and_then(Member::text) {
        Some("staging") => Environment::Staging,
        Some("production") => Environment::Production,
        _ => return Err("the saved token has an unknown environment"),
    };
    let location = match (kind.as_ref().and_then(Member::text), location) {
        (Some("user"), None) => None,
        (Some("location"), Some(location)) => {
            let id = location.text().and_then(|id| LocationId::new(id).ok());
            Some(id.ok_or("the saved token's location is not a valid id")?)
        }
        _ => return Err("the saved token's kind and location contradict each other"),
    };
    let secret = access_token.as_ref().and_then(Member::text).and_then(BearerToken::new);
    let secret = secret.ok_or("the saved token's access_token has a character that no header can carry")?;
    Ok(SavedToken { home: Home::loaded(environment), location, secret })
}
