//! Why a login was refused: what can be wrong, one thing at a time, and what the error says of it.

mod support;

use std::error::Error;
use std::sync::{Arc, Mutex};

use location_auth::emulator::Emulator;
use location_auth::transports::{Cause, RunError, run, ureq::Ureq};
use location_auth::{App, Environment, LocationLogin, Settings};
use support::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, LOCATION_ID, PASSWORD};

fn main() -> Result<(), Box<dyn Error>> {
    let mut emulator = support::demo();
    emulator.owner("stranger@example.com", PASSWORD).location("strangers-garage", "stranger@example.com");
    let base = format!("http://{}", support::serve(Arc::new(Mutex::new(emulator)), 0)?);
    let nobody = "http://127.0.0.1:1";

    // Each line has one thing wrong.
    let cases = [
        ("the password", &*base, API_KEY, CLIENT_SECRET, LOCATION_ID, "not-the-password"),
        ("the Client Secret", &base, API_KEY, "not-the-secret", LOCATION_ID, PASSWORD),
        ("the API Key", &base, "production-key", CLIENT_SECRET, LOCATION_ID, PASSWORD),
        ("the Location's id", &base, API_KEY, CLIENT_SECRET, "demo-saloon", PASSWORD),
        ("the owner", &base, API_KEY, CLIENT_SECRET, "strangers-garage", PASSWORD),
        ("the URL", nobody, API_KEY, CLIENT_SECRET, LOCATION_ID, PASSWORD),
    ];
    for (wrong, base, api_key, client_secret, location, password) in cases {
        let app = App::new(
            Settings::new(Environment::Staging)
                .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
                .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH))
                .api_key(api_key)
                .client_id(CLIENT_ID)
                .client_secret(client_secret),
        )?;
        let login = app.location(location)?.login(EMAIL, password)?;
        let Err(stopped) = run(login, &Ureq::new()) else { return Err("the login was not refused".into()) };
        println!("Wrong: {wrong}");
        tell(&stopped);
    }
    // What can be seen without asking the service is refused before anything is sent.
    let Err(misuse) = support::app("http://api.example.com") else { return Err("http was taken".into()) };
    println!("Wrong: the scheme\n  {misuse}");
    Ok(())
}

fn tell<E: Error>(stopped: &RunError<LocationLogin, E>) {
    println!("  {stopped}"); // one line, for people
    match &stopped.cause {
        // The same, for programs.
        Cause::Response(error) => println!(
            "  = {:?}, {:?}, {:?}, {}, {:?}, {:?}, {:?}",
            error.step(),
            error.kind(),
            error.fault(),
            error.status().as_u16(),
            error.code().unwrap_or_default(), // the same for each wrong password, whatever the words
            error.message().unwrap_or_default(),
            error.request_id().unwrap_or_default(),
        ),
        Cause::Transport { error, delivery } => {
            println!("  = {:?}, {:?}, {delivery:?}: {error}", stopped.step(), stopped.fault());
        }
        _ => {}
    }
}
