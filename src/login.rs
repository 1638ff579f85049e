//! The two steps, and both in a row: the three flows, each with its states drawn at its type.

use alloc::vec::Vec;
use core::fmt;

use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header, request::Parts};

use crate::app::not_empty;
use crate::body::SecretObject;
use crate::flow::sealed::Sealed;
use crate::secret::SecretHeader;
use crate::token::BearerToken;
use crate::{
    App, Error, Field, Flow, Location, LocationAccessToken, LocationId, Misuse, Progress, ReceiveError, Step,
    UserAccessToken, response,
};

/// Both steps: an owner's email and password for a Location Access Token (`P8`, `P9`). Made by [`Location::login`].
///
/// ```text
/// Location::login ───▶ at step 1 ── 2xx, token ──▶ Next: at step 2 ── 2xx, token ──▶ Done(LocationAccessToken)
///                        │  ▲                        │  ▲
///                        └──┘ else: ReceiveError           └──┘ else: ReceiveError, and step 1 is not repeated
/// ```
///
/// ```
/// use location_auth::{Flow, Progress, Step};
/// # let app = location_auth::App::new(location_auth::Settings {
/// #     environment: location_auth::Environment::Staging,
/// #     user_token_url: "https://api.example.com/user_token",
/// #     location_token_url: "https://api.example.com/locations/{location_id}/token",
/// #     api_origins: &[], api_key: "k-12", client_id: "id", client_secret: "client secret", data_source_name: None })?;
/// let login = app.location("loc-1")?.login("owner@example.com", "hunter2")?;
/// assert_eq!(login.step(), Step::UserToken);
///
/// let user = http::Response::new(r#"{"access_token": "u-1"}"#);
/// let Progress::Next(login) = login.receive(&user)? else { unreachable!() };
/// assert_eq!(login.step(), Step::LocationToken);
/// assert_eq!(login.request().uri(), "https://api.example.com/locations/loc-1/token");
///
/// let location = http::Response::new(r#"{"access_token": "l-1"}"#);
/// let Progress::Done(token) = login.receive(&location)? else { unreachable!() };
/// assert_eq!(token.location().as_str(), "loc-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a flow does nothing by itself: send its request"]
pub struct LocationLogin(State);

#[derive(Clone)]
enum State {
    UserToken { login: UserLogin, location: Location },
    LocationToken(TokenExchange),
}

impl LocationLogin {
    pub(crate) fn new(location: Location, login: UserLogin) -> Self {
        Self(State::UserToken { login, location })
    }

    /// The App that it logs in to.
    pub fn app(&self) -> &App {
        match &self.0 {
            State::UserToken { location, .. } => location.app(),
            State::LocationToken(request) => request.location.app(),
        }
    }
}

impl Sealed for LocationLogin {}

impl Flow for LocationLogin {
    type Output = LocationAccessToken;

    fn request(&self) -> Request<Vec<u8>> {
        match &self.0 {
            State::UserToken { login, .. } => login.request(),
            State::LocationToken(request) => request.request(),
        }
    }

    fn receive<B: AsRef<[u8]>>(self, response: &Response<B>) -> Result<Progress<Self>, ReceiveError<Self>> {
        match self.0 {
            State::UserToken { login, location } => match login.judge(response) {
                Ok(user) => Ok(Progress::Next(Self(State::LocationToken(TokenExchange::new(location, user))))),
                Err(error) => {
                    let error = error.at(location.id());
                    Err(ReceiveError { flow: Self(State::UserToken { login, location }), error })
                }
            },
            State::LocationToken(request) => match request.judge(response) {
                Ok(secret) => Ok(Progress::Done(request.bought(secret))),
                Err(error) => Err(ReceiveError { flow: Self(State::LocationToken(request)), error }),
            },
        }
    }

    fn step(&self) -> Step {
        match &self.0 {
            State::UserToken { login, .. } => login.step(),
            State::LocationToken(request) => request.step(),
        }
    }

    fn location(&self) -> Option<&LocationId> {
        match &self.0 {
            State::UserToken { location, .. } => Some(location.id()),
            State::LocationToken(request) => request.location(),
        }
    }
}

