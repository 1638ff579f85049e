//! The caller's settings, from code or from serde. [`App::new`](crate::App::new) checks them.

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde_core::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use crate::Environment;
use crate::json::{Member, Text, refuse_unquoted};
use crate::secret::REDACTED;

/// The settings of an [`App`](crate::App): the credentials that the service issued, and the URLs that came with them.
///
/// Each setting has a function. The secrets are in buffers that are overwritten on drop, and `Debug` hides them. A `String` that you move in
/// is not copied.
///
/// Nothing is checked before [`App::new`](crate::App::new), which names the first setting that is missing or wrong.
///
/// ```
/// use location_auth::{App, Environment, Settings};
///
/// let staging = Settings::new(Environment::Staging)
///     .user_token_url("https://staging.example.com/user_token")
///     .location_token_url("https://staging.example.com/location_token") // without {location_id}, the id is your own label
///     .api_key("k-12")
///     .client_id("c-34")
///     .client_secret("s-56");
/// assert_eq!(format!("{staging:?}"), "Settings { environment: Staging, credentials: \"[redacted]\", .. }");
/// App::new(staging)?;
/// # Ok::<(), location_auth::Misuse>(())
/// ```
///
/// serde reads them from a map with the same names. `api_origins` has all [`api_origin`](Self::api_origin)s: a list, or one text with commas,
/// as in an environment variable. An unknown or repeated name is an error, and so is a value that is not a text. The error quotes no value,
/// but the libraries for TOML and YAML show its line.
///
/// ```
/// use location_auth::{App, Settings};
///
/// let settings: Settings = serde_json::from_str(
///     r#"{
///         "environment": "staging",
///         "user_token_url": "https://staging.example.com/user_token",
///         "location_token_url": "https://staging.example.com/locations/{location_id}/token",
///         "api_origins": ["https://data.staging.example.com"],
///         "api_key": "k-12",
///         "client_id": "c-34",
///         "client_secret": "s-56",
///         "data_source_name": "salon-software"
///     }"#,
/// )?;
/// assert_eq!(App::new(settings)?.data_source_name(), Some("salon-software"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// With a function for each setting, a later version can add one.
#[derive(Clone)]
pub struct Settings {
    pub(crate) environment: Environment,
    pub(crate) user_token_url: String,
    pub(crate) location_token_url: String,
    pub(crate) api_origins: Vec<String>,
    pub(crate) api_key: Zeroizing<String>,
    pub(crate) client_id: Zeroizing<String>,
    pub(crate) client_secret: Zeroizing<String>,
    pub(crate) data_source_name: Option<String>,
}

impl Settings {
    /// Makes empty settings for one of the service's environments. A wrong environment can't be detected.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            user_token_url: String::new(),
            location_token_url: String::new(),
            api_origins: Vec::new(),
            api_key: Zeroizing::default(),
            client_id: Zeroizing::default(),
            client_secret: Zeroizing::default(),
            data_source_name: None,
        }
    }

    /// Sets the URL of step 1: `https`, or `http` to a loopback host.
    #[must_use]
    pub fn user_token_url(mut self, url: impl Into<String>) -> Self {
        self.user_token_url = url.into();
        self
    }

    /// Sets the URL of step 2: `https`, or `http` to a loopback host. The Location's id replaces each `{location_id}` in its path or query.
    #[must_use]
    pub fn location_token_url(mut self, url: impl Into<String>) -> Self {
        self.location_token_url = url.into();
        self
    }

    /// Adds an origin that credentials may be sent to, like `https://data.example.com`. The origins of the two URLs are always
    /// allowed, and no others are.
    // `Q4`.
    #[must_use]
    pub fn api_origin(mut self, origin: impl Into<String>) -> Self {
        self.api_origins.push(origin.into());
        self
    }

    /// Sets the API Key, which every request carries: visible ASCII, since it is sent in a header.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Zeroizing::new(key.into());
        self
    }

    /// Sets the Client ID, which both steps carry in the body: any text without control characters, since it is sent in JSON.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Zeroizing::new(id.into());
        self
    }

    /// Sets the Client Secret, which both steps carry in the body: any text without control characters, since it is sent in JSON.
    #[must_use]
    pub fn client_secret(mut self, secret: impl Into<String>) -> Self {
        self.client_secret = Zeroizing::new(secret.into());
        self
    }

    /// Sets the Data Source Name, for the sync calls that need one. It is optional and not secret. The crate never sends it: your program puts it
    /// on those calls, from [`App::data_source_name`](crate::App::data_source_name).
    #[must_use]
    pub fn data_source_name(mut self, name: impl Into<String>) -> Self {
        self.data_source_name = Some(name.into());
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("environment", &self.environment)
            .field("credentials", &REDACTED)
            .finish_non_exhaustive()
    }
}

