//! Where credentials go, and where they do not. Nothing is sent.

use std::error::Error;

use http::Request;
use location_auth::{App, Environment, Redacted, Session, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::new(Environment::Staging)
        .user_token_url("https://login.example.com/user_token")
        .location_token_url("https://login.example.com/locations/{location_id}/token")
        .api_origin("https://data.example.com")
        .api_key("k-12")
        .client_id("c-34")
        .client_secret("s-56");
    let app = App::new(settings)?;
    let session = Session::without_token(&app); // it has the API Key alone: a token goes to the same origins
    for url in [
        "https://login.example.com/contacts",
        "https://data.example.com/contacts?since=monday",
        "https://data.example.com.evil.test/contacts",
        "http://data.example.com/contacts",
    ] {
        let mut call = Request::get(url).body("")?;
        println!("{url}");
        match session.authorize(&mut call) {
            Ok(_) => println!("  {}", Redacted(&call)),
            Err(error) => println!("  {error}\n  headers on the request: {}", call.headers().len()),
        }
    }
    println!("{app:?}");
    Ok(())
}