/// Step 1: an owner's email and password for a User Access Token (`P8`). Made by [`App::user_login`].
///
/// ```text
/// App::user_login ───▶ at step 1 ── 2xx, token ──▶ Done(UserAccessToken)
///                        │  ▲
///                        └──┘ else: ReceiveError
/// ```
///
/// ```
/// use location_auth::{Flow, Progress};
/// # let app = location_auth::App::new(location_auth::Settings {
/// #     environment: location_auth::Environment::Staging,
/// #     user_token_url: "https://api.example.com/user_token",
/// #     location_token_url: "https://api.example.com/locations/{location_id}/token",
/// #     api_origins: &[], api_key: "k-12", client_id: "id", client_secret: "client secret", data_source_name: None })?;
/// let login = app.user_login("owner@example.com", "hunter2")?;
/// assert_eq!(login.request().uri(), "https://api.example.com/user_token");
///
/// let response = http::Response::new(r#"{"access_token": "u-1"}"#);
/// let Progress::Done(user) = login.receive(&response)? else { unreachable!() };
/// assert_eq!(user.expose_secret(), "u-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a flow does nothing by itself: send its request"]
pub struct UserLogin {
    app: App,
    credentials: SecretObject,
}

impl UserLogin {
    pub(crate) fn new(app: App, email: &str, password: &str) -> Result<Self, Misuse> {
        let email = not_empty(Field::Email, email)?;
        let password = not_empty(Field::Password, password)?;
        Ok(Self { app, credentials: SecretObject::new([("email", email), ("password", password)]) })
    }

    fn judge<B: AsRef<[u8]>>(&self, response: &Response<B>) -> Result<BearerToken, Error> {
        response::token(response, None).map_err(|kind| {
            let app = self.app.inner();
            let ([email, password], [id, secret]) = (self.credentials.texts(), app.client.texts());
            let request_secrets = [email.as_str(), &password, &id, &secret, app.api_key.expose()];
            response::error(kind, self.step(), response, &request_secrets)
        })
    }
}

impl Sealed for UserLogin {}

impl Flow for UserLogin {
    type Output = UserAccessToken;

    fn request(&self) -> Request<Vec<u8>> {
        let app = self.app.inner();
        Request::from_parts(app.user_token_head.clone(), self.credentials.body_with(&app.client))
    }

    fn receive<B: AsRef<[u8]>>(self, response: &Response<B>) -> Result<Progress<Self>, ReceiveError<Self>> {
        match self.judge(response) {
            Ok(secret) => {
                let environment = self.app.environment();
                Ok(Progress::Done(UserAccessToken { environment, secret }))
            }
            Err(error) => Err(ReceiveError { flow: self, error }),
        }
    }

    fn step(&self) -> Step {
        Step::UserToken
    }

    fn location(&self) -> Option<&LocationId> {
        None
    }
}

/// Step 2: a User Access Token for a Location Access Token (`P9`). Made by [`Location::exchange`].
///
/// ```text
/// Location::exchange ───▶ at step 2 ── 2xx, token ──▶ Done(LocationAccessToken)
///                        │  ▲
///                        └──┘ else: ReceiveError
/// ```
///
/// One user token buys a token for each of its owner's Locations:
///
/// ```
/// use location_auth::{App, Flow, TokenExchange, Misuse, UserAccessToken};
///
/// fn requests(app: &App, user: &UserAccessToken, ids: &[&str]) -> Result<Vec<TokenExchange>, Misuse> {
///     ids.iter().map(|id| app.location(id)?.exchange(user)).collect()
/// }
/// ```
#[derive(Clone)]
#[must_use = "a flow does nothing by itself: send its request"]
pub struct TokenExchange {
    location: Location,
    user: BearerToken,
}

impl TokenExchange {
    pub(crate) fn new(location: Location, user: BearerToken) -> Self {
        Self { location, user }
    }

