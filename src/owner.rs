//! What the Locations of one owner share.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::acts::Acts;
use crate::home::Home;
use crate::slot::Slot;
use crate::token::BearerToken;
use crate::{App, Misuse, SavedToken, Step, TokenError, TokenErrorKind, Unsaved, UserAccessToken, UserLogin};

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

impl Owner {
    /// Makes an owner without credentials. It gets no token: a caller whose token is rejected or missing gets an error.
    pub fn new(app: &App) -> Self {
        Self { home: app.home().clone(), login: None, slot: Slot::new(None), acts: Acts::new() }
    }

    /// Sets the login for a new User Access Token, when one is needed: a User Access Token that is set stays, and is used first. With another login
    /// the counts of token requests begin anew. The login that is set already changes nothing: [`try_again`](Self::try_again) does.
    ///
    /// # Errors
    /// [`Misuse::WrongEnvironment`] or [`Misuse::WrongOrigin`] if the login is for an App of elsewhere.
    pub fn set_login(&mut self, login: UserLogin) -> Result<(), Misuse> {
        self.home.accept(login.app().home())?;
        if self.login.as_ref().is_none_or(|set| !set.is_same(&login)) {
            self.slot.count.begin_anew();
            self.acts.set(self.slot.has_begun());
        }
        (self.login, self.acts.is_forgotten) = (Some(login), false);
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

    /// Says that the owner has all that the program starts with. A ready-made client does this, and so does the first acquisition. What is set later is
    /// a person's act: it ends a pause that the store knows of, a token is saved, and it takes the place of the store's.
    pub fn begin(&mut self) {
        self.slot.begin(self.acts);
    }

    /// Ends the pauses between token requests: the owner and each Location may send one more at once. For a person who has corrected what was
    /// wrong.
    pub fn try_again(&mut self) {
        self.slot.count.try_again();
        self.acts.tried = self.acts.tried.saturating_add(1);
    }

    /// Removes the login and the User Access Token. A token request in flight still ends, and its token is still saved in the store: a Location's is
    /// used, a User Access Token is not.
    pub fn forget(&mut self) {
        self.login = None;
        self.set(None);
        self.acts.is_forgotten = true;
    }

    /// Whether the owner has a User Access Token that step 2 has not refused.
    pub fn has_user_token(&self) -> bool {
        self.slot.token().is_some() && !self.slot.is_rejected()
    }

    /// Whether the owner has a login.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// The owner's tokens that no store has.
    pub fn unsaved(&self) -> Vec<Unsaved> {
        self.slot
            .unkept()
            .map(|(token, why)| Unsaved::new(SavedToken::new(&self.home, None, token.clone()), why))
            .collect()
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

    /// Whether the owner has something that could get a token.
    pub(crate) fn has_means(&self) -> bool {
        let has_any = self.has_login() || self.slot.token().is_some() || self.slot.has_issued();
        has_any && !self.acts.is_forgotten
    }

    /// The token for step 2. One that step 2 has refused is sent again only if there is no other way.
    pub(crate) fn usable_token(&self, may_repeat: bool) -> Option<&BearerToken> {
        let is_usable = !self.slot.is_rejected() || (may_repeat && !self.has_login());
        self.slot.token().filter(|_| is_usable && !self.slot.has_issued())
    }

    /// Returns an error if the owner can't help a Location to a token now, as far as this process knows.
    pub(crate) fn may_renew(&self, now: Duration) -> Result<(), TokenError> {
        match (self.usable_token(true), self.slot.has_issued(), &self.login) {
            (None, false, None) => Err(TokenErrorKind::NotEnabled.into()),
            (None, false, Some(_)) => self.slot.check(now).map_err(|error| error.at(Step::UserToken)),
            _ => Ok(()),
        }
    }

    fn set(&mut self, token: Option<BearerToken>) {
        let has_begun = self.slot.has_begun();
        self.slot.set(token, has_begun);
        self.acts.set(has_begun);
        self.acts.is_forgotten = false;
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
