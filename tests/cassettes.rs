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
use location_auth::transports::{
    AsyncTransport, Cause, RESPONSE_LIMIT, RunError, SendError, SendErrorKind, Transport, run, run_async,
};
use location_auth::{App, Bytes, Delivery, Flow, LocationAccessToken, LocationLogin, Progress, SavedToken, Session};
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

/// What is written of these requests and of their answers, of which the program keeps all.
fn written(credentials: Credentials, requests: Vec<Request<Bytes>>, responses: Vec<Response<Vec<u8>>>) -> String {
    let recorder = Recorder::new(answers(responses), credentials).keep_bodies(|_, body| Some(body.to_owned()));
    for request in requests {
        recorder.send(request, RESPONSE_LIMIT).unwrap();
    }
    recorder.cassette().to_string()
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
    let [text, of_0_1]: [serde_json::Value; 2] =
        [text.as_str(), OF_0_1].map(|text| serde_json::from_str(text).unwrap());
    assert_eq!(text, of_0_1);
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
    assert!(matches!(&error, CassetteError::Differs { number: 3, part, .. } if part == "query"), "{error}");
}

/// What a recording of this call holds of its request, and what the replay of another call says.
fn replayed(recorded: &Request<Bytes>, sent: Request<Bytes>) -> (serde_json::Value, Result<(), CassetteError>) {
    let recorder = Recorder::new(answers(vec![response(204, &[], "")]), RECORDED.credentials());
    recorder.send(recorded.clone(), 0).unwrap();
    let cassette = recorder.cassette().to_string();
    let written: serde_json::Value = serde_json::from_str(&cassette).unwrap();
    let player = Player::new(cassette.parse().unwrap(), MADE_UP.credentials());
    (written["interactions"][0]["request"].clone(), player.answer(sent).map(drop))
}

#[test]
fn a_part_of_a_request_that_could_hold_a_secret_is_withheld_and_is_not_replayed() {
    let call = |who: Who, url: &str, header: &str| {
        let mut call = get(&url.replace("EMAIL", who.email).replace("PASSWORD", who.password));
        call.headers_mut().insert("accept", header.replace("PASSWORD", who.password).parse().unwrap());
        call
    };
    for (url, accept, part) in [
        ("/users/EMAIL/x", "*/*", None),
        ("/users/PASSWORD/x", "*/*", Some("path")),
        ("/users/x-PASSWORD/x", "*/*", Some("path")),
        ("/users/%2570ASSWORD%252f/%72eal-password-4", "*/*", Some("path")),
        ("/x/access_token=new", "*/*", Some("path")),
        ("/x/%7B%22a%22:1%7D", "*/*", Some("path")),
        ("/x/%ff", "*/*", Some("path")),
        ("/x?PASSWORD=1&y=EMAIL", "*/*", Some("query")),
        ("/x?y-PASSWORD=1", "*/*", Some("query")),
        ("/x?PASSWORD", "*/*", Some("query")),
        ("/x?y=2&z=x-PASSWORD", "*/*", Some("query")),
        ("/x?y=PASSWORD", "*/*", None),
        ("/x", "text/PASSWORD", Some("accept")),
    ] {
        let url = format!("https://api.example.com{url}");
        let (written, outcome) = replayed(&call(RECORDED, &url, accept), call(MADE_UP, &url, accept));
        assert!(!written.to_string().contains(RECORDED.password), "{written}");
        let Some(part) = part else {
            outcome.unwrap();
            continue;
        };
        let error = outcome.unwrap_err();
        let expected = CassetteError::Withheld { number: 1, part: part.into(), reason: SECRET.into() };
        assert_eq!(error, expected, "{url} {written}");
        assert!(
            error.to_string().starts_with(&format!("request 1 can't be replayed, because its {part} was withheld"))
        );
    }
}

