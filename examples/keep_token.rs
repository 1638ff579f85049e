//! A program that keeps its tokens: its first call logs in and saves both, and from then on it needs no password. A Location's token that is
//! revoked is renewed with the owner's. When that one is revoked, too, the program says what to do, and goes on when it has the owner's login.

mod support;
#[path = "support/token_file.rs"]
mod token_file;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http::Request;
use location_auth::transports::client::{CallError, Client, NotSaved, TokenStore};
use location_auth::transports::ureq::Ureq;
use location_auth::{App, LocationId, Owner, SavedToken, Session, UserLogin};
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
    println!("A start without a login, and nothing is saved yet:");
    start(&app, &files, &url, None)?;
    println!("The first start with the owner's login saves both tokens:");
    start(&app, &files, &url, Some(login()?))?;
    println!("Every later start has no password:");
    start(&app, &files, &url, None)?;
    println!("The Location's token was revoked ({} in all):", service().revoke_location(support::LOCATION_ID));
    start(&app, &files, &url, None)?;
    service().revoke_location(support::LOCATION_ID);
    println!("So was the owner's ({} in all):", service().revoke_owner(support::EMAIL));
    start(&app, &files, &url, None)?;
    println!("The same, and the program has the owner's login:");
    start(&app, &files, &url, Some(login()?))?;
    println!("And the next start, without it again:");
    start(&app, &files, &url, None)?;
    fs::remove_dir_all(&files.0)?;
    let counts = service().counts();
    println!(
        "{} user logins in all, {} exchanges, {} calls.",
        counts.user_tokens, counts.location_tokens, counts.calls
    );
    Ok(())
}

/// A folder for an owner: a file for their own token, and one for that of each of their Locations.
#[derive(Clone)]
struct Files(PathBuf);

impl Files {
    fn path(&self, location: Option<&LocationId>) -> PathBuf {
        // An id may hold a `/`.
        let name = location.map_or("owner".into(), |id| format!("location-{}", id.percent_encoded()));
        self.0.join(name + ".json")
    }
}

/// The store: each new token goes into its file before it is used.
impl TokenStore for Files {
    fn save(&self, token: &SavedToken) -> Result<(), Box<dyn Error + Send + Sync>> {
        let file = self.path(token.location());
        println!("  a new token goes into {}", file.file_name().unwrap_or_default().to_string_lossy());
        Ok(TokenFile::create(&file)?.commit(token)?)
    }
}

fn start(app: &App, files: &Files, url: &str, login: Option<UserLogin>) -> Result<(), Box<dyn Error>> {
    drop(TokenFile::create(&files.path(None))?); // a new token must have a place to go: this finds out before it is requested
    let client = client(app, files, login)?; // one for all calls, from whatever thread
    sync_contacts(&client, url)
}

/// A client that starts from what was saved. `login` is the owner's: the first start needs it, and later ones only if the service revokes the
/// owner's token, too.
fn client(app: &App, files: &Files, login: Option<UserLogin>) -> Result<Client<Ureq, Files>, Box<dyn Error>> {
    let mut owner = Owner::new(app);
    if let Some(user) = read(&files.path(None))? {
        owner.set_user_token(user.try_into()?)?;
    }
    if let Some(login) = login {
        owner.set_login(login)?;
    }
    let location = app.location(support::LOCATION_ID)?;
    let session = match read(&files.path(Some(location.id())))? {
        Some(token) => Session::for_location(app, token.try_into()?)?,
        None => location.session(), // the first call gets the token
    };
    Ok(Client::with_owner(session, owner, Ureq::new(), files.clone())) // the owner's other Locations: client.for_session(session)
}

/// `None` before the first save.
fn read(file: &Path) -> Result<Option<SavedToken>, Box<dyn Error>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn sync_contacts<S: TokenStore>(client: &Client<Ureq, S>, url: &str) -> Result<(), Box<dyn Error>> {
    let call = Request::post(url).body(serde_json::to_vec(&json!({ "name": "Ann" }))?)?;
    match client.call(call) {
        Ok(response) => {
            let contact: Value = serde_json::from_slice(response.body())?;
            println!("  {}: a contact of {}", response.status(), contact["owner"]); // any status but 401
            let not_saved = response.extensions().get::<NotSaved>().into_iter().flat_map(NotSaved::tokens);
            for (token, error) in not_saved {
                println!("  the new token of {:?} is in memory alone: {error}", token.location());
            }
        }
        Err(error @ (CallError::NoToken { .. } | CallError::TokenRejected { .. })) => println!("  {error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
