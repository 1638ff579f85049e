//! Every interleaving of a few callers on two Locations of one owner, with tokens that are revoked, answers that are lost, and callers that
//! are dropped wherever they wait: not sampled, but all of them. Once with `Call`, `Renewal` and `Owner` driven by hand, once with `AsyncClient`.
//!
//! `cargo test --all-features --test interleavings -- --ignored --nocapture` tries more of everything.
#![cfg(all(feature = "client", feature = "emulator"))]

#[path = "support/explorer.rs"]
mod explorer;
#[path = "support/model.rs"]
mod model;
#[path = "support/test_service.rs"]
mod test_service;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use explorer::{Run, Seen, exhaust};
use http::{Request, Response};
use location_auth::transports::AsyncTransport;
use location_auth::transports::client::{AsyncClient, AsyncTokenStore, CallError, StoreError};
use location_auth::{
    Attempt, AwaitTurn, Bytes, Call, Delivery, Keep, Next, Owner, Renewing, SavedToken, SendToken, Session, Turn,
    WaitingCall,
};
use model::{Budget, Event, Model, Tokens, Wanted};

// ---- By hand: the values of the core and nothing else. ----

struct ByHand {
    model: Model,
    sessions: [Session; 2],
    owner: Owner,
    callers: Vec<At>,
    /// Who holds the turn of each Location, and the owner's.
    turns: [Option<usize>; 3],
}

/// Where a caller is.
#[derive(Debug)]
enum At {
    New,
    Sent(Call<()>, Attempt, String),
    Waiting(AwaitTurn, WaitingCall<(), ()>),
    Requesting(SendToken, WaitingCall<(), ()>, Wanted),
    Keeping(Keep, WaitingCall<(), ()>),
    Done,
}

fn location(caller: usize) -> usize {
    caller % 2
}

const NOW: Duration = Duration::ZERO;

impl ByHand {
    fn new(callers: usize, budget: Budget) -> Self {
        let (model, sessions, owner) = model::start(budget);
        Self { model, sessions, owner, callers: (0..callers).map(|_| At::New).collect(), turns: [None; 3] }
    }

    fn events(&self) -> Vec<(usize, Event)> {
        let mut events = vec![];
        for (caller, at) in self.callers.iter().enumerate() {
            let here = match at {
                At::New => vec![Event::Start],
                At::Sent(_, _, token) => self.model.answers_to_call(token),
                At::Waiting(waiting, _) => {
                    let turn = self.turn(caller, waiting.turn());
                    if self.turns[turn].is_none() { vec![Event::Turn] } else { vec![] }
                }
                At::Requesting(_, _, wanted) => self.model.answers_to(wanted),
                At::Keeping(..) => vec![Event::Kept],
                At::Done => continue,
            };
            events.extend(here.into_iter().map(|event| (caller, event)));
            if !matches!(at, At::New) && self.model.budget.faults > 0 {
                events.push((caller, Event::Dropped));
            }
        }
        events.extend(self.model.outside_events().into_iter().map(|event| (usize::MAX, event)));
        events
    }

    fn turn(&self, caller: usize, turn: Turn) -> usize {
        match turn {
            Turn::Location => location(caller),
            Turn::Owner => 2,
        }
    }

    fn release(&mut self, caller: usize, keep: impl Fn(Turn) -> bool) {
        for (index, holder) in self.turns.iter_mut().enumerate() {
            let turn = if index == 2 { Turn::Owner } else { Turn::Location };
            if *holder == Some(caller) && !keep(turn) {
                *holder = None;
            }
        }
    }

    /// What the call does next, as a driver does it.
    fn go_on(&mut self, caller: usize, next: Next<(), ()>) {
        self.callers[caller] = match next {
            Next::Send(mut request, call) => {
                let attempt = call.authorize(&self.sessions[location(caller)], &mut request).unwrap();
                let token = self.model.send_call(caller, &request);
                At::Sent(call, attempt, token)
            }
            Next::Renew(renewal, call) => {
                let next = renewal.start(&mut self.sessions[location(caller)], &mut self.owner, NOW);
                return self.renew(caller, next, call);
            }
            Next::Done(result) => {
                self.model.done(caller, result.is_ok());
                At::Done
            }
        };
    }

    fn renew(&mut self, caller: usize, next: Renewing, call: WaitingCall<(), ()>) {
        self.release(caller, |turn| next.holds(turn));
        self.callers[caller] = match next {
            Renewing::AwaitTurn(waiting) => At::Waiting(waiting, call),
            Renewing::SendToken(sent) => {
                let wanted = self.model.send_token(&sent.request());
                At::Requesting(sent, call, wanted)
            }
            Renewing::Keep(keep) => At::Keeping(keep, call),
            Renewing::Done(result) => return self.go_on(caller, call.renewed(result).into()),
        };
    }
}

