//! A response that is read as it comes.
//!
//! `call` reads a body whole, up to a bound. `call_with` gives the request to a function, which sends it in the HTTP library's own terms: a
//! body of any kind goes up, and comes down as it arrives. After a 401 the token is renewed once for all callers, and the request is
//! sent again.

mod support;

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};

use http::Request;
use location_auth::driver::Call;
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
    owner.set_user_token(user)?;
    // A real program has a store: the example `keep_token` shows one.
    let client = Client::with_owner(Session::for_location(&app, token)?, owner, Ureq::new(), NoStore);

    let call = Request::get(format!("{base}{}", support::GUARDED_PATH)).body(())?;
    let mut response = client.call_with(Call::new(call), |call| client.transport().run(call))?;
    let bytes = io::copy(&mut response.body_mut().as_reader(), &mut io::stdout())?;
    eprintln!("\n{}: {bytes} bytes as they came", response.status());
    if response.status() == 200 { Ok(()) } else { Err("the call was not answered".into()) }
}
