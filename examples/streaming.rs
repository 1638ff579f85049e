//! A response that is read as it comes: the session authorizes, and your own client sends.
//!
//! The ready-made clients read a body whole, up to a bound. Where it should stream, a `Session` alone is enough: put the
//! credentials on the request, send it with what you have, and after a 401 ask the session what to do.

mod support;

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};

use http::Request;
use location_auth::transports::{run, ureq::Ureq};
use location_auth::{Session, Verdict};

fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Arc::new(Mutex::new(support::demo()));
    let base = format!("http://{}", support::serve(Arc::clone(&emulator), 0)?);
    let app = support::app(&base)?;
    let location = app.location(support::LOCATION_ID)?;
    let log_in =
        || run(location.login(support::EMAIL, support::PASSWORD)?, &Ureq::new()).map_err(Box::<dyn Error>::from);
    let token = log_in()?;
    assert!(emulator.lock().expect("no thread panics").revoke(token.expose_secret()));
    let mut session = Session::for_location(&app, token)?;

    // A client of your own: no redirects, or the API Key goes where they point; and no status is an error.
    let agent = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false).build().new_agent();
    let call = Request::get(format!("{base}{}", support::GUARDED_PATH)).body(())?;

    let mut first = call.clone();
    let attempt = session.authorize(&mut first)?;
    let mut response = agent.run(first)?;
    if response.status() == 401 {
        // The token was revoked. There is no newer one yet, so log in; then the call may be made once more.
        let mut verdict = session.rejected(attempt)?;
        if let Verdict::LogIn(attempt) = verdict {
            session.renew(&attempt, log_in()?)?;
            verdict = session.rejected(attempt)?;
        }
        let Verdict::Replay(replay) = verdict else { return Err("the token was not renewed".into()) };
        let mut again = call;
        session.replay(replay, &mut again)?;
        response = agent.run(again)?;
    }
    let bytes = io::copy(&mut response.body_mut().as_reader(), &mut io::stdout())?;
    eprintln!("\n{}: {bytes} bytes as they came", response.status());
    if response.status() == 200 { Ok(()) } else { Err("the call was not answered".into()) }
}
