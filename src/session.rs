//! Sessions: credentials are put on ordinary calls here, and nowhere else (`P3`, `P4`, `P7`, `Q3`, `Q4`).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{StatusCode, header};

use crate::acquiring::{Acquisition, Purpose, Replay};
use crate::attempt::{Attempt, Verdict};
use crate::home::Home;
use crate::identity::Identity;
use crate::request::{RequestHead, X_API_KEY};
use crate::slot::Slot;
use crate::token::BearerToken;
use crate::{
    App, Field, Location, LocationAccessToken, LocationId, Misuse, SavedToken, Step, TokenError, TokenErrorKind,
    Unsaved, UserAccessToken,
};
use crate::{endpoint, query};

/// A session puts the credentials on ordinary calls: the API Key, and a token if it has one. It has no lock and no clock.
///
/// After a 401, [`received`](Self::received) says what to do, and an [`Owner`](crate::Owner) can get a new token. Share the session behind your own lock, or
/// use a ready-made client (feature `client`).
///
/// ```
/// use location_auth::Session;
/// use location_auth::driver::Verdict;
/// # use location_auth::{Flow, Progress};
#[doc = include_str!("doctest_app.txt")]
/// # let login = app.user_login("owner@example.com", "hunter2")?;
/// # let response = http::Response::new(r#"{"access_token": "u-1"}"#);
/// # let Progress::Done(user) = login.receive(&response)? else { unreachable!() };
/// # let exchange = |token: &str| {
/// #     let response = http::Response::new(format!(r#"{{"access_token": "{token}"}}"#));
/// #     match app.location("loc-1").unwrap().exchange(&user).unwrap().receive(&response) {
/// #         Ok(Progress::Done(token)) => token,
/// #         _ => unreachable!(),
/// #     }
/// # };
/// # let (token, new_token) = (exchange("l-1"), exchange("l-2"));
/// let mut session = Session::for_location(&app, token)?;
///
/// let call = http::Request::get("https://api.example.com/contacts").body(())?;
/// let mut first = call.clone();
/// let attempt = session.authorize(&mut first)?;
/// assert_eq!(first.headers()["x-api-key"], "k-12");
/// assert_eq!(first.headers()["authorization"], "Bearer l-1");
///
/// // The status is 401, and there is no newer token: it has to be renewed.
/// let unauthorized = http::StatusCode::UNAUTHORIZED;
/// let mut late = call.clone();
/// let late_attempt = session.authorize(&mut late)?;
/// assert!(matches!(session.received(attempt, unauthorized)?, Verdict::Acquire(_)));
/// session.set_location_token(new_token)?;
///
/// // Now there is one, and a call that gets a 401 is sent again, once.
/// let Verdict::Replay(replay) = session.received(late_attempt, unauthorized)? else { unreachable!() };
/// let mut again = call;
/// session.replay(replay, &mut again)?;
/// assert_eq!(again.headers()["authorization"], "Bearer l-2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The effect of each event:
///
#[doc = include_str!("session.md")]
pub struct Session {
    app: App,
    pub(crate) identity: Identity,
    /// Where step 2 gets a new token, if the token is a Location's.
    pub(crate) target: Option<Location>,
    pub(crate) slot: Slot,
    parameter: Option<String>,
    /// The owner has something to write: this session's exchange has shown that the owner's token helps, or the store did not save it.
    pub(crate) owes_owner: bool,
}

