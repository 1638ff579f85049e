//! The kit for tests of one's own: scripts that fail where the program departs from them, transports without answers, a network of faults.
#![cfg(feature = "testing")]

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::Duration;

use http::{Method, Request, Response};
use location_auth::testing::{self, Executor, Failing, Interaction, Network, NetworkFault, Scripted, Silent};
use location_auth::transports::{AsyncTransport, SendError, SendErrorKind, Transport};
use location_auth::{Bytes, Delivery};

const URL: &str = "https://api.example.com/contacts?page=2&token=S3CR3T";

/// A call, all of whose secrets have a word that no text may show.
fn call() -> Request<Bytes> {
    let body = Bytes::from_static(br#"{"name": "Ada", "password": "S3CR3T"}"#);
    Request::post(URL).header("accept", "application/json").header("x-api-key", "S3CR3T").body(body).unwrap()
}

/// What the call looks like in a text.
const SHOWN: &str = "POST https://api.example.com/contacts?page=…&token=… accept: application/json, x-api-key: …";

fn send(transport: &impl Transport<Error = SendError>) -> Result<Response<Vec<u8>>, SendError> {
    transport.send(call(), 100)
}

/// Sends blocking, then async; nothing waits there.
fn send_both<T>(transport: &T) -> [Result<Response<Vec<u8>>, SendError>; 2]
where
    T: Transport<Error = SendError> + AsyncTransport<Error = SendError>,
{
    let blocking = send(transport);
    let mut executor = Executor::new(0, [AsyncTransport::send(transport, call(), 100)]);
    while executor.step() {}
    [blocking, executor.into_outputs().remove(0)]
}

/// What the test that does this fails with.
fn failure(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("the test fails");
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref().cloned()).expect("a text")
}

// ---- Scripts ----

#[test]
fn a_script_gives_its_answers_in_order_and_records_the_requests() {
    let script = Scripted::new([
        Interaction::post("/contacts").respond(201, "first"),
        Interaction::any().respond_with(Response::builder().status(404).header("x-page", "2").body("second").unwrap()),
    ]);
    let [first, second] = send_both(&script).map(Result::unwrap);
    assert_eq!((first.status().as_u16(), first.body().as_slice()), (201, &b"first"[..]));
    assert_eq!((second.status().as_u16(), second.body().as_slice()), (404, &b"second"[..]));
    assert_eq!(second.headers()["x-page"], "2");
    let sent = script.sent();
    assert_eq!(sent.iter().map(ToString::to_string).collect::<Vec<_>>(), [SHOWN, SHOWN]);
    assert_eq!(format!("{sent:?}"), format!("[{SHOWN}, {SHOWN}]"));
    assert_eq!(sent[1].expose_request().headers()["x-api-key"], "S3CR3T");
}

#[test]
fn an_expected_request_passes() {
    for interaction in [
        Interaction::any(),
        Interaction::any().header("x-api-key", "S3CR3T"),
        Interaction::new(Method::POST, "/contacts"),
        Interaction::post("/contacts?page=2&token=S3CR3T"),
        Interaction::post("/contacts").header("X-Api-Key", "S3CR3T").member("name", "Ada").member("password", "S3CR3T"),
    ] {
        assert_eq!(send(&Scripted::new([interaction])).unwrap().status(), 200);
    }
}

#[test]
fn a_request_that_differs_fails_the_test_with_each_difference_and_no_value() {
    let post = || Interaction::post("/contacts");
    for (interaction, difference, expected) in [
        (Interaction::get("/contacts"), "it has another method", "GET /contacts"),
        (Interaction::post("/contact"), "it has another path", "POST /contact"),
        (Interaction::post("/contacts?page=S3CR3T"), "it has another query", "POST /contacts?page=…"),
        (post().header("x-token", "S3CR3T"), "it has no header `x-token`", "POST /contacts x-token: …"),
        (
            post().header("x-api-key", "S3CR3T-2"),
            "its header `x-api-key` has another value",
            "POST /contacts x-api-key: …",
        ),
        (
            Interaction::any().header("x-api-key", "S3CR3T").header("x-api-key", "S3CR3T"),
            "its header `x-api-key` has another value",
            "any request x-api-key: …, x-api-key: …",
        ),
        (post().member("email", "S3CR3T"), "its body's member `email` is missing", "POST /contacts"),
        (post().member("name", "S3CR3T"), "its body's member `name` has another value", "POST /contacts"),
        (
            Interaction::get("/").member("name", 3).member("password", ["S3CR3T"]),
            "it has another method, it has another path, its body's member `name` has another value, its body's member `password` has another \
             value",
            "GET /",
        ),
    ] {
        let message = failure(|| drop(send(&Scripted::new([interaction]))));
        assert_eq!(
            message,
            format!(
                "request 1 is not what the script expects: {difference}\n  expected {expected}\n  sent     {SHOWN}"
            )
        );
    }
    let script = Scripted::new([Interaction::any().member("name", "Ada")]);
    let bare = Request::get("https://api.example.com/").body(Bytes::from_static(b"S3CR3T")).unwrap();
    let message = failure(|| drop(Transport::send(&script, bare, 100)));
    assert!(message.starts_with("request 1 is not what the script expects: its body is no JSON object\n"), "{message}");
    assert!(!message.contains("S3CR3T"), "{message}");
    assert!(failure(|| drop(script)).contains("no JSON object"));
}

