//! `SharedTransport`: a service holds it without a type parameter, its futures go to other threads, and what it says of errors stays.
#![cfg(feature = "client")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use http::{Request, Response};
use location_auth::transports::client::{AsyncClient, CallError};
use location_auth::transports::{
    AsyncTransport, Delivery, SendError, SendErrorKind, SharedTransport, run_async_with_retries,
};
use location_auth::{Backoff, Bytes, Session};
use support::{EMAIL, PASSWORD, app, token_response};

/// Fails in this way as often as it is set to, and then answers with a token.
struct Failing {
    kind: SendErrorKind,
    delivery: Delivery,
    times: usize,
    sends: AtomicUsize,
}

impl AsyncTransport for Failing {
    type Error = SendError;

    async fn send(&self, _: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, SendError> {
        tokio::task::yield_now().await;
        if self.sends.fetch_add(1, SeqCst) < self.times {
            return Err(SendError::new(self.kind, self.delivery, None));
        }
        Ok(token_response("user-token").map(String::into_bytes))
    }
}

fn shared(kind: SendErrorKind, delivery: Delivery, times: usize) -> SharedTransport<SendError> {
    let failing = Failing { kind, delivery, times, sends: AtomicUsize::new(0) };
    SharedTransport::new(failing, |failing, request, limit| async move { failing.send(request, limit).await })
}

const FAILURES: [(SendErrorKind, Delivery); 3] = [
    (SendErrorKind::Connect, Delivery::NotSent),
    (SendErrorKind::NoTls, Delivery::Unsendable),
    (SendErrorKind::TimedOut, Delivery::Unknown),
];

/// What a web framework asks of a service's state.
fn is_state<T: Clone + Send + Sync + 'static>(_: &T) {}

#[derive(Clone)]
struct Service {
    transport: SharedTransport<SendError>,
    client: AsyncClient<SharedTransport<SendError>>,
}

impl Service {
    fn new(transport: SharedTransport<SendError>) -> Self {
        Self { client: AsyncClient::new(Session::without_token(&app()), transport.clone()), transport }
    }

    async fn contacts(self) -> Result<Response<Vec<u8>>, CallError<SendError>> {
        let call = Request::get("https://api.example.com/contacts").body(Bytes::new()).unwrap();
        self.client.call(call).await
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

#[test]
fn a_service_holds_a_shared_transport_without_a_type_parameter_and_spawns_its_calls() {
    for (kind, delivery) in FAILURES {
        let service = Service::new(shared(kind, delivery, 1));
        is_state(&service);
        runtime().block_on(async {
            let error = tokio::spawn(service.clone().contacts()).await.unwrap().unwrap_err();
            let CallError::Transport { error, delivery: reported, .. } = error else { panic!("no response: {error}") };
            assert_eq!((reported, service.transport.delivery(&error)), (delivery, delivery));
            assert_eq!(service.transport.kind(&error), kind);
            assert!(tokio::spawn(service.contacts()).await.unwrap().is_ok(), "clones share the one transport");
        });
    }
}

#[test]
fn a_request_that_never_left_a_shared_transport_is_retried() {
    for (kind, delivery) in FAILURES {
        let login = app().user_login(EMAIL, PASSWORD).unwrap();
        let once = Backoff::new(1, std::time::Duration::ZERO, std::time::Duration::ZERO);
        let driven = async move {
            run_async_with_retries(login, &shared(kind, delivery, 1), once, |_| std::future::ready(())).await.is_ok()
        };
        let has_token = runtime().block_on(async { tokio::spawn(driven).await.unwrap() });
        assert_eq!(has_token, delivery == Delivery::NotSent, "{delivery:?}");
    }
}

#[test]
fn a_shared_transport_shows_nothing_of_the_transport() {
    let shown = format!("{:?}", shared(SendErrorKind::Other, Delivery::Unknown, 0));
    assert_eq!(shown, "SharedTransport { .. }");
}
