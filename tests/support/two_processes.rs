//! Two processes, driven by hand with the values of the core: their callers, and what may happen to each.

use http::Response;
use location_auth::driver::{
    Acquiring, AwaitTurn, Call, CallFailure, Next, OpenRecord, SendToken, SentCall, Turn, WaitingCall, WriteRecord,
};
use location_auth::store::{Record, Stored};
use location_auth::{Owner, Session, TokenErrorKind, Unsaved};

use crate::explorer::Run;
use crate::fleet::{
    self, Act, Budget, Event, Key, Kind, OWNER, PROCESSES, Wanted, World, bearer, now, relative, secret, token_of,
};

pub struct Process {
    pub owner: Owner,
    sessions: Vec<Session>,
    /// The owner's token, which it shows to nobody.
    user: Option<String>,
}

/// One caller of a process at a Location; and for each process whoever forgets its owner.
pub struct Caller {
    process: usize,
    location: Key,
    /// How many it may still make.
    pub calls: u8,
    pub at: At,
    turns: Vec<Turn>,
    /// The record whose turn of the store it has, as far as it knows, and what that has.
    record: Option<(Key, String)>,
    /// The call has waited for a token, or was sent before.
    is_again: bool,
    /// The last call's result, if it has ended.
    pub answered: bool,
    pub error: String,
    /// What a person had done when its write began.
    acted: (Act, u8),
}

#[derive(Debug)]
pub enum At {
    Idle,
    Called(SentCall<()>, String),
    Waiting(AwaitTurn, Goal),
    Opening(OpenRecord, Goal),
    Requesting(SendToken, Goal, Wanted),
    Writing(WriteRecord, Goal),
    /// Forgets the records of these keys.
    Forgetting(Vec<Key>),
}

/// What follows an acquisition.
#[derive(Debug)]
pub enum Goal {
    Token(WaitingCall<(), ()>),
    /// It wrote the rest: the call goes on.
    Rest(Next<(), ()>),
}

pub struct Fleet {
    pub world: World,
    pub processes: Vec<Process>,
    pub callers: Vec<Caller>,
    is_over: bool,
}

/// The caller of an event that no caller takes part in.
pub const WORLD: usize = usize::MAX;

impl Process {
    fn new(budget: &Budget, is_first: bool) -> Self {
        let (owner, sessions) = fleet::start(budget, is_first);
        Self { owner, sessions, user: None }
    }

    fn unsaved(&self) -> impl Iterator<Item = Unsaved> {
        self.sessions.iter().flat_map(Session::unsaved).chain(self.owner.unsaved())
    }

    fn bearer(&self, location: Key) -> Option<String> {
        let mut call = fleet::call(location);
        self.sessions[location].authorize(&mut call).ok().map(|_| bearer(&call))
    }

    /// Which of the owner's tokens it is. It changes with the token.
    fn generation(&self) -> String {
        let shown = format!("{:?}", self.owner);
        let (_, rest) = shown.split_once("generation: ").unwrap();
        rest.split(',').next().unwrap().to_owned()
    }

    /// The owner's token may have become this one, or else one that is unsaved.
    fn look(&mut self, before: &str, record: &str) {
        if self.generation() != before {
            let unsaved = self.owner.unsaved();
            let unsaved = unsaved.iter().filter(|unsaved| !unsaved.is_surplus()).last();
            self.user = unsaved.map(|unsaved| secret(unsaved.token())).or_else(|| token_of(record));
        }
    }
}

impl Fleet {
    pub fn new(budget: Budget) -> Self {
        let caller = |process, location, calls| Caller {
            process,
            location,
            calls,
            at: At::Idle,
            turns: vec![],
            record: None,
            is_again: false,
            answered: false,
            error: String::new(),
            acted: Default::default(),
        };
        let processes = || 0..PROCESSES;
        let callers = processes().flat_map(|process| (0..budget.locations).map(move |location| (process, location)));
        let callers = callers.map(|(process, location)| caller(process, location, budget.calls));
        let callers = callers.chain(processes().map(|process| caller(process, OWNER, 0))).collect();
        let processes = processes().map(|_| Process::new(&budget, true)).collect();
        Self { world: World::new(budget), processes, callers, is_over: false }
    }

    fn is_free(&self, number: usize, turn: Turn) -> bool {
        let caller = &self.callers[number];
        let is_same = |other: &Caller| turn == Turn::Owner || other.location == caller.location;
        let has = |other: &Caller| other.turns.contains(&turn) && other.process == caller.process && is_same(other);
        !self.callers.iter().any(has)
    }