#[test]
fn a_surplus_request_fails_the_test() {
    let message = failure(|| {
        let script = Scripted::new([Interaction::any()]);
        send(&script).unwrap();
        drop(send(&script));
    });
    assert_eq!(message, format!("request 2 is one too many, the script has no interaction left for it: {SHOWN}"));
}

#[test]
fn an_unused_answer_fails_the_test() {
    let message = failure(|| {
        let script =
            Scripted::new([Interaction::any(), Interaction::post("/a").header("x", "S3CR3T"), Interaction::any()]);
        send(&script).unwrap();
    });
    assert_eq!(message, "the script has interactions left over, 2 after 1 requests; the next is for POST /a x: …");
}

#[test]
fn a_remaining_clone_keeps_the_script_open() {
    let script = Scripted::new([Interaction::any()]);
    drop(script.clone());
    assert_eq!(format!("{script:?}"), "Scripted { sent: 0, left: 1, .. }");
    send(&script).unwrap();
}

#[test]
fn a_failure_that_the_program_swallows_is_raised_again_when_the_script_is_dropped() {
    let script = Scripted::new([Interaction::get("/")]);
    let swallowed = failure(|| drop(send(&script)));
    assert_eq!(failure(|| drop(script)), swallowed);
}

#[test]
fn a_test_that_fails_for_another_reason_is_not_aborted_by_unused_answers() {
    let message = failure(|| {
        let _script = Scripted::new([Interaction::any()]);
        panic!("{}", "another reason");
    });
    assert_eq!(message, "another reason");
}

#[test]
fn a_scripts_answers_keep_to_the_bound_of_the_send() {
    let script = Scripted::new([
        Interaction::any().respond(200, vec![b'x'; 100]),
        Interaction::any().respond(200, vec![b'x'; 101]),
    ]);
    assert_eq!(send(&script).unwrap().body().len(), 100);
    let error = send(&script).unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (SendErrorKind::TooLarge, 200));
}

#[test]
fn an_impossible_request_or_answer_is_refused_when_the_script_is_written() {
    for no_path in ["no path", "contacts", "*", "", "https://staging.example.com/user_token", "/a b"] {
        assert!(failure(|| drop(Interaction::get(no_path))).contains("a path"), "{no_path}");
    }
    assert!(failure(|| drop(Interaction::any().header("no header", "S3CR3T"))).contains("no such header"));
    assert!(failure(|| drop(Interaction::any().header("x", "S3CR3T\n"))).contains("no such header"));
    assert!(failure(|| drop(Interaction::any().respond(1000, ""))).contains("1000 is no status"));
    let unwritable = std::collections::BTreeMap::from([((1, 2), "S3CR3T")]);
    assert!(failure(|| drop(Interaction::any().member("x", unwritable))).contains("can't be written"));
}

// ---- No answers ----

#[test]
fn a_transport_fails_with_the_delivery_that_it_is_set_to() {
    for delivery in [Delivery::NotSent, Delivery::Unsendable, Delivery::Unknown] {
        let script = Scripted::new([Interaction::any().fail(delivery), Interaction::any().fail(delivery)]);
        for error in send_both(&Failing(delivery)).into_iter().chain(send_both(&script)).map(Result::unwrap_err) {
            assert_eq!(Transport::delivery(&Failing(delivery), &error), delivery);
            assert_eq!(AsyncTransport::delivery(&script, &error), delivery);
        }
    }
}

#[test]
fn a_silent_service_times_out_in_blocking_code_and_never_ends_in_async_code() {
    let error = send(&Silent).unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (SendErrorKind::TimedOut, Delivery::Unknown));
    let mut executor = Executor::new(0, [AsyncTransport::send(&Silent, call(), 100)]);
    assert!(executor.step() && !executor.step());
    assert_eq!(executor.unfinished(), 1);
}

// ---- The network ----

