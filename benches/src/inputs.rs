//! What every contender is given: the same credentials, the same response, ready in memory.

use http::{Response, header};
use location_auth::{App, Environment, Location, Settings};

pub const EMAIL: &str = "owner@example.com";
pub const PASSWORD: &str = "correct horse battery staple";
pub const API_KEY: &str = "3f2a9c1e5b7d48609a1c2e3f4b5d6a70";
pub const CLIENT_ID: &str = "5e1d7a40-93c2-4b8f-a6d1-0c2e4f6a8b1d";
pub const CLIENT_SECRET: &str = "Zk3vQ8xT1nB6yR0wLs5uHe7dGp2cJm9aFiXo4tKq";
pub const USER_TOKEN_URL: &str = "https://api.example.com/user_token";
pub const LOCATION_TOKEN_URL: &str = "https://api.example.com/locations/loc-1/token";
/// 256 bits in base64.
pub const USER_TOKEN: &str = "dXNlci10b2tlbi1vZi0yNTYtYml0cy1pbi1iYXNlNjQ";
pub const LOCATION_TOKEN: &str = "bG9jYXRpb24tdG9rZW4tb2YtMjU2LWJpdHMtYmFzZTY";

pub fn app() -> App {
    app_at(USER_TOKEN_URL, "https://api.example.com/locations/{location_id}/token")
}

pub fn app_at(user_token_url: &str, location_token_url: &str) -> App {
    App::new(
        Settings::new(Environment::Staging)
            .user_token_url(user_token_url)
            .location_token_url(location_token_url)
            .api_key(API_KEY)
            .client_id(CLIENT_ID)
            .client_secret(CLIENT_SECRET),
    )
    .expect("good settings")
}

pub fn location() -> Location {
    app().location("loc-1").expect("a good id")
}

/// The members that the peers ask for beside the token are there for all.
pub fn token_json(token: &str) -> String {
    format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":3600}}"#)
}

pub fn token_response(token: &str) -> Response<Vec<u8>> {
    json_response(token_json(token))
}

pub fn json_response(body: String) -> Response<Vec<u8>> {
    let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
    response.header(header::CONTENT_LENGTH, body.len()).body(body.into_bytes()).expect("a good response")
}
