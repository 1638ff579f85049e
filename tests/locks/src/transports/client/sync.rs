//! In place of `transports/client/sync.rs`: the scheduler's locks and its threads' own values.

pub(super) use shuttle::sync::{Mutex, MutexGuard, PoisonError};
pub(super) use shuttle::thread_local;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
