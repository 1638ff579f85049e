//! A service of small numbers, and what it and its network may do next. It holds the client to the promises.

use std::collections::{BTreeMap, BTreeSet};

use http::{Request, Response};
use location_auth::{App, Delivery, LocationAccessToken, Owner, SavedToken, Session, UserAccessToken, UserLogin};

use crate::test_service;

/// How many events of each kind there may be.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub revocations: u8,
    pub faults: u8,
    pub login_changes: u8,
    pub right_password: bool,
    /// Whether the owner has a User Access Token at the start.
    pub user_token: bool,
    /// The Locations' tokens at the start.
    pub tokens: Tokens,
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
    /// It arrives and is acted on, and its answer is lost.
    Lost,
    /// It never leaves.
    NotSent,
    /// It is answered with 429.
    Throttled,
    /// It is answered with what a repeat would be answered with again.
    Final,
    Kept,
    Dropped,
    Revoked(String),
    LoginSet,
}

/// A token request: whose it is, and with which User Access Token. `None` for a login.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub whose: String,
    user: Option<String>,
    /// How many changes of the login were still to come when it was sent.
    login_changes: u8,
}

#[derive(Debug)]
pub struct Model {
    pub budget: Budget,
    /// The tokens that the service takes.
    valid: BTreeSet<String>,
    /// Those that the store has, or the program at the start.
    stored: BTreeSet<String>,
    issued: u8,
    /// Token requests that are under way.
    under_way: BTreeSet<String>,
    /// Outcomes in a row that are unknown.
    unknown: BTreeMap<String, u8>,
    /// User Access Tokens that were answered with 401: what they still get says nothing about new ones.
    refused: BTreeSet<String>,
    /// How many tokens of each may be issued: one for each that was revoked or lost.
    allowed: BTreeMap<String, u8>,
    /// Tokens that a caller has received.
    received: BTreeSet<String>,
    /// How often each caller's call was sent, and whether it was answered with 401 last.
    sends: BTreeMap<usize, (u8, bool)>,
    passwords: u8,
}

pub const OWNER: &str = "owner";

/// What each run starts with, made once.
struct Fixtures {
    login: UserLogin,
    user: UserAccessToken,
    locations: [LocationAccessToken; 2],
    calls: [Request<()>; 2],
}

