//! Every interleaving of two processes that share a store with turns, each with an `AsyncClient`, and one fault: also a caller that is dropped wherever
//! it waits. `processes.rs` does the same with the values of the core, and more of it.
#![cfg(all(feature = "client", feature = "emulator"))]

#[path = "support/explorer.rs"]
mod explorer;
#[path = "support/fleet.rs"]
#[allow(dead_code)]
mod fleet;
#[path = "support/settings.rs"]
mod settings;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use explorer::{Run, exhaust};
use fleet::{Act, Budget, Event, Key, Kind, OWNER, PROCESSES, Wanted, World, bearer, now, relative, secret};
use http::{Request, Response};
use location_auth::store::{Record, RecordKey, Stored};
use location_auth::transports::AsyncTransport;
use location_auth::transports::client::{AsyncClient, AsyncTokenStore, StoreError};
use location_auth::{Bytes, Delivery, SavedToken};

/// What a caller waits for outside.
#[derive(Clone, Debug)]
enum Pending {
    Call(String),
    Token(Wanted),
    Open(Key),
    /// The record, and the token that it is written to save.
    Write(Key, String, Option<SavedToken>, (Act, u8)),
}

#[derive(Debug)]
enum Answer {
    Response(Response<Vec<u8>>),
    None(Delivery),
    Opened(Option<String>),
    Written,
    Failed,
}

/// What all futures share: who is polled, what each waits for, and what it is answered.
#[derive(Default)]
struct Desk {
    polled: usize,
    pending: [Option<Pending>; 2 * PROCESSES],
    answers: [Option<Answer>; 2 * PROCESSES],
    /// The record that each has read, the turn of which it has.
    records: [Option<(Key, String)>; 2 * PROCESSES],
}

#[derive(Clone)]
struct Wire(Rc<RefCell<Desk>>, Rc<RefCell<World>>);

#[derive(Debug)]
struct Cut(Delivery);

