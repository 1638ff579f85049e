//! A response that is read as it comes: the client authorizes, and your own HTTP library sends.
//!
//! The ready-made clients read a body whole, up to a bound. Where it should stream, let the client put the credentials on the request,
//! send it with what you have, and ask the client what follows. It works on the state that all its calls share, so whoever meets the 401,
//! the token is renewed once.

mod support;

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};

use http::Request;
use location_auth::transports::client::{Client, NoStore};
use location_auth::transports::{run, ureq::Ureq};
use location_auth::{Owner, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Arc::new(Mutex::new(support::demo()));
    let base = format!("http://{}", support::serve(Arc::clone(&emulator), 0)?);
    let app = support::app(&base)?;
    let user = run(app.user_login(support::EMAIL, support::PASSWORD)?, &Ureq::new())?;
    let token = run(app.location(support::LOCATION_ID)?.exchange(&user)?, &Ureq::new())?;
    assert!(emulator.lock().expect("no thread panics").revoke(token.expose_secret()));
    let mut owner = Owner::new(&app);
    owner.set_token(user)?;
    // A real program has a store: the example `keep_token` shows one.
    let client = Client::with_owner(Session::for_location(&app, token)?, owner, Ureq::new(), NoStore);

    // A library of your own: no redirects, or the API Key goes where they point; and no status is an error.
    let agent = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false).build().new_agent();
    let call = Request::get(format!("{base}{}", support::GUARDED_PATH)).body(())?;

    let mut first = call.clone();
    let mut attempt = client.authorize(&mut first)?;
    let mut response = agent.run(first)?;
    while let Some(replay) = client.received(attempt, response.status())? {
        let mut again = call.clone();
        attempt = client.replay(replay, &mut again)?;
        response = agent.run(again)?; // once: a second 401 is an error
    }
    let bytes = io::copy(&mut response.body_mut().as_reader(), &mut io::stdout())?;
    eprintln!("\n{}: {bytes} bytes as they came", response.status());
    if response.status() == 200 { Ok(()) } else { Err("the call was not answered".into()) }
}
