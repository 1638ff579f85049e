//! A service of small numbers, and what it and its network may do next. It holds the client to the promises.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::{Request, Response};
use location_auth::{
    App, Delivery, LocationAccessToken, Owner, SavedToken, Session, Unsaved, UserAccessToken, UserLogin,
};

use crate::test_service;

/// How many events of each kind there may be.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub revocations: u8,
    pub faults: u8,
    /// Pauses that pass: the clock goes on by the longest one.
    pub pauses: u8,
    /// Calls with a good token that get a 401, as on a route that always answers so.
    pub dead_routes: u8,
    /// The logins that the program sets, one after the other: whether each is right.
    pub logins: &'static [bool],
    /// Whether the owner has a User Access Token at the start.
    pub user_token: bool,
    /// The Locations' tokens at the start.
    pub tokens: Tokens,
    /// How many Locations the callers are of.
    pub locations: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tokens {
    Valid,
    Revoked,
    Missing,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Start,
    /// The caller gets the turn that it waits for.
    Turn,
    /// A call is answered.
    Status(u16),
    /// A token request is answered with a token.
    Token,
    /// It is answered with 401.
    Unauthorized,
    /// It is answered with 401, although its User Access Token is good: the service does not know it everywhere yet.
    Lag,
    /// It arrives, and its answer is lost. It may have been acted on: what nobody has is bounded by the count.
    Lost,
    /// It never leaves.
    NotSent,
    /// It is answered with 429 and a wait.
    Throttled,
    /// It is answered with 403.
    Refused,
    /// It is answered with 302.
    Moved,
    Kept,
    Dropped,
    Revoked(String),
    LoginSet,
    Pause,
}

/// A token request: whose it is, and with which User Access Token. `None` for a login.
#[derive(Clone, Debug)]
pub struct Wanted {
    whose: String,
    user: Option<String>,
    /// Which login was the newest when it was sent.
    login: usize,
    /// The count from before it.
    before: Count,
    sent: Duration,
}

/// An ordinary call: how often it was sent so far.
#[derive(Clone, Debug, Default)]
pub struct Sends {
    count: u8,
    /// It has waited for the first token.
    waited: bool,
    was_401: bool,
}

/// The token requests since a token has helped, or since the program has set another login.
#[derive(Clone, Debug, Default)]
struct Count {
    /// Those that the service may have acted on. One that it has refused counts for all that there may be.
    requests: u8,
    /// The pauses that have passed. One that passes before it is needed is none.
    pauses: u8,
    /// The service has asked for a wait.
    waits: bool,
    /// A 401 of step 2 did not count.
    taken_back: bool,
    /// When the last one was sent.
    last: Option<Duration>,
}

impl Count {
    /// Two at once, and one for each pause: the service can't have acted on more.
    fn bound(&self) -> u8 {
        2 + self.pauses
    }

    fn pause(&mut self) {
        self.pauses += u8::from(self.requests >= self.bound());
        self.waits = false;
    }

    fn begin_anew(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }
}

#[derive(Debug)]
pub struct Model {
    budget: Budget,
    /// Which of the logins is the newest.
    login: usize,
    /// The tokens that the service takes.
    valid: BTreeSet<String>,
    /// User Access Tokens that were requested since the last pause: the service may not know them everywhere yet.
    young: BTreeSet<String>,
    /// Those that the store has, or the program at the start.
    stored: BTreeSet<String>,
    /// The token that each uses, and whether it is of use already, or was there at the start.
    newest: BTreeMap<String, (String, bool)>,
    issued: BTreeMap<String, u8>,
    /// Token requests that are under way.
    under_way: BTreeSet<String>,
    counts: BTreeMap<String, Count>,
    /// How many tokens of each may still be received: one for each that was revoked.
    allowed: BTreeMap<String, u8>,
    /// Tokens that a caller has received and the store does not have.
    received: BTreeSet<String>,
    /// Whether the last call was answered, once all is well again.
    answered: Option<bool>,
}

const OWNER: &str = "owner";

