//! The locks and thread-locals of the clients, in one place: `tests/locks` puts those of a scheduler here.

extern crate std;

pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
pub(super) use std::thread_local;

/// Takes a lock, also after a panic. The state is still complete then, because nothing that runs under a lock can panic half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
