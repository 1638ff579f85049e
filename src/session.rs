//! Ordinary calls: credentials go on them here, and nowhere else (`P3`, `P4`, `P7`, `Q3`, `Q4`).

use alloc::string::String;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, Request, Uri, header, request::Parts};

use crate::login::X_API_KEY;
use crate::token::BearerToken;
use crate::{App, Environment, Field, LocationAccessToken, LocationId, Misuse, UserAccessToken};
use crate::{endpoint, query};

/// What puts the credentials on ordinary calls: the API Key, and a token where the session has one. Pure: no lock, no clock.
///
/// It also knows what to do after a 401 (`Q11`, `Q12`): see [`rejected`](Self::rejected). Share it behind a lock of yours, or use one of the
/// ready-made clients (feature `client`).
///
/// ```
/// use location_auth::{Session, Verdict};
/// # use location_auth::{App, Environment, Flow, Progress, Settings};
/// # let app = App::new(Settings::new(Environment::Staging)
/// #     .user_token_url("https://api.example.com/user_token")
/// #     .location_token_url("https://api.example.com/locations/{location_id}/token").api_key("k-12").client_id("id")
/// #     .client_secret("client secret"))?;
/// # let login = app.user_login("owner@example.com", "hunter2")?;
/// # let response = http::Response::new(r#"{"access_token": "u-1"}"#);
/// # let Progress::Done(user) = login.receive(&response)? else { unreachable!() };
/// # let buy = |token: &str| {
/// #     let response = http::Response::new(format!(r#"{{"access_token": "{token}"}}"#));
/// #     match app.location("loc-1").unwrap().exchange(&user).unwrap().receive(&response) {
/// #         Ok(Progress::Done(token)) => token,
/// #         _ => unreachable!(),
/// #     }
/// # };
/// # let (token, new_token) = (buy("l-1"), buy("l-2"));
/// let mut session = Session::for_location(&app, token)?;
///
/// let call = http::Request::get("https://api.example.com/contacts").body(())?;
/// let mut first = call.clone();
/// let attempt = session.authorize(&mut first)?;
/// assert_eq!(first.headers()["x-api-key"], "k-12");
/// assert_eq!(first.headers()["authorization"], "Bearer l-1");
///
/// // The answer was 401, and there is no newer token: somebody has to log in.
/// let Verdict::LogIn(attempt) = session.rejected(attempt)? else { unreachable!() };
/// assert!(session.renew(&attempt, new_token)?);
///
/// // Now there is one, and the call may be sent again, once.
/// let Verdict::Replay(replay) = session.rejected(attempt)? else { unreachable!() };
/// let mut second = call;
/// session.replay(replay, &mut second)?;
/// assert_eq!(second.headers()["authorization"], "Bearer l-2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What follows from what:
///
#[doc = include_str!("session.md")]
pub struct Session {
    app: App,
    token: Option<BearerToken>,
    location: Option<LocationId>,
    parameter: Option<String>,
    /// How often the token was renewed.
    generation: u64,
    identity: Identity,
}

/// Tells one session's attempts from another's. A number, since all threads that make calls would write to the count of an `Arc`.
#[derive(Clone, Copy, PartialEq)]
struct Identity(usize);

impl Identity {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A call that was authorized (`Q11`): which session did it, and with which of its tokens.
///
/// It can be had for a [`Replay`] once, by giving it up.
///
/// ```
/// use location_auth::{Attempt, Misuse, Session};
///
/// /// The call as it is sent, and what [`Session::rejected`] wants if the answer is 401: keep both together, and the original.
/// fn prepare(session: &Session, original: &http::Request<()>) -> Result<(http::Request<()>, Attempt), Misuse> {
///     let mut call = original.clone();
///     let attempt = session.authorize(&mut call)?;
///     Ok((call, attempt))
/// }
/// ```
pub struct Attempt {
    session: Identity,
    generation: u64,
}

/// What to do after a 401 (`Q11`).
///
/// ```
/// use location_auth::{Attempt, Misuse, Session, Verdict};
///
/// /// The call to send once more, if there is a newer token.
/// fn after_401(session: &Session, attempt: Attempt, original: &http::Request<()>) -> Result<Option<http::Request<()>>, Misuse> {
///     let Verdict::Replay(replay) = session.rejected(attempt)? else {
///         return Ok(None); // somebody has to log in
///     };
///     let mut call = original.clone();
///     session.replay(replay, &mut call)?;
///     Ok(Some(call))
/// }
/// ```
#[derive(Debug)]
pub enum Verdict {
    /// The session has a newer token than the attempt: send the call again, once.
    Replay(Replay),
    /// It has not: only a login can help. The attempt is given back, to renew the session with and to ask again.
    LogIn(Attempt),
}

/// The leave to send a call again, had for the attempt. It gives no new [`Attempt`], so that no call is sent a third time (`Q11`).
///
/// ```
/// use location_auth::{Misuse, Replay, Session};
///
/// fn once_more(session: &Session, replay: Replay, original: &http::Request<()>) -> Result<http::Request<()>, Misuse> {
///     let mut call = original.clone();
///     session.replay(replay, &mut call)?;
///     Ok(call)
/// }
/// ```
#[must_use = "it is the leave to send the call again"]
pub struct Replay {
    session: Identity,
}

impl Session {
    /// Calls that act as the Location's owner (`P5`).
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] if the token is of the other environment than the App.
    pub fn for_location(app: &App, token: LocationAccessToken) -> Result<Self, Misuse> {
        Self::new(app, token.environment, token.secret, Some(token.location))
    }

