//! A login and a call, recorded over HTTP into the file that is named, and then replayed from it with made-up credentials and no network.

mod support;

use std::error::Error;
use std::fs;
use std::sync::{Arc, Mutex};

use http::{Request, StatusCode};
use location_auth::emulator::Emulator;
use location_auth::transports::cassette::{Cassette, Credentials, Player, Recorder};
use location_auth::transports::{RESPONSE_LIMIT, Transport, run, ureq::Ureq};
use location_auth::{App, Bytes, Environment, Session, Settings};

/// An App and an owner: the real ones, or made-up ones.
struct Owner<'a> {
    app: App,
    email: &'a str,
    password: &'a str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("name a file for the cassette")?;
    let base = format!("http://{}", support::serve(Arc::new(Mutex::new(support::demo())), 0)?);
    let real = Owner { app: support::app(&base)?, email: support::EMAIL, password: support::PASSWORD };
    println!("recorded: {}", record(&real, &base, &file)?);

    let base = "https://api.example.com"; // where nobody is asked
    let settings = Settings::new(Environment::Staging)
        .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
        .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH))
        .api_key("made-up-key")
        .client_id("made-up-client")
        .client_secret("made-up-secret");
    let made_up = Owner { app: App::new(settings)?, email: "made-up@example.com", password: "made-up-password" };
    println!("replayed: {}", replay(&made_up, base, &file)?);
    Ok(())
}

fn record(owner: &Owner<'_>, base: &str, file: &str) -> Result<StatusCode, Box<dyn Error>> {
    // What a call's response holds is people's data, and nothing here reads it.
    let recorder = Recorder::new(Ureq::new(), credentials(owner)).keep_bodies(|_, _| Some(String::new()));
    let outcome = contacts(owner, base, &recorder);
    fs::write(file, recorder.cassette().to_string())?; // also where the login fails: a refusal is worth a test, too
    outcome
}

fn replay(owner: &Owner<'_>, base: &str, file: &str) -> Result<StatusCode, Box<dyn Error>> {
    let cassette: Cassette = fs::read_to_string(file)?.parse()?;
    let player = Player::new(cassette, credentials(owner));
    let outcome = contacts(owner, base, &player)?;
    player.finish()?;
    Ok(outcome)
}

fn credentials(owner: &Owner<'_>) -> Credentials {
    Credentials::new(&owner.app).login(owner.email, owner.password)
}

/// The program under test, which takes any transport.
fn contacts<T>(owner: &Owner<'_>, base: &str, transport: &T) -> Result<StatusCode, Box<dyn Error>>
where
    T: Transport<Error: Error + 'static>,
{
    let login = owner.app.location(support::LOCATION_ID)?.login(owner.email, owner.password)?;
    let token = run(login, transport).map_err(|stopped| stopped.to_string())?;
    let mut call = Request::get(format!("{base}{}", support::GUARDED_PATH)).body(Bytes::new())?;
    Session::for_location(&owner.app, token)?.authorize(&mut call)?;
    Ok(transport.send(call, RESPONSE_LIMIT)?.status())
}
