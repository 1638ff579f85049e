//! A program that keeps its tokens in a folder: its first call logs in, and from then on it needs no password. A Location's token that is revoked is
//! renewed with the owner's. When that one is revoked, too, the program says what to do, and goes on when it has the owner's login.

mod support;

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use std::{env, fs, process};

use http::Request;
use location_auth::transports::client::{CallError, Client, Folder};
use location_auth::transports::ureq::Ureq;
use location_auth::{App, Owner, UserLogin};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Arc::new(Mutex::new(support::demo()));
    let base = format!("http://{}", support::serve(Arc::clone(&emulator), 0)?);
    let (app, url) = (support::app(&base)?, format!("{base}{}", support::GUARDED_PATH));
    let login = || app.user_login(support::EMAIL, support::PASSWORD);
    let service = || emulator.lock().expect("no thread panics");
    let folder = env::temp_dir().join(format!("location-auth-{}", process::id()));
    let start = |login: Option<UserLogin>| sync_contacts(&client(&app, &folder, login)?, &url);

    println!("A start without a login, and nothing is saved yet:");
    start(None)?;
    println!("The first start with the owner's login saves both tokens:");
    start(Some(login()?))?;
    println!("Every later start has no password:");
    start(None)?;
    // A token that is refused in its first minute may be one that the service does not know everywhere yet.
    HOURS.store(1, Ordering::Relaxed);
    println!(
        "An hour later. The Location's token was revoked ({} in all):",
        service().revoke_location(support::LOCATION_ID)
    );
    start(None)?;
    service().revoke_location(support::LOCATION_ID);
    println!("So was the owner's ({} in all):", service().revoke_owner(support::EMAIL));
    start(None)?;
    println!("The same, and the program has the owner's login:");
    start(Some(login()?))?;
    println!("And the next start, without it again:");
    start(None)?;
    fs::remove_dir_all(&folder)?;
    let counts = service().counts();
    println!(
        "{} user logins, {} exchanges, {} calls in all.",
        counts.user_tokens, counts.location_tokens, counts.calls
    );
    Ok(())
}

/// The first start needs the owner's login, and later ones only if the service revokes the owner's token.
fn client(app: &App, folder: &Path, login: Option<UserLogin>) -> Result<Client<Ureq, Folder>, Box<dyn Error>> {
    let mut owner = Owner::new(app);
    if let Some(login) = login {
        owner.set_login(login)?;
    }
    let session = app.location(support::LOCATION_ID)?.session(); // its token is in the folder, or gets there
    Ok(Client::with_owner(session, owner, Ureq::new(), Folder::new(folder)?).with_clock(clock))
}

static HOURS: AtomicU64 = AtomicU64::new(0);

/// A program needs no clock of its own: this demonstration passes an hour.
fn clock() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now + Duration::from_secs(3600 * HOURS.load(Ordering::Relaxed))
}

fn sync_contacts(client: &Client<Ureq, Folder>, url: &str) -> Result<(), Box<dyn Error>> {
    let call = Request::post(url).body(serde_json::to_vec(&json!({ "name": "Ann" }))?)?;
    match client.call(call) {
        Ok(response) => {
            let contact: Value = serde_json::from_slice(response.body())?;
            println!("  {}: a contact of {}", response.status(), contact["owner"]); // any status but 401
        }
        Err(error @ (CallError::NoToken { .. } | CallError::TokenRejected { .. })) => println!("  {error}"),
        Err(error) => return Err(error.into()),
    }
    for unsaved in client.unsaved() {
        println!("  {unsaved}"); // the folder is full, or its rights are wrong
    }
    Ok(())
}
