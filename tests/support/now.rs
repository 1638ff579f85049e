//! The executor of tests in which nothing waits.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Polls the future once, which must be enough.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}
