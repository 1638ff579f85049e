//! The credentials and their placeholders. Recording puts a placeholder in the place of each credential, and replaying puts the credential back.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use location_auth::{App, Flow, LocationAccessToken, UserAccessToken, strike_out};
use zeroize::Zeroizing;

use super::request::Sent;

/// What is written in place of a text that may be secret.
pub(super) const WITHHELD: &str = "<withheld>";

/// The credentials for a [`Recorder`](super::Recorder), or those that a [`Player`](super::Player) uses in their place.
///
/// In a cassette, those of the App are `<api-key>`, `<client-id>` and `<client-secret>`, and those of an owner `<email>` and `<password>`. A second
/// email is `<email-2>`, and so on. Tokens are numbered from 1. Give a replay the same credentials in the same order as the recorder. Their
/// values may be invented.
///
/// ```
/// use location_auth::App;
/// use location_auth::transports::cassette::Credentials;
///
/// fn credentials(app: &App) -> Credentials {
///     Credentials::new(app).login("owner@example.com", "hunter2")
/// }
/// ```
#[derive(Clone)]
pub struct Credentials {
    app: App,
    known: Vec<Known>,
}

#[derive(Clone)]
struct Known {
    kind: Kind,
    placeholder: String,
    value: Zeroizing<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ApiKey,
    ClientId,
    ClientSecret,
    Email,
    Password,
    UserToken,
    LocationToken,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::ApiKey,
        Self::ClientId,
        Self::ClientSecret,
        Self::Email,
        Self::Password,
        Self::UserToken,
        Self::LocationToken,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::ClientId => "client-id",
            Self::ClientSecret => "client-secret",
            Self::Email => "email",
            Self::Password => "password",
            Self::UserToken => "user-token",
            Self::LocationToken => "location-token",
        }
    }

    /// Returns the kind of credential in a member of a token request's body.
    pub(super) fn of_member(name: &str) -> Option<Self> {
        match name {
            "client_id" => Some(Self::ClientId),
            "client_secret" => Some(Self::ClientSecret),
            "email" => Some(Self::Email),
            "password" => Some(Self::Password),
            _ => None,
        }
    }

    pub(super) fn is_token(self) -> bool {
        matches!(self, Self::UserToken | Self::LocationToken)
    }
}

impl Credentials {
    /// Starts with the credentials of the App: API Key, Client ID and Client Secret.
    pub fn new(app: &App) -> Self {
        let mut credentials = Self { app: app.clone(), known: Vec::new() };
        // A request of the App has them. Its email and password are invented.
        if let Ok(login) = app.user_login("nobody", "nothing") {
            let sent = Sent::new(&login.request());
            for (kind, value) in sent.credentials().filter(|(kind, _)| !matches!(kind, Kind::Email | Kind::Password)) {
                credentials.learn(kind, value);
            }
        }
        credentials
    }

    /// Adds the login of an owner.
    #[must_use]
    pub fn login(mut self, email: &str, password: &str) -> Self {
        self.learn(Kind::Email, email);
        self.learn(Kind::Password, password);
        self
    }

    /// Adds a User Access Token that your program already has.
    #[must_use]
    pub fn user_token(mut self, token: &UserAccessToken) -> Self {
        self.learn(Kind::UserToken, token.expose_secret());
        self
    }

    /// Adds a Location Access Token that your program already has.
    #[must_use]
    pub fn location_token(mut self, token: &LocationAccessToken) -> Self {
        self.learn(Kind::LocationToken, token.expose_secret());
        self
    }

    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// Gives the value a placeholder, unless it already has one of this kind.
    pub(super) fn learn(&mut self, kind: Kind, value: &str) {
        // An empty value would be found in every text.
        if value.is_empty() || self.placeholder(|known| known == kind, value).is_some() {
            return;
        }
        let number = self.known.iter().filter(|known| known.kind == kind).count().saturating_add(1);
        let placeholder = match number {
            1 if !kind.is_token() => format!("<{}>", kind.name()),
            _ => format!("<{}-{number}>", kind.name()),
        };
        self.known.push(Known { kind, placeholder, value: Zeroizing::new(value.into()) });
    }

    /// Learns a token that a replay issues: it is its own placeholder, unless the replay was given another token.
    pub(super) fn learn_replayed(&mut self, token: &str) {
        let kind =
            Kind::ALL.into_iter().find(|kind| kind.is_token() && token.starts_with(&format!("<{}-", kind.name())));
        if let Some(kind) = kind.filter(|_| self.placeholder(Kind::is_token, token).is_none()) {
            self.known.push(Known { kind, placeholder: token.into(), value: Zeroizing::new(token.into()) });
        }
    }

    /// Returns the placeholder of exactly this value, if it is known as one of these kinds.
    pub(super) fn placeholder(&self, is_kind: impl Fn(Kind) -> bool, value: &str) -> Option<&str> {
        let known = self.known.iter().find(|known| is_kind(known.kind) && *known.value == value);
        known.map(|known| known.placeholder.as_str())
    }

    /// Returns what may be written of a text from elsewhere: the placeholder if it is a credential, and nothing of it if it repeats a secret.
    pub(super) fn strike(&self, text: &str) -> String {
        if let Some(placeholder) = self.placeholder(|_| true, text) {
            return placeholder.into();
        }
        // The replay would fill it in.
        if text.contains(WITHHELD) || Kind::ALL.iter().any(|kind| text.contains(&format!("<{}", kind.name()))) {
            return WITHHELD.into();
        }
        self.struck(text).unwrap_or(WITHHELD.into())
    }

    /// Returns the text with emails and Client IDs replaced, or `None` if it repeats a secret.
    pub(super) fn struck(&self, text: &str) -> Option<String> {
        let is_named = |known: &&Known| matches!(known.kind, Kind::Email | Kind::ClientId);
        let named = self.known.iter().filter(is_named).map(|known| (known.value.as_str(), known.placeholder.as_str()));
        let mut named: Vec<_> = named.collect();
        // One may be a part of another.
        named.sort_by_key(|(value, _)| core::cmp::Reverse(value.len()));
        let secrets: Vec<_> =
            self.known.iter().filter(|known| !is_named(known)).map(|known| known.value.as_str()).collect();
        strike_out(text, &named, &secrets)
    }

    /// Returns the text with the values in place of their placeholders.
    pub(super) fn fill(&self, text: &str) -> Zeroizing<String> {
        let mut filled = Zeroizing::new(String::from(text));
        for known in self.known.iter().filter(|known| *known.value != known.placeholder) {
            if filled.contains(&known.placeholder) {
                filled = Zeroizing::new(filled.replace(&known.placeholder, &known.value));
            }
        }
        filled
    }
}

/// Shows the placeholders.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let placeholders: Vec<_> = self.known.iter().map(|known| &known.placeholder).collect();
        f.debug_struct("Credentials").field("known", &placeholders).finish_non_exhaustive()
    }
}
