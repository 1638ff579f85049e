//! A network, a clock and an executor that are all made of numbers: the same seed, the same run.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http::{Request, Response};
use location_auth::Bytes;
use location_auth::emulator::{Condition, Counts, Emulator};
use location_auth::transports::{AsyncTransport, Delivery};

use crate::dice::Dice;

/// What can go wrong with one request, or with the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection is refused: the request never leaves.
    Refused,
    RequestLost,
    ResponseLost,
    /// The request arrives twice; the first answer is the one that counts.
    Doubled,
    /// The request arrives when nobody waits for its answer any more.
    Late,
    /// The response is cut, and the transport says so.
    Cut,
    /// Somebody else answers.
    Forged,
    /// The Location's tokens are revoked.
    Revoked,
    Throttled,
    Down,
}

pub const FAULTS: [Fault; 10] = {
    use Fault::*;
    [Refused, RequestLost, ResponseLost, Doubled, Late, Cut, Forged, Revoked, Throttled, Down]
};

/// Marks the requests of a client.
pub const CLIENTS: &str = "x-client";

/// The token that a service's response holds.
pub fn token(response: &Response<Vec<u8>>) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(response.body()).ok()?;
    Some(body.get("access_token")?.as_str()?.to_owned())
}

/// What somebody else answers.
const FORGERIES: [(u16, &str); 10] = [
    (200, r#"{"access_token": "forged-"#),
    (200, r#"{"access_token": "forged token"}"#),
    (200, r#"{"access_token": ["forged"]}"#),
    (200, "<html>Sign in to the hotel's network</html>"),
    (204, ""),
    (302, ""),
    (401, r#"{"error": "forged"}"#),
    (403, "forged"),
    (500, r#"{"message": "forged"}"#),
    (999, "forged"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("refused")]
    Refused,
    #[error("timed out")]
    TimedOut,
    #[error("cut")]
    Cut,
}

type Answer = Result<Response<Vec<u8>>, LineError>;

enum Event {
    Arrive { id: u64, request: Request<Bytes>, fault: Option<Fault> },
    Answer { id: u64, answer: Answer },
    Wake(Waker),
    Weather,
}

#[derive(Default)]
struct Waiting {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

struct State {
    now: u64,
    next: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    waiting: BTreeMap<u64, Waiting>,
    /// By host.
    services: BTreeMap<&'static str, Emulator>,
    locations: usize,
    dice: Dice,
    stormy: bool,
    processed: u64,
    faults: BTreeMap<Fault, u64>,
    digest: u64,
    /// The tokens that the services issued to clients, but for those that a doubled request may have been issued twice.
    issued: Vec<String>,
}

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The time on the network that runs on this thread: a clock for clients.
pub fn now() -> Duration {
    NOW.get()
}

/// Carries requests to the emulated services, after a while, or does not.
#[derive(Clone)]
pub struct Network(Rc<RefCell<State>>);

impl Network {
    pub fn new(seed: u64, services: impl IntoIterator<Item = (&'static str, Emulator)>, locations: usize) -> Self {
        NOW.set(Duration::ZERO);
        Self(Rc::new(RefCell::new(State {
            now: 0,
            next: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            waiting: BTreeMap::new(),
            services: services.into_iter().collect(),
            locations,
            dice: Dice::new(seed),
            stormy: false,
            processed: 0,
            faults: BTreeMap::new(),
            digest: 0xcbf2_9ce4_8422_2325,
            issued: Vec::new(),
        })))
    }

    /// From now on things go wrong.
    pub fn storm(&self) {
        let state = &mut *self.0.borrow_mut();
        state.stormy = true;
        state.schedule(1000, Event::Weather);
    }

    /// From now on nothing does, and the services are up.
    pub fn calm(&self) {
        let state = &mut *self.0.borrow_mut();
        state.stormy = false;
        state.set_condition(Condition::Up);
    }

    /// What each service has counted.
    pub fn counts(&self) -> Vec<Counts> {
        self.0.borrow().services.values().map(Emulator::counts).collect()
    }

    /// Takes what the services issued to clients.
    pub fn take_issued(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().issued)
    }

    pub fn dice(&self, bound: usize) -> usize {
        self.0.borrow_mut().dice.below(bound)
    }

    /// Adds to what must be the same for the same seed.
    pub fn note(&self, what: impl fmt::Display) {
        self.0.borrow_mut().note(&what.to_string());
    }

    pub async fn sleep(&self, wait: Duration) {
        let mut asleep = false;
        poll_fn(|context| {
            if std::mem::replace(&mut asleep, true) {
                return Poll::Ready(());
            }
            let wake = Event::Wake(context.waker().clone());
            self.0.borrow_mut().schedule(u64::try_from(wait.as_millis()).unwrap(), wake);
            Poll::Pending
        })
        .await;
    }

    /// Events so far, how often each fault struck, and the digest of all that was noted.
    pub fn tally(&self) -> (u64, BTreeMap<Fault, u64>, u64) {
        let state = self.0.borrow();
        (state.processed, state.faults.clone(), state.digest)
    }
}

impl State {
    fn schedule(&mut self, after: u64, event: Event) {
        let number = self.next;
        self.next += 1;
        self.queue.push(Reverse((self.now + after, number)));
        self.events.insert(number, event);
    }

    fn note(&mut self, what: &str) {
        for byte in format!("{} {what}\n", self.now).bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn strike(&mut self, fault: Fault) -> Fault {
        *self.faults.entry(fault).or_default() += 1;
        fault
    }

    fn send(&mut self, request: Request<Bytes>) -> u64 {
        const PATIENCE: u64 = 5000;
        let id = self.next;
        self.waiting.insert(id, Waiting::default());
        let headers: Vec<_> = request.headers().iter().map(|(name, value)| (name, value.as_bytes())).collect();
        self.note(&format!("{} {} {headers:?} {:?}", request.method(), request.uri(), request.body()));
        let latency = 1 + self.dice.below(400) as u64;
        let fault = (self.stormy && self.dice.below(100) < 60).then(|| FAULTS[self.dice.below(7)]);
        let fault = fault.map(|fault| self.strike(fault));
        match fault {
            Some(Fault::Refused) => self.schedule(latency, Event::Answer { id, answer: Err(LineError::Refused) }),
            Some(Fault::RequestLost) => {}
            Some(Fault::Late) => self.schedule(PATIENCE + latency, Event::Arrive { id, request, fault }),
            Some(Fault::Forged) => {
                let (status, body) = FORGERIES[self.dice.below(FORGERIES.len())];
                let answer = Ok(Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap());
                self.schedule(latency, Event::Answer { id, answer });
            }
            _ => {
                if fault == Some(Fault::Doubled) {
                    self.schedule(latency + 50, Event::Arrive { id, request: request.clone(), fault });
                }
                self.schedule(latency, Event::Arrive { id, request, fault });
            }
        }
        self.schedule(PATIENCE, Event::Answer { id, answer: Err(LineError::TimedOut) });
        id
    }

    fn set_condition(&mut self, condition: Condition) {
        for service in self.services.values_mut() {
            service.set_condition(condition);
        }
    }

    /// Lets the next thing happen. `false` if there is nothing any more.
    fn happen(&mut self) -> bool {
        let Some(Reverse((time, number))) = self.queue.pop() else { return false };
        self.now = time;
        NOW.set(Duration::from_millis(time));
        self.processed += 1;
        match self.events.remove(&number).unwrap() {
            Event::Wake(waker) => waker.wake(),
            Event::Weather => self.weather(),
            Event::Arrive { id, request, fault } => {
                let service = self.services.get_mut(request.uri().host().unwrap()).expect("a host of a service");
                let is_clients = request.headers().contains_key(CLIENTS);
                let response = service.handle(request);
                if let Some(token) = token(&response).filter(|_| is_clients && fault != Some(Fault::Doubled)) {
                    self.issued.push(token);
                }
                let answer = match fault {
                    Some(Fault::ResponseLost) => return true,
                    Some(Fault::Cut) => Err(LineError::Cut),
                    _ => Ok(response),
                };
                let latency = 1 + self.dice.below(400) as u64;
                self.schedule(latency, Event::Answer { id, answer });
            }
            Event::Answer { id, answer } => {
                // The first answer counts; nobody waits for what comes after the time-out.
                let Some(waiting) = self.waiting.get_mut(&id).filter(|waiting| waiting.answer.is_none()) else {
                    // Nothing happened.
                    self.processed -= 1;
                    return true;
                };
                let shown = answer.as_ref().map(|response| response.status()).map_err(ToString::to_string);
                let waker = waiting.waker.take();
                waiting.answer = Some(answer);
                self.note(&format!("{shown:?}"));
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
        true
    }

    fn weather(&mut self) {
        if !self.stormy {
            return;
        }
        let wait = Some(self.dice.below(10) as u32).filter(|wait| *wait > 0);
        match self.dice.below(5) {
            0 | 1 => {
                let location = self.dice.below(self.locations).to_string();
                if self.services.values_mut().map(|service| service.revoke_location(&location)).sum::<usize>() > 0 {
                    self.strike(Fault::Revoked);
                }
            }
            2 => {
                self.strike(Fault::Throttled);
                self.set_condition(Condition::Throttling(wait));
            }
            3 => {
                self.strike(Fault::Down);
                self.set_condition(Condition::Down(wait));
            }
            _ => self.set_condition(Condition::Up),
        }
        let next = 300 + self.dice.below(1500) as u64;
        if !self.waiting.is_empty() || self.queue.len() > 1 {
            self.schedule(next, Event::Weather);
        }
    }
}

impl AsyncTransport for Network {
    type Error = LineError;

    async fn send(&self, request: Request<Bytes>, _: usize) -> Answer {
        let id = self.0.borrow_mut().send(request);
        let answer = poll_fn(|context| {
            let state = &mut *self.0.borrow_mut();
            let waiting = state.waiting.get_mut(&id).unwrap();
            match waiting.answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    waiting.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        self.0.borrow_mut().waiting.remove(&id);
        answer
    }

    fn delivery(&self, error: &LineError) -> Delivery {
        if *error == LineError::Refused { Delivery::NotSent } else { Delivery::Unknown }
    }
}

struct Awake(AtomicBool);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

type Task<'a> = (Pin<Box<dyn Future<Output = ()> + 'a>>, Arc<Awake>);

/// Runs tasks to their end, in the order that the dice choose among those that are awake. Time passes when all sleep.
pub fn run<'a>(network: &Network, futures: impl IntoIterator<Item = Pin<Box<dyn Future<Output = ()> + 'a>>>) {
    let mut tasks: Vec<Task<'a>> =
        futures.into_iter().map(|future| (future, Arc::new(Awake(AtomicBool::new(true))))).collect();
    while !tasks.is_empty() {
        let awake: Vec<_> = (0..tasks.len()).filter(|index| tasks[*index].1.0.load(SeqCst)).collect();
        if awake.is_empty() {
            assert!(network.0.borrow_mut().happen(), "{} tasks wait for ever", tasks.len());
            continue;
        }
        let index = awake[network.dice(awake.len())];
        let (future, flag) = &mut tasks[index];
        flag.0.store(false, SeqCst);
        let waker = Waker::from(Arc::clone(flag));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(tasks.swap_remove(index));
        }
    }
}
