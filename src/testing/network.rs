//! A simulated network with a virtual clock: the same seed gives the same run.

extern crate std;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Request;
use location_auth::Bytes;
use location_auth::transports::{AsyncTransport, Delivery, SendError, Transport, prepare};

use super::bounded;
use super::failing::{failure, timed_out};
use super::state::{Answer, Event, State};
use super::{Executor, NetworkFault};

/// A simulated network between your program and a service, with a virtual clock and faults from a seed. It is a blocking and an async
/// transport.
///
/// The service is any blocking [`Transport`], for example a closure over the emulated service, or a [`Scripted`](super::Scripted). A request
/// and its response take up to 0.4 virtual seconds each. Time passes while a blocking send waits, in [`advance`](Self::advance), and while
/// all tasks of [`run`](Self::run) wait.
///
/// There are no faults until you call [`enable_faults`](Self::enable_faults). If a test panics, the network prints its seed and its
/// [`trace`](Self::trace) to the standard error. The same seed gives the same run, if only one thread uses the network.
///
/// It holds an `Arc`: clones share everything.
///
/// ```
/// use location_auth::emulator::Emulator;
/// use location_auth::testing::{Network, NetworkFault};
/// use location_auth::transports::run;
#[doc = include_str!("../../src/doctest_app.txt")]
/// use std::{cell::RefCell, convert::Infallible};
///
/// for seed in 0..100 {
///     let mut emulator = Emulator::new("k-12", "c-34", "s-56");
///     emulator.owner("owner@example.com", "hunter2").location("loc-1", "owner@example.com");
///     let emulator = RefCell::new(emulator);
///     let network = Network::new(seed, |request, _| Ok::<_, Infallible>(emulator.borrow_mut().handle(request)));
///     network.enable_faults(NetworkFault::ALL, 10);
///     let login = || app.location("loc-1")?.login("owner@example.com", "hunter2");
///     if run(login()?, &network).is_err() {
///         network.disable_faults();
///         assert!(run(login()?, &network).is_ok(), "nothing is spoilt for ever");
///     }
/// }
/// # Ok::<(), location_auth::Misuse>(())
/// ```
pub struct Network<T>(Arc<Shared<T>>);

struct Shared<T> {
    service: T,
    state: Mutex<State>,
}

impl<T: Transport> Network<T> {
    /// Makes a network to this service.
    pub fn new(seed: u64, service: T) -> Self {
        let state = State::new(seed);
        Self(Arc::new(Shared { service, state: Mutex::new(state) }))
    }

    /// Lets this much virtual time pass, in whole milliseconds, rounded up. Blocking code passes it as the `sleep` of `run_with_retries`.
    pub fn advance(&self, time: Duration) {
        let end = self.state().after(time);
        while self.state().next_time().is_some_and(|time| time <= end) {
            self.step();
        }
        self.state().set_now(end);
    }

