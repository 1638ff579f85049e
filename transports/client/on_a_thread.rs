//! Blocking work of an async store, on any executor or none.

extern crate std;

use alloc::sync::Arc;
use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::io;
use std::thread;

use super::sync::{Mutex, lock};

/// Runs work on a thread, and tells it when nobody waits for its result any more. What it returns then is dropped.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce(&dyn Fn() -> bool) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let waiting: Arc<Mutex<Waiting<T>>> = Arc::new(Mutex::new(Waiting::Yet(None)));
    let ending = Ending(Arc::clone(&waiting));
    thread::Builder::new().name("location-auth folder".into()).spawn(move || {
        let outcome = work(&|| Arc::strong_count(&ending.0) == 1);
        ending.end(Some(outcome));
    })?;
    poll_fn(|context| match core::mem::replace(&mut *lock(&waiting), Waiting::Yet(Some(context.waker().clone()))) {
        Waiting::Ended(Some(outcome)) => Poll::Ready(outcome),
        Waiting::Ended(None) => Poll::Ready(Err(io::Error::other("the folder's thread panicked"))),
        Waiting::Yet(_) => Poll::Pending,
    })
    .await
}

enum Waiting<T> {
    Yet(Option<Waker>),
    Ended(Option<io::Result<T>>),
}

/// Wakes who waits, also after a panic.
struct Ending<T>(Arc<Mutex<Waiting<T>>>);

impl<T> Ending<T> {
    fn end(&self, outcome: Option<io::Result<T>>) {
        let mut waiting = lock(&self.0);
        if let Waiting::Yet(waker) = &mut *waiting {
            let waker = waker.take();
            *waiting = Waiting::Ended(outcome);
            drop(waiting);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.end(None);
    }
}
