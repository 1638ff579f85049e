//! No `Debug`, `Display` or `source()` of any public value shows a credential: one sweep over every public type.
#![cfg(all(
    feature = "cassette",
    feature = "client",
    feature = "hyper",
    feature = "reqwest",
    feature = "testing",
    feature = "tower",
    feature = "ureq"
))]

#[path = "support/awkward.rs"]
mod awkward;
#[path = "support/now.rs"]
mod now;
#[path = "support/public_types.rs"]
mod public_types;
mod support;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use awkward::*;
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use location_auth::Bytes;
use location_auth::driver::*;
use location_auth::emulator::{Access, Condition, Emulator};
use location_auth::store::{RecordKey, Stored};
use location_auth::testing::{Executor, Failing, Interaction, Network, NetworkFault, Rng, Scripted, Silent};
use location_auth::transports::cassette::{Credentials, Recorder};
use location_auth::transports::client::{Async, AsyncClient, Blocking, CallError, Client, Folder, NoStore, TokenStore};
use location_auth::transports::hyper::Hyper;
use location_auth::transports::reqwest::Reqwest;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{Cause, RunError, SendError, SendErrorKind, SharedTransport, Transport, cassette, run};
use location_auth::*;
use now::now;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use support::{done, next, response};
use tower_layer::Layer;
use tower_service::Service;

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

/// A token request's success, with what JSON escapes.
fn token(text: &str) -> Response<String> {
    response(200, &serde_json::json!({ "access_token": text }).to_string())
}

fn answer<F: Flow>(sweep: &mut Sweep, flow: F, echo: &Response<String>) {
    let Err(failed) = flow.receive(echo) else { return };
    sweep.error("flow::ReceiveError", &failed);
    let error = Error::from(failed);
    sweep.error("error::Error", &error);
    sweep.display("error::Step", error.step());
    sweep.display("fault::Fault", error.fault());
    if let Some(whose) = error.refused_credentials() {
        sweep.debug("fault::Credentials", whose);
    }
    sweep.display("error_kind::ErrorKind", error.kind());
    if let ErrorKind::Body(problem) = error.kind() {
        sweep.display("error_kind::BodyProblem", problem);
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
    sweep.display("location_id::LocationId", location.id());

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
        sweep.debug("attempt::Attempt", session.authorize(&mut call).unwrap());
        sweep.display("redacted::Redacted", Redacted(&call));
        let mut elsewhere = http::Request::get("https://evil.example.net/x").body("").unwrap();
        sweep.error("misuse::Misuse", &session.authorize(&mut elsewhere).unwrap_err());
    }
    renewals(&mut sweep, &sessions, &user_login, &user_token);
    calls(&mut sweep, &sessions, location_token.clone());

    let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
    emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL).add_route("/x", Access::Location);
    emulator.handle(login.request());
    sweep.debug("emulator::Access", Access::Location);
    sweep.debug("emulator::Condition", Condition::Up);
    sweep.debug("emulator::Counts", emulator.counts());
    sweep.debug("emulator::Emulator", emulator);

    transports(&mut sweep, &login);
    kit(&mut sweep, &login);
    let mut credentials = StrikeOut::default();
    credentials.add_named(PASSWORD, "[password]");
    credentials.add_secret(PASSWORD);
    sweep.debug("text::StrikeOut", &credentials);
    clients(&mut sweep, sessions, &user_login);
    sweep
}

const NOW: Duration = Duration::from_secs(1);

fn to_contacts() -> http::Request<Bytes> {
    http::Request::post("https://api.example.com/x?q=Xq9").body(PASSWORD.into()).unwrap()
}

/// A 401 for the session's newest token.
fn rejected(session: &mut Session) -> Acquisition {
    let attempt = session.authorize(&mut to_contacts()).unwrap();
    let Ok(Verdict::Acquire(renewal)) = session.received(attempt, StatusCode::UNAUTHORIZED) else { unreachable!() };
    renewal
}

