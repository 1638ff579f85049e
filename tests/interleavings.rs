//! Every interleaving of a few callers on Locations of one owner, with tokens that are revoked, answers that are lost, pauses that pass, and callers
//! that are dropped wherever they wait: not sampled, but all of them. Once with `Call`, `Acquisition` and `Owner` driven by hand, once with
//! `AsyncClient`. When all callers are gone and nothing fails any more, a call at each Location is answered.
//!
//! `cargo test --all-features --test interleavings -- --ignored --nocapture` tries more of everything.
#![cfg(all(feature = "client", feature = "emulator"))]

#[path = "support/explorer.rs"]
mod explorer;
#[path = "support/model.rs"]
mod model;
#[path = "support/test_service.rs"]
mod test_service;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use explorer::{Run, Seen, exhaust};
use http::{Request, Response};
use location_auth::driver::{Acquiring, AwaitTurn, Call, Next, SendToken, SentCall, Turn, WaitingCall, WriteRecord};
use location_auth::store::{Record, RecordKey, Stored};
use location_auth::transports::AsyncTransport;
use location_auth::transports::client::{AsyncClient, AsyncTokenStore, CallError, StoreError};
use location_auth::{Bytes, Delivery, Misuse, Owner, Session, TokenErrorKind};
use model::{Budget, Event, Model, Sends, Tokens, Wanted, now, relative};

/// What a driver does with its callers, each event at a time.
trait System {
    /// What may happen next, and to which caller. What should happen to a caller is the first of their events.
    fn events(&self) -> Vec<(usize, Event)>;
    fn happen(&mut self, caller: usize, event: Event);
    /// A new caller, who has not begun.
    fn add(&mut self, location: usize) -> usize;
    fn is_done(&self) -> bool;
    fn model<R>(&mut self, change: impl FnOnce(&mut Model) -> R) -> R;
    /// All that what is still to come depends on. Callers of one Location differ in nothing but their state.
    fn state(&self) -> String;
}

/// The caller of an event that no caller takes part in.
const WORLD: usize = usize::MAX;

/// A system until its callers are gone, and then a call at each Location.
struct Whole<S> {
    system: S,
    locations: usize,
    is_over: bool,
}

impl<S: System> Whole<S> {
    fn new(mut system: S, callers: usize, budget: Budget) -> Self {
        for caller in 0..callers {
            system.add(caller % budget.locations);
        }
        Self { system, locations: budget.locations, is_over: false }
    }

    /// Nothing fails any more: a call at each Location is answered.
    fn next_calls(&mut self) {
        for location in 0..self.locations {
            loop {
                let may_fail = self.system.model(|model| model.is_well(location));
                let caller = self.system.add(location);
                while let Some((_, event)) = self.system.events().into_iter().find(|(other, _)| *other == caller) {
                    self.system.happen(caller, event);
                }
                assert!(self.system.is_done(), "somebody waits for ever");
                if !self.system.model(|model| model.fails_again(location, may_fail)) {
                    break;
                }
            }
        }
        self.is_over = true;
    }
}

impl<S: System> Run for Whole<S> {
    fn choices(&self) -> Vec<String> {
        if self.is_over {
            return vec![];
        }
        if self.system.is_done() {
            return vec!["nothing fails any more, and the next calls are made".into()];
        }
        let events = self.system.events();
        assert!(events.iter().any(|(caller, _)| *caller != WORLD), "somebody waits for ever");
        events.iter().map(|(caller, event)| format!("{}: {event:?}", *caller as isize)).collect()
    }

    fn choose(&mut self, choice: usize) {
        if self.system.is_done() {
            return self.next_calls();
        }
        let (caller, event) = self.system.events().swap_remove(choice);
        self.system.happen(caller, event);
    }

    fn state(&self) -> String {
        if self.is_over { "over".into() } else { self.system.state() }
    }
}

fn sorted(callers: impl Iterator<Item = String>) -> String {
    let mut callers: Vec<_> = callers.collect();
    callers.sort();
    callers.join("; ")
}

