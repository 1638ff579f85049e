//! `SharedTransport`: a service holds it without a type parameter, its futures go to other threads, and what it says of errors stays.
#![cfg(feature = "client")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use http::{Request, Response};
use location_auth::transports::client::{AsyncClient, CallError};
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind, SharedTransport};
use location_auth::{Bytes, Session};
use support::{app, token_response};

/// Fails in this way once, and then answers with a token.
struct Failing {
    kind: SendErrorKind,
    delivery: Delivery,
    sends: AtomicUsize,
}

impl AsyncTransport for Failing {
    type Error = SendError;

    async fn send(&self, _: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, SendError> {
        tokio::task::yield_now().await;
        match self.sends.fetch_add(1, SeqCst) {
            0 => Err(SendError::new(self.kind, self.delivery, None)),
            _ => Ok(token_response("user-token").map(String::into_bytes)),
        }
    }
}

fn shared(kind: SendErrorKind, delivery: Delivery) -> SharedTransport<SendError> {
    let failing = Failing { kind, delivery, sends: AtomicUsize::new(0) };
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

#[test]
fn a_service_holds_a_shared_transport_without_a_type_parameter_and_spawns_its_calls() {
    for (kind, delivery) in FAILURES {
        let service = Service::new(shared(kind, delivery));
        is_state(&service);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let error = tokio::spawn(service.clone().contacts()).await.unwrap().unwrap_err();
            let CallError::Transport { error, delivery: reported, .. } = error else { panic!("no response: {error}") };
            assert_eq!((reported, service.transport.delivery(&error)), (delivery, delivery));
            assert_eq!(service.transport.kind(&error), kind);
            assert!(tokio::spawn(service.contacts()).await.unwrap().is_ok(), "clones share the one transport");
        });
    }
}

#[test]
fn a_shared_transport_shows_nothing_of_the_transport() {
    let shown = format!("{:?}", shared(SendErrorKind::Other, Delivery::Unknown));
    assert_eq!(shown, "SharedTransport { .. }");
}
