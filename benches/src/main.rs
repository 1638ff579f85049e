//! This crate beside its peers, in one run.
//!
//! ```text
//! cargo run --release --manifest-path benches/Cargo.toml                       the figures: about a minute
//! cargo run --release --manifest-path benches/Cargo.toml -- quick exchange     a tenth of the rounds, one group
//! ```
//!
//! Every contender first has to come to the same token by its full path. Then all run in turn, many rounds, in one process; a time
//! is the median of its rounds, a ratio the median of the rounds' ratios, ours divided by theirs. A response ready in memory is the
//! input of all, and what a copy of it costs is measured in the same rounds and taken off.
//!
//! First comes a table to read, then for scripts `ratio GROUP/PEER 0.31` and `count GROUP/WHAT 5`, a line each. The names stay.

mod adapters;
mod contenders;
mod in_flight;
mod inputs;
mod measure;

use std::fmt::Write;
use std::hint::black_box;

use http::{HeaderName, HeaderValue, Request, header};
use location_auth::{Flow, LocationAccessToken, Progress, Session, UserAccessToken};
use oauth2::TokenResponse;
use serde::Deserialize;

use contenders::{by_hand, oauth2_5, ours, tame_oauth_0_10};
use inputs::*;
use measure::{Contender, Cost, compare};

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (quick, groups): (Vec<_>, Vec<_>) = arguments.into_iter().partition(|argument| argument == "quick");
    let less = if quick.is_empty() { 1 } else { 10 };
    let (rounds, logins) = (4_000 / less, 1_500 / less);
    let wanted = |group: &str| groups.is_empty() || groups.iter().any(|named| named == group);
    let mut report = Report::default();
    let mut group = |name, what, measure: &dyn Fn() -> Vec<Cost>| {
        if wanted(name) {
            report.add(name, what, &measure());
        }
    };
    group("exchange", "request and receive", &|| exchange(rounds));
    group("login-step", "constructor, request, receive", &|| login_step(rounds));
    group("whole-login", "a whole login, both steps", &|| whole_login(rounds));
    group("authorize", "authorize a call", &|| authorize(rounds));
    group("parse", "receive a token among 2 KiB", &|| parse(rounds));
    let server = adapters::Server::start();
    group("adapter-ureq", "a login over loopback, ureq", &|| adapters::ureq(&server, logins));
    group("adapter-reqwest", "a login over loopback, reqwest", &|| adapters::reqwest(&server, logins));
    group("adapter-hyper", "a login over loopback, hyper", &|| adapters::hyper(&server, logins));
    if wanted("in-flight") {
        report.add_in_flight(&in_flight::measure(10 / less + 1));
    }
    report.print();
}

/// Runs of a contender in its turn.
const TIMES: usize = 64;

fn user(token: &UserAccessToken) -> String {
    token.expose_secret().into()
}

fn location_token(token: &LocationAccessToken) -> String {
    token.expose_secret().into()
}

fn exchange(rounds: usize) -> Vec<Cost> {
    let response = token_response(USER_TOKEN);
    let (app, client, owner) = (app(), oauth2_5::client(), oauth2_5::owner());
    let (without_cache, prepared) = (tame_oauth_0_10::without_cache(), by_hand::Prepared::new());
    let input = Contender::new("input", || {}, |()| response.clone(), |_| String::new());
    let contenders = vec![
        // A flow is used up, so that each has to be made beforehand; dropping it is timed.
        Contender::new(
            "ours",
            || app.user_login(EMAIL, PASSWORD).expect("good credentials"),
            |login| ours::exchange(login, response.clone()),
            user,
        ),
        Contender::new(
            "oauth2",
            || {},
            |()| oauth2_5::exchange(&client, &owner, response.clone()),
            |token| token.access_token().secret().clone(),
        ),
        Contender::new(
            "tame-oauth",
            tame_oauth_0_10::provider,
            |provider| tame_oauth_0_10::exchange(&provider, response.clone()),
            |token| token.access_token.clone(),
        ),
        Contender::new(
            "tame-oauth-without-cache",
            || {},
            |()| tame_oauth_0_10::exchange(&without_cache, response.clone()),
            |token| token.access_token.clone(),
        ),
        Contender::new("by-hand", || {}, |()| by_hand::exchange(response.clone()), String::clone),
        Contender::new("by-hand-prepared", || {}, |()| prepared.exchange(response.clone()), String::clone),
    ];
    compare(Some(input), contenders, USER_TOKEN, rounds, TIMES)
}

fn login_step(rounds: usize) -> Vec<Cost> {
    let response = token_response(USER_TOKEN);
    let (app, client) = (app(), oauth2_5::client());
    let input = Contender::new("input", || {}, |()| response.clone(), |_| String::new());
    let contenders = vec![
        Contender::new("ours", || {}, |()| ours::login_step(&app, response.clone()), user),
        Contender::new(
            "oauth2",
            || {},
            |()| oauth2_5::login_step(&client, response.clone()),
            |token| token.access_token().secret().clone(),
        ),
        Contender::new(
            "tame-oauth",
            || {},
            |()| tame_oauth_0_10::exchange(&tame_oauth_0_10::provider(), response.clone()),
            |token| token.access_token.clone(),
        ),
        Contender::new("by-hand", || {}, |()| by_hand::exchange(response.clone()), String::clone),
    ];
    compare(Some(input), contenders, USER_TOKEN, rounds, TIMES)
}