/// Every state of a renewal, and every end of it.
fn renewals(sweep: &mut Sweep, sessions: &impl Fn() -> [Session; 3], login: &UserLogin, user_token: &UserAccessToken) {
    let waits = |mut response: Response<String>| {
        response.headers_mut().insert("retry-after", "30".parse().unwrap());
        response
    };
    let step_1 = echoes(&CARRIED_BY_STEP_1).into_iter().step_by(7).map(|echo| (Step::UserToken, Some(echo)));
    let step_2 = echoes(&CARRIED_BY_STEP_2).into_iter().step_by(7).map(|echo| (Step::LocationToken, Some(echo)));
    let others = [Step::UserToken, Step::LocationToken].into_iter().flat_map(|step| {
        let answers = [None, Some(waits(response(503, ""))), Some(token(LOCATION_TOKEN))];
        answers.map(|answer| (step, answer))
    });
    for (first, answer) in step_1.chain(step_2).chain(others) {
        let [mut session, ..] = sessions();
        let mut owner = Owner::new(session.app());
        match first {
            Step::UserToken => owner.set_login(login.clone()).unwrap(),
            _ => owner.set_user_token(user_token.clone()).unwrap(),
        }
        // Again and again, until what stops it is kept.
        for _ in 0..3 {
            let renewal = rejected(&mut session);
            sweep.debug("acquiring::Acquisition", &renewal);
            let mut next = renewal.start(&mut session, &mut owner, NOW);
            let result = loop {
                sweep.debug("acquiring::Acquiring", &next);
                sweep.debug("owner::Owner", &owner);
                sweep.debug("session::Session", &session);
                next = match next {
                    Acquiring::AwaitTurn(waiting) => {
                        sweep.debug("acquiring::AwaitTurn", &waiting);
                        sweep.debug("acquiring::Turn", waiting.turn());
                        waiting.granted(&mut session, &mut owner, NOW)
                    }
                    Acquiring::SendToken(step) => {
                        sweep.debug("acquiring::SendToken", &step);
                        sweep.display("redacted::Redacted", Redacted(&step.request()));
                        match &answer {
                            Some(answer) => step.received(answer, &mut session, &mut owner, NOW),
                            None => step.failed(Delivery::Unknown, &mut session, &mut owner, NOW),
                        }
                    }
                    Acquiring::OpenRecord(open) => {
                        sweep.debug("acquiring::OpenRecord", &open);
                        sweep.debug("record_key::RecordKey", open.key());
                        sweep.display("record_key::RecordKey", open.key());
                        let text = format!(r#"{{"version": 1, "access_token": "{LOCATION_TOKEN}"}}"#);
                        sweep.debug("store::Stored", Stored::Record(Some(text.into_bytes())));
                        open.opened(Stored::SavesOnly, &mut session, &mut owner, NOW)
                    }
                    Acquiring::WriteRecord(write) => {
                        sweep.debug("acquiring::WriteRecord", &write);
                        sweep.debug("record::Record", write.record());
                        write.written(&mut session, &mut owner, NOW)
                    }
                    Acquiring::Done(result) => break result,
                };
            };
            if let Err(error) = result {
                sweep.error("token_error::TokenError", &error);
                sweep.debug("token_error::TokenErrorKind", error.kind());
                if let TokenErrorKind::Paused { after, .. } = error.kind() {
                    sweep.debug("outcome::LastOutcome", after);
                    sweep.display("outcome::LastOutcome", after);
                }
            }
            sweep.debug("token_state::TokenState", session.state(&owner, NOW));
        }
    }
    // A token that nobody kept.
    let [mut session, ..] = sessions();
    let mut owner = Owner::new(session.app());
    owner.set_user_token(user_token.clone()).unwrap();
    let next = rejected(&mut session).start(&mut session, &mut owner, NOW);
    let Acquiring::AwaitTurn(waiting) = next else { unreachable!() };
    let Acquiring::OpenRecord(open) = waiting.granted(&mut session, &mut owner, NOW) else { unreachable!() };
    let next = open.opened(Stored::SavesOnly, &mut session, &mut owner, NOW);
    let Acquiring::SendToken(step) = next else { unreachable!() };
    drop(step.received(&token(LOCATION_TOKEN), &mut session, &mut owner, NOW));
    sweep.debug("session::Session", &session);
    sweep.debug("unsaved::Unsaved", session.unsaved());
    sweep.debug("saved::SavedToken", session.unsaved()[0].token());
}

/// Every state of a call, and every end of it.
fn calls(sweep: &mut Sweep, sessions: &impl Fn() -> [Session; 3], new: LocationAccessToken) {
    for call in [Call::new(to_contacts()), Call::once(to_contacts())] {
        let [mut session, ..] = sessions();
        let mut next = call.start(&session);
        loop {
            sweep.debug("call::Next", &next);
            next = match next {
                Next::Send(call) => {
                    sweep.debug("call::Call", &call);
                    let (request, sent) = call.authorize(&session).unwrap();
                    sweep.display("redacted::Redacted", Redacted(&request));
                    sweep.debug("call::SentCall", &sent);
                    let attempt = session.authorize(&mut to_contacts()).unwrap();
                    sweep.debug("attempt::Verdict", session.received(attempt, StatusCode::UNAUTHORIZED).unwrap());
                    sent.received(response(401, PASSWORD), &mut session).unwrap()
                }
                Next::Acquire(_, waiting) => {
                    sweep.debug("call::WaitingCall", &waiting);
                    let late = session.authorize(&mut to_contacts()).unwrap();
                    session.set_location_token(new.clone()).unwrap();
                    let Ok(Verdict::Replay(replay)) = session.received(late, StatusCode::UNAUTHORIZED) else {
                        unreachable!()
                    };
                    sweep.debug("acquiring::Replay", &replay);
                    waiting.acquired(Ok(replay)).into()
                }
                Next::Done(result) => {
                    sweep.error("call::CallFailure", &result.unwrap_err());
                    break;
                }
            };
        }
    }
}

/// A transport whose service repeats the password.
fn refused(_: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, SendError> {
    let said = serde_json::json!({ "error": PASSWORD }).to_string();
    Ok(response(401, &said).map(String::into_bytes))
}

fn clients(sweep: &mut Sweep, sessions: impl Fn() -> [Session; 3], login: &UserLogin) {
    let call = || http::Request::get("https://api.example.com/x?q=Xq9").body(Bytes::new()).unwrap();
    let dead = |_, _| Err::<Response<Vec<u8>>, _>(SendError::new(SendErrorKind::Broken, Delivery::Unknown, None));
    let owner = || {
        let mut owner = Owner::new(sessions()[0].app());
        owner.set_login(login.clone()).unwrap();
        owner
    };
    let answers = |_: Request<Bytes>, _: usize| core::future::ready(Ok::<_, SendError>(Response::new(vec![])));
    let shared = SharedTransport::new(answers, |answers, request, limit| answers(request, limit));
    sweep.debug("shared::SharedTransport", shared);
    sweep.debug("store::NoStore", NoStore);
    let [session, _, _] = sessions();
    sweep.error("error::CallError", &Client::new(session, refused).call(call()).unwrap_err());
    let [session, _, _] = sessions();
    let client = Client::with_owner(session, owner(), refused, NoStore);
    sweep.error("error::CallError", &client.call(call()).unwrap_err());
    sweep.debug("token_state::TokenState", client.state());
    sweep.debug("shared::AnyClient", client);
    let fresh = || sessions()[0].app().location("loc-1").unwrap().session();
    for error in [
        Client::with_owner(fresh(), owner(), refused, NoStore).call(call()).unwrap_err(),
        Client::with_owner(fresh(), owner(), dead, NoStore).call(call()).unwrap_err(),
    ] {
        assert!(matches!(error, CallError::NoToken { .. }));
        sweep.error("error::CallError", &error);
    }
    for session in sessions() {
        let client = Client::new(session, dead);
        sweep.error("error::CallError", &client.call(call()).unwrap_err());
        let elsewhere = http::Request::get("https://evil.example.net/?q=Xq9").body(Bytes::new()).unwrap();
        sweep.error("error::CallError", &client.call(elsewhere).unwrap_err());
    }
    // Every token request succeeds, and the store repeats what it was given; then the call is answered.
    let is_token_request = |request: &http::Request<Bytes>| request.uri().path().ends_with("token");
    let served = move |request: http::Request<Bytes>, _: usize| {
        let old = format!("Bearer {LOCATION_TOKEN}");
        Ok::<_, SendError>(match request.uri().path() {
            "/user_token" => token(USER_TOKEN).map(String::into_bytes),
            _ if is_token_request(&request) => token("new-location-Xq9").map(String::into_bytes),
            _ if request.headers()["authorization"] == old.as_str() => response(401, "").map(String::into_bytes),
            _ => Response::new(vec![]),
        })
    };
    let store = |token: &SavedToken| Err::<(), _>(std::io::Error::other(serde_json::to_string(token).unwrap()));
    let [session, _, _] = sessions();
    let client = Client::with_owner(session, owner(), served, store);
    client.call(call()).unwrap();
    let unsaved = client.unsaved();
    assert_eq!(unsaved.len(), 2);
    for unsaved in unsaved {
        sweep.debug("unsaved::Unsaved", &unsaved);
        sweep.display("unsaved::Unsaved", &unsaved);
    }
    sweep.debug("shared::Counts", client.counts());
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::new(place.path().join("tokens")).unwrap();
    sweep.debug("folder::Folder", &folder);
    let key = RecordKey::new(Environment::Staging, None);
    let (turn, _) = TokenStore::open(&folder, &key).unwrap();
    sweep.debug("folder::FolderTurn", turn);
    sweep.debug("shared::AnyClient", client);
    let [session, _, _] = sessions();
    let client = AsyncClient::new(session, |_, _| std::future::ready(dead(call(), 0)));
    sweep.debug("shared::AnyClient", client);
    let fresh = sessions()[0].app().location("loc-1").unwrap().session();
    let spawned = Arc::<Mutex<String>>::default();
    let note = Arc::clone(&spawned);
    let client = AsyncClient::with_owner(fresh, owner(), |_, _| std::future::ready(dead(call(), 0)), NoStore);
    drop(now(client.with_spawn(move |detached| *note.lock().unwrap() = format!("{detached:?}")).ensure_token()));
    sweep.display("shared::Detached", spawned.lock().unwrap());
    sweep.debug("blocking::Blocking", Blocking::default());
    sweep.debug("asynchronous::Async", Async::default());
    layers(sweep, sessions, call);
}

/// The layer over services that fail with an error which shows all that it was sent, below a token transport that does the same.
fn layers(sweep: &mut Sweep, sessions: impl Fn() -> [Session; 3], call: impl Fn() -> Request<Bytes>) {
    #[derive(Clone)]
    struct Echo(StatusCode);

    impl Service<Request<Bytes>> for Echo {
        type Response = Response<String>;
        type Error = std::io::Error;
        type Future = Ready<Result<Response<String>, std::io::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
            if self.0.is_client_error() || self.0.is_success() {
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Err(std::io::Error::other(API_KEY)))
        }

        fn call(&mut self, request: Request<Bytes>) -> Self::Future {
            let shown: Vec<_> =
                request.headers().values().map(|value| value.as_bytes().escape_ascii().to_string()).collect();
            if self.0 == StatusCode::UNAUTHORIZED {
                return ready(Ok(response(401, &shown.concat())));
            }
            ready(Err(std::io::Error::other(shown.concat() + API_KEY + LOCATION_TOKEN)))
        }
    }

    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::BAD_GATEWAY] {
        let [session, _, _] = sessions();
        let mut owner = Owner::new(session.app());
        owner.set_login(session.app().user_login(EMAIL, PASSWORD).unwrap()).unwrap();
        let transport = |request: Request<Bytes>, _: usize| {
            ready(Err::<Response<Vec<u8>>, _>(std::io::Error::other(
                String::from_utf8_lossy(request.body()).into_owned(),
            )))
        };
        let layer = AsyncClient::with_owner(session, owner, transport, NoStore).layer();
        sweep.debug("tower::AuthLayer", &layer);
        let mut service = layer.layer(Echo(status));
        sweep.debug("tower::Auth", &service);
        let mut future = service.call(call());
        sweep.debug("tower::AuthFuture", &future);
        let Err(error) = now(&mut future) else { panic!("nothing is answered") };
        sweep.debug("tower::AuthFuture", &future);
        sweep.error("error::CallError", &error);
        if let CallError::Transport { error, .. } | CallError::TokenRejected { transport: Some(error), .. } = &error {
            sweep.error("service_error::ServiceError", error);
        }
    }
}