// ---- By hand: the values of the core and nothing else. ----

struct ByHand {
    model: Model,
    sessions: [Session; 2],
    owner: Owner,
    callers: Vec<Hand>,
    driver: Driver,
}

/// A caller, and which turns it has.
#[derive(Debug)]
struct Hand {
    location: usize,
    sends: Sends,
    at: At,
    turns: Vec<Turn>,
}

/// Where a caller is.
#[derive(Debug)]
enum At {
    New,
    Sent(SentCall<()>, String),
    Waiting(AwaitTurn, WaitingCall<(), ()>),
    Requesting(SendToken, WaitingCall<(), ()>, Wanted),
    Writing(WriteRecord, WaitingCall<(), ()>),
    Done,
}

/// How the turns are kept.
#[derive(Clone)]
enum Driver {
    /// As `holds` says.
    Right,
    /// A caller that sends a token request gives up its turns. Counts the renewals that the core ends for it.
    GivesUpWhenItSends(Rc<Cell<usize>>),
}

impl ByHand {
    fn new(budget: Budget, driver: Driver) -> Self {
        let (model, sessions, owner) = model::start(budget);
        Self { model, sessions, owner, callers: vec![], driver }
    }

    fn is_free(&self, location: usize, turn: Turn) -> bool {
        !self
            .callers
            .iter()
            .any(|other| other.turns.contains(&turn) && (turn == Turn::Owner || other.location == location))
    }

    /// What the call does next, as a driver does it.
    fn go_on(&mut self, number: usize, next: Next<(), ()>) {
        let caller = &mut self.callers[number];
        let session = &mut self.sessions[caller.location];
        caller.at = match next {
            Next::Send(call) => {
                let (request, sent) = call.authorize(&*session).unwrap();
                let token = self.model.send_call(&mut caller.sends, &request);
                At::Sent(sent, token)
            }
            Next::Acquire(renewal, call) => {
                let next = renewal.start(session, &mut self.owner, now());
                return self.renew(number, next, call);
            }
            Next::Done(result) => {
                self.model.done(&caller.sends, result.is_ok());
                caller.sends = Sends::default();
                At::Done
            }
        };
    }

    fn renew(&mut self, number: usize, next: Acquiring, call: WaitingCall<(), ()>) {
        let caller = &mut self.callers[number];
        caller.turns.retain(|turn| next.holds(*turn));
        let session = &mut self.sessions[caller.location];
        caller.at = match next {
            Acquiring::AwaitTurn(waiting) => At::Waiting(waiting, call),
            Acquiring::SendToken(sent) => {
                if let Driver::GivesUpWhenItSends(_) = self.driver {
                    caller.turns.clear();
                }
                let wanted = self.model.send_token(&sent.request());
                At::Requesting(sent, call, wanted)
            }
            Acquiring::OpenRecord(open) => {
                let next = open.opened(Stored::SavesOnly, session, &mut self.owner, now());
                return self.renew(number, next, call);
            }
            Acquiring::WriteRecord(write) => At::Writing(write, call),
            Acquiring::Done(result) => {
                match (&self.driver, result.as_ref().map_err(|error| error.kind())) {
                    (Driver::GivesUpWhenItSends(found), Err(TokenErrorKind::Misuse(Misuse::TurnTaken))) => {
                        found.set(found.get() + 1);
                    }
                    (_, Err(TokenErrorKind::Misuse(misuse))) => panic!("{misuse}"),
                    _ => {}
                }
                return self.go_on(number, call.acquired(result).into());
            }
        };
    }
}