thread_local! {
    static APP: App = App::new(test_service::settings::settings()).unwrap();
    static FIXTURES: Fixtures = Fixtures {
        login: APP.with(|app| app.user_login(test_service::EMAIL, test_service::PASSWORD).unwrap()),
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

/// Two Locations of one owner, each with a token, and what the owner has.
pub fn start(budget: Budget) -> (Model, [Session; 2], Owner) {
    APP.with(|app| {
        let mut owner = Owner::new(app);
        if budget.user_token {
            owner.set_user_token(FIXTURES.with(|fixtures| fixtures.user.clone())).unwrap();
        }
        owner.set_login(FIXTURES.with(|fixtures| fixtures.login.clone())).unwrap();
        let tokens = FIXTURES.with(|fixtures| fixtures.locations.clone());
        let sessions = tokens.map(|token| match budget.tokens {
            Tokens::Missing => app.location(token.location().as_str()).unwrap().session(),
            _ => Session::for_location(app, token).unwrap(),
        });
        let all: BTreeSet<_> = ["user-0", "location-0-0", "location-1-0"].map(String::from).into();
        let those = |locations: bool| all.iter().filter(|token| locations || *token == "user-0").cloned().collect();
        let needed = u8::from(budget.tokens != Tokens::Valid);
        let allowed = [("owner", u8::from(!budget.user_token)), ("0", needed), ("1", needed)];
        let model = Model {
            budget,
            stored: those(budget.tokens != Tokens::Missing),
            valid: those(budget.tokens == Tokens::Valid),
            issued: 0,
            under_way: BTreeSet::new(),
            unknown: BTreeMap::new(),
            refused: BTreeSet::new(),
            allowed: allowed.map(|(whose, count)| (whose.to_owned(), count)).into(),
            received: BTreeSet::new(),
            sends: BTreeMap::new(),
            passwords: 0,
        };
        (model, sessions, owner)
    })
}

impl Model {
    pub fn answers_to_call(&self, token: &str) -> Vec<Event> {
        let mut events = vec![Event::Status(if self.valid.contains(token) { 200 } else { 401 })];
        if self.budget.faults > 0 {
            events.extend([Event::Lost, Event::Status(503)]);
        }
        events
    }

    pub fn answers_to(&self, wanted: &Wanted) -> Vec<Event> {
        let is_good = match &wanted.user {
            None => self.budget.right_password,
            Some(user) => self.valid.contains(user),
        };
        let mut events = vec![if is_good { Event::Token } else { Event::Unauthorized }];
        if self.budget.faults > 0 {
            events.extend([Event::Lost, Event::NotSent, Event::Throttled, Event::Final]);
        }
        events
    }

    /// The events without any caller.
    pub fn outside_events(&self) -> Vec<Event> {
        let mut events = vec![];
        if self.budget.revocations > 0 {
            events.extend(self.valid.iter().cloned().map(Event::Revoked));
        }
        if self.budget.login_changes > 0 {
            events.push(Event::LoginSet);
        }
        events
    }

    pub fn outside(&mut self, event: &Event, set_login: impl FnOnce(UserLogin)) {
        match event {
            Event::Revoked(token) => {
                self.budget.revocations -= 1;
                self.valid.remove(token);
                *self.allowed.get_mut(whose(token)).unwrap() += 1;
            }
            Event::LoginSet => {
                self.budget.login_changes -= 1;
                self.unknown.clear();
                self.passwords = 0;
                set_login(FIXTURES.with(|fixtures| fixtures.login.clone()));
            }
            other => panic!("{other:?}"),
        }
    }

    /// A call leaves: with a token that is in the store, at most twice, and again after a 401 alone.
    pub fn send_call<B>(&mut self, caller: usize, request: &Request<B>) -> String {
        let token = bearer(request);
        assert!(self.stored.contains(&token), "{token} is used and is not in the store");
        let (sends, was_401) = self.sends.entry(caller).or_insert((0, true));
        assert!(*sends < 2 && *was_401, "a call is sent again for no reason");
        (*sends, *was_401) = (*sends + 1, false);
        token
    }

    pub fn answer_call(&mut self, caller: usize, location: usize, status: u16) {
        if status == 503 {
            self.fault();
        }
        if status == 200 {
            self.unknown.remove(&location.to_string());
        }
        self.sends.get_mut(&caller).unwrap().1 = status == 401;
    }

    /// A token request leaves: one at a time for each, with a token that is in the store, and none after two in doubt.
    pub fn send_token<B>(&mut self, request: &Request<B>) -> Wanted {
        let is_login = request.uri().path() == "/user_token";
        let whose = if is_login { OWNER } else { request.uri().path().split('/').nth(2).unwrap() }.to_owned();
        let user = (!is_login).then(|| bearer(request));
        assert!(user.iter().all(|user| self.stored.contains(user)), "{user:?} is used and is not in the store");
        assert!(self.under_way.insert(whose.clone()), "two token requests at once for {whose}");
        assert!(
            self.unknown.get(&whose).is_none_or(|unknown| *unknown < 2),
            "a third request for {whose} after two in doubt"
        );
        self.passwords += u8::from(is_login);
        if !self.budget.right_password && is_login {
            // Two of unknown outcome, and one that is refused.
            assert!(self.passwords <= 3, "a wrong password is sent {} times", self.passwords);
        }
        Wanted { whose, user, login_changes: self.budget.login_changes }
    }

    pub fn answer_token(&mut self, wanted: &Wanted, event: &Event) -> Result<Response<String>, Delivery> {
        self.under_way.remove(&wanted.whose);
        let respond = |status, body: String| Ok(Response::builder().status(status).body(body).unwrap());
        match event {
            Event::Token => {
                let token = self.issue(wanted);
                if wanted.user.as_ref().is_some_and(|user| !self.refused.contains(user)) {
                    self.unknown.remove(OWNER);
                }
                self.received.insert(token.clone());
                return respond(200, format!(r#"{{"access_token": "{token}"}}"#));
            }
            Event::Unauthorized => {
                if wanted.user.is_none() && wanted.login_changes == self.budget.login_changes {
                    // From now on no caller sends it again.
                    self.passwords = 3;
                }
                self.refused.extend(wanted.user.clone());
                return respond(401, String::new());
            }
            _ => self.fault(),
        }
        match event {
            Event::Lost => {
                self.lose(wanted);
                Err(Delivery::Unknown)
            }
            Event::NotSent => Err(Delivery::NotSent),
            Event::Throttled => respond(429, String::new()),
            Event::Final => respond(302, String::new()),
            other => panic!("{other:?}"),
        }
    }

    /// The caller is gone; the request may still arrive.
    pub fn drop_request(&mut self, wanted: &Wanted) {
        self.fault();
        self.under_way.remove(&wanted.whose);
        self.lose(wanted);
    }

    pub fn drop_caller(&mut self) {
        self.fault();
    }

    pub fn fault(&mut self) {
        self.budget.faults -= 1;
    }

    /// The service acts, if it would have, and nobody hears of it.
    fn lose(&mut self, wanted: &Wanted) {
        if wanted.login_changes == self.budget.login_changes {
            *self.unknown.entry(wanted.whose.clone()).or_default() += 1;
        }
        let acts = wanted.user.as_ref().map_or(self.budget.right_password, |user| self.valid.contains(user));
        if acts {
            *self.allowed.get_mut(&wanted.whose).unwrap() += 1;
            self.issue(wanted);
        }
    }

    fn issue(&mut self, wanted: &Wanted) -> String {
        let allowed = self.allowed.get_mut(&wanted.whose).unwrap();
        assert!(*allowed > 0, "a token too many for {}", wanted.whose);
        *allowed -= 1;
        self.issued += 1;
        let token = match &*wanted.whose {
            OWNER => format!("user-{}", self.issued),
            location => format!("location-{location}-{}", self.issued),
        };
        self.valid.insert(token.clone());
        token
    }

    pub fn keep(&mut self, token: &SavedToken) {
        self.stored.insert(secret(token));
    }

    /// A call ends, with a response or with an error.
    pub fn done(&mut self, caller: usize, is_response: bool) {
        let was_401 = self.sends.get(&caller).is_none_or(|(_, was_401)| *was_401);
        assert!(is_response || was_401, "a call that was answered with other than 401 fails");
    }

    /// No token is lost that a caller has received.
    pub fn check_end(&self, sessions: &[Session; 2], owner: &Owner) {
        let unsaved = sessions.iter().filter_map(Session::unsaved).chain(owner.unsaved()).map(|token| secret(&token));
        let unsaved: BTreeSet<_> = unsaved.collect();
        for token in &self.received {
            assert!(self.stored.contains(token) || unsaved.contains(token), "{token} is lost");
        }
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
