//! The settings of most tests, their credentials, and whose login it is.
#![allow(dead_code)]

use location_auth::{App, Environment, LocationLogin, Settings};

pub const BASE: &str = "https://api.example.com";
pub const API_KEY: &str = "the-api-key";
pub const CLIENT_ID: &str = "the-client-id";
pub const CLIENT_SECRET: &str = "the-client-secret";
pub const EMAIL: &str = "owner@example.com";
pub const PASSWORD: &str = "the owner's password";

pub fn settings() -> Settings {
    settings_for(Environment::Staging)
}

pub fn settings_for(environment: Environment) -> Settings {
    settings_at(environment, BASE)
}

/// `base` is what the service's URLs start with. Their paths are the emulated service's.
pub fn settings_at(environment: Environment, base: &str) -> Settings {
    Settings::new(environment)
        .user_token_url(format!("{base}/user_token"))
        .location_token_url(format!("{base}/locations/{{location_id}}/token"))
        .api_key(API_KEY)
        .client_id(CLIENT_ID)
        .client_secret(CLIENT_SECRET)
}

/// The owner's login to a Location of theirs, at a service whose URLs start so.
pub fn login_at(base: &str) -> LocationLogin {
    let app = App::new(settings_at(Environment::Staging, base)).expect("good settings");
    app.location("loc-1").and_then(|location| location.login(EMAIL, PASSWORD)).expect("a good login")
}