const NAMES: [&str; 8] = [
    "environment",
    "user_token_url",
    "location_token_url",
    "api_origins",
    "api_key",
    "client_id",
    "client_secret",
    "data_source_name",
];

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `deserialize_map`, with which serde_json quotes a text in place of the object.
        deserializer.deserialize_any(SettingsVisitor)
    }
}

struct SettingsVisitor;

impl<'de> Visitor<'de> for SettingsVisitor {
    type Value = Settings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of settings")
    }

    refuse_unquoted! {
        "the settings are not a map: write each beside its name";
        visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128), visit_f64(f64), visit_str(&str), visit_bytes(&[u8]),
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
        let mut settings = Settings::new(Environment::Staging);
        let mut seen = [false; NAMES.len()];
        while let Some(name) = map.next_key::<Member<'de>>()? {
            let name = name.text().unwrap_or_default();
            let Some((known, seen)) = NAMES.iter().zip(&mut seen).find(|(known, _)| **known == name) else {
                return Err(unknown(name));
            };
            if core::mem::replace(seen, true) {
                return Err(de::Error::custom(format_args!("the setting {known} is there twice: remove one")));
            }
            match *known {
                "environment" => settings.environment = map.next_value()?,
                "user_token_url" => settings.user_token_url = text(&mut map)?,
                "location_token_url" => settings.location_token_url = text(&mut map)?,
                "api_origins" => settings.api_origins = map.next_value::<Texts>()?.0,
                "api_key" => settings.api_key = map.next_value::<Text>()?.0,
                "client_id" => settings.client_id = map.next_value::<Text>()?.0,
                "client_secret" => settings.client_secret = map.next_value::<Text>()?.0,
                _ => {
                    settings.data_source_name =
                        map.next_value::<Option<Text>>()?.map(|mut name| core::mem::take(&mut *name.0))
                }
            }
        }
        let [environment, ..] = seen;
        if !environment {
            return Err(de::Error::custom("the setting environment is missing: set it to staging or production"));
        }
        Ok(settings)
    }
}

/// Quotes only what looks like a setting's name: anything else could be a value in the wrong place.
fn unknown<E: de::Error>(name: &str) -> E {
    let named =
        !name.is_empty() && name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let name = if named { name } else { "of an unusual name" };
    E::custom(format_args!("the setting {name} is not known: the settings are {}", NAMES.join(", ")))
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<String, A::Error> {
    Ok(core::mem::take(&mut *map.next_value::<Text>()?.0))
}

/// A list of texts, or one text with commas between them.
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }
    fn visit_unit<E>(self) -> Result<Texts, E> {
        Ok(Texts(Vec::new()))
    }
    fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts(text.split(',').map(str::trim_ascii).filter(|text| !text.is_empty()).map(String::from).collect()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(mut text) = seq.next_element::<Text>()? {
            texts.push(core::mem::take(&mut *text.0));
        }
        Ok(Texts(texts))
    }

    refuse_unquoted! {
        "api_origins is not a list of texts: put each between quotes";
        visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128), visit_f64(f64), visit_bytes(&[u8]),
    }
}
