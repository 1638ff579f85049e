//! What is allocated, counted; and what is freed, looked into: what the crate owns is wiped.

#[path = "support/memory.rs"]
mod memory;
mod support;

use http::{Response, StatusCode};
use location_auth::driver::{Call, Verdict};
use location_auth::{App, Flow, LocationLogin, Owner, Progress, SavedToken, Session, Settings, Step};
use memory::{allocations, in_use, left_behind};
use support::{EMAIL, app, next, settings, token_response};
use zeroize::Zeroizing;

#[global_allocator]
static ALLOCATOR: memory::Watching = memory::Watching;

const MARKER: &[u8] = b"m4rk3r-0f-4-s3cr3t";
const SECRET: &str = "m4rk3r-0f-4-s3cr3t";
const USER_TOKEN: &str = "user-m4rk3r-0f-4-s3cr3t";
const LOCATION_TOKEN: &str = "location-m4rk3r-0f-4-s3cr3t";

#[test]
fn constructor_request_and_receive_allocate_two_times_each() {
    let app = app();
    let location = app.location("loc-1").unwrap();
    let (user_response, location_response) = (token_response("user-token"), token_response("location-token"));

    let (constructor, login) = allocations(|| location.login(EMAIL, "a password").unwrap());
    let (request_1, _request) = allocations(|| login.request());
    let (receive_1, progress) = allocations(|| login.receive(&user_response).unwrap());
    let Progress::Next(login) = progress else { panic!("two steps") };
    let (request_2, _request) = allocations(|| login.request());
    let (receive_2, _progress) = allocations(|| login.receive(&location_response).unwrap());
    assert_eq!([constructor, request_1, receive_1, request_2, receive_2], [2, 2, 2, 2, 2]);

    let (constructor, login) = allocations(|| app.user_login(EMAIL, "a password").unwrap());
    let (request, _request) = allocations(|| login.request());
    let (receive, progress) = allocations(|| login.receive(&user_response).unwrap());
    let Progress::Done(user) = progress else { panic!("one step") };
    assert_eq!([constructor, request, receive], [2, 2, 2]);

    let (constructor, login) = allocations(|| location.exchange(&user).unwrap());
    let (request, _request) = allocations(|| login.request());
    let (receive, _progress) = allocations(|| login.receive(&location_response).unwrap());
    assert_eq!([constructor, request, receive], [0, 2, 2]);
}

#[test]
fn clones_allocate_nothing() {
    let app = app();
    let location = app.location("loc-1").unwrap();
    let (user, token) = (support::user_token(&app), support::location_token(&app));
    let (count, _clones) = allocations(|| (app.clone(), location.clone(), user.clone(), token.clone()));
    assert_eq!(count, 0);
}

#[test]
fn authorizing_a_call_allocates_nothing_beyond_growing_the_callers_map() {
    let session = Session::for_location(&app(), support::location_token(&app())).unwrap();
    let mut call = http::Request::get("https://api.example.com/x").header("a", "b").body(()).unwrap();
    call.headers_mut().reserve(8);
    let (count, _attempt) = allocations(|| session.authorize(&mut call).unwrap());
    assert_eq!(count, 0);
}

#[test]
fn a_call_that_is_answered_at_once_allocates_no_more_than_its_copy() {
    let mut session = Session::for_location(&app(), support::location_token(&app())).unwrap();
    let request = || {
        let mut call = http::Request::get("https://api.example.com/x").header("a", "b").body(()).unwrap();
        call.headers_mut().reserve(8);
        call
    };
    let mut answered = |call: Call<()>| {
        allocations(|| {
            let (_request, sent) = call.authorize(&session).unwrap();
            sent.received(Response::new(()), &mut session).unwrap()
        })
        .0
    };
    let copied = Call::new(request());
    assert_eq!([answered(Call::once(request())), answered(copied)], [0, 0]);
}

