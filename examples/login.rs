//! The main job: from an owner's email and password to a Location Access Token, over real HTTP.
//!
//! With nothing set it runs against an emulated service on a loopback port of its own. With the environment variables of
//! [`VARIABLES`] it talks to the real one. Each step is told on standard error; exit code 0 is done, 2 wrong settings, 1 anything else.
//!
//! - `--dry-run`         print both requests, redacted, and send nothing
//! - `--password-stdin`  read the owner's password from standard input instead of `LOCATION_AUTH_PASSWORD`
//! - `--reveal`          print the Location Access Token, alone on standard output, to be piped into a secret store

mod support;

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use http::{Request, Response, Uri};
use location_auth::emulator::Emulator;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{Cause, SendError, Stopped, Transport};
use location_auth::{
    App, Environment, Flow, LocationAccessToken, LocationLogin, Progress, RESPONSE_LIMIT, Redacted, Session, Settings,
};

/// What the real service needs, all of it; beside these there is [`CALL_URL`].
const VARIABLES: [&str; 9] = [
    "LOCATION_AUTH_ENVIRONMENT",
    "LOCATION_AUTH_USER_TOKEN_URL",
    "LOCATION_AUTH_LOCATION_TOKEN_URL",
    "LOCATION_AUTH_LOCATION_ID",
    "LOCATION_AUTH_API_KEY",
    "LOCATION_AUTH_CLIENT_ID",
    "LOCATION_AUTH_CLIENT_SECRET",
    "LOCATION_AUTH_EMAIL",
    PASSWORD,
];
const PASSWORD: &str = "LOCATION_AUTH_PASSWORD";
/// Optional: one authorized `GET` after the login.
const CALL_URL: &str = "LOCATION_AUTH_CALL_URL";

fn main() -> ExitCode {
    match read_options().and_then(|options| if options.dry_run { dry_run(&options) } else { log_in(&options) }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("login: {}", failure.line);
            ExitCode::from(failure.code)
        }
    }
}

/// One line for standard error, and the exit code.
struct Failure {
    code: u8,
    line: String,
}

fn wrong_settings(line: impl ToString) -> Failure {
    Failure { code: 2, line: line.to_string() }
}

/// The error with its causes behind it.
fn failed(error: &dyn Error) -> Failure {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line += &format!(": {cause}");
        source = cause.source();
    }
    Failure { code: 1, line }
}

struct Options {
    settings: OwnedSettings,
    dry_run: bool,
    reveal: bool,
    /// The emulated service, where there is no real one.
    emulator: Option<Arc<Mutex<Emulator>>>,
}

struct OwnedSettings {
    environment: Environment,
    user_token_url: String,
    location_token_url: String,
    location_id: String,
    api_key: String,
    client_id: String,
    client_secret: String,
    email: String,
    password: String,
    call_url: Option<String>,
}

fn read_options() -> Result<Options, Failure> {
    let (mut dry_run, mut reveal, mut password_stdin) = (false, false, false);
    for argument in env::args().skip(1) {
        match argument.as_str() {
            "--dry-run" => dry_run = true,
            "--reveal" => reveal = true,
            "--password-stdin" => password_stdin = true,
            _ => return Err(wrong_settings("unknown option: use --dry-run, --password-stdin or --reveal")),
        }
    }
    if dry_run && reveal {
        return Err(wrong_settings("--dry-run gets no token that --reveal could print: leave one of them out"));
    }
    let is_set = |name: &&str| env::var_os(name).is_some();
    if !password_stdin && !VARIABLES.iter().chain([&CALL_URL]).any(is_set) {
        let emulator = Arc::new(Mutex::new(support::demo()));
        let settings = emulated(&emulator)?;
        return Ok(Options { settings, dry_run, reveal, emulator: Some(emulator) });
    }
    let missing: Vec<_> =
        VARIABLES.into_iter().filter(|name| !(is_set(name) || *name == PASSWORD && password_stdin)).collect();
    if !missing.is_empty() {
        return Err(wrong_settings(format_args!(
            "not set: {}: set them, or none for a demonstration",
            missing.join(", ")
        )));
    }
    Ok(Options { settings: from_environment(password_stdin)?, dry_run, reveal, emulator: None })
}

fn emulated(emulator: &Arc<Mutex<Emulator>>) -> Result<OwnedSettings, Failure> {
    let address = support::serve(Arc::clone(emulator), 0).map_err(|error| failed(&error))?;
    eprintln!("Nothing is set, so an emulated service on {address} plays the real one.");
    Ok(OwnedSettings {
        environment: Environment::Staging,
        user_token_url: format!("http://{address}{}", Emulator::USER_TOKEN_PATH),
        location_token_url: format!("http://{address}{}", Emulator::LOCATION_TOKEN_PATH),
        location_id: support::LOCATION_ID.into(),
        api_key: support::API_KEY.into(),
        client_id: support::CLIENT_ID.into(),
        client_secret: support::CLIENT_SECRET.into(),
        email: support::EMAIL.into(),
        password: support::PASSWORD.into(),
        call_url: Some(format!("http://{address}{}", support::GUARDED_PATH)),
    })
}