/// What each run starts with, made once.
struct Fixtures {
    logins: [UserLogin; 2],
    user: UserAccessToken,
    locations: [LocationAccessToken; 2],
    calls: [Request<()>; 2],
}

const PASSWORDS: [&str; 2] = ["the first password", "the second password"];

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static APP: App = App::new(test_service::settings::settings()).unwrap();
    static FIXTURES: Fixtures = Fixtures {
        logins: APP.with(|app| PASSWORDS.map(|password| app.user_login(test_service::EMAIL, password).unwrap())),
        user: saved(None, "user-0").try_into().unwrap(),
        locations: [0, 1]
            .map(|location| saved(Some(location), &format!("location-{location}-0")).try_into().unwrap()),
        calls: [0, 1].map(|location| {
            Request::get(format!("https://api.example.com/locations/{location}/contacts")).body(()).unwrap()
        }),
    };
}

pub fn call(location: usize) -> Request<()> {
    FIXTURES.with(|fixtures| fixtures.calls[location].clone())
}

pub fn now() -> Duration {
    NOW.get()
}

/// What the core shows of itself, with its times as they are from now on: so two states that differ in nothing else are one.
pub fn relative(shown: &str) -> String {
    let (now, mut text, mut rest) = (now().as_secs(), String::with_capacity(shown.len()), shown);
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        text += &rest[..start];
        let end = rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |digits| start + digits);
        let number = &rest[start..end];
        rest = &rest[end..];
        let is_time = rest.starts_with('s') || rest.starts_with("ns");
        match number.parse::<u64>() {
            Ok(time) if is_time && time > now => text += &format!("in {}", time - now),
            // A User Access Token is new for less than a minute.
            Ok(time) if is_time => text += if now - time < 60 { "now" } else { "past" },
            _ => text += number,
        }
    }
    text + rest
}

pub fn secret(token: &SavedToken) -> String {
    serde_json::to_value(token).unwrap()["access_token"].as_str().unwrap().to_owned()
}

