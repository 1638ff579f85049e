//! What the Locations of one owner share.

use core::fmt;
use core::time::Duration;

use crate::home::Home;
use crate::identity::Identity;
use crate::record::Record;
use crate::slot::Slot;
use crate::token::BearerToken;
use crate::{App, Misuse, SavedToken, Step, TokenError, TokenErrorKind, UserAccessToken, UserLogin};

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
    pub(crate) login: Option<UserLogin>,
    pub(crate) slot: Slot,
    pub(crate) acts: Acts,
}

/// What a person has done to an owner. The count of token requests follows it: an owner's at once, a Location's at its next turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Acts {
    pub(crate) owner: Identity,
    /// How often the program has set other credentials.
    set: u64,
    /// How often it has tried again.
    tried: u64,
}

impl Acts {
    pub(crate) fn has_credentials_of(&self, other: &Self) -> bool {
        (self.owner, self.set) == (other.owner, other.set)
    }
}

impl Owner {
    /// Makes an owner without credentials. It gets no token: a caller whose token is rejected or missing gets an error.
    pub fn new(app: &App) -> Self {
        let acts = Acts { owner: Identity::new(), set: 0, tried: 0 };
        Self { home: app.home().clone(), login: None, slot: Slot::new(None), acts }
    }

    /// Sets the login for a new User Access Token, when one is needed: a User Access Token that is set stays, and is used first. With another login
    /// the counts of token requests begin anew. The login that is set already changes nothing: [`try_again`](Self::try_again) does.
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`] if the login is for an App of elsewhere.
    pub fn set_login(&mut self, login: UserLogin) -> Result<(), Misuse> {
        self.home.accept(login.app().home())?;
        if self.login.as_ref().is_none_or(|set| !set.is_same(&login)) {
            self.slot.record = Record::default();
            self.acts.set = self.acts.set.saturating_add(1);
        }
        self.login = Some(login);
        Ok(())
    }

    /// Sets the User Access Token. With another token the counts of token requests begin anew. The token that is set already changes nothing:
    /// [`try_again`](Self::try_again) does.
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`] if the token is of an App of elsewhere.
    pub fn set_user_token(&mut self, token: UserAccessToken) -> Result<(), Misuse> {
        self.home.accept(&token.home)?;
        if self.slot.token().is_none_or(|set| set.expose() != token.expose_secret()) {
            self.set(Some(token.secret));
        }
        Ok(())
    }

    /// Ends the pauses between token requests: the owner and each Location may send one more at once. For a person who has corrected what was
    /// wrong.
    pub fn try_again(&mut self) {
        self.slot.record.try_again();
        self.acts.tried = self.acts.tried.saturating_add(1);
    }

    /// Removes the login and the User Access Token. A token request in flight still ends, and its token is still saved in the store: a Location's is
    /// used, a User Access Token is not.
    pub fn forget(&mut self) {
        self.login = None;
        self.set(None);
    }

    /// Whether the owner has a User Access Token that step 2 has not refused.
    pub fn has_user_token(&self) -> bool {
        self.slot.token().is_some() && !self.slot.is_rejected()
    }

    /// Whether the owner has a login.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// A new User Access Token that is not in the program's store yet: the next renewal saves it first.
    pub fn unsaved(&self) -> Option<SavedToken> {
        let secret = self.slot.unsaved()?.clone();
        Some(SavedToken::from(&UserAccessToken { home: self.home.clone(), secret }))
    }

    /// Whether the owner has something that could get a token.
    pub(crate) fn has_means(&self) -> bool {
        self.has_login() || self.slot.token().is_some() || self.slot.unsaved().is_some()
    }

    /// The token for step 2. One that step 2 has refused is sent again only if there is no other way.
    pub(crate) fn usable_token(&self) -> Option<&BearerToken> {
        self.slot.token().filter(|_| self.slot.unsaved().is_none() && (!self.slot.is_rejected() || !self.has_login()))
    }

    /// Returns an error if the owner can't help a Location to a token now.
    pub(crate) fn may_renew(&self, now: Duration) -> Result<(), TokenError> {
        match (self.usable_token(), self.slot.unsaved(), &self.login) {
            (None, None, None) => Err(TokenErrorKind::NotEnabled.into()),
            (None, None, Some(_)) => self.slot.check(now).map_err(|error| error.at(Step::UserToken)),
            _ => Ok(()),
        }
    }

    /// The login, if it may be sent now by the caller whose turn it is.
    pub(crate) fn may_log_in(&self, now: Duration) -> Result<&UserLogin, TokenError> {
        self.slot.record.check(now).map_err(|error| error.at(Step::UserToken))?;
        self.login.as_ref().ok_or(TokenErrorKind::NotEnabled.into())
    }

    fn set(&mut self, token: Option<BearerToken>) {
        self.slot.set(token);
        self.acts.set = self.acts.set.saturating_add(1);
    }
}

/// Shows its state, no credential.
impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner")
            .field("environment", &self.home.environment)
            .field("has_login", &self.has_login())
            .field("slot", &self.slot)
            .field("acts", &self.acts)
            .finish_non_exhaustive()
    }
}
