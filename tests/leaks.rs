//! No `Debug`, `Display` or `source()` of any public value shows a credential: one sweep over every public type.
#![cfg(all(feature = "client", feature = "emulator", feature = "hyper", feature = "reqwest", feature = "ureq"))]

#[path = "support/public_types.rs"]
mod public_types;
mod support;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};

use http::Response;
use hyper_util::rt::TokioIo;
use location_auth::emulator::{Access, Condition, Emulator};
use location_auth::transports::client::{AsyncClient, Client};
use location_auth::transports::hyper::Hyper;
use location_auth::transports::reqwest::Reqwest;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{Cause, Delivery, RunError, SendError, SendErrorKind, run};
use location_auth::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use support::{done, next, response, token_response};

/// Each holds a word that no text of ours does, and what is awkward to redact.
const EMAIL: &str = "mail-Xq9\"\\/ä\n\u{1}+%41@example.com";
const PASSWORD: &str = "word-Xq9\"\\/ß\t\u{7f} %";
const CLIENT_ID: &str = "client-Xq9\"\\/ +%41";
const CLIENT_SECRET: &str = "secret-Xq9\\\"'% ü";
const API_KEY: &str = "key-Xq9\"\\/%41+";
const USER_TOKEN: &str = "user-Xq9\\\"/%41+";
const LOCATION_TOKEN: &str = "location-Xq9\\\"/%41+";
const SECRETS: [&str; 7] = [EMAIL, PASSWORD, CLIENT_ID, CLIENT_SECRET, API_KEY, USER_TOKEN, LOCATION_TOKEN];
/// What the service has seen in the request of each step, and so can repeat.
const CARRIED_BY_STEP_1: [&str; 5] = [EMAIL, PASSWORD, CLIENT_ID, CLIENT_SECRET, API_KEY];
const CARRIED_BY_STEP_2: [&str; 4] = [USER_TOKEN, CLIENT_ID, CLIENT_SECRET, API_KEY];

#[derive(Default)]
struct Sweep {
    shown: BTreeMap<&'static str, Vec<String>>,
}

impl Sweep {
    fn debug(&mut self, name: &'static str, value: impl Debug) {
        self.shown.entry(name).or_default().extend([format!("{value:?}"), format!("{value:#?}")]);
    }

    fn display(&mut self, name: &'static str, value: impl Debug + Display) {
        self.shown.entry(name).or_default().push(value.to_string());
        self.debug(name, value);
    }

    /// The error and everything behind it.
    fn error(&mut self, name: &'static str, error: &dyn StdError) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.shown.entry(name).or_default().extend([
                error.to_string(),
                format!("{error:?}"),
                format!("{error:#?}"),
            ]);
            next = error.source();
        }
    }
}

fn settings() -> Settings {
    support::settings().api_key(API_KEY).client_id(CLIENT_ID).client_secret(CLIENT_SECRET)
}