impl Session {
    /// Makes a session for calls that act as the Location's owner. Without a token yet: [`Location::session`].
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`] if the token is of an App of elsewhere; [`Misuse::TooLarge`] if the Location's id
    /// makes the App's location token URL longer than 64 KiB.
    pub fn for_location(app: &App, token: LocationAccessToken) -> Result<Self, Misuse> {
        let target = app.location(token.location.as_str())?;
        Ok(Self { target: Some(target), ..Self::new(app, &token.home, token.secret)? })
    }

    /// Makes a session for calls that act as one specific user: only for methods that need just that.
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`] if the token is of an App of elsewhere.
    pub fn for_user(app: &App, token: UserAccessToken) -> Result<Self, Misuse> {
        Self::new(app, &token.home, token.secret)
    }

    /// Makes a session for calls that need no token: they carry the API Key alone.
    pub fn without_token(app: &App) -> Self {
        Self {
            app: app.clone(),
            identity: Identity::new(),
            target: None,
            slot: Slot::new(None),
            parameter: None,
            owes_owner: false,
        }
    }

    fn new(app: &App, home: &Home, secret: BearerToken) -> Result<Self, Misuse> {
        app.home().accept(home)?;
        Ok(Self { slot: Slot::new(Some(secret)), ..Self::without_token(app) })
    }

    /// Sends the token in a query parameter instead of the `Authorization` header. Prefer the header: URLs end up in logs. The usual
    /// name is `access_token` (RFC 6750 section 2.3).
    ///
    /// # Errors
    /// [`Misuse::Empty`] for a name that is empty or a space.
    pub fn with_query_parameter(mut self, name: &str) -> Result<Self, Misuse> {
        if name.trim_start_matches(' ').is_empty() {
            return Err(Misuse::Empty(Field::QueryParameter));
        }
        self.parameter = Some(name.into());
        Ok(self)
    }

    /// The Location that calls act for, if the session is a Location's.
    pub fn location(&self) -> Option<&LocationId> {
        self.target.as_ref().map(Location::id)
    }

    /// The App whose credentials calls carry.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Whether calls carry a token.
    pub fn has_token(&self) -> bool {
        self.slot.token().is_some()
    }

    /// What gets the first token, if the session is a Location's and has none: run it before the first [`authorize`](Self::authorize).
    pub fn first_token(&self) -> Option<Acquisition> {
        self.needs_token().then(|| self.acquisition())
    }

    /// Adds to an error whose token it is about.
    pub(crate) fn about(&self, error: TokenError) -> TokenError {
        error.of(self.location(), self.needs_token())
    }

    #[inline]
    pub(crate) fn needs_token(&self) -> bool {
        self.target.is_some() && self.slot.token().is_none()
    }

    /// The session's tokens that no store has.
    pub fn unsaved(&self) -> Vec<Unsaved> {
        let saved = |token: &BearerToken| SavedToken::new(self.app.home(), self.location(), token.clone());
        self.slot.unkept().map(|(token, why)| Unsaved::new(saved(token), why)).collect()
    }

    /// The same, for a program that saves them itself: they are not listed again, but for one that is about to be saved.
    pub fn take_unsaved(&mut self) -> Vec<Unsaved> {
        let unsaved = self.unsaved();
        self.slot.take_unkept();
        unsaved
    }

    /// How many tokens came too late, and were not taken yet.
    pub fn surplus(&self) -> usize {
        self.slot.surplus()
    }

    /// What writes the rest, after a call has its response: that the new token has helped, or a token that the store has failed to save. Run it as any
    /// other acquisition, and ignore its result. It is due at most once a minute for as long as the store fails. `clock` is asked only if there is something.
    #[inline]
    pub fn unwritten(&self, clock: impl FnOnce() -> Duration) -> Option<Acquisition> {
        let is_due = (self.slot.is_untidy() || self.owes_owner) && self.slot.is_tidy_due(clock());
        is_due.then(|| self.all_unwritten())
    }

    /// What writes the rest now, and what the owner has set, if there is anything.
    pub fn all_unwritten(&self) -> Acquisition {
        Acquisition { purpose: Purpose::Tidy, ..self.acquisition() }
    }

    /// Puts the API Key and the token on a request: an `http::Request` with any body, or its `Parts`.
    ///
    /// It replaces an `x-api-key` header and, if the session has a token, an `Authorization` header, since a call carries one token (RFC 6750
    /// section 2). It keeps the query byte for byte: make sure that the query holds no other token. A `Host` header must be the URL's. To send
    /// a request again, authorize a clone of the original.
    ///
    /// # Errors
    /// They leave the request unchanged: [`Misuse::RelativeUrl`], [`Misuse::OriginNotAllowed`], [`Misuse::HostMismatch`], [`Misuse::DuplicateParameter`],
    /// [`Misuse::RequestTooLarge`]; and, if nothing else is wrong, [`Misuse::NoToken`] as long as [`first_token`](Self::first_token) returns a renewal.
    pub fn authorize(&self, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
        self.put_credentials(request)?;
        Ok(Attempt { session: self.identity, generation: self.slot.generation(), again: false })
    }

    /// Returns what to do after a response with this status. It consumes the attempt, so that no attempt leads to two replays.
    ///
    /// Nothing ties the status to the attempt's own response: [`Call`](crate::driver::Call) does.
    ///
    /// # Errors
    /// [`Misuse::ForeignAttempt`] if another session made the attempt.
    #[inline]
    pub fn received(&mut self, attempt: Attempt, status: StatusCode) -> Result<Verdict, Misuse> {
        self.check(attempt.session)?;
        let is_newest = attempt.generation == self.slot.generation();
        if status == StatusCode::UNAUTHORIZED && self.slot.token().is_some() {
            return Ok(self.unauthorized(attempt.again, is_newest));
        }
        if is_newest && !self.slot.is_settled() && status.is_success() {
            self.slot.accepted(attempt.again);
        }
        Ok(Verdict::Answered)
    }

    /// The service rejected the token of an attempt.
    #[cold]
    fn unauthorized(&mut self, again: bool, is_newest: bool) -> Verdict {
        if is_newest {
            self.slot.reject();
        }
        match (again, is_newest) {
            (true, _) => {
                Verdict::Rejected(self.about(TokenError::from(TokenErrorKind::RejectedAgain).at(Step::LocationToken)))
            }
            (false, false) => Verdict::Replay(self.replay_now()),
            (false, true) => Verdict::Acquire(self.acquisition()),
        }
    }

    /// Puts the newest credentials on a call to send again: on a clone of the original request.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), and [`Misuse::ForeignAttempt`] if another session made the replay.
    pub fn replay(&self, replay: Replay, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
        self.check(replay.session)?;
        Ok(Attempt { again: replay.again, ..self.authorize(request)? })
    }

    /// Takes a new token from outside, such as one from a login in another process, and with it the count of token requests begins anew. Calls
    /// in flight that get a 401 are sent again with the new token.
    ///
    /// # Errors
    /// They leave the session unchanged: [`Misuse::WrongEnvironment`] and [`Misuse::WrongOrigin`]; [`Misuse::WrongLocation`] for a token of
    /// another Location, and for any token if the session is not a Location's.
    pub fn set_location_token(&mut self, token: LocationAccessToken) -> Result<(), Misuse> {
        self.app.home().accept(&token.home)?;
        if self.location() != Some(&token.location) {
            return Err(Misuse::WrongLocation);
        }
        self.slot.set(Some(token.secret), true);
        Ok(())
    }

    /// After a renewal, or if another caller has got a newer token.
    pub(crate) fn replay_now(&self) -> Replay {
        Replay { session: self.identity, again: self.slot.is_own() }
    }

    fn acquisition(&self) -> Acquisition {
        Acquisition { session: self.identity, generation: self.slot.generation(), purpose: Purpose::Token }
    }

    fn check(&self, session: Identity) -> Result<(), Misuse> {
        if session == self.identity { Ok(()) } else { Err(Misuse::ForeignAttempt) }
    }

    /// Returns an error if no credential may go on the request, even if there is no token yet: so what `authorize` refuses costs no token.
    #[cold]
    pub(crate) fn check_request(&self, request: &impl RequestHead) -> Result<(), Misuse> {
        self.check_head(request)?;
        match &self.parameter {
            Some(parameter) if self.has_token() || self.needs_token() => {
                // How long a token will be is not known before it is there: the shortest stands in for it.
                let token = self.slot.token().map_or("t", BearerToken::expose);
                query::append(request.uri(), parameter, token).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn check_head(&self, request: &impl RequestHead) -> Result<(), Misuse> {
        endpoint::permit(self.app.home().origins(), request.uri())?;
        if !endpoint::names_its_own_host(request.headers(), request.uri()) {
            return Err(Misuse::HostMismatch);
        }
        // The map panics beyond 32768 names.
        if request.headers().len() > HEADERS_LIMIT {
            return Err(Misuse::RequestTooLarge);
        }
        Ok(())
    }

    fn put_credentials(&self, request: &mut impl RequestHead) -> Result<(), Misuse> {
        self.check_head(request)?;
        match (self.slot.token(), &self.parameter) {
            (Some(token), Some(parameter)) => {
                let uri = query::append(request.uri(), parameter, token.expose())?;
                *request.uri_mut() = uri;
                // Another token beside ours could make the call act for somebody else (RFC 6750 section 2).
                request.headers_mut().remove(header::AUTHORIZATION);
            }
            (Some(token), None) => {
                request.headers_mut().insert(header::AUTHORIZATION, token.authorization().clone());
            }
            (None, _) if self.needs_token() => return self.check_request(request).and(Err(Misuse::NoToken)),
            (None, _) => {}
        }
        request.headers_mut().insert(X_API_KEY, self.app.inner().api_key.header().clone());
        Ok(())
    }
}

impl Location {
    /// Makes a session for calls that act as the Location's owner, without a token: an [`Owner`](crate::Owner) gets the first one before the first call.
    ///
    /// Make one session for each Location, since each session requests a first token of its own. Save that token, and start from it the next time
    /// ([`Session::for_location`]): it never expires.
    ///
    /// ```
    /// use location_auth::{Location, Misuse, Owner, Session};
    ///
    /// /// All that a ready-made client needs: its first call gets the token.
    /// fn without_a_token_yet(location: &Location, email: &str, password: &str) -> Result<(Session, Owner), Misuse> {
    ///     let mut owner = Owner::new(location.app());
    ///     owner.set_login(location.app().user_login(email, password)?)?;
    ///     Ok((location.session(), owner))
    /// }
    /// ```
    pub fn session(&self) -> Session {
        Session { target: Some(self.clone()), ..Session::without_token(self.app()) }
    }
}

/// Far more headers than any server takes.
const HEADERS_LIMIT: usize = 1024;

/// Shows the session's state, no credential.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("environment", &self.app.environment())
            .field("location", &self.location())
            .field("query_parameter", &self.parameter)
            .field("slot", &self.slot)
            .field("owes_owner", &self.owes_owner)
            .finish_non_exhaustive()
    }
}