    /// Waits this much virtual time, in whole milliseconds, rounded up, in [`run`](Self::run).
    pub async fn sleep(&self, time: Duration) {
        let end = self.state().after(time);
        poll_fn(|context| {
            let mut state = self.state();
            if state.now >= end {
                return Poll::Ready(());
            }
            state.schedule(end, Event::Wake(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Runs async code to its end. Time passes whenever it waits.
    ///
    /// # Panics
    /// If the future waits for something that never happens.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let mut outputs = self.run_all([future]);
        outputs.pop().unwrap_or_else(|| panic!("a task that has ended has an output"))
    }

    /// Runs tasks to their end, in an order that the seed chooses, and returns their outputs. Time passes whenever all of them wait.
    ///
    /// # Panics
    /// If a task waits for something that never happens.
    pub fn run_all<F: Future>(&self, futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
        let seed = self.state().rng.next();
        let mut executor = Executor::new(seed, futures);
        while executor.unfinished() > 0 {
            let goes_on = executor.step() || self.step();
            assert!(goes_on, "{} of the tasks wait for what never happens", executor.unfinished());
        }
        executor.into_outputs()
    }

    /// Takes the next event. Returns `false` if there is none. The service and wakers are foreign code, so no lock is held.
    fn step(&self) -> bool {
        let Some(event) = self.state().next_event() else { return false };
        match event {
            Event::Wake(waker) => waker.wake(),
            Event::Arrive { id, request, limit, fault } => {
                let answer = self.0.service.send(request, limit);
                let answer = match answer {
                    Ok(response) if fault == Some(NetworkFault::Cut) => {
                        Err(failure(Delivery::Unknown).with_status(response.status()))
                    }
                    Ok(response) => bounded(response, limit),
                    Err(error) => {
                        Err(SendError::new(self.0.service.kind(&error), self.0.service.delivery(&error), None))
                    }
                };
                if fault != Some(NetworkFault::ResponseLost) {
                    self.state().answer_soon(id, answer);
                }
            }
            Event::Answer { id, answer } => {
                let waker = self.state().answered(id, answer);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
        true
    }
}

impl<T> Network<T> {
    /// Injects each of these faults into this percentage of requests from now on. All faults together hit at most 100 percent.
    pub fn enable_faults(&self, faults: &[NetworkFault], percent: u8) {
        let mut state = self.state();
        state.rates.retain(|(known, _)| !faults.contains(known));
        state.rates.extend(faults.iter().map(|fault| (*fault, percent)));
    }

    /// Injects no more faults into requests from now on.
    pub fn disable_faults(&self) {
        self.state().rates.clear();
    }

    /// Returns how much virtual time has passed.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_millis(self.state().now)
    }

    /// Returns how many requests the network injected this fault into.
    #[must_use]
    pub fn injected(&self, fault: NetworkFault) -> u64 {
        self.state().injected.get(&fault).copied().unwrap_or_default()
    }

    /// Returns how many events there were: requests that arrived, responses, and ends of a sleep.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.state().events_seen
    }

    /// Returns a number from the seed, from 0 up to but not including this bound, for the random choices of a test.
    #[must_use]
    pub fn random_below(&self, bound: usize) -> usize {
        self.state().rng.below(bound)
    }

    /// Adds a line to the trace: the outcome of a call, for example.
    pub fn note(&self, what: impl fmt::Display) {
        self.state().note(format_args!("{what}"));
    }

    /// Returns a text with one line and time for each request, fault, response status and [`note`](Self::note). It shows no value that could
    /// be a secret. The same seed gives the same text.
    #[must_use]
    pub fn trace(&self) -> String {
        self.state().trace.clone()
    }

    fn start(&self, mut request: Request<Bytes>, limit: usize) -> Result<u64, SendError> {
        let length = request.body().len();
        prepare(&mut request, Some(length))?;
        Ok(self.state().start(request, limit))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is complete even after a panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Transport> Transport for Network<T> {
    type Error = SendError;

    fn send(&self, request: Request<Bytes>, limit: usize) -> Answer {
        let id = self.start(request, limit)?;
        let sending = Sending { network: self, id };
        loop {
            if let Some(answer) = self.state().take_answer(sending.id) {
                return answer;
            }
            if !self.step() {
                return Err(timed_out());
            }
        }
    }
}

impl<T: Transport> AsyncTransport for Network<T> {
    type Error = SendError;

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Answer {
        let id = self.start(request, limit)?;
        let sending = Sending { network: self, id };
        poll_fn(|context| {
            let mut state = self.state();
            if let Some(answer) = state.take_answer(sending.id) {
                return Poll::Ready(answer);
            }
            if let Some(waiting) = state.waiting.get_mut(&id) {
                waiting.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

/// A sender that waits for a response. When it is dropped, it waits no longer.
struct Sending<'a, T> {
    network: &'a Network<T>,
    id: u64,
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        let waiting = self.network.state().waiting.remove(&self.id);
        // The waker is foreign code: it is dropped after the lock is given back.
        drop(waiting);
    }
}

// Not derived: a derived impl would require a service that is `Clone`.
impl<T> Clone for Network<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Shows the seed and the time, and nothing of the service or of the requests in flight.
impl<T> fmt::Debug for Network<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Network")
            .field("seed", &state.seed)
            .field("now", &Duration::from_millis(state.now))
            .finish_non_exhaustive()
    }
}
