//! The App and its Locations. Every setting is checked here, once.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use http::{HeaderMap, Uri};

use crate::body::SecretObject;
use crate::checks::{copied, text};
use crate::endpoint::{self, Template};
use crate::home::Home;
use crate::request::headers;
use crate::secret::{REDACTED, SecretHeader};
use crate::{Environment, Field, LocationId, Misuse, Settings, Step};

/// One integrator's access to one environment of the service. Cheap to clone.
///
/// ```
/// use location_auth::{App, Environment, Flow, Settings};
///
/// let app = App::new(
///     Settings::new(Environment::Staging)
///         .user_token_url("https://api.example.com/user_token")
///         .location_token_url("https://api.example.com/locations/{location_id}/token")
///         .api_origin("https://data.example.com")
///         .api_key("k-12")
///         .client_id("c-34")
///         .client_secret("s-56")
///         .data_source_name("salon-software"),
/// )?;
/// let login = app.location("loc-1")?.login("owner@example.com", "hunter2")?;
/// assert_eq!(login.request().uri(), "https://api.example.com/user_token");
/// # Ok::<(), location_auth::Misuse>(())
/// ```
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) home: Home,
    pub(crate) user_token_uri: Uri,
    pub(crate) user_token_headers: HeaderMap,
    pub(crate) location_token_headers: HeaderMap,
    location_token_uri: Template,
    pub(crate) api_key: SecretHeader,
    pub(crate) client: SecretObject,
    data_source_name: Option<Box<str>>,
}

// `App::user_login`, `Location::login` and `Location::exchange` are in `login.rs`, and `Location::session` is in `session.rs`.
impl App {
    /// Builds an App. It checks every setting, so that no later step can fail because of one.
    ///
    /// # Errors
    /// A [`Misuse`] that names the first wrong setting and what is wrong with it, never its value.
    pub fn new(settings: Settings) -> Result<Self, Misuse> {
        let (user_token_uri, user_token_origin) = endpoint::parse(Field::UserTokenUrl, &settings.user_token_url)?;
        let (location_token_uri, location_token_origin) = Template::parse(&settings.location_token_url)?;
        let mut origins = Vec::from([user_token_origin, location_token_origin]);
        for origin in &settings.api_origins {
            origins.push(endpoint::parse_origin(Field::ApiOrigin, origin)?);
        }
        let api_key = copied(Field::ApiKey, &settings.api_key)?;
        let api_key = SecretHeader::new("", api_key).ok_or(Misuse::Character(Field::ApiKey))?;
        let client_id = text(Field::ClientId, &settings.client_id)?;
        let client_secret = text(Field::ClientSecret, &settings.client_secret)?;
        let data_source_name = match &settings.data_source_name {
            Some(name) => Some(text(Field::DataSourceName, name)?.into()),
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            home: Home::new(settings.environment, origins),
            user_token_uri,
            user_token_headers: headers(&api_key, Step::UserToken),
            location_token_headers: headers(&api_key, Step::LocationToken),
            location_token_uri,
            client: SecretObject::new([("client_id", client_id), ("client_secret", client_secret)], None),
            api_key,
            data_source_name,
        })))
    }

    /// Makes a Location from the id that the service gave it. It sends nothing: the service refuses an unknown id at step 2.
    ///
    /// # Errors
    /// Those of [`LocationId::new`], and [`Misuse::TooLarge`] if the id makes the URL longer than 64 KiB.
    pub fn location(&self, id: &str) -> Result<Location, Misuse> {
        let id = LocationId::new(id)?;
        let token_uri = self.0.location_token_uri.fill(&id)?;
        Ok(Location(Arc::new(LocationInner { app: self.clone(), id, token_uri })))
    }

    /// The environment that the credentials are for.
    pub fn environment(&self) -> Environment {
        self.0.home.environment
    }

    /// The Data Source Name. The crate never sends it: put it on the sync calls that need it.
    pub fn data_source_name(&self) -> Option<&str> {
        self.0.data_source_name.as_deref()
    }

    pub(crate) fn home(&self) -> &Home {
        &self.0.home
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("environment", &self.0.home.environment)
            .field("origins", &self.0.home.origins())
            .field("data_source_name", &self.0.data_source_name)
            .field("credentials", &REDACTED)
            .finish_non_exhaustive()
    }
}

/// One place of business (a salon, a garage), as the service knows it. [`App::location`] makes it. Cheap to clone.
///
/// For an owner of many Locations, one login is enough for the tokens of all:
///
/// ```
/// use location_auth::transports::run;
#[doc = include_str!("doctest_app.txt")]
/// # let transport = |request: http::Request<location_auth::Bytes>, _limit| -> Result<_, std::convert::Infallible> {
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
    /// The Location's id.
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
