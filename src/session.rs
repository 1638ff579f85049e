//! Sessions: credentials are put on ordinary calls here, and nowhere else (`P3`, `P4`, `P7`, `Q3`, `Q4`).

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use http::{StatusCode, header};

use crate::attempt::Identity;
use crate::gate::Gate;
use crate::home::Home;
use crate::outcome::shows_that_token_works;
use crate::renewing::Unsaved;
use crate::request::X_API_KEY;
use crate::token::BearerToken;
use crate::{
    App, Attempt, Field, Location, LocationAccessToken, LocationId, Misuse, Owner, RenewError, RenewErrorKind, Renewal,
    Replay, RequestHead, SavedToken, Step, UserAccessToken, Verdict,
};
use crate::{endpoint, query};

/// A session puts the credentials on ordinary calls: the API Key, and a token if it has one. It has no lock and no clock.
///
/// After a 401, [`received`](Self::received) says what to do, and an [`Owner`] can get a new token. Share the session behind your own lock, or
/// use a ready-made client (feature `client`).
///
/// ```
/// use location_auth::{Session, Verdict};
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
/// assert!(matches!(session.received(attempt, unauthorized)?, Verdict::Renew(_)));
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
    pub(crate) token: Option<BearerToken>,
    parameter: Option<String>,
    /// Which token it is: how many the session has had.
    pub(crate) generation: u64,
    /// A renewal has got the token, not the program.
    requested: bool,
    /// The token has worked, or the program has set it, or the owner's credentials since it was requested.
    works: bool,
    /// Whether the token was rejected, and has not worked since.
    rejected: bool,
    /// The last token that was rejected before it has worked, or for the call that it was requested for. Cleared when a call that is sent again
    /// gets another status.
    in_vain: Option<u64>,
    pub(crate) unsaved: Option<Unsaved<LocationAccessToken>>,
    /// When the program had last set the owner's credentials, as far as this session has seen.
    armed: Option<(Identity, u64)>,
    pub(crate) gate: Gate,
}

