//! A program that keeps its tokens: it logs in once and saves both, and from then on needs no password. A Location's token that is revoked is
//! renewed with the owner's. When that one is revoked, too, the program says what to do, and goes on when it has the owner's login.

mod support;
#[path = "support/token_file.rs"]
mod token_file;

use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http::Request;
use location_auth::transports::client::{CallError, Client, NotSaved, TokenStore};
use location_auth::transports::{run, ureq::Ureq};
use location_auth::{App, Misuse, Owner, SavedToken, Session, UserLogin};
use serde_json::{Value, json};
use token_file::TokenFile;

fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Arc::new(Mutex::new(support::demo()));
    let base = format!("http://{}", support::serve(Arc::clone(&emulator), 0)?);
    let (app, url) = (support::app(&base)?, format!("{base}{}", support::GUARDED_PATH));
    let login = || app.user_login(support::EMAIL, support::PASSWORD);
    let service = || emulator.lock().expect("no thread panics");

    let folder = std::env::temp_dir().join(format!("location-auth-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let files = Files(folder);
    println!("The first start logs in, and saves both tokens:");
    first_start(&app, login()?, &files, &url)?;
    println!("Every later start has no password:");
    later_start(&app, &files, &url, None)?;
    println!("The Location's token was revoked ({} in all):", service().revoke_location(support::LOCATION_ID));
    later_start(&app, &files, &url, None)?;
    service().revoke_location(support::LOCATION_ID);
    println!("So was the owner's ({} in all):", service().revoke_owner(support::EMAIL));
    later_start(&app, &files, &url, None)?;
    println!("The same, and the program has the owner's login:");
    later_start(&app, &files, &url, Some(login()?))?;
    println!("And the next start, without it again:");
    later_start(&app, &files, &url, None)?;
    fs::remove_dir_all(&files.0)?;
    let counts = service().counts();
    println!(
        "{} user logins in all, {} exchanges, {} calls.",
        counts.user_tokens, counts.location_tokens, counts.calls
    );
    Ok(())
}

/// One file for the owner's token and one for the Location's.
#[derive(Clone)]
struct Files(PathBuf);

impl Files {
    fn owners(&self) -> PathBuf {
        self.0.join("owner.json")
    }

    fn locations(&self) -> PathBuf {
        self.0.join("location.json")
    }
}

/// The store: each new token goes into its file before it is used.
impl TokenStore for Files {
    fn save(&self, token: &SavedToken) -> Result<(), Box<dyn Error + Send + Sync>> {
        let file = if token.location().is_some() { self.locations() } else { self.owners() };
        println!("  a new token goes into {}", file.file_name().unwrap_or_default().to_string_lossy());
        Ok(TokenFile::create(&file)?.commit(token)?)
    }
}

fn first_start(app: &App, login: UserLogin, files: &Files, url: &str) -> Result<(), Box<dyn Error>> {
    // Before the login: a new token must have a place to go.
    let (owners, locations) = (TokenFile::create(&files.owners())?, TokenFile::create(&files.locations())?);
    let user = run(login, &Ureq::new())?;
    owners.commit(&SavedToken::from(&user))?;
    let token = run(app.location(support::LOCATION_ID)?.exchange(&user)?, &Ureq::new())?;
    locations.commit(&SavedToken::from(&token))?;
    println!("  the owner's token, and one of {}", token.location());

    let client = Client::new(Session::for_location(app, token)?, Ureq::new());
    let call = Request::post(url).body(serde_json::to_vec(&json!({ "name": "Ann" }))?)?;
    let contact: Value = serde_json::from_slice(client.call(call)?.body())?;
    println!("  a first call, for {}", contact["owner"]);
    Ok(())
}

fn later_start(app: &App, files: &Files, url: &str, login: Option<UserLogin>) -> Result<(), Box<dyn Error>> {
    let read = |file| io::Result::Ok(serde_json::from_str(&fs::read_to_string(file)?)?);
    let (owners, locations) = (read(files.owners())?, read(files.locations())?);
    let client = client(app, owners, locations, login, files.clone())?; // one for all calls, from whatever thread
    sync_contacts(&client, url)
}

/// A client that starts from the owner's saved token and a Location's. `login` is the owner's, for a program that may keep a password:
/// without it a token is renewed for as long as the owner's own works.
fn client<S: TokenStore>(
    app: &App,
    owners: SavedToken,
    locations: SavedToken,
    login: Option<UserLogin>,
    store: S,
) -> Result<Client<Ureq, S>, Misuse> {
    let mut owner = Owner::new(app);
    owner.set_user_token(owners.try_into()?)?;
    if let Some(login) = login {
        owner.set_login(login)?;
    }
    let session = Session::for_location(app, locations.try_into()?)?;
    Ok(Client::with_owner(session, owner, Ureq::new(), store)) // the owner's other Locations: client.for_session(session)
}

fn sync_contacts<S: TokenStore>(client: &Client<Ureq, S>, url: &str) -> Result<(), Box<dyn Error>> {
    match client.call(http::Request::get(url).body(())?) {
        Ok(response) => {
            println!("  {}", response.status()); // any but 401
            let not_saved = response.extensions().get::<NotSaved>().into_iter().flat_map(NotSaved::tokens);
            for (token, error) in not_saved {
                println!("  the new token of {:?} is in memory alone: {error}", token.location());
            }
        }
        Err(error @ CallError::TokenRejected { .. }) => println!("  {error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
