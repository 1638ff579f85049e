//! A store with turns and a service, for two processes of one owner: what each may do next, and the promises that they hold the core to.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use http::{Request, Response};
use location_auth::store::RecordKey;
use location_auth::{App, Delivery, Owner, SavedToken, Session, Unsaved, UserLogin};

use crate::settings;

pub const PROCESSES: usize = 2;

/// Whose record it is: a Location's number, or this.
pub const OWNER: usize = 2;
pub type Key = usize;
const KEYS: usize = 3;

/// What may go wrong, or be done by a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Revocation,
    Crash,
    LostTurn,
    /// The store gives no turn, or does not read.
    NoRecord,
    NotWritten,
    /// It is written, and the store says that it failed.
    WriteUnknown,
    /// The service acts, and its answer is lost.
    LostAnswer,
    Forget,
    Removal,
    SetByHand,
    /// A call with a good token gets a 401, as on a route that always answers so.
    DeadRoute,
    /// A caller is dropped, and its process goes on.
    Dropped,
}

/// All that the issue of a token must withstand.
pub const ALL: &[Kind] = &[
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
];

/// How much there is of everything.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// How many events there may be of these kinds together.
    pub faults: u8,
    pub kinds: &'static [Kind],
    /// Pauses that pass: the clock goes on by the longest one.
    pub pauses: u8,
    /// The Locations, and the calls of each process at each.
    pub locations: usize,
    pub calls: u8,
    /// The tokens in the store at the start, if there are any: whether the owner's is valid, and the Locations'.
    pub kept: Option<(bool, bool)>,
    /// Whether each process has a Location's token at its start: those in the store.
    pub in_memory: bool,
    /// Whether each process has the login.
    pub login: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Start,
    /// The caller gets the turn of its process.
    Turn,
    /// The store gives its turn, and the record.
    Opened,
    Written,
    /// The turn was lost: the write fails, and nothing is written.
    TurnIsLost,
    /// A request is answered as it should be.
    Answer,
    /// The fault of this kind happens to the caller.
    Fault(Kind),
    // What happens outside.
    Revoked(String),
    /// The process ends, and starts again. What it was writing is written, or is not.
    Crashed(usize, bool),
    TurnLost(Key),
    Forget(usize),
    Removed(Key),
    SetByHand(usize, Key),
    Pause,
}

/// A token request under way.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub key: Key,
    caller: usize,
    process: usize,
    pub user: Option<String>,
    /// No reset of the count has come since it was sent.
    is_current: bool,
}

#[derive(Clone, Debug)]
struct Token {
    is_valid: bool,
    /// The process that has requested it, as long as that one runs.
    by: Option<usize>,
    /// No reset of the count has come since it was requested.
    is_current: bool,
    /// It is in the record, or was.
    is_recorded: bool,
    /// It was set by hand in this process: whoever has set it has it.
    by_hand: Option<usize>,
    has_helped: bool,
    /// The store has failed to save it.
    has_failed: bool,
    is_young: bool,
    /// What the record had when it was requested.
    replaces: Option<String>,
}

/// The requests since a token has helped, or since a person has begun anew.
#[derive(Clone, Debug, Default)]
struct Count {
    /// Those that the service may have acted on.
    requests: u8,
    pauses: u8,
    taken_back: bool,
    /// Those whose token nobody has.
    lost: u8,
}

