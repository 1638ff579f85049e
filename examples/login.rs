//! The main job: from an owner's email and password to a Location Access Token, over real HTTP.
//!
//! With nothing set it runs against an emulated service on a loopback port of its own. With these environment variables it talks to
//! the real one: `LOCATION_AUTH_ENVIRONMENT` (`staging` or `production`), `LOCATION_AUTH_USER_TOKEN_URL`,
//! `LOCATION_AUTH_LOCATION_TOKEN_URL` (may hold `{location_id}`), `LOCATION_AUTH_API_KEY`, `LOCATION_AUTH_CLIENT_ID`,
//! `LOCATION_AUTH_CLIENT_SECRET`, `LOCATION_AUTH_LOCATION_ID`, `LOCATION_AUTH_EMAIL`, `LOCATION_AUTH_PASSWORD`, and
//! `LOCATION_AUTH_CALL_URL` (optional: one authorized `GET` after the login). With `--dry-run` it prints both requests, redacted, and sends
//! nothing. The example `keep_token` keeps what it gets.

mod support;

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::{env, iter};

use http::{Request, Response};
use location_auth::emulator::Emulator;
use location_auth::transports::{Cause, RESPONSE_LIMIT, RunError, SendError, Transport, ureq::Ureq};
use location_auth::{App, Bytes, Flow, LocationAccessToken, LocationLogin, Progress, Redacted, Session, Settings};

const WANTED: &str =
    "ENVIRONMENT USER_TOKEN_URL LOCATION_TOKEN_URL API_KEY CLIENT_ID CLIENT_SECRET LOCATION_ID EMAIL PASSWORD";

/// The login, and the call after it.
type Job = (LocationLogin, Option<Request<Bytes>>);

fn main() -> ExitCode {
    let Err(error) = log_in(&env::args().skip(1).collect::<Vec<_>>()) else { return ExitCode::SUCCESS };
    let causes = iter::successors(Some(&*error as &dyn Error), |&error| error.source()).map(ToString::to_string);
    eprintln!("login: {}", causes.collect::<Vec<_>>().join(": ")); // who has to act, and what to do; then the causes
    ExitCode::FAILURE
}

fn log_in(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let is_dry = arguments == ["--dry-run"];
    if !is_dry && !arguments.is_empty() {
        return Err("unknown option: use --dry-run, or none".into());
    }
    let emulator = Arc::new(Mutex::new(support::demo()));
    let is_demo = WANTED.split(' ').all(|name| variable(name).is_err());
    let (login, call) = if is_demo { demo(&emulator)? } else { from_environment()? };
    if is_dry {
        println!("{}: {}", login.step(), Redacted(&login.request()));
        // Our own response replaces the service's, so that step 2's request can be shown.
        if let Progress::Next(login) = login.receive(&Response::new(r#"{"access_token": "stand-in"}"#))? {
            println!("{}: {}", login.step(), Redacted(&login.request()));
        }
        return Ok(());
    }
    let (app, transport) = (login.app().clone(), Ureq::new());
    let token = drive(login, &transport)?;
    if let Some(mut call) = call {
        Session::for_location(&app, token)?.authorize(&mut call)?;
        eprintln!("call: {}", Redacted(&call));
        let response = transport.send(call, 1024 * 1024)?;
        eprintln!("  {}: {} bytes for the Location's owner", response.status(), response.body().len());
    }
    if is_demo {
        let counts = emulator.lock().expect("no other thread panicked with the emulator").counts();
        eprintln!("The emulated service has seen {} requests.", counts.requests);
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, env::VarError> {
    env::var(format!("LOCATION_AUTH_{name}"))
}

fn from_environment() -> Result<Job, Box<dyn Error>> {
    let missing: Vec<_> = WANTED.split(' ').filter(|name| variable(name).is_err()).collect();
    if !missing.is_empty() {
        return Err(format!("not set: {}: set them, or none for a demonstration", missing.join(", ")).into());
    }
    let mut settings = Settings::new(variable("ENVIRONMENT")?.parse()?)
        .user_token_url(variable("USER_TOKEN_URL")?)
        .location_token_url(variable("LOCATION_TOKEN_URL")?)
        .api_key(variable("API_KEY")?)
        .client_id(variable("CLIENT_ID")?)
        .client_secret(variable("CLIENT_SECRET")?);
    let call = variable("CALL_URL").ok().map(|url| Request::get(url).body(Bytes::new())).transpose()?;
    // Whoever names a URL to be called allows its origin.
    if let Some((scheme, host)) = call.as_ref().and_then(|call| call.uri().scheme_str().zip(call.uri().authority())) {
        settings = settings.api_origin(format!("{scheme}://{host}"));
    }
    let app = App::new(settings)?;
    let location = app.location(&variable("LOCATION_ID")?)?;
    let login = location.login(&variable("EMAIL")?, &variable("PASSWORD")?)?;
    Ok((login, call))
}

fn demo(emulator: &Arc<Mutex<Emulator>>) -> Result<Job, Box<dyn Error>> {
    let address = support::serve(Arc::clone(emulator), 0)?;
    eprintln!("Nothing is set, so an emulated service on {address} plays the real one.");
    let base = format!("http://{address}");
    let call = Request::get(format!("{base}{}", support::GUARDED_PATH)).body(Bytes::new())?;
    Ok((support::login(&base)?, Some(call)))
}

/// The loop of `location_auth::transports::run`, written out to tell each step.
fn drive(mut flow: LocationLogin, transport: &Ureq) -> Result<LocationAccessToken, RunError<LocationLogin, SendError>> {
    loop {
        let request = flow.request();
        eprintln!("{}: {}", flow.step(), Redacted(&request));
        let response = match transport.send(request, RESPONSE_LIMIT) {
            Ok(response) => response,
            Err(error) => {
                let delivery = transport.delivery(&error);
                return Err(RunError { flow, cause: Cause::Transport { error, delivery } });
            }
        };
        let status = response.status();
        match flow.receive(&response) {
            Ok(Progress::Next(next)) => {
                eprintln!("  {status}: a User Access Token, which is used for the next step and then dropped");
                flow = next;
            }
            Ok(Progress::Done(token)) => {
                eprintln!("  {status}: the Location Access Token of {}", token.location());
                return Ok(token);
            }
            Err(failed) => return Err(RunError { flow: failed.flow, cause: Cause::Response(failed.error) }),
        }
    }
}