fn transports(sweep: &mut Sweep, login: &LocationLogin) {
    let error = || SendError::new(SendErrorKind::Connect, Delivery::NotSent, Some("no route".into()));
    sweep.debug("delivery::Delivery", error().delivery());
    sweep.display("send_error::SendErrorKind", error().kind());
    sweep.error("send_error::SendError", &error());
    for delivery in [Delivery::NotSent, Delivery::Unsendable, Delivery::Unknown] {
        let stopped = RunError { flow: login.clone(), cause: Cause::Transport { error: error(), delivery } };
        sweep.error("run_error::RunError", &stopped);
        sweep.debug("run_error::Cause", stopped.cause);
    }
    let stopped = run(login.clone(), &refused).unwrap_err();
    sweep.error("run_error::RunError", &stopped);
    sweep.debug("run_error::Cause", stopped.cause);
    // Nothing listens on port 1, so the client library's own errors are behind these.
    let dead = App::new(settings().user_token_url("http://127.0.0.1:1/?q=Xq9")).unwrap();
    let stopped = run(dead.user_login(EMAIL, PASSWORD).unwrap(), &Ureq::new()).unwrap_err();
    sweep.error("run_error::RunError", &stopped);
    sweep.debug("ureq::Ureq", Ureq::new());
    sweep.debug("reqwest::Reqwest", Reqwest::new().unwrap());
    let connect = |_| std::future::ready(Err::<TokioIo<tokio::net::TcpStream>, _>(std::io::ErrorKind::NotFound.into()));
    sweep.debug("hyper::Hyper", Hyper::new(connect));
    cassettes(sweep, login);
}

