//! The target of a session: renewals, replays, and the count of token requests (`Q17`).

use std::fmt::Display;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::{Acquiring, Acquisition, Attempt, Replay, Verdict};
use location_auth::store::Stored;
use location_auth::{Delivery, LastOutcome, Misuse, Owner, Session, Step, TokenError, TokenErrorKind, TokenState};

use super::input::{EMAIL, Input, app, production};
use super::support::{location_token, success, user_token};

/// Events in any order, also while a token request is under way, compared with a plain model. The model knows which token is the newest, which
/// attempts are older, and when the next token request may be sent.
pub fn session(data: &[u8]) {
    let mut input = Input(data);
    let mut model = Model::new(input.byte());
    while !input.0.is_empty() {
        let event = input.choose(&Event::ALL);
        model.happens(event, &mut input, true);
        assert_eq!(told_by_state(&model.session.state(&model.owner, model.now)), model.state());
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Event {
    Call,
    Rejected,
    Answered,
    SetToken,
    WrongToken,
    ForeignAttempt,
    SetLogin,
    SetUserToken,
    Forget,
    TryAgain,
    TimePasses,
}

impl Event {
    /// In the order of their numbers in the corpus.
    const ALL: [Self; 11] = [
        Self::Call,
        Self::Rejected,
        Self::Answered,
        Self::SetToken,
        Self::WrongToken,
        Self::ForeignAttempt,
        Self::SetLogin,
        Self::SetUserToken,
        Self::Forget,
        Self::TryAgain,
        Self::TimePasses,
    ];
}

/// How a token request ends.
#[derive(Clone, Copy)]
enum Outcome {
    Token,
    Dropped,
    No(Delivery, Effect),
    Status(u16, &'static str, Effect),
    Wait(u16, u64),
}

/// What an outcome without a token does to the count.
#[derive(Clone, Copy)]
enum Effect {
    Stays,
    Refused,
    NotActed(Duration),
    /// Of 401 at step 2.
    UserTokenRefused,
}

const NOT_ACTED: Effect = Effect::NotActed(Duration::ZERO);

/// In the order of their numbers in the corpus.
const OUTCOMES: [Outcome; 22] = [
    Outcome::Token,
    Outcome::Token,
    Outcome::Dropped,
    Outcome::No(Delivery::NotSent, NOT_ACTED),
    Outcome::No(Delivery::Unsendable, NOT_ACTED),
    Outcome::No(Delivery::Unknown, Effect::Stays),
    Outcome::Status(401, "{}", Effect::Refused),
    Outcome::Status(401, "", Effect::Refused),
    Outcome::Status(404, "", Effect::Refused),
    Outcome::Status(422, r#"{"message": "no"}"#, Effect::Refused),
    Outcome::Status(200, r#"{"error": "no"}"#, Effect::Refused),
    Outcome::Status(200, "{}", Effect::Stays),
    Outcome::Status(403, "<html>no</html>", Effect::Stays),
    Outcome::Status(302, "", Effect::Stays),
    Outcome::Status(502, "", Effect::Stays),
    Outcome::Status(503, "", Effect::Stays),
    Outcome::Status(429, "", Effect::Stays),
    Outcome::Status(408, "", Effect::Stays),
    Outcome::Status(407, "", NOT_ACTED),
    Outcome::Wait(429, 0),
    Outcome::Wait(503, 90),
    Outcome::Wait(429, 365 * DAY.as_secs()),
];

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The requests since a token has helped, and until when no other is sent.
#[derive(Clone, Debug, Default)]
struct Count {
    requests: usize,
    last: Option<Duration>,
    until: Duration,
    after: String,
    /// Whether a 401 for a User Access Token did not count.
    is_excused: bool,
    /// How often the count has begun anew: what was sent before counts no more.
    began: u32,
}

impl Count {
    /// Counts a request, and returns the count from before it.
    fn send(&mut self, now: Duration) -> Self {
        if self.last.is_some_and(|last| now.saturating_sub(last) >= DAY) {
            *self = Self { began: self.began, ..Self::default() };
        }
        let before = self.clone();
        self.requests += 1;
        self.last = Some(now);
        self.begin_pause(now, LastOutcome::NoResponse(Delivery::Unknown).to_string());
        before
    }

    fn begin_pause(&mut self, now: Duration, after: String) {
        const MINUTES: [u64; 9] = [0, 0, 1, 2, 4, 8, 16, 32, 60];
        let minutes = MINUTES.get(self.requests).unwrap_or(&60);
        self.until = if *minutes == 0 { Duration::ZERO } else { now + Duration::from_secs(minutes * 60) };
        self.after = after;
    }

    fn ended(&mut self, before: Self, effect: Effect, said: String, now: Duration) {
        let counts = self.began == before.began;
        match effect {
            Effect::NotActed(wait) => {
                if counts {
                    *self = before;
                }
                let until = now + wait.min(HOUR);
                if !wait.is_zero() && until > self.until {
                    (self.until, self.after) = (until, said);
                }
            }
            Effect::Refused if counts => {
                self.requests = self.requests.max(2);
                self.begin_pause(now, said);
            }
            Effect::UserTokenRefused if counts && !self.is_excused => *self = Self { is_excused: true, ..before },
            Effect::Stays | Effect::UserTokenRefused if counts => self.after = said,
            _ => {}
        }
    }

    /// A token has helped, or there is another one, or other credentials of the owner.
    fn begin_anew(&mut self) {
        *self = Self { began: self.began + 1, ..Self::default() };
    }

    /// A time more than an hour ahead is one of before the clock went back.
    fn correct(&mut self, now: Duration) {
        self.last = self.last.map(|last| if last > now + HOUR { now } else { last });
        self.until = self.until.min(now + HOUR);
    }

    fn pause(&self, step: Step, now: Duration) -> Option<Due> {
        let wait = self.until.checked_sub(now).filter(|wait| !wait.is_zero())?.min(HOUR);
        Some(Due::Paused { step, wait, after: self.after.clone() })
    }
}

/// A token, and what is known of it.
#[derive(Default)]
struct Slot {
    token: Option<usize>,
    /// How many tokens there have been.
    number: usize,
    is_rejected: bool,
    /// It was requested here, and has not helped yet.
    is_unproven: bool,
    /// When it was issued, if it was requested here.
    issued: Option<Duration>,
    /// A new token whose save was dropped, which one it replaces, and when it was issued.
    unsaved: Option<(usize, usize, Duration)>,
    count: Count,
}

impl Slot {
    fn replace(&mut self, token: Option<usize>, issued: Option<Duration>) {
        (self.token, self.issued) = (token, issued);
        self.number += 1;
        (self.is_rejected, self.is_unproven) = (false, issued.is_some());
    }

    /// The program sets a token, or removes it.
    fn set(&mut self, token: Option<usize>) {
        self.replace(token, None);
        self.count.begin_anew();
    }

    fn saved(&mut self) {
        let (token, replaces, issued) = self.unsaved.take().expect("is to be saved");
        if replaces == self.number || self.is_rejected {
            self.replace(Some(token), Some(issued));
        }
    }

    fn accepted(&mut self, helps: bool) {
        self.is_rejected = false;
        if self.is_unproven && helps {
            self.is_unproven = false;
            self.count.begin_anew();
        }
    }
}

/// What a renewal has to do next.
#[derive(Debug, PartialEq)]
enum Due {
    Send(Step),
    Save(Step),
    SendAgain,
    NotEnabled,
    Paused { step: Step, wait: Duration, after: String },
    Failed { step: Step, said: String },
}

/// The session, and beside it what must be true of it.
struct Model {
    session: Session,
    owner: Owner,
    stranger: Session,
    now: Duration,
    location: Slot,
    user: Slot,
    /// The owner's password, if there is a login.
    login: Option<usize>,
    /// What the program has done to the owner since the session has looked.
    act: Option<Act>,
    /// How many tokens there are.
    tokens: usize,
    /// The attempts that have no answer yet.
    attempts: Vec<Sent>,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Act {
    TriedAgain,
    SetCredentials,
}

/// An attempt that was sent.
struct Sent {
    attempt: Attempt,
    /// Which token it carries.
    number: usize,
    /// Whether its call has had its one renewal.
    is_again: bool,
}

impl Model {
    /// The bits say what there is at the start: the Location's token, the owner's, and a login.
    fn new(bits: u8) -> Self {
        let app = app();
        let with_token =
            |secret| Session::for_location(&app, location_token("staging", "loc-1", secret)).expect("is right");
        let (mut location, session) = (Slot::default(), app.location("loc-1").expect("is an id").session());
        let session = if bits & 1 == 0 { with_token("token-0") } else { session };
        if bits & 1 == 0 {
            location.replace(Some(0), None);
        }
        let mut model = Self {
            session,
            owner: Owner::new(&app),
            stranger: with_token("stranger"),
            // Long enough after 1970 for a clock to go back.
            now: 100 * DAY,
            location,
            user: Slot::default(),
            login: None,
            act: None,
            tokens: 2,
            attempts: vec![],
        };
        if bits & 2 == 0 {
            model.set_user_token(0);
        }
        if bits & 4 == 0 {
            model.set_login(0);
        }
        model
    }

    /// `alone` says that no token request is under way.
    fn happens(&mut self, event: Event, input: &mut Input<'_>, alone: bool) {
        let needs_attempt = matches!(event, Event::Rejected | Event::Answered | Event::ForeignAttempt);
        let needs_turn = matches!(event, Event::Call | Event::Rejected);
        if needs_attempt && self.attempts.is_empty() || needs_turn && !alone {
            return;
        }
        match event {
            Event::Call => self.call(input),
            Event::Rejected => self.rejected(input),
            Event::Answered => self.answered(input),
            Event::SetToken => {
                self.tokens += 1;
                let new = location_token("staging", "loc-1", &format!("token-{}", self.tokens));
                self.session.set_location_token(new).expect("is of this Location");
                self.location.set(Some(self.tokens));
            }
            Event::WrongToken => self.wrong_token(),
            Event::ForeignAttempt => {
                let Sent { attempt, .. } = self.take_attempt(input);
                let foreign = self.stranger.received(attempt, StatusCode::UNAUTHORIZED);
                assert_eq!(foreign.map(|_| ()), Err(Misuse::ForeignAttempt));
            }
            Event::SetLogin => self.set_login(input.choose(&[0, 1])),
            Event::SetUserToken => self.set_user_token(input.choose(&[0, 1])),
            Event::Forget => {
                self.owner.forget();
                self.login = None;
                self.user.set(None);
                self.act = Some(Act::SetCredentials);
            }
            Event::TryAgain => {
                self.owner.try_again();
                self.user.count.until = Duration::ZERO;
                if self.act.is_none() {
                    self.act = Some(Act::TriedAgain);
                }
            }
            Event::TimePasses => match input.choose(&[1, 30, 59, 60, 240, 3600, 86_400, 0]) {
                // The clock goes back.
                0 => self.now = self.now.saturating_sub(3 * HOUR),
                seconds => self.now += Duration::from_secs(seconds),
            },
        }
    }

    fn take_attempt(&mut self, input: &mut Input<'_>) -> Sent {
        let which = usize::from(input.byte()) % self.attempts.len();
        self.attempts.swap_remove(which)
    }

    fn set_login(&mut self, password: usize) {
        let login = app().user_login(EMAIL, &format!("password-{password}")).expect("is right");
        self.owner.set_login(login).expect("is of this environment");
        if self.login.replace(password) != Some(password) {
            self.user.count.begin_anew();
            self.act = Some(Act::SetCredentials);
        }
    }

    fn set_user_token(&mut self, token: usize) {
        let new = user_token(&format!("user-{token}"));
        self.owner.set_user_token(new).expect("is of this environment");
        if self.user.token != Some(token) {
            self.user.set(Some(token));
            self.act = Some(Act::SetCredentials);
        }
    }

    fn wrong_token(&mut self) {
        let other = location_token("staging", "loc-2", "other");
        assert_eq!(self.session.set_location_token(other), Err(Misuse::WrongLocation));
        let other = location_token("production", "loc-1", "other");
        assert!(matches!(self.session.set_location_token(other), Err(Misuse::WrongEnvironment { .. })));
        assert!(Session::for_location(&production(), location_token("staging", "loc-1", "t")).is_err());
    }

    fn request() -> Request<()> {
        Request::get("https://api.example.com/x").body(()).expect("is a request")
    }

    fn call(&mut self, input: &mut Input<'_>) {
        let mut call = Self::request();
        assert_eq!(self.session.first_token().is_none(), self.location.token.is_some());
        if let Some(renewal) = self.session.first_token() {
            assert_eq!(self.session.authorize(&mut call).map(|_| ()), Err(Misuse::NoToken));
            if let Some(replay) = self.renew(renewal, input) {
                self.send_again(replay);
            }
            return;
        }
        let attempt = self.session.authorize(&mut call).expect("is of an allowed origin");
        self.sent(&call, attempt, false);
    }

    fn send_again(&mut self, replay: Replay) {
        let mut call = Self::request();
        let attempt = self.session.replay(replay, &mut call).expect("is this session's");
        self.sent(&call, attempt, true);
    }

    fn sent(&mut self, call: &Request<()>, attempt: Attempt, is_again: bool) {
        let token = self.location.token.expect("there is one");
        assert_eq!(call.headers()["authorization"], format!("Bearer token-{token}"));
        self.attempts.push(Sent { attempt, number: self.location.number, is_again });
    }

    /// Any answer but 401.
    fn answered(&mut self, input: &mut Input<'_>) {
        let Sent { attempt, number, is_again } = self.take_attempt(input);
        let status = input.choose(&[200_u16, 204, 302, 400, 403, 404, 408, 422, 425, 429, 500, 503]);
        let status = StatusCode::from_u16(status).expect("is a status");
        assert!(matches!(self.session.received(attempt, status), Ok(Verdict::Answered)));
        if number == self.location.number && status.is_success() {
            self.location.accepted(is_again || number == 1);
        }
    }

    fn rejected(&mut self, input: &mut Input<'_>) {
        let Sent { attempt, number, is_again } = self.take_attempt(input);
        let is_newest = number == self.location.number;
        self.location.is_rejected |= is_newest;
        match self.session.received(attempt, StatusCode::UNAUTHORIZED).expect("is this session's") {
            Verdict::Rejected(error) => {
                assert!(is_again && matches!(error.kind(), TokenErrorKind::RejectedAgain));
            }
            Verdict::Replay(replay) => {
                assert!(!is_again && !is_newest);
                self.send_again(replay);
            }
            Verdict::Acquire(renewal) => {
                assert!(!is_again && is_newest);
                if let Some(replay) = self.renew(renewal, input) {
                    self.send_again(replay);
                }
            }
            Verdict::Answered => unreachable!("the session has a token"),
        }
    }

    /// Drives the renewal of the newest token. `None` if it fails, or its caller is dropped.
    fn renew(&mut self, renewal: Acquisition, input: &mut Input<'_>) -> Option<Replay> {
        let number = self.location.number;
        let mut next = renewal.start(&mut self.session, &mut self.owner, self.now);
        self.location.count.correct(self.now);
        self.user.count.correct(self.now);
        let mut due = self.due(number);
        loop {
            let now = self.now;
            next = match next {
                Acquiring::AwaitTurn(waiting) => waiting.granted(&mut self.session, &mut self.owner, now),
                Acquiring::SendToken(request) => {
                    let step = request.step();
                    assert_eq!(due, Due::Send(step));
                    self.carries_the_newest_credentials(step, &request.request());
                    let (user, before) = (self.user.number, self.slot(step).count.send(now));
                    let meanwhile = input.choose(&Event::ALL);
                    self.happens(meanwhile, input, false);
                    let outcome = input.choose(&OUTCOMES);
                    if let Outcome::Dropped = outcome {
                        return None;
                    }
                    self.tokens += usize::from(matches!(outcome, Outcome::Token));
                    let (session, owner, now) = (&mut self.session, &mut self.owner, self.now);
                    let next = match outcome {
                        Outcome::No(delivery, _) => request.failed(delivery, session, owner, now),
                        _ => request.received(&outcome.response(step, self.tokens), session, owner, now),
                    };
                    due = self.due_after(step, outcome, before, (number, user));
                    next
                }
                Acquiring::OpenRecord(open) => {
                    open.opened(Stored::SavesOnly, &mut self.session, &mut self.owner, self.now)
                }
                Acquiring::WriteRecord(write) => {
                    let is_users = write.key().location().is_none();
                    let step = if is_users { Step::UserToken } else { Step::LocationToken };
                    assert_eq!(due, Due::Save(step));
                    if input.choose(&[false, false, false, true]) {
                        return None;
                    }
                    self.slot(step).saved();
                    due = if is_users { self.due(number) } else { Due::SendAgain };
                    write.written(&mut self.session, &mut self.owner, now)
                }
                Acquiring::Done(result) => {
                    assert_eq!(result.as_ref().map_or_else(told, |_| Due::SendAgain), due);
                    return result.ok();
                }
            };
        }
    }

    fn slot(&mut self, step: Step) -> &mut Slot {
        if step == Step::UserToken { &mut self.user } else { &mut self.location }
    }

    fn carries_the_newest_credentials<B: AsRef<[u8]>>(&self, step: Step, request: &Request<B>) {
        if step == Step::UserToken {
            let password = format!("password-{}", self.login.expect("there is one"));
            assert!(String::from_utf8_lossy(request.body().as_ref()).contains(&password));
        } else {
            let token = self.user.token.expect("there is one");
            assert_eq!(request.headers()["authorization"], format!("Bearer user-{token}"));
        }
    }

    /// The session looks at what the program has done to the owner.
    fn look(&mut self) {
        match self.act.take() {
            Some(Act::SetCredentials) => self.location.count.begin_anew(),
            Some(Act::TriedAgain) => self.location.count.until = Duration::ZERO,
            None => {}
        }
    }

    /// What is next for a caller of the token with this number.
    fn due(&mut self, number: usize) -> Due {
        self.look();
        let has_means = self.login.is_some() || self.user.token.is_some() || self.user.unsaved.is_some();
        let pause = self.location.count.pause(Step::LocationToken, self.now);
        match pause {
            _ if self.location.number != number => Due::SendAgain,
            _ if self.location.unsaved.is_some() => Due::Save(Step::LocationToken),
            _ if !has_means => Due::NotEnabled,
            Some(pause) => pause,
            None => self.due_at_owner(),
        }
    }

    fn has_usable_user_token(&self) -> bool {
        self.user.token.is_some() && !(self.user.is_rejected && self.login.is_some())
    }

    fn due_at_owner(&self) -> Due {
        if self.user.unsaved.is_some() {
            Due::Save(Step::UserToken)
        } else if self.has_usable_user_token() {
            Due::Send(Step::LocationToken)
        } else if self.login.is_none() {
            Due::NotEnabled
        } else {
            self.user.count.pause(Step::UserToken, self.now).unwrap_or(Due::Send(Step::UserToken))
        }
    }

    /// What is next after a token request, which changes the count.
    fn due_after(&mut self, step: Step, outcome: Outcome, before: Count, (number, user): (usize, usize)) -> Due {
        let (now, said, token) = (self.now, outcome.said(), self.tokens);
        let effect = outcome.effect(step);
        if let Outcome::Token = outcome {
            self.slot(step).count.ended(before, Effect::Stays, said, now);
            let replaces = if step == Step::UserToken { user } else { number };
            self.slot(step).unsaved = Some((token, replaces, now));
            if step == Step::LocationToken && self.user.number == user {
                self.user.accepted(true);
            }
            return Due::Save(step);
        }
        let is_young = self.user.issued.is_some_and(|issued| now.abs_diff(issued) < Duration::from_secs(60));
        let effect = match effect {
            Effect::UserTokenRefused if self.user.number != user => {
                self.location.count.ended(before, NOT_ACTED, said, now);
                return self.due(number);
            }
            Effect::UserTokenRefused if is_young => Effect::Stays,
            Effect::UserTokenRefused => {
                self.user.is_rejected = true;
                if self.login.is_some() {
                    self.location.count.ended(before, effect, said, now);
                    self.look();
                    return if self.location.number == number { self.due_at_owner() } else { Due::SendAgain };
                }
                // Without a login nothing else can be sent.
                Effect::Refused
            }
            effect => effect,
        };
        self.look();
        self.slot(step).count.ended(before, effect, said.clone(), now);
        if self.location.number == number { Due::Failed { step, said } } else { Due::SendAgain }
    }

    /// What the state says: a pause, or in a word.
    fn state(&self) -> Result<Due, &'static str> {
        let is_missing = self.location.token.is_none();
        // A pause from before the program's act ends when the session looks.
        let own = self.location.count.pause(Step::LocationToken, self.now).filter(|_| self.act.is_none());
        match own.unwrap_or_else(|| self.due_at_owner()) {
            due @ Due::Paused { .. } if is_missing || self.location.is_rejected => Ok(due),
            _ if is_missing => Err("NoToken"),
            _ if self.location.is_rejected => Err("Rejected"),
            _ => Err("Present"),
        }
    }
}

impl Outcome {
    fn response(self, step: Step, token: usize) -> Response<String> {
        let response = Response::builder();
        let response = match self {
            Self::Status(status, body, _) => response.status(status).body(body.to_owned()),
            Self::Wait(status, seconds) => response.status(status).header("retry-after", seconds).body(String::new()),
            _ => return success(&format!("{}-{token}", if step == Step::UserToken { "user" } else { "token" })),
        };
        response.expect("is a response")
    }

    fn effect(self, step: Step) -> Effect {
        match self {
            Self::Token | Self::Dropped => Effect::Stays,
            Self::Status(401, ..) if step == Step::LocationToken => Effect::UserTokenRefused,
            Self::No(_, effect) | Self::Status(_, _, effect) => effect,
            Self::Wait(_, seconds) => Effect::NotActed(Duration::from_secs(seconds)),
        }
    }

    fn said(self) -> String {
        match self {
            Self::Token => LastOutcome::Token.to_string(),
            Self::Dropped => LastOutcome::NoResponse(Delivery::Unknown).to_string(),
            Self::No(delivery, _) => LastOutcome::NoResponse(delivery).to_string(),
            Self::Status(status, ..) | Self::Wait(status, _) => got(status),
        }
    }
}

fn got(status: impl Display) -> String {
    format!("got status {status}")
}

/// What an error says of the renewal.
fn told(error: &TokenError) -> Due {
    let step = error.step();
    match error.kind() {
        TokenErrorKind::NotEnabled => Due::NotEnabled,
        TokenErrorKind::Paused { wait, after } => {
            Due::Paused { step: step.expect("of a step"), wait: *wait, after: after.to_string() }
        }
        TokenErrorKind::Response(response) => {
            Due::Failed { step: step.expect("of a step"), said: got(response.status().as_u16()) }
        }
        TokenErrorKind::NoResponse(delivery) => {
            Due::Failed { step: step.expect("of a step"), said: LastOutcome::NoResponse(*delivery).to_string() }
        }
        _ => unreachable!("{error}"),
    }
}

fn told_by_state(state: &TokenState) -> Result<Due, &'static str> {
    match state {
        TokenState::NoToken => Err("NoToken"),
        TokenState::Present => Err("Present"),
        TokenState::Rejected => Err("Rejected"),
        TokenState::Paused(error) => Ok(told(error)),
        _ => unreachable!("{state:?}"),
    }
}
