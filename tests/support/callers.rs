//! One owner with two Locations and callers whose calls met a 401 or have no token yet: each renewal is driven by hand, and turns are kept as
//! `holds` says.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Request, StatusCode};
use location_auth::driver::{Acquiring, Acquisition, Attempt, Turn, Verdict};
use location_auth::store::Stored;
use location_auth::{
    App, Delivery, LocationAccessToken, Owner, SavedToken, Session, Step, TokenError, TokenErrorKind, TokenState,
    UserAccessToken,
};

use super::support::{EMAIL, PASSWORD, app, response};

pub const SEND_AGAIN: &str = "sends the call again";
pub const WAITS: &str = "waits";

/// How a token request ends.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    Token,
    Status(u16),
    /// A status with `Retry-After` in seconds.
    Wait(u16, u32),
    /// A status with this body.
    Body(u16, &'static str),
    Nothing(Delivery),
    /// Whoever sent it is gone before there is a response.
    Dropped,
}

pub struct Callers {
    pub app: App,
    pub owner: Owner,
    pub sessions: [Session; 2],
    pub now: Duration,
    /// What the store was given: the token and whose.
    pub store: Vec<String>,
    /// What a store that gives turns has, by key: `None`, if the store only saves.
    records: Option<BTreeMap<String, Vec<u8>>>,
    /// Of each Location: calls that are on their way with its first token, or wait for it.
    early: [Vec<Early>; 2],
    /// Each caller's Location and state: `None` once the caller is gone.
    callers: Vec<(usize, Option<Acquiring>)>,
    issued: usize,
}

enum Early {
    Sent(Attempt),
    WithoutToken(Acquisition),
}