impl System for ByHand {
    fn events(&self) -> Vec<(usize, Event)> {
        let mut events = vec![];
        for (number, caller) in self.callers.iter().enumerate() {
            let here = match &caller.at {
                At::New => vec![Event::Start],
                At::Sent(_, token) => self.model.answers_to_call(token),
                At::Waiting(waiting, _) if self.is_free(caller.location, waiting.turn()) => vec![Event::Turn],
                At::Waiting(..) => vec![],
                At::Requesting(_, _, wanted) => self.model.answers_to(wanted),
                At::Writing(..) => vec![Event::Kept],
                At::Done => continue,
            };
            events.extend(here.into_iter().map(|event| (number, event)));
            if !matches!(caller.at, At::New) && self.model.may_fail() {
                events.push((number, Event::Dropped));
            }
        }
        events.extend(self.model.outside_events().into_iter().map(|event| (WORLD, event)));
        events
    }

    fn happen(&mut self, number: usize, event: Event) {
        if number == WORLD {
            return self.model.outside(&event, |login| self.owner.set_login(login).unwrap());
        }
        let caller = &mut self.callers[number];
        let (session, owner) = (&mut self.sessions[caller.location], &mut self.owner);
        let at = std::mem::replace(&mut caller.at, At::Done);
        match (at, event) {
            (At::New, Event::Start) => {
                caller.sends = self.model.begin_call(caller.location, |login| owner.set_login(login).unwrap());
                let next = Call::new(model::call(caller.location)).start(&*session);
                self.go_on(number, next);
            }
            (at, Event::Dropped) => {
                match at {
                    At::Requesting(_, _, wanted) => self.model.drop_request(&wanted),
                    _ => self.model.fault(),
                }
                (caller.turns, caller.sends) = (vec![], Sends::default());
            }
            (At::Sent(sent, token), Event::Status(status)) => {
                self.model.answer_call(&mut caller.sends, &token, status);
                let next = sent.received(Response::builder().status(status).body(()).unwrap(), session).unwrap();
                self.go_on(number, next);
            }
            (At::Sent(..), Event::Lost) => {
                self.model.fault();
                caller.sends = Sends::default();
            }
            (At::Waiting(waiting, call), Event::Turn) => {
                caller.turns.push(waiting.turn());
                let next = waiting.granted(session, owner, now());
                self.renew(number, next, call);
            }
            (At::Requesting(sent, call, wanted), event) => {
                let next = match self.model.answer_token(&wanted, &event) {
                    Ok(response) => sent.received(&response, session, owner, now()),
                    Err(delivery) => sent.failed(delivery, session, owner, now()),
                };
                self.renew(number, next, call);
            }
            (At::Writing(write, call), Event::Kept) => {
                self.model.keep(write.record().new_token().expect("nothing else is saved"));
                let next = write.written(session, owner, now());
                self.renew(number, next, call);
            }
            (at, event) => panic!("{at:?}, {event:?}"),
        }
        self.model.check_unsaved(self.sessions.iter().flat_map(Session::unsaved).chain(self.owner.unsaved()));
    }

    fn add(&mut self, location: usize) -> usize {
        self.callers.push(Hand { location, sends: Sends::default(), at: At::New, turns: vec![] });
        self.callers.len() - 1
    }

    fn is_done(&self) -> bool {
        self.callers.iter().all(|caller| matches!(caller.at, At::Done))
    }

    fn model<R>(&mut self, change: impl FnOnce(&mut Model) -> R) -> R {
        change(&mut self.model)
    }

