//! What `login` and `call` share: the settings from environment variables, and how the two fail.
#![allow(dead_code)]

use std::env;
use std::error::Error;

use location_auth::{App, Misuse, Settings};

/// One line for standard error, and the exit code.
pub struct Failure {
    pub code: u8,
    pub line: String,
}

/// Exit code 2.
pub fn wrong_settings(line: impl ToString) -> Failure {
    Failure { code: 2, line: line.to_string() }
}

/// Exit code 1: the error with its causes behind it.
pub fn failed(error: &dyn Error) -> Failure {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line += &format!(": {cause}");
        source = cause.source();
    }
    Failure { code: 1, line }
}

pub fn is_set(name: &&str) -> bool {
    env::var_os(name).is_some()
}

pub fn get(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|_| wrong_settings(format_args!("{name} is not UTF-8: set it again")))
}

/// An error that names all of these that are not set.
pub fn require(names: &[&str], otherwise: &str) -> Result<(), Failure> {
    let missing: Vec<_> = names.iter().copied().filter(|name| !is_set(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(wrong_settings(format_args!("not set: {}: set them{otherwise}", missing.join(", "))))
}

/// What [`app_settings`] reads.
pub const APP_VARIABLES: [&str; 6] = [
    "LOCATION_AUTH_ENVIRONMENT",
    "LOCATION_AUTH_USER_TOKEN_URL",
    "LOCATION_AUTH_LOCATION_TOKEN_URL",
    "LOCATION_AUTH_API_KEY",
    "LOCATION_AUTH_CLIENT_ID",
    "LOCATION_AUTH_CLIENT_SECRET",
];

pub fn app_settings() -> Result<Settings, Failure> {
    let environment = get("LOCATION_AUTH_ENVIRONMENT")?
        .parse()
        .map_err(|_| wrong_settings("LOCATION_AUTH_ENVIRONMENT is neither: set it to staging or production"))?;
    Ok(Settings::new(environment)
        .user_token_url(get("LOCATION_AUTH_USER_TOKEN_URL")?)
        .location_token_url(get("LOCATION_AUTH_LOCATION_TOKEN_URL")?)
        .api_key(get("LOCATION_AUTH_API_KEY")?)
        .client_id(get("LOCATION_AUTH_CLIENT_ID")?)
        .client_secret(get("LOCATION_AUTH_CLIENT_SECRET")?))
}

/// An App whose credentials may also go to the origin of this URL: whoever names a URL to be called allows its origin.
pub fn app(settings: Settings, called: Option<&http::Uri>) -> Result<App, Misuse> {
    let Some(uri) = called else { return App::new(settings) };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    App::new(settings.api_origin(format!("{}://{authority}", uri.scheme_str().unwrap_or_default())))
}
