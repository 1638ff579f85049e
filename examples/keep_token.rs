//! A program that keeps its token: it logs in once and saves, and from then on starts from what it saved. Then the token is revoked,
//! and a program that was handed the owner's login helps itself, while one that was not says what to do.

mod support;
#[path = "support/token_file.rs"]
mod token_file;

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use location_auth::transports::client::{CallError, Client};
use location_auth::transports::{run, ureq::Ureq};
use location_auth::{App, LocationLogin, Misuse, SavedToken, Session};
use token_file::TokenFile;

fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Arc::new(Mutex::new(support::demo()));
    let base = format!("http://{}", support::serve(Arc::clone(&emulator), 0)?);
    let (app, url) = (support::app(&base)?, format!("{base}{}", support::GUARDED_PATH));
    let revoke = || emulator.lock().expect("no thread panics").revoke_location(support::LOCATION_ID);

    let folder = std::env::temp_dir().join(format!("location-auth-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let file = folder.join("token.json");
    println!("The first start logs in, and saves the token:");
    first_start(support::login(&base)?, &file)?;
    println!("Every later start has no password:");
    later_start(&app, &file, &url, None)?;
    println!("The token was revoked ({} in all):", revoke());
    later_start(&app, &file, &url, None)?;
    println!("The same, with the owner's login handed over:");
    later_start(&app, &file, &url, Some(support::login(&base)?))?;
    println!("And the next start, without it again:");
    later_start(&app, &file, &url, None)?;
    fs::remove_dir_all(&folder)?;
    let counts = emulator.lock().expect("no thread panics").counts();
    println!("{} logins in all, {} calls answered.", counts.location_tokens, counts.calls);
    Ok(())
}

fn first_start(login: LocationLogin, file: &Path) -> Result<(), Box<dyn Error>> {
    let file = TokenFile::create(file)?; // before the login: a token must not be bought and then have nowhere to go
    let token = run(login, &Ureq::new())?;
    file.commit(&SavedToken::from(&token))?;
    println!("  a token of {}", token.location());
    Ok(())
}

fn later_start(app: &App, file: &Path, url: &str, login: Option<LocationLogin>) -> Result<(), Box<dyn Error>> {
    let saved = serde_json::from_str(&fs::read_to_string(file)?)?;
    let client = client(app, saved, login)?; // one for all calls of the program, from whatever thread
    sync_contacts(&client, url, |token| {
        println!("  a new token goes into the file");
        TokenFile::create(file)?.commit(token)
    })
}

/// A client that starts from a saved token. `login` is the owner's, for a program that may keep a password: without it nothing logs in
/// by itself.
fn client(app: &App, saved: SavedToken, login: Option<LocationLogin>) -> Result<Client<Ureq>, Misuse> {
    let session = Session::for_location(app, saved.try_into()?)?;
    let client = Client::new(session, Ureq::new(), 1024 * 1024); // the longest response that a call may have
    if let Some(login) = login {
        client.log_in_with(login)?;
    }
    Ok(client)
}

/// `keep` puts a new token in the place of the saved one.
fn sync_contacts(
    client: &Client<Ureq>,
    url: &str,
    keep: impl FnOnce(&SavedToken) -> io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let outcome = client.call(http::Request::get(url).body(vec![])?);
    // Before the outcome is looked into: a call may fail after the login that it led to went well.
    if let Some(token) = client.take_new_token() {
        keep(&SavedToken::from(&token))?; // where this fails, the client alone has it
    }
    match outcome {
        Ok(response) => println!("  {}", response.status()), // any but 401
        Err(error @ CallError::TokenRejected { .. }) => println!("  {error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