/// Everything that the service could say to get a credential printed.
fn echoes(request_secrets: &[&str]) -> Vec<Response<String>> {
    let mut echoes = Vec::new();
    for secret in request_secrets {
        let json = serde_json::to_string(secret).unwrap();
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        for status in [200, 302, 401, 429, 500, 503, 600] {
            for text in [*secret, &percent, json.trim_matches('"')] {
                let text = serde_json::to_string(text).unwrap();
                for body in [
                    format!(r#"{{"error": {text}, "error_description": "x"}}"#),
                    format!(r#"{{"message": {text}}}"#),
                    format!(r#"{{"errors": [{{"title": {text}, "detail": {text}}}]}}"#),
                    format!(r#"{{"access_token": [{text}], "{percent}": {text}}}"#),
                    format!(r#"{{"access_token": {text}, "access_token": {text}}}"#),
                    format!(r#"{{"access_token": {text}}}{text}"#),
                    format!(r#"[{text}]"#),
                    text.clone(),
                    (*secret).to_owned(),
                ] {
                    let mut response = response(status, &body);
                    for name in ["x-request-id", "retry-after", "date", "location", "content-type"] {
                        if name != "content-type" || status != 200 {
                            response.headers_mut().insert(name, percent.parse().unwrap());
                        }
                    }
                    echoes.push(response);
                }
            }
        }
    }
    echoes
}

fn answer<F: Flow>(sweep: &mut Sweep, flow: F, echo: &Response<String>) {
    let Err(failed) = flow.receive(echo) else { return };
    sweep.error("flow::ReceiveError", &failed);
    let error = Error::from(failed);
    sweep.error("error::Error", &error);
    sweep.display("error::Step", error.step());
    sweep.display("fault::Fault", error.fault());
    sweep.display("error::ErrorKind", error.kind());
    if let ErrorKind::Body(problem) = error.kind() {
        sweep.display("error::BodyProblem", problem);
    }
    sweep.debug("retry::Retry", error.retry());
    let texts = [error.message(), error.request_id()].into_iter().flatten().map(str::to_owned);
    sweep.shown.entry("error::Error").or_default().extend(texts);
}

fn sweep() -> Sweep {
    let mut sweep = Sweep::default();
    let app = App::new(settings()).unwrap();
    let location = app.location("loc-1").unwrap();
    sweep.debug("settings::Settings", settings());
    sweep.display("environment::Environment", Environment::Production);
    sweep.debug("app::App", &app);
    sweep.debug("app::Location", &location);
    sweep.display("token::LocationId", location.id());

    let token = |text: &str| token_response(&text.replace('\\', "\\\\").replace('"', "\\\""));
    let user_login = app.user_login(EMAIL, PASSWORD).unwrap();
    let login = location.login(EMAIL, PASSWORD).unwrap();
    sweep.debug("login::UserLogin", &user_login);
    sweep.debug("login::LocationLogin", &login);
    sweep.debug("flow::Progress", login.clone().receive(&token(USER_TOKEN)).unwrap());
    let login_2 = next(login.clone(), &token(USER_TOKEN));
    sweep.debug("login::LocationLogin", &login_2);
    let user_token = done(user_login.clone(), &token(USER_TOKEN));
    assert_eq!(user_token.expose_secret(), USER_TOKEN);
    sweep.debug("token::UserAccessToken", &user_token);
    let request = location.exchange(&user_token).unwrap();
    sweep.debug("login::TokenExchange", &request);
    sweep.debug("flow::Progress", request.clone().receive(&token(LOCATION_TOKEN)).unwrap());
    let location_token = done(request.clone(), &token(LOCATION_TOKEN));
    sweep.debug("token::LocationAccessToken", &location_token);
    for saved in [SavedToken::from(&user_token), SavedToken::from(&location_token)] {
        sweep.debug("saved::SavedToken", &saved);
        // A form that is cut anywhere is an error, and quotes nothing.
        let written = serde_json::to_string(&saved).unwrap();
        for (cut, _) in written.char_indices() {
            sweep.error("saved::SavedToken", &serde_json::from_str::<SavedToken>(&written[..cut]).unwrap_err());
        }
        sweep.error("saved::SavedToken", &serde_json::from_value::<SavedToken>(USER_TOKEN.into()).unwrap_err());
    }
    sweep.error("misuse::Misuse", &LocationAccessToken::try_from(SavedToken::from(&user_token)).unwrap_err());

    for echo in echoes(&CARRIED_BY_STEP_1) {
        answer(&mut sweep, user_login.clone(), &echo);
        answer(&mut sweep, login.clone(), &echo);
    }
    for echo in echoes(&CARRIED_BY_STEP_2) {
        answer(&mut sweep, login_2.clone(), &echo);
        answer(&mut sweep, request.clone(), &echo);
    }
    sweep.debug("retry::Backoff", Backoff::default());

    for flow in [&login, &login_2] {
        sweep.display("redacted::Redacted", Redacted(&flow.request()));
    }
    for secret in SECRETS {
        let url = format!("https://{}@api.example.com/{}", "user-Xq9", "x");
        for misuse in [
            App::new(settings().user_token_url(&url)).map(|_| ()),
            App::new(settings().location_token_url(secret)).map(|_| ()),
            App::new(settings().api_origin(secret)).map(|_| ()),
            App::new(settings().api_key(format!("{secret}\n"))).map(|_| ()),
            App::new(settings().client_secret(format!("{secret}\n"))).map(|_| ()),
            LocationId::new(&format!("{secret}\n")).map(|_| ()),
        ] {
            let misuse = misuse.unwrap_err();
            sweep.error("misuse::Misuse", &misuse);
            match misuse {
                Misuse::Url { field, problem } => {
                    sweep.display("misuse::Field", field);
                    sweep.display("misuse::UrlProblem", problem);
                }
                Misuse::Character(field) => sweep.display("misuse::Field", field),
                _ => {}
            }
        }
    }

    let sessions = || {
        [
            Session::for_location(&app, location_token.clone()).unwrap(),
            Session::for_user(&app, user_token.clone()).unwrap(),
            Session::without_token(&app),
        ]
    };
    let with_query_parameter = sessions().map(|session| session.with_query_parameter("access_token").unwrap());
    for session in sessions().into_iter().chain(with_query_parameter) {
        sweep.debug("session::Session", &session);
        let mut call = http::Request::get("https://api.example.com/x").body(PASSWORD).unwrap();
        sweep.debug("session::Attempt", session.authorize(&mut call).unwrap());
        sweep.display("redacted::Redacted", Redacted(&call));
        let mut elsewhere = http::Request::get("https://evil.example.net/x").body("").unwrap();
        sweep.error("misuse::Misuse", &session.authorize(&mut elsewhere).unwrap_err());
    }
    let [mut session, ..] = sessions();
    let attempt = session.authorize(&mut http::Request::get("https://api.example.com/x").body(()).unwrap()).unwrap();
    session.renew(&attempt, location_token.clone()).unwrap();
    let verdict = session.rejected(attempt).unwrap();
    sweep.debug("session::Verdict", &verdict);
    if let Verdict::Replay(replay) = verdict {
        sweep.debug("session::Replay", replay);
    }

    let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
    emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL).add_route("/x", Access::Location);
    emulator.handle(login.request());
    sweep.debug("emulator::Access", Access::Location);
    sweep.debug("emulator::Condition", Condition::Up);
    sweep.debug("emulator::Counts", emulator.counts());
    sweep.debug("emulator::Emulator", emulator);

    transports(&mut sweep, &login);
    clients(&mut sweep, sessions, &login);
    sweep
}

fn clients(sweep: &mut Sweep, sessions: impl Fn() -> [Session; 3], login: &LocationLogin) {
    let call = || http::Request::get("https://api.example.com/x?q=Xq9").body(vec![]).unwrap();
    let refused =
        |_, _| Ok::<_, SendError>(response(401, &format!(r#"{{"error": {PASSWORD:?}}}"#)).map(String::into_bytes));
    let dead = |_, _| Err::<Response<Vec<u8>>, _>(SendError::new(SendErrorKind::Broken, Delivery::Unknown, None));
    let [session, _, _] = sessions();
    let client = Client::new(session, refused, 1000);
    sweep.error("client::CallError", &client.call(call()).unwrap_err());
    client.log_in_with(login.clone()).unwrap();
    sweep.error("client::CallError", &client.call(call()).unwrap_err());
    sweep.debug("blocking::Client", client);
    for session in sessions() {
        let client = Client::new(session, dead, 1000);
        sweep.error("client::CallError", &client.call(call()).unwrap_err());
        let elsewhere = http::Request::get("https://evil.example.net/?q=Xq9").body(vec![]).unwrap();
        sweep.error("client::CallError", &client.call(elsewhere).unwrap_err());
    }
    let [session, _, _] = sessions();
    sweep.debug(
        "asynchronous::AsyncClient",
        AsyncClient::new(session, |_, _| std::future::ready(dead(call(), 0)), 1000),
    );
}

fn transports(sweep: &mut Sweep, login: &LocationLogin) {
    let error = || SendError::new(SendErrorKind::Connect, Delivery::NotSent, Some("no route".into()));
    sweep.debug("mod::Delivery", error().delivery());
    sweep.display("send_error::SendErrorKind", error().kind());
    sweep.error("send_error::SendError", &error());
    for delivery in [Delivery::NotSent, Delivery::Unsendable, Delivery::Unknown] {
        let stopped = RunError { flow: login.clone(), cause: Cause::Transport { error: error(), delivery } };
        sweep.error("drivers::RunError", &stopped);
        sweep.debug("drivers::Cause", stopped.cause);
    }
    let answers =
        |_, _| Ok::<_, SendError>(response(401, &format!(r#"{{"error": {PASSWORD:?}}}"#)).map(String::into_bytes));
    let stopped = run(login.clone(), &answers).unwrap_err();
    sweep.error("drivers::RunError", &stopped);
    sweep.debug("drivers::Cause", stopped.cause);
    // Nothing listens on port 1, so the client library's own errors are behind these.
    let dead = App::new(settings().user_token_url("http://127.0.0.1:1/?q=Xq9")).unwrap();
    let stopped = run(dead.user_login(EMAIL, PASSWORD).unwrap(), &Ureq::new()).unwrap_err();
    sweep.error("drivers::RunError", &stopped);
    sweep.debug("ureq::Ureq", Ureq::new());
    sweep.debug("reqwest::Reqwest", Reqwest::new().unwrap());
    let connect = |_| std::future::ready(Err::<TokioIo<tokio::net::TcpStream>, _>(std::io::ErrorKind::NotFound.into()));
    sweep.debug("hyper::Hyper", Hyper::new(connect));
}

#[test]
fn no_public_value_shows_a_credential() {
    for (name, shown) in sweep().shown {
        for text in shown {
            // A case-insensitive search for the word that all of them hold, however the rest is written.
            assert!(!text.to_lowercase().contains("xq9"), "{name} shows a credential: {text}");
        }
    }
}

#[test]
fn the_sweep_leaves_out_no_public_type() {
    let swept: Vec<_> = sweep().shown.into_keys().map(str::to_owned).collect();
    let public: Vec<_> = public_types::public_types().into_iter().collect();
    assert_eq!(swept, public);
}
