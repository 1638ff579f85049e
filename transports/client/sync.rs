//! What the clients need of threads, in one place: `tests/locks` puts a scheduler's here.

extern crate std;

pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
pub(super) use std::thread_local;

/// A thread that panicked while it held a lock left the state whole: nothing that is done under one can panic half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
