//! An executor that runs tasks in an order from a seed, for tests of async code that can be repeated.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use super::Rng;

/// Runs tasks on the thread of the test, one poll at a time. The seed chooses the next task among those that are awake. So many seeds test
/// many orders, and the same seed always gives the same order.
///
/// A task that nothing wakes is never polled again. So a lost wake-up leaves a task [`unfinished`](Self::unfinished).
/// [`Network::run`](super::Network::run) runs tasks with a virtual clock.
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
    /// `None` after it has ended or was cancelled.
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
    /// Makes an executor with one task for each future. All tasks are awake.
    pub fn new<F: Future<Output = T> + 'a>(seed: u64, futures: impl IntoIterator<Item = F>) -> Self {
        let tasks = futures.into_iter().map(|future| Task {
            future: Some(Box::pin(future)),
            awake: Arc::new(Awake(AtomicBool::new(true))),
            output: None,
        });
        Self { tasks: tasks.collect(), rng: Rng::new(seed) }
    }

    /// Polls one of the tasks that are awake. Returns `false` if none is.
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

    /// Drops a task's future before it has ended, as a time-out does. Tasks are numbered from 0, in their order.
    pub fn cancel(&mut self, task: usize) {
        if let Some(task) = self.tasks.get_mut(task) {
            task.future = None;
        }
    }

    /// Returns how many tasks have neither ended nor been cancelled.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.tasks.iter().filter(|task| task.future.is_some()).count()
    }

    /// Returns the outputs of the tasks that have ended, in their order.
    #[must_use]
    pub fn into_outputs(self) -> Vec<T> {
        self.tasks.into_iter().filter_map(|task| task.output).collect()
    }
}

/// Shows how many tasks are unfinished, and nothing of what they hold.
impl<T> fmt::Debug for Executor<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("unfinished", &self.unfinished()).finish_non_exhaustive()
    }
}
