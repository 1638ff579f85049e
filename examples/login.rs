//! The main job: from an owner's email and password to a Location Access Token, over real HTTP.
//!
//! With nothing set it runs against an emulated service on a loopback port of its own. With these environment variables it talks to
//! the real one: `LOCATION_AUTH_ENVIRONMENT` (`staging` or `production`), `LOCATION_AUTH_USER_TOKEN_URL`,
//! `LOCATION_AUTH_LOCATION_TOKEN_URL` (may hold `{location_id}`), `LOCATION_AUTH_API_KEY`, `LOCATION_AUTH_CLIENT_ID`,
//! `LOCATION_AUTH_CLIENT_SECRET`, `LOCATION_AUTH_LOCATION_ID`, `LOCATION_AUTH_EMAIL`, `LOCATION_AUTH_PASSWORD`, and
//! `LOCATION_AUTH_CALL_URL` (optional: one authorized `GET` after the login). Each step is printed on standard error; exit code 0 is
//! done, 2 wrong settings, 1 anything else.
//!
//! - `--dry-run`         print both requests, redacted, and send nothing
//! - `--password-stdin`  read the owner's password from standard input instead of `LOCATION_AUTH_PASSWORD`
//! - `--reveal`          print the Location Access Token, alone on standard output, to be piped into a secret store
//! - `--save FILE`       write the token to a file that its owner alone can read, for the example `call`
//! - `--record FILE`     write what goes over the network to a file that holds no credential (feature `cassette`)
//! - `--replay FILE`     send nothing, and answer from such a file; with nothing set, made-up credentials do (feature `cassette`)

#[path = "support/settings.rs"]
mod settings;
mod support;
#[path = "support/token_file.rs"]
mod token_file;

use std::env;
use std::error::Error;
#[cfg(feature = "cassette")]
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use location_auth::emulator::Emulator;
#[cfg(feature = "cassette")]
use location_auth::transports::cassette::{Cassette, Credentials, Player, Recorder};
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{Cause, RESPONSE_LIMIT, RunError, Transport};
use location_auth::{
    App, Bytes, Environment, Flow, LocationAccessToken, LocationLogin, Progress, Redacted, SavedToken, Session,
    Settings,
};
use settings::{APP_VARIABLES, Failure, app_settings, failed, get, is_set, require, wrong_settings};
use token_file::TokenFile;

const LOCATION_ID: &str = "LOCATION_AUTH_LOCATION_ID";
const EMAIL: &str = "LOCATION_AUTH_EMAIL";
const PASSWORD: &str = "LOCATION_AUTH_PASSWORD";
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

struct Options {
    owner: Owner,
    dry_run: bool,
    reveal: bool,
    save: Option<PathBuf>,
    record: Option<PathBuf>,
    replay: Option<PathBuf>,
    /// The emulated service, where there is no real one.
    emulator: Option<Arc<Mutex<Emulator>>>,
}

struct Owner {
    app: Settings,
    location_id: String,
    email: String,
    password: String,
    call_url: Option<String>,
}