impl Count {
    fn bound(&self) -> u8 {
        2 + self.pauses
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Act {
    #[default]
    Nothing,
    /// Its owner was forgotten.
    Forgotten,
    /// Credentials were set, or a person tries again: what was forgotten may be used again.
    Set,
}

/// The last act that is not written yet, and which one it is.
type Acted = (Act, u8);

pub struct World {
    pub budget: Budget,
    records: [Option<String>; KEYS],
    /// Who has the turn of the store.
    holders: [Option<usize>; KEYS],
    tokens: BTreeMap<String, Token>,
    issued: [u8; KEYS],
    counts: [Count; KEYS],
    under_way: Vec<Wanted>,
    /// What a person has done in a process: its next write of this record may begin the count anew.
    acted: [[Acted; KEYS]; PROCESSES],
    pub was_forgotten: bool,
}

const EPOCH: u64 = 1_000_000;
const LONGEST: Duration = Duration::from_secs(60 * 60);
const EMAIL: &str = "owner@example.com";

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static APP: App = App::new(settings::settings()).unwrap();
    static LOGIN: UserLogin = APP.with(|app| app.user_login(EMAIL, "the password").unwrap());
}

pub fn now() -> Duration {
    NOW.get()
}

pub fn login() -> UserLogin {
    LOGIN.with(UserLogin::clone)
}

/// What is shown, with its times as they are from now on: so two states that differ in nothing else are one.
pub fn relative(shown: String) -> String {
    let (now, mut text, mut rest) = (now().as_secs(), String::with_capacity(shown.len()), &*shown);
    if now == EPOCH {
        return shown;
    }
    // A time has seven digits, and no other number has.
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    while let Some(start) = rest.as_bytes().windows(7).position(|seven| seven.iter().all(is_digit)) {
        text += &rest[..start];
        let time: u64 = rest[start..start + 7].parse().unwrap();
        text += &if time > now { format!("in {}", time - now) } else { (now - time < 60).to_string() };
        rest = &rest[start + 7..];
    }
    text + rest
}

pub fn key_of(key: &RecordKey) -> Key {
    key.location().map_or(OWNER, |location| location.as_str().parse().unwrap())
}

pub fn record_key(key: Key) -> RecordKey {
    let key = if key == OWNER { "staging/owner".to_owned() } else { format!("staging/location/{key}") };
    key.parse().unwrap()
}

pub fn secret(token: &SavedToken) -> String {
    serde_json::to_value(token).unwrap()["access_token"].as_str().unwrap().to_owned()
}

pub fn bearer<B>(request: &Request<B>) -> String {
    request.headers()["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

/// A member of a record, as it is written. No value of the search needs an escape.
fn member<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = record.split_once(&format!(r#""{name}":"#))?;
    value.split([',', '}']).next()
}

/// The token that a record has.
pub fn token_of(record: &str) -> Option<String> {
    member(record, "access_token").map(|token| token.trim_matches('"').to_owned())
}

fn is_forgotten(record: Option<&str>) -> bool {
    record.and_then(|record| member(record, "forgotten")) == Some("true")
}

fn requests_of(record: Option<&str>) -> u64 {
    record.and_then(|record| member(record, "requests")?.parse().ok()).unwrap_or(0)
}

const PREFIXES: [&str; KEYS] = ["a", "b", "user"];

fn whose(token: &str) -> Key {
    PREFIXES.iter().position(|prefix| token.split('-').next() == Some(prefix)).unwrap()
}

fn text(key: Key, token: &str) -> String {
    let whose = match key {
        OWNER => r#""kind":"user""#.to_owned(),
        location => format!(r#""kind":"location","location":"{location}""#),
    };
    format!(r#"{{"version":1,"environment":"staging",{whose},"access_token":"{token}"}}"#)
}

pub fn saved(key: Key, token: &str) -> SavedToken {
    serde_json::from_str(&text(key, token)).unwrap()
}

/// What a process starts with: the tokens that are in the store, if it has them, and the login, if it has that.
pub fn start(budget: &Budget, is_first: bool) -> (Owner, Vec<Session>) {
    APP.with(|app| {
        let mut owner = Owner::new(app);
        if budget.login {
            owner.set_login(login()).unwrap();
        }
        let session = |location: Key| {
            if budget.in_memory && is_first {
                let token = saved(location, &format!("{}-0", PREFIXES[location])).try_into().unwrap();
                return Session::for_location(app, token).unwrap();
            }
            app.location(&location.to_string()).unwrap().session()
        };
        (owner, (0..budget.locations).map(session).collect())
    })
}

pub fn call(location: Key) -> Request<()> {
    Request::get(format!("https://api.example.com/locations/{location}/contacts")).body(()).unwrap()
}

impl World {
    pub fn new(budget: Budget) -> Self {
        NOW.set(Duration::from_secs(EPOCH));
        let mut world = Self {
            budget,
            records: Default::default(),
            holders: [None; KEYS],
            tokens: BTreeMap::new(),
            issued: [0; KEYS],
            counts: Default::default(),
            under_way: vec![],
            acted: [[Acted::default(); KEYS]; PROCESSES],
            was_forgotten: false,
        };
        if let Some((user, locations)) = budget.kept {
            for (key, is_valid) in (0..budget.locations).map(|key| (key, locations)).chain([(OWNER, user)]) {
                let name = format!("{}-0", PREFIXES[key]);
                world.records[key] = Some(text(key, &name));
                let token = Token { is_valid, is_recorded: true, is_young: false, ..Token::new(None) };
                world.tokens.insert(name, token);
            }
        }
        world
    }

    pub fn keys(&self) -> impl Iterator<Item = Key> + use<> {
        (0..self.budget.locations).chain([OWNER])
    }

    pub fn may(&self, kind: Kind) -> bool {
        self.budget.faults > 0 && self.budget.kinds.contains(&kind)
    }

    pub fn fault(&mut self) {
        self.budget.faults -= 1;
    }

    /// The events of no caller. `in_use` are the tokens that a process has.
    pub fn outside_events(&self, in_use: &[String]) -> Vec<Event> {
        let mut events = vec![];
        if self.may(Kind::Revocation) {
            let is_recorded =
                |name: &str| self.records[whose(name)].as_deref().and_then(token_of).as_deref() == Some(name);
            let known = |name: &String| is_recorded(name) || in_use.contains(name);
            let valid = self.tokens.iter().filter(|(name, token)| token.is_valid && known(name));
            events.extend(valid.map(|(name, _)| Event::Revoked(name.clone())));
        }
        for key in self.keys() {
            if self.may(Kind::LostTurn) && self.holders[key].is_some() {
                events.push(Event::TurnLost(key));
            }
            if self.may(Kind::Removal) && self.records[key].is_some() {
                events.push(Event::Removed(key));
            }
            if self.may(Kind::SetByHand) {
                events.extend((0..PROCESSES).map(|process| Event::SetByHand(process, key)));
            }
        }
        if self.budget.pauses > 0 {
            events.push(Event::Pause);
        }
        events
    }

    pub fn revoke(&mut self, token: &str) {
        self.fault();
        self.tokens.get_mut(token).unwrap().is_valid = false;
    }

    pub fn lose_turn(&mut self, key: Key) {
        self.fault();
        self.holders[key] = None;
    }

    pub fn remove(&mut self, key: Key) {
        self.fault();
        self.records[key] = None;
        self.begin_anew(key);
    }

    /// A token that is set by hand. The service issued it elsewhere.
    pub fn by_hand(&mut self, process: usize, key: Key) -> SavedToken {
        let name = self.name(key);
        self.tokens.insert(name.clone(), Token { by_hand: Some(process), is_young: false, ..Token::new(None) });
        match key {
            OWNER => self.act(process, Act::Set),
            location => self.acted[process][location] = (Act::Set, self.acted[process][location].1 + 1),
        }
        saved(key, &name)
    }

    /// A token that was set by hand and is not written yet wins, also over `forget`.
    pub fn act(&mut self, process: usize, act: Act) {
        self.was_forgotten |= act == Act::Forgotten;
        for acted in &mut self.acted[process] {
            *acted = (if acted.0 == Act::Set { Act::Set } else { act }, acted.1 + 1);
        }
    }

    /// A request of these keys may be counted already, and be sent after it.
    pub fn pause(&mut self, counted: &[Key]) {
        NOW.set(now() + LONGEST);
        self.tokens.values_mut().for_each(|token| token.is_young = false);
        for (key, count) in self.counts.iter_mut().enumerate() {
            let requests = count.requests + u8::from(counted.contains(&key));
            count.pauses += u8::from(requests >= count.bound());
        }
    }

    // ---- The store. ----

    pub fn is_free(&self, key: Key) -> bool {
        self.holders[key].is_none()
    }

    pub fn holds(&self, caller: usize, key: Key) -> bool {
        self.holders[key] == Some(caller)
    }

    pub fn open(&mut self, caller: usize, key: Key) -> Option<String> {
        assert!(self.holders.iter().all(|holder| *holder != Some(caller)), "a caller has two turns of the store");
        self.holders[key] = Some(caller);
        self.records[key].clone()
    }

    pub fn release(&mut self, caller: usize, key: Key) {
        if self.holds(caller, key) {
            self.holders[key] = None;
        }
    }

    /// The record is written, whatever the writer hears of it.
    pub fn commit(&mut self, process: usize, (key, record): (Key, &str), acted: Acted) {
        if is_forgotten(Some(record)) {
            self.begin_anew(key);
        } else {
            let mut by_hand = self.tokens.iter().filter(|(name, token)| whose(name) == key && !token.is_recorded);
            let act = if by_hand.any(|(_, token)| token.by_hand == Some(process)) { Act::Set } else { acted.0 };
            if self.acted[process][key].1 == acted.1 {
                self.acted[process][key].0 = Act::Nothing;
            }
            let is_allowed = !is_forgotten(self.records[key].as_deref()) || act == Act::Set;
            assert!(is_allowed, "a record that was forgotten is written, and no person has acted: {record}");
            if act != Act::Nothing {
                self.begin_anew(key);
            }
        }
        let before = self.records[key].as_deref().and_then(token_of);
        if let Some(token) = token_of(record) {
            let known = self.tokens.get_mut(&token).unwrap();
            let may_replace = known.by_hand.is_some() || known.replaces == before;
            let is_right = may_replace || before.is_none() || before.as_ref() == Some(&token);
            assert!(is_right, "{token} takes the place of {before:?}, which another process has saved");
            known.is_recorded = true;
        }
        self.records[key] = Some(record.to_owned());
    }

    /// What a person has done, when a write begins.
    pub fn acted(&self, process: usize, key: Key) -> Acted {
        self.acted[process][key]
    }

    /// The write of a token has failed, as far as the writer knows.
    pub fn not_saved(&mut self, token: &SavedToken) {
        self.tokens.get_mut(&secret(token)).unwrap().has_failed = true;
    }

    // ---- The service. ----

    /// An ordinary call leaves: with a token that is in the store, unless the store has failed.
    pub fn send_call(&self, token: &str) {
        let known = &self.tokens[token];
        assert!(known.is_recorded || known.by_hand.is_some() || known.has_failed, "{token} is used before it is saved");
    }

    pub fn status(&self, token: &str) -> u16 {
        if self.tokens[token].is_valid { 200 } else { 401 }
    }

    /// The call that waited for the token is answered: the token was of use, if this process has requested it.
    pub fn helped(&mut self, process: usize, token: &str) {
        let known = self.tokens.get_mut(token).unwrap();
        if known.by == Some(process) && !std::mem::replace(&mut known.has_helped, true) {
            self.begin_anew(whose(token));
        }
    }

    /// A token request leaves. `turn` is the store's turn that its caller has, as far as the caller knows.
    pub fn send_token<B>(
        &mut self,
        (caller, process): (usize, usize),
        turn: Option<Key>,
        request: &Request<B>,
    ) -> Wanted {
        let mut path = request.uri().path().split('/').skip(1);
        let key = if path.next() == Some("user_token") { OWNER } else { path.next().unwrap().parse().unwrap() };
        let user = (key != OWNER).then(|| bearer(request));
        if let Some(user) = &user {
            self.send_call(user);
        }
        assert_eq!(turn, Some(key), "a token request without the turn");
        for other in self.under_way.iter().filter(|other| other.key == key) {
            assert!(!self.holds(other.caller, key), "two token requests for {key} at once, and the turn holds");
            assert!(other.process != process, "two token requests for {key} at once in one process");
        }
        let is_forgotten = self.holds(caller, key) && is_forgotten(self.records[key].as_deref());
        assert!(!is_forgotten, "a token is requested for {key}, which was forgotten");
        let count = &mut self.counts[key];
        assert!(count.requests < count.bound(), "a request too many for {key}, after {count:?}");
        count.requests += 1;
        let wanted = Wanted { key, caller, process, user, is_current: true };
        self.under_way.push(wanted.clone());
        wanted
    }

    /// The service answers as it should. `user` is the User Access Token that the process has now.
    pub fn answer(&mut self, wanted: &Wanted, user: Option<&str>, record: &str) -> Response<String> {
        let is_current = self.arrive(wanted);
        let respond = |status, body| Response::builder().status(status).body(body).unwrap();
        if let Some(sent) = wanted.user.as_deref().filter(|user| !self.tokens[*user].is_valid) {
            // Nothing was done. For a token that the owner still has, that is said once for the Location.
            let (is_newest, is_young) = (user == Some(sent), self.tokens[sent].is_young);
            let count = &mut self.counts[wanted.key];
            if is_current && !(is_newest && (is_young || count.taken_back)) {
                count.requests -= 1;
                count.taken_back |= is_newest;
            }
            return respond(401, String::new());
        }
        if let Some(sent) = wanted.user.as_deref().filter(|sent| user == Some(*sent)) {
            self.helped(wanted.process, sent);
        }
        let name = self.name(wanted.key);
        let (by, replaces) = (Some(wanted.process), token_of(record));
        self.tokens.insert(name.clone(), Token { is_current, replaces, ..Token::new(by) });
        respond(200, format!(r#"{{"access_token":"{name}"}}"#))
    }

    /// The service acts, and nobody gets the token.
    pub fn lose_answer(&mut self, wanted: &Wanted) -> Delivery {
        let is_current = self.arrive(wanted);
        if wanted.user.as_ref().is_none_or(|user| self.tokens[user].is_valid) {
            self.counts[wanted.key].lost += u8::from(is_current);
        }
        Delivery::Unknown
    }

    /// The process has ended: what it had alone is lost.
    pub fn crash(&mut self, process: usize) {
        for wanted in self.under_way.clone().iter().filter(|wanted| wanted.process == process) {
            self.lose_answer(wanted);
        }
        let counts = &mut self.counts;
        self.tokens.retain(|name, token| {
            let is_lost = token.by == Some(process) && !token.is_recorded;
            counts[whose(name)].lost += u8::from(is_lost && token.is_current);
            token.by = token.by.filter(|by| *by != process);
            !is_lost && (token.is_recorded || token.by_hand != Some(process))
        });
        self.acted[process] = [Acted::default(); KEYS];
    }

    fn arrive(&mut self, wanted: &Wanted) -> bool {
        let place = self.under_way.iter().position(|other| other.caller == wanted.caller).unwrap();
        self.under_way.remove(place).is_current
    }

    fn name(&mut self, key: Key) -> String {
        self.issued[key] += 1;
        format!("{}-{}", PREFIXES[key], self.issued[key])
    }

    fn begin_anew(&mut self, key: Key) {
        self.counts[key] = Count::default();
        self.tokens.iter_mut().filter(|(name, _)| whose(name) == key).for_each(|(_, token)| token.is_current = false);
        self.under_way.iter_mut().filter(|wanted| wanted.key == key).for_each(|wanted| wanted.is_current = false);
    }

    // ---- The promises. ----

    /// Each token is in the record, or was, or is listed by the process that has it; and what is lost is counted.
    pub fn check<'a>(&self, unsaved: impl Iterator<Item = &'a Unsaved>) {
        let listed: Vec<_> = unsaved.map(|unsaved| secret(unsaved.token())).collect();
        for (name, token) in &self.tokens {
            let is_kept = token.is_recorded || token.by_hand.is_some() || listed.contains(name);
            assert!(is_kept, "{name} is neither in the record nor listed as unsaved");
        }
        for key in self.keys() {
            let (counted, lost) = (requests_of(self.records[key].as_deref()), self.counts[key].lost);
            assert!(u64::from(lost) <= counted, "{lost} tokens of {key} are lost, and {counted} are counted");
        }
    }

    /// From now on nothing fails, and the last pause has passed.
    pub fn is_well(&mut self) {
        (self.budget.faults, self.budget.pauses) = (0, 0);
        self.pause(&[]);
    }

    pub fn is_by_hand(&self, token: &str) -> bool {
        self.tokens[token].by_hand.is_some()
    }

    /// The next exchange may get the second 401 for the owner's token since a token has helped the Location: that counts, and there is one more pause.
    pub fn may_be_paused(&self, location: Key, user: Option<&str>) -> bool {
        self.counts[location].taken_back
            && (!self.has_valid_owner() || user.is_some_and(|user| self.status(user) == 401))
    }

    pub fn has_valid_owner(&self) -> bool {
        let token = self.records[OWNER].as_deref().and_then(token_of);
        token.is_some_and(|token| self.tokens[&token].is_valid)
    }

    pub fn state(&self) -> String {
        let Self { records, holders, tokens, issued, counts, under_way, acted, was_forgotten, budget } = self;
        let budget = (budget.faults, budget.pauses);
        format!("{:?}", (budget, records, holders, tokens, issued, counts, under_way, acted, was_forgotten))
    }
}

impl Token {
    fn new(by: Option<usize>) -> Self {
        Self {
            is_valid: true,
            by,
            is_current: true,
            is_recorded: false,
            by_hand: None,
            has_helped: false,
            has_failed: false,
            is_young: true,
            replaces: None,
        }
    }
}
