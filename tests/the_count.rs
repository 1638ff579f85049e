//! What a day of one client costs a service that lags, refuses, fails or answers late (Q17): the table is in `src/count.md`.
#![cfg(all(feature = "client", feature = "emulator"))]

#[path = "support/documented.rs"]
mod documented;
#[path = "support/test_service.rs"]
mod test_service;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use http::{Request, Response};
use location_auth::transports::Transport;
use location_auth::transports::client::{CallError, Client, NoStore};
use location_auth::{Backoff, Bytes, Delivery, LastOutcome, Owner, TokenErrorKind, TokenState};
use test_service::{PASSWORD, TestService};

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

const DAY: u64 = 24 * 60 * 60;
const YEAR: &str = "31536000";
const HTML: &str = "<html>Back soon</html>";

/// What stands before the emulated service, or is wrong with it, and for how long.
#[derive(Clone, Copy)]
enum Fault {
    Nothing,
    /// The first so many answers to step 2, or to calls, are 401: the service does not know the new token everywhere.
    Lag {
        path: &'static str,
        answers: u32,
    },
    /// Token requests get this, for so many seconds.
    Answers {
        path: &'static str,
        status: u16,
        body: &'static str,
        retry_after: Option<&'static str>,
        seconds: u64,
    },
    /// One route answers 401 whatever the token is.
    DeadRoute,
    /// The service acts, and its answer to this is lost.
    Lost(&'static str),
    WrongPassword,
}

struct Line<'a> {
    service: &'a TestService,
    fault: Fault,
    lagged: Cell<u32>,
    sent: RefCell<Vec<String>>,
}

#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the line was cut")
    }
}

impl std::error::Error for Cut {}

impl Transport for &Line<'_> {
    type Error = Cut;

    fn send(&self, request: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, Cut> {
        let path = request.uri().path().rsplit('/').next().unwrap().to_owned();
        self.sent.borrow_mut().push(path.clone());
        let respond = |status, body: &str, retry_after: Option<&str>| {
            let response = Response::builder().status(status);
            let response =
                retry_after.into_iter().fold(response, |response, wait| response.header("retry-after", wait));
            let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
            Ok(response.header("content-type", kind).body(body.as_bytes().to_vec()).unwrap())
        };
        match self.fault {
            Fault::Lag { path: lags, answers } if path == lags && self.lagged.get() < answers => {
                self.lagged.set(self.lagged.get() + 1);
                respond(401, "", None)
            }
            Fault::Answers { path: fails, status, body, retry_after, seconds }
                if path == fails && NOW.get().as_secs() < seconds =>
            {
                respond(status, body, retry_after)
            }
            Fault::Lost(lost) if path == lost => {
                let _ = self.service.handle(request);
                Err(Cut)
            }
            Fault::DeadRoute if path == "dead" => respond(401, "", None),
            _ => Ok(self.service.handle(request)),
        }
    }

    fn delivery(&self, _: &Cut) -> Delivery {
        Delivery::Unknown
    }
}

/// What a program does that makes a call each second.
struct Seen {
    /// Seconds until the first call was answered.
    first: Option<u64>,
    logins: usize,
    exchanges: usize,
    /// Tokens that were issued: a user's and a Location's.
    issued: (u64, u64),
    /// What the state was after the first call, and at the end.
    states: [String; 2],
}

fn state(state: &TokenState) -> String {
    let TokenState::Paused(error) = state else { return format!("`{state:?}`") };
    let TokenErrorKind::Paused { after, .. } = error.kind() else { panic!("{error}") };
    format!(
        "`Paused`, the last request {}",
        if let LastOutcome::Response { .. } = after { "got an error" } else { "got no response" }
    )
}

fn seen(fault: Fault, revoked: bool, retries: bool, seconds: u64) -> Seen {
    NOW.set(Duration::ZERO);
    let service = TestService::new();
    let line = Line { service: &service, fault, lagged: Cell::new(0), sent: RefCell::default() };
    let owner: Owner = service.owner(if matches!(fault, Fault::WrongPassword) { "wrong" } else { PASSWORD });
    let client = Client::with_owner(service.session_without_a_token(), owner, &line, NoStore).with_clock(|| NOW.get());
    if revoked {
        client.ensure_token().unwrap();
        service.emulator.lock().unwrap().revoke_location("loc-1");
    }
    let call = |path: &str| {
        let call = Request::get(format!("https://api.example.com/locations/loc-1/{path}")).body(Bytes::new()).unwrap();
        match retries {
            false => client.call(call),
            true => client.call_with_retries(
                call,
                Backoff::new(4, Duration::from_secs(1), Duration::from_secs(8)),
                |wait| {
                    NOW.set(NOW.get() + wait);
                },
            ),
        }
    };
    let (mut first, mut after_first) = (None, None);
    while NOW.get().as_secs() < seconds {
        if matches!(fault, Fault::DeadRoute) {
            assert!(matches!(call("dead"), Err(CallError::TokenRejected { .. })));
        }
        if call("contacts").is_ok_and(|response| response.status() == 200) {
            first = first.or(Some(NOW.get().as_secs()));
        }
        after_first.get_or_insert_with(|| state(&client.state()));
        NOW.set(NOW.get() + Duration::from_secs(1));
    }
    let sent = line.sent.borrow();
    let count = |path: &str| sent.iter().filter(|sent| *sent == path).count();
    let states = [after_first.unwrap(), state(&client.state())];
    Seen { first, logins: count("user_token"), exchanges: count("token"), issued: service.issued(), states }
}