    /// Calls that act as one specific user: only for methods that need just that (`P5`).
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] if the token is of the other environment than the App.
    pub fn for_user(app: &App, token: UserAccessToken) -> Result<Self, Misuse> {
        Self::new(app, token.environment, token.secret, None)
    }

    /// Calls that need no token: the API Key alone (`P3`, `P4`).
    pub fn without_token(app: &App) -> Self {
        Self {
            app: app.clone(),
            token: None,
            location: None,
            parameter: None,
            generation: 0,
            identity: Identity::new(),
        }
    }

    fn new(app: &App, token: Environment, secret: BearerToken, location: Option<LocationId>) -> Result<Self, Misuse> {
        if token != app.environment() {
            return Err(Misuse::WrongEnvironment { token, app: app.environment() });
        }
        Ok(Self { token: Some(secret), location, ..Self::without_token(app) })
    }

    /// Sends the token in a query parameter (`P7`, `Q3`) instead of the `Authorization` header, which is to be preferred: URLs
    /// end up in logs. The usual name is `access_token` (RFC 6750 section 2.3).
    ///
    /// # Errors
    /// [`Misuse::Empty`] for an empty name.
    pub fn with_query_parameter(mut self, parameter: &str) -> Result<Self, Misuse> {
        if parameter.is_empty() {
            return Err(Misuse::Empty(Field::QueryParameter));
        }
        self.parameter = Some(parameter.into());
        Ok(self)
    }

    /// The Location that calls act for, if the token is a Location's (`P5`).
    pub fn location(&self) -> Option<&LocationId> {
        self.location.as_ref()
    }

    /// The App whose credentials calls carry.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Whether calls carry a token (`P4`).
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Puts the API Key and the token on a request (`P3`, `P7`): an `http::Request` of any body, or its `Parts`.
    ///
    /// An `x-api-key` and, where the session has a token, an `Authorization` that stand there are replaced, since a call carries one
    /// token (RFC 6750 section 2); the query that stands there is left byte for byte (`Q3`), so see to it that it holds no token of
    /// another. A `Host` that stands there has to be the URL's. To send a request again, authorize a clone of the original.
    ///
    /// # Errors
    /// The request is then as it was: [`Misuse::RelativeUrl`], [`Misuse::OriginNotAllowed`] and [`Misuse::HostMismatch`] (`Q4`), [`Misuse::DuplicateParameter`],
    /// [`Misuse::RequestTooLarge`].
    pub fn authorize(&self, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
        self.put_credentials(request)?;
        Ok(Attempt { session: self.identity, generation: self.generation })
    }

    /// What to do now that an attempt was answered with 401 (`Q11`). It is given up: no attempt leads to two replays.
    ///
    /// # Errors
    /// [`Misuse::ForeignAttempt`] if another session made it.
    pub fn rejected(&self, attempt: Attempt) -> Result<Verdict, Misuse> {
        self.check(attempt.session)?;
        if attempt.generation == self.generation {
            return Ok(Verdict::LogIn(attempt));
        }
        Ok(Verdict::Replay(Replay { session: attempt.session }))
    }

    /// Puts the newest credentials on a call that is sent again (`Q11`): on a clone of the original request.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), and [`Misuse::ForeignAttempt`] if another session gave the leave.
    pub fn replay(&self, replay: Replay, request: &mut impl RequestHead) -> Result<(), Misuse> {
        self.check(replay.session)?;
        self.put_credentials(request)
    }

    /// Takes the new token that a login came to after this attempt was rejected (`Q12`). `false` where a newer one stands already: the
    /// login ended late, and is not let undo it.
    ///
    /// # Errors
    /// The session is then as it was: [`Misuse::ForeignAttempt`]; [`Misuse::WrongEnvironment`]; [`Misuse::WrongLocation`] for a
    /// token of another Location, and for any if the session is not a Location's.
    pub fn renew(&mut self, attempt: &Attempt, token: LocationAccessToken) -> Result<bool, Misuse> {
        self.check(attempt.session)?;
        if token.environment != self.app.environment() {
            return Err(Misuse::WrongEnvironment { token: token.environment, app: self.app.environment() });
        }
        if self.location.as_ref() != Some(&token.location) {
            return Err(Misuse::WrongLocation);
        }
        if attempt.generation != self.generation {
            return Ok(false);
        }
        self.token = Some(token.secret);
        self.generation = self.generation.saturating_add(1);
        Ok(true)
    }

    fn check(&self, session: Identity) -> Result<(), Misuse> {
        if session == self.identity { Ok(()) } else { Err(Misuse::ForeignAttempt) }
    }

    fn put_credentials(&self, request: &mut impl RequestHead) -> Result<(), Misuse> {
        let app = self.app.inner();
        endpoint::permit(&app.origins, request.uri())?;
        if !endpoint::names_its_own_host(request.headers(), request.uri()) {
            return Err(Misuse::HostMismatch);
        }
        // `HeaderMap::insert` panics when its map is full, which this one is far from.
        if request.headers().len() > HEADERS_LIMIT {
            return Err(Misuse::RequestTooLarge);
        }
        match (&self.token, &self.parameter) {
            (Some(token), Some(parameter)) => {
                let uri = query::append(request.uri(), parameter, token)?;
                *request.uri_mut() = uri;
                // Another token beside ours could make the call act for somebody else (RFC 6750 section 2).
                request.headers_mut().remove(header::AUTHORIZATION);
            }
            (Some(token), None) => {
                request.headers_mut().insert(header::AUTHORIZATION, token.authorization().clone());
            }
            (None, _) => {}
        }
        request.headers_mut().insert(X_API_KEY, app.api_key.header().clone());
        Ok(())
    }
}