fn from_environment(password_stdin: bool) -> Result<OwnedSettings, Failure> {
    let get =
        |name: &str| env::var(name).map_err(|_| wrong_settings(format_args!("{name} is not UTF-8: set it again")));
    let environment = match get("LOCATION_AUTH_ENVIRONMENT")?.as_str() {
        "staging" => Environment::Staging,
        "production" => Environment::Production,
        _ => return Err(wrong_settings("LOCATION_AUTH_ENVIRONMENT is neither: set it to staging or production")),
    };
    let password = if password_stdin {
        let mut line = String::new();
        io::stdin()
            .read_line(&mut line)
            .map_err(|_| wrong_settings("standard input is not UTF-8: give the password there"))?;
        line.trim_end_matches(['\r', '\n']).into()
    } else {
        get(PASSWORD)?
    };
    Ok(OwnedSettings {
        environment,
        user_token_url: get("LOCATION_AUTH_USER_TOKEN_URL")?,
        location_token_url: get("LOCATION_AUTH_LOCATION_TOKEN_URL")?,
        location_id: get("LOCATION_AUTH_LOCATION_ID")?,
        api_key: get("LOCATION_AUTH_API_KEY")?,
        client_id: get("LOCATION_AUTH_CLIENT_ID")?,
        client_secret: get("LOCATION_AUTH_CLIENT_SECRET")?,
        email: get("LOCATION_AUTH_EMAIL")?,
        password,
        call_url: if env::var_os(CALL_URL).is_some() { Some(get(CALL_URL)?) } else { None },
    })
}

struct Prepared {
    app: App,
    login: LocationLogin,
    call: Option<Request<Vec<u8>>>,
}

fn prepare(settings: &OwnedSettings) -> Result<Prepared, Failure> {
    let call = match &settings.call_url {
        None => None,
        Some(url) => Some(
            Request::get(url)
                .body(vec![])
                .map_err(|_| wrong_settings(format_args!("{CALL_URL} is no URL: set it again")))?,
        ),
    };
    // Whoever names a URL to be called with the token allows its origin.
    let call_origin = call.as_ref().map(|call| origin(call.uri()));
    let app = App::new(Settings {
        environment: settings.environment,
        user_token_url: &settings.user_token_url,
        location_token_url: &settings.location_token_url,
        api_origins: call_origin.as_deref().as_slice(),
        api_key: &settings.api_key,
        client_id: &settings.client_id,
        client_secret: &settings.client_secret,
        data_source_name: None,
    })
    .map_err(wrong_settings)?;
    let location = app.location(&settings.location_id).map_err(wrong_settings)?;
    let login = location.login(&settings.email, &settings.password).map_err(wrong_settings)?;
    Ok(Prepared { app, login, call })
}

fn origin(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", uri.scheme_str().unwrap_or_default())
}

fn dry_run(options: &Options) -> Result<(), Failure> {
    let Prepared { login, .. } = prepare(&options.settings)?;
    println!("{}: {}", login.step(), Redacted(&login.request()));
    // A response of our own stands in for the service's, so that step 2's request can be shown.
    match login.receive(&Response::new(r#"{"access_token": "stand-in"}"#)) {
        Ok(Progress::Next(login)) => println!("{}: {}", login.step(), Redacted(&login.request())),
        Ok(Progress::Done(_)) => {}
        Err(stopped) => return Err(failed(&stopped.error)),
    }
    Ok(())
}

fn log_in(options: &Options) -> Result<(), Failure> {
    let Prepared { app, login, call } = prepare(&options.settings)?;
    let transport = Ureq::new();
    let token = drive(login, &transport).map_err(|stopped| failed(&stopped))?;
    if let Some(call) = call {
        let session = Session::for_location(&app, token.clone()).map_err(wrong_settings)?;
        make(call, &session, &transport)?;
    }
    if let Some(emulator) = &options.emulator {
        let counts = emulator.lock().expect("no other thread panicked with the emulator").counts();
        eprintln!("The emulated service has seen {} requests.", counts.requests);
    }
    if options.reveal {
        writeln!(io::stdout(), "{}", token.expose_secret()).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// The loop of `location_auth::transports::run`, written out to tell each step.
fn drive(mut flow: LocationLogin, transport: &Ureq) -> Result<LocationAccessToken, Stopped<LocationLogin, SendError>> {
    loop {
        let request = flow.request();
        eprintln!("{}: {}", flow.step(), Redacted(&request));
        let response = match transport.send(request, RESPONSE_LIMIT) {
            Ok(response) => response,
            Err(error) => {
                let sent = error.sent();
                return Err(Stopped { flow, cause: Cause::Transport { error, sent } });
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
            Err(failed) => return Err(Stopped { flow: failed.flow, cause: Cause::Response(failed.error) }),
        }
    }
}

/// One authorized call. Its response may be larger than a token's: the bound is the call's own.
fn make(mut call: Request<Vec<u8>>, session: &Session, transport: &Ureq) -> Result<(), Failure> {
    session.authorize(&mut call).map_err(wrong_settings)?;
    eprintln!("call: {}", Redacted(&call));
    let response = transport.send(call, 1024 * 1024).map_err(|error| {
        let Failure { code, line } = failed(&error);
        Failure { code, line: format!("the call: {line}; the transport is at fault: check {CALL_URL} and the network") }
    })?;
    let (status, bytes) = (response.status(), response.body().len());
    if !status.is_success() {
        let line = format!("the call: the service answered {status}; the caller is at fault: check {CALL_URL}");
        return Err(Failure { code: 1, line });
    }
    eprintln!("  {status}: {bytes} bytes for the Location's owner");
    Ok(())
}