fn cells(fault: Fault, revoked: bool, retries: bool, seconds: u64) -> String {
    let Seen { first, logins, exchanges, issued: (users, locations), states: [after_first, at_the_end] } =
        seen(fault, revoked, retries, seconds);
    let first = first.map_or("none".into(), |second| format!("after {second} s"));
    [first, logins.to_string(), exchanges.to_string(), format!("{users} + {locations}"), after_first, at_the_end]
        .join(" | ")
}

#[test]
fn a_day_of_each_fault_costs_what_the_documentation_says() {
    let answers =
        |path, status, body, retry_after, seconds| Fault::Answers { path, status, body, retry_after, seconds };
    let mut table = String::from(
        "| a call each second | the first answer | passwords sent | step 2 sent | tokens issued: user's + Location's | state after the first call | state at the end |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut add = |name: &str, faults: &[Fault], revoked, seconds| {
        let rows = |retries| {
            let mut rows: Vec<_> = faults.iter().map(|fault| cells(*fault, revoked, retries, seconds)).collect();
            rows.dedup();
            assert_eq!(rows.len(), 1, "{name}");
            rows.remove(0)
        };
        let (without, with) = (rows(false), rows(true));
        table += &format!("| {name} | {without} |\n");
        if with != without {
            table += &format!("| … with retries | {with} |\n");
        }
    };
    add("nothing is wrong", &[Fault::Nothing], false, 60);
    add("the token was revoked before its first call", &[Fault::Nothing], true, 60);
    add("step 2 knows the user token one answer late", &[Fault::Lag { path: "token", answers: 1 }], false, 60);
    add("step 2 knows it two answers late", &[Fault::Lag { path: "token", answers: 2 }], false, 300);
    add("calls know the Location's token one answer late", &[Fault::Lag { path: "contacts", answers: 1 }], false, 60);
    add("calls know it two answers late", &[Fault::Lag { path: "contacts", answers: 2 }], false, 60);
    for (step, path) in [("step 1", "user_token"), ("step 2", "token")] {
        let pages = [(302, ""), (403, HTML), (200, HTML)].map(|(status, body)| answers(path, status, body, None, 10));
        add(&format!("{step} answers 302, 403 with HTML or 200 with HTML, for 10 s"), &pages, false, 300);
        let down = [(502, HTML), (503, "")].map(|(status, body)| answers(path, status, body, None, 2));
        add(&format!("{step} answers 502 or 503, for 2 s"), &down, false, 300);
        let told = [answers(path, 503, "", Some("2"), 2)];
        add(&format!("{step} answers 503 with `Retry-After: 2`, for 2 s"), &told, false, 300);
        let year = [429, 503].map(|status| answers(path, status, "", Some(YEAR), 1));
        add(&format!("{step} answers 429 or 503 with a `Retry-After` of a year, once"), &year, false, 7200);
    }
    let mut add = |name: &str, fault| table += &format!("| {name} | {} |\n", cells(fault, false, false, DAY));
    add("a wrong password, for a day", Fault::WrongPassword);
    add("step 1 answers 502, for a day", answers("user_token", 502, HTML, None, DAY));
    add("step 2 answers 502, for a day", answers("token", 502, HTML, None, DAY));
    add("the answers to step 1 are lost, for a day", Fault::Lost("user_token"));
    add("the answers to step 2 are lost, for a day", Fault::Lost("token"));
    add("one route always answers 401, for a day", Fault::DeadRoute);
    documented::is_documented("src/count.md", "| a call each second", &table);
}

#[test]
fn a_call_that_gets_503_is_retried_if_a_second_one_does_no_harm() {
    for (method, retry_after, sent) in
        [("GET", None, 5), ("POST", None, 1), ("GET", Some("1"), 5), ("POST", Some("1"), 5)]
    {
        NOW.set(Duration::ZERO);
        let service = TestService::new();
        let fault = Fault::Answers { path: "contacts", status: 503, body: "", retry_after, seconds: DAY };
        let line = Line { service: &service, fault, lagged: Cell::new(0), sent: RefCell::default() };
        let client = Client::new(service.session(), &line);
        let call = Request::builder().method(method).uri(test_service::CONTACTS).body(Bytes::new()).unwrap();
        let response = client.call_with_retries(call, Backoff::default(), |_| {}).unwrap();
        assert_eq!((response.status().as_u16(), line.sent.borrow().len()), (503, sent), "{method}, {retry_after:?}");
    }
}
