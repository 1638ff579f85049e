//! The layer among services and layers: over an axum `Router` in memory, below and above tower's own.

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::Full;
use location_auth::emulator::Condition;
use location_auth::transports::client::{AsyncClient, CallError, NoStore, tower::ServiceError};
use location_auth::{Backoff, Bytes, Delivery, Retry, TokenErrorKind};
use over_tower::TestService;
use tower::limit::ConcurrencyLimitLayer;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::{TimeoutLayer, error::Elapsed};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::trace::{DefaultMakeSpan, DefaultOnRequest, TraceLayer};
use tracing::Level;

const BASE: &str = "https://api.example.com";
const SECOND: Duration = Duration::from_secs(1);

type LayerError = CallError<ServiceError, ()>;

fn call(api: &TestService) -> Request<Full<Bytes>> {
    Request::post(api.url()).body(Full::from("the body")).unwrap()
}

/// Makes many calls at once with a token that was revoked: one token is issued, and all are answered.
async fn many<S, R>(api: &TestService, service: S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error: Send, Future: Send> + Clone + Send + 'static,
    R: Send + 'static,
{
    let calls: Vec<_> = (0..30).map(|_| tokio::spawn(service.clone().oneshot(call(api)))).collect();
    for call in calls {
        let response = call.await.unwrap().unwrap_or_else(|_| panic!("a call fails"));
        assert_eq!(response.status(), 200);
    }
    assert_eq!(api.token_requests(), 1);
    assert!((31..=60).contains(&api.calls()), "{} calls", api.calls());
}

#[tokio::test]
async fn a_client_lists_the_tokens_that_the_store_failed_to_save_for_its_layer() {
    let api = TestService::new(BASE);
    let client = api.client();
    client.layer().layer(api.router()).oneshot(call(&api)).await.unwrap();
    assert_eq!(client.unsaved().len(), 1);
}

/// Not ready when it is asked for the first time, and after each call.
#[derive(Clone)]
struct Hesitant<S> {
    inner: S,
    is_ready: bool,
}

impl<S: Service<R>, R> Service<R> for Hesitant<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if !std::mem::replace(&mut self.is_ready, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.is_ready = false;
        self.inner.call(request)
    }
}

#[tokio::test]
async fn each_send_waits_until_the_inner_service_is_ready() {
    let api = TestService::new(BASE);
    let service = api.client().layer().layer(Hesitant { inner: api.router(), is_ready: false });
    assert_eq!(service.oneshot(call(&api)).await.unwrap().status(), 200);
    assert_eq!((api.calls(), api.token_requests()), (2, 1), "sent again after the 401");
}

// ---- Time-outs. ----

