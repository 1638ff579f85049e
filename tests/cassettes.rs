//! What is recorded can be committed, and is replayed by other credentials: whole logins and calls, hostile answers, other requests than
//! were recorded, files that are none.
#![cfg(all(feature = "cassette", feature = "emulator"))]

#[path = "support/now.rs"]
mod now;
mod support;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use location_auth::emulator::{Access, Emulator};
use location_auth::transports::cassette::{Cassette, CassetteError, Credentials, Player, Recorder};
use location_auth::transports::{AsyncTransport, Cause, Delivery, RunError, Transport, run, run_async};
use location_auth::{
    App, Bytes, Flow, LocationAccessToken, LocationLogin, Progress, RESPONSE_LIMIT, SavedToken, Session,
};
use now::now;

const OF_0_1: &str = include_str!("data/cassette-0.1.json");

/// Credentials: those that are recorded, or made-up ones.
#[derive(Clone, Copy)]
struct Who {
    api_key: &'static str,
    client_id: &'static str,
    client_secret: &'static str,
    email: &'static str,
    password: &'static str,
}

const RECORDED: Who = Who {
    api_key: "real-key-1",
    client_id: "real-client-2",
    client_secret: "real-secret-3",
    email: "owner@salon.test",
    password: "real-password-4",
};
const MADE_UP: Who = Who {
    api_key: "key",
    client_id: "client",
    client_secret: "secret",
    email: "made-up@example.com",
    password: "token",
};

impl Who {
    fn app(self) -> App {
        let settings = support::settings::settings().api_key(self.api_key);
        App::new(settings.client_id(self.client_id).client_secret(self.client_secret)).unwrap()
    }

    fn credentials(self) -> Credentials {
        Credentials::new(&self.app()).login(self.email, self.password)
    }

    fn login(self) -> LocationLogin {
        self.app().location("loc-1").unwrap().login(self.email, self.password).unwrap()
    }

    /// What the program under test does: a login and a call, its token in a header or in the query.
    fn log_in_and_call<T: Transport>(self, transport: &T, in_query: bool) -> Result<Response<Vec<u8>>, T::Error> {
        let token = match run(self.login(), transport) {
            Ok(token) => token,
            Err(RunError { cause: Cause::Transport { error, .. }, .. }) => return Err(error),
            Err(stopped) => panic!("{stopped}"),
        };
        transport.send(self.call(token, in_query), RESPONSE_LIMIT)
    }

    fn call(self, token: LocationAccessToken, in_query: bool) -> Request<Bytes> {
        let session = Session::for_location(&self.app(), token).unwrap();
        let session = if in_query { session.with_query_parameter("access_token").unwrap() } else { session };
        let mut call = get("https://api.example.com/locations/loc-1/contacts?page=2");
        session.authorize(&mut call).unwrap();
        call
    }
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

fn emulator() -> impl Transport<Error = Infallible> {
    let who = RECORDED;
    let mut emulator = Emulator::new(who.api_key, who.client_id, who.client_secret);
    emulator.owner(who.email, who.password).location("loc-1", who.email);
    emulator.add_route("/locations/{location_id}/contacts", Access::Location);
    let emulator = RefCell::new(emulator);
    move |request: Request<Bytes>, _: usize| Ok(emulator.borrow_mut().handle(request))
}

fn recorded(in_query: bool) -> Cassette {
    let recorder = Recorder::new(emulator(), RECORDED.credentials()).keep_bodies(|_, body| Some(body.to_owned()));
    assert_eq!(RECORDED.log_in_and_call(&recorder, in_query).unwrap().status(), 200);
    recorder.cassette()
}

/// Answers these, one after another.
fn answers(responses: Vec<Response<Vec<u8>>>) -> impl Transport<Error = Infallible> {
    let left = RefCell::new(responses.into_iter());
    move |_: Request<Bytes>, _: usize| Ok(left.borrow_mut().next().expect("one more was sent"))
}

fn response(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Response<Vec<u8>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value.as_bytes());
    }
    response.body(body.as_ref().to_vec()).unwrap()
}

