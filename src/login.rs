//! The three flows: step 1, step 2, and both in a row. The page of each has a drawing of its states.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use http::{Request, Response, header};

use crate::body::SecretObject;
use crate::checks::line;
use crate::error_message::Secrets;
use crate::flow::sealed::Sealed;
use crate::request::post;
use crate::text::{clean, strike_out};
use crate::token::BearerToken;
use crate::token_error::CAUSE_LIMIT;
use crate::{
    App, Error, ErrorKind, Field, Flow, Location, LocationAccessToken, LocationId, Misuse, Progress, ReceiveError,
    Step, UserAccessToken, response,
};

/// A login with both steps: an owner's email and password for a Location Access Token. [`Location::login`] makes it.
///
/// ```text
/// Location::login ───▶ at step 1 ── 2xx, token ──▶ Next: at step 2 ── 2xx, token ──▶ Done(LocationAccessToken)
///                        │  ▲                        │  ▲
///                        └──┘ else: ReceiveError     └──┘ else: ReceiveError, and step 1 is not repeated
/// ```
///
/// ```
/// use location_auth::{Flow, Progress, Step};
#[doc = include_str!("doctest_app.txt")]
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
#[must_use = "a flow does nothing until its request is sent"]
pub struct LocationLogin(State);

#[derive(Clone)]
enum State {
    UserToken { login: UserLogin, location: Location },
    LocationToken(TokenExchange),
}

impl LocationLogin {
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

    fn request(&self) -> Request<Bytes> {
        match &self.0 {
            State::UserToken { login, .. } => login.request(),
            State::LocationToken(request) => request.request(),
        }
    }

