//! What others wrote is read on a small stack, however deep it nests: an overflow would end the process.

mod support;

use std::thread;

use location_auth::{Flow, SavedToken};
use support::{EMAIL, PASSWORD, app, next, token_response, user_token};

/// A few frames of an unoptimized program, and no more.
const STACK: usize = 64 * 1024;

fn on_a_small_stack(read: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK).spawn(read).expect("there are threads");
    thread.join().expect("nothing panics");
}

/// Bodies that nest: to the depth that serde_json still reads, beyond it, and to the bound of a response.
fn nested() -> Vec<String> {
    let shapes = [
        (r#"{"error":"#, "}"),
        (r#"{"errors":["#, "]}"),
        (r#"{"message":{"detail":"#, "}}"),
        (r#"[{"reason":"#, "}]"),
        ("[", "]"),
        (r#"{"unknown":"#, "}"),
        (r#"{"access_token":"#, "}"),
        (r#"{"access_token":"t","more":["#, "]}"),
        (r#"{"environment":"#, "}"),
        (r#"{"location":["#, "]}"),
    ];
    let mut bodies = vec![];
    for (open, close) in shapes {
        for depth in [1, 7, 8, 9, 63, 126, 127, 128, 129, 1000, 60_000 / (open.len() + close.len())] {
            bodies.push(format!("{}\"the end\"{}", open.repeat(depth), close.repeat(depth)));
            // Cut off in the deepest place.
            bodies.push(open.repeat(depth));
        }
    }
    bodies
}

#[test]
fn the_response_to_each_flow() {
    on_a_small_stack(|| {
        let location = app().location("loc-1").unwrap();
        let user_login = app().user_login(EMAIL, PASSWORD).unwrap();
        let at_step_1 = location.login(EMAIL, PASSWORD).unwrap();
        let at_step_2 = next(at_step_1.clone(), &token_response("user-token"));
        let exchange = location.exchange(&user_token(&app())).unwrap();
        for body in nested() {
            for status in [200, 204, 302, 400, 401, 429, 503] {
                let response = support::response(status, &body);
                drop(user_login.clone().receive(&response).map_err(|failed| failed.error.to_string()));
                drop(at_step_1.clone().receive(&response).map_err(|failed| failed.error.to_string()));
                drop(at_step_2.clone().receive(&response).map_err(|failed| failed.error.to_string()));
                drop(exchange.clone().receive(&response).map_err(|failed| failed.error.to_string()));
            }
        }
    });
}

#[test]
fn a_message_is_read_to_a_depth_of_eight() {
    let said = |depth: usize| {
        let body = format!("{}\"too many tries\"{}", r#"{"error":"#.repeat(depth), "}".repeat(depth));
        let failed = app().user_login(EMAIL, PASSWORD).unwrap().receive(&support::response(400, &body)).unwrap_err();
        failed.error.to_string().contains("too many tries")
    };
    // The text itself is the eighth.
    assert_eq!([1, 2, 7, 8, 9, 100].map(said), [true, true, true, false, false, false]);
}

#[test]
fn a_saved_token() {
    on_a_small_stack(|| {
        for text in nested() {
            assert!(serde_json::from_str::<SavedToken>(&text).is_err());
        }
    });
}

#[cfg(feature = "cassette")]
#[test]
fn what_is_recorded_and_a_cassette() {
    use http::Request;
    use location_auth::transports::Transport;
    use location_auth::transports::cassette::{Cassette, Credentials, Recorder};

    on_a_small_stack(|| {
        let login = app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap();
        let call = Request::get("https://api.example.com/x").body(location_auth::Bytes::new()).unwrap();
        for body in nested() {
            assert!(body.parse::<Cassette>().is_err());
            for (status, request) in [(200, login.request()), (401, login.request()), (200, call.clone())] {
                let response = support::response(status, &body).map(String::into_bytes);
                let transport = |_: Request<location_auth::Bytes>, _: usize| Ok::<_, ()>(response.clone());
                let recorder = Recorder::new(transport, Credentials::new(&app()));
                let recorder = recorder.keep_bodies(|_, body| Some(body.to_owned()));
                recorder.send(request, 0).unwrap();
                assert!(recorder.cassette().to_string().parse::<Cassette>().is_ok());
            }
        }
    });
}