#[test]
fn a_cassette_of_0_1_loads_is_written_unchanged_and_replays_with_made_up_credentials() {
    let cassette: Cassette = OF_0_1.parse().unwrap();
    assert_eq!(cassette.to_string(), OF_0_1);
    let player = Player::new(cassette, MADE_UP.credentials());
    let response = MADE_UP.log_in_and_call(&player, false).unwrap();
    assert_eq!(response.body(), br#"{"location":"loc-1","owner":"made-up@example.com"}"#);
    player.finish().unwrap();
}

#[test]
fn a_login_and_a_call_are_recorded_with_a_placeholder_for_each_credential() {
    let text = recorded(false).to_string();
    assert_eq!(text, OF_0_1);
}

#[test]
fn a_token_in_a_query_is_recorded_as_a_placeholder_and_other_values_are_withheld() {
    let cassette = recorded(true);
    let text = cassette.to_string();
    assert!(text.contains("\"page\",") && text.contains("\"access_token=<location-token-1>\""), "{text}");
    let player = Player::new(cassette.clone(), MADE_UP.credentials());
    MADE_UP.log_in_and_call(&player, true).unwrap();
    player.finish().unwrap();

    // In the header instead, it is another request.
    let player = Player::new(cassette, MADE_UP.credentials());
    let error = MADE_UP.log_in_and_call(&player, false).unwrap_err();
    assert!(matches!(&error, CassetteError::Differs { number: 3, part: "query", .. }), "{error}");
}

#[test]
fn a_path_or_a_name_that_repeats_a_secret_is_withheld_and_then_not_compared() {
    let call = |who: Who, url: &str| get(&url.replace("EMAIL", who.email).replace("PASSWORD", who.password));
    for (url, path, query) in [
        ("https://api.example.com/users/EMAIL/x", "/users/<email>/x", ""),
        ("https://api.example.com/users/PASSWORD/x", "/users/<password>/x", ""),
        ("https://api.example.com/users/x-PASSWORD/x", "<withheld>", ""),
        ("https://api.example.com/x?PASSWORD=1&y=EMAIL", "/x", "<withheld> <withheld>"),
        ("https://api.example.com/x?y-PASSWORD=1", "/x", "<withheld>"),
        ("https://api.example.com/x?PASSWORD", "/x", "<withheld>"),
    ] {
        let recorder = Recorder::new(answers(vec![response(204, &[], "")]), RECORDED.credentials());
        recorder.send(call(RECORDED, url), 0).unwrap();
        let text: serde_json::Value = serde_json::from_str(&recorder.cassette().to_string()).unwrap();
        let request = &text["interactions"][0]["request"];
        let names: Vec<_> = request["query"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!((request["path"].as_str().unwrap(), names.join(" ").as_str()), (path, query), "{url}");
        let player = Player::new(recorder.cassette(), MADE_UP.credentials());
        player.answer(call(MADE_UP, url)).unwrap();
    }
}

#[test]
fn the_async_transports_record_and_replay_the_same() {
    let emulator = emulator();
    let transport = |request: Request<Bytes>, limit: usize| std::future::ready(emulator.send(request, limit));
    let recorder = Recorder::new(transport, RECORDED.credentials());
    now(run_async(RECORDED.login(), &recorder)).unwrap();
    let cassette = recorder.cassette();
    let blocking = Recorder::new(self::emulator(), RECORDED.credentials());
    run(RECORDED.login(), &blocking).unwrap();
    assert_eq!(cassette.to_string(), blocking.cassette().to_string());

    let player = Player::new(cassette, MADE_UP.credentials());
    let token = now(run_async(MADE_UP.login(), &player)).unwrap();
    assert_eq!(token.expose_secret(), "<location-token-1>");
    player.finish().unwrap();
}

#[test]
fn interactions_are_recorded_in_the_order_they_began_and_one_without_a_response_is_not_recorded() {
    let sends = Cell::new(0);
    let transport = |_: Request<Bytes>, _: usize| {
        sends.set(sends.get() + 1);
        let first = sends.get() == 1;
        let mut polled = false;
        std::future::poll_fn(move |_| match first && !std::mem::replace(&mut polled, true) {
            true => Poll::Pending,
            false => Poll::Ready(Ok::<_, Infallible>(Response::new(vec![]))),
        })
    };
    let recorder = Recorder::new(transport, RECORDED.credentials());
    let mut context = Context::from_waker(Waker::noop());
    let mut slow = pin!(recorder.send(get("https://api.example.com/slow"), 0));
    assert!(slow.as_mut().poll(&mut context).is_pending());
    now(recorder.send(get("https://api.example.com/quick"), 0)).unwrap();
    let lines = |cassette: &Cassette| cassette.to_string().matches("\"path\": \"/").count();
    assert_eq!(lines(&recorder.cassette()), 1, "the slow one has no response yet");
    assert!(slow.as_mut().poll(&mut context).is_ready());
    let text = recorder.cassette().to_string();
    assert!(text.find("/slow").unwrap() < text.find("/quick").unwrap(), "{text}");
}

#[test]
fn the_recorder_learns_from_the_requests_which_credentials_it_was_not_given() {
    let recorder = Recorder::new(emulator(), Credentials::new(&RECORDED.app()));
    run(RECORDED.login(), &recorder).unwrap();
    // A token from before, and another App's key.
    let saved = r#"{"version": 1, "environment": "staging", "kind": "location", "location": "loc-1", "access_token": "old-token-5"}"#;
    let token = serde_json::from_str::<SavedToken>(saved).unwrap().try_into().unwrap();
    let mut call = RECORDED.call(token, false);
    call.headers_mut().insert("x-api-key", "another-key-6".parse().unwrap());
    recorder.send(call, RESPONSE_LIMIT).unwrap();
    let text = recorder.cassette().to_string();
    for placeholder in ["<email>", "<password>", "Bearer <location-token-2>", "<api-key-2>"] {
        assert!(text.contains(&format!("\"{placeholder}\"")), "{placeholder} in {text}");
    }
    for secret in [RECORDED.email, RECORDED.password, "old-token-5", "another-key-6"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn a_token_is_redacted_in_the_response_that_issued_it_and_in_later_ones() {
    let issues = response(200, &[("x-request-id", "u-7f3a")], r#"{"access_token": "u-7f3a"}"#);
    let repeats = response(401, &[], r#"{"error": "u%2D7f3a was not taken back", "message": "ask for u-7f3a"}"#);
    let recorder = Recorder::new(answers(vec![issues, repeats]), RECORDED.credentials());
    for _ in 0..2 {
        let login = RECORDED.app().user_login(RECORDED.email, RECORDED.password).unwrap();
        recorder.send(login.request(), RESPONSE_LIMIT).unwrap();
    }
    let text = recorder.cassette().to_string();
    assert!(!text.contains("7f3a") && text.contains(r#""x-request-id": "<user-token-1>""#), "{text}");
}

#[test]
fn a_calls_bodies_are_recorded_only_as_far_as_the_program_keeps_them() {
    let exchange = |keep: fn(&str) -> Option<String>, body: &str| {
        let transport = answers(vec![response(200, &[("content-type", "application/json")], body)]);
        let recorder = Recorder::new(transport, RECORDED.credentials()).keep_bodies(move |_, body| keep(body));
        let mut call = Request::post("https://api.example.com/contacts").body(Bytes::from("Ann Other")).unwrap();
        call.headers_mut().insert("content-type", "text/plain; charset=utf-8".parse().unwrap());
        recorder.send(call, RESPONSE_LIMIT).unwrap();
        let text = recorder.cassette().to_string();
        assert!(!text.contains("Ann") && text.contains("\"content-type\": \"text/plain\""), "{text}");
        text
    };
    assert!(exchange(|_| None, r#"{"name": "Ann"}"#).contains(r#""withheld": "not kept""#));
    let kept = exchange(|body| Some(body.replace("Ann", "…")), r#"{"name": "Ann", "by": "owner@salon.test", "n": 7}"#);
    assert!(
        kept.contains(r#""name": "…""#) && kept.contains(r#""by": "<email>""#) && kept.contains(r#""n": 7"#),
        "{kept}"
    );
    assert!(exchange(|_| Some("<p>real-password-4</p>".into()), "<p>").contains(r#""text": "<withheld>""#));
    assert!(exchange(|_| Some("<p>none</p>".into()), "<p>").contains(r#""text": "<p>none</p>""#));
    let empty = exchange(|_| panic!("there is nothing to keep"), "");
    assert!(!empty.contains("withheld") && !empty.contains("\"text\""), "{empty}");
}

#[test]
fn an_unreadable_body_is_withheld_and_the_program_still_receives_it() {
    let gzip = [("content-encoding", "gzip")];
    let long = format!(r#"{{"error": "{}"}}"#, "x".repeat(RESPONSE_LIMIT));
    type Case<'a> = (u16, &'a [(&'a str, &'a str)], &'a [u8], &'a str);
    let cases: [Case<'_>; 11] = [
        (200, &[], b"<p>u-7f3a</p>", "not JSON that can be looked through"),
        (401, &[], b"u-7f3a", "not JSON that can be looked through"),
        (401, &[], br#"{"error": "u-7f3a", "error": "no"}"#, "not JSON that can be looked through"),
        (401, &[], br#"[[[[[[[["u-7f3a"]]]]]]]]"#, "not JSON that can be looked through"),
        (401, &[], br#"{"error": "u-7f3a"} {}"#, "not JSON that can be looked through"),
        (200, &[], br#"{"access_token": "u-7f3a", "access_token": "u-7f3a"}"#, "not JSON that can be looked through"),
        (401, &[], b"{\"error\": \"u-7f3a\xff\"}", "not UTF-8"),
        (401, &gzip, br#"{"error": "u-7f3a"}"#, "encoded"),
        (401, &[], long.as_bytes(), "too long"),
        (200, &[], br#"{"access_token": "u-7f3a "}"#, "holds a token that cannot be used"),
        (401, &[], br#"{"real-password-4": "u-7f3a"}"#, "repeats a credential"),
    ];
    for (status, headers, body, reason) in cases {
        let recorder = Recorder::new(answers(vec![response(status, headers, body)]), RECORDED.credentials());
        let login = RECORDED.app().user_login(RECORDED.email, RECORDED.password).unwrap();
        let answered = recorder.send(login.request(), RESPONSE_LIMIT).unwrap();
        assert_eq!((answered.status().as_u16(), answered.body().as_slice()), (status, body));
        let text = recorder.cassette().to_string();
        assert!(text.contains(&format!(r#""withheld": "{reason}""#)) && !text.contains("u-7f3a"), "{text}");

        // The replay of a refusal has no words; there is no replay of a token.
        let player = Player::new(recorder.cassette(), MADE_UP.credentials());
        let login = MADE_UP.app().user_login(MADE_UP.email, MADE_UP.password).unwrap();
        match player.answer(login.request()) {
            Ok(response) => assert_eq!((response.status().as_u16(), response.body().len()), (401, 0)),
            Err(error) => {
                assert_eq!((status, error), (200, CassetteError::Withheld { number: 1, reason: reason.into() }))
            }
        }
    }
}

/// The blocking half.
trait Answer {
    fn answer(&self, request: Request<Bytes>) -> Result<Response<Vec<u8>>, CassetteError>;
}

impl Answer for Player {
    fn answer(&self, request: Request<Bytes>) -> Result<Response<Vec<u8>>, CassetteError> {
        Transport::send(self, request, RESPONSE_LIMIT)
    }
}

#[test]
fn a_success_is_recorded_with_no_text_but_the_tokens_placeholder() {
    let body = r#"{"access_token": "u-7f3a", "token_type": "Bearer", "refresh_token": "r-7f3a", "expires_in": 3600, "scope": ["a", null, true, ""]}"#;
    let recorder = Recorder::new(answers(vec![response(200, &[], body)]), RECORDED.credentials());
    run(RECORDED.app().user_login(RECORDED.email, RECORDED.password).unwrap(), &recorder).unwrap();
    let text = recorder.cassette().to_string();
    let body: serde_json::Value = serde_json::from_str(&text).unwrap();
    let withheld = serde_json::json!({
        "access_token": "<user-token-1>", "token_type": "<withheld>", "refresh_token": "<withheld>", "expires_in": 3600,
        "scope": ["<withheld>", null, true, ""],
    });
    assert_eq!(body["interactions"][0]["response"]["json"], withheld);
}

#[test]
fn a_refusal_is_replayed_with_the_same_words_about_the_made_up_owner() {
    let body = r#"{"error": "invalid_grant", "message": "no user owner@salon.test", "token": "t-7f3a"}"#;
    let headers = [("x-request-id", "7f3a"), ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let dated = [("date", "Sun, 06 Nov 1994 08:49:07 GMT"), headers[0], headers[1]];
    let recorder = Recorder::new(answers(vec![response(401, &dated, body)]), RECORDED.credentials());
    let refused = run(RECORDED.login(), &recorder).unwrap_err();
    let text = recorder.cassette().to_string();
    assert!(text.contains("no user <email>") && !text.contains("t-7f3a"), "{text}");
    let replayed = run(MADE_UP.login(), &Player::new(recorder.cassette(), MADE_UP.credentials())).unwrap_err();
    assert_eq!(replayed.to_string(), refused.to_string());
    assert!(replayed.to_string().contains("no user [email]") && replayed.to_string().contains("asking to wait 30 s"));
}

/// What a recording of this body holds in its place, once it was written, read and written again.
fn kept_and_read(body: &str) -> String {
    let transport = answers(vec![response(200, &[("content-type", "application/json")], body)]);
    let recorder = Recorder::new(transport, RECORDED.credentials()).keep_bodies(|_, body| Some(body.to_owned()));
    recorder.send(get("https://api.example.com/contacts"), RESPONSE_LIMIT).unwrap();
    let written = recorder.cassette().to_string();
    let again = written.parse::<Cassette>().unwrap().to_string();
    assert_eq!(again, written, "{body}");
    let json = again.rsplit_once("\"json\": ").expect("the body is JSON").1;
    json.split_whitespace().next().unwrap().into()
}

#[test]
fn a_number_is_recorded_and_read_back_as_the_service_wrote_it() {
    // A reader that does not round to the nearest takes some of these for their neighbours.
    for number in [
        "3.3333333333333334e+31",
        "1.0715660986400252e+308",
        "-2.2250738585072014e-308",
        "7.038531e-26",
        "8.5899345921e+31",
        "0.000030000000000000004",
        "5e-324",
        "0.1",
        "-7",
        "9007199254740993",
        "18446744073709551615",
    ] {
        let read: f64 = number.parse().unwrap();
        let kept = kept_and_read(number);
        assert_eq!(kept.parse::<f64>().unwrap().to_bits(), read.to_bits(), "{number} became {kept}");
    }
    for integer in ["-7", "9007199254740993", "18446744073709551615"] {
        assert_eq!(kept_and_read(integer), integer);
    }
    // As serde_json gives it, if another crate of the program turns on its `arbitrary_precision`.
    assert_eq!(kept_and_read(r#"{"$serde_json::private::Number": "1.5"}"#), "1.5");
}

/// Damages a file of 0.1 by one replacement.
fn read(from: &str, to: &str) -> Result<Cassette, CassetteError> {
    assert!(OF_0_1.contains(from), "{from}");
    OF_0_1.replacen(from, to, 1).parse()
}

#[test]
fn an_invalid_cassette_is_refused_and_not_quoted() {
    let damaged = |at: &str| CassetteError::Damaged { at: at.into() };
    for (from, to, error) in [
        (OF_0_1, "", damaged("line 1")),
        (OF_0_1, "{}", damaged("line 1")),
        (OF_0_1, "[]", damaged("line 1")),
        (OF_0_1, r#"{"version": 1}"#, damaged("line 1")),
        (OF_0_1, r#"{"version": "1", "interactions": []}"#, damaged("line 1")),
        (OF_0_1, r#"{"version": 2}"#, CassetteError::UnknownVersion),
        (OF_0_1, r#"{"version": 1.5}"#, CassetteError::UnknownVersion),
        ("\"version\": 1", "\"version\": 2", CassetteError::UnknownVersion),
        ("\"interactions\"", "<<<<<<< \"interactions\"", damaged("line 3")),
        ("\"method\": \"POST\",", "", damaged("interaction 1")),
        ("\"POST\"", "7", damaged("interaction 1")),
        ("\"query\": []", "\"query\": [7]", damaged("interaction 1")),
        ("\"status\": 200", "\"status\": 99", damaged("interaction 1")),
        ("\"status\": 200", "\"status\": 65736", damaged("interaction 1")),
        ("\"<password>\"", "null", damaged("interaction 1")),
        ("\"status\": 200", "\"status\": 200, \"text\": \"\"", damaged("interaction 1")),
        ("\"status\": 200", "\"status\": 200, \"status\": 201", damaged("line 22")),
    ] {
        assert_eq!(read(from, to).unwrap_err(), error, "{to}");
    }
    let cut = OF_0_1[..OF_0_1.len() / 2].parse::<Cassette>().unwrap_err();
    assert!(matches!(cut, CassetteError::Damaged { .. }));
    assert!(read("\"version\": 1", "\"version\": 1, \"comment\": \"read over\"").is_ok());
}

#[test]
fn a_request_that_differs_fails_with_the_difference_and_no_credential() {
    let [step_1, step_2] = {
        let login = MADE_UP.login();
        let first = login.request();
        [first, support::next(login, &support::token_response("<user-token-1>")).request()]
    };
    let changed = |request: &Request<Bytes>, change: &dyn Fn(&mut Request<Bytes>)| {
        let mut request = request.clone();
        change(&mut request);
        request
    };
    let header = |name: &'static str, value: &'static str| {
        move |request: &mut Request<Bytes>| _ = request.headers_mut().insert(name, value.parse().unwrap())
    };
    let body = |text: &'static str| move |request: &mut Request<Bytes>| *request.body_mut() = text.into();
    let uri = |uri: &'static str| move |request: &mut Request<Bytes>| *request.uri_mut() = uri.parse().unwrap();
    type Case<'a> = (&'a Request<Bytes>, &'a dyn Fn(&mut Request<Bytes>), &'static str, &'a str, &'a str);
    let cases: [Case<'_>; 11] = [
        (&step_1, &|request| *request.method_mut() = http::Method::PUT, "method", "PUT", "POST"),
        (&step_1, &uri("https://api.example.com/v2/made-up%40example.com"), "path", "/v2/<email>", "/user_token"),
        (&step_1, &uri("https://api.example.com/user_token?page=2"), "query", "page", ""),
        (&step_1, &header("accept", "*/*"), "headers", "accept: */*", "accept: application/json"),
        (&step_1, &header("x-api-key", "wrong"), "headers", "x-api-key: <withheld>", "x-api-key: <api-key>"),
        (&step_1, &header("x-api-key", "token"), "headers", "x-api-key: <withheld>", "x-api-key: <api-key>"),
        (
            &step_2,
            &header("authorization", "Bearer wrong"),
            "headers",
            "authorization: <withheld>",
            "authorization: Bearer <user-token-1>",
        ),
        (
            &step_2,
            &|request| _ = request.headers_mut().remove("authorization"),
            "headers",
            "",
            "authorization: Bearer <user-token-1>",
        ),
        (
            &step_1,
            &body(
                r#"{"email": "made-up@example.com", "password": "wrong", "client_id": "client", "client_secret": "secret"}"#,
            ),
            "body",
            "password: <withheld>",
            "password: <password>",
        ),
        (
            &step_1,
            &body(
                r#"{"email": "token", "password": "made-up@example.com", "client_id": "client", "client_secret": "secret"}"#,
            ),
            "body",
            "email: <withheld>",
            "email: <email>",
        ),
        (&step_1, &body("wrong"), "body", "", "client_id: <client-id>"),
    ];
    for (request, change, part, sent, recorded) in cases {
        let number = if std::ptr::eq(request, &step_1) { 1 } else { 2 };
        let player = Player::new(OF_0_1.parse().unwrap(), MADE_UP.credentials());
        if number == 2 {
            player.answer(step_1.clone()).unwrap();
        }
        let error = player.answer(changed(request, change)).unwrap_err();
        let expected = CassetteError::Differs { number, part, sent: sent.into(), recorded: recorded.into() };
        assert_eq!(error, expected);
        assert_eq!(Transport::delivery(&player, &error), Delivery::Unsendable);
        // It was not used up.
        player.answer(request.clone()).unwrap();
    }
    let expected =
        "request 1 differs from the recorded one in its path (sent \"/v2/<email>\", recorded \"/user_token\"): ";
    let player = Player::new(OF_0_1.parse().unwrap(), MADE_UP.credentials());
    let error = player.answer(changed(&step_1, &uri("https://api.example.com/v2/made-up%40example.com"))).unwrap_err();
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn a_request_out_of_order_a_surplus_one_and_a_missing_one_are_reported() {
    let player = || Player::new(OF_0_1.parse().unwrap(), MADE_UP.credentials());
    let login = MADE_UP.login();
    let step_1 = login.request();
    let step_2 = support::next(login, &support::token_response("<user-token-1>")).request();

    let error = player().answer(step_2.clone()).unwrap_err();
    // Before the user token is issued nobody can have it.
    assert!(matches!(
        error,
        CassetteError::Differs { number: 1, .. } | CassetteError::OutOfOrder { number: 1, recorded: 2, .. }
    ));

    let early = player();
    early.answer(step_1.clone()).unwrap();
    let mut call = get("https://api.example.com/locations/loc-1/contacts?page=2");
    call.headers_mut().insert("x-api-key", "key".parse().unwrap());
    call.headers_mut().insert("authorization", "Bearer <location-token-1>".parse().unwrap());
    let line = "GET /locations/loc-1/contacts".to_owned();
    let error = early.answer(call.clone()).unwrap_err();
    assert_eq!(error, CassetteError::OutOfOrder { number: 2, line: line.clone(), recorded: 3 });

    let missing = early.finish().unwrap_err();
    let second = "POST /locations/loc-1/token".to_owned();
    assert_eq!(missing, CassetteError::Missing { count: 2, number: 2, line: second });

    early.answer(step_2).unwrap();
    early.answer(call.clone()).unwrap();
    early.finish().unwrap();
    assert_eq!(early.answer(call).unwrap_err(), CassetteError::Surplus { number: 4, line });

    assert_eq!(Transport::send(&player(), step_1, 10).unwrap_err(), CassetteError::TooLarge { number: 1 });
}

#[test]
fn a_placeholder_in_the_services_own_text_is_withheld() {
    let body = r#"{"error": "<user-token-1>", "message": "ask <password> for it", "detail": "<withheld>"}"#;
    let recorder = Recorder::new(answers(vec![response(401, &[], body)]), RECORDED.credentials());
    run(RECORDED.login(), &recorder).unwrap_err();
    let text = recorder.cassette().to_string();
    assert_eq!(text.matches("\"<withheld>\"").count(), 3, "{text}");
}

#[test]
fn a_credential_of_a_request_is_in_no_interaction_before_or_after_it() {
    let app = RECORDED.app();
    let call = |token: &str, in_query: bool| {
        let exchange = app.location("loc-1").unwrap().exchange(&support::user_token(&app)).unwrap();
        let Ok(Progress::Done(token)) = exchange.receive(&support::token_response(token)) else { unreachable!() };
        RECORDED.call(token, in_query)
    };
    let in_query = |token| call(token, true);
    let in_header = |token| call(token, false);
    let authorized = |values: &[&'static str]| {
        let mut request = get("https://api.example.com/x");
        for value in values {
            request.headers_mut().append("authorization", http::HeaderValue::from_static(value));
        }
        request
    };
    for (what, requests, bodies) in [
        ("in a query, and in its own answer", vec![in_query("t-9")], vec![r#"{"next":"/x?access_token=t-9"}"#]),
        ("in a header, and in its own answer", vec![in_header("t-9")], vec![r#"{"next":"/x?t=t-9"}"#]),
        ("in the answer before", vec![in_header("t-1"), in_header("t-9")], vec![r#"{"list":[{"value":"t-9"}]}"#, "{}"]),
        ("in the path before", vec![get("https://api.example.com/t-9"), in_query("t-9")], vec!["", ""]),
        (
            "in the words before, with another spelling",
            vec![get("https://api.example.com/x"), in_query("t-9")],
            vec!["%74-9", ""],
        ),
        (
            "in a query with a semicolon",
            vec![get("https://api.example.com/x?page=1;access_token=t-9")],
            vec!["[\"t-9\"]"],
        ),
        ("in an encoded parameter", vec![get("https://api.example.com/x?access%5Ftoken=t-9")], vec!["[\"t-9\"]"]),
        ("in a parameter of capitals", vec![get("https://api.example.com/x?ACCESS_TOKEN=t-9")], vec!["[\"t-9\"]"]),
        ("behind another scheme", vec![authorized(&["Basic t-9"])], vec!["[\"t-9\"]"]),
        ("behind a scheme in small letters", vec![authorized(&["bearer t-9"])], vec!["[\"t-9\"]"]),
        ("behind no scheme", vec![authorized(&["t-9"])], vec!["[\"t-9\"]"]),
        ("in the second header", vec![authorized(&["Bearer t-1", "Bearer t-9"])], vec!["[\"t-9\"]"]),
        ("in the answer after", vec![in_query("t-9"), in_query("t-1")], vec!["{}", r#"{"old":"t-9"}"#]),
    ] {
        let answers = answers(bodies.iter().map(|body| response(200, &[], body)).collect());
        let recorder = Recorder::new(answers, RECORDED.credentials()).keep_bodies(|_, body| Some(body.to_owned()));
        for request in requests {
            recorder.send(request, RESPONSE_LIMIT).unwrap();
        }
        let text = recorder.cassette().to_string();
        assert!(!text.contains("t-9") && !text.contains("%74-9"), "{what}: {text}");
    }
}

#[test]
fn a_token_that_the_recorder_was_given_is_struck_out_wherever_the_program_puts_it() {
    let app = RECORDED.app();
    let user = support::user_token(&app);
    let exchange = app.location("loc-1").unwrap().exchange(&user).unwrap();
    let Ok(Progress::Done(token)) = exchange.receive(&support::token_response("t-9")) else { unreachable!() };
    let credentials = RECORDED.credentials().location_token(&token).user_token(&user);
    let user = user.expose_secret();
    for (what, url, body) in [
        ("in a query of another name", "https://api.example.com/x?t=t-9".to_owned(), String::new()),
        ("in a path", format!("https://api.example.com/{user}/t-9"), String::new()),
        ("in a response", "https://api.example.com/x".to_owned(), format!(r#"["t-9", "{user}"]"#)),
    ] {
        let recorder = Recorder::new(answers(vec![response(200, &[], body)]), credentials.clone());
        let recorder = recorder.keep_bodies(|_, body| Some(body.to_owned()));
        recorder.send(get(&url), RESPONSE_LIMIT).unwrap();
        let text = recorder.cassette().to_string();
        assert!(!text.contains("t-9") && !text.contains(&format!("{user}\"")), "{what}: {text}");
        assert!(!text.contains(&format!("/{user}")), "{what}: {text}");
    }
}
