//! Bytes read as what a target needs: a byte, a choice, a line, a response. And the settings that every target uses.

use std::sync::LazyLock;

use http::{HeaderName, HeaderValue, Response};
use location_auth::{App, Environment, Settings};

pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next byte chooses one of these.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// Up to the next line feed, which is left out.
    pub fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        line
    }

    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.line()).into_owned()
    }

    /// A line for the status, lines for the headers, an empty line, and the body up to a NUL.
    pub fn response(&mut self) -> Response<Vec<u8>> {
        let status = self.text().trim().parse().ok().filter(|status| (100..1000).contains(status)).unwrap_or(200);
        let mut response = Response::builder().status(status).body(vec![]).expect("the status is in range");
        loop {
            let line = self.line();
            if line.is_empty() || response.headers().len() > 100 {
                break;
            }
            let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
            let value = value.get(1..).unwrap_or_default();
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                response.headers_mut().append(name, value);
            }
        }
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let (body, rest) = self.0.split_at(end);
        *response.body_mut() = body.to_vec();
        self.0 = rest.get(1..).unwrap_or_default();
        response
    }
}

/// No text of the crate's holds these, in any letter case.
pub const EMAIL: &str = "m4rk3r-mail@example.com";
pub const PASSWORD: &str = "m4rk3r-word \"\\/é%41";
pub const API_KEY: &str = "m4rk3r-key";
pub const CLIENT_ID: &str = "m4rk3r-client";
pub const CLIENT_SECRET: &str = "m4rk3r-secret \"\\/%41";
pub const USER_TOKEN: &str = "m4rk3r-user-token";

pub fn settings() -> Settings {
    settings_for(Environment::Staging)
}

pub fn settings_for(environment: Environment) -> Settings {
    Settings::new(environment)
        .user_token_url("https://api.example.com/user_token")
        .location_token_url("https://api.example.com/locations/{location_id}/token")
        .api_key(API_KEY)
        .client_id(CLIENT_ID)
        .client_secret(CLIENT_SECRET)
}

/// Made once: a target's time is for its bytes.
pub fn app() -> App {
    static APP: LazyLock<App> = LazyLock::new(|| App::new(settings()).expect("the settings are right"));
    APP.clone()
}

/// An App of another environment.
pub fn production() -> App {
    static APP: LazyLock<App> =
        LazyLock::new(|| App::new(settings_for(Environment::Production)).expect("the settings are right"));
    APP.clone()
}

/// Fails if a text holds one of these credentials, in any letter case.
pub fn shows_none(text: &str, credentials: &[&str]) {
    let text = text.to_ascii_lowercase();
    for credential in credentials {
        assert!(!text.contains(&credential.to_ascii_lowercase()), "{credential:?} is in {text:?}");
    }
}
