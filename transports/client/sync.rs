//! The locks of the clients, in one place: whoever checks them under a scheduler of threads puts that scheduler's here.

extern crate std;

pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};

/// A thread that panicked while it held a lock left the state whole: nothing that is done under one can panic half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