fn read_options() -> Result<Options, Failure> {
    let (mut dry_run, mut reveal, mut password_stdin) = (false, false, false);
    let (mut save, mut record, mut replay) = (None, None, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut file = || {
            let file =
                arguments.next().ok_or_else(|| wrong_settings(format_args!("{argument} wants a file: name it")))?;
            Ok(Some(PathBuf::from(file)))
        };
        match argument.as_str() {
            "--dry-run" => dry_run = true,
            "--reveal" => reveal = true,
            "--password-stdin" => password_stdin = true,
            "--save" => save = file()?,
            "--record" => record = file()?,
            "--replay" => replay = file()?,
            _ => {
                return Err(wrong_settings(
                    "unknown option: use --dry-run, --password-stdin, --reveal, --save FILE, --record FILE or --replay FILE",
                ));
            }
        }
    }
    if usize::from(dry_run) + usize::from(record.is_some()) + usize::from(replay.is_some()) > 1 {
        return Err(wrong_settings(
            "--dry-run, --record and --replay exclude each other: leave all but one of them out",
        ));
    }
    if dry_run && (reveal || save.is_some()) {
        return Err(wrong_settings("--dry-run gets no token that could be printed or saved: leave one of them out"));
    }
    let mut wanted = [&APP_VARIABLES[..], &[LOCATION_ID, EMAIL]].concat();
    if !password_stdin {
        wanted.push(PASSWORD);
        let is_any_set = wanted.iter().chain([&CALL_URL]).any(is_set);
        if !is_any_set && replay.is_some() {
            return Ok(Options { owner: made_up(), dry_run, reveal, save, record, replay, emulator: None });
        }
        if !is_any_set {
            let emulator = Arc::new(Mutex::new(support::demo()));
            let owner = emulated(&emulator)?;
            return Ok(Options { owner, dry_run, reveal, save, record, replay, emulator: Some(emulator) });
        }
    }
    require(&wanted, ", or none for a demonstration")?;
    Ok(Options { owner: from_environment(password_stdin)?, dry_run, reveal, save, record, replay, emulator: None })
}

fn emulated(emulator: &Arc<Mutex<Emulator>>) -> Result<Owner, Failure> {
    let address = support::serve(Arc::clone(emulator), 0).map_err(|error| failed(&error))?;
    eprintln!("Nothing is set, so an emulated service on {address} plays the real one.");
    let app = Settings::new(Environment::Staging)
        .user_token_url(format!("http://{address}{}", Emulator::USER_TOKEN_PATH))
        .location_token_url(format!("http://{address}{}", Emulator::LOCATION_TOKEN_PATH))
        .api_key(support::API_KEY)
        .client_id(support::CLIENT_ID)
        .client_secret(support::CLIENT_SECRET);
    Ok(Owner {
        app,
        location_id: support::LOCATION_ID.into(),
        email: support::EMAIL.into(),
        password: support::PASSWORD.into(),
        call_url: Some(format!("http://{address}{}", support::GUARDED_PATH)),
    })
}

/// Somebody whom no service knows, for a recording of the demonstration.
fn made_up() -> Owner {
    let base = "https://api.example.com";
    let app = Settings::new(Environment::Staging)
        .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
        .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH))
        .api_key("made-up-key")
        .client_id("made-up-client")
        .client_secret("made-up-secret");
    Owner {
        app,
        location_id: support::LOCATION_ID.into(),
        email: "made-up@example.com".into(),
        password: "made-up-password".into(),
        call_url: Some(format!("{base}{}", support::GUARDED_PATH)),
    }
}

fn from_environment(password_stdin: bool) -> Result<Owner, Failure> {
    let password = if password_stdin {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        read.map_err(|_| wrong_settings("standard input is not UTF-8: give the password there"))?;
        line.trim_end_matches(['\r', '\n']).into()
    } else {
        get(PASSWORD)?
    };
    Ok(Owner {
        app: app_settings()?,
        location_id: get(LOCATION_ID)?,
        email: get(EMAIL)?,
        password,
        call_url: if is_set(&CALL_URL) { Some(get(CALL_URL)?) } else { None },
    })
}

struct Prepared {
    app: App,
    login: LocationLogin,
    call: Option<Request<Bytes>>,
}

fn prepare(owner: &Owner) -> Result<Prepared, Failure> {
    let get = |url| Request::get(url).body(Bytes::new());
    let call = owner.call_url.as_deref().map(get).transpose();
    let call = call.map_err(|_| wrong_settings(format_args!("{CALL_URL} is no URL: set it again")))?;
    let app = settings::app(owner.app.clone(), call.as_ref().map(Request::uri)).map_err(wrong_settings)?;
    let location = app.location(&owner.location_id).map_err(wrong_settings)?;
    let login = location.login(&owner.email, &owner.password).map_err(wrong_settings)?;
    Ok(Prepared { app, login, call })
}

