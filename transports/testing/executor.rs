//! An executor whose order is a seed's: for async code under a test that has to repeat.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use super::Rng;

/// Runs tasks on the thread of the test, one poll after another. Of those that are awake a seed chooses the next, so that many seeds try
/// many orders, and one seed always the same.
///
/// A task that nothing wakes is never polled again: a wake-up that is lost shows as a task that is [`unfinished`](Self::unfinished).
/// [`Network::run`](super::Network::run) runs tasks under a clock besides.
///
/// ```
/// use location_auth::testing::Executor;
/// use std::{cell::RefCell, pin::pin};
///
/// async fn pass() {
///     let mut passed = false;
///     std::future::poll_fn(|context| {
///         context.waker().wake_by_ref();
///         if std::mem::replace(&mut passed, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
///     })
///     .await;
/// }
///
/// let order = |seed| {
///     let order = RefCell::new(vec![]);
///     let mut executor = Executor::new(seed, (0..5).map(|number| {
///         let order = &order;
///         async move {
///             pass().await;
///             order.borrow_mut().push(number);
///         }
///     }));
///     executor.cancel(3);
///     while executor.step() {}
///     assert_eq!((executor.unfinished(), executor.into_outputs().len()), (0, 4));
///     order.into_inner()
/// };
/// assert_eq!(order(1), order(1));
/// assert_ne!(order(1), order(2));
/// ```
pub struct Executor<'a, T> {
    tasks: Vec<Task<'a, T>>,
    rng: Rng,
}

struct Task<'a, T> {
    /// `None` once it has ended, or was cancelled.
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    awake: Arc<Awake>,
    output: Option<T>,
}

struct Awake(AtomicBool);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<'a, T> Executor<'a, T> {
    /// One task for each future, all of them awake.
    pub fn new<F: Future<Output = T> + 'a>(seed: u64, futures: impl IntoIterator<Item = F>) -> Self {
        let tasks = futures.into_iter().map(|future| Task {
            future: Some(Box::pin(future)),
            awake: Arc::new(Awake(AtomicBool::new(true))),
            output: None,
        });
        Self { tasks: tasks.collect(), rng: Rng::new(seed) }
    }

    /// Polls one of the tasks that are awake. `false` if none is.
    pub fn step(&mut self) -> bool {
        let is_awake = |task: &&mut Task<'a, T>| task.future.is_some() && task.awake.0.load(Ordering::SeqCst);
        let mut awake: Vec<_> = self.tasks.iter_mut().filter(is_awake).collect();
        let chosen = self.rng.below(awake.len());
        let Some(task) = awake.get_mut(chosen) else { return false };
        task.awake.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&task.awake));
        let Some(future) = &mut task.future else { return false };
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            task.future = None;
            task.output = Some(output);
        }
        true
    }

    /// Drops a task's future half-way, as a program does that waits no longer. Tasks count from 0, in their order.
    pub fn cancel(&mut self, task: usize) {
        if let Some(task) = self.tasks.get_mut(task) {
            task.future = None;
        }
    }

    /// How many tasks have neither ended nor been cancelled.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.tasks.iter().filter(|task| task.future.is_some()).count()
    }

    /// What the tasks that have ended came to, in their order.
    #[must_use]
    pub fn into_outputs(self) -> Vec<T> {
        self.tasks.into_iter().filter_map(|task| task.output).collect()
    }
}

/// How many tasks are unfinished, nothing of what they hold.
impl<T> fmt::Debug for Executor<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("unfinished", &self.unfinished()).finish_non_exhaustive()
    }
}