#[test]
fn a_query_is_compared_as_a_set_of_names_and_of_the_values_that_were_kept() {
    for (recorded, sent, is_same) in [
        ("a=1&b=2", "b=3&a=4", true),
        ("q[]=1&page=2", "page=2&q%5B%5D=1", true),
        ("q%5b%5d=1", "q[]=1", true),
        ("filter%5Bname%5D=x&sort", "sort=&filter[name]=y", true),
        ("a=1&&b=2&", "b=1&a=2", true),
        ("page_token=abc", "page_token=def", true),
        ("a=1", "a=1&b=2", false),
        ("a=1&b=2", "a=1", false),
        ("a=1", "A=1", false),
        ("q[]=1", "q=1", false),
        ("t=real-password-4&a=1", "a=2&t=token", true),
        ("t=real-password-4&a=1", "a=2&t=tokens", false),
        ("t=real%2Dpassword-4", "t=t%6Fken", true),
        ("t=1", "t=token", true),
    ] {
        let call = |query: &str| get(&format!("https://api.example.com/x?{query}"));
        let (written, outcome) = replayed(&call(recorded), call(sent));
        let differs = matches!(&outcome, Err(CassetteError::Differs { part, .. }) if part == "query");
        assert!(if is_same { outcome.is_ok() } else { differs }, "{recorded} {sent}: {outcome:?} {written}");
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
fn a_recorder_tells_of_a_failure_what_its_transport_tells_and_records_nothing_of_it() {
    let error = || SendError::new(SendErrorKind::TimedOut, Delivery::NotSent, None);
    let blocking = Recorder::new(|_, _| Err::<Response<Vec<u8>>, _>(error()), RECORDED.credentials());
    let sent = Transport::send(&blocking, get("https://api.example.com/x"), 0).unwrap_err();
    let told = (Transport::delivery(&blocking, &sent), Transport::kind(&blocking, &sent));
    assert_eq!(told, (Delivery::NotSent, SendErrorKind::TimedOut));
    let asynchronous =
        Recorder::new(|_, _| std::future::ready(Err::<Response<Vec<u8>>, _>(error())), RECORDED.credentials());
    let sent = now(AsyncTransport::send(&asynchronous, get("https://api.example.com/x"), 0)).unwrap_err();
    let told = (AsyncTransport::delivery(&asynchronous, &sent), AsyncTransport::kind(&asynchronous, &sent));
    assert_eq!(told, (Delivery::NotSent, SendErrorKind::TimedOut));
    assert!(!blocking.cassette().to_string().contains("/x") && !asynchronous.cassette().to_string().contains("/x"));
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
    // A comma is a part of the password, not the end of it.
    let login = RECORDED.app().user_login(RECORDED.email, "real, password-4").unwrap();
    let text = written(Credentials::new(&RECORDED.app()), vec![login.request()], vec![response(401, &[], "{}")]);
    assert!(text.contains(r#""password": "<password>""#), "{text}");
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
        assert!(!text.contains("Ann") && text.contains("\"content-type\": \"text/plain; charset=utf-8\""), "{text}");
        text
    };
    assert!(exchange(|_| None, r#"{"name": "Ann"}"#).contains(r#""withheld": "not kept""#));
    let kept = exchange(|body| Some(body.replace("Ann", "…")), r#"{"name": "Ann", "by": "owner@salon.test", "n": 7}"#);
    assert!(
        kept.contains(r#""name": "…""#) && kept.contains(r#""by": "<email>""#) && kept.contains(r#""n": 7"#),
        "{kept}"
    );
    for empty in [exchange(|_| panic!("there is nothing to keep"), ""), exchange(|_| Some(" ".into()), "Ann")] {
        assert!(!empty.contains("withheld") && !empty.contains("\"json\""), "{empty}");
    }
}

/// What a cassette holds of the response to a call with this body, which the program keeps, and what its replay answers.
fn kept(response: Response<Vec<u8>>, request: Request<Bytes>) -> (String, Result<Response<Vec<u8>>, CassetteError>) {
    let recorder = Recorder::new(answers(vec![response.clone()]), RECORDED.credentials());
    let recorder = recorder.keep_bodies(|_, body| Some(body.to_owned()));
    assert_eq!(recorder.send(request.clone(), RESPONSE_LIMIT).unwrap().body(), response.body());
    let text = recorder.cassette().to_string();
    let cassette: Cassette = text.parse().unwrap();
    assert_eq!(cassette.to_string(), text);
    (text, Player::new(cassette, RECORDED.credentials()).answer(request))
}

const NOT_JSON: &str = "not JSON that can be looked through";
const SECRET: &str = "it could hold a secret";

#[test]
fn a_body_that_can_not_be_looked_through_is_withheld_and_is_not_replayed_as_another_one() {
    let deep = [r#"{"a":"#.repeat(9), r#"{"access_token":"new-7f3a"}"#.into(), "}".repeat(9)].concat();
    let cases: [(&[u8], &str); 17] = [
        (b"<p>new-7f3a</p>", NOT_JSON),
        (br#"{"a": 1, "\u0061": 2, "access_token": "new-7f3a"}"#, NOT_JSON),
        (br#"[[[[[[[["new-7f3a"]]]]]]]]"#, NOT_JSON),
        (deep.as_bytes(), NOT_JSON),
        (br#"{"access_token": "new-7f3a"} {}"#, NOT_JSON),
        (br#"{"a": "\ud800", "access_token": "new-7f3a"}"#, NOT_JSON),
        ("\u{feff}\u{feff}{\"access_token\": \"new-7f3a\"}".as_bytes(), NOT_JSON),
        (b"access_token=new-7f3a&expires_in=3600", NOT_JSON),
        (b"callback({\"access_token\": \"new-7f3a\"})", NOT_JSON),
        (br#"{"access_token": "new-7f3a",}"#, NOT_JSON),
        (br#"{"access_token": "new-7f3a", "a": 01}"#, NOT_JSON),
        (b"{\"access_token\": \"new-7f3a\tx\"}", NOT_JSON),
        (b"{\"access_token\": \"new-7f3a\"}\0", NOT_JSON),
        (b"{\"error\": \"new-7f3a\xff\"}", "not UTF-8"),
        (br#"{"real-password-4": "new-7f3a"}"#, SECRET),
        (br#"{"name": "access_token", "value": "new-7f3a"}"#, SECRET),
        (br#"["access_token", "new-7f3a"]"#, SECRET),
    ];
    for (body, reason) in cases {
        let login = RECORDED.app().user_login(RECORDED.email, RECORDED.password).unwrap();
        for (status, request) in [(200, get("https://api.example.com/x")), (401, login.request())] {
            let (text, replayed) = kept(response(status, &[], body), request);
            let is_said = text.contains(&format!(r#""withheld": "{reason}""#)) || reason == SECRET;
            assert!(is_said && !text.contains("7f3a"), "{text}");
            let part = "response's body".into();
            assert_eq!(replayed.unwrap_err(), CassetteError::Withheld { number: 1, part, reason: reason.into() });
        }
    }
    // What is encoded in name alone is replayed so.
    let answer = response(200, &[("content-encoding", "gzip")], r#"{"access_token": "new-7f3a"}"#);
    let (text, replayed) = kept(answer, get("https://api.example.com/x"));
    assert!(!text.contains("7f3a") && replayed.unwrap().headers()["content-encoding"] == "gzip", "{text}");
    // What a login does not take is no token, and a placeholder would be one.
    for (body, is_withheld) in [
        (r#"{"access_token": "new-7f3a "}"#, true),
        (r#"{"access_token": 33.333}"#, true),
        (r#"{"access_token": ["new-7f3a"]}"#, true),
        (r#"{"access_token": ""}"#, false),
        (r#"{"access_token": null, "errors": ["no"]}"#, false),
        (r#"{"data": {"access_token": "new-7f3a"}}"#, false),
    ] {
        let login = || RECORDED.app().user_login(RECORDED.email, RECORDED.password).unwrap();
        let (text, replayed) = kept(response(200, &[], body), login().request());
        assert!(!text.contains("7f3a") && !text.contains("33.3"), "{text}");
        match replayed {
            Ok(replayed) => {
                let [recorded, replayed] =
                    [response(200, &[], body), replayed].map(|r| login().receive(&r).unwrap_err());
                assert_eq!((replayed.error.kind(), is_withheld), (recorded.error.kind(), false), "{text}");
            }
            Err(error) => assert!(is_withheld && error.to_string().contains("(its token cannot be used)"), "{error}"),
        }
    }
}

#[test]
fn a_value_that_could_hold_a_secret_is_withheld_in_its_place() {
    for (body, is_kept) in [
        (r#"{"access_token":{"value":"new-7f3a"}}"#, r#"{"access_token":"<withheld>"}"#),
        (r#"{"accessToken":{"new-7f3a":true}}"#, r#"{"accessToken":"<withheld>"}"#),
        (r#"{"Access-Token":"new-7f3a","id":7}"#, r#"{"Access-Token":"<location-token-1>","id":7}"#),
        (
            r#"{"access_token":77777,"old":77777,"to":7.7777e4}"#,
            r#"{"access_token":"<withheld>","old":"<withheld>","to":"<withheld>"}"#,
        ),
        (r#"[{"name":"access_token","value":"new-7f3a"},1]"#, r#"["<withheld>",1]"#),
        (r#"{"a":["access_token","new-7f3a"],"b":1}"#, r#"{"a":"<withheld>","b":1}"#),
        (r#"{"a":{"real-password-4":"new-7f3a"},"b":1}"#, r#"{"a":"<withheld>","b":1}"#),
        (r#"{"log":"{\"access_token\":\"new-7f3a\"}"}"#, r#"{"log":"<withheld>"}"#),
        (r#"{"log":"\"new-7f3a\"","or":"[\"new-7f3a\"]"}"#, r#"{"log":"<withheld>","or":"<withheld>"}"#),
        (r#"{"log":"%7B%22access_token%22:%22new-7f3a%22%7D"}"#, r#"{"log":"<withheld>"}"#),
        (r#"{"log":"a=1&access_token=new-7f3a"}"#, r#"{"log":"<withheld>"}"#),
        (r#"{"log":"a=1&client%255Fsecret%253Dnew-7f3a"}"#, r#"{"log":"<withheld>"}"#),
        (r#"{"log":"access_token%25252525252525252525253Dnew-7f3a"}"#, r#"{"log":"<withheld>"}"#),
        (r#"{"log":"Set-Cookie: new-7f3a"}"#, r#"{"log":"<withheld>"}"#),
        (r#"{"log":"ask <password> for it","and":"<withheld>"}"#, r#"{"log":"<withheld>","and":"<withheld>"}"#),
        (
            r#"{"refresh_token":"new-7f3a","session_id":1,"api_key":["new-7f3a"],"password":null,"token":""}"#,
            r#"{"refresh_token":"<withheld>","session_id":"<withheld>","api_key":"<withheld>","password":null,"token":""}"#,
        ),
        (
            r#"{"$serde_json::private::Number":"new-7f3a access_token=other"}"#,
            r#"{"$serde_json::private::Number":"<withheld>"}"#,
        ),
        (
            r#"{"$serde_json::private::RawValue":"{\"access_token\":\"new-7f3a\"}"}"#,
            r#"{"$serde_json::private::RawValue":"<withheld>"}"#,
        ),
        (r#"{"n":1e999,"token":"new-7f3a"}"#, r#"{"n":1e999,"token":"<withheld>"}"#),
        // What is kept.
        (
            r#"{"a":[1,-0.0,true,null,"",[],{}],"next_page_token":"abc","sessions":[{"keys":[1]}],"name":"5 % off & more: a=b","ü":"Straße"}"#,
            "",
        ),
        (
            r#"{"next":"https://api.example.com/x?page=2&q[]=a%20b","at":"2026-11-30T10:20:30Z","to":"x\n\t\"x\" 'y'"}"#,
            "",
        ),
    ] {
        let (text, replayed) = kept(response(200, &[], body), get("https://api.example.com/x"));
        assert!(!text.contains("7f3a"), "{text}");
        let is_kept = if is_kept.is_empty() { body } else { is_kept };
        let replayed = replayed.unwrap().into_body();
        assert_eq!(String::from_utf8(replayed).unwrap(), is_kept, "{body}");
    }
}

#[test]
fn a_token_that_a_call_was_issued_or_sent_is_in_no_interaction_before_or_after_it() {
    for (sent, issued) in [
        ("", r#"{"access_token": "new-7f3a"}"#),
        ("", r#"{"data": [{"token": {"accessToken": {"value": "new-7f3a"}}}]}"#),
        ("", "grant=x&access_token=new-7f3a&expires_in=60"),
        ("", r#"{"a": 1, "a": 2, "access_token": "new-7f3a"}"#),
        ("", r#"{"body": "{\"access_token\": \"new-7f3a\"}"}"#),
        (r#"{"access_token": "new-7f3a"}"#, ""),
        ("access_token=new-7f3a", ""),
        ("a=1&Access%5FToken=new%2D7f3a", ""),
    ] {
        let bodies = ["{\"seen\": \"new-7f3a\"}", issued, "{\"seen\": \"of new%2D7f3a\"}", "[\"new-7f3a\"]", ""];
        let places = [("before", ""), ("x", sent), ("users/new-7f3a", ""), ("x?t=new-7f3a", ""), ("x?new-7f3a", "")];
        let calls = places.map(|(url, body)| {
            let call = Request::post(format!("https://api.example.com/{url}")).header("accept", "new-7f3a");
            call.body(Bytes::from(body)).unwrap()
        });
        let answers = bodies.map(|body| response(200, &[("x-request-id", "new-7f3a")], body));
        let text = written(RECORDED.credentials(), calls.into(), answers.into());
        assert!(!text.contains("7f3a"), "{sent} {issued}: {text}");
    }
    // A service that issues more than anybody looks for.
    let tokens: Vec<_> = (0..300).map(|n| format!(r#"{{"access_token": "new-{n}"}}"#)).collect();
    let calls = ["x", "new-299"].map(|end| get(&format!("https://api.example.com/{end}")));
    let answers = vec![response(200, &[], format!("[{}]", tokens.join(","))), response(200, &[], "")];
    assert!(!written(RECORDED.credentials(), calls.into(), answers).contains("new-"));
}

#[test]
fn a_link_to_the_next_page_is_kept_or_withheld() {
    for (links, is_kept) in [
        (&[r#"<https://api.example.com/contacts?page=2>; rel="next""#][..], true),
        (&["</contacts?page_token=abc>; rel=next", "</contacts?page=9>; rel=last"], true),
        (&[r#"</contacts?page=2&access_token=new-7f3a>; rel="next""#], false),
        (&[r#"</contacts?page=2&t=real-password-4>; rel="next""#], false),
        (&["</real%2Dpassword-4/x>; rel=next"], false),
        (&["</x>; rel=next", r#"</x?q=%7B%22a%22:1%7D>; rel="last""#], false),
    ] {
        let mut answer = response(200, &[], "");
        links.iter().for_each(|link| _ = answer.headers_mut().append("link", link.parse().unwrap()));
        let (text, replayed) = kept(answer, get("https://api.example.com/contacts"));
        assert!(!text.contains("7f3a") && !text.contains("password-4"), "{text}");
        match replayed {
            Ok(replayed) => assert!(is_kept && replayed.headers()["link"] == links.join(", ").as_str(), "{text}"),
            Err(error) => {
                assert!(!is_kept && matches!(&error, CassetteError::Withheld { part, .. } if part == "link"), "{error}")
            }
        }
    }
}

#[test]
fn a_character_that_does_not_print_or_turns_the_text_is_written_as_an_escape() {
    let raw = "\u{202e}\u{9b}\u{7f}\u{1b}\u{2066}\u{200b}\u{feff}\u{2028}\u{ad}\u{e0041}\u{61c}";
    let body =
        format!(r#"{{"{raw}": "\u202e{}", "kept": "é ü ß 漢 🎉 … ' \" /"}}"#, raw.replace(['\u{1b}', '\u{7f}'], ""));
    let body = body.replacen('\u{1b}', "\\u001b", 1);
    let (text, replayed) = kept(response(200, &[], &body), get("https://api.example.com/x"));
    assert_eq!(text.chars().find(|c| raw.contains(*c)), None, "{text:?}");
    assert!(text.contains(r#""kept": "é ü ß 漢 🎉 … ' \" /""#) && text.contains("\\u202e\\u009b"), "{text}");
    let [sent, replayed]: [serde_json::Value; 2] =
        [body.as_bytes(), replayed.unwrap().body()].map(|body| serde_json::from_slice(body).unwrap());
    assert_eq!(replayed, sent);
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
fn of_a_success_of_a_token_request_the_token_alone_is_written() {
    let body = r#"{"access_token": "u-7f3a", "token_type": "Bearer", "refresh_token": "r-7f3a", "expires_in": 3600}"#;
    let login = RECORDED.app().user_login(RECORDED.email, RECORDED.password).unwrap();
    let text = written(RECORDED.credentials(), vec![login.request()], vec![response(200, &[], body)]);
    let text: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text["interactions"][0]["response"]["json"], serde_json::json!({"access_token": "<user-token-1>"}));
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

#[test]
fn a_number_is_replayed_as_the_service_wrote_it() {
    let numbers = "3.3333333333333334e+31 1.8446744073709551615e19 -2.2250738585072014e-308 1E400 5e-324 0.10 -0 \
                   -7 9007199254740993 18446744073709551616 340282366920938463463374607431768211456123456789";
    for number in numbers.split_whitespace() {
        let (_, replayed) = kept(response(200, &[], number), get("https://api.example.com/x"));
        assert_eq!(replayed.unwrap().body(), number.as_bytes());
    }
    // A credential of digits is none of them, also where its spelling is shorter than itself.
    for (secret, number) in [
        ("184467440737095516159", "184467440737095516159"),
        ("184467440737095516159", "-184467440737095516159"),
        ("184467440737095516159", "1.84467440737095516159e20"),
        ("184467440737095516159", "5184467440737095516159"),
        ("100000000000000000000", "1e20"),
    ] {
        let login = RECORDED.app().user_login(RECORDED.email, secret).unwrap();
        let body = format!(r#"{{"error": "sent {number}", "sent": [{number}], "status": 7}}"#);
        let credentials = Credentials::new(&RECORDED.app());
        let text = written(credentials, vec![login.request()], vec![response(401, &[], body)]);
        assert!(!text.contains(number) && text.contains(r#""status": 7"#), "{text}");
    }
}

/// Damages a file of 0.1 by one replacement.
fn read(from: &str, to: &str) -> Result<Cassette, CassetteError> {
    assert!(OF_0_1.contains(from), "{from}");
    OF_0_1.replacen(from, to, 1).parse()
}

#[test]
fn an_invalid_cassette_is_refused_and_not_quoted() {
    let (json, beginning) = ("\"json\": {\n          \"", "its beginning");
    let (request, response) = ("interaction 1, its request", "interaction 1, its response");
    for (from, to, damaged) in [
        (OF_0_1, "", "line 1"),
        (OF_0_1, "[]", beginning),
        (OF_0_1, r#"{"version": 1}"#, beginning),
        (OF_0_1, r#"{"version": "1", "interactions": []}"#, beginning),
        ("\"version\": 1", "\"version\": 1, \"comment\": 1", beginning),
        ("\"interactions\"", "<<<<<<< \"interactions\"", "line 3"),
        ("\"request\"", "\"Request\"", "interaction 1"),
        ("\"response\": {", "\"respond\": {", "interaction 1"),
        ("\"method\": \"POST\",", "", request),
        ("\"POST\"", "7", request),
        ("\"query\": []", "\"query\": [7]", request),
        ("\"query\"", "\"Query\"", request),
        (json, "\"JSON\": {\n          \"", request),
        ("\"<password>\"", "null", request),
        ("\"status\": 200", "\"status\": 99", response),
        ("\"status\": 200", "\"status\": 65736", response),
        ("\"status\": 200,", "", response),
        ("\"x-request-id\"", "\"x request id\"", response),
        ("\"status\": 200", "\"status\": 200, \"text\": \"\"", response),
    ] {
        assert_eq!(read(from, to).map(drop), Err(CassetteError::Damaged(damaged.into())), "{to}");
    }
    for version in ["2", "1.5", "2, \"more\": 1"] {
        let other = read("\"version\": 1", &format!("\"version\": {version}"));
        assert_eq!(other.map(drop), Err(CassetteError::UnknownVersion), "{version}");
    }
    let twice = read("\"status\": 200", "\"status\": 200, \"status\": 201").unwrap_err();
    assert!(
        twice.to_string().contains("a name that is there twice, a text that is none, or a value too deep"),
        "{twice}"
    );
    let cut = OF_0_1[..OF_0_1.len() / 2].parse::<Cassette>().unwrap_err();
    assert!(matches!(cut, CassetteError::Damaged(_)));
    // Version 0.1 kept a text that was no JSON.
    let old =
        read("\"json\": {\n          \"access_token\": \"<user-token-1>\"\n        }", "\"text\": \"<p>\"").unwrap();
    let error = MADE_UP.log_in_and_call(&Player::new(old, MADE_UP.credentials()), false).unwrap_err();
    assert!(matches!(error, CassetteError::Withheld { number: 1, .. }), "{error}");
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
    let member = |name: &'static str, value: &'static str| {
        move |request: &mut Request<Bytes>| {
            let mut body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            body[name] = value.into();
            *request.body_mut() = body.to_string().into();
        }
    };
    let uri = |uri: &'static str| move |request: &mut Request<Bytes>| *request.uri_mut() = uri.parse().unwrap();
    type Case<'a> = (&'a Request<Bytes>, &'a dyn Fn(&mut Request<Bytes>), &'static str, &'a str, &'a str);
    let cases: [Case<'_>; 11] = [
        (&step_1, &|request| *request.method_mut() = http::Method::PUT, "method", "PUT", "POST"),
        (&step_1, &uri("https://api.example.com/v2/made-up"), "path", "/v2/made-up", "/user_token"),
        (&step_1, &uri("https://api.example.com/user_token?page=2"), "query", "page", ""),
        (&step_1, &header("accept", "*/*"), "accept", "*/*", "application/json"),
        (&step_1, &header("x-api-key", "wrong"), "x-api-key", "<withheld>", "<api-key>"),
        (&step_1, &header("x-api-key", "token"), "x-api-key", "<password>", "<api-key>"),
        (&step_2, &header("authorization", "Bearer wrong"), "authorization", "<withheld>", "Bearer <user-token-1>"),
        (&step_2, &header("authorization", ""), "authorization", "", "Bearer <user-token-1>"),
        (&step_1, &member("password", "wrong"), "password", "<withheld>", "<password>"),
        (&step_1, &member("email", "token"), "email", "<password>", "<email>"),
        (&step_1, &|request| *request.body_mut() = "wrong".into(), "client_id", "", "<client-id>"),
    ];
    for (request, change, part, sent, recorded) in cases {
        let number = if std::ptr::eq(request, &step_1) { 1 } else { 2 };
        let player = Player::new(OF_0_1.parse().unwrap(), MADE_UP.credentials());
        if number == 2 {
            player.answer(step_1.clone()).unwrap();
        }
        let error = player.answer(changed(request, change)).unwrap_err();
        let expected =
            CassetteError::Differs { number, part: part.into(), sent: sent.into(), recorded: recorded.into() };
        assert_eq!(error, expected);
        assert_eq!(Transport::delivery(&player, &error), Delivery::Unsendable);
        // It was not used up.
        player.answer(request.clone()).unwrap();
    }
    let expected =
        "request 1 differs from the recorded one in its path (sent \"/v2/made-up\", recorded \"/user_token\"): ";
    let player = Player::new(OF_0_1.parse().unwrap(), MADE_UP.credentials());
    let error = player.answer(changed(&step_1, &uri("https://api.example.com/v2/made-up"))).unwrap_err();
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn a_request_out_of_order_a_surplus_one_and_a_missing_one_are_reported() {
    let player = || Player::new(OF_0_1.parse().unwrap(), MADE_UP.credentials());
    let login = MADE_UP.login();
    let step_1 = login.request();
    let step_2 = support::next(login, &support::token_response("<user-token-1>")).request();
    let error = player().answer(step_2.clone()).unwrap_err();
    assert!(matches!(&error, CassetteError::Differs { number: 1, part, .. } if part == "path"), "{error}");

    let early = player();
    early.answer(step_1.clone()).unwrap();
    let line = "POST /locations/loc-1/token".to_owned();
    assert_eq!(early.finish().unwrap_err(), CassetteError::Missing { number: 2, line });
    let mut call = get("https://api.example.com/locations/loc-1/contacts?page=2");
    call.headers_mut().insert("x-api-key", "key".parse().unwrap());
    call.headers_mut().insert("authorization", "Bearer <location-token-1>".parse().unwrap());
    early.answer(step_2).unwrap();
    early.answer(call.clone()).unwrap();
    early.finish().unwrap();
    let line = "GET /locations/loc-1/contacts".to_owned();
    assert_eq!(early.answer(call).unwrap_err(), CassetteError::Surplus { number: 4, line });
    assert_eq!(Transport::send(&player(), step_1, 10).unwrap_err(), CassetteError::TooLarge(1));
}

#[test]
fn a_request_that_no_adapter_sends_is_refused_by_the_player_in_the_same_way() {
    let call = |url: &str, (name, value): (&'static str, &'static str)| {
        let call = Request::post(url).header(name, value).body(Bytes::from("ten bytes!"));
        call.unwrap()
    };
    let (url, right) = ("https://api.example.com/x", ("content-length", "10"));
    let recorder = Recorder::new(answers(vec![response(200, &[], "")]), RECORDED.credentials());
    recorder.send(call(url, right), RESPONSE_LIMIT).unwrap();
    let player = Player::new(recorder.cassette(), RECORDED.credentials());
    for (url, header, kind) in [
        (url, ("content-length", "3"), SendErrorKind::Header("content-length")),
        (url, ("transfer-encoding", "chunked"), SendErrorKind::Header("transfer-encoding")),
        (url, ("te", "trailers"), SendErrorKind::Header("te")),
        (url, ("proxy-authorization", "Basic x"), SendErrorKind::Header("proxy-*")),
        ("http://api.example.com/x", right, SendErrorKind::Insecure),
    ] {
        let error = player.answer(call(url, header)).unwrap_err();
        let asked = (Transport::kind(&player, &error), Transport::delivery(&player, &error));
        assert_eq!(asked, (kind, Delivery::Unsendable), "{header:?}");
        assert_eq!(AsyncTransport::kind(&player, &error), kind);
        assert_eq!(error.to_string(), format!("request 1 is not sent: {kind}"));
        assert_eq!(now(AsyncTransport::send(&player, call(url, header), 0)).unwrap_err(), error);
    }
    // The recorded one was not used up.
    player.answer(call(url, right)).unwrap();
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
    let to = |end: &str| get(&format!("https://api.example.com/{end}"));
    // In a query or a header, in its own answer, in those before and after, in another spelling, behind any scheme.
    for (requests, bodies) in [
        (vec![in_query("t-9")], vec![r#"{"next":"/x?access_token=t-9"}"#]),
        (vec![in_header("t-9")], vec![r#"{"next":"/x?t=t-9"}"#]),
        (vec![in_header("t-1"), in_header("t-9")], vec![r#"{"list":[{"value":"t-9"}]}"#, "{}"]),
        (vec![to("t-9"), in_query("t-9")], vec!["", ""]),
        (vec![to("x"), in_query("t-9")], vec!["%74-9", ""]),
        (vec![to("x?page=1;access_token=t-9")], vec!["[\"t-9\"]"]),
        (vec![to("x?access%5Ftoken=t-9")], vec!["[\"t-9\"]"]),
        (vec![to("x?ACCESS_TOKEN=t-9")], vec!["[\"t-9\"]"]),
        (vec![authorized(&["Basic t-9"])], vec!["[\"t-9\"]"]),
        (vec![authorized(&["bearer t-9"])], vec!["[\"t-9\"]"]),
        (vec![authorized(&["t-9"])], vec!["[\"t-9\"]"]),
        (vec![authorized(&["Bearer t-1", "Bearer t-9"])], vec!["[\"t-9\"]"]),
        (vec![in_query("t-9"), in_query("t-1")], vec!["{}", r#"{"old":"t-9"}"#]),
    ] {
        let answers = bodies.iter().map(|body| response(200, &[], body)).collect();
        let text = written(RECORDED.credentials(), requests, answers);
        assert!(!text.contains("t-9") && !text.contains("%74-9"), "{bodies:?}: {text}");
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
        let text = written(credentials.clone(), vec![get(&url)], vec![response(200, &[], body)]);
        assert!(!text.contains("t-9") && !text.contains(&format!("{user}\"")), "{what}: {text}");
        assert!(!text.contains(&format!("/{user}")), "{what}: {text}");
    }
}