    fn is_done(&self) -> bool {
        self.callers.iter().all(|caller| matches!(caller.at, At::Idle))
    }

    /// What may happen to a caller. What should happen is the first.
    fn events_of(&self, number: usize) -> Vec<Event> {
        let (caller, world) = (&self.callers[number], &self.world);
        let fault = |kind| world.may(kind).then_some(Event::Fault(kind));
        match &caller.at {
            At::Idle => (caller.calls > 0).then_some(Event::Start).into_iter().collect(),
            At::Called(_, token) => {
                let dead = fault(Kind::DeadRoute).filter(|_| world.status(token) == 200);
                [Event::Answer].into_iter().chain(dead).collect()
            }
            At::Waiting(waiting, _) => {
                self.is_free(number, waiting.turn()).then_some(Event::Turn).into_iter().collect()
            }
            At::Requesting(..) => [Event::Answer].into_iter().chain(fault(Kind::LostAnswer)).collect(),
            At::Opening(open, _) => self.events_of_open(fleet::key_of(open.key())),
            At::Writing(write, _) => self.events_of_write(number, fleet::key_of(write.key())),
            At::Forgetting(keys) if caller.record.is_some() => self.events_of_write(number, keys[0]),
            At::Forgetting(keys) => self.events_of_open(keys[0]),
        }
    }

    fn events_of_open(&self, key: Key) -> Vec<Event> {
        let opened = self.world.is_free(key).then_some(Event::Opened);
        let failed = self.world.may(Kind::NoRecord).then_some(Event::Fault(Kind::NoRecord));
        opened.into_iter().chain(failed).collect()
    }

    fn events_of_write(&self, number: usize, key: Key) -> Vec<Event> {
        if !self.world.holds(number, key) {
            return vec![Event::TurnIsLost];
        }
        let fails = [Kind::NotWritten, Kind::WriteUnknown].into_iter().filter(|kind| self.world.may(*kind));
        [Event::Written].into_iter().chain(fails.map(Event::Fault)).collect()
    }

    fn events_of_callers(&self) -> impl Iterator<Item = (usize, Event)> {
        let each = |number| self.events_of(number).into_iter().map(move |event| (number, event));
        (0..self.callers.len()).flat_map(each)
    }

    fn outside_events(&self) -> impl Iterator<Item = (usize, Event)> + use<> {
        let in_use = |process: &Process| {
            let sessions = (0..process.sessions.len()).filter_map(|location| process.bearer(location));
            sessions.chain(process.user.clone()).collect::<Vec<_>>()
        };
        let in_use: Vec<_> =
            if self.world.may(Kind::Revocation) { self.processes.iter().flat_map(in_use).collect() } else { vec![] };
        let mut outside = self.world.outside_events(&in_use);
        for process in 0..PROCESSES {
            let writes = |caller: &Caller| match &caller.at {
                At::Writing(..) => true,
                At::Forgetting(_) => caller.record.is_some(),
                _ => false,
            };
            if self.world.may(Kind::Crash) {
                outside.push(Event::Crashed(process, false));
                if self.callers.iter().any(|caller| caller.process == process && writes(caller)) {
                    outside.push(Event::Crashed(process, true));
                }
            }
            let forgetting = &self.callers[PROCESSES * self.world.budget.locations + process];
            if self.world.may(Kind::Forget) && matches!(forgetting.at, At::Idle) {
                outside.push(Event::Forget(process));
            }
        }
        outside.into_iter().map(|event| (WORLD, event))
    }

    fn outside(&mut self, event: Event) {
        match event {
            Event::Revoked(token) => self.world.revoke(&token),
            Event::TurnLost(key) => self.world.lose_turn(key),
            Event::Removed(key) => self.world.remove(key),
            Event::Pause => {
                self.world.budget.pauses -= 1;
                let counted = self.callers.iter().filter_map(|caller| match &caller.at {
                    At::Writing(write, _) if !write.saves_token() => Some(fleet::key_of(write.key())),
                    _ => None,
                });
                self.world.pause(&counted.collect::<Vec<_>>());
            }
            Event::SetByHand(process, key) => {
                self.world.fault();
                self.set_by_hand(process, key);
            }
            Event::Forget(process) => {
                self.world.fault();
                self.world.act(process, Act::Forgotten);
                self.processes[process].owner.forget();
                self.processes[process].user = None;
                // As a store's keys are sorted.
                let keys = [OWNER].into_iter().chain(0..self.world.budget.locations).collect();
                self.callers[PROCESSES * self.world.budget.locations + process].at = At::Forgetting(keys);
            }
            Event::Crashed(process, is_written) => self.crash(process, is_written),
            other => panic!("{other:?}"),
        }
    }