fn cassettes(sweep: &mut Sweep, login: &LocationLogin) {
    let credentials = || Credentials::new(login.app()).login(EMAIL, PASSWORD);
    sweep.debug("credentials::Credentials", credentials());
    let recorder = Recorder::new(refused, credentials());
    run(login.clone(), &recorder).unwrap_err();
    sweep.debug("recorder::Recorder", &recorder);
    sweep.display("recording::Cassette", recorder.cassette());

    let player = cassette::Player::new(recorder.cassette(), credentials());
    sweep.debug("player::Player", &player);
    sweep.error("error::CassetteError", &player.finish().unwrap_err());
    let percent = utf8_percent_encode(PASSWORD, NON_ALPHANUMERIC);
    let mut elsewhere = login.request();
    *elsewhere.uri_mut() = format!("https://api.example.com/x-{percent}?{percent}=1").parse().unwrap();
    sweep.error("error::CassetteError", &Transport::send(&player, elsewhere, 0).unwrap_err());
    let mut swapped = login.request();
    *swapped.body_mut() = swapped.body().to_vec().to_ascii_uppercase().into();
    sweep.error("error::CassetteError", &Transport::send(&player, swapped, 0).unwrap_err());
    Transport::send(&player, login.request(), RESPONSE_LIMIT).unwrap();
    sweep.error("error::CassetteError", &Transport::send(&player, login.request(), 0).unwrap_err());
    sweep.error(
        "error::CassetteError",
        &format!("{{\"version\": {PASSWORD:?}").parse::<cassette::Cassette>().unwrap_err(),
    );
}

