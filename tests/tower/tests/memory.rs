//! A gibibyte up and a gibibyte down through the layer, in memory: it holds nothing of a body and copies nothing of it.

#[path = "../../support/peak.rs"]
mod peak;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use location_auth::Bytes;
use over_tower::TestService;
use peak::{MIB, alone, peak_of};
use tower::{Layer, ServiceExt, service_fn};

static PIECE: [u8; 64 * 1024] = [b'u'; 64 * 1024];
const PIECES: usize = 16 * 1024;

/// The same piece, many times.
#[derive(Clone)]
struct Repeated(usize);

impl Body for Repeated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
        self.0 = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE)))))
    }
}

/// How many bytes a body has, each piece of which is the one that was sent and no copy.
async fn length(mut body: Repeated) -> usize {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap();
        assert!(std::ptr::eq(piece.as_ptr(), PIECE.as_ptr()), "a copy was made");
        length += piece.len();
    }
    length
}

#[test]
fn a_gibibyte_is_uploaded_twice_and_downloaded_once_and_none_of_it_is_held_or_copied() {
    let _alone = alone();
    let api = TestService::new("https://api.example.com");
    let shared = Arc::clone(&api);
    let inner = service_fn(move |request: Request<Repeated>| {
        let shared = Arc::clone(&shared);
        async move {
            let (head, body) = request.into_parts();
            assert_eq!(length(body).await, PIECES * PIECE.len());
            let answer = shared.handle(Request::from_parts(head, Bytes::new()));
            Ok::<_, Infallible>(Response::from_parts(answer.into_parts().0, Repeated(PIECES)))
        }
    });
    let layered = api.client().layer().layer(inner);
    let upload = Request::put(api.url()).body(Repeated(PIECES)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let peak = peak_of(|| {
        // The first send meets a 401.
        let response = runtime.block_on(layered.oneshot(upload)).unwrap();
        assert_eq!((response.status().as_u16(), api.token_requests()), (200, 1));
        assert_eq!(runtime.block_on(length(response.into_body())), PIECES * PIECE.len());
    });
    println!("{} MiB up twice and down once, {peak} bytes at one time", PIECES * PIECE.len() / MIB);
    assert!(peak < MIB, "{peak}");
}