    fn receive<B: AsRef<[u8]>>(self, response: &Response<B>) -> Result<Progress<Self>, ReceiveError<Self>> {
        match self.0 {
            State::UserToken { login, location } => match login.judge(response, Held::default()) {
                Ok(user) => Ok(Progress::Next(Self(State::LocationToken(TokenExchange::new(location, user))))),
                Err(error) => {
                    let error = error.at(location.id());
                    Err(ReceiveError { flow: Self(State::UserToken { login, location }), error })
                }
            },
            State::LocationToken(request) => match request.token(response, Held::default()) {
                Ok(token) => Ok(Progress::Done(token)),
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

/// A login with step 1 alone: an owner's email and password for a User Access Token. [`App::user_login`] makes it.
///
/// ```text
/// App::user_login ───▶ at step 1 ── 2xx, token ──▶ Done(UserAccessToken)
///                        │  ▲
///                        └──┘ else: ReceiveError
/// ```
///
/// ```
/// use location_auth::{Flow, Progress};
#[doc = include_str!("doctest_app.txt")]
/// let login = app.user_login("owner@example.com", "hunter2")?;
/// assert_eq!(login.request().uri(), "https://api.example.com/user_token");
///
/// let response = http::Response::new(r#"{"access_token": "u-1"}"#);
/// let Progress::Done(user) = login.receive(&response)? else { unreachable!() };
/// assert_eq!(user.expose_secret(), "u-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a flow does nothing until its request is sent"]
pub struct UserLogin {
    app: App,
    credentials: SecretObject,
}

impl UserLogin {
    /// The App that it logs in to.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Whether the other login would send the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.credentials.body() == other.credentials.body()
    }

    /// Returns the token of a response, or an error that says why there is none.
    pub(crate) fn token<B: AsRef<[u8]>>(
        &self,
        response: &Response<B>,
        held: Held<'_>,
    ) -> Result<UserAccessToken, Error> {
        self.judge(response, held).map(|secret| UserAccessToken { home: self.app.home().clone(), secret })
    }

    fn judge<B: AsRef<[u8]>>(&self, response: &Response<B>, held: Held<'_>) -> Result<BearerToken, Error> {
        response::token(response, None)
            .map_err(|kind| held.error(kind, Step::UserToken, response, &self.app, (Some(self), None)))
    }
}

impl Sealed for UserLogin {}

impl Flow for UserLogin {
    type Output = UserAccessToken;

    fn request(&self) -> Request<Bytes> {
        let app = self.app.inner();
        post(app.user_token_uri.clone(), app.user_token_headers.clone(), self.credentials.body())
    }

    fn receive<B: AsRef<[u8]>>(self, response: &Response<B>) -> Result<Progress<Self>, ReceiveError<Self>> {
        self.token(response, Held::default()).map(Progress::Done).map_err(|error| ReceiveError { flow: self, error })
    }

    fn step(&self) -> Step {
        Step::UserToken
    }

    fn location(&self) -> Option<&LocationId> {
        None
    }
}

/// An exchange (step 2 alone): a User Access Token for a Location Access Token. [`Location::exchange`] makes it.
///
/// ```text
/// Location::exchange ───▶ at step 2 ── 2xx, token ──▶ Done(LocationAccessToken)
///                        │  ▲
///                        └──┘ else: ReceiveError
/// ```
///
/// One User Access Token is enough for the tokens of all its owner's Locations:
///
/// ```
/// use location_auth::{App, Flow, TokenExchange, Misuse, UserAccessToken};
///
/// fn requests(app: &App, user: &UserAccessToken, ids: &[&str]) -> Result<Vec<TokenExchange>, Misuse> {
///     ids.iter().map(|id| app.location(id)?.exchange(user)).collect()
/// }
/// ```
#[derive(Clone)]
#[must_use = "a flow does nothing until its request is sent"]
pub struct TokenExchange {
    location: Location,
    user: BearerToken,
}

impl TokenExchange {
    pub(crate) fn new(location: Location, user: BearerToken) -> Self {
        Self { location, user }
    }

    /// Returns the token of a response, or an error that says why there is none.
    pub(crate) fn token<B: AsRef<[u8]>>(
        &self,
        response: &Response<B>,
        held: Held<'_>,
    ) -> Result<LocationAccessToken, Error> {
        let secret = response::token(response, Some(&self.user)).map_err(|kind| {
            let sent = (None, Some(&self.user));
            held.error(kind, Step::LocationToken, response, self.location.app(), sent).at(self.location.id())
        })?;
        let (home, location) = (self.location.app().home().clone(), self.location.id().clone());
        Ok(LocationAccessToken { home, location, secret })
    }
}

impl Sealed for TokenExchange {}

impl Flow for TokenExchange {
    type Output = LocationAccessToken;

    fn request(&self) -> Request<Bytes> {
        let app = self.location.app().inner();
        let mut headers = app.location_token_headers.clone();
        headers.insert(header::AUTHORIZATION, self.user.authorization().clone());
        post(self.location.token_uri().clone(), headers, app.client.body())
    }

    fn receive<B: AsRef<[u8]>>(self, response: &Response<B>) -> Result<Progress<Self>, ReceiveError<Self>> {
        self.token(response, Held::default()).map(Progress::Done).map_err(|error| ReceiveError { flow: self, error })
    }

    fn step(&self) -> Step {
        Step::LocationToken
    }

    fn location(&self) -> Option<&LocationId> {
        Some(self.location.id())
    }
}

/// What an owner and a session hold while a request is under way: its error repeats nothing of that either.
#[derive(Clone, Copy, Default)]
pub(crate) struct Held<'a> {
    pub(crate) login: Option<&'a UserLogin>,
    pub(crate) user: Option<&'a BearerToken>,
    pub(crate) location: Option<&'a BearerToken>,
}

impl Held<'_> {
    /// A store's own words, as a line that repeats no credential. `record` is the token that it was to write.
    pub(crate) fn told(self, cause: &str, record: Option<&BearerToken>) -> Box<str> {
        let password = self.login.map(|login| login.credentials.texts());
        let tokens = [self.user, self.location, record].into_iter().flatten().map(BearerToken::expose);
        let secrets: Vec<_> = tokens.chain(password.iter().map(|[_, password]| password.as_str())).collect();
        match strike_out(cause, &[], &secrets) {
            Some(cause) => clean(&cause, CAUSE_LIMIT),
            None => "its error repeats a credential, and is withheld".into(),
        }
    }

    /// Builds the error for a response without a token, to a request that carried `sent` and the App's credentials.
    fn error<B: AsRef<[u8]>>(
        self,
        kind: ErrorKind,
        step: Step,
        response: &Response<B>,
        app: &App,
        sent: (Option<&UserLogin>, Option<&BearerToken>),
    ) -> Error {
        let app = app.inner();
        let [id, client_secret] = app.client.texts();
        let logins: Vec<_> =
            [sent.0, self.login].into_iter().flatten().map(|login| login.credentials.texts()).collect();
        let emails = logins.iter().map(|[email, _]| (email.as_str(), EMAIL));
        let named: Vec<_> = emails.chain([(id.as_str(), CLIENT_ID)]).collect();
        let passwords = logins.iter().map(|[_, password]| password.as_str());
        let tokens = [sent.1, self.user, self.location].into_iter().flatten().map(BearerToken::expose);
        let secret: Vec<_> = passwords.chain(tokens).chain([client_secret.as_str(), app.api_key.expose()]).collect();
        response::error(kind, step, response, &Secrets { named: &named, secret: &secret })
    }
}

/// What replaces them in the service's message.
const EMAIL: &str = "[email]";
const CLIENT_ID: &str = "[client id]";

macro_rules! debug_as_flow {
    ($($flow:ident),*) => {$(
        /// Shows step and Location, no credential.
        impl fmt::Debug for $flow {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut flow = f.debug_struct(stringify!($flow));
                flow.field("step", &self.step()).field("location", &self.location()).finish_non_exhaustive()
            }
        }
    )*};
}
debug_as_flow!(LocationLogin, UserLogin, TokenExchange);