#[test]
#[cfg(feature = "cassette")]
fn to_record_twice_the_tokens_allocates_at_most_two_and_a_fifth_times_as_often() {
    use location_auth::transports::Transport;
    use location_auth::transports::cassette::{Credentials, Recorder};

    let recorded = |tokens: usize| {
        // They begin in the same way, and as the names do that are beside them.
        let item = |n| format!(r#"{{"at": "a-tok", "access_token": "a-token-{n}"}}"#);
        let body = format!("[{}]", (100..100 + tokens).map(item).collect::<Vec<_>>().join(","));
        let service =
            |_: http::Request<_>, _: usize| Ok::<_, std::convert::Infallible>(Response::new(body.clone().into_bytes()));
        let recorder = Recorder::new(service, Credentials::new(&app())).keep_bodies(|_, body| Some(body.to_owned()));
        let call = http::Request::get("https://api.example.com/x").body(location_auth::Bytes::new()).unwrap();
        let (count, cassette) = allocations(|| {
            recorder.send(call, 1_000_000).unwrap();
            recorder.cassette()
        });
        assert!(cassette.to_string().contains(&format!("<location-token-{tokens}>")));
        count
    };
    let [few, many] = [60, 120].map(recorded);
    assert!(many * 5 <= few * 11, "{few} for 60 tokens, {many} for 120");
}

#[test]
fn a_buffer_that_is_not_wiped_is_detected() {
    // If this fails, the tests below prove nothing.
    assert_eq!(left_behind(MARKER, || drop(String::from(SECRET))), 1);
    let mut grown = String::from(SECRET);
    assert_eq!(left_behind(MARKER, || grown.reserve(1000)), 1);
}

#[test]
fn every_secret_is_wiped_when_its_last_holder_is_dropped() {
    let settings = settings().api_key(SECRET).client_id(SECRET).client_secret(SECRET);
    let (user, location) = (token_response(USER_TOKEN), token_response(LOCATION_TOKEN));
    let escaped = token_response("esc\\u0061ped-m4rk3r-0f-4-s3cr3t");
    let refused = support::response(401, r#"{"error": "m4rk3r-0f-4-s3cr3t is wrong: %41 %ff%fe"}"#);
    let written = format!(
        r#"{{"environment": "staging", "api_key": "{SECRET}", "client_id": "{SECRET}", "client_secret": "{SECRET}"}}"#
    );
    let twice = written.replace("client_id", "api_key");
    let escaped_password = format!("{SECRET}\"\u{1}");
    let left = left_behind(MARKER, || {
        drop(serde_json::from_str::<Settings>(&written).unwrap());
        assert!(serde_json::from_str::<Settings>(&twice).is_err());
        let app = App::new(settings.clone()).unwrap();
        drop(settings);
        drop(app.user_login(SECRET, &escaped_password).unwrap().request());
        let login = app.location("loc-1").unwrap().login(SECRET, SECRET).unwrap();
        drop(login.request());
        let login = login.receive(&refused).unwrap_err().flow;
        let login = next(login, &user);
        drop(login.request());
        let token = support::done(login, &location);
        let mut session = Session::for_location(&app, token.clone()).unwrap();
        let mut call = http::Request::get("https://api.example.com/x").body(()).unwrap();
        session.authorize(&mut call).unwrap();
        session.set_location_token(token.clone()).unwrap();
        let mut owner = Owner::new(&app);
        owner.set_login(app.user_login(SECRET, SECRET).unwrap()).unwrap();
        let attempt = session.authorize(&mut call).unwrap();
        let verdict = session.received(attempt, StatusCode::UNAUTHORIZED).unwrap();
        let Verdict::Acquire(renewal) = verdict else { panic!("there is no newer one") };
        let answer = |step| {
            let answer = if step == Step::UserToken { &user } else { &location };
            answer.clone().map(Zeroizing::new)
        };
        drop(support::renew(renewal, &mut session, &mut owner, answer).unwrap());
        drop(owner);
        session.with_query_parameter("access_token").unwrap().authorize(&mut call).unwrap();
    });
    assert_eq!(left, 0);

    // serde_json unescapes into a buffer of its own, which nobody can wipe: the documentation says so.
    let left = left_behind(MARKER, || drop(support::done(app().user_login(SECRET, SECRET).unwrap(), &escaped)));
    assert_eq!(left, 1);
}

/// An answer to a token request, which wipes itself.
fn wiped(status: u16, name: &str, value: &str) -> Response<Zeroizing<Vec<u8>>> {
    let mut body = Zeroizing::new(Vec::with_capacity(200));
    for piece in ["{\"", name, "\": \"", value, "\"}"] {
        body.extend_from_slice(piece.as_bytes());
    }
    Response::builder().status(status).body(body).unwrap()
}

fn login() -> LocationLogin {
    let app = App::new(settings().api_key(SECRET).client_id(SECRET).client_secret(SECRET)).unwrap();
    app.location("loc-1").unwrap().login(EMAIL, SECRET).unwrap()
}

fn login_at_step_2() -> LocationLogin {
    let Ok(Progress::Next(login)) = login().receive(&wiped(200, "access_token", SECRET)) else { panic!("two steps") };
    login
}

fn refused() {
    for (status, name) in [(401, "error"), (200, "access-token"), (503, "message"), (302, "error")] {
        for login in [login(), login_at_step_2()] {
            let failed = login.receive(&wiped(status, name, SECRET)).unwrap_err();
            assert!(!format!("{:?} {0}", failed.error).contains(SECRET));
        }
    }
    // Step 1's token is none of step 2.
    drop(login_at_step_2().receive(&wiped(200, "access_token", SECRET)).unwrap_err());
}

fn saved() {
    let Ok(Progress::Done(token)) = login_at_step_2().receive(&wiped(200, "access_token", LOCATION_TOKEN)) else {
        panic!("two steps")
    };
    let mut file = Zeroizing::new(Vec::with_capacity(1000));
    serde_json::to_writer(&mut *file, &SavedToken::from(&token)).unwrap();
    let saved = serde_json::from_slice::<SavedToken>(&file).unwrap();
    drop(location_auth::LocationAccessToken::try_from(saved).unwrap());
    file.pop();
    assert!(serde_json::from_slice::<SavedToken>(&file).is_err());
}

#[cfg(feature = "cassette")]
fn recorded() {
    use location_auth::transports::cassette::{Cassette, Credentials, Recorder};
    use location_auth::transports::{RESPONSE_LIMIT, Transport};

    let answers = std::cell::Cell::new(0);
    let transport = |_: http::Request<location_auth::Bytes>, _: usize| {
        let at = answers.replace(answers.get() + 1);
        let answers = [(200, "access_token", USER_TOKEN), (200, "access_token", LOCATION_TOKEN), (401, "sent", SECRET)];
        let (status, name, token) = answers[at];
        Ok::<_, std::convert::Infallible>(wiped(status, name, token).map(|mut body| std::mem::take(&mut *body)))
    };
    let login = login();
    let recorder = Recorder::new(transport, Credentials::new(login.app()).login(EMAIL, SECRET));
    let recorder = recorder.keep_bodies(|_, body| Some(body.to_owned()));
    let send = |request| recorder.send(request, RESPONSE_LIMIT).unwrap().map(Zeroizing::new);
    let (app, answer) = (login.app().clone(), send(login.request()));
    let Ok(Progress::Next(login)) = login.receive(&answer) else { panic!("two steps") };
    let answer = send(login.request());
    let Ok(Progress::Done(token)) = login.receive(&answer) else { panic!("two steps") };
    let mut call = http::Request::post("https://api.example.com/x?page=1").body(location_auth::Bytes::new()).unwrap();
    Session::for_location(&app, token).unwrap().authorize(&mut call).unwrap();
    drop(send(call));
    let cassette = recorder.cassette().to_string();
    assert!(cassette.contains("<location-token-1>") && cassette.contains("<user-token-1>"), "{cassette}");
    drop(cassette.parse::<Cassette>().unwrap());
}

#[test]
fn what_is_refused_saved_or_recorded_leaves_no_secret_in_a_buffer_and_no_buffer() {
    let cases: &[fn()] = &[
        refused,
        saved,
        #[cfg(feature = "cassette")]
        recorded,
    ];
    for (number, case) in cases.iter().enumerate() {
        // What is made once for all is made now.
        case();
        let before = in_use();
        assert_eq!((left_behind(MARKER, case), in_use() - before), (0, 0), "case {number}");
    }
    assert_ne!(left_behind(MARKER, || drop(wiped(200, "error", SECRET).map(|mut body| std::mem::take(&mut *body)))), 0);
}

#[test]
fn a_flow_in_flight_is_small() {
    assert!(size_of::<location_auth::LocationLogin>() <= 128);
    assert!(size_of::<location_auth::ReceiveError<location_auth::LocationLogin>>() <= 128);
}