/// The state of a session's token, for a health check.
///
/// ```
/// use location_auth::{Owner, Session, TokenState};
///
/// fn needs_its_owner(session: &Session, owner: &Owner) -> bool {
///     matches!(session.state(owner), TokenState::Rejected | TokenState::Stopped(_) | TokenState::InDoubt)
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenState {
    /// There is no token: the first one is not there yet, or calls carry the API Key alone.
    NoToken,
    /// Calls carry a token that was not rejected.
    Present,
    /// The token was rejected, and there is no newer one yet.
    Rejected,
    /// The token was rejected or is still missing, and this error stops the requests for a new one until the program sets credentials.
    Stopped(RenewError),
    /// The token was rejected or is still missing, and the outcome of two token requests in a row is unknown. No other is sent until the program
    /// sets credentials.
    InDoubt,
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
            token: None,
            parameter: None,
            generation: 0,
            requested: false,
            works: true,
            rejected: false,
            in_vain: None,
            unsaved: None,
            armed: None,
            gate: Gate::default(),
        }
    }

    fn new(app: &App, home: &Home, secret: BearerToken) -> Result<Self, Misuse> {
        app.home().accept(home)?;
        Ok(Self { token: Some(secret), ..Self::without_token(app) })
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
        self.token.is_some()
    }

    /// What gets the first token, if the session is a Location's and has none: run it before the first [`authorize`](Self::authorize).
    pub fn first_token(&self) -> Option<Renewal> {
        self.needs_token().then_some(Renewal { session: self.identity, generation: self.generation })
    }

    /// Returns an error if no token may be requested now.
    pub(crate) fn check_renewal(&self, now: Duration) -> Result<(), RenewError> {
        self.stopped().map_or_else(|| self.gate.check(now), Err)
    }

    /// The error that stops the session. A token that was rejected before it has worked does, as long as it does not work for another call.
    fn stopped(&self) -> Option<RenewError> {
        let is_in_vain = self.rejected && !self.works;
        is_in_vain.then(|| RenewErrorKind::InVain.into()).or_else(|| self.gate.latched().cloned())
    }

    /// Adds to an error whose token it is about.
    pub(crate) fn about(&self, error: RenewError) -> RenewError {
        error.of(self.location(), self.needs_token())
    }

    fn needs_token(&self) -> bool {
        self.target.is_some() && self.token.is_none()
    }

    /// Returns the token's state, and the error that stops its renewal.
    pub fn state(&self, owner: &Owner) -> TokenState {
        // The next renewal clears what stopped the session before the program set credentials.
        let own = (self.armed == Some(owner.armed())).then_some(self);
        let stopped = own.and_then(Self::stopped).or(owner.gate.latched().cloned());
        let in_doubt = own.is_some_and(|own| own.gate.in_doubt()) || owner.gate.in_doubt();
        let wants_token = self.rejected || self.needs_token();
        match stopped.filter(|_| wants_token) {
            Some(error) => TokenState::Stopped(self.about(error)),
            None if wants_token && in_doubt => TokenState::InDoubt,
            None if self.rejected => TokenState::Rejected,
            None if self.has_token() => TokenState::Present,
            None => TokenState::NoToken,
        }
    }

    /// A new token that is not in the program's store yet: the next renewal saves it first.
    pub fn unsaved(&self) -> Option<SavedToken> {
        self.unsaved.as_ref().map(|unsaved| SavedToken::from(&unsaved.token))
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
        Ok(Attempt { session: self.identity, generation: self.generation, again: false, renewed: false })
    }

    /// Returns what to do after a response with this status. It consumes the attempt, so that no attempt leads to two replays.
    ///
    /// # Errors
    /// [`Misuse::ForeignAttempt`] if another session made the attempt.
    #[inline]
    pub fn received(&mut self, attempt: Attempt, status: StatusCode) -> Result<Verdict, Misuse> {
        self.check(attempt.session)?;
        if status == StatusCode::UNAUTHORIZED && self.token.is_some() {
            return Ok(self.unauthorized(&attempt));
        }
        let is_news = !self.works || self.rejected || attempt.again;
        if is_news && attempt.generation == self.generation && shows_that_token_works(status) {
            self.token_works(attempt.again);
        }
        Ok(Verdict::Answered)
    }

    /// The service rejected the token of the attempt.
    fn unauthorized(&mut self, attempt: &Attempt) -> Verdict {
        let rejected = |kind: RenewErrorKind| self.about(RenewError::from(kind).at(Step::LocationToken));
        let (in_vain, again) = (rejected(RenewErrorKind::InVain), rejected(RenewErrorKind::RejectedAgain));
        let is_newest = attempt.generation == self.generation;
        let mut stops = false;
        if is_newest {
            self.rejected = true;
            // A new token did not help the call that it was for, or has not worked at all. After the second such token, no other is requested.
            let is_in_vain = attempt.renewed || !self.works;
            let again_in_vain =
                is_in_vain && self.in_vain.replace(self.generation).is_some_and(|last| last != self.generation);
            if again_in_vain {
                self.gate.latch(in_vain.clone());
            }
            stops = again_in_vain || !self.works;
        }
        match (attempt.again, is_newest) {
            (true, _) if stops => Verdict::Rejected(in_vain),
            (true, _) => Verdict::Rejected(again),
            (false, false) => Verdict::Replay(Replay { session: self.identity, renewed: false }),
            (false, true) => Verdict::Renew(Renewal { session: self.identity, generation: self.generation }),
        }
    }

    /// Puts the newest credentials on a call to send again: on a clone of the original request.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), and [`Misuse::ForeignAttempt`] if another session made the replay.
    pub fn replay(&self, replay: Replay, request: &mut impl RequestHead) -> Result<Attempt, Misuse> {
        self.check(replay.session)?;
        Ok(Attempt { again: true, renewed: replay.renewed, ..self.authorize(request)? })
    }

    /// Takes a new token from outside, such as one from a login in another process. Whatever stopped the session so
    /// far is cleared. Calls in flight that get a 401 are sent again with the new token.
    ///
    /// # Errors
    /// They leave the session unchanged: [`Misuse::WrongEnvironment`] and [`Misuse::WrongOrigin`]; [`Misuse::WrongLocation`] for a token of
    /// another Location, and for any token if the session is not a Location's.
    pub fn set_location_token(&mut self, token: LocationAccessToken) -> Result<(), Misuse> {
        self.app.home().accept(&token.home)?;
        if self.location() != Some(&token.location) {
            return Err(Misuse::WrongLocation);
        }
        self.replace_token(token, false);
        self.arm();
        Ok(())
    }

    /// Uses the new token, now that the store has it, unless the program has set another one meanwhile that was not rejected.
    pub(crate) fn saved(&mut self) {
        if let Some(unsaved) = self.unsaved.take() {
            if unsaved.replaced == self.generation || self.rejected {
                self.replace_token(unsaved.token, true);
                self.works = self.gate.is_armed_since(unsaved.ticket);
            }
        }
    }

    /// Clears what stopped the session, if the program has set its owner's credentials since.
    pub(crate) fn arm_after(&mut self, owner: &Owner) {
        if self.armed != Some(owner.armed()) {
            self.armed = Some(owner.armed());
            self.arm();
        }
    }

    /// After a renewal.
    pub(crate) fn leave_to_replay(&self) -> Replay {
        Replay { session: self.identity, renewed: self.requested }
    }

    fn token_works(&mut self, for_a_call_sent_again: bool) {
        if !self.works {
            self.works = true;
            self.gate.token_works();
        }
        self.rejected = false;
        if for_a_call_sent_again {
            self.in_vain = None;
        }
    }

    fn arm(&mut self) {
        // Whether a token from before works says nothing about what was set now.
        self.works = true;
        self.in_vain = None;
        self.gate.arm();
    }

    fn replace_token(&mut self, token: LocationAccessToken, requested: bool) {
        self.token = Some(token.secret);
        self.requested = requested;
        self.generation = self.generation.saturating_add(1);
        self.works = true;
        self.rejected = false;
    }

    fn check(&self, session: Identity) -> Result<(), Misuse> {
        if session == self.identity { Ok(()) } else { Err(Misuse::ForeignAttempt) }
    }

    /// Returns an error if no credential may go on the request, even if there is no token yet: so what `authorize` refuses costs no token.
    #[cold]
    pub(crate) fn check_request(&self, request: &impl RequestHead) -> Result<(), Misuse> {
        self.check_head(request)?;
        match &self.parameter {
            Some(parameter) if self.token.is_some() || self.needs_token() => {
                // How long a token will be is not known before it is there: the shortest stands in for it.
                let token = self.token.as_ref().map_or("t", BearerToken::expose);
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
        match (&self.token, &self.parameter) {
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
    /// Makes a session for calls that act as the Location's owner, without a token: an [`Owner`] gets the first one before the first call.
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
            .field("generation", &self.generation)
            .field("requested", &self.requested)
            .field("works", &self.works)
            .field("rejected", &self.rejected)
            .field("in_vain", &self.in_vain)
            .field("unsaved", &self.unsaved.as_ref().map(|unsaved| unsaved.replaced))
            .field("armed", &self.armed)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}