    fn set_by_hand(&mut self, process: usize, key: Key) {
        let token = self.world.by_hand(process, key);
        let here = &mut self.processes[process];
        match key {
            OWNER => {
                here.user = Some(secret(&token));
                here.owner.set_user_token(token.try_into().unwrap()).unwrap();
            }
            location => here.sessions[location].set_location_token(token.try_into().unwrap()).unwrap(),
        }
    }

    fn crash(&mut self, process: usize, is_written: bool) {
        self.world.fault();
        for number in 0..self.callers.len() {
            let caller = &mut self.callers[number];
            if caller.process != process {
                continue;
            }
            let at = std::mem::replace(&mut caller.at, At::Idle);
            (caller.turns, caller.is_again) = (vec![], false);
            let Some((key, _)) = caller.record.take() else { continue };
            let record = match at {
                At::Writing(write, _) => Some(write.record()),
                At::Forgetting(_) => Some(Record::forgotten(&fleet::record_key(key))),
                _ => None,
            };
            if let Some(record) = record.filter(|_| is_written && self.world.holds(number, key)) {
                self.world.commit(process, (key, record.expose_secret()), self.callers[number].acted);
            }
            self.world.release(number, key);
        }
        self.world.crash(process);
        self.processes[process] = Process::new(&self.world.budget, false);
    }

    /// What the call does next, as a driver does it.
    fn go_on(&mut self, number: usize, next: Next<(), ()>) {
        let caller = &mut self.callers[number];
        let here = &mut self.processes[caller.process];
        let session = &mut here.sessions[caller.location];
        match next {
            Next::Send(call) => {
                let (request, sent) = call.authorize(&*session).unwrap();
                let token = bearer(&request);
                self.world.send_call(&token);
                caller.at = At::Called(sent, token);
            }
            Next::Acquire(acquisition, waiting) => {
                let next = acquisition.start(session, &mut here.owner, now());
                self.acquire(number, next, Goal::Token(waiting));
            }
            Next::Done(result) => {
                (caller.at, caller.answered, caller.is_again) = (At::Idle, result.is_ok(), false);
                if let Err(CallFailure::NoToken { error } | CallFailure::TokenRejected { error, .. }) = &result {
                    assert!(!matches!(error.kind(), TokenErrorKind::Misuse(_)), "{error}");
                    caller.error = error.to_string();
                }
            }
        }
    }

    fn acquire(&mut self, number: usize, next: Acquiring, goal: Goal) {
        let caller = &mut self.callers[number];
        caller.turns.retain(|turn| next.holds(*turn));
        if let Some((key, _)) = caller.record.take_if(|_| !next.holds_record()) {
            self.world.release(number, key);
        }
        caller.at = match next {
            Acquiring::AwaitTurn(waiting) => {
                let turn = waiting.turn();
                assert!(caller.record.is_none(), "a caller waits with the store's turn");
                caller.at = At::Waiting(waiting, goal);
                if self.is_free(number, turn) {
                    self.happen(number, Event::Turn);
                }
                return;
            }
            Acquiring::OpenRecord(open) => {
                assert!(caller.record.is_none(), "a caller waits with another of the store's turns");
                At::Opening(open, goal)
            }
            Acquiring::SendToken(sent) => {
                let turn = caller.record.as_ref().map(|(key, _)| *key);
                let wanted = self.world.send_token((number, caller.process), turn, &sent.request());
                At::Requesting(sent, goal, wanted)
            }
            Acquiring::WriteRecord(write) => {
                caller.acted = self.world.acted(caller.process, fleet::key_of(write.key()));
                At::Writing(write, goal)
            }
            Acquiring::Done(result) => {
                return match goal {
                    Goal::Rest(next) => self.go_on(number, next),
                    Goal::Token(waiting) => {
                        caller.is_again = result.as_ref().is_ok_and(|replay| !replay.is_first());
                        self.go_on(number, waiting.acquired(result).into());
                    }
                };
            }
        };
    }

    pub fn happen(&mut self, number: usize, event: Event) {
        if number == WORLD {
            self.outside(event);
        } else {
            let at = std::mem::replace(&mut self.callers[number].at, At::Idle);
            if let At::Forgetting(keys) = at {
                self.forget(number, keys, &event);
            } else {
                self.happen_to(number, at, &event);
            }
        }
    }

