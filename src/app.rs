//! What the service issued, and where it lives: all that the caller configures is read and checked here, once.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use http::{Uri, request::Parts};

use crate::body::SecretObject;
use crate::endpoint::{self, Origin, Template};
use crate::request::head;
use crate::secret::{REDACTED, SecretHeader};
use crate::{Field, LocationId, Misuse, Step};

/// Everything that [`App::new`] needs, by name: what the service issued (`P1`), and the URLs that came with it (`Q1`).
///
/// The secrets are borrowed: wiping the caller's own copies is the caller's.
///
/// ```
/// use location_auth::{App, Environment, Settings};
///
/// let staging = Settings {
///     environment: Environment::Staging,
///     user_token_url: "https://staging.example.com/user_token",
///     location_token_url: "https://staging.example.com/location_token", // the Location's id is a label then (`Q2`)
///     api_origins: &[],
///     api_key: "k-12",
///     client_id: "c-34",
///     client_secret: "s-56",
///     data_source_name: None,
/// };
/// App::new(staging)?;
/// assert_eq!(format!("{staging:?}"), "Settings { environment: Staging, credentials: \"[redacted]\", .. }");
/// # Ok::<(), location_auth::Misuse>(())
/// ```
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Which of the service's environments the other settings are for (`P2`). A wrong label can't be detected (`Q15`).
    pub environment: Environment,
    /// Where step 1 is sent (`P8`): `https`, or `http` to a loopback host.
    pub user_token_url: &'a str,
    /// Where step 2 is sent (`P9`). Each `{location_id}` in its path or query stands for the Location's id (`Q2`).
    pub location_token_url: &'a str,
    /// Further origins that credentials may be sent to, like `https://data.example.com`: those of the two URLs above are
    /// allowed anyway, and no other is (`Q4`).
    pub api_origins: &'a [&'a str],
    /// Goes on every request (`P3`): visible ASCII.
    pub api_key: &'a str,
    /// Goes into the body of both steps: printable ASCII (RFC 6749 appendix A.1).
    pub client_id: &'a str,
    /// Goes into the body of both steps: printable ASCII (RFC 6749 appendix A.2).
    pub client_secret: &'a str,
    /// For the sync calls that need one; authentication never sends it (`Q14`). Not secret.
    pub data_source_name: Option<&'a str>,
}

impl fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("environment", &self.environment)
            .field("credentials", &REDACTED)
            .finish_non_exhaustive()
    }
}

/// The service's two environments, which have different credentials (`P2`).
///
/// ```
/// use location_auth::Environment;
///
/// assert_eq!(Environment::Production.to_string(), "production");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Environment {
    /// For trying things out.
    Staging,
    /// For real businesses.
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Environment::Staging => "staging",
            Environment::Production => "production",
        })
    }
}

/// One integrator's access to one environment of the service (`P1`, `P2`). Cheap to clone.
///
/// ```
/// use location_auth::{App, Environment, Flow, Settings};
///
/// let app = App::new(Settings {
///     environment: Environment::Staging,
///     user_token_url: "https://api.example.com/user_token",
///     location_token_url: "https://api.example.com/locations/{location_id}/token",
///     api_origins: &["https://data.example.com"],
///     api_key: "k-12",
///     client_id: "c-34",
///     client_secret: "s-56",
///     data_source_name: Some("salon-software"),
/// })?;
/// let login = app.location("loc-1")?.login("owner@example.com", "hunter2")?;
/// assert_eq!(login.request().uri(), "https://api.example.com/user_token");
/// # Ok::<(), location_auth::Misuse>(())
/// ```
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) environment: Environment,
    pub(crate) user_token_head: Parts,
    /// Without a Location's URI, which is with the Location.
    pub(crate) location_token_head: Parts,
    location_token_uri: Template,
    pub(crate) origins: Vec<Origin>,
    pub(crate) api_key: SecretHeader,
    pub(crate) client: SecretObject,
    data_source_name: Option<Box<str>>,
}

