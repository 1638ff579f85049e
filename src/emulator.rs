//! An emulated service for tests, without IO: it takes a request and returns a response.
//!
//! Feature `emulator`. You can test your own integration without a network and an account: add your owners, Locations and guarded
//! routes, and answer your transport's requests with [`Emulator::handle`]. It shares no code and no constant with the client's half
//! of the protocol, so that each checks the other.
//!
//! For a test that spawns a process, the repository has a server over it to copy: `tests/recipes/src/served.rs`.
//!
//! It sends no hostile responses: write those by hand.
//
// It has the rules `P3` to `P9`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::emulator_request::{Refusal, bearer, decode, location_in, members, only, refuse};

/// An emulated service, for one integrator's credentials.
///
/// It answers `POST` to [`USER_TOKEN_PATH`](Self::USER_TOKEN_PATH) and [`LOCATION_TOKEN_PATH`](Self::LOCATION_TOKEN_PATH), and any method on the
/// guarded routes. It ignores scheme and host. It is strict where the real service may not be: the two token requests must have exactly
/// the members that the service's documentation shows.
///
/// ```
/// use location_auth::emulator::{Access, Emulator};
/// use location_auth::{App, Environment, Session, Settings, transports::run};
/// use std::{cell::RefCell, convert::Infallible};
///
/// let mut emulator = Emulator::new("k-12", "c-34", "s-56");
/// emulator.owner("owner@example.com", "hunter2").location("loc-1", "owner@example.com");
/// emulator.add_route("/locations/{location_id}/contacts", Access::Location);
/// let emulator = RefCell::new(emulator);
/// let transport = |request, _limit| Ok::<_, Infallible>(emulator.borrow_mut().handle(request));
///
/// let app = App::new(
///     Settings::new(Environment::Staging)
///         .user_token_url(format!("https://api.example.com{}", Emulator::USER_TOKEN_PATH))
///         .location_token_url(format!("https://api.example.com{}", Emulator::LOCATION_TOKEN_PATH))
///         .api_key("k-12")
///         .client_id("c-34")
///         .client_secret("s-56"),
/// )?;
/// let token = run(app.location("loc-1")?.login("owner@example.com", "hunter2")?, &transport)?;
///
/// let mut call = http::Request::get("https://api.example.com/locations/loc-1/contacts").body(vec![])?;
/// Session::for_location(&app, token)?.authorize(&mut call)?;
/// assert_eq!(emulator.borrow_mut().handle(call).status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Emulator {
    api_key: String,
    client_id: String,
    client_secret: String,
    /// Password by email.
    owners: BTreeMap<String, String>,
    /// Owner's email by Location.
    locations: BTreeMap<String, String>,
    routes: Vec<(String, Access)>,
    tokens: BTreeMap<String, Holder>,
    issued: u64,
    condition: Condition,
    counts: Counts,
}

/// What a guarded route needs, besides the API Key.
///
/// ```
/// use location_auth::emulator::{Access, Emulator};
///
/// let mut emulator = Emulator::new("k-12", "c-34", "s-56");
/// emulator.add_route("/status", Access::ApiKeyOnly).add_route("/me", Access::User);
/// let mut status = |path| {
///     let call = http::Request::get(path).header("x-api-key", "k-12").body("").unwrap();
///     emulator.handle(call).status().as_u16()
/// };
/// assert_eq!((status("/status"), status("/me")), (200, 401));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// No token: not every method of the API needs one.
    ApiKeyOnly,
    /// A User Access Token.
    User,
    /// A Location Access Token. If the route's path has a `{location_id}`, it must be that Location's.
    Location,
}

/// Whether the emulated service is up, throttles or is down.
///
/// ```
/// use location_auth::emulator::{Condition, Emulator};
///
/// let mut emulator = Emulator::new("k-12", "c-34", "s-56");
/// emulator.set_condition(Condition::Down(Some(30)));
/// let response = emulator.handle(http::Request::new(""));
/// assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str()?), (503, "30"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// It answers as usual.
    #[default]
    Up,
    /// It answers every request with 429, and with `Retry-After` in seconds if one is given.
    Throttling(Option<u32>),
    /// It answers every request with 503, and with `Retry-After` in seconds if one is given.
    Down(Option<u32>),
}

/// What the emulated service has counted since it was made.
///
/// ```
/// use location_auth::emulator::Emulator;
///
/// let mut emulator = Emulator::new("k-12", "c-34", "s-56");
/// emulator.handle(http::Request::new(""));
/// assert_eq!((emulator.counts().requests, emulator.counts().user_tokens), (1, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// User Access Tokens issued.
    pub user_tokens: u64,
    /// Location Access Tokens issued.
    pub location_tokens: u64,
    /// Calls to guarded routes that got a 200.
    pub calls: u64,
    /// Calls with a Location Access Token of another Location than the route's.
    pub wrong_location: u64,
}

