//! Runs one hot path a number of times, for `.ci/instructions` to count its instructions under callgrind.
//!
//! `instructions PATH TIMES`, with as much prepared for 0 times as for [`MOST`], so that the difference is the path's alone. Dropping
//! what a path has made, or has used up, is a part of it.

#[allow(dead_code)] // the bench has the rest
#[path = "../inputs.rs"]
mod inputs;

use std::hint::black_box;
use std::process::exit;

use http::{Request, Response};
use inputs::*;
use location_auth::driver::{Call, Next};
use location_auth::{Flow, Progress, Session};

const MOST: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, times] = &arguments[..] else {
        eprintln!(
            "usage: instructions constructor|request-1|receive-1|request-2|receive-2|authorize|answer|call|call-again TIMES"
        );
        exit(2)
    };
    let times = times.parse().expect("a number of times");
    assert!(times <= MOST);

    let (location, first, second) = (location(), token_response(USER_TOKEN), token_response(LOCATION_TOKEN));
    let construct = || location.login(black_box(EMAIL), black_box(PASSWORD)).expect("good credentials");
    let next = || match construct().receive(&first) {
        Ok(Progress::Next(login)) => login,
        _ => unreachable!("two steps"),
    };
    let session = || {
        let Ok(Progress::Done(token)) = next().receive(&second) else { unreachable!("two steps") };
        Session::for_location(location.app(), token).expect("the same environment")
    };
    let call = || {
        let mut call = Request::get("https://api.example.com/contacts").body(()).expect("a good request");
        call.headers_mut().reserve(4);
        call
    };
    // The transport makes them, and the caller drops them.
    let mut responses: Vec<_> = std::iter::repeat_with(|| Response::new(())).take(MOST).collect();
    match path.as_str() {
        "constructor" => repeat(times, || (), |()| construct()),
        "request-1" => {
            let login = construct();
            repeat(times, || (), |()| login.request())
        }
        "receive-1" => repeat(times, construct, |login| login.receive(black_box(&first)).expect("a good response")),
        "request-2" => {
            let login = next();
            repeat(times, || (), |()| login.request())
        }
        "receive-2" => repeat(times, next, |login| login.receive(black_box(&second)).expect("a good response")),
        // Dropping the call is not ours, but is counted.
        "authorize" => {
            let session = session();
            repeat(times, call, |mut call| {
                black_box(session.authorize(&mut call).expect("an origin of the App"));
                call
            })
        }
        // The same, and its answer is taken up: what a call by hand costs.
        "answer" => {
            let session = session();
            repeat(times, call, |mut call| {
                black_box(session.authorize(&mut call).expect("an origin of the App"));
                std::mem::forget(black_box(responses.pop().expect("one for each")));
                call
            })
        }
        // The same through a `Call`.
        "call" => {
            let mut session = session();
            repeat(times, call, |request| answered(&mut session, Call::once(request), &mut responses))
        }
        // With the copy of the request that a 401 would want.
        "call-again" => {
            let mut session = session();
            repeat(times, call, |request| answered(&mut session, Call::new(request), &mut responses))
        }
        _ => exit(2),
    }
}

/// The request as it is sent. It is answered with the next of these responses.
fn answered(session: &mut Session, call: Call<()>, responses: &mut Vec<Response<()>>) -> Request<()> {
    let Next::Send(call) = call.start::<()>(&*session) else { unreachable!("it has a token") };
    let (request, call) = call.authorize(&*session).expect("an origin of the App");
    let response = responses.pop().expect("one for each");
    match call.received(response, session).expect("its own call") {
        Next::Done(Ok(response)) => std::mem::forget(black_box(response)),
        _ => unreachable!("the answer is the caller's"),
    }
    request
}

/// Ends the process itself, so that nothing that was prepared and not used is dropped.
fn repeat<P, T>(times: usize, prepare: impl FnMut() -> P, mut work: impl FnMut(P) -> T) -> ! {
    let mut prepared: Vec<P> = std::iter::repeat_with(prepare).take(MOST).collect();
    for _ in 0..times {
        let Some(prepared) = prepared.pop() else { break };
        black_box(work(black_box(prepared)));
    }
    exit(0)
}