fn dry_run(options: &Options) -> Result<(), Failure> {
    let Prepared { login, .. } = prepare(&options.owner)?;
    println!("{}: {}", login.step(), Redacted(&login.request()));
    // Our own response replaces the service's, so that step 2's request can be shown.
    match login.receive(&Response::new(r#"{"access_token": "stand-in"}"#)) {
        Ok(Progress::Next(login)) => println!("{}: {}", login.step(), Redacted(&login.request())),
        Ok(Progress::Done(_)) => {}
        Err(stopped) => return Err(failed(&stopped.error)),
    }
    Ok(())
}

fn log_in(options: &Options) -> Result<(), Failure> {
    match (&options.record, &options.replay) {
        (Some(file), _) => record(options, file),
        (_, Some(file)) => replay(options, file),
        (None, None) => log_in_over(&Ureq::new(), options),
    }
}

/// What was recorded is written also where the login fails: a refusal is worth a test, too.
#[cfg(feature = "cassette")]
fn record(options: &Options, file: &Path) -> Result<(), Failure> {
    let mut written = fs::File::create(file).map_err(|error| no_cassette("--record", file, &error))?;
    // What a call's response holds is people's data, and nothing here reads it.
    let recorder = Recorder::new(Ureq::new(), credentials(&options.owner)?).keep_bodies(|_, _| Some(String::new()));
    let outcome = log_in_over(&recorder, options);
    write!(written, "{}", recorder.cassette()).map_err(|error| no_cassette("--record", file, &error))?;
    outcome
}

#[cfg(feature = "cassette")]
fn replay(options: &Options, file: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(file).map_err(|error| no_cassette("--replay", file, &error))?;
    let cassette: Cassette = text.parse().map_err(wrong_settings)?;
    let player = Player::new(cassette, credentials(&options.owner)?);
    log_in_over(&player, options)?;
    player.finish().map_err(|error| failed(&error))
}

#[cfg(feature = "cassette")]
fn credentials(owner: &Owner) -> Result<Credentials, Failure> {
    let Prepared { app, .. } = prepare(owner)?;
    Ok(Credentials::new(&app).login(&owner.email, &owner.password))
}

#[cfg(feature = "cassette")]
fn no_cassette(option: &str, file: &Path, error: &io::Error) -> Failure {
    wrong_settings(format_args!("can't use the file of {option} ({}: {error}): name another one", file.display()))
}

#[cfg(not(feature = "cassette"))]
use {without_cassettes as record, without_cassettes as replay};

#[cfg(not(feature = "cassette"))]
fn without_cassettes(_: &Options, _: &Path) -> Result<(), Failure> {
    Err(wrong_settings("--record and --replay want the feature cassette: give it to cargo run"))
}

fn log_in_over<T: Transport<Error: Error + 'static>>(transport: &T, options: &Options) -> Result<(), Failure> {
    let Prepared { app, login, call } = prepare(&options.owner)?;
    let no_file = |error: io::Error| {
        wrong_settings(format_args!(
            "can't write the file of --save ({error}): name one in a folder that you can write to"
        ))
    };
    let file = options.save.as_deref().map(TokenFile::create).transpose().map_err(no_file)?;
    let token = drive(login, transport).map_err(|stopped| failed(&stopped))?;
    if let Some(file) = file {
        file.commit(&SavedToken::from(&token)).map_err(no_file)?;
    }
    if let Some(call) = call {
        let session = Session::for_location(&app, token.clone()).map_err(wrong_settings)?;
        make(call, &session, transport)?;
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
fn drive<T: Transport>(
    mut flow: LocationLogin,
    transport: &T,
) -> Result<LocationAccessToken, RunError<LocationLogin, T::Error>> {
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

/// One authorized call. Its response may be larger than a token's: the bound is the call's own.
fn make<T: Transport<Error: Error>>(mut call: Request<Bytes>, session: &Session, transport: &T) -> Result<(), Failure> {
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