impl Run for ByHand {
    fn choices(&self) -> Vec<String> {
        let events = self.events();
        let is_done = self.callers.iter().all(|at| matches!(at, At::Done));
        if is_done {
            self.model.check_end(&self.sessions, &self.owner);
            return vec![];
        }
        assert!(events.iter().any(|(caller, _)| *caller != usize::MAX), "somebody waits for ever");
        events.iter().map(|(caller, event)| format!("{}: {event:?}", *caller as isize)).collect()
    }

    fn choose(&mut self, choice: usize) {
        let (caller, event) = self.events().swap_remove(choice);
        if caller == usize::MAX {
            self.model.outside(&event, |login| self.owner.set_login(login).unwrap());
            return;
        }
        let at = std::mem::replace(&mut self.callers[caller], At::Done);
        let index = location(caller);
        match (at, event) {
            (At::New, Event::Start) => {
                let request = model::call(index);
                let next = Call::new(&request).start(request, &self.sessions[index]);
                self.go_on(caller, next);
            }
            (At::Requesting(_, _, wanted), Event::Dropped) => {
                self.model.drop_request(&wanted);
                self.release(caller, |_| false);
            }
            (_, Event::Dropped) => {
                self.model.drop_caller();
                self.release(caller, |_| false);
            }
            (At::Sent(call, attempt, _), Event::Status(status)) => {
                self.model.answer_call(caller, index, status);
                let verdict = self.sessions[index].received(attempt, status.try_into().unwrap()).unwrap();
                let next = call.received(verdict, Response::builder().status(status).body(()).unwrap());
                self.go_on(caller, next);
            }
            (At::Sent(..), Event::Lost) => self.model.fault(),
            (At::Waiting(waiting, call), Event::Turn) => {
                let turn = self.turn(caller, waiting.turn());
                self.turns[turn] = Some(caller);
                let next = waiting.granted(&mut self.sessions[index], &mut self.owner, NOW);
                self.renew(caller, next, call);
            }
            (At::Requesting(sent, call, wanted), event) => {
                let answer = self.model.answer_token(&wanted, &event);
                let (session, owner) = (&mut self.sessions[index], &mut self.owner);
                let next = match answer {
                    Ok(response) => sent.received(&response, session, owner, NOW),
                    Err(delivery) => sent.failed(delivery, session, owner, NOW),
                };
                self.renew(caller, next, call);
            }
            (At::Keeping(keep, call), Event::Kept) => {
                self.model.keep(&keep.token());
                let next = keep.kept(&mut self.sessions[index], &mut self.owner, NOW);
                self.renew(caller, next, call);
            }
            (at, event) => panic!("{at:?}, {event:?}"),
        }
    }

    fn state(&self) -> String {
        format!("{:?} {:?} {:?} {:?} {:?}", self.model, self.sessions, self.owner, self.callers, self.turns)
    }
}

// ---- AsyncClient: its futures are polled, answered and dropped in every order. ----

/// What a caller of the client waits for outside.
#[derive(Clone, Debug)]
enum Pending {
    Call(String),
    Token(Wanted),
    Keep,
}

#[derive(Debug)]
enum Answer {
    Response(Response<Vec<u8>>),
    None(Delivery),
    Kept,
}

/// What all futures of a run share: who is polled, what each waits for, and what it is answered.
#[derive(Default)]
struct Desk {
    polled: usize,
    pending: [Option<Pending>; 4],
    answers: [Option<Answer>; 4],
}

#[derive(Clone)]
struct Wire(Rc<RefCell<Desk>>, Rc<RefCell<Model>>);

#[derive(Debug)]
struct Cut(Delivery);