/// Far more headers than any server takes.
const HEADERS_LIMIT: usize = 1024;

/// Location and place of the token, no credential.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("environment", &self.app.environment())
            .field("location", &self.location)
            .field("query_parameter", &self.parameter)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}

/// What credentials are put on: `http::Request<B>` and `http::request::Parts`. Sealed.
///
/// ```
/// use location_auth::{Misuse, RequestHead, Session};
///
/// fn sign(session: &Session, head: &mut impl RequestHead) -> Result<(), Misuse> {
///     session.authorize(head).map(drop)
/// }
///
/// fn sign_parts(session: &Session, parts: &mut http::request::Parts) -> Result<(), Misuse> {
///     sign(session, parts)
/// }
/// ```
pub trait RequestHead: sealed::Head {}

impl<B> RequestHead for Request<B> {}
impl RequestHead for Parts {}

mod sealed {
    use super::{HeaderMap, Parts, Request, Uri};

    pub trait Head {
        fn uri(&self) -> &Uri;
        fn uri_mut(&mut self) -> &mut Uri;
        fn headers(&self) -> &HeaderMap;
        fn headers_mut(&mut self) -> &mut HeaderMap;
    }

    impl<B> Head for Request<B> {
        fn uri(&self) -> &Uri {
            self.uri()
        }
        fn uri_mut(&mut self) -> &mut Uri {
            self.uri_mut()
        }
        fn headers(&self) -> &HeaderMap {
            self.headers()
        }
        fn headers_mut(&mut self) -> &mut HeaderMap {
            self.headers_mut()
        }
    }

    impl Head for Parts {
        fn uri(&self) -> &Uri {
            &self.uri
        }
        fn uri_mut(&mut self) -> &mut Uri {
            &mut self.uri
        }
        fn headers(&self) -> &HeaderMap {
            &self.headers
        }
        fn headers_mut(&mut self) -> &mut HeaderMap {
            &mut self.headers
        }
    }
}
