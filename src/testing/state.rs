//! The state of the network: its clock, the events to come, and the trace.

extern crate std;

use alloc::collections::{BTreeMap, BinaryHeap};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::cmp::Reverse;
use core::fmt::{self, Write};
use core::task::Waker;
use core::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::transports::{Delivery, SendError, SendErrorKind};
use location_auth::{Bytes, Redacted};

use super::bounded;
use super::failing::{failure, timed_out};
use super::network_fault::FORGERIES;
use super::{NetworkFault, Rng};

/// The time-out of a sender, in milliseconds.
const TIME_OUT: u64 = 5000;

std::thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Returns the time of the network that ran last on this thread. Pass it to `Client::with_clock` or `AsyncClient::with_clock`.
///
/// ```
/// use location_auth::testing::{self, Network};
/// use std::time::Duration;
///
/// let network = Network::new(17, |_, _| Ok::<_, std::convert::Infallible>(http::Response::new(vec![])));
/// network.advance(Duration::from_secs(3600));
/// assert_eq!(testing::now(), Duration::from_secs(3600));
/// ```
#[must_use]
pub fn now() -> Duration {
    NOW.get()
}

pub(super) type Answer = Result<Response<Vec<u8>>, SendError>;

pub(super) enum Event {
    Arrive { id: u64, request: Request<Bytes>, limit: usize, fault: Option<NetworkFault> },
    Answer { id: u64, answer: Answer },
    Wake(Waker),
}

#[derive(Default)]
pub(super) struct Waiting {
    answer: Option<Answer>,
    pub(super) waker: Option<Waker>,
}

pub(super) struct State {
    pub(super) seed: u64,
    pub(super) rng: Rng,
    /// In milliseconds.
    pub(super) now: u64,
    next: u64,
    /// The time and number of each event to come.
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    pub(super) waiting: BTreeMap<u64, Waiting>,
    /// The enabled faults, each with its percentage of requests.
    pub(super) rates: Vec<(NetworkFault, u8)>,
    pub(super) events_seen: u64,
    pub(super) injected: BTreeMap<NetworkFault, u64>,
    pub(super) trace: String,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        NOW.set(Duration::ZERO);
        Self {
            seed,
            rng: Rng::new(seed),
            now: 0,
            next: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            waiting: BTreeMap::new(),
            rates: Vec::new(),
            events_seen: 0,
            injected: BTreeMap::new(),
            trace: String::new(),
        }
    }

    /// Returns the time of the next event.
    pub(super) fn next_time(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse((time, _))| *time)
    }

    pub(super) fn after(&self, time: Duration) -> u64 {
        self.now.saturating_add(u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }

    pub(super) fn set_now(&mut self, now: u64) {
        self.now = now;
        NOW.set(Duration::from_millis(now));
    }

    pub(super) fn note(&mut self, what: fmt::Arguments<'_>) {
        // Writing to a String never fails.
        let _ = writeln!(self.trace, "{:>7} ms  {what}", self.now);
    }

    pub(super) fn schedule(&mut self, time: u64, event: Event) {
        self.queue.push(Reverse((time, self.next)));
        self.events.insert(self.next, event);
        self.next = self.next.saturating_add(1);
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        let Reverse((time, number)) = self.queue.pop()?;
        self.set_now(time);
        self.events_seen = self.events_seen.saturating_add(1);
        self.events.remove(&number)
    }

    fn soon(&mut self) -> u64 {
        let latency = u64::try_from(self.rng.below(400)).unwrap_or_default().saturating_add(1);
        self.now.saturating_add(latency)
    }

    fn choose_fault(&mut self) -> Option<NetworkFault> {
        if self.rates.is_empty() {
            return None;
        }
        let mut chosen = self.rng.below(100);
        let fault = self.rates.iter().find_map(|(fault, percent)| match chosen.checked_sub(usize::from(*percent)) {
            None => Some(*fault),
            Some(left) => {
                chosen = left;
                None
            }
        })?;
        let injected = self.injected.entry(fault).or_default();
        *injected = injected.saturating_add(1);
        Some(fault)
    }

    /// Starts a request, and returns its number.
    pub(super) fn start(&mut self, request: Request<Bytes>, limit: usize) -> u64 {
        let id = self.next;
        self.waiting.insert(id, Waiting::default());
        let fault = self.choose_fault();
        self.note(format_args!("#{id} {}{}", Redacted(&request), Injected(fault)));
        let (soon, time_out) = (self.soon(), self.now.saturating_add(TIME_OUT));
        match fault {
            Some(NetworkFault::Refused) => {
                self.schedule(soon, Event::Answer { id, answer: Err(failure(Delivery::NotSent)) })
            }
            Some(NetworkFault::RequestLost) => {}
            Some(NetworkFault::Delayed) => {
                let late = soon.saturating_add(TIME_OUT);
                self.schedule(late, Event::Arrive { id, request, limit, fault });
            }
            Some(NetworkFault::Forged) => {
                let answer = self.forgery(limit);
                self.schedule(soon, Event::Answer { id, answer });
            }
            _ => {
                if fault == Some(NetworkFault::Duplicated) {
                    let again = soon.saturating_add(50);
                    self.schedule(again, Event::Arrive { id, request: request.clone(), limit, fault });
                }
                self.schedule(soon, Event::Arrive { id, request, limit, fault });
            }
        }
        self.schedule(time_out, Event::Answer { id, answer: Err(timed_out()) });
        id
    }

    fn forgery(&mut self, limit: usize) -> Answer {
        let chosen = self.rng.below(FORGERIES.len());
        let (status, body) = FORGERIES.get(chosen).copied().unwrap_or((500, ""));
        let response = Response::builder().status(status).body(body.as_bytes().to_vec());
        bounded(response.map_err(|_| failure(Delivery::Unknown))?, limit)
    }

    pub(super) fn answer_soon(&mut self, id: u64, answer: Answer) {
        let soon = self.soon();
        self.schedule(soon, Event::Answer { id, answer });
    }

    /// Stores what a request got, and returns the waker to call.
    pub(super) fn answered(&mut self, id: u64, answer: Answer) -> Option<Waker> {
        // The first answer counts. Nobody waits for one after the time-out.
        let Some(waiting) = self.waiting.get_mut(&id).filter(|waiting| waiting.answer.is_none()) else {
            self.events_seen = self.events_seen.saturating_sub(1);
            return None;
        };
        let waker = waiting.waker.take();
        let shown = Shown(answer.as_ref().map_or_else(|error| Err(error.kind()), |response| Ok(response.status())));
        waiting.answer = Some(answer);
        self.note(format_args!("#{id} {shown}"));
        waker
    }

    pub(super) fn take_answer(&mut self, id: u64) -> Option<Answer> {
        self.waiting.get_mut(&id)?.answer.take()
    }
}

/// A fault as the trace shows it.
struct Injected(Option<NetworkFault>);

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |fault| write!(f, "  !! {fault:?}"))
    }
}

/// A response, or an error, as the trace shows it.
struct Shown(Result<StatusCode, SendErrorKind>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(status) => write!(f, "status {}", status.as_u16()),
            Err(kind) => write!(f, "{kind:?}"),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::eprintln!("seed {} does it again; what happened on the network:\n{}", self.seed, self.trace);
        }
    }
}