pub fn saved(location: Option<&str>, token: &str) -> SavedToken {
    let kind = if location.is_some() { "location" } else { "user" };
    let location = location.map_or(String::new(), |id| format!(r#""location": "{id}", "#));
    let file =
        format!(r#"{{"version": 1, "environment": "staging", "kind": "{kind}", {location}"access_token": "{token}"}}"#);
    serde_json::from_str(&file).unwrap()
}

pub fn kept_user_token() -> UserAccessToken {
    saved(None, "user-kept").try_into().unwrap()
}

pub fn location_token(place: usize, token: &str) -> LocationAccessToken {
    saved(Some(&format!("loc-{place}")), token).try_into().unwrap()
}

pub fn call() -> Request<()> {
    Request::get("https://api.example.com/contacts").body(()).unwrap()
}

impl Callers {
    pub fn new() -> Self {
        let app = app();
        let sessions = [0, 1].map(|place| Session::for_location(&app, location_token(place, "first")).unwrap());
        let early = |session: &Session| Early::Sent(session.authorize(&mut call()).unwrap());
        Self::with_sessions(app, sessions, early)
    }

    /// The Locations have no token yet.
    pub fn without_tokens() -> Self {
        let app = app();
        let sessions = [0, 1].map(|place| app.location(&format!("loc-{place}")).unwrap().session());
        Self::with_sessions(app, sessions, |session| Early::WithoutToken(session.first_token().unwrap()))
    }

    fn with_sessions(app: App, sessions: [Session; 2], early: impl Fn(&Session) -> Early) -> Self {
        let early = [0, 1].map(|place| (0..9).map(|_| early(&sessions[place])).collect());
        let owner = Owner::new(&app);
        Self {
            app,
            owner,
            sessions,
            now: Duration::ZERO,
            store: vec![],
            records: None,
            early,
            callers: vec![],
            issued: 0,
        }
    }

    pub fn with_login(mut self) -> Self {
        self.set_login();
        self
    }

    pub fn with_token(mut self) -> Self {
        self.owner.set_user_token(kept_user_token()).unwrap();
        self
    }

    pub fn set_login(&mut self) {
        self.set_password(PASSWORD);
    }

    pub fn set_password(&mut self, password: &str) {
        self.owner.set_login(self.app.user_login(EMAIL, password).unwrap()).unwrap();
    }

    /// A caller whose call was sent with the Location's first token meets a 401, or one waits for that token.
    pub fn enter(&mut self, place: usize) -> usize {
        match self.early[place].pop().unwrap() {
            Early::Sent(attempt) => self.enter_with(place, attempt),
            Early::WithoutToken(renewal) => {
                let next = renewal.start(&mut self.sessions[place], &mut self.owner, self.now);
                self.callers.push((place, Some(next)));
                self.callers.len() - 1
            }
        }
    }

    pub fn enter_with(&mut self, place: usize, attempt: Attempt) -> usize {
        let session = &mut self.sessions[place];
        let next = match session.received(attempt, StatusCode::UNAUTHORIZED).unwrap() {
            Verdict::Replay(replay) => Acquiring::Done(Ok(replay)),
            Verdict::Acquire(renewal) => renewal.start(session, &mut self.owner, self.now),
            Verdict::Rejected(error) => Acquiring::Done(Err(error)),
            Verdict::Answered => panic!("it was 401"),
        };
        self.callers.push((place, Some(next)));
        self.callers.len() - 1
    }

    /// Makes a call with the newest token, and it is answered so.
    pub fn answered(&mut self, place: usize, status: u16) {
        let session = &mut self.sessions[place];
        let attempt = session.authorize(&mut call()).unwrap();
        assert!(matches!(session.received(attempt, StatusCode::from_u16(status).unwrap()), Ok(Verdict::Answered)));
    }

    /// Makes a call with the newest token, and it is answered with 401.
    pub fn enter_with_newest(&mut self, place: usize) -> usize {
        let attempt = self.sessions[place].authorize(&mut call()).unwrap();
        self.enter_with(place, attempt)
    }

    fn is_free(&self, caller: usize, turn: Turn) -> bool {
        let place = self.callers[caller].0;
        !self.callers.iter().enumerate().any(|(other, (at, next))| {
            other != caller
                && (turn == Turn::Owner || *at == place)
                && next.as_ref().is_some_and(|next| next.holds(turn))
        })
    }

    pub fn state_of(&self, place: usize) -> TokenState {
        self.sessions[place].state(&self.owner, self.now)
    }

    pub fn state(&self, caller: usize) -> &Acquiring {
        self.callers[caller].1.as_ref().expect("the caller is gone")
    }

    /// One state further: it is the caller's turn, or the store has its token.
    pub fn go_on(&mut self, caller: usize) {
        let (place, next) = &mut self.callers[caller];
        let (session, owner, now) = (&mut self.sessions[*place], &mut self.owner, self.now);
        *next = Some(match next.take().expect("the caller is gone") {
            Acquiring::AwaitTurn(waiting) => waiting.granted(session, owner, now),
            Acquiring::WriteRecord(write) => {
                let record = write.record();
                if let Some(records) = &mut self.records {
                    records.insert(write.key().to_string(), record.expose_secret().into());
                    *next = Some(write.written(session, owner, now));
                    return;
                }
                self.store.push(serde_json::to_string(record.new_token().expect("nothing else is saved")).unwrap());
                write.written(session, owner, now)
            }
            Acquiring::OpenRecord(open) => {
                let record = self.records.as_ref().and_then(|records| records.get(&open.key().to_string()));
                open.opened(Stored::Record(record.cloned()), session, owner, now)
            }
            next => panic!("{next:?} needs a response, or is the end"),
        });
        self.open(caller);
    }

    pub fn store_gives_turns(&mut self) {
        self.records = Some(BTreeMap::new());
    }

    /// The store does not do what the caller asks of it.
    pub fn store_fails(&mut self, caller: usize) {
        let (place, next) = &mut self.callers[caller];
        let (session, owner, now) = (&mut self.sessions[*place], &mut self.owner, self.now);
        *next = Some(match next.take() {
            Some(Acquiring::OpenRecord(open)) => open.failed("the disk is full", session, owner, now),
            Some(Acquiring::WriteRecord(write)) => write.failed("the disk is full", session, owner, now),
            next => panic!("{next:?} asks nothing of the store"),
        });
    }

    /// Another process writes a token of its own to the record that the caller is about to read.
    pub fn other_process_saves(&mut self, caller: usize) {
        let Acquiring::OpenRecord(open) = self.state(caller) else { panic!("it reads nothing") };
        let (key, location) = (open.key().to_string(), open.key().location().map(ToString::to_string));
        let record = serde_json::to_vec(&saved(location.as_deref(), "of-another-process")).unwrap();
        self.records.as_mut().unwrap().insert(key, record);
    }

    /// The store only saves, so that there is nothing to wait for.
    fn open(&mut self, caller: usize) {
        let (place, next) = &mut self.callers[caller];
        let (session, owner, now) = (&mut self.sessions[*place], &mut self.owner, self.now);
        if self.records.is_some() {
            return;
        }
        *next = next.take().map(|next| match next {
            Acquiring::OpenRecord(open) => open.opened(Stored::SavesOnly, session, owner, now),
            next => next,
        });
    }

    /// Lets a caller go on for as long as there is nobody to wait for, and describes the state then.
    pub fn advance(&mut self, caller: usize) -> String {
        let mut before = String::new();
        loop {
            match self.state(caller) {
                Acquiring::AwaitTurn(waiting) if !self.is_free(caller, waiting.turn()) => return before + WAITS,
                Acquiring::AwaitTurn(_) => {}
                Acquiring::OpenRecord(_) => panic!("it was opened"),
                Acquiring::WriteRecord(write) => {
                    before += if write.key().location().is_some() { "token kept, " } else { "user token kept, " };
                }
                Acquiring::SendToken(step) => {
                    let number = if step.step() == Step::UserToken { 1 } else { 2 };
                    return format!("{before}sends step {number}");
                }
                Acquiring::Done(result) => {
                    return before + &result.as_ref().map_or_else(described, |_| SEND_AGAIN.into());
                }
            }
            self.go_on(caller);
        }
    }

    /// As [`advance`](Self::advance), of a new caller.
    pub fn advance_new(&mut self, place: usize) -> String {
        let caller = self.enter(place);
        self.advance(caller)
    }

    /// The caller's token request has this outcome. Nobody goes on yet.
    pub fn answer(&mut self, caller: usize, outcome: Outcome) {
        let (place, next) = &mut self.callers[caller];
        let Some(Acquiring::SendToken(step)) = next.take() else { panic!("the caller sends nothing") };
        let (session, owner, now) = (&mut self.sessions[*place], &mut self.owner, self.now);
        let mut response = match outcome {
            Outcome::Token => {
                self.issued += 1;
                response(200, &format!(r#"{{"access_token": "new-{}"}}"#, self.issued))
            }
            Outcome::Status(status) | Outcome::Wait(status, _) => response(status, ""),
            Outcome::Body(status, body) => response(status, body),
            Outcome::Nothing(delivery) => {
                *next = Some(step.failed(delivery, session, owner, now));
                return;
            }
            Outcome::Dropped => return,
        };
        if let Outcome::Wait(_, seconds) = outcome {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        *next = Some(step.received(&response, session, owner, now));
    }

    /// The caller, who has a new token, sends the call again, and it is answered so. The error, if that is one.
    pub fn repeated(&mut self, caller: usize, status: u16) -> Option<String> {
        let (place, next) = &mut self.callers[caller];
        let Some(Acquiring::Done(Ok(replay))) = next.take() else { panic!("the caller has no new token") };
        let session = &mut self.sessions[*place];
        let attempt = session.replay(replay, &mut call()).unwrap();
        match session.received(attempt, StatusCode::from_u16(status).unwrap()).unwrap() {
            Verdict::Rejected(error) => Some(described(&error)),
            _ => None,
        }
    }

    /// A new caller sends a token request, which has this outcome. The state then.
    pub fn renew(&mut self, place: usize, outcome: Outcome) -> String {
        let caller = self.enter(place);
        self.renew_as(caller, outcome)
    }

    pub fn renew_as(&mut self, caller: usize, outcome: Outcome) -> String {
        let state = self.advance(caller);
        assert!(state.contains("sends step"), "{state}");
        self.answer(caller, outcome);
        if matches!(outcome, Outcome::Dropped) { "is gone".into() } else { self.advance(caller) }
    }

    /// A caller's future is dropped, wherever it stands.
    pub fn drop(&mut self, caller: usize) {
        self.callers[caller].1 = None;
    }
}

/// A caller's error, in a few words.
pub fn described(error: &TokenError) -> String {
    let kind = match error.kind() {
        TokenErrorKind::Response(error) => format!("`Response` {}", error.status().as_u16()),
        TokenErrorKind::Paused { wait, .. } => format!("`Paused` {} s", wait.as_secs()),
        kind => format!("`{kind:?}`"),
    };
    let step = error.step().map_or("", |step| if step == Step::UserToken { " at step 1" } else { " at step 2" });
    format!("{kind}{step}")
}
