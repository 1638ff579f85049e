//! A logout: what the program can do, and what only the service can.

mod support;

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::fs;

use http::Request;
use location_auth::transports::client::{Client, Folder};
use location_auth::transports::{Transport, run};
use location_auth::{App, Bytes, LocationAccessToken, Owner, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let app = support::app("https://api.example.com")?;
    let emulator = RefCell::new(support::demo());
    let transport = |request: Request<Bytes>, _limit| Ok::<_, Infallible>(emulator.borrow_mut().handle(request));
    let user = run(app.user_login(support::EMAIL, support::PASSWORD)?, &transport)?;
    let token = run(app.location(support::LOCATION_ID)?.exchange(&user)?, &transport)?;
    // What a backup or another process may have.
    let (users_copy, copy) = (user.clone(), token.clone());

    let folder = std::env::temp_dir().join(format!("location-auth-{}", std::process::id()));
    let client = Client::with_owner(
        app.location(support::LOCATION_ID)?.session(),
        Owner::new(&app),
        &transport,
        Folder::new(&folder)?,
    );
    client.set_user_token(user)?;
    client.set_location_token(token)?;
    client.flush()?;
    println!("Logged in. Records with a token: {}", tokens(&folder)?);
    client.forget().map_err(|error| error.to_string())?; // for all processes that use the folder
    drop(client); // the last clone wipes the Location's token
    println!("Logged out. Records with a token: {}", tokens(&folder)?);
    let other = Client::with_owner(
        app.location(support::LOCATION_ID)?.session(),
        Owner::new(&app),
        &transport,
        Folder::new(&folder)?,
    );
    if let Err(error) = other.ensure_token() {
        println!("  another process: {error}");
    }
    fs::remove_dir_all(&folder)?;

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

fn tokens(folder: &std::path::Path) -> std::io::Result<usize> {
    let files = fs::read_dir(folder)?.flatten();
    Ok(files.filter(|file| fs::read_to_string(file.path()).is_ok_and(|text| text.contains("access_token"))).count())
}