    fn state(&self) -> String {
        let callers = sorted(self.callers.iter().map(|caller| format!("{caller:?}")));
        relative(&format!("{:?} {:?} {:?} {callers}", self.model, self.sessions, self.owner))
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
    callers: Vec<AtDesk>,
}

#[derive(Default)]
struct AtDesk {
    sends: Sends,
    pending: Option<Pending>,
    answer: Option<Answer>,
}

#[derive(Clone)]
struct Wire(Rc<RefCell<Desk>>, Rc<RefCell<Model>>);

#[derive(Debug)]
struct Cut(Delivery);

impl Wire {
    async fn wait(&self, what: Pending) -> Answer {
        let caller = self.0.borrow().polled;
        self.0.borrow_mut().callers[caller].pending = Some(what);
        poll_fn(|_| self.0.borrow_mut().callers[caller].answer.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl AsyncTransport for Wire {
    type Error = Cut;

    async fn send(&self, request: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, Cut> {
        let what = if test_service::is_login(&request) {
            Pending::Token(self.1.borrow_mut().send_token(&request))
        } else {
            let mut desk = self.0.borrow_mut();
            let caller = desk.polled;
            Pending::Call(self.1.borrow().send_call(&mut desk.callers[caller].sends, &request))
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
    type Turn = ();

    async fn open(&self, _: RecordKey) -> Result<((), Stored), StoreError> {
        Ok(((), Stored::SavesOnly))
    }

    async fn write(&self, (): &mut (), record: Record) -> Result<(), StoreError> {
        self.wait(Pending::Keep).await;
        self.1.borrow_mut().keep(record.new_token().expect("nothing else is saved"));
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
    location: usize,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    awake: Arc<Awake>,
    started: bool,
    last_poll: usize,
    /// What the caller remembers while it waits for a turn: how much had happened.
    saw: String,
}

impl Client {
    fn new(budget: Budget) -> Self {
        let (model, [first, second], owner) = model::start(budget);
        let (desk, model) = (Rc::<RefCell<Desk>>::default(), Rc::new(RefCell::new(model)));
        let wire = || Wire(Rc::clone(&desk), Rc::clone(&model));
        let first = AsyncClient::with_owner(first, owner, wire(), wire()).with_clock(now);
        let clients = [first.clone(), first.for_session(second)];
        Self { desk, model, clients, callers: vec![], polls: 0 }
    }

    /// Whether the caller waits for a turn.
    fn waits(&self, number: usize) -> bool {
        self.callers[number].future.is_some() && self.desk.borrow().callers[number].pending.is_none()
    }

    /// All numbers of the client's state.
    fn counts(&self, location: usize) -> String {
        let shown = relative(&format!("{:?}", self.clients[location]));
        shown.split([' ', ',']).filter(|word| word.parse::<u64>().is_ok()).collect::<Vec<_>>().join(" ")
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
        } else {
            self.desk.borrow_mut().callers[number] = AtDesk::default();
        }
        let counts = self.waits(number).then(|| self.counts(self.callers[number].location));
        self.callers[number].saw = counts.unwrap_or_default();
    }

    fn check_unsaved(&self) {
        self.model.borrow().check_unsaved(self.clients.iter().flat_map(AsyncClient::unsaved));
    }
}

impl System for Client {
    fn events(&self) -> Vec<(usize, Event)> {
        let (desk, model) = (self.desk.borrow(), self.model.borrow());
        let mut events = vec![];
        for (number, caller) in self.callers.iter().enumerate().filter(|(_, caller)| caller.future.is_some()) {
            let here = match &desk.callers[number].pending {
                Some(Pending::Call(token)) => model.answers_to_call(token),
                Some(Pending::Token(wanted)) => model.answers_to(wanted),
                Some(Pending::Keep) => vec![Event::Kept],
                None if !caller.started => vec![Event::Start],
                None if caller.awake.0.load(SeqCst) => vec![Event::Turn],
                None => vec![],
            };
            events.extend(here.into_iter().map(|event| (number, event)));
            if caller.started && model.may_fail() {
                events.push((number, Event::Dropped));
            }
        }
        events.extend(model.outside_events().into_iter().map(|event| (WORLD, event)));
        events
    }

    fn happen(&mut self, number: usize, event: Event) {
        if number == WORLD {
            let client = &self.clients[0];
            return self.model.borrow_mut().outside(&event, |login| client.set_login(login).unwrap());
        }
        let pending = self.desk.borrow_mut().callers[number].pending.take();
        let answer = match (pending, &event) {
            (None, Event::Start) => {
                let Caller { location, .. } = self.callers[number];
                let set_login = |login| self.clients[0].set_login(login).unwrap();
                self.desk.borrow_mut().callers[number].sends = self.model.borrow().begin_call(location, set_login);
                None
            }
            (None, Event::Turn) => None,
            (pending, Event::Dropped) => {
                match &pending {
                    Some(Pending::Token(wanted)) => self.model.borrow_mut().drop_request(wanted),
                    _ => self.model.borrow_mut().fault(),
                }
                self.callers[number].future = None;
                self.callers[number].saw.clear();
                self.desk.borrow_mut().callers[number] = AtDesk::default();
                return self.check_unsaved();
            }
            (Some(Pending::Keep), Event::Kept) => Some(Answer::Kept),
            (Some(Pending::Token(wanted)), event) => {
                let answer = self.model.borrow_mut().answer_token(&wanted, event);
                Some(answer.map_or_else(Answer::None, |response| Answer::Response(response.map(String::into_bytes))))
            }
            (Some(Pending::Call(token)), Event::Status(status)) => {
                let sends = &mut self.desk.borrow_mut().callers[number].sends;
                self.model.borrow_mut().answer_call(sends, &token, *status);
                Some(Answer::Response(Response::builder().status(*status).body(vec![]).unwrap()))
            }
            (Some(Pending::Call(_)), Event::Lost) => {
                self.model.borrow_mut().fault();
                Some(Answer::None(Delivery::Unknown))
            }
            (pending, event) => panic!("{pending:?}, {event:?}"),
        };
        self.desk.borrow_mut().callers[number].answer = answer;
        self.poll(number);
        self.check_unsaved();
    }

    fn add(&mut self, location: usize) -> usize {
        let number = self.callers.len();
        let (client, model, desk) = (self.clients[location].clone(), Rc::clone(&self.model), Rc::clone(&self.desk));
        let future = async move {
            let result = client.call(model::call(location).map(|()| vec![])).await;
            let failed = matches!(result, Err(CallError::TokenRejected { .. } | CallError::NoToken { .. }));
            model.borrow_mut().done(&desk.borrow().callers[number].sends, !failed);
        };
        let future = Some(Box::pin(future) as Pin<Box<dyn Future<Output = ()>>>);
        let (awake, saw) = (Arc::default(), String::new());
        self.callers.push(Caller { location, future, awake, started: false, last_poll: 0, saw });
        self.desk.borrow_mut().callers.push(AtDesk::default());
        number
    }

    fn is_done(&self) -> bool {
        self.callers.iter().all(|caller| caller.future.is_none())
    }

    fn model<R>(&mut self, change: impl FnOnce(&mut Model) -> R) -> R {
        change(&mut self.model.borrow_mut())
    }

    fn state(&self) -> String {
        let desk = self.desk.borrow();
        let callers =
            sorted(self.callers.iter().enumerate().map(|(number, Caller { location, future, awake, .. })| {
                if future.is_none() {
                    return format!("{location} gone");
                }
                let caller = &self.callers[number];
                let before = |other: &usize| self.waits(*other) && self.callers[*other].last_poll < caller.last_poll;
                let rank = self.waits(number).then(|| (0..self.callers.len()).filter(before).count());
                let AtDesk { sends, pending, .. } = &desk.callers[number];
                let (started, awake) = (caller.started, awake.0.load(SeqCst));
                format!("{location} {started} {awake} {rank:?} {sends:?} {pending:?} {}", caller.saw)
            }));
        relative(&format!("{:?} {:?} {callers}", self.model.borrow(), self.clients))
    }
}

/// Tries all of it by hand and with the client. Returns the number of states.
fn explore(callers: usize, budget: Budget) -> usize {
    let by_hand = exhaust(|| Whole::new(ByHand::new(budget, Driver::Right), callers, budget));
    say("by hand", callers, budget, &by_hand);
    let client = exhaust(|| Whole::new(Client::new(budget), callers, budget));
    say("AsyncClient", callers, budget, &client);
    by_hand.states + client.states
}

fn say(what: &str, callers: usize, budget: Budget, seen: &Seen) {
    let Seen { states, deepest } = seen;
    println!("{callers} callers {what}, {budget:?}: {states} states, {deepest} steps at most");
}

/// Nothing goes wrong.
const CALM: Budget = Budget {
    revocations: 0,
    faults: 0,
    pauses: 0,
    dead_routes: 0,
    logins: &[true],
    user_token: true,
    tokens: Tokens::Valid,
    locations: 2,
};

const REVOKED: Budget = Budget { user_token: false, tokens: Tokens::Revoked, ..CALM };
const MISSING: Budget = Budget { user_token: false, tokens: Tokens::Missing, ..CALM };

fn explore_all(callers: usize, budgets: &[Budget]) {
    let states: usize = budgets.iter().map(|budget| explore(callers, *budget)).sum();
    assert!(states >= 1_000, "{states}");
}

#[test]
fn every_interleaving_of_two_callers_keeps_the_promises() {
    explore_all(
        2,
        &[
            Budget { revocations: 2, faults: 1, pauses: 1, ..CALM },
            Budget { faults: 2, pauses: 1, ..REVOKED },
            Budget { faults: 1, logins: &[true, true], ..REVOKED },
            Budget { revocations: 1, faults: 1, logins: &[false, false], ..REVOKED },
            Budget { revocations: 1, faults: 1, pauses: 1, ..MISSING },
            Budget { revocations: 2, faults: 1, pauses: 1, user_token: true, locations: 1, ..MISSING },
            Budget { faults: 1, pauses: 1, logins: &[false, true], ..MISSING },
        ],
    );
}

#[test]
fn every_interleaving_of_three_callers_whose_tokens_are_revoked_or_missing_keeps_the_promises() {
    explore_all(
        3,
        &[
            Budget { faults: 1, ..REVOKED },
            Budget { logins: &[false, false], ..REVOKED },
            Budget { faults: 1, ..MISSING },
        ],
    );
}

/// Each fault is a token request without a token, or with one that nobody has.
#[test]
fn every_interleaving_of_three_lost_requests_and_a_pause_keeps_to_the_count() {
    explore_all(4, &[Budget { faults: 3, pauses: 1, user_token: true, locations: 1, ..MISSING }]);
    explore_all(3, &[Budget { faults: 3, pauses: 1, locations: 1, ..MISSING }]);
}

#[test]
fn every_interleaving_of_calls_on_a_dead_route_and_on_a_healthy_one_keeps_to_the_count() {
    explore_all(4, &[Budget { dead_routes: 2, user_token: true, locations: 1, ..REVOKED }]);
}

#[test]
fn a_driver_that_gives_up_its_turns_when_it_sends_gets_a_misuse_and_no_second_request() {
    let found = Rc::new(Cell::new(0));
    for budget in [REVOKED, MISSING, Budget { faults: 1, pauses: 1, ..REVOKED }] {
        exhaust(|| Whole::new(ByHand::new(budget, Driver::GivesUpWhenItSends(Rc::clone(&found))), 3, budget));
    }
    assert!(found.get() > 0);
}

#[test]
#[ignore = "minutes of search: .ci/deep asks for it"]
fn every_interleaving_of_three_or_four_callers_keeps_the_promises() {
    explore_all(
        3,
        &[
            Budget { revocations: 3, ..CALM },
            Budget { revocations: 3, faults: 1, pauses: 1, ..CALM },
            Budget { revocations: 2, faults: 2, user_token: false, ..CALM },
            Budget { revocations: 2, faults: 1, logins: &[true, true], ..CALM },
            Budget { revocations: 2, faults: 1, pauses: 1, logins: &[false, false], ..CALM },
            Budget { faults: 2, pauses: 1, ..REVOKED },
            Budget { faults: 2, logins: &[false, true], ..MISSING },
            Budget { faults: 3, pauses: 2, locations: 1, ..REVOKED },
        ],
    );
    explore_all(
        4,
        &[
            Budget { faults: 3, pauses: 1, locations: 1, ..MISSING },
            Budget { dead_routes: 5, faults: 1, pauses: 1, locations: 1, ..CALM },
        ],
    );
}
