//! Finds a transport or a store that calls its own client, which would wait for itself.

extern crate std;

use alloc::vec::Vec;
use core::cell::RefCell;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;

use super::sync::thread_local;

thread_local! {
    /// The clients whose transport or store runs on this thread now. A client's id is the address of the state that its clones share.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

struct Inside;

impl Inside {
    fn enter(client: usize) -> Self {
        INSIDE.with(|inside| inside.borrow_mut().push(client));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with(|inside| inside.borrow_mut().pop());
    }
}

/// Whether this client's transport or store runs now on this thread.
pub(super) fn is_inside(client: usize) -> bool {
    INSIDE.with(|inside| inside.borrow().contains(&client))
}

/// Runs code of the transport, the store or the clock.
pub(super) fn inside<T>(client: usize, run: impl FnOnce() -> T) -> T {
    let _inside = Inside::enter(client);
    run()
}

/// Runs a future of the transport or the store. All of their code counts as inside: what makes the future, each poll and its drop, also if the
/// caller is dropped before the future is ready.
pub(super) async fn inside_async<F: Future>(client: usize, make: impl FnOnce() -> F) -> F::Output {
    let mut future = pin!(Some(inside(client, make)));
    let mut entered = Entered { client, future: future.as_mut() };
    poll_fn(|context| {
        let future = entered.future.as_mut().as_pin_mut();
        future.map_or(Poll::Pending, |future| inside(client, || future.poll(context)))
    })
    .await
}

struct Entered<'a, F> {
    client: usize,
    future: Pin<&'a mut Option<F>>,
}

impl<F> Drop for Entered<'_, F> {
    fn drop(&mut self) {
        inside(self.client, || self.future.set(None));
    }
}