#[tokio::test(start_paused = true)]
async fn a_time_out_below_cuts_a_send_that_may_have_arrived_and_it_is_not_sent_again() {
    let (api, sends) = (TestService::new(BASE), Arc::new(AtomicUsize::new(0)));
    let silent = |_: Request<Full<Bytes>>| {
        sends.fetch_add(1, SeqCst);
        pending::<Result<Response<Body>, Infallible>>()
    };
    let layers = ServiceBuilder::new().layer(api.client().layer()).layer(TimeoutLayer::new(SECOND));
    let error = layers.service(service_fn(silent)).oneshot(call(&api)).await.unwrap_err();
    let CallError::Transport { error, delivery: Delivery::Unknown, .. } = error else { panic!("{error:?}") };
    assert!(error.inner().is::<Elapsed>());
    assert_eq!(error.source().unwrap().to_string(), "the time-out ran out");
    assert_eq!(sends.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_above_drops_token_requests_and_after_the_second_one_is_a_pause() {
    let api = TestService::new(BASE);
    let silent = |_: Request<Bytes>, _: usize| pending::<Result<Response<Vec<u8>>, Infallible>>();
    let client = AsyncClient::with_owner(api.revoked_session(), api.owner(), silent, NoStore);
    let layers = ServiceBuilder::new().layer(TimeoutLayer::new(SECOND)).layer(client.layer());
    let service = layers.service(api.router());
    for _ in 0..2 {
        assert!(service.clone().oneshot(call(&api)).await.unwrap_err().is::<Elapsed>());
    }
    let error = service.oneshot(call(&api)).await.unwrap_err().downcast::<LayerError>().unwrap();
    let CallError::TokenRejected { error, response, .. } = *error else { panic!("{error:?}") };
    assert!(matches!(error.kind(), TokenErrorKind::Paused { .. }), "{error:?}");
    assert_eq!(response.status(), 401);
}

// ---- Retries. ----

/// Sends again where that is safe, as long as the backoff says.
struct WhereSafe<E> {
    backoff: Backoff,
    of_error: fn(&E) -> Retry,
}

impl<E> WhereSafe<E> {
    fn new(of_error: fn(&E) -> Retry) -> Self {
        Self { backoff: Backoff::new(3, SECOND, 10 * SECOND), of_error }
    }
}

impl<E> Clone for WhereSafe<E> {
    fn clone(&self) -> Self {
        Self { backoff: self.backoff.clone(), of_error: self.of_error }
    }
}

impl<B: Clone, R, E> Policy<Request<B>, Response<R>, E> for WhereSafe<E> {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, request: &mut Request<B>, result: &mut Result<Response<R>, E>) -> Option<Self::Future> {
        let of_response =
            |response: &Response<R>| Retry::after(request.method(), response.status(), response.headers());
        let retry = result.as_ref().map_or_else(self.of_error, of_response);
        self.backoff.next_delay(retry).map(tokio::time::sleep)
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

/// Busy for a second and a half, and then well.
fn busy_for_a_while(api: &Arc<TestService>) {
    api.emulator.lock().unwrap().set_condition(Condition::Throttling(Some(1)));
    let api = Arc::clone(api);
    tokio::spawn(async move {
        tokio::time::sleep(SECOND * 3 / 2).await;
        api.emulator.lock().unwrap().set_condition(Condition::Up);
    });
}

#[tokio::test(start_paused = true)]
async fn a_retry_above_waits_for_a_busy_service_and_then_meets_the_401() {
    let api = TestService::new(BASE);
    let layers =
        ServiceBuilder::new().layer(RetryLayer::new(WhereSafe::new(LayerError::retry))).layer(api.client().layer());
    let service = layers.service(api.router());
    busy_for_a_while(&api);
    assert_eq!(service.oneshot(call(&api)).await.unwrap().status(), 200);
    assert_eq!((api.calls(), api.token_requests()), (4, 1), "429, 429, 401, 200");
}

#[tokio::test(start_paused = true)]
async fn a_retry_above_does_not_repeat_a_401() {
    let api = TestService::new(BASE);
    let line = over_tower::TokenLine(Arc::clone(&api));
    let client = AsyncClient::with_owner(api.revoked_session(), api.helpless_owner(), line, NoStore);
    let layers = ServiceBuilder::new().layer(RetryLayer::new(WhereSafe::new(LayerError::retry))).layer(client.layer());
    let error = layers.service(api.router()).oneshot(call(&api)).await.unwrap_err();
    assert!(matches!(error, CallError::TokenRejected { .. }), "{error:?}");
    assert_eq!((api.calls(), api.token_requests()), (1, 0));
}

// ---- A limit of concurrency: one place, thirty callers. ----

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_a_new_token_holds_no_permit_of_a_limit_below() {
    let api = TestService::new(BASE);
    let layers = ServiceBuilder::new().layer(api.client().layer()).layer(ConcurrencyLimitLayer::new(1));
    many(&api, layers.service(api.router())).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_first_token_holds_no_permit_of_a_limit_below() {
    let api = TestService::new(BASE);
    let limited = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(api.router());
    // The token requests go through the same limit.
    let transport = |request: Request<Bytes>, _: usize| {
        let (mut limited, api) = (limited.clone(), Arc::clone(&api));
        async move {
            let _permit = ServiceExt::<Request<Body>>::ready(&mut limited).await?;
            Ok::<_, Infallible>(api.handle(request))
        }
    };
    let client = AsyncClient::with_owner(api.session_without_a_token(), api.owner(), transport, NoStore);
    let mut service = client.layer().layer(limited.clone());
    let sent = service.ready().await.unwrap().call(call(&api));
    let response = tokio::time::timeout(SECOND, sent).await.expect("it has a place").unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_reserved_permit_is_the_one_that_is_used() {
    let api = TestService::new(BASE);
    let layers = ServiceBuilder::new().layer(api.client().layer()).layer(ConcurrencyLimitLayer::new(1));
    let mut service = layers.service(api.router());
    for _ in 0..3 {
        let sent = service.ready().await.unwrap().call(call(&api));
        let response = tokio::time::timeout(SECOND, sent).await.expect("it has a place").unwrap();
        assert_eq!(response.status(), 200);
    }
}

// ---- A trace, which shows every header that is not marked as sensitive. ----

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_trace_below_or_above_shows_no_credential() {
    let (api, log) = (TestService::new(BASE), Log::default());
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let trace = || {
        let span = DefaultMakeSpan::new().level(Level::INFO).include_headers(true);
        TraceLayer::new_for_http().make_span_with(span).on_request(DefaultOnRequest::new().level(Level::INFO))
    };
    let layers = ServiceBuilder::new().layer(trace()).layer(api.client().layer()).layer(trace());
    let response = layers.service(api.router()).oneshot(call(&api)).await.unwrap();
    assert_eq!(response.status(), 200);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("x-api-key") && log.contains("Sensitive"), "{log}");
    for secret in ["m4rk3r", "user-token-", "location-token-"] {
        assert!(!log.contains(secret), "{log}");
    }
}

// ---- All of them, and threads. ----

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_stack_renews_once_for_all() {
    let api = TestService::new(BASE);
    let layers = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(RetryLayer::new(WhereSafe::new(LayerError::retry)))
        .layer(api.client().layer())
        .layer(ConcurrencyLimitLayer::new(3))
        .layer(TimeoutLayer::new(30 * SECOND));
    many(&api, layers.service(api.router())).await;
}

#[test]
fn a_call_is_send_if_the_inner_call_is() {
    fn is_send<T: Send>(_: &T) {}
    let api = TestService::new(BASE);
    let mut service = api.client().layer().layer(api.router());
    let call = service.call(call(&api));
    is_send(&call);
    is_send(&service);
}

#[tokio::test]
async fn a_calls_debug_output_names_its_state_and_it_is_never_ready_again() {
    let api = TestService::new(BASE);
    let handler = Arc::clone(&api);
    let inner = service_fn(move |request: Request<Bytes>| {
        let handler = Arc::clone(&handler);
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(handler.handle(request))
        }
    });
    let mut service = api.client().layer().layer(inner);
    let mut call = service.call(Request::get(api.url()).body(Bytes::from("m4rk3r")).unwrap());
    let mut seen = vec![format!("{call:?}")];
    while poll_fn(|context| Poll::Ready(Pin::new(&mut call).poll(context).is_pending())).await {
        seen.push(format!("{call:?}"));
        tokio::task::yield_now().await;
    }
    seen.push(format!("{call:?}"));
    seen.dedup();
    let states = ["Ready", "Sent", "Acquiring", "Sent", "Ended"].map(|state| format!("AuthFuture::{state}"));
    assert_eq!(seen, states);
    assert!(poll_fn(|context| Poll::Ready(Pin::new(&mut call).poll(context).is_pending())).await);
}

#[tokio::test]
async fn nothing_needs_to_be_send() {
    let (api, sends) = (TestService::new(BASE), Rc::new(Cell::new(0)));
    let (line, counted) = (Arc::clone(&api), Rc::clone(&sends));
    let transport = move |request: Request<Bytes>, _: usize| {
        counted.set(counted.get() + 1);
        ready(Ok::<_, Infallible>(line.handle(request)))
    };
    let client = AsyncClient::with_owner(api.revoked_session(), api.owner(), transport, NoStore);
    let service = Arc::clone(&api);
    let inner = service_fn(move |request: Request<Rc<[u8]>>| {
        let response = service.handle(request.map(|body| Bytes::copy_from_slice(&body)));
        ready(Ok::<_, Infallible>(response.map(Rc::new)))
    });
    let call = Request::post(api.url()).body(Rc::from(&b"the body"[..])).unwrap();
    assert_eq!(client.layer().layer(inner).oneshot(call).await.unwrap().status(), 200);
    assert_eq!(sends.get(), 1);
}
