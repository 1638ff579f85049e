//! What the feature `tracing` tells: each event with its fields, and a secret in none of them.
#![cfg(all(feature = "client", feature = "tracing"))]

#[path = "support/over.rs"]
mod over;
mod support;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Once;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use location_auth::store::{self, RecordKey, Stored};
use location_auth::transports::client::{AsyncClient, Client, NoStore, StoreError, TokenStore};
use location_auth::transports::{
    AsyncTransport, Delivery, SendError, SendErrorKind, SharedTransport, Transport, run, run_async,
    run_async_with_retries, run_with_retries,
};
use location_auth::{App, Backoff, Bytes, LocationLogin, Owner, SavedToken, Session};
use over::OVER;
use support::{response, token_response};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Each secret holds a word that no text of ours does.
const EMAIL: &str = "owner-Xq9@example.com";
const PASSWORD: &str = "word-Xq9";
const USER_TOKEN: &str = "user-Xq9";
const LOCATION_TOKEN: &str = "location-Xq9";

// ---- What is logged, as lines of text: each thread has its own. ----

thread_local! {
    static LOGGED: RefCell<Vec<String>> = RefCell::default();
    /// Level, message and names of the fields of every event that was logged, in the manner of the documentation.
    static KINDS: RefCell<BTreeSet<String>> = RefCell::default();
}

struct Recorder;

struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.fields += &format!(" {name}={value:?}"),
        }
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "location_auth" && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line { message: String::new(), fields: String::new() };
        event.record(&mut line);
        let level = event.metadata().level();
        let names = event.metadata().fields().iter().map(|field| field.name()).filter(|name| *name != "message");
        let names = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        KINDS.with_borrow_mut(|kinds| kinds.insert(format!("| {level} | `{}` | {names} |", line.message)));
        LOGGED.with_borrow_mut(|logged| logged.push(format!("{level} {}{}", line.message, line.fields)));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("spans are not enabled")
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What this work tells, none of which is a secret.
fn logged(work: impl FnOnce()) -> Vec<String> {
    static RECORDER: Once = Once::new();
    RECORDER.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
    LOGGED.take();
    work();
    let logged = LOGGED.take();
    for line in &logged {
        assert!(!line.to_lowercase().contains("xq9"), "an event shows a secret: {line}");
    }
    logged
}

/// What the blocking work and its async twin tell: the same.
fn logged_by_both(blocking: impl FnOnce(), asynchronous: impl FnOnce()) -> Vec<String> {
    let lines = logged(blocking);
    assert_eq!(logged(asynchronous), lines);
    lines
}

// ---- The service and the way to it. ----