impl Wire {
    async fn wait(&self, caller: usize, what: Pending) -> Answer {
        self.0.borrow_mut().pending[caller] = Some(what);
        poll_fn(|_| self.0.borrow_mut().answers[caller].take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl AsyncTransport for Wire {
    type Error = Cut;

    async fn send(&self, request: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, Cut> {
        let caller = self.0.borrow().polled;
        let what = if request.uri().path().ends_with("token") {
            let turn = self.0.borrow().records[caller].as_ref().map(|(key, _)| *key);
            Pending::Token(self.1.borrow_mut().send_token((caller, caller % PROCESSES), turn, &request))
        } else {
            let token = bearer(&request);
            self.1.borrow().send_call(&token);
            Pending::Call(token)
        };
        match self.wait(caller, what).await {
            Answer::Response(response) => Ok(response),
            Answer::None(delivery) => Err(Cut(delivery)),
            other => panic!("{other:?}"),
        }
    }

    fn delivery(&self, error: &Cut) -> Delivery {
        error.0
    }
}

/// A turn of the store.
struct StoreTurn(Wire, usize, Key);

impl Drop for StoreTurn {
    fn drop(&mut self) {
        self.0.1.borrow_mut().release(self.1, self.2);
        self.0.0.borrow_mut().records[self.1] = None;
    }
}

impl AsyncTokenStore for Wire {
    type Turn = StoreTurn;

    async fn open(&self, key: RecordKey) -> Result<(StoreTurn, Stored), StoreError> {
        let (caller, key) = (self.0.borrow().polled, fleet::key_of(&key));
        assert!(self.0.borrow().records[caller].is_none(), "a caller waits with another of the store's turns");
        match self.wait(caller, Pending::Open(key)).await {
            Answer::Opened(record) => {
                let stored = Stored::Record(record.map(String::into_bytes));
                Ok((StoreTurn(self.clone(), caller, key), stored))
            }
            _ => Err("no turn".into()),
        }
    }

    async fn write(&self, turn: &mut StoreTurn, record: Record) -> Result<(), StoreError> {
        let StoreTurn(_, caller, key) = *turn;
        let acted = self.1.borrow().acted(caller % PROCESSES, key);
        let text = record.expose_secret().to_owned();
        match self.wait(caller, Pending::Write(key, text, record.new_token().cloned(), acted)).await {
            Answer::Written => Ok(()),
            _ => Err("not written".into()),
        }
    }
}

/// The callers are first the processes' own, and then those that forget their owners.
struct Clients {
    desk: Rc<RefCell<Desk>>,
    world: Rc<RefCell<World>>,
    clients: [AsyncClient<Wire, Wire>; PROCESSES],
    futures: [Option<Pin<Box<dyn Future<Output = ()>>>>; 2 * PROCESSES],
    calls: [u8; 2 * PROCESSES],
    /// Whether each caller's last call was answered.
    answered: Rc<RefCell<[bool; 2 * PROCESSES]>>,
    /// The call has waited, or was sent before.
    is_again: [bool; PROCESSES],
    /// A User Access Token that was set by hand during the token request.
    by_hand: [Option<String>; PROCESSES],
    /// All that has happened to each: what is in a future is shown by nothing else.
    logs: [Vec<String>; 2 * PROCESSES],
    is_over: bool,
}

const WORLD: usize = usize::MAX;

fn client(budget: &Budget, wire: Wire, is_first: bool) -> AsyncClient<Wire, Wire> {
    let (owner, mut sessions) = fleet::start(budget, is_first);
    AsyncClient::with_owner(sessions.remove(0), owner, wire.clone(), wire).with_clock(now)
}

impl Clients {
    fn new(budget: Budget) -> Self {
        let (desk, world) = (Rc::<RefCell<Desk>>::default(), Rc::new(RefCell::new(World::new(budget))));
        let clients = [0, 1].map(|_| client(&budget, Wire(Rc::clone(&desk), Rc::clone(&world)), true));
        Self {
            desk,
            world,
            clients,
            futures: Default::default(),
            calls: [budget.calls, budget.calls, 0, 0],
            answered: Rc::default(),
            is_again: Default::default(),
            by_hand: Default::default(),
            logs: Default::default(),
            is_over: false,
        }
    }

    fn is_done(&self) -> bool {
        self.futures.iter().all(Option::is_none)
    }

    /// What may happen to a caller. What should happen is the first.
    fn events_of(&self, caller: usize) -> Vec<Event> {
        let (desk, world) = (self.desk.borrow(), self.world.borrow());
        let faults = |kinds: &[Kind]| {
            let may = kinds.iter().filter(|kind| world.may(**kind));
            may.map(|kind| Event::Fault(*kind)).collect::<Vec<_>>()
        };
        let (first, faults) = match &desk.pending[caller] {
            None if self.calls[caller] > 0 => return vec![Event::Start],
            None => return vec![],
            Some(Pending::Call(_)) => (Some(Event::Answer), faults(&[Kind::Dropped])),
            Some(Pending::Token(_)) => (Some(Event::Answer), faults(&[Kind::LostAnswer, Kind::Dropped])),
            Some(Pending::Open(key)) => {
                (world.is_free(*key).then_some(Event::Opened), faults(&[Kind::NoRecord, Kind::Dropped]))
            }
            Some(Pending::Write(key, ..)) if !world.holds(caller, *key) => (Some(Event::TurnIsLost), vec![]),
            Some(Pending::Write(..)) => {
                (Some(Event::Written), faults(&[Kind::NotWritten, Kind::WriteUnknown, Kind::Dropped]))
            }
        };
        first.into_iter().chain(faults).collect()
    }

    fn events(&self) -> Vec<(usize, Event)> {
        let each = |caller| self.events_of(caller).into_iter().map(move |event| (caller, event));
        let mut events: Vec<_> = (0..2 * PROCESSES).flat_map(each).collect();
        let in_use: Vec<_> = (0..PROCESSES).filter_map(|process| self.bearer(process)).collect();
        let (world, desk) = (self.world.borrow(), self.desk.borrow());
        let mut outside = world.outside_events(&in_use);
        for process in 0..PROCESSES {
            if world.may(Kind::Crash) {
                outside.push(Event::Crashed(process, false));
                if matches!(desk.pending[process], Some(Pending::Write(..))) {
                    outside.push(Event::Crashed(process, true));
                }
            }
            if world.may(Kind::Forget) && self.futures[PROCESSES + process].is_none() {
                outside.push(Event::Forget(process));
            }
        }
        events.extend(outside.into_iter().map(|event| (WORLD, event)));
        events
    }

    fn bearer(&self, process: usize) -> Option<String> {
        let mut call = fleet::call(0);
        self.clients[process].authorize(&mut call).ok().map(|_| bearer(&call))
    }

    fn outside(&mut self, event: Event) {
        match event {
            Event::Revoked(token) => self.world.borrow_mut().revoke(&token),
            Event::TurnLost(key) => self.world.borrow_mut().lose_turn(key),
            Event::Removed(key) => self.world.borrow_mut().remove(key),
            Event::SetByHand(process, key) => {
                self.world.borrow_mut().fault();
                let token = self.world.borrow_mut().by_hand(process, key);
                let client = &self.clients[process];
                if key == OWNER {
                    self.by_hand[process] = Some(secret(&token));
                    client.set_user_token(token.try_into().unwrap()).unwrap();
                } else {
                    client.set_location_token(token.try_into().unwrap()).unwrap();
                }
            }
            Event::Forget(process) => {
                self.world.borrow_mut().fault();
                self.world.borrow_mut().act(process, Act::Forgotten);
                let client = self.clients[process].clone();
                self.futures[PROCESSES + process] = Some(Box::pin(async move { drop(client.forget().await) }));
                self.poll(PROCESSES + process);
            }
            Event::Crashed(process, is_written) => self.crash(process, is_written),
            other => panic!("{other:?}"),
        }
    }

    fn crash(&mut self, process: usize, is_written: bool) {
        self.world.borrow_mut().fault();
        for caller in [process, PROCESSES + process] {
            let pending = self.desk.borrow_mut().pending[caller].take();
            let mut world = self.world.borrow_mut();
            if let Some(Pending::Write(key, text, _, acted)) = pending {
                if is_written && world.holds(caller, key) {
                    world.commit(process, (key, &text), acted);
                }
            }
            drop(world);
            self.futures[caller] = None;
            self.logs[caller] = vec!["crashed".into()];
        }
        self.world.borrow_mut().crash(process);
        let wire = Wire(Rc::clone(&self.desk), Rc::clone(&self.world));
        self.clients[process] = client(&self.world.borrow().budget, wire, false);
    }

    fn poll(&mut self, caller: usize) {
        self.desk.borrow_mut().polled = caller;
        let mut future = self.futures[caller].take().expect("a future");
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            assert!(self.desk.borrow().pending[caller].is_some(), "somebody waits for nothing");
            self.futures[caller] = Some(future);
        }
    }

    fn happen(&mut self, caller: usize, event: Event) {
        if caller == WORLD {
            return self.outside(event);
        }
        let process = caller % PROCESSES;
        let pending = self.desk.borrow_mut().pending[caller].take();
        let (mut world, mut log) = (self.world.borrow_mut(), format!("{event:?}"));
        if let Event::Fault(_) = event {
            world.fault();
        }
        let answer = match (pending, &event) {
            (None, Event::Start) => {
                self.calls[caller] -= 1;
                self.is_again[process] = false;
                let (client, answered) = (self.clients[process].clone(), Rc::clone(&self.answered));
                let request = fleet::call(0).map(|()| vec![]);
                self.futures[caller] = Some(Box::pin(async move {
                    let result = client.call(request).await;
                    answered.borrow_mut()[process] = result.is_ok();
                }));
                None
            }
            (pending, Event::Fault(Kind::Dropped)) => {
                if let Some(Pending::Token(wanted)) = &pending {
                    world.lose_answer(wanted);
                }
                drop(world);
                self.futures[caller] = None;
                self.logs[caller] = vec![log];
                return;
            }
            (Some(Pending::Call(token)), _) => {
                let status = world.status(&token);
                if status == 200 && self.is_again[process] {
                    world.helped(process, &token);
                }
                self.is_again[process] = true;
                Some(Answer::Response(Response::builder().status(status).body(vec![]).unwrap()))
            }
            (Some(Pending::Token(wanted)), Event::Answer) => {
                let user = self.by_hand[process].take().or_else(|| wanted.user.clone());
                let record = self.desk.borrow().records[caller].as_ref().map(|(_, record)| record.clone());
                let response = world.answer(&wanted, user.as_deref(), &record.unwrap_or_default());
                Some(Answer::Response(response.map(String::into_bytes)))
            }
            (Some(Pending::Token(wanted)), _) => Some(Answer::None(world.lose_answer(&wanted))),
            (Some(Pending::Open(key)), Event::Opened) => {
                self.is_again[process] |= caller < PROCESSES;
                let record = world.open(caller, key);
                log += &format!(" {record:?}");
                self.desk.borrow_mut().records[caller] = Some((key, record.clone().unwrap_or_default()));
                Some(Answer::Opened(record))
            }
            (Some(Pending::Write(key, text, token, acted)), event) => {
                if matches!(event, Event::Written | Event::Fault(Kind::WriteUnknown)) {
                    world.commit(process, (key, &text), acted);
                }
                if *event == Event::Written {
                    self.desk.borrow_mut().records[caller] = Some((key, text));
                } else {
                    token.iter().for_each(|token| world.not_saved(token));
                }
                Some(if *event == Event::Written { Answer::Written } else { Answer::Failed })
            }
            _ => Some(Answer::Failed),
        };
        if let Some(Pending::Token(_)) = &self.desk.borrow().pending[caller] {
            self.by_hand[process] = None;
        }
        drop(world);
        self.desk.borrow_mut().answers[caller] = answer;
        self.poll(caller);
        log += &format!(" {:?}", self.clients[process]);
        self.logs[caller].push(log);
        if self.futures[caller].is_none() {
            self.logs[caller].clear();
        }
    }

    fn check(&self) {
        let unsaved: Vec<_> = self.clients.iter().flat_map(AsyncClient::unsaved).collect();
        self.world.borrow().check(unsaved.iter());
    }

    /// Nothing fails any more: each process's call is answered.
    fn next_calls(&mut self) {
        self.world.borrow_mut().is_well();
        for process in 0..PROCESSES {
            if self.world.borrow().was_forgotten {
                self.world.borrow_mut().act(process, Act::Set);
                self.clients[process].set_login(fleet::login()).unwrap();
                self.clients[process].try_again();
            }
        }
        for process in 0..PROCESSES {
            let may_be_paused = self.world.borrow().may_be_paused(0, None);
            for _ in 0..1 + u8::from(may_be_paused) {
                self.calls[process] = 1;
                while let Some(event) = self.events_of(process).into_iter().next() {
                    self.happen(process, event);
                    self.check();
                }
                if may_be_paused && !self.answered.borrow()[process] {
                    self.world.borrow_mut().pause(&[]);
                }
            }
            assert!(self.is_done(), "somebody waits for ever");
            assert!(self.answered.borrow()[process], "nothing fails any more, and process {process} has no answer");
        }
        for unsaved in self.clients.iter().flat_map(AsyncClient::unsaved) {
            let is_by_hand = self.world.borrow().is_by_hand(&secret(unsaved.token()));
            let waits = is_by_hand && unsaved.token().location().is_none();
            assert!(unsaved.is_surplus() || waits, "nothing fails any more, and {unsaved}");
        }
        self.is_over = true;
    }
}

impl Run for Clients {
    fn choices(&self) -> Vec<String> {
        if self.is_over {
            return vec![];
        }
        let over = self.is_done().then(|| "nothing fails any more, and the next calls are made".to_owned());
        let events = self.events();
        assert!(over.is_some() || events.iter().any(|(caller, _)| *caller != WORLD), "somebody waits for ever");
        over.into_iter()
            .chain(events.iter().map(|(caller, event)| format!("{}: {event:?}", *caller as isize)))
            .collect()
    }

    fn choose(&mut self, choice: usize) {
        let is_done = self.is_done();
        if is_done && choice == 0 {
            return self.next_calls();
        }
        let (caller, event) = self.events().swap_remove(choice - usize::from(is_done));
        self.happen(caller, event);
    }

    fn state(&self) -> String {
        if self.is_over {
            return "over".into();
        }
        self.check();
        let tokens: Vec<_> = (0..PROCESSES).map(|process| self.bearer(process)).collect();
        let unsaved = self.clients.iter().map(|client| {
            let unsaved = client.unsaved();
            unsaved.iter().map(|unsaved| (secret(unsaved.token()), unsaved.is_surplus())).collect::<Vec<_>>()
        });
        let unsaved: Vec<_> = unsaved.collect();
        let Self { calls, is_again, by_hand, logs, desk, clients, .. } = self;
        let own = format!("{calls:?} {is_again:?} {by_hand:?} {logs:?} {:?} {clients:?}", desk.borrow().pending);
        relative(format!("{} {tokens:?} {unsaved:?} {own}", self.world.borrow().state()))
    }
}

const ALL_AND_DROPPED: &[Kind] = &[
    Kind::Revocation,
    Kind::Crash,
    Kind::LostTurn,
    Kind::NoRecord,
    Kind::NotWritten,
    Kind::WriteUnknown,
    Kind::LostAnswer,
    Kind::Forget,
    Kind::Removal,
    Kind::SetByHand,
    Kind::Dropped,
];

const FIRST: Budget = Budget {
    faults: 1,
    kinds: ALL_AND_DROPPED,
    pauses: 0,
    locations: 1,
    calls: 1,
    kept: None,
    in_memory: false,
    login: true,
};

fn explore(budgets: &[Budget]) {
    for budget in budgets {
        let seen = exhaust(|| Clients::new(*budget));
        println!("AsyncClient, {budget:?}: {} states, {} steps at most", seen.states, seen.deepest);
    }
}

#[test]
fn every_interleaving_of_two_clients_in_two_processes_keeps_the_promises() {
    explore(&[Budget { faults: 0, ..FIRST }, Budget { kinds: &[Kind::Dropped, Kind::LostTurn], ..FIRST }]);
}

#[test]
#[ignore = "minutes of search: .ci/deep asks for it"]
fn every_interleaving_of_one_fault_in_two_clients_keeps_the_promises() {
    explore(&[FIRST, Budget { kept: Some((true, false)), in_memory: true, ..FIRST }]);
}
