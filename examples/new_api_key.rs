//! The API Key is changed: a new `App`, and the saved tokens carried over to it. Whether they outlive the old key is not documented, so
//! both kinds of service are played here.

mod support;

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;

use http::{HeaderValue, Request, StatusCode};
use location_auth::emulator::Emulator;
use location_auth::transports::Transport;
use location_auth::transports::client::{CallError, Client};
use location_auth::transports::run;
use location_auth::{App, Bytes, Environment, SavedToken, Session, Settings};
use serde_json::Value;
use support::{API_KEY, CLIENT_ID, CLIENT_SECRET, GUARDED_PATH};

const BASE: &str = "https://api.example.com";
const NEW_KEY: &str = "demo-api-key-2";

fn main() -> Result<(), Box<dyn Error>> {
    for keeps_tokens in [true, false] {
        let emulator = RefCell::new(support::demo());
        let before = |request, _limit| Ok::<_, Infallible>(emulator.borrow_mut().handle(request));
        let saved = SavedToken::from(&run(support::login(BASE)?, &before)?);

        // From here on the service takes the new key alone.
        let after = |mut request: Request<Bytes>, _limit: usize| {
            let key = request.headers_mut().insert("x-api-key", HeaderValue::from_static("the old one is not taken"));
            if key.is_some_and(|key| key == NEW_KEY) {
                request.headers_mut().insert("x-api-key", HeaderValue::from_static(API_KEY));
            }
            Ok::<_, Infallible>(emulator.borrow_mut().handle(request))
        };
        if !keeps_tokens {
            emulator.borrow_mut().revoke_location(support::LOCATION_ID);
        }
        println!("A service that {} old tokens:", if keeps_tokens { "still accepts" } else { "has revoked the" });
        println!("  with the old key: {}", check(&support::app(BASE)?, saved.clone(), &after)?);
        println!("  with the new key: {}", check(&app(NEW_KEY)?, saved, &after)?);
    }
    Ok(())
}

/// Everything as it was, except the key.
fn app(api_key: &str) -> Result<App, location_auth::Misuse> {
    App::new(
        Settings::new(Environment::Staging)
            .user_token_url(format!("{BASE}{}", Emulator::USER_TOKEN_PATH))
            .location_token_url(format!("{BASE}{}", Emulator::LOCATION_TOKEN_PATH))
            .api_key(api_key)
            .client_id(CLIENT_ID)
            .client_secret(CLIENT_SECRET),
    )
}

/// One harmless call for each saved token says whether it is still taken.
fn check<T>(app: &App, saved: SavedToken, transport: T) -> Result<String, Box<dyn Error>>
where
    T: Transport<Error: Error + 'static>,
{
    let client = Client::new(Session::for_location(app, saved.try_into()?)?, transport);
    let call = Request::get(format!("{BASE}{GUARDED_PATH}")).body(Bytes::new())?;
    match client.call(call) {
        Ok(response) if response.status() == StatusCode::FORBIDDEN => Ok("403, so the API Key is not accepted".into()),
        Ok(response) => {
            let contacts: Value = serde_json::from_slice(response.body())?;
            Ok(format!("{}, so the token of {} still works", response.status(), contacts["location"]))
        }
        Err(error @ CallError::TokenRejected { .. }) => Ok(error.to_string()),
        Err(error) => Err(error.into()),
    }
}
