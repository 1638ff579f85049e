//! The drivers: what they send, what they send again, and what they never do.

#[path = "support/now.rs"]
mod now;
mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use location_auth::transports::{
    AsyncTransport, Cause, Delivery, RESPONSE_LIMIT, RunError, Transport, run, run_async, run_async_with_retries,
    run_with_retries,
};
use location_auth::{Backoff, Bytes, Fault, Flow, LocationLogin, Retry, Step};
use now::now;
use support::{EMAIL, PASSWORD, app, response, token_response};

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the line is dead")]
struct Dead(Delivery);

/// Answers from a list, and notes each request's path.
struct Script {
    answers: RefCell<Vec<Result<Response<String>, Dead>>>,
    paths: RefCell<Vec<String>>,
}

impl Script {
    fn new(mut answers: Vec<Result<Response<String>, Dead>>) -> Self {
        answers.reverse();
        Self { answers: answers.into(), paths: RefCell::default() }
    }

    fn answer(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, Dead> {
        assert_eq!(limit, RESPONSE_LIMIT);
        self.paths.borrow_mut().push(request.uri().path().rsplit('/').next().unwrap().to_owned());
        let answer = self.answers.borrow_mut().pop().expect("no request too many");
        answer.map(|response| response.map(String::into_bytes))
    }
}

impl Transport for Script {
    type Error = Dead;
    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, Dead> {
        self.answer(request, limit)
    }
    fn delivery(&self, error: &Dead) -> Delivery {
        error.0
    }
}

impl AsyncTransport for Script {
    type Error = Dead;
    fn send(&self, request: Request<Bytes>, limit: usize) -> impl Future<Output = Result<Response<Vec<u8>>, Dead>> {
        ready(self.answer(request, limit))
    }
    fn delivery(&self, error: &Dead) -> Delivery {
        error.0
    }
}

fn login() -> LocationLogin {
    app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap()
}

type Outcome = Result<String, RunError<LocationLogin, Dead>>;

/// The outcome, the paths that were asked and the seconds that were slept, blocking and async: the same each time.
fn drive(
    answers: fn() -> Vec<Result<Response<String>, Dead>>,
    backoff: Option<Backoff>,
) -> (Outcome, Vec<String>, Vec<u64>) {
    let slept = RefCell::new(Vec::new());
    let sleep = |wait: Duration| slept.borrow_mut().push(wait.as_secs());
    let blocking = Script::new(answers());
    let outcome = match backoff.clone() {
        None => run(login(), &blocking),
        Some(backoff) => run_with_retries(login(), &blocking, backoff, sleep),
    };
    let (paths, slept_blocking) = (blocking.paths.into_inner(), slept.take());

    let sleep = |wait: Duration| {
        slept.borrow_mut().push(wait.as_secs());
        ready(())
    };
    let script = Script::new(answers());
    let outcome_async = match backoff {
        None => now(run_async(login(), &script)),
        Some(backoff) => now(run_async_with_retries(login(), &script, backoff, sleep)),
    };
    assert_eq!(outcome_async.map_err(|e| e.to_string()).is_ok(), outcome.is_ok());
    assert_eq!((script.paths.into_inner(), slept.take()), (paths.clone(), slept_blocking.clone()));
    (outcome.map(|token| token.expose_secret().to_owned()), paths, slept_blocking)
}

fn user() -> Result<Response<String>, Dead> {
    Ok(token_response("user-token"))
}

fn location() -> Result<Response<String>, Dead> {
    Ok(token_response("location-token"))
}

fn wait(seconds: u64) -> Result<Response<String>, Dead> {
    let mut response = response(503, "");
    response.headers_mut().insert("retry-after", seconds.into());
    Ok(response)
}

#[test]
fn a_login_is_two_requests() {
    let (outcome, paths, slept) = drive(|| vec![user(), location()], None);
    assert_eq!((outcome.unwrap().as_str(), slept), ("location-token", vec![]));
    assert_eq!(paths, ["user_token", "token"]);
}

#[test]
fn nothing_is_sent_twice_without_a_way_to_sleep() {
    for answers in
        [(|| vec![wait(1)]) as fn() -> _, || vec![Err(Dead(Delivery::NotSent))], || vec![Err(Dead(Delivery::Unknown))]]
    {
        let (outcome, paths, slept) = drive(answers, None);
        assert_eq!((outcome.is_err(), paths.len(), slept), (true, 1, vec![]));
    }
}

#[test]
fn a_request_that_the_service_did_not_act_on_is_retried_after_the_wait_it_asked_for() {
    let answers = || vec![wait(7), Ok(response(429, "")), user(), wait(9), location()];
    let (outcome, paths, slept) = drive(answers, Some(Backoff::default()));
    assert_eq!(outcome.unwrap(), "location-token");
    assert_eq!(
        paths,
        ["user_token", "user_token", "user_token", "token", "token"],
        "step 1 is not repeated for step 2"
    );
    assert_eq!(slept, [7, 1, 9]);
}

#[test]
fn a_request_that_never_left_is_retried_and_one_that_may_have_is_not() {
    let answers = || vec![Err(Dead(Delivery::NotSent)), user(), Err(Dead(Delivery::NotSent)), location()];
    let (outcome, paths, slept) = drive(answers, Some(Backoff::default()));
    assert_eq!((outcome.unwrap().as_str(), paths.len(), slept), ("location-token", 4, vec![1, 2]));

    let (outcome, paths, slept) = drive(|| vec![user(), Err(Dead(Delivery::Unknown))], Some(Backoff::default()));
    let stopped = outcome.unwrap_err();
    assert_eq!((paths.len(), slept), (2, vec![]));
    assert_eq!(
        (stopped.step(), stopped.fault(), stopped.retry()),
        (Step::LocationToken, Fault::Transport, Retry::Never)
    );
    let Cause::Transport { error, delivery } = stopped.cause else { panic!("the transport failed") };
    assert_eq!((error, delivery), (Dead(Delivery::Unknown), Delivery::Unknown));
}

#[test]
fn an_unsendable_request_is_not_retried() {
    let script = Script::new(vec![Err(Dead(Delivery::Unsendable))]);
    let stopped = run_with_retries(login(), &script, Backoff::default(), |_| panic!("no wait")).unwrap_err();
    assert_eq!((stopped.fault(), stopped.retry()), (Fault::Caller, Retry::Never));
}

#[test]
fn a_refusal_is_not_sent_again() {
    for status in [200, 302, 400, 401, 500, 502, 504] {
        let script = Script::new(vec![Ok(response(status, ""))]);
        let stopped = run_with_retries(login(), &script, Backoff::default(), |_| panic!("no wait")).unwrap_err();
        assert!(matches!(stopped.cause, Cause::Response(error) if error.status() == status));
    }
}

#[test]
fn both_steps_share_one_retry_budget_and_then_the_driver_gives_up() {
    let answers = || vec![wait(1), user(), wait(1), wait(1), wait(1)];
    let second = Duration::from_secs(1);
    let (outcome, paths, slept) = drive(answers, Some(Backoff::new(3, second, second)));
    assert_eq!((outcome.unwrap_err().retry(), paths.len(), slept), (Retry::After(second), 5, vec![1, 1, 1]));
}

#[test]
fn a_stopped_flow_can_be_run_again_from_where_it_stopped() {
    let script = Script::new(vec![user(), Err(Dead(Delivery::Unknown)), location()]);
    let stopped = run(login(), &script).unwrap_err();
    assert_eq!(stopped.flow.step(), Step::LocationToken);
    assert_eq!(run(stopped.flow, &script).unwrap().expose_secret(), "location-token");
    assert_eq!(script.paths.into_inner(), ["user_token", "token", "token"]);
}

#[test]
fn a_stopped_flow_says_in_one_line_what_happened_who_is_at_fault_and_what_to_do() {
    let script =
        Script::new(vec![Err(Dead(Delivery::NotSent)), user(), Err(Dead(Delivery::Unknown)), Ok(response(500, ""))]);
    let stopped = run(login(), &script).unwrap_err();
    assert_eq!(
        stopped.to_string(),
        "step 1 (User Access Token) of Location loc-1: the request was not sent; the transport is at fault: \
         check the user token URL's host and the network, then send it again"
    );
    assert_eq!(std::error::Error::source(&stopped).unwrap().to_string(), "the line is dead");
    let stopped = run(stopped.flow, &script).unwrap_err();
    assert_eq!(
        stopped.to_string(),
        "step 2 (Location Access Token) of Location loc-1: no complete response came, and the request may have arrived; \
         the transport is at fault: check the location token URL's host and the network; repeat only if a second token does no harm"
    );
    let stopped = run(stopped.flow, &script).unwrap_err();
    assert_eq!(
        stopped.to_string(),
        "step 2 (Location Access Token) of Location loc-1: the service failed (status 500); the service is at fault: \
         ask the service's support; it may have issued a token, so repeat only if a second one does no harm"
    );
    assert!(std::error::Error::source(&stopped).is_none(), "the line has said it");
}

#[test]
fn a_closure_is_a_transport_blocking_or_async() {
    let asked = Cell::new(0);
    let answer = |_: Request<Bytes>, _: usize| {
        asked.set(asked.get() + 1);
        Ok::<_, Dead>(
            token_response(if asked.get() % 2 == 1 { "user-token" } else { "location-token" }).map(String::into_bytes),
        )
    };
    assert_eq!(run(login(), &answer).unwrap().expose_secret(), "location-token");
    let answer = |request, limit| ready(answer(request, limit));
    assert_eq!(now(run_async(login(), &answer)).unwrap().expose_secret(), "location-token");
    assert_eq!(asked.get(), 4);
    let dynamic: &dyn Transport<Error = Dead> = &Script::new(vec![user(), location()]);
    assert_eq!(run(login(), dynamic).unwrap().expose_secret(), "location-token");
}

#[test]
#[allow(clippy::arc_with_non_send_sync, reason = "an Arc of what stays on one thread is a transport, too")]
fn a_transport_in_an_arc_reports_the_same_delivery_as_the_transport_itself() {
    let not_sent = || vec![Err(Dead(Delivery::NotSent)), user(), location()];
    let once = || Backoff::new(1, Duration::ZERO, Duration::ZERO);

    let of_any_kind: Arc<dyn Transport<Error = Dead>> = Arc::new(Script::new(not_sent()));
    assert!(run_with_retries(login(), &of_any_kind, once(), |_| {}).is_ok(), "its error says that nothing was sent");
    let shared = Arc::new(Script::new(not_sent()));
    let again = Arc::clone(&shared);
    assert!(run_with_retries(login(), &again, once(), |_| {}).is_ok());
    assert_eq!(shared.paths.borrow().len(), 3);

    let shared = Arc::new(Script::new(not_sent()));
    assert!(now(run_async_with_retries(login(), &shared, once(), |_| ready(()))).is_ok());
    assert_eq!(shared.paths.borrow().len(), 3);
}

#[test]
fn a_closure_in_an_arc_is_a_transport() {
    let closure = |_: Request<Bytes>, _: usize| Err::<Response<Vec<u8>>, _>(Dead(Delivery::NotSent));
    let stopped = run(login(), &Arc::new(closure)).unwrap_err();
    assert!(matches!(stopped.cause, Cause::Transport { delivery: Delivery::Unknown, .. }), "a closure can't tell");
    let closure = |request, limit| ready(closure(request, limit));
    assert!(now(run_async(login(), &Arc::new(closure))).is_err());
}