    fn judge<B: AsRef<[u8]>>(&self, response: &Response<B>) -> Result<BearerToken, Error> {
        response::token(response, Some(&self.user)).map_err(|kind| {
            let app = self.location.app().inner();
            let [id, secret] = app.client.texts();
            let request_secrets = [self.user.expose(), &id, &secret, app.api_key.expose()];
            response::error(kind, self.step(), response, &request_secrets).at(self.location.id())
        })
    }

    fn bought(&self, secret: BearerToken) -> LocationAccessToken {
        let environment = self.location.app().environment();
        LocationAccessToken { environment, location: self.location.id().clone(), secret }
    }
}

impl Sealed for TokenExchange {}

impl Flow for TokenExchange {
    type Output = LocationAccessToken;

    fn request(&self) -> Request<Vec<u8>> {
        let app = self.location.app().inner();
        let mut head = app.location_token_head.clone();
        head.uri = self.location.token_uri().clone();
        head.headers.insert(header::AUTHORIZATION, self.user.authorization().clone());
        Request::from_parts(head, app.client.body())
    }

    fn receive<B: AsRef<[u8]>>(self, response: &Response<B>) -> Result<Progress<Self>, ReceiveError<Self>> {
        match self.judge(response) {
            Ok(secret) => Ok(Progress::Done(self.bought(secret))),
            Err(error) => Err(ReceiveError { flow: self, error }),
        }
    }

    fn step(&self) -> Step {
        Step::LocationToken
    }

    fn location(&self) -> Option<&LocationId> {
        Some(self.location.id())
    }
}

macro_rules! debug_as_flow {
    ($($flow:ident),*) => {$(
        /// Step and Location, no credential.
        impl fmt::Debug for $flow {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut flow = f.debug_struct(stringify!($flow));
                flow.field("step", &self.step()).field("location", &self.location()).finish_non_exhaustive()
            }
        }
    )*};
}
debug_as_flow!(LocationLogin, UserLogin, TokenExchange);

pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A step's request but for its body (`P3`, `P8`, `P9`), made once for an App: to copy headers costs less than to insert them.
pub(crate) fn head(uri: Uri, api_key: &SecretHeader, step: Step) -> Parts {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::POST;
    head.uri = uri;
    let headers = &mut head.headers;
    headers.insert(header::CONTENT_TYPE, as_body_of_credentials(JSON));
    headers.insert(header::ACCEPT, JSON);
    headers.insert(X_API_KEY, api_key.header().clone());
    if step == Step::LocationToken {
        // Keeps the place of the user token: a copy has no room for one header more.
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(""));
    }
    head
}

fn as_body_of_credentials(mut content_type: HeaderValue) -> HeaderValue {
    content_type.set_sensitive(true);
    content_type
}

/// Whether this is the request of a [`Flow`], on whose answer a token may come. For transports that keep connections: they send such a
/// request on one that nobody else's request was answered on, or a stray answer of another owner's becomes this owner's token.
///
/// A flow marks the `content-type` of its requests as sensitive, as it marks each header that holds a credential: here the body does.
/// The mark is not sent. A call of yours that shall have a connection of its own can be marked the same way.
///
/// ```
/// use http::{HeaderValue, Request, header::CONTENT_TYPE};
/// use location_auth::{App, Flow, is_token_request};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let app = App::new(location_auth::Settings {
/// #     environment: location_auth::Environment::Staging,
/// #     user_token_url: "https://api.example.com/user_token",
/// #     location_token_url: "https://api.example.com/locations/{location_id}/token",
/// #     api_origins: &[], api_key: "k-12", client_id: "id", client_secret: "client secret", data_source_name: None })?;
/// assert!(is_token_request(&app.user_login("owner@example.com", "hunter2")?.request()));
///
/// let mut call = Request::post("https://api.example.com/contacts").body(b"{}".to_vec())?;
/// assert!(!is_token_request(&call));
/// let mut json = HeaderValue::from_static("application/json");
/// json.set_sensitive(true);
/// call.headers_mut().insert(CONTENT_TYPE, json);
/// assert!(is_token_request(&call));
/// # Ok(())
/// # }
/// ```
pub fn is_token_request<B>(request: &Request<B>) -> bool {
    request.headers().get(header::CONTENT_TYPE).is_some_and(HeaderValue::is_sensitive)
}