/// The kit for tests: what it shows of itself, the texts that it fails a test with, and the network's trace.
fn kit(sweep: &mut Sweep, login: &LocationLogin) {
    sweep.debug("rng::Rng", Rng::new(17));
    sweep.debug("network_fault::NetworkFault", NetworkFault::Cut);
    sweep.debug("failing::Failing", Failing(Delivery::Unknown));
    sweep.debug("failing::Silent", Silent);
    sweep.debug("executor::Executor", Executor::new(17, [std::future::ready(PASSWORD)]));
    let interaction = || {
        let interaction = Interaction::post("/x?token=Xq9").header("x-api-key", "key-Xq9").member("password", PASSWORD);
        interaction.member("email", EMAIL).respond(200, PASSWORD)
    };
    sweep.debug("interaction::Interaction", interaction());
    let script = Scripted::new([Interaction::any(), interaction()]);
    drop(run(login.clone(), &script));
    sweep.debug("scripted::Scripted", &script);
    script.sent().iter().for_each(|sent| sweep.display("scripted::Sent", sent));
    // An answer that is left over, a request that differs, and one too many.
    for script in [script, Scripted::new([interaction()]), Scripted::new([])] {
        let fails = || {
            drop(run(login.clone(), &script));
            drop(script);
        };
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(fails)).unwrap_err();
        sweep.shown.entry("scripted::Scripted").or_default().push(panic.downcast_ref::<String>().unwrap().clone());
    }
    let first = Interaction::any().respond(200, token(USER_TOKEN).into_body());
    let service = Scripted::new([first, Interaction::any().respond(200, LOCATION_TOKEN)]);
    let network = Network::new(17, service);
    drop(run(login.clone(), &network));
    sweep.debug("network::Network", &network);
    sweep.shown.entry("network::Network").or_default().push(network.trace());
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
fn the_sweep_covers_every_public_type() {
    let swept: Vec<_> = sweep().shown.into_keys().map(str::to_owned).collect();
    let public: Vec<_> = public_types::public_types().into_iter().collect();
    assert_eq!(swept, public);
}