    /// The promises. What the search has been to is checked already.
    fn check(&self) {
        let unsaved: Vec<_> = self.processes.iter().flat_map(Process::unsaved).collect();
        self.world.check(unsaved.iter());
        for process in &self.processes {
            let surplus = process.unsaved().filter(Unsaved::is_surplus).map(|surplus| secret(surplus.token()));
            for token in surplus {
                let is_used =
                    (0..process.sessions.len()).any(|location| process.bearer(location).as_ref() == Some(&token));
                assert!(!is_used && process.user.as_ref() != Some(&token), "{token} is surplus, and it is used");
            }
        }
    }

    fn happen_to(&mut self, number: usize, at: At, event: &Event) {
        let caller = &mut self.callers[number];
        let here = &mut self.processes[caller.process];
        let key = match &at {
            At::Opening(open, _) => Some(fleet::key_of(open.key())),
            At::Writing(write, _) => Some(fleet::key_of(write.key())),
            _ => None,
        };
        let before = (key == Some(OWNER)).then(|| here.generation());
        let (session, owner) = (&mut here.sessions[caller.location], &mut here.owner);
        if let Event::Fault(_) = event {
            self.world.fault();
        }
        let (next, goal) = match (at, event) {
            (At::Idle, Event::Start) => {
                caller.calls -= 1;
                let next = Call::new(fleet::call(caller.location)).start(&*session);
                return self.go_on(number, next);
            }
            (At::Called(sent, token), event) => {
                let status = if *event == Event::Answer { self.world.status(&token) } else { 401 };
                let next = sent.received(Response::builder().status(status).body(()).unwrap(), &mut *session).unwrap();
                if status == 200 && caller.is_again {
                    self.world.helped(caller.process, &token);
                }
                match session.unwritten(now) {
                    None => return self.go_on(number, next),
                    Some(rest) => (rest.start(session, owner, now()), Goal::Rest(next)),
                }
            }
            (At::Waiting(waiting, goal), Event::Turn) => {
                caller.turns.push(waiting.turn());
                (waiting.granted(session, owner, now()), goal)
            }
            (At::Opening(open, goal), Event::Opened) => {
                let key = fleet::key_of(open.key());
                let record = self.world.open(number, key);
                caller.record = Some((key, record.clone().unwrap_or_default()));
                (open.opened(Stored::Record(record.map(String::into_bytes)), session, owner, now()), goal)
            }
            (At::Opening(open, goal), Event::Fault(_)) => (open.failed("no turn", session, owner, now()), goal),
            (At::Requesting(sent, goal, wanted), Event::Answer) => {
                let (_, record) = caller.record.as_ref().unwrap();
                let response = self.world.answer(&wanted, here.user.as_deref(), record);
                (sent.received(&response, session, owner, now()), goal)
            }
            (At::Requesting(sent, goal, wanted), Event::Fault(_)) => {
                let delivery = self.world.lose_answer(&wanted);
                (sent.failed(delivery, session, owner, now()), goal)
            }
            (At::Writing(write, goal), event) => {
                let (key, record) = (fleet::key_of(write.key()), write.record());
                let text = record.expose_secret();
                if matches!(event, Event::Written | Event::Fault(Kind::WriteUnknown)) {
                    self.world.commit(caller.process, (key, text), caller.acted);
                }
                if *event == Event::Written {
                    caller.record = Some((key, text.to_owned()));
                    (write.written(session, owner, now()), goal)
                } else {
                    record.new_token().into_iter().for_each(|token| self.world.not_saved(token));
                    (write.failed("not written", session, owner, now()), goal)
                }
            }
            (_, event) => panic!("{event:?}"),
        };
        if let Some(before) = before {
            here.look(&before, caller.record.as_ref().map_or("", |(_, record)| record));
        }
        self.acquire(number, next, goal);
    }

    /// As a client forgets an owner: one record after the other.
    fn forget(&mut self, number: usize, mut keys: Vec<Key>, event: &Event) {
        let (caller, key) = (&mut self.callers[number], keys[0]);
        if let Event::Fault(_) = event {
            self.world.fault();
        }
        match event {
            Event::Opened => {
                caller.record = Some((key, self.world.open(number, key).unwrap_or_default()));
                caller.at = At::Forgetting(keys);
            }
            Event::Written | Event::TurnIsLost | Event::Fault(_) => {
                if matches!(event, Event::Written | Event::Fault(Kind::WriteUnknown)) {
                    let record = Record::forgotten(&fleet::record_key(key));
                    self.world.commit(caller.process, (key, record.expose_secret()), caller.acted);
                }
                caller.record = None;
                self.world.release(number, key);
                keys.remove(0);
                // A failure ends it: the program may call it again.
                if *event == Event::Written && !keys.is_empty() {
                    caller.at = At::Forgetting(keys);
                }
            }
            other => panic!("{other:?}"),
        }
    }