impl App {
    /// Builds a login for a User Access Token (step 1 alone), for an owner of many Locations. Exchange that token for a token of each with
    /// [`Location::exchange`]. One login is enough: a second one creates a second token that never expires.
    /// With the User Access Token, a program can replace a revoked Location Access Token without the password. If it need not,
    /// [`Location::login`] is shorter.
    ///
    /// # Errors
    /// [`Misuse::Empty`] for an empty email or password, [`Misuse::LineEnd`] for one that ends in a line break.
    pub fn user_login(&self, email: &str, password: &str) -> Result<UserLogin, Misuse> {
        let (email, password) = (line(Field::Email, email)?, line(Field::Password, password)?);
        let credentials = SecretObject::new([("email", email), ("password", password)], Some(&self.inner().client));
        Ok(UserLogin { app: self.clone(), credentials })
    }
}

impl Location {
    /// Builds a login for a Location Access Token (both steps).
    ///
    /// The User Access Token in between is dropped as soon as it has been used. To replace a revoked token without the password, or for
    /// several Locations, use [`App::user_login`] and [`exchange`](Self::exchange).
    ///
    /// # Errors
    /// [`Misuse::Empty`] for an empty email or password, [`Misuse::LineEnd`] for one that ends in a line break.
    pub fn login(&self, email: &str, password: &str) -> Result<LocationLogin, Misuse> {
        let login = self.app().user_login(email, password)?;
        Ok(LocationLogin(State::UserToken { login, location: self.clone() }))
    }

    /// Builds an exchange of a User Access Token for a Location Access Token (step 2 alone).
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`] if the token is of an App of elsewhere.
    pub fn exchange(&self, user: &UserAccessToken) -> Result<TokenExchange, Misuse> {
        self.app().home().accept(&user.home)?;
        Ok(TokenExchange::new(self.clone(), user.secret.clone()))
    }
}