/// Whom a token authenticates.
#[derive(Clone)]
enum Holder {
    User { email: String },
    Location { id: String },
}

impl Emulator {
    /// The path of step 1.
    pub const USER_TOKEN_PATH: &str = "/user_token";
    /// The path of step 2: the Location's id replaces `{location_id}`.
    pub const LOCATION_TOKEN_PATH: &str = "/locations/{location_id}/token";

    /// Makes a service that accepts these credentials of one integrator, and no others.
    pub fn new(api_key: &str, client_id: &str, client_secret: &str) -> Self {
        Self {
            api_key: api_key.into(),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            owners: BTreeMap::new(),
            locations: BTreeMap::new(),
            routes: Vec::new(),
            tokens: BTreeMap::new(),
            issued: 0,
            condition: Condition::Up,
            counts: Counts::default(),
        }
    }

    /// Adds an owner, or changes their password.
    pub fn owner(&mut self, email: &str, password: &str) -> &mut Self {
        self.owners.insert(email.into(), password.into());
        self
    }

    /// Adds a Location of the owner with this email.
    pub fn location(&mut self, id: &str, email: &str) -> &mut Self {
        self.locations.insert(id.into(), email.into());
        self
    }

    /// Adds a guarded route. Its response `{"location": …, "owner": …}` says whom the call acted for. `{location_id}` in its path stands for one
    /// segment, once. The first route that fits the path answers. A token in the query is the parameter `access_token`.
    pub fn add_route(&mut self, path: &str, access: Access) -> &mut Self {
        self.routes.push((path.into(), access));
        self
    }

    /// Revokes a token: from now on a call with it gets a 401. Returns whether there was such a token.
    pub fn revoke(&mut self, token: &str) -> bool {
        self.tokens.remove(token).is_some()
    }

    /// Revokes every token of this Location, and returns how many there were.
    pub fn revoke_location(&mut self, location: &str) -> usize {
        self.revoke_all(|holder| matches!(holder, Holder::Location { id } if id == location))
    }

    /// Revokes every User Access Token of the owner with this email, and returns how many there were. The tokens of their Locations still work.
    pub fn revoke_owner(&mut self, email: &str) -> usize {
        self.revoke_all(|holder| matches!(holder, Holder::User { email: of } if of == email))
    }

    fn revoke_all(&mut self, is_meant: impl Fn(&Holder) -> bool) -> usize {
        let before = self.tokens.len();
        self.tokens.retain(|_, holder| !is_meant(holder));
        before.saturating_sub(self.tokens.len())
    }

