//! What the Locations of one owner share.

use core::fmt;

use crate::attempt::Identity;
use crate::gate::Gate;
use crate::home::Home;
use crate::renewing::Unsaved;
use crate::{App, Misuse, RenewError, SavedToken, UserAccessToken, UserLogin};

/// The credentials of one owner, for all their Locations: a User Access Token, or the login that gets one, or both.
///
/// An `Owner` renews the Location Access Tokens of its sessions after a 401, and gets the first one of a
/// [`Location::session`](crate::Location::session). With a User Access Token it sends step 2 alone, and the program needs no password in memory.
/// With a login it gets a User Access Token first, once for all Locations, and again only after the service refused the one it has. It has no lock
/// and no clock.
///
/// ```
/// use location_auth::{App, Misuse, Owner, UserAccessToken};
///
/// /// Renews with a token that the program kept: no password.
/// fn with_token(app: &App, user: UserAccessToken) -> Result<Owner, Misuse> {
///     let mut owner = Owner::new(app);
///     owner.set_user_token(user)?;
///     Ok(owner)
/// }
///
/// /// Renews by logging in.
/// fn with_login(app: &App, email: &str, password: &str) -> Result<Owner, Misuse> {
///     let mut owner = Owner::new(app);
///     owner.set_login(app.user_login(email, password)?)?;
///     Ok(owner)
/// }
/// ```
pub struct Owner {
    pub(crate) home: Home,
    pub(crate) identity: Identity,
    pub(crate) login: Option<UserLogin>,
    pub(crate) token: Option<UserAccessToken>,
    /// Which token it is: how many the owner has had.
    pub(crate) generation: u64,
    /// The service issued a Location Access Token for the token, or the program has set credentials since the token was requested: a 401 for it
    /// does not show that another new one would be rejected, too.
    pub(crate) works: bool,
    /// Step 2 refused the token, and there is no newer one.
    rejected: bool,
    pub(crate) unsaved: Option<Unsaved<UserAccessToken>>,
    /// How often the program has set credentials.
    armed: u64,
    pub(crate) gate: Gate,
}

impl Owner {
    /// Makes an owner without credentials. It gets no token: a caller whose token is rejected or missing gets an error.
    pub fn new(app: &App) -> Self {
        Self {
            home: app.home().clone(),
            identity: Identity::new(),
            login: None,
            token: None,
            generation: 0,
            works: true,
            rejected: false,
            unsaved: None,
            armed: 0,
            gate: Gate::default(),
        }
    }

    /// Sets the login for a new User Access Token, when one is needed: a User Access Token that is set stays, and is used first. It also clears
    /// what stopped the owner or their Locations: they try again.
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`] if the login is for an App of elsewhere.
    pub fn set_login(&mut self, login: UserLogin) -> Result<(), Misuse> {
        self.home.accept(login.app().home())?;
        self.login = Some(login);
        self.arm();
        Ok(())
    }

    /// Sets the User Access Token. It also clears what stopped the owner or their Locations: they try again.
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`] if the token is of an App of elsewhere.
    pub fn set_user_token(&mut self, token: UserAccessToken) -> Result<(), Misuse> {
        self.home.accept(&token.home)?;
        self.replace_token(Some(token));
        self.arm();
        Ok(())
    }

    /// Removes the login and the User Access Token. A token request in flight still ends, and its token is still saved in the store: a Location's is
    /// used, a User Access Token is not.
    pub fn forget(&mut self) {
        self.login = None;
        self.replace_token(None);
        self.arm();
    }

    /// Whether the owner has a User Access Token.
    pub fn has_user_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the owner has a login.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// The error that stops the owner from getting a new User Access Token until the program sets credentials.
    pub fn stopped(&self) -> Option<&RenewError> {
        self.gate.latched()
    }

    /// Whether the outcome of two logins in a row is unknown, so that the owner does not try a third.
    pub fn in_doubt(&self) -> bool {
        self.gate.in_doubt()
    }

    /// A new User Access Token that is not in the program's store yet: the next renewal saves it first.
    pub fn unsaved(&self) -> Option<SavedToken> {
        self.unsaved.as_ref().map(|unsaved| SavedToken::from(&unsaved.token))
    }

    pub(crate) fn can_renew(&self) -> bool {
        self.login.is_some() || self.token.is_some() || self.unsaved.is_some() || self.gate.latched().is_some()
    }

    /// Tells one time that the program has set credentials from any other.
    pub(crate) fn armed(&self) -> (Identity, u64) {
        (self.identity, self.armed)
    }

    /// Step 2 refused the token.
    pub(crate) fn token_rejected(&mut self) {
        self.token = None;
        self.rejected = true;
    }

    /// Uses the new token, now that the store has it, unless the program has set another one meanwhile that was not rejected.
    pub(crate) fn saved(&mut self) {
        if let Some(unsaved) = self.unsaved.take() {
            if unsaved.replaced == self.generation || self.rejected {
                self.replace_token(Some(unsaved.token));
                self.works = self.gate.is_armed_since(unsaved.ticket);
            }
        }
    }

    /// Records that the service issued a Location Access Token for the token.
    pub(crate) fn token_works(&mut self, generation: u64) {
        if generation == self.generation && !self.rejected {
            self.works = true;
            self.gate.token_works();
        }
    }

    fn replace_token(&mut self, token: Option<UserAccessToken>) {
        self.token = token;
        self.generation = self.generation.saturating_add(1);
        self.works = true;
        self.rejected = false;
    }

    fn arm(&mut self) {
        self.armed = self.armed.saturating_add(1);
        // Whether a token from before works says nothing about what was set now.
        self.works = true;
        self.gate.arm();
    }
}

/// Shows its state, no credential.
impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner")
            .field("environment", &self.home.environment)
            .field("has_login", &self.has_login())
            .field("has_user_token", &self.has_user_token())
            .field("generation", &self.generation)
            .field("works", &self.works)
            .field("rejected", &self.rejected)
            .field("unsaved", &self.unsaved.as_ref().map(|unsaved| unsaved.replaced))
            .field("armed", &self.armed)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}
