//! An upload that meets a 401: repeated whole where it can be, an error where it can't, never sent half and never twice after a cut.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use location_auth::transports::client::{CallError, tower::ServiceError};
use location_auth::{Bytes, Delivery, Fault, Retry};
use over_tower::TestService;
use tower::{Layer, Service, ServiceExt, service_fn};

const PIECES: usize = 200;
const PIECE: &[u8] = &[b'u'; 16 * 1024];

/// A body that is no `Clone`: it is used up as it is sent, and made again from where it came, or can't be.
struct Upload {
    pieces: VecDeque<Bytes>,
    has_source: bool,
}

impl Upload {
    fn new(has_source: bool) -> Self {
        Self { pieces: std::iter::repeat_n(Bytes::from_static(PIECE), PIECES).collect(), has_source }
    }

    fn again(&self) -> Option<Self> {
        self.has_source.then(|| Self::new(true))
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

fn upload(api: &TestService, has_source: bool) -> Request<Upload> {
    Request::put(api.url()).header("x-kept", "head").body(Upload::new(has_source)).unwrap()
}

/// The lengths of the bodies that arrived whole.
fn lengths(api: &TestService) -> Vec<usize> {
    api.bodies.lock().unwrap().iter().map(Bytes::len).collect()
}

/// Answers each send as the function says, which gets the send's number and how much of its body to read.
fn scripted<F>(
    api: &Arc<TestService>,
    sends: &Arc<AtomicUsize>,
    script: F,
) -> impl Service<Request<Upload>, Response = Response<Body>, Error = io::Error> + Clone
where
    F: Fn(usize) -> Script + Clone,
{
    let (api, sends) = (Arc::clone(api), Arc::clone(sends));
    service_fn(move |request: Request<Upload>| {
        let (api, script) = (Arc::clone(&api), script(sends.fetch_add(1, SeqCst)));
        async move {
            let (head, mut body) = request.into_parts();
            assert_eq!(head.headers["x-kept"], "head");
            match script {
                Script::ReadAll => {
                    let body = body.collect().await.unwrap().to_bytes();
                    api.bodies.lock().unwrap().push(body.clone());
                    Ok(api.handle(Request::from_parts(head, body)).map(Body::from))
                }
                Script::RefuseEarly => {
                    body.frame().await;
                    Ok(api.handle(Request::from_parts(head, Bytes::new())).map(Body::from))
                }
                Script::Cut => {
                    body.frame().await;
                    Err(io::ErrorKind::ConnectionReset.into())
                }
            }
        }
    })
}

enum Script {
    ReadAll,
    /// Answers when one piece has come, and drops the rest.
    RefuseEarly,
    Cut,
}

#[tokio::test]
async fn an_upload_that_is_refused_before_it_is_read_is_sent_whole_the_second_time() {
    let (api, sends) = (TestService::new("https://api.example.com"), Arc::default());
    let inner = scripted(&api, &sends, |send| if send == 0 { Script::RefuseEarly } else { Script::ReadAll });
    let service = api.client().layer_repeating(Upload::again).layer(inner);
    assert_eq!(service.oneshot(upload(&api, true)).await.unwrap().status(), 200);
    assert_eq!((lengths(&api), sends.load(SeqCst)), (vec![PIECES * PIECE.len()], 2));
}

#[tokio::test]
async fn an_upload_that_cannot_be_rebuilt_gets_an_error_and_the_next_call_has_the_new_token() {
    let (api, sends) = (TestService::new("https://api.example.com"), Arc::default());
    let http = || scripted(&api, &sends, |_| Script::ReadAll);
    let service = api.client().layer_repeating(Upload::again).layer(http());
    let error = service.clone().oneshot(upload(&api, false)).await.unwrap_err();
    assert!(matches!(&error, CallError::NotRepeated { response, .. } if response.status() == 401), "{error:?}");
    assert_eq!((error.fault(), error.retry()), (Fault::Caller, Retry::Now));
    assert_eq!((sends.load(SeqCst), api.token_requests()), (1, 1), "it is renewed all the same");
    assert_eq!(service.oneshot(upload(&api, false)).await.unwrap().status(), 200);
    assert_eq!((sends.load(SeqCst), api.token_requests()), (2, 1));
}

#[tokio::test]
async fn a_repeat_that_is_cut_is_not_sent_a_third_time() {
    let (api, sends) = (TestService::new("https://api.example.com"), Arc::default());
    let inner = scripted(&api, &sends, |send| if send == 0 { Script::ReadAll } else { Script::Cut });
    let service = api.client().layer_repeating(Upload::again).layer(inner);
    let error = service.oneshot(upload(&api, true)).await.unwrap_err();
    assert!(matches!(error, CallError::Transport { delivery: Delivery::Unknown, .. }), "{error:?}");
    assert_eq!(sends.load(SeqCst), 2);
}

#[tokio::test]
async fn the_connection_of_a_401_is_free_while_the_token_is_renewed() {
    /// Says when it is dropped.
    struct Watched(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.lock().unwrap().push("the body is dropped");
        }
    }

    let (api, noted) = (TestService::new("https://api.example.com"), Arc::<Mutex<Vec<_>>>::default());
    let (line, log) = (Arc::clone(&api), Arc::clone(&noted));
    let transport = move |request: Request<Bytes>, _: usize| {
        log.lock().unwrap().push("a token request");
        std::future::ready(Ok::<_, Infallible>(line.handle(request)))
    };
    let client = location_auth::transports::client::AsyncClient::with_owner(
        api.revoked_session(),
        api.owner(),
        transport,
        location_auth::transports::client::NoStore,
    );
    let (handler, log) = (Arc::clone(&api), Arc::clone(&noted));
    let inner = service_fn(move |request: Request<Bytes>| {
        let response = handler.handle(request).map(|_| Watched(Arc::clone(&log)));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let response: Result<_, CallError<ServiceError, ()>> =
        client.layer().layer(inner).oneshot(Request::get(api.url()).body(Bytes::new()).unwrap()).await;
    assert_eq!(response.as_ref().unwrap().status(), 200);
    assert_eq!(*noted.lock().unwrap(), ["the body is dropped", "a token request"]);
}
