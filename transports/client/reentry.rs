//! Finds a transport or a store that calls its own client, which would wait for itself.

extern crate std;

use alloc::vec::Vec;
use core::cell::RefCell;
use core::future::poll_fn;
use core::pin::pin;

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

/// Runs code of the transport or the store.
pub(super) fn inside<T>(client: usize, run: impl FnOnce() -> T) -> T {
    let _inside = Inside::enter(client);
    run()
}

/// Runs a future of the transport or the store: each poll counts as inside.
pub(super) async fn inside_async<T>(client: usize, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| inside(client, || future.as_mut().poll(context))).await
}