    /// Sets whether the service is up, throttles or is down.
    pub fn set_condition(&mut self, condition: Condition) {
        self.condition = condition;
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Answers one request.
    pub fn handle<B: AsRef<[u8]>>(&mut self, request: Request<B>) -> Response<Vec<u8>> {
        self.counts.requests = self.counts.requests.saturating_add(1);
        let (status, body) = match self.answer(&request) {
            Ok(body) => (StatusCode::OK, body),
            Err(Refusal(status, body)) => (status, body),
        };
        // A response to HEAD has no body (RFC 9110, section 9.3.2).
        let has_body = request.method() != Method::HEAD;
        let mut response =
            Response::new(if has_body { serde_json::to_vec(&body).unwrap_or_default() } else { Vec::new() });
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert("x-request-id", HeaderValue::from(self.counts.requests));
        if let Condition::Throttling(Some(seconds)) | Condition::Down(Some(seconds)) = self.condition {
            headers.insert("retry-after", HeaderValue::from(seconds));
        }
        response
    }

    fn answer<B: AsRef<[u8]>>(&mut self, request: &Request<B>) -> Result<Value, Refusal> {
        match self.condition {
            Condition::Up => {}
            Condition::Throttling(_) => return Err(refuse(429, "slow_down", "Too many requests")),
            Condition::Down(_) => return Err(refuse(503, "unavailable", "Down for maintenance")),
        }
        let path = request.uri().path();
        let is_post = request.method() == Method::POST;
        if path == Self::USER_TOKEN_PATH {
            self.check_token_request(request, is_post)?;
            return self.issue_user_token(request.body().as_ref());
        }
        if let Some(id) = location_in(Self::LOCATION_TOKEN_PATH, path) {
            self.check_token_request(request, is_post)?;
            return self.issue_location_token(request, &id.unwrap_or_default());
        }
        self.check_api_key(request.headers())?;
        let route = self.routes.iter().find_map(|(route, access)| Some((location_in(route, path)?, *access)));
        let (location, access) = route.ok_or_else(|| refuse(404, "not_found", "No such route"))?;
        let body = self.call(request, location, access)?;
        self.counts.calls = self.counts.calls.saturating_add(1);
        Ok(body)
    }

    /// Checks what both token requests must have (P3, P8, P9).
    fn check_token_request<B>(&self, request: &Request<B>, is_post: bool) -> Result<(), Refusal> {
        self.check_api_key(request.headers())?;
        if !is_post {
            return Err(refuse(405, "method_not_allowed", "Use POST"));
        }
        if only(request.headers(), "content-type") != Some("application/json") {
            return Err(refuse(415, "unsupported_media_type", "Send application/json"));
        }
        if only(request.headers(), "accept") != Some("application/json") {
            return Err(refuse(406, "not_acceptable", "Accept application/json"));
        }
        Ok(())
    }

    fn check_api_key(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if only(headers, "x-api-key") == Some(self.api_key.as_str()) {
            return Ok(());
        }
        Err(Refusal(StatusCode::FORBIDDEN, json!({ "message": "Forbidden" })))
    }

    fn issue_user_token(&mut self, body: &[u8]) -> Result<Value, Refusal> {
        let members = members(body, ["client_id", "client_secret", "email", "password"])?;
        let [client_id, client_secret, email, password] = &members;
        self.check_client(client_id, client_secret)?;
        if self.owners.get(email) != Some(password) {
            return Err(refuse(401, "invalid_credentials", "Wrong email or password"));
        }
        let token = self.issue("user", Holder::User { email: email.clone() });
        self.counts.user_tokens = self.counts.user_tokens.saturating_add(1);
        Ok(json!({ "access_token": token }))
    }

    fn issue_location_token<B: AsRef<[u8]>>(&mut self, request: &Request<B>, id: &str) -> Result<Value, Refusal> {
        let Some(Holder::User { email }) = bearer(request.headers()).and_then(|token| self.tokens.get(token)) else {
            return Err(refuse(401, "invalid_token", "Send a User Access Token"));
        };
        let [client_id, client_secret] = &members(request.body().as_ref(), ["client_id", "client_secret"])?;
        self.check_client(client_id, client_secret)?;
        match self.locations.get(id) {
            None => return Err(refuse(404, "not_found", "No such Location")),
            Some(owner) if owner != email => {
                return Err(refuse(403, "forbidden", "The user does not own the Location"));
            }
            Some(_) => {}
        }
        let token = self.issue("location", Holder::Location { id: id.to_string() });
        self.counts.location_tokens = self.counts.location_tokens.saturating_add(1);
        Ok(json!({ "access_token": token }))
    }

    fn check_client(&self, client_id: &str, client_secret: &str) -> Result<(), Refusal> {
        if client_id == self.client_id && client_secret == self.client_secret {
            return Ok(());
        }
        Err(refuse(401, "invalid_client", "Unknown client"))
    }

    fn issue(&mut self, kind: &str, holder: Holder) -> String {
        self.issued = self.issued.saturating_add(1);
        let token = format!("{kind}-token-{}", self.issued);
        self.tokens.insert(token.clone(), holder);
        token
    }

    fn call<B>(&mut self, request: &Request<B>, location: Option<String>, access: Access) -> Result<Value, Refusal> {
        let query = request.uri().query().unwrap_or_default();
        let in_query: Vec<_> =
            query.split('&').filter_map(|pair| pair.strip_prefix("access_token=")).map(decode).collect();
        let in_headers = request.headers().get_all("authorization").iter().count();
        if in_headers.saturating_add(in_query.len()) > 1 {
            return Err(refuse(400, "invalid_request", "Send one access token"));
        }
        let token = bearer(request.headers()).or(in_query.first().map(String::as_str));
        let holder = token.and_then(|token| self.tokens.get(token));
        match (access, holder) {
            (Access::ApiKeyOnly, _) => Ok(json!({ "location": null, "owner": null })),
            (Access::User, Some(Holder::User { email })) => Ok(json!({ "location": null, "owner": email })),
            (Access::Location, Some(Holder::Location { id })) => {
                if location.is_some_and(|wanted| wanted != *id) {
                    self.counts.wrong_location = self.counts.wrong_location.saturating_add(1);
                    return Err(refuse(403, "forbidden", "The token is of another Location"));
                }
                Ok(json!({ "location": id, "owner": self.locations.get(id) }))
            }
            _ => Err(refuse(401, "invalid_token", "Send a valid access token of the right kind")),
        }
    }
}

/// Shows counts and condition, no credential.
impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("condition", &self.condition)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
