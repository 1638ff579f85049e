//! The credentials with their placeholders, and what may be written of a text.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use location_auth::{App, Flow, LocationAccessToken, StrikeOut, UserAccessToken};
use zeroize::Zeroizing;

use super::json::{Json, Text};
use super::message::sent;
use super::names::{WITHHELD, is_secret, is_token};

/// The kinds, by the names of their placeholders.
const KINDS: [&str; 7] = ["api-key", "client-id", "client-secret", "email", "password", "user-token", "location-token"];
/// With as many, to look each of them up would take too long: then no text is written any more.
const MOST: usize = 256;

/// The credentials for a [`Recorder`](super::Recorder), or those that a [`Player`](super::Player) uses in their place.
///
/// In a cassette, those of the App are `<api-key>`, `<client-id>` and `<client-secret>`, and those of an owner `<email>` and `<password>`. A
/// second email is `<email-2>`, and so on. Tokens are numbered from 1. Give a replay the same credentials in the same order as the recorder.
/// Their values may be invented.
#[derive(Clone)]
pub struct Credentials {
    /// The placeholder and the value of each.
    known: Vec<(String, Text)>,
    strike_out: StrikeOut,
}

impl Credentials {
    /// Starts with the credentials of the App: API Key, Client ID and Client Secret.
    pub fn new(app: &App) -> Self {
        let mut credentials = Self::none();
        // A request of the App has them. Its email and password are invented, and an empty value is not learnt.
        if let Ok(login) = app.user_login("nobody", "nothing") {
            let is_invented = |name: &str| matches!(name, "email" | "password");
            let request = sent(&login.request()).map("", &mut |name, _| is_invented(name).then(|| Json::text("")));
            credentials.learn_from("user-token", &request, true);
        }
        credentials
    }

    /// None: what has placeholders is compared and answered as it is.
    pub(super) fn none() -> Self {
        Self { known: Vec::new(), strike_out: StrikeOut::default() }
    }

    /// Adds the login of an owner.
    #[must_use]
    pub fn login(mut self, email: &str, password: &str) -> Self {
        self.learn("email", email);
        self.learn("password", password);
        self
    }

    /// Adds a User Access Token that your program already has.
    #[must_use]
    pub fn user_token(mut self, token: &UserAccessToken) -> Self {
        self.learn("user-token", token.expose_secret());
        self
    }

    /// Adds a Location Access Token that your program already has.
    #[must_use]
    pub fn location_token(mut self, token: &LocationAccessToken) -> Self {
        self.learn("location-token", token.expose_secret());
        self
    }

    /// Gives the value a placeholder, unless it already has one of this kind.
    fn learn(&mut self, kind: &str, value: &str) {
        let start = format!("<{kind}");
        let mut same = self.known.iter().filter(|(placeholder, _)| placeholder.starts_with(&start));
        let number = same.clone().count().saturating_add(1);
        let is_new = KINDS.contains(&kind) && !same.any(|(_, known)| **known == value);
        // An empty value would be found in every text.
        if is_new && !value.is_empty() && self.known.len() < MOST {
            let is_plain = number == 1 && !kind.ends_with("token");
            let placeholder = if is_plain { format!("{start}>") } else { format!("{start}-{number}>") };
            match kind {
                "email" | "client-id" => self.strike_out.add_named(value, &placeholder),
                _ => self.strike_out.add_secret(value),
            }
            self.known.push((placeholder, Text::new(value.into())));
        }
    }

    /// Learns each value of an `access_token`, whatever is around it, and of a request what is in a credential's place.
    pub(super) fn learn_from(&mut self, token: &str, json: &Json, is_sent: bool) {
        json.map("", &mut |name, json| {
            let (Json::Text(text) | Json::Word(text)) = json else { return None };
            match name {
                // Behind the scheme, whatever that is.
                "authorization" if is_sent => text
                    .split(", ")
                    .for_each(|value| self.learn(token, value.split_once(' ').unwrap_or(("", value)).1.trim())),
                name if is_sent => self.learn(&name.trim_start_matches("x-").replace('_', "-"), text),
                name if is_token(name) && !json.is_nothing() => self.learn(token, text),
                _ => {}
            }
            let plain = decoded(text).unwrap_or_default();
            assigned(&plain).filter(|(name, _)| is_token(name)).for_each(|(_, value)| self.learn(token, value));
            None
        });
    }

    /// Returns the placeholder of exactly this value, also behind `Bearer`.
    pub(super) fn placeholder(&self, value: &str) -> Option<String> {
        let plain = value.strip_prefix("Bearer ").unwrap_or(value);
        let (placeholder, _) = self.known.iter().find(|(_, known)| **known == plain)?;
        Some([value.strip_suffix(plain)?, placeholder].concat())
    }

    /// Returns what may be written of the value of a member: the placeholder if it is a credential, and nothing if it could hold a secret. It
    /// could if its name says so, if it repeats a credential or looks like a placeholder in whatever encoding, if it is JSON, or if it gives a
    /// value to a secret's name.
    pub(super) fn strike(&self, name: &str, text: &str) -> Text {
        let struck = || {
            let plain = decoded(text).filter(|_| text.is_empty() || !is_secret(name))?;
            let is_json = plain.contains(['{', '\\']) || plain.trim_start().starts_with(['[', '"']);
            // The replay would fill it in.
            let is_filled = plain.contains(WITHHELD) || KINDS.iter().any(|kind| plain.contains(&["<", kind].concat()));
            let gives_one = || assigned(&plain).any(|(name, _)| is_secret(name));
            self.struck(text).filter(|_| !is_json && !is_filled && !gives_one())
        };
        Text::new(self.placeholder(text).or_else(struck).unwrap_or(WITHHELD.into()))
    }

    /// Returns the text with emails and Client IDs replaced, or `None` if it repeats a secret, as it is or behind its encodings.
    pub(super) fn struck(&self, text: &str) -> Option<String> {
        self.strike_out.of(&decoded(text)?).filter(|_| self.known.len() < MOST)?;
        self.strike_out.of(text)
    }

    /// Returns the text with the values in place of their placeholders.
    pub(super) fn fill(&self, text: &str) -> Text {
        self.known.iter().fold(Text::new(text.into()), |text, (placeholder, value)| {
            Text::new(text.split(placeholder).collect::<Vec<_>>().join(value))
        })
    }
}

/// Undoes percent-encoding until nothing is left of it. Returns `None` if that is no text, or does not end.
pub(super) fn decoded(text: &str) -> Option<Text> {
    let mut text = Text::new(text.into());
    for _ in 0..8 {
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
        bytes.extend(percent_encoding::percent_decode_str(&text));
        let next = core::str::from_utf8(&bytes).ok()?;
        if *text == next {
            return Some(text);
        }
        text = Text::new(next.into());
    }
    None
}

/// Returns the names that a text gives values to, each with the first word of its value, as a form, a query or broken JSON does.
fn assigned(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_end = |c: char| c.is_whitespace() || "\"'\\&?;,<>{}[]()|".contains(c);
    let pairs = text.split(['=', ':']).zip(text.split(['=', ':']).skip(1));
    pairs.filter_map(move |(before, after)| {
        let name = before.trim_end_matches(is_end).rsplit(is_end).next()?;
        Some((name, after.trim_start_matches(is_end).split(is_end).next()?))
    })
}

/// Shows the placeholders.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known.iter().map(|(placeholder, _)| placeholder)).finish()
    }
}