impl Wire {
    async fn wait(&self, what: Pending) -> Answer {
        let caller = self.0.borrow().polled;
        self.0.borrow_mut().pending[caller] = Some(what);
        poll_fn(|_| self.0.borrow_mut().answers[caller].take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl AsyncTransport for Wire {
    type Error = Cut;

    async fn send(&self, request: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, Cut> {
        let caller = self.0.borrow().polled;
        let what = if test_service::is_login(&request) {
            Pending::Token(self.1.borrow_mut().send_token(&request))
        } else {
            Pending::Call(self.1.borrow_mut().send_call(caller, &request))
        };
        match self.wait(what).await {
            Answer::Response(response) => Ok(response),
            Answer::None(delivery) => Err(Cut(delivery)),
            Answer::Kept => panic!("nothing was to be kept"),
        }
    }

    fn delivery(&self, error: &Cut) -> Delivery {
        error.0
    }
}

impl AsyncTokenStore for Wire {
    async fn save(&self, token: SavedToken) -> Result<(), StoreError> {
        self.wait(Pending::Keep).await;
        self.1.borrow_mut().keep(&token);
        Ok(())
    }
}

#[derive(Default)]
struct Awake(AtomicBool);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

struct Client {
    desk: Rc<RefCell<Desk>>,
    model: Rc<RefCell<Model>>,
    clients: [AsyncClient<Wire, Wire>; 2],
    callers: Vec<Caller>,
    /// Counts polls, so that those who wait for a turn are distinguished by who was first.
    polls: usize,
}

struct Caller {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    awake: Arc<Awake>,
    started: bool,
    last_poll: usize,
    /// The counts of the client's state as the caller has last seen them: what it remembers while it waits.
    saw: String,
}

impl Client {
    fn new(callers: usize, budget: Budget) -> Self {
        let (model, [first, second], owner) = model::start(budget);
        let (desk, model) = (Rc::<RefCell<Desk>>::default(), Rc::new(RefCell::new(model)));
        let wire = || Wire(Rc::clone(&desk), Rc::clone(&model));
        let first = AsyncClient::with_owner(first, owner, wire(), wire()).with_clock(|| NOW);
        let clients = [first.clone(), first.for_session(second)];
        let callers = (0..callers).map(|caller| {
            let (client, model) = (clients[location(caller)].clone(), Rc::clone(&model));
            let future = async move {
                let result = client.call(model::call(location(caller)).map(|()| vec![])).await;
                let failed = matches!(result, Err(CallError::TokenRejected { .. } | CallError::NoToken { .. }));
                model.borrow_mut().done(caller, !failed);
            };
            let future = Some(Box::pin(future) as Pin<Box<dyn Future<Output = ()>>>);
            Caller { future, awake: Arc::default(), started: false, last_poll: 0, saw: String::new() }
        });
        let callers = callers.collect();
        Self { desk, model, clients, callers, polls: 0 }
    }

    fn events(&self) -> Vec<(usize, Event)> {
        let (desk, model) = (self.desk.borrow(), self.model.borrow());
        let mut events = vec![];
        for (number, caller) in self.callers.iter().enumerate().filter(|(_, caller)| caller.future.is_some()) {
            let here = match &desk.pending[number] {
                Some(Pending::Call(token)) => model.answers_to_call(token),
                Some(Pending::Token(wanted)) => model.answers_to(wanted),
                Some(Pending::Keep) => vec![Event::Kept],
                None if !caller.started => vec![Event::Start],
                None if caller.awake.0.load(SeqCst) => vec![Event::Turn],
                None => vec![],
            };
            events.extend(here.into_iter().map(|event| (number, event)));
            if caller.started && model.budget.faults > 0 {
                events.push((number, Event::Dropped));
            }
        }
        events.extend(model.outside_events().into_iter().map(|event| (usize::MAX, event)));
        events
    }

    fn counts(&self) -> String {
        let shown = format!("{:?}", self.clients);
        let counts = shown.split([' ', ',']).filter(|word| word.parse::<u64>().is_ok());
        counts.collect::<Vec<_>>().join(" ")
    }

    fn poll(&mut self, number: usize) {
        self.desk.borrow_mut().polled = number;
        self.polls += 1;
        let caller = &mut self.callers[number];
        (caller.started, caller.last_poll) = (true, self.polls);
        caller.awake.0.store(false, SeqCst);
        let waker = Waker::from(Arc::clone(&caller.awake));
        let mut future = caller.future.take().unwrap();
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            caller.future = Some(future);
        }
        // Who waits for a turn remembers what was there.
        let waits = self.callers[number].future.is_some() && self.desk.borrow().pending[number].is_none();
        self.callers[number].saw = if waits { self.counts() } else { String::new() };
    }
}

impl Run for Client {
    fn choices(&self) -> Vec<String> {
        if self.callers.iter().all(|caller| caller.future.is_none()) {
            return vec![];
        }
        let events = self.events();
        assert!(events.iter().any(|(caller, _)| *caller != usize::MAX), "somebody waits for ever");
        events.iter().map(|(caller, event)| format!("{}: {event:?}", *caller as isize)).collect()
    }

    fn choose(&mut self, choice: usize) {
        let (number, event) = self.events().swap_remove(choice);
        if number == usize::MAX {
            let client = &self.clients[0];
            self.model.borrow_mut().outside(&event, |login| client.set_login(login).unwrap());
            return;
        }
        if matches!(event, Event::Start | Event::Turn) {
            return self.poll(number);
        }
        let pending = self.desk.borrow_mut().pending[number].take();
        if event == Event::Dropped {
            match &pending {
                Some(Pending::Token(wanted)) => self.model.borrow_mut().drop_request(wanted),
                _ => self.model.borrow_mut().drop_caller(),
            }
            self.callers[number].future = None;
            return;
        }
        let answer = match (pending.unwrap(), &event) {
            (Pending::Keep, Event::Kept) => Answer::Kept,
            (Pending::Token(wanted), event) => {
                let answer = self.model.borrow_mut().answer_token(&wanted, event);
                answer.map_or_else(Answer::None, |response| Answer::Response(response.map(String::into_bytes)))
            }
            (Pending::Call(_), Event::Status(status)) => {
                self.model.borrow_mut().answer_call(number, location(number), *status);
                Answer::Response(Response::builder().status(*status).body(vec![]).unwrap())
            }
            (Pending::Call(_), Event::Lost) => {
                self.model.borrow_mut().fault();
                Answer::None(Delivery::Unknown)
            }
            (pending, event) => panic!("{pending:?}, {event:?}"),
        };
        self.desk.borrow_mut().answers[number] = Some(answer);
        self.poll(number);
    }

    fn state(&self) -> String {
        let desk = self.desk.borrow();
        let callers = self.callers.iter().enumerate().map(|(number, caller)| {
            let waits = caller.future.is_some() && desk.pending[number].is_none();
            let before = self.callers.iter().filter(|other| other.last_poll < caller.last_poll).count();
            let awake = caller.awake.0.load(SeqCst);
            format!("{} {waits} {awake} {} {:?}", caller.started, caller.saw, waits.then_some(before))
        });
        let callers: Vec<_> = callers.collect();
        format!("{:?} {:?} {:?} {callers:?}", self.model.borrow(), self.clients, desk.pending)
    }
}

fn explore(callers: usize, budgets: &[Budget]) -> usize {
    let mut states = 0;
    for &budget in budgets {
        let by_hand = exhaust(|| ByHand::new(callers, budget));
        say("by hand", callers, budget, &by_hand);
        let client = exhaust(|| Client::new(callers, budget));
        say("AsyncClient", callers, budget, &client);
        states += by_hand.states + client.states;
    }
    states
}

fn say(what: &str, callers: usize, budget: Budget, seen: &Seen) {
    let Seen { states, ends, deepest } = seen;
    println!("{callers} callers {what}, {budget:?}: {states} states, {ends} ends, {deepest} steps at most");
}

/// Nothing goes wrong.
const CALM: Budget = Budget {
    revocations: 0,
    faults: 0,
    login_changes: 0,
    right_password: true,
    user_token: true,
    tokens: Tokens::Valid,
};

#[test]
fn every_interleaving_of_two_callers_keeps_the_promises() {
    let states = explore(
        2,
        &[
            Budget { revocations: 2, faults: 1, ..CALM },
            Budget { faults: 2, user_token: false, tokens: Tokens::Revoked, ..CALM },
            Budget { faults: 1, login_changes: 1, user_token: false, tokens: Tokens::Revoked, ..CALM },
            Budget {
                revocations: 1,
                faults: 1,
                login_changes: 1,
                right_password: false,
                tokens: Tokens::Revoked,
                ..CALM
            },
            Budget { revocations: 1, faults: 2, user_token: false, tokens: Tokens::Missing, ..CALM },
            Budget {
                faults: 1,
                login_changes: 1,
                right_password: false,
                user_token: false,
                tokens: Tokens::Missing,
                ..CALM
            },
        ],
    );
    assert!(states >= 1_000, "{states}");
}

#[test]
fn every_interleaving_of_three_callers_whose_tokens_are_revoked_or_missing_keeps_the_promises() {
    let states = explore(
        3,
        &[
            Budget { user_token: false, tokens: Tokens::Revoked, ..CALM },
            Budget { faults: 2, user_token: false, tokens: Tokens::Revoked, ..CALM },
            Budget { login_changes: 1, user_token: false, tokens: Tokens::Revoked, right_password: false, ..CALM },
            Budget { faults: 1, user_token: false, tokens: Tokens::Missing, ..CALM },
        ],
    );
    assert!(states >= 1_000, "{states}");
}

#[test]
#[ignore = "minutes of search: .ci/run asks for it"]
fn every_interleaving_of_three_callers_keeps_the_promises() {
    let states = explore(
        3,
        &[
            Budget { revocations: 3, ..CALM },
            Budget { revocations: 3, faults: 2, ..CALM },
            Budget { revocations: 2, faults: 2, user_token: false, ..CALM },
            Budget { revocations: 2, faults: 1, login_changes: 1, ..CALM },
            Budget { revocations: 2, faults: 1, login_changes: 1, right_password: false, ..CALM },
            Budget { faults: 2, login_changes: 1, user_token: false, tokens: Tokens::Missing, ..CALM },
        ],
    );
    assert!(states >= 100_000, "{states}");
}