fn saved(location: Option<usize>, token: &str) -> SavedToken {
    let location = location.map_or(String::new(), |location| format!(r#""location": "{location}", "#));
    let kind = if location.is_empty() { "user" } else { "location" };
    let text =
        format!(r#"{{"version": 1, "environment": "staging", "kind": "{kind}", {location}"access_token": "{token}"}}"#);
    serde_json::from_str(&text).unwrap()
}

/// Two Locations of one owner, and what the owner has.
pub fn start(budget: Budget) -> (Model, [Session; 2], Owner) {
    NOW.set(Duration::ZERO);
    APP.with(|app| {
        let mut owner = Owner::new(app);
        if budget.user_token {
            owner.set_user_token(FIXTURES.with(|fixtures| fixtures.user.clone())).unwrap();
        }
        owner.set_login(FIXTURES.with(|fixtures| fixtures.logins[0].clone())).unwrap();
        let tokens = FIXTURES.with(|fixtures| fixtures.locations.clone());
        let sessions = tokens.map(|token| match budget.tokens {
            Tokens::Missing => app.location(token.location().as_str()).unwrap().session(),
            _ => Session::for_location(app, token).unwrap(),
        });
        let mut model = Model {
            budget,
            login: 0,
            stored: BTreeSet::new(),
            valid: BTreeSet::new(),
            young: BTreeSet::new(),
            newest: BTreeMap::new(),
            issued: BTreeMap::new(),
            under_way: BTreeSet::new(),
            counts: [OWNER, "0", "1"].map(|whose| (whose.to_owned(), Count::default())).into(),
            allowed: [OWNER, "0", "1"].map(|whose| (whose.to_owned(), 1)).into(),
            received: BTreeSet::new(),
            answered: None,
        };
        let user = budget.user_token.then_some((OWNER, "user-0", true));
        let is_valid = budget.tokens == Tokens::Valid;
        let locations = [("0", "location-0-0", is_valid), ("1", "location-1-0", is_valid)];
        let locations = locations.into_iter().filter(|_| budget.tokens != Tokens::Missing);
        for (whose, token, is_valid) in locations.chain(user) {
            model.stored.insert(token.to_owned());
            model.newest.insert(whose.to_owned(), (token.to_owned(), true));
            if is_valid {
                model.valid.insert(token.to_owned());
                model.allowed.insert(whose.to_owned(), 0);
            }
        }
        (model, sessions, owner)
    })
}

impl Model {
    pub fn may_fail(&self) -> bool {
        self.budget.faults > 0
    }

    /// What a call may be answered with: what it should be is the first.
    pub fn answers_to_call(&self, token: &str) -> Vec<Event> {
        let is_valid = self.valid.contains(token);
        let mut events = vec![Event::Status(if is_valid { 200 } else { 401 })];
        if is_valid && self.budget.dead_routes > 0 {
            events.push(Event::Status(401));
        }
        if self.may_fail() {
            events.extend([Event::Lost, Event::Status(403)]);
        }
        events
    }

    pub fn answers_to(&self, wanted: &Wanted) -> Vec<Event> {
        let mut events = vec![if self.would_act(wanted) { Event::Token } else { Event::Unauthorized }];
        if self.may_fail() {
            events.extend([Event::Lost, Event::NotSent, Event::Throttled, Event::Refused, Event::Moved]);
            if wanted.user.as_ref().is_some_and(|user| self.valid.contains(user) && self.young.contains(user)) {
                events.push(Event::Lag);
            }
        }
        events
    }

    fn would_act(&self, wanted: &Wanted) -> bool {
        match &wanted.user {
            None => self.budget.logins[wanted.login],
            Some(user) => self.valid.contains(user),
        }
    }

    /// The events without any caller.
    pub fn outside_events(&self) -> Vec<Event> {
        let mut events = vec![];
        if self.budget.revocations > 0 {
            events.extend(self.valid.iter().cloned().map(Event::Revoked));
        }
        if self.login + 1 < self.budget.logins.len() {
            events.push(Event::LoginSet);
        }
        if self.budget.pauses > 0 {
            events.push(Event::Pause);
        }
        events
    }

    pub fn outside(&mut self, event: &Event, set_login: impl FnOnce(UserLogin)) {
        match event {
            Event::Revoked(token) => {
                self.budget.revocations -= 1;
                self.valid.remove(token);
                self.allow(whose(token));
            }
            Event::LoginSet => {
                self.login += 1;
                self.counts.values_mut().for_each(Count::begin_anew);
                set_login(self.login());
            }
            Event::Pause => {
                self.budget.pauses -= 1;
                self.pause();
            }
            other => panic!("{other:?}"),
        }
    }

    fn pause(&mut self) {
        const LONGEST: Duration = Duration::from_secs(60 * 60);
        NOW.set(now() + LONGEST);
        self.young.clear();
        self.counts.values_mut().for_each(Count::pause);
    }

    /// From now on nothing fails, and the last pause has passed. Returns whether the Location's next call may still fail, and only that one.
    pub fn is_well(&mut self, location: usize) -> bool {
        self.budget = Budget { revocations: 0, faults: 0, dead_routes: 0, pauses: 0, ..self.budget };
        self.pause();
        self.answered = Some(false);
        // Who waits for a token that was revoked before it was saved has had its once.
        let is_unsaved_revoked = self.received.iter().any(|token| !self.valid.contains(token));
        // The Location's count was taken back once already, so that the 401 for the owner's token may begin a pause.
        is_unsaved_revoked || (self.counts[&location.to_string()].taken_back && !self.is_valid(OWNER))
    }

    /// Then a call is answered, if there are the means. Returns whether there is to be another one.
    pub fn fails_again(&self, location: usize, may_fail: bool) -> bool {
        let has_means = self.budget.logins[self.login] || self.is_valid(OWNER) || self.is_valid(&location.to_string());
        let fails = self.answered != Some(true) && has_means;
        assert!(!fails || may_fail, "nothing fails any more, and a call is not answered");
        fails
    }

    fn is_valid(&self, whose: &str) -> bool {
        self.newest.get(whose).is_some_and(|(token, _)| self.valid.contains(token))
    }

    fn login(&self) -> UserLogin {
        FIXTURES.with(|fixtures| fixtures.logins[self.login].clone())
    }

    /// A call begins, and the program sets the login that is set already, as each of its starts does: that changes nothing.
    pub fn begin_call(&self, location: usize, set_login: impl FnOnce(UserLogin)) -> Sends {
        set_login(self.login());
        Sends { waited: !self.newest.contains_key(&location.to_string()), ..Sends::default() }
    }

    /// A call leaves: with a token that is in the store, at most twice, and again after a 401 alone. It may have waited for a token instead.
    pub fn send_call<B>(&self, sends: &mut Sends, request: &Request<B>) -> String {
        let token = bearer(request);
        assert!(self.stored.contains(&token), "{token} is used and is not in the store");
        assert!(sends.count == 0 || sends.was_401, "a call is sent again for no reason");
        assert!(sends.count + u8::from(sends.waited) < 2, "a call is sent again once more");
        (sends.count, sends.was_401) = (sends.count + 1, false);
        token
    }

    pub fn answer_call(&mut self, sends: &mut Sends, token: &str, status: u16) {
        sends.was_401 = status == 401;
        let whose = whose(token);
        let is_newest = self.newest[whose].0 == token;
        match status {
            401 if self.valid.contains(token) => {
                self.budget.dead_routes -= 1;
                if is_newest {
                    self.allow(whose);
                }
            }
            // It would have failed without the token: the token was of use.
            200 if is_newest && (sends.waited || sends.count == 2 || self.is_first(token)) => self.helped(whose),
            403 => self.fault(),
            _ => {}
        }
    }

    /// Whether the Location has had no other token: then each call needs it.
    fn is_first(&self, token: &str) -> bool {
        self.budget.tokens == Tokens::Missing && token.ends_with("-1")
    }

    fn helped(&mut self, whose: &str) {
        let (_, has_helped) = self.newest.get_mut(whose).unwrap();
        if !std::mem::replace(has_helped, true) {
            self.count(whose).begin_anew();
        }
    }

    fn count(&mut self, whose: &str) -> &mut Count {
        self.counts.get_mut(whose).unwrap()
    }

    fn allow(&mut self, whose: &str) {
        *self.allowed.get_mut(whose).unwrap() += 1;
    }

    /// A token request leaves: one at a time for each, with a token that is in the store or the newest password, and no more than the count lets.
    pub fn send_token<B: AsRef<[u8]>>(&mut self, request: &Request<B>) -> Wanted {
        let is_login = request.uri().path() == "/user_token";
        let whose = if is_login { OWNER } else { request.uri().path().split('/').nth(2).unwrap() }.to_owned();
        let user = (!is_login).then(|| bearer(request));
        assert!(user.iter().all(|user| self.stored.contains(user)), "{user:?} is used and is not in the store");
        if is_login {
            let body = std::str::from_utf8(request.body().as_ref()).unwrap();
            assert!(body.contains(PASSWORDS[self.login]), "a password is sent that was replaced");
        }
        assert!(self.under_way.insert(whose.clone()), "two token requests at once for {whose}");
        let login = self.login;
        let count = self.count(&whose);
        assert!(!count.waits, "a request for {whose} before the time that the service has asked for");
        assert!(count.requests < count.bound(), "a request too many for {whose}, after {count:?}");
        let before = count.clone();
        (count.requests, count.last) = (count.requests + 1, Some(now()));
        Wanted { whose, user, login, before, sent: now() }
    }

    pub fn answer_token(&mut self, wanted: &Wanted, event: &Event) -> Result<Response<String>, Delivery> {
        self.under_way.remove(&wanted.whose);
        let respond = |status, body: String| Ok(Response::builder().status(status).body(body).unwrap());
        if !matches!(event, Event::Token | Event::Unauthorized) {
            self.fault();
        }
        match event {
            Event::Token => {
                let token = self.issue(&wanted.whose);
                self.valid.insert(token.clone());
                self.received.insert(token.clone());
                if let Some(user) = &wanted.user {
                    if self.newest[OWNER].0 == *user {
                        self.helped(OWNER);
                    }
                } else if wanted.sent == now() {
                    self.young.insert(token.clone());
                }
                respond(200, format!(r#"{{"access_token": "{token}"}}"#))
            }
            Event::Unauthorized | Event::Lag => {
                match &wanted.user {
                    None => self.refuse(wanted),
                    Some(user) if *user != self.newest[OWNER].0 => self.take_back(wanted),
                    Some(user) if self.young.contains(user) => {}
                    Some(_) if self.counts[&wanted.whose].taken_back => {}
                    Some(_) => {
                        self.take_back(wanted);
                        self.count(&wanted.whose).taken_back = true;
                    }
                }
                respond(401, String::new())
            }
            Event::Lost => Err(Delivery::Unknown),
            Event::NotSent => {
                self.take_back(wanted);
                Err(Delivery::NotSent)
            }
            Event::Throttled => {
                self.take_back(wanted);
                self.count(&wanted.whose).waits = true;
                let mut response: Response<String> = respond(429, String::new())?;
                response.headers_mut().insert("retry-after", 30.into());
                Ok(response)
            }
            Event::Refused => {
                self.refuse(wanted);
                respond(403, String::new())
            }
            Event::Moved => respond(302, String::new()),
            other => panic!("{other:?}"),
        }
    }

    /// Whether the request still counts: neither has a token helped since, nor has the program set another login.
    fn is_counted(&self, wanted: &Wanted) -> bool {
        self.counts[&wanted.whose].requests > wanted.before.requests
    }

    /// The service has certainly not acted on the request.
    fn take_back(&mut self, wanted: &Wanted) {
        if self.is_counted(wanted) {
            *self.count(&wanted.whose) = wanted.before.clone();
        }
    }

    fn refuse(&mut self, wanted: &Wanted) {
        if self.is_counted(wanted) {
            let count = self.count(&wanted.whose);
            count.requests = count.requests.max(count.bound());
        }
    }

    /// The caller is gone; the request may still arrive.
    pub fn drop_request(&mut self, wanted: &Wanted) {
        self.fault();
        self.under_way.remove(&wanted.whose);
    }

    pub fn fault(&mut self) {
        self.budget.faults -= 1;
    }

    fn issue(&mut self, whose: &str) -> String {
        let allowed = self.allowed.get_mut(whose).unwrap();
        assert!(*allowed > 0, "a token too many for {whose}");
        *allowed -= 1;
        let number = self.issued.entry(whose.to_owned()).or_default();
        *number += 1;
        match whose {
            OWNER => format!("user-{number}"),
            location => format!("location-{location}-{number}"),
        }
    }

    /// The store has the token, and from now on it is used.
    pub fn keep(&mut self, token: &SavedToken) {
        let token = secret(token);
        self.received.remove(&token);
        self.stored.insert(token.clone());
        self.newest.insert(whose(&token).to_owned(), (token, false));
    }

    /// A call ends, with a response or with an error.
    pub fn done(&mut self, sends: &Sends, is_response: bool) {
        assert!(is_response || sends.was_401 || sends.count == 0, "a call that was answered with other than 401 fails");
        if let Some(answered) = &mut self.answered {
            *answered = is_response;
        }
    }

    /// No token is lost that a caller has received.
    pub fn check_unsaved(&self, unsaved: impl Iterator<Item = Unsaved>) {
        let unsaved: BTreeSet<_> = unsaved.map(|unsaved| secret(unsaved.token())).collect();
        let lost: Vec<_> = self.received.difference(&unsaved).collect();
        assert!(lost.is_empty(), "neither stored nor listed as unsaved: {lost:?}");
    }
}

fn whose(token: &str) -> &str {
    match token.split('-').collect::<Vec<_>>()[..] {
        ["location", location, _] => location,
        _ => OWNER,
    }
}

fn bearer<B>(request: &Request<B>) -> String {
    request.headers()["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}
