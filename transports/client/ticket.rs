//! The end of an acquisition that runs by itself, for those who wait for it (`Q21`).

use alloc::sync::Arc;

use async_lock::Semaphore;
use location_auth::driver::Replay;
use location_auth::{TokenError, TokenErrorKind};

use super::sync::{Mutex, lock};

type Outcome = Result<Replay, TokenError>;

/// What whoever runs it has: it ends when that ends, however it does.
pub(super) struct Ticket(Arc<Ended>);

/// What those have who wait.
pub(super) struct Ended {
    outcome: Mutex<Option<Outcome>>,
    /// It has a permit from the end on.
    end: Semaphore,
}

impl Ticket {
    pub(super) fn new() -> (Self, Arc<Ended>) {
        let ended = Arc::new(Ended { outcome: Mutex::new(None), end: Semaphore::new(0) });
        (Self(Arc::clone(&ended)), ended)
    }

    pub(super) fn end(self, outcome: Outcome) {
        *lock(&self.0.outcome) = Some(outcome);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.end.add_permits(1);
    }
}

impl Ended {
    pub(super) async fn wait(&self) {
        drop(self.end.acquire().await);
    }

    pub(super) fn is_running(&self) -> bool {
        self.end.try_acquire().is_none()
    }

    /// The outcome, for the one call that began it.
    pub(super) async fn outcome(&self) -> Outcome {
        self.wait().await;
        lock(&self.outcome).take().unwrap_or_else(|| Err(TokenErrorKind::Abandoned.into()))
    }
}