impl App {
    /// Reads and checks everything (`Q1`, `Q2`, `Q4`), so that nothing that follows can fail for want of it.
    ///
    /// # Errors
    /// A [`Misuse`] that names the first setting that is wrong, and what is wrong with it, never its value.
    pub fn new(settings: Settings<'_>) -> Result<Self, Misuse> {
        let (user_token_uri, user_token_origin) = endpoint::parse(Field::UserTokenUrl, settings.user_token_url)?;
        let (location_token_uri, location_token_origin) = Template::parse(settings.location_token_url)?;
        let mut origins = Vec::from([user_token_origin, location_token_origin]);
        for origin in settings.api_origins {
            origins.push(Origin::parse(Field::ApiOrigin, origin)?);
        }
        let api_key = not_empty(Field::ApiKey, settings.api_key)?;
        let api_key = SecretHeader::new("", api_key).ok_or(Misuse::Character(Field::ApiKey))?;
        let printable = |c: char| c.is_ascii_graphic() || c == ' ';
        let client_id = text(Field::ClientId, settings.client_id, printable)?;
        let client_secret = text(Field::ClientSecret, settings.client_secret, printable)?;
        let data_source_name = match settings.data_source_name {
            Some(name) => Some(text(Field::DataSourceName, name, |c| !c.is_control())?.into()),
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            environment: settings.environment,
            user_token_head: head(user_token_uri, &api_key, Step::UserToken),
            location_token_head: head(Uri::default(), &api_key, Step::LocationToken),
            location_token_uri,
            origins,
            client: SecretObject::new([("client_id", client_id), ("client_secret", client_secret)]),
            api_key,
            data_source_name,
        })))
    }

    /// The Location that this id names (`Q2`).
    ///
    /// # Errors
    /// Those of [`LocationId::new`], and [`Misuse::TooLarge`] if the id makes the URL longer than 64 KiB.
    pub fn location(&self, id: &str) -> Result<Location, Misuse> {
        let id = LocationId::new(id)?;
        let token_uri = self.0.location_token_uri.fill(&id)?;
        Ok(Location(Arc::new(LocationInner { app: self.clone(), id, token_uri })))
    }

    /// The environment that the credentials are for (`P2`, `Q15`).
    pub fn environment(&self) -> Environment {
        self.0.environment
    }

    /// The Data Source Name, for the sync calls that need it (`Q14`).
    pub fn data_source_name(&self) -> Option<&str> {
        self.0.data_source_name.as_deref()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("environment", &self.0.environment)
            .field("origins", &self.0.origins)
            .field("data_source_name", &self.0.data_source_name)
            .field("credentials", &REDACTED)
            .finish_non_exhaustive()
    }
}

/// A business's premises (a salon, a garage), as the service knows it (`P5`, `Q2`). Made by [`App::location`], cheap to clone.
///
/// For one owner of many Locations, one login buys the token of each:
///
/// ```
/// use location_auth::transports::run;
/// # let app = location_auth::App::new(location_auth::Settings {
/// #     environment: location_auth::Environment::Staging,
/// #     user_token_url: "https://api.example.com/user_token",
/// #     location_token_url: "https://api.example.com/locations/{location_id}/token",
/// #     api_origins: &[], api_key: "k-12", client_id: "id", client_secret: "client secret", data_source_name: None })?;
/// # let transport = |request: http::Request<Vec<u8>>, _limit| -> Result<_, std::convert::Infallible> {
/// #     let token = if request.headers().contains_key("authorization") { "l-1" } else { "u-1" };
/// #     Ok(http::Response::new(format!(r#"{{"access_token": "{token}"}}"#).into_bytes()))
/// # };
/// let user = run(app.user_login("owner@example.com", "hunter2")?, &transport)?;
/// let mut tokens = Vec::new();
/// for id in ["loc-1", "loc-2"] {
///     tokens.push(run(app.location(id)?.exchange(&user)?, &transport)?);
/// }
/// assert_eq!(tokens[1].location().as_str(), "loc-2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Location(Arc<LocationInner>);

struct LocationInner {
    app: App,
    id: LocationId,
    token_uri: Uri,
}

impl Location {
    /// The id that the Location was named by (`Q2`).
    pub fn id(&self) -> &LocationId {
        &self.0.id
    }

    /// The App that the Location was made from.
    pub fn app(&self) -> &App {
        &self.0.app
    }

    pub(crate) fn token_uri(&self) -> &Uri {
        &self.0.token_uri
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location").field("id", &self.0.id).field("app", &self.0.app).finish_non_exhaustive()
    }
}

/// The text itself, if it is not empty and every character is one it can have.
pub(crate) fn text(field: Field, text: &str, can_have: impl Fn(char) -> bool) -> Result<&str, Misuse> {
    if !not_empty(field, text)?.chars().all(can_have) {
        return Err(Misuse::Character(field));
    }
    Ok(text)
}

pub(crate) fn not_empty(field: Field, text: &str) -> Result<&str, Misuse> {
    if text.is_empty() { Err(Misuse::Empty(field)) } else { Ok(text) }
}
