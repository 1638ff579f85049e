//! Waits for a future as if it were a task of its own.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::poll_fn;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

/// Polls the future again only when its own waker was called, and not when another part of the task was woken. A future that yields ends at
/// its second poll. So a late wake-up from an earlier exchange would end it before the runtime has looked at its IO.
pub(super) async fn on_its_own_wakes<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut latest: Option<Arc<OwnWake>> = None;
    poll_fn(|cx| {
        let of_others = |own: &Arc<OwnWake>| own.task.will_wake(cx.waker()) && !own.woken.load(Ordering::Acquire);
        if latest.as_ref().is_some_and(of_others) {
            return Poll::Pending;
        }
        let own = Arc::new(OwnWake { task: cx.waker().clone(), woken: AtomicBool::new(false) });
        latest = Some(Arc::clone(&own));
        future.as_mut().poll(&mut Context::from_waker(&Waker::from(own)))
    })
    .await
}

struct OwnWake {
    task: Waker,
    woken: AtomicBool,
}

impl Wake for OwnWake {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}