    /// Makes a call alone, and returns whether it is answered.
    pub fn call(&mut self, number: usize) -> bool {
        self.callers[number].calls = 1;
        while let Some(event) = self.events_of(number).into_iter().next() {
            self.happen(number, event);
            self.check();
        }
        assert!(matches!(self.callers[number].at, At::Idle), "somebody waits for ever");
        self.callers[number].answered
    }

    fn in_words(&self, number: usize, event: &Event) -> String {
        match self.callers.get(number) {
            None => format!("{event:?}"),
            Some(caller) => format!("process {} at {}: {event:?}", caller.process, caller.location),
        }
    }

    /// Nothing fails any more: each process's call at each Location is answered.
    fn next_calls(&mut self) {
        self.world.is_well();
        let has_means = self.world.budget.login || self.world.has_valid_owner();
        for process in 0..PROCESSES {
            if self.world.was_forgotten || !has_means {
                // A person sets credentials again.
                self.world.act(process, Act::Set);
                if self.world.budget.login {
                    self.processes[process].owner.set_login(fleet::login()).unwrap();
                } else {
                    self.set_by_hand(process, OWNER);
                }
                // What is set before the first turn is what a process starts with.
                self.processes[process].owner.try_again();
            }
        }
        for number in 0..PROCESSES * self.world.budget.locations {
            let Caller { process, location, .. } = self.callers[number];
            let may_be_paused = self.world.may_be_paused(location, self.processes[process].user.as_deref());
            if may_be_paused && !self.call(number) {
                self.world.pause(&[]);
            }
            self.call(number);
            assert!(self.is_done(), "somebody waits for ever");
            let Caller { process, location, answered, error, .. } = &self.callers[number];
            assert!(answered, "nothing fails any more, and process {process} has no answer at {location}: {error}");
        }
        for unsaved in self.processes.iter().flat_map(Process::unsaved) {
            // No call sees that an owner's token was set by hand, until a Location needs the owner.
            let waits = self.world.is_by_hand(&secret(unsaved.token())) && unsaved.token().location().is_none();
            assert!(unsaved.is_surplus() || waits, "nothing fails any more, and {unsaved}");
        }
        self.is_over = true;
    }
}

impl Run for Fleet {
    fn choices(&self) -> Vec<String> {
        if self.is_over {
            return vec![];
        }
        let over = self.is_done().then(|| "nothing fails any more, and the next calls are made".to_owned());
        let mut events = self.events_of_callers().peekable();
        assert!(over.is_some() || events.peek().is_some(), "somebody waits for ever");
        let events = events.chain(self.outside_events()).map(|(caller, event)| self.in_words(caller, &event));
        over.into_iter().chain(events).collect()
    }

    fn choose(&mut self, choice: usize) {
        match (self.is_done(), choice) {
            (true, 0) => self.next_calls(),
            (is_done, choice) => {
                let choice = choice - usize::from(is_done);
                let events: Vec<_> = self.events_of_callers().collect();
                let event = events.get(choice).cloned();
                let (caller, event) =
                    event.or_else(|| self.outside_events().nth(choice - events.len())).expect("a choice");
                self.happen(caller, event);
            }
        }
    }

    fn state(&self) -> String {
        if self.is_over {
            return "over".into();
        }
        self.check();
        let mut text = self.world.state();
        for caller in &self.callers {
            let Caller { calls, turns, record, is_again, acted, .. } = caller;
            text += &format!("; {calls} {turns:?} {record:?} {is_again} {acted:?} {:?}", caller.at);
        }
        for process in &self.processes {
            let Process { owner, sessions, user } = process;
            let tokens = sessions.iter().enumerate().map(|(location, _)| process.bearer(location));
            let unsaved =
                process.unsaved().map(|unsaved| format!("{} {}", secret(unsaved.token()), unsaved.is_surplus()));
            let (tokens, unsaved) = (tokens.collect::<Vec<_>>(), unsaved.collect::<Vec<_>>());
            text += &format!("; {owner:?} {user:?} {sessions:?} {tokens:?} {unsaved:?}");
        }
        relative(text)
    }
}

impl Fleet {
    /// A caller goes on alone, as long as that is not where it is.
    pub fn until(&mut self, number: usize, is_there: impl Fn(&At) -> bool) {
        while !is_there(&self.callers[number].at) {
            let event = self.events_of(number).into_iter().next().expect("it can go on");
            self.happen(number, event);
            self.check();
        }
    }

    pub fn forget_all(&mut self, process: usize) {
        self.happen(WORLD, Event::Forget(process));
        self.until(PROCESSES * self.world.budget.locations + process, |at| matches!(at, At::Idle));
    }
}
