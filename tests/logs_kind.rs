//! What the events of a failed send say of it: a time-out does not read like a cut.
#![cfg(all(feature = "client", feature = "tracing"))]

#[path = "support/now.rs"]
mod now;
#[path = "support/over.rs"]
mod over;
mod support;

use std::cell::RefCell;
use std::fmt::Debug;
use std::future::{Future, ready};
use std::sync::{Arc, Once};

use http::{Request, Response};
use location_auth::transports::client::{AsyncClient, Client, NoStore};
use location_auth::transports::{
    AsyncTransport, Delivery, SendError, SendErrorKind, SharedTransport, Transport, run, run_async,
};
use location_auth::{Bytes, Flow, LocationAccessToken, LocationLogin, Owner, Progress, Session};
use now::now;
use over::OVER;
use support::{EMAIL, PASSWORD, app, response, token_response};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    /// Message and kind of each event of a failure on this thread.
    static FAILURES: RefCell<Vec<(String, Option<String>)>> = RefCell::default();
}

struct Recorder;

#[derive(Default)]
struct Fields {
    message: String,
    kind: Option<String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "kind" => self.kind = Some(format!("{value:?}")),
            _ => {}
        }
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "location_auth" && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if fields.message.ends_with("failed") {
            FAILURES.with_borrow_mut(|failures| failures.push((fields.message, fields.kind)));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("spans are not enabled")
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn failures(work: impl FnOnce()) -> Vec<(String, Option<String>)> {
    static RECORDER: Once = Once::new();
    RECORDER.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
    FAILURES.take();
    work();
    FAILURES.take()
}

/// A way on which token requests fail like this, and calls are answered with 401.
struct Way(SendErrorKind, Delivery);

impl Way {
    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Vec<u8>>, SendError> {
        match request.uri().path() {
            "/rejected" => Ok(response(401, "").map(String::into_bytes)),
            _ => Err(SendError::new(self.0, self.1, None)),
        }
    }
}

impl Transport for Way {
    type Error = SendError;
    fn send(&self, request: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, SendError> {
        self.answer(&request)
    }
}

impl AsyncTransport for Way {
    type Error = SendError;
    fn send(&self, request: Request<Bytes>, _: usize) -> impl Future<Output = Result<Response<Vec<u8>>, SendError>> {
        ready(self.answer(&request))
    }
}

fn login() -> LocationLogin {
    app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap()
}

fn token() -> LocationAccessToken {
    let Ok(Progress::Next(exchange)) = login().receive(&token_response("user-token")) else { panic!("two steps") };
    let Ok(Progress::Done(token)) = exchange.receive(&token_response("location-token")) else { panic!("a token") };
    token
}

fn session() -> Session {
    Session::for_location(&app(), token()).unwrap()
}

fn owner() -> Owner {
    let mut owner = Owner::new(&app());
    owner.set_login(app().user_login(EMAIL, PASSWORD).unwrap()).unwrap();
    owner
}

fn call(path: &str) -> Request<Bytes> {
    Request::get(format!("https://api.example.com{path}")).body(Bytes::new()).unwrap()
}

const FAILED_SENDS: [(SendErrorKind, Delivery); 4] = [
    (SendErrorKind::TimedOut, Delivery::Unknown),
    (SendErrorKind::Broken, Delivery::Unknown),
    (SendErrorKind::Connect, Delivery::NotSent),
    (SendErrorKind::Insecure, Delivery::Unsendable),
];

/// The events of a login, of a call, and of a renewal that fail on this way.
fn expected(kind: SendErrorKind) -> Vec<(String, Option<String>)> {
    let kind = Some(format!("{kind:?}"));
    let failed = |message: &str, kind: &Option<String>| (message.to_owned(), kind.clone());
    vec![
        failed("step failed", &kind),
        failed("call failed", &kind),
        failed("step failed", &kind),
        // The call itself was answered, with 401.
        failed("call failed", &None),
    ]
}

#[test]
fn the_events_of_a_failed_send_name_its_kind() {
    for (kind, delivery) in FAILED_SENDS {
        let logged = failures(|| {
            let way = Arc::new(Way(kind, delivery));
            assert!(run(login(), &way).is_err());
            let client = Client::with_owner(session(), owner(), way, NoStore);
            assert!(client.call(call("/contacts")).is_err());
            assert!(client.call(call("/rejected")).is_err());
        });
        assert_eq!(logged, expected(kind));
        for over in OVER {
            let logged = failures(|| {
                let way = SharedTransport::new(Way(kind, delivery), |way, request, limit| async move {
                    AsyncTransport::send(&*way, request, limit).await
                });
                assert!(now(run_async(login(), &way)).is_err());
                let client = AsyncClient::with_owner(session(), owner(), way.clone(), NoStore);
                assert!(now(over.call(&client, &way, call("/contacts"))).is_err());
                assert!(now(over.call(&client, &way, call("/rejected"))).is_err());
            });
            assert_eq!(logged, expected(kind), "async, over {over:?}");
        }
    }
}

#[test]
fn the_events_of_a_closure_and_of_a_response_name_no_kind() {
    let cut = |_: Request<Bytes>, _: usize| Err::<Response<Vec<u8>>, _>(std::io::Error::other("cut"));
    let logged = failures(|| assert!(run(login(), &cut).is_err()));
    assert_eq!(logged, [("step failed".to_owned(), Some("Other".to_owned()))]);
    let refused = |_: Request<Bytes>, _: usize| Ok::<_, SendError>(response(403, "").map(String::into_bytes));
    let logged = failures(|| assert!(run(login(), &refused).is_err()));
    assert_eq!(logged, [("step failed".to_owned(), None)]);
}
