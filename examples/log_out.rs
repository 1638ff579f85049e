//! A logout: what the program can do, and what only the service can.

mod support;
#[path = "support/token_file.rs"]
mod token_file;

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

use http::Request;
use location_auth::transports::client::{Client, TokenStore};
use location_auth::transports::{Transport, run};
use location_auth::{App, Bytes, LocationAccessToken, Owner, SavedToken, Session};
use token_file::TokenFile;

fn main() -> Result<(), Box<dyn Error>> {
    let app = support::app("https://api.example.com")?;
    let emulator = RefCell::new(support::demo());
    let transport = |request: Request<Bytes>, _limit| Ok::<_, Infallible>(emulator.borrow_mut().handle(request));
    let user = run(app.user_login(support::EMAIL, support::PASSWORD)?, &transport)?;
    let token = run(app.location(support::LOCATION_ID)?.exchange(&user)?, &transport)?;
    // What a backup or another process may have.
    let (users_copy, copy) = (user.clone(), token.clone());

    let folder = std::env::temp_dir().join(format!("location-auth-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let files = Files { owner: folder.join("owner.json"), location: folder.join("location.json") };
    TokenFile::create(&files.owner)?.commit(&SavedToken::from(&user))?;
    TokenFile::create(&files.location)?.commit(&SavedToken::from(&token))?;
    let mut owner = Owner::new(&app);
    owner.set_user_token(user)?;
    let client = Client::with_owner(Session::for_location(&app, token)?, owner, &transport, files.clone());

    log_out(client, &files)?;
    println!("Logged out. Files left: {}", fs::read_dir(&folder)?.count());
    fs::remove_dir(&folder)?;

    println!("A copy of the Location's token still works:");
    call(&app, copy.clone(), &transport)?;
    println!("The service revokes it ({} in all):", emulator.borrow_mut().revoke_location(support::LOCATION_ID));
    call(&app, copy, &transport)?;
    println!("A copy of the owner's token still gets a new one:");
    let new = run(app.location(support::LOCATION_ID)?.exchange(&users_copy)?, &transport)?;
    call(&app, new, &transport)?;
    println!("The service revokes that, too ({} in all):", emulator.borrow_mut().revoke_owner(support::EMAIL));
    if let Err(stopped) = run(app.location(support::LOCATION_ID)?.exchange(&users_copy)?, &transport) {
        println!("  {stopped}");
    }
    Ok(())
}

/// Call it when no call is under way: a renewal that still runs saves its new token, and so makes a file again.
fn log_out<T: Transport>(client: Client<T, Files>, files: &Files) -> io::Result<()> {
    client.forget(); // clones of the client and the owner's other clients no longer renew a token
    drop(client); // the last clone wipes the Location's token
    fs::remove_file(&files.location)?;
    fs::remove_file(&files.owner)
}

fn call<T: Transport<Error: Error + 'static>>(
    app: &App,
    token: LocationAccessToken,
    transport: &T,
) -> Result<(), Box<dyn Error>> {
    let session = Session::for_location(app, token)?;
    let call = Request::get(format!("https://api.example.com{}", support::GUARDED_PATH)).body(())?;
    let send = |request, limit| transport.send(request, limit);
    match Client::new(session, send).call(call) {
        Ok(response) => println!("  {}", response.status()),
        Err(error) => println!("  {error}"),
    }
    Ok(())
}

#[derive(Clone)]
struct Files {
    owner: PathBuf,
    location: PathBuf,
}

impl TokenStore for Files {
    fn save(&self, token: &SavedToken) -> Result<(), Box<dyn Error + Send + Sync>> {
        let file: &Path = if token.location().is_some() { &self.location } else { &self.owner };
        Ok(TokenFile::create(file)?.commit(token)?)
    }
}
