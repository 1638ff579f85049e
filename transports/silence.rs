//! Ends a call over reqwest in which no byte has moved for so long. reqwest's own time-out of this kind (`read_timeout`) begins when the request is
//! sent, and does not begin anew while its body goes up: it would end a long upload.

extern crate std;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::error::Error as StdError;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{Error as IoError, ErrorKind as Io};
use std::sync::{Mutex, PoisonError};

use ::hyper::body::{Body as HttpBody, Frame, SizeHint};
use ::reqwest::Body;
use location_auth::Bytes;
use tokio::time::{Instant, Sleep, sleep};

type BoxError = Box<dyn StdError + Send + Sync>;

/// When the request's body has last moved. It is `None` while the program's own stream has nothing to send: that is not the service's silence.
#[derive(Clone)]
pub(super) struct Moved(Arc<Mutex<Option<Instant>>>);

impl Moved {
    pub(super) fn now() -> Self {
        Self(Arc::new(Mutex::new(Some(Instant::now()))))
    }

    fn set(&self, last: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// Waits until nothing has moved for so long.
    pub(super) async fn not_for(&self, silence: Duration) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let left = silence.saturating_sub(last.map_or(Duration::ZERO, |last| last.elapsed()));
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }
}

pub(super) fn timed_out() -> IoError {
    IoError::new(Io::TimedOut, "no byte has moved for the time that a call may be silent")
}

/// The body of a request, in pieces. hyper takes a piece when there is room for it, so each one that it takes shows that bytes move.
pub(super) struct Upload {
    pub(super) body: Body,
    pub(super) piece: Bytes,
    /// What is left of the length that a stream declares.
    pub(super) left: Option<u64>,
    pub(super) moved: Moved,
}

/// A body up to this length is one piece.
pub(super) const PIECE: usize = 64 * 1024;

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.piece.is_empty() {
            let frame = Pin::new(&mut self.body).poll_frame(context);
            self.moved.set(frame.is_ready().then(Instant::now));
            match frame {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.piece = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return ended.map_err(Into::into),
            }
        }
        self.moved.set(Some(Instant::now()));
        let length = self.piece.len().min(PIECE);
        let piece = self.piece.split_to(length);
        if let Some(left) = &mut self.left {
            match left.checked_sub(u64::try_from(length).unwrap_or(u64::MAX)) {
                Some(less) => *left = less,
                None => return Poll::Ready(Some(Err(TooLong.into()))),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_empty() && self.body.is_end_stream()
    }

    /// hyper asks for it before it takes the first piece. Where a length is declared, that one is sent.
    fn size_hint(&self) -> SizeHint {
        if self.left.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the stream is longer than its content-length")]
pub(super) struct TooLong;

/// The body of a response. The time in which the program does not ask for more is not the service's.
pub(super) struct Download {
    pub(super) body: Body,
    pub(super) silence: Duration,
    pub(super) sleep: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let silence = self.silence;
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.sleep = None;
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(silence)));
                sleep.as_mut().poll(context).map(|()| Some(Err(timed_out().into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