/// A service that counts what arrives.
fn counting(arrived: &Cell<u32>) -> impl Transport<Error = Infallible> {
    |_, _| {
        arrived.set(arrived.get() + 1);
        Ok(Response::new(b"the answer".to_vec()))
    }
}

#[test]
fn without_faults_a_request_is_answered_after_a_while() {
    let arrived = Cell::new(0);
    let network = Network::new(17, counting(&arrived));
    assert_eq!(send(&network).unwrap().body(), b"the answer");
    assert!(network.now() > Duration::ZERO && network.now() <= Duration::from_millis(800), "{:?}", network.now());
    assert_eq!(network.run(AsyncTransport::send(&network, call(), 100)).unwrap().body(), b"the answer");
    assert_eq!(arrived.get(), 2);
}

#[test]
fn each_fault_has_the_effect_of_its_name() {
    // What the sender sees, and how often the request arrives.
    let refused = Some((SendErrorKind::Connect, Delivery::NotSent));
    let timed_out = Some((SendErrorKind::TimedOut, Delivery::Unknown));
    let cut = Some((SendErrorKind::Broken, Delivery::Unknown));
    for (fault, seen, arrives) in [
        (NetworkFault::Refused, refused, 0),
        (NetworkFault::RequestLost, timed_out, 0),
        (NetworkFault::ResponseLost, timed_out, 1),
        (NetworkFault::Duplicated, None, 2),
        (NetworkFault::Delayed, timed_out, 1),
        (NetworkFault::Cut, cut, 1),
        (NetworkFault::Forged, None, 0),
    ] {
        for seed in 0..50 {
            let arrived = Cell::new(0);
            let network = Network::new(seed, counting(&arrived));
            network.enable_faults(&[fault], 100);
            let outcome =
                if seed % 2 == 0 { send(&network) } else { network.run(AsyncTransport::send(&network, call(), 100)) };
            assert_eq!(outcome.as_ref().err().map(|error| (error.kind(), error.delivery())), seen, "{fault:?}");
            let is_forged = fault == NetworkFault::Forged;
            assert!(outcome.is_err() || is_forged != (outcome.unwrap().body() == b"the answer"), "{fault:?}");
            let before = arrived.get();
            network.advance(Duration::from_secs(60));
            assert_eq!((arrived.get(), network.injected(fault)), (arrives, 1), "{fault:?}");
            assert!(fault != NetworkFault::Delayed || before == 0, "it arrives when nobody waits any more");
        }
    }
    assert_eq!(NetworkFault::ALL.len(), 7);
}

#[test]
fn faults_are_injected_at_their_configured_rates() {
    let arrived = Cell::new(0);
    let network = Network::new(17, counting(&arrived));
    network.enable_faults(&[NetworkFault::Refused, NetworkFault::Cut], 90);
    network.enable_faults(&[NetworkFault::Refused], 10);
    let outcomes = |count| (0..count).filter(|_| send(&network).is_ok()).count();
    assert_eq!(outcomes(1000), 0, "10 and 90 are all");
    let refused = network.injected(NetworkFault::Refused);
    assert!((60..=140).contains(&refused) && network.injected(NetworkFault::Cut) == 1000 - refused, "{refused}");
    network.disable_faults();
    assert_eq!(outcomes(1000), 1000);
}