fn whole_login(rounds: usize) -> Vec<Cost> {
    let (first, second) = (token_response(USER_TOKEN), token_response(LOCATION_TOKEN));
    let (location, client) = (location(), oauth2_5::client());
    let input = Contender::new("input", || {}, |()| (first.clone(), second.clone()), |_| String::new());
    let contenders = vec![
        Contender::new("ours", || {}, |()| ours::whole_login(&location, first.clone(), second.clone()), location_token),
        Contender::new(
            "oauth2",
            || {},
            |()| oauth2_5::whole_login(&client, first.clone(), second.clone()),
            |token| token.access_token().secret().clone(),
        ),
        Contender::new("by-hand", || {}, |()| by_hand::whole_login(first.clone(), second.clone()), String::clone),
    ];
    compare(Some(input), contenders, LOCATION_TOKEN, rounds, TIMES)
}

/// The caller's map has room, so that what is counted is what authorizing adds.
fn authorize(rounds: usize) -> Vec<Cost> {
    let call = || {
        let mut call = Request::get("https://api.example.com/contacts").header("accept", "application/json");
        call.headers_mut().expect("a good request").reserve(8);
        call.body(()).expect("a good request")
    };
    let (app, location) = (app(), location());
    let token = ours::whole_login(&location, token_response(USER_TOKEN), token_response(LOCATION_TOKEN));
    let session = Session::for_location(&app, token).expect("the same environment");
    let credentials = |call: &Request<()>| {
        let text = |name: &str| call.headers()[name].to_str().expect("plain text").to_owned();
        format!("{} {}", text("x-api-key"), text("authorization"))
    };
    let api_key = HeaderValue::from_static(API_KEY);
    let bearer = HeaderValue::try_from(format!("Bearer {LOCATION_TOKEN}")).expect("plain text");
    let input = Contender::new("input", call, |call| call, |_| String::new());
    let contenders = vec![
        Contender::new(
            "ours",
            call,
            |mut call| {
                black_box(session.authorize(&mut call).expect("an origin of the App"));
                call
            },
            credentials,
        ),
        Contender::new(
            "format",
            call,
            |mut call| {
                let api_key = HeaderValue::from_str(black_box(API_KEY)).expect("plain text");
                let bearer = format!("Bearer {}", black_box(LOCATION_TOKEN));
                let bearer = HeaderValue::from_str(&bearer).expect("plain text");
                call.headers_mut().insert("x-api-key", api_key);
                call.headers_mut().insert(header::AUTHORIZATION, bearer);
                call
            },
            credentials,
        ),
        Contender::new(
            "prepared",
            call,
            |mut call| {
                call.headers_mut().insert(HeaderName::from_static("x-api-key"), api_key.clone());
                call.headers_mut().insert(header::AUTHORIZATION, bearer.clone());
                call
            },
            credentials,
        ),
    ];
    let expected = format!("{API_KEY} Bearer {LOCATION_TOKEN}");
    compare(Some(input), contenders, &expected, rounds, TIMES)
}

#[derive(Deserialize)]
struct Borrowed<'a> {
    access_token: &'a str,
}

/// Ours also judges status and media type, checks the token, and keeps it as a header that wipes itself; the flow is dropped.
fn parse(rounds: usize) -> Vec<Cost> {
    let item = r#"{"id":12345,"name":"A salon, a garage","open":true,"tags":["hair","nails",null],"rating":4.75}"#;
    let items = [item; 22].join(",");
    let body = format!(r#"{{"locations":[{items}],"access_token":"{USER_TOKEN}"}}"#);
    let (app, response) = (app(), json_response(body));
    let contenders = vec![
        Contender::new(
            "ours",
            || app.user_login(EMAIL, PASSWORD).expect("good credentials"),
            |login| match login.receive(black_box(&response)) {
                Ok(Progress::Done(token)) => token,
                _ => unreachable!("a good response"),
            },
            user,
        ),
        Contender::new(
            "serde_json",
            || {},
            |()| serde_json::from_slice::<Borrowed<'_>>(black_box(response.body())).expect("good JSON").access_token,
            |token| (*token).into(),
        ),
    ];
    compare(None, contenders, USER_TOKEN, rounds, TIMES)
}

#[derive(Default)]
struct Report {
    table: String,
    lines: String,
}

impl Report {
    fn add(&mut self, group: &str, what: &str, costs: &[Cost]) {
        let [ours, peers @ ..] = costs else { return };
        self.line(format_args!("count {group}/allocations {}", ours.allocations));
        for peer in peers {
            self.row(format_args!(
                "| {what} | {} | {:.0} ns, {} | {:.0} ns, {} | {:.2} |",
                peer.name, ours.nanoseconds, ours.allocations, peer.nanoseconds, peer.allocations, peer.ratio
            ));
            self.line(format_args!("ratio {group}/{} {:.3}", peer.name, peer.ratio));
            self.line(format_args!("count {group}/{}-allocations {}", peer.name, peer.allocations));
        }
    }

    fn add_in_flight(&mut self, rows: &[in_flight::InFlight]) {
        let alone = rows[0].nanoseconds;
        for row in rows {
            let flows = row.flows;
            self.row(format_args!(
                "| a login among {flows}: {:.0} bytes beside its strings | alone | {:.0} ns | {alone:.0} ns | {:.2} |",
                row.bytes, row.nanoseconds, row.to_alone
            ));
            self.line(format_args!("count in-flight/bytes-{flows} {:.0}", row.bytes));
            self.line(format_args!("ratio in-flight/{flows}-to-1 {:.3}", row.to_alone));
        }
    }

    fn row(&mut self, row: std::fmt::Arguments<'_>) {
        writeln!(self.table, "{row}").expect("a String takes it");
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.lines, "{line}").expect("a String takes it");
    }

    fn print(&self) {
        println!("| what | beside | ours: time, allocations | theirs: time, allocations | ratio of times |");
        println!("| --- | --- | --- | --- | --- |");
        println!("{}\n{}", self.table, self.lines);
    }
}