/// A transport's error whose own words no event may repeat.
#[derive(Debug, thiserror::Error)]
#[error("sending {1} failed")]
struct Dead(Delivery, &'static str);

impl Dead {
    fn kind(&self) -> SendErrorKind {
        if self.0 == Delivery::NotSent { SendErrorKind::Connect } else { SendErrorKind::TimedOut }
    }
}

fn fails(delivery: Delivery) -> Answer {
    Err(Dead(delivery, PASSWORD))
}

type Answer = Result<Response<String>, Dead>;

/// Answers from a list. Each async answer takes two polls, so that several callers get in each other's way.
struct Script(RefCell<Vec<Answer>>);

impl Script {
    fn new(mut answers: Vec<Answer>) -> Self {
        answers.reverse();
        Self(answers.into())
    }

    fn answer(&self) -> Result<Response<Vec<u8>>, Dead> {
        self.0.borrow_mut().pop().expect("no request too many").map(|response| response.map(String::into_bytes))
    }
}

impl Transport for Script {
    type Error = Dead;
    fn send(&self, _: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, Dead> {
        self.answer()
    }
    fn delivery(&self, error: &Dead) -> Delivery {
        error.0
    }
    fn kind(&self, error: &Dead) -> SendErrorKind {
        error.kind()
    }
}

impl AsyncTransport for Script {
    type Error = Dead;
    async fn send(&self, _: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, Dead> {
        let answer = self.answer();
        let mut polled = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut polled, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        answer
    }
    fn delivery(&self, error: &Dead) -> Delivery {
        error.0
    }
    fn kind(&self, error: &Dead) -> SendErrorKind {
        error.kind()
    }
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

fn app() -> App {
    let settings = support::settings().api_key("key-Xq9").client_id("id-Xq9").client_secret("secret-Xq9");
    App::new(settings).unwrap()
}

fn login() -> LocationLogin {
    app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap()
}

fn session() -> Session {
    let token = run(login(), &Script::new(vec![user(), location("old-Xq9")])).unwrap();
    Session::for_location(&app(), token).unwrap().with_query_parameter("token").unwrap()
}

fn call() -> Request<Bytes> {
    Request::get("https://api.example.com/contacts?search=Xq9").body(PASSWORD.into()).unwrap()
}

fn user() -> Answer {
    Ok(token_response(USER_TOKEN))
}

fn location(token: &str) -> Answer {
    Ok(token_response(token))
}

fn status(status: u16, header: (&'static str, &'static str), body: &str) -> Answer {
    let mut response = response(status, body);
    response.headers_mut().insert(header.0, header.1.parse().unwrap());
    Ok(response)
}

fn ok() -> Answer {
    Ok(response(200, PASSWORD))
}

fn unauthorized() -> Answer {
    status(401, ("x-request-id", "call-Xq9"), PASSWORD)
}

/// What the drivers tell when they send again what may be sent again.
fn with_retries(answers: fn() -> Vec<Answer>) -> Vec<String> {
    let sleep = |wait: Duration| LOGGED.with_borrow_mut(|logged| logged.push(format!("(sleeps {wait:?})")));
    logged_by_both(
        || drop(run_with_retries(login(), &Script::new(answers()), Backoff::default(), sleep)),
        || {
            let (script, sleep) = (Script::new(answers()), |wait| async move { sleep(wait) });
            drop(wait_for(run_async_with_retries(login(), &script, Backoff::default(), sleep)));
        },
    )
}

fn no_owner() -> Owner {
    Owner::new(&app())
}

fn owner() -> Owner {
    let mut owner = no_owner();
    owner.set_login(app().user_login(EMAIL, PASSWORD).unwrap()).unwrap();
    owner
}

fn keep(_: &SavedToken) -> Result<(), Infallible> {
    Ok(())
}

async fn keep_later(_: SavedToken) -> Result<(), Infallible> {
    Ok(())
}

/// What the clients tell of one call.
fn of_a_call(session: fn() -> Session, owner: fn() -> Owner, answers: fn() -> Vec<Answer>) -> Vec<String> {
    let (ours, theirs, our_owner, their_owner) = (session(), session(), owner(), owner());
    logged_by_both(
        || drop(Client::with_owner(ours, our_owner, Script::new(answers()), keep).call(call())),
        || {
            let client = AsyncClient::with_owner(theirs, their_owner, Script::new(answers()), keep_later);
            drop(wait_for(client.call(call())));
        },
    )
}

const STEP_1: [&str; 2] =
    ["DEBUG step started step=1 location=loc-1", "DEBUG step done step=1 location=loc-1 status=200"];
const STEP_2: [&str; 2] =
    ["DEBUG step started step=2 location=loc-1", "DEBUG step done step=2 location=loc-1 status=200"];

#[test]
fn a_login_logs_each_step_when_it_starts_and_when_it_is_done() {
    let answers = || Script::new(vec![user(), location(LOCATION_TOKEN)]);
    let lines = logged_by_both(|| drop(run(login(), &answers())), || drop(wait_for(run_async(login(), &answers()))));
    assert_eq!(lines, [STEP_1, STEP_2].concat());
    // A user's has no Location.
    let flow = || app().user_login(EMAIL, PASSWORD).unwrap();
    let lines = logged(|| drop(run(flow(), &Script::new(vec![user()]))));
    assert_eq!(lines, ["DEBUG step started step=1", "DEBUG step done step=1 status=200"]);
}

#[test]
fn a_refused_step_logs_status_request_id_fault_and_the_errors_line() {
    let refused = || vec![status(401, ("x-request-id", "r-7"), r#"{"error": "wrong password"}"#)];
    let failed = "WARN step failed step=1 location=loc-1 status=401 request_id=r-7 fault=Caller retry=Never \
                  error=step 1 (User Access Token) of Location loc-1: the service refused (status 401), saying \
                  \"wrong password\", request id r-7; the caller is at fault: check the owner's email and password, and \
                  that the API Key, the Client ID and the Client Secret are this environment's";
    assert_eq!(with_retries(refused), [STEP_1[0], failed]);
}

#[test]
fn a_throttled_step_logs_the_wait_before_it_begins() {
    let answers =
        || vec![status(429, ("retry-after", "7"), ""), user(), Ok(response(429, "")), location(LOCATION_TOKEN)];
    let throttled = "WARN step failed step=1 location=loc-1 status=429 fault=Caller retry=After(7s) \
                     error=step 1 (User Access Token) of Location loc-1: the service is throttling (status 429), asking to \
                     wait 7 s; the caller is at fault: wait as long as it asks, then send the same request again";
    let without_a_wait = "WARN step failed step=2 location=loc-1 status=429 fault=Caller retry=Unspecified \
                          error=step 2 (Location Access Token) of Location loc-1: the service is throttling (status 429); \
                          the caller is at fault: wait a little, then send the same request again";
    let wait_1 = ["INFO waiting step=1 location=loc-1 wait_ms=7000", "(sleeps 7s)"];
    let wait_2 = ["INFO waiting step=2 location=loc-1 wait_ms=1000", "(sleeps 1s)"];
    let expected: &[&[&str]] =
        &[&[STEP_1[0], throttled], &wait_1, &STEP_1, &[STEP_2[0], without_a_wait], &wait_2, &STEP_2];
    assert_eq!(with_retries(answers), expected.concat());
}

#[test]
fn a_step_without_a_response_logs_whether_the_request_was_sent_and_not_the_transports_error() {
    let lines = with_retries(|| vec![fails(Delivery::NotSent), fails(Delivery::Unknown)]);
    let never = "WARN step failed step=1 location=loc-1 delivery=NotSent kind=Connect fault=Transport retry=Unspecified \
                 error=step 1 (User Access Token) of Location loc-1: the request was not sent; the transport is at fault: \
                 check the user token URL's host and the network, then send it again";
    let maybe = "WARN step failed step=1 location=loc-1 delivery=Unknown kind=TimedOut fault=Transport retry=Never \
                 error=step 1 (User Access Token) of Location loc-1: no complete response came, and the request may have arrived; \
                 the transport is at fault: check the user token URL's host and the network; repeat only if a second token \
                 does no harm";
    let wait = ["INFO waiting step=1 location=loc-1 wait_ms=1000", "(sleeps 1s)"];
    assert_eq!(lines, [&[STEP_1[0], never][..], &wait, &[STEP_1[0], maybe]].concat());
    let closure = |_: Request<Bytes>, _: usize| Err::<Response<Vec<u8>>, _>(std::io::Error::other(PASSWORD));
    assert!(logged(|| drop(run(login(), &closure)))[1].contains("delivery=Unknown kind=Other"));
}

#[test]
fn a_call_over_the_layer_that_fails_names_the_kind_as_the_clients_does() {
    for (kind, delivery) in
        [(SendErrorKind::Broken, Delivery::Unknown), (SendErrorKind::Insecure, Delivery::Unsendable)]
    {
        for over in OVER {
            let session = session();
            let lines = logged(|| {
                let fails = move |_: Request<Bytes>, _: usize| {
                    ready(Err::<Response<Vec<u8>>, _>(SendError::new(kind, delivery, None)))
                };
                let way = SharedTransport::new(fails, |way, request, limit| way(request, limit));
                let client = AsyncClient::with_owner(session, owner(), way.clone(), NoStore);
                drop(wait_for(over.call(&client, &way, call())));
            });
            let start = format!("WARN call failed location=loc-1 delivery={delivery:?} kind={kind:?} ");
            assert!(lines.len() == 1 && lines[0].starts_with(&start), "{over:?}: {lines:?}");
        }
    }
}

const ANSWERED_200: &str = "DEBUG call answered location=loc-1 status=200";
const ANSWERED_401: &str = "DEBUG call answered location=loc-1 status=401";
const USER_TOKEN_REJECTED: &str = "INFO user token rejected step=2 location=loc-1 status=401";

#[test]
fn a_call_with_a_revoked_token_logs_each_step_of_the_renewal_and_both_answers() {
    let lines = of_a_call(session, owner, || vec![unauthorized(), user(), location(LOCATION_TOKEN), ok()]);
    assert_eq!(lines, [ANSWERED_401, STEP_1[1], STEP_2[1], ANSWERED_200]);
}

#[test]
fn the_first_token_of_a_location_logs_its_steps_before_the_call_or_why_there_is_none() {
    let fresh = || app().location("loc-1").unwrap().session();
    let lines = of_a_call(fresh, owner, || vec![user(), location("new-location-Xq9"), ok()]);
    assert_eq!(lines, [STEP_1[1], STEP_2[1], "DEBUG call answered location=loc-1 status=200"]);
    let lines = of_a_call(fresh, owner, || vec![status(401, ("x-a", "b"), "")]);
    let none = "error=there is no access token of Location loc-1 yet, and getting one failed: ";
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains(none)), "{lines:?}");
    assert!(lines[1].starts_with("WARN call failed location=loc-1 fault=Caller "), "{lines:?}");
}

#[test]
fn a_token_request_that_failed_while_the_program_set_a_token_is_no_rejected_user_token() {
    let lines = logged(|| {
        let answers = Script::new(vec![status(500, ("x-a", "b"), ""), ok()]);
        let session = app().location("loc-1").unwrap().session();
        let client = AsyncClient::with_owner(session, owner(), answers, keep_later);
        let mut called = pin!(client.call(call()));
        assert!(called.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "step 1 is under way");
        client.set_location_token(support::location_token(&app())).unwrap();
        assert_eq!(wait_for(called).unwrap().status(), 200);
    });
    assert_eq!(lines, ["DEBUG call answered location=loc-1 status=200"]);
}

#[test]
fn a_user_token_that_was_revoked_too_is_logged() {
    let with_both = || {
        let mut owner = owner();
        owner.set_user_token(support::user_token(&app())).unwrap();
        owner
    };
    let lines = of_a_call(session, with_both, || {
        vec![unauthorized(), status(401, ("x-a", "b"), ""), user(), location(LOCATION_TOKEN), ok()]
    });
    assert_eq!(lines, [ANSWERED_401, USER_TOKEN_REJECTED, STEP_1[1], STEP_2[1], ANSWERED_200]);
}

#[test]
fn a_token_that_the_store_failed_to_save_is_logged_without_the_token() {
    let session = session();
    let answers = Script::new(vec![unauthorized(), user(), location(LOCATION_TOKEN), ok()]);
    let full = |token: &SavedToken| Err::<(), _>(std::io::Error::other(serde_json::to_string(token).unwrap()));
    let lines = logged(|| drop(Client::with_owner(session, owner(), answers, full).call(call())));
    let not_saved = ["", " location=loc-1"]
        .map(|whose| format!("WARN store failed{whose} error=its error repeats a credential, and is withheld"));
    assert_eq!(lines, [ANSWERED_401, STEP_1[1], &not_saved[0], STEP_2[1], &not_saved[1], ANSWERED_200]);
}

/// A store that another process has written a token to.
struct Shared;

impl TokenStore for Shared {
    type Turn = ();

    fn open(&self, key: &RecordKey) -> Result<((), Stored), StoreError> {
        let id = key.location().map_or("none", |id| id.as_str());
        let record = format!(
            r#"{{"version": 1, "environment": "staging", "kind": "location", "location": "{id}", "access_token": "{LOCATION_TOKEN}"}}"#
        );
        Ok(((), Stored::Record(Some(record.into_bytes()))))
    }

    fn write(&self, (): &mut (), _: &store::Record) -> Result<(), StoreError> {
        panic!("nothing is written")
    }
}

#[test]
fn a_token_that_another_process_has_written_is_logged() {
    let session = session();
    let answers = Script::new(vec![unauthorized(), ok()]);
    let lines = logged(|| drop(Client::with_owner(session, owner(), answers, Shared).call(call())));
    assert_eq!(lines, [ANSWERED_401, "INFO token taken over location=loc-1", ANSWERED_200]);
}

#[test]
fn a_call_that_fails_logs_whose_fault_it_is_and_the_errors_line() {
    let rejected = "WARN call failed location=loc-1 fault=Caller error=the access token of Location loc-1 was rejected; the caller \
                    is at fault: log in again, or let an Owner renew it";
    assert_eq!(of_a_call(session, no_owner, || vec![unauthorized()]), [ANSWERED_401, rejected]);

    let dead = "WARN call failed location=loc-1 delivery=Unknown kind=TimedOut fault=Transport error=no complete response to the call of Location loc-1 came, and it may \
                have arrived; the transport is at fault: check the network, and make it again only if twice does no harm";
    assert_eq!(of_a_call(session, no_owner, || vec![fails(Delivery::Unknown)]), [dead]);

    let elsewhere = Request::get("https://evil.example.net/?Xq9").body(Bytes::new()).unwrap();
    let session_of_ours = session();
    let lines = logged(|| drop(Client::new(session_of_ours, Script::new(vec![])).call(elsewhere)));
    let misused = "WARN call failed location=loc-1 fault=Caller error=";
    assert!(lines.len() == 1 && lines[0].starts_with(misused), "{lines:?}");

    let renewing = "error=the access token of Location loc-1 was rejected, and renewing it failed";
    let answered = of_a_call(session, owner, || vec![unauthorized(), status(500, ("x-request-id", "r-7"), "")]);
    let step = "WARN step failed step=1 location=loc-1 status=500 request_id=r-7 fault=Service retry=Never ";
    let failed = "WARN call failed location=loc-1 fault=Service ";
    for (line, start) in [(&answered[1], step), (&answered[2], failed)] {
        assert!(line.starts_with(&format!("{start}{renewing}: ")), "{line}");
    }
    let cut = of_a_call(session, owner, || vec![unauthorized(), user(), fails(Delivery::Unknown)]);
    let step = "WARN step failed step=2 location=loc-1 delivery=Unknown kind=TimedOut fault=Transport retry=Never ";
    let failed = "WARN call failed location=loc-1 fault=Transport ";
    for (line, start) in [(&cut[2], step), (&cut[3], failed)] {
        assert!(line.starts_with(&format!("{start}{renewing} at step 2 ")), "{line}");
    }
    assert_eq!((answered.len(), cut.len()), (3, 4));
}

#[test]
fn no_event_repeats_a_secret_that_the_service_repeats() {
    // `logged` looks at every line; here the service tries.
    for secret in [EMAIL, PASSWORD, "key-Xq9", "id-Xq9", "secret-Xq9", USER_TOKEN] {
        for code in [200, 302, 401, 429, 500, 503] {
            let body = format!(r#"{{"error": "so {secret} it is", "message": "{secret}"}}"#);
            let echo = || status(code, ("x-request-id", secret), &body);
            let answers = || if secret == USER_TOKEN { vec![user(), echo()] } else { vec![echo()] };
            let of_a_driver = logged(|| drop(run(login(), &Script::new(answers()))));
            let session = session();
            let of_a_client = logged(|| {
                let answers = Script::new(std::iter::once(unauthorized()).chain(answers()).collect());
                drop(Client::with_owner(session, owner(), answers, keep).call(call()));
            });
            // The words of a redirect are never logged.
            for (last, says) in [(&of_a_driver, code != 302), (&of_a_client, code != 302)] {
                let last = last.last().unwrap();
                assert!(last.contains(" failed "), "{last}");
                // Email and Client ID are no credentials: their names are logged.
                let named = [("id-Xq9", "[client id]"), (EMAIL, "[email]")].iter().any(|(value, name)| {
                    *value == secret && last.contains(&format!("saying \"so {name} it is: {name}\""))
                });
                assert_eq!(last.contains("its words withheld") || named, says, "{last}");
            }
        }
    }
}

#[test]
fn the_documentation_lists_every_event_with_all_its_fields() {
    KINDS.take();
    a_refused_step_logs_status_request_id_fault_and_the_errors_line();
    a_throttled_step_logs_the_wait_before_it_begins();
    a_user_token_that_was_revoked_too_is_logged();
    a_token_that_the_store_failed_to_save_is_logged_without_the_token();
    a_token_that_another_process_has_written_is_logged();
    a_call_that_fails_logs_whose_fault_it_is_and_the_errors_line();
    let documentation = include_str!("../transports/mod.rs").lines();
    let rows = documentation.filter_map(|line| line.strip_prefix("//! ").filter(|row| row.contains("| `")));
    let rows = rows.filter(|row| ["| DEBUG ", "| INFO ", "| WARN "].iter().any(|level| row.starts_with(level)));
    let rows = rows.map(|row| row.rsplitn(3, '|').nth(2).unwrap().to_owned() + "|");
    assert_eq!(rows.collect::<BTreeSet<_>>(), KINDS.take());
}