/// A run with faults, tasks and waits, and its trace.
fn run(seed: u64) -> String {
    let arrived = Cell::new(0);
    let network = Network::new(seed, counting(&arrived));
    network.enable_faults(NetworkFault::ALL, 9);
    let tasks = (0..5).map(|number| {
        let network = &network;
        async move {
            for _ in 0..5 {
                let outcome = AsyncTransport::send(network, call(), 100).await;
                network.note(format_args!("{number}: {:?}", outcome.map(|response| response.status())));
                network.sleep(Duration::from_millis(network.random_below(1000) as u64)).await;
            }
        }
    });
    network.run_all(tasks);
    network.trace()
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte_and_other_seeds_give_other_traces() {
    for seed in 0..100 {
        assert_eq!(run(seed), run(seed));
    }
    let traces: std::collections::BTreeSet<_> = (0..100).map(run).collect();
    assert_eq!(traces.len(), 100);
}

#[test]
fn a_trace_has_requests_faults_answers_and_notes_and_no_secret() {
    let trace: String = (0..20).map(run).collect();
    for line in [&format!(" ms  #0 {SHOWN}"), "  !! RequestLost\n", " status 200\n", " TimedOut\n", " ms  4: Ok(200)\n"]
    {
        assert!(trace.contains(line), "{line} is not in {trace}");
    }
    assert!(!trace.contains("S3CR3T"), "{trace}");
}

#[test]
fn the_clock_advances_only_as_far_as_the_code_waits() {
    let network = Network::new(17, Silent);
    network.run(async {
        network.sleep(Duration::from_secs(3600)).await;
        assert_eq!((network.now(), testing::now()), (Duration::from_secs(3600), network.now()));
    });
    network.advance(Duration::from_millis(250));
    assert_eq!((network.now(), testing::now()), (Duration::from_millis(3_600_250), network.now()));
    // A part of a millisecond is one: a loop over short waits comes to its end.
    network.advance(Duration::from_micros(1));
    assert_eq!(network.now(), Duration::from_millis(3_600_251));
    let order = RefCell::new(vec![]);
    let sleepers = [3, 1, 2].map(|seconds| {
        let (network, order) = (&network, &order);
        async move {
            network.sleep(Duration::from_secs(seconds)).await;
            order.borrow_mut().push(seconds);
            seconds
        }
    });
    assert_eq!(network.run_all(sleepers), [3, 1, 2]);
    assert_eq!(order.into_inner(), [1, 2, 3]);
    assert_eq!(network.events(), 4);
}

#[test]
fn code_that_waits_forever_fails_the_test() {
    let network = Network::new(17, Silent);
    let tasks = || [Box::pin(pending::<()>()) as Pin<Box<dyn Future<Output = ()>>>, Box::pin(async {})];
    assert_eq!(failure(|| drop(network.run_all(tasks()))), "1 of the tasks wait for what never happens");
}

#[test]
fn a_sender_that_is_dropped_does_no_harm() {
    let arrived = Cell::new(0);
    let network = Network::new(17, counting(&arrived));
    let mut executor = Executor::new(0, [AsyncTransport::send(&network, call(), 100)]);
    assert!(executor.step());
    executor.cancel(0);
    network.advance(Duration::from_secs(60));
    assert_eq!(arrived.get(), 1, "what has left arrives");
    assert!(send(&network).is_ok());
}

#[test]
fn the_service_may_be_a_script_and_its_failures_are_unchanged() {
    let script =
        Scripted::new([Interaction::post("/contacts").respond(201, ""), Interaction::any().fail(Delivery::Unsendable)]);
    let network = Network::new(17, script.clone());
    assert_eq!(send(&network).unwrap().status(), 201);
    let error = send(&network).unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (SendErrorKind::Configuration, Delivery::Unsendable));
    assert_eq!(script.sent().len(), 2);
}

#[test]
fn the_service_may_look_at_the_clock_and_send_over_the_network_itself() {
    let inner = Network::new(17, Failing(Delivery::NotSent));
    let clock = inner.clone();
    let outer = Network::new(17, move |request, limit| {
        clock.note(clock.now().as_millis());
        Transport::send(&clock, request, limit)
    });
    assert!(send(&outer).is_err());
    assert!(inner.trace().contains(" 0\n"), "{}", inner.trace());
}

#[test]
fn an_answer_beyond_the_bound_is_an_error_on_the_network_too() {
    let network = Network::new(17, |_, _| Ok::<_, Infallible>(Response::new(vec![b'x'; 101])));
    assert_eq!(send(&network).unwrap_err().kind(), SendErrorKind::TooLarge);
}

#[test]
fn a_call_that_no_adapter_sends_is_refused_by_a_network_and_by_a_script() {
    for (name, value) in [
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("proxy-authorization", "Basic S3CR3T"),
    ] {
        let refused = || Request::post(URL).header(name, value).body(Bytes::from_static(b"ten bytes!")).unwrap();
        let arrived = Cell::new(0);
        let (network, script) = (Network::new(17, counting(&arrived)), Scripted::new([]));
        for error in [
            Transport::send(&network, refused(), 100).unwrap_err(),
            network.run(AsyncTransport::send(&network, refused(), 100)).unwrap_err(),
            Transport::send(&script, refused(), 100).unwrap_err(),
            network.run(AsyncTransport::send(&script, refused(), 100)).unwrap_err(),
        ] {
            assert!(matches!(error.kind(), SendErrorKind::Header(_)), "{name}: {error}");
            assert_eq!(error.delivery(), Delivery::Unsendable, "{name}");
            assert!(!format!("{error} {error:?}").contains("S3CR3T"), "{error:?}");
        }
        assert_eq!((arrived.get(), script.sent().len()), (0, 0), "{name}");
    }
}

#[test]
fn a_network_and_a_script_can_be_shared_by_threads() {
    fn is_shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    is_shared(&Network::new(17, Silent));
    is_shared(&Scripted::new([]));
}
