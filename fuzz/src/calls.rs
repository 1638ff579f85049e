//! Targets that decide where credentials go.

use core::time::Duration;

use http::{Request, Response, StatusCode, Uri};
use location_auth::emulator::{Access, Emulator};
use location_auth::{
    App, Attempt, Bytes, Delivery, Environment, Flow, LocationAccessToken, LocationId, Misuse, Owner, Progress,
    RenewErrorKind, Renewal, Renewing, Replay, SavedToken, Session, UserAccessToken, Verdict, may_carry_secrets,
};
use url::Url;

use super::input::{
    API_KEY, CLIENT_ID, CLIENT_SECRET, Input, app, settings, settings_for, shows_none, token_response, whole,
};

/// A token of any Location, without a login.
fn token(environment: &str, location: &str, token: &str) -> LocationAccessToken {
    let form = serde_json::json!({
        "version": 1, "environment": environment, "kind": "location", "location": location, "access_token": token,
    });
    let saved: SavedToken = serde_json::from_value(form).expect("is a saved token");
    saved.try_into().expect("is a Location's")
}

/// A setting and a call's URL: what we call the same origin, another reading of URLs does too.
pub fn endpoints(data: &[u8]) {
    let mut input = Input(data);
    let (setting, called, id) = (input.text(), input.text(), input.text());
    let app = match App::new(settings().location_token_url(&setting)) {
        Ok(app) => app,
        Err(misuse) => return shows_none(&format!("{misuse} {misuse:?}"), &["m4rk3r"]),
    };
    if let Ok(location) = app.location(&id) {
        let user = match app.user_login("e", "p").expect("is not empty").receive(&token_response("t")) {
            Ok(Progress::Done(user)) => user,
            _ => unreachable!("the token is good"),
        };
        let filled = location.exchange(&user).expect("is of this environment").request().uri().to_string();
        let (filled, template) = (origin(&filled), origin(&setting.replace("{location_id}", "x")));
        assert_eq!(filled, template, "the id {id:?} led elsewhere from {setting:?}");
    }
    let Ok(mut call) = Request::get(&called).body(()) else { return };
    let session = Session::for_location(&app, token("staging", "loc-1", "t")).expect("is of this environment");
    if session.authorize(&mut call).is_err() {
        assert!(call.headers().is_empty());
        return;
    }
    let own = [origin(&setting.replace("{location_id}", "x")), origin("https://api.example.com")];
    assert!(own.contains(&origin(&called)), "{called:?} is not of the origin of {setting:?}");
    assert!(may_carry_secrets(call.uri()));
    // A host that is no URL's to others, like one of broken Punycode, is nobody's origin.
    let Ok(url) = Url::parse(&called) else { return };
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    assert!(url.scheme() == "https" || loopback && url.scheme() == "http", "{called:?} goes in the clear");
    assert!(url.username().is_empty() && url.password().is_none());
}

fn origin(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.origin().ascii_serialization()).filter(|origin| origin != "null")
}

/// A query that is appended to, byte for byte, or left as it was.
pub fn query(data: &[u8]) {
    let mut input = Input(data);
    let (parameter, secret, path) = (input.text(), input.text(), input.text());
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return;
    }
    let session = Session::for_location(&app(), token("staging", "loc-1", &secret)).expect("is of this environment");
    // What others read bytes that are no text as would make two names of one.
    if parameter.contains(char::REPLACEMENT_CHARACTER) {
        return;
    }
    let Ok(session) = session.with_query_parameter(&parameter) else { return };
    let Ok(mut call) = Request::post(format!("https://api.example.com{path}")).body(b"body") else { return };
    let before = (call.uri().clone(), whole(&call));
    match session.authorize(&mut call) {
        Err(_) => assert_eq!(whole(&call), before.1, "a call that is refused is left as it was"),
        Ok(_) => {
            let (old, new) = (of(&before.0), of(call.uri()));
            assert!(new.starts_with(&old), "{new} does not start with {old}");
            let url = Url::parse(&call.uri().to_string()).expect("is a URL");
            let pairs: Vec<_> = url.query_pairs().collect();
            let own: Vec<_> = pairs.iter().filter(|(name, _)| *name == parameter).collect();
            assert_eq!(own.len(), 1, "{new} has the parameter {} times", own.len());
            assert_eq!(pairs.last().map(|(_, value)| value.as_ref()), Some(secret.as_str()));
            // As servers read it for which a semicolon is an ampersand.
            let url = Url::parse(&call.uri().to_string().replace(';', "&")).expect("is a URL");
            assert_eq!(url.query_pairs().filter(|(name, _)| *name == parameter).count(), 1, "{new} read otherwise");
            assert_eq!(call.headers().len(), 1);
            assert!(session.authorize(&mut call).is_err(), "a second token is refused");
        }
    }
}

fn of(uri: &Uri) -> String {
    uri.path_and_query().map_or("/".into(), ToString::to_string)
}

/// Events in any order against a plain model: which token stands, which attempt is older than it, and what may still be sent (`Q17`).
pub fn session(data: &[u8]) {
    let mut input = Input(data);
    let mut model = Model::new();
    while !input.0.is_empty() {
        let (event, which) = (input.byte() % 7, usize::from(input.byte()));
        if event == 0 || model.attempts.is_empty() {
            model.call();
            continue;
        }
        let which = which % model.attempts.len();
        match event {
            1 => model.rejected(which, &mut input),
            2 => model.answered(which, input.byte()),
            3 => model.renew_from_outside(),
            4 => {
                let other = token("staging", "loc-2", "other");
                assert_eq!(model.session.renew(other), Err(Misuse::WrongLocation));
                let other = token("production", "loc-1", "other");
                assert!(matches!(model.session.renew(other), Err(Misuse::WrongEnvironment { .. })));
                let production = App::new(settings_for(Environment::Production)).expect("is right");
                assert!(Session::for_location(&production, token("staging", "loc-1", "t")).is_err());
            }
            5 => {
                let (attempt, ..) = model.attempts.swap_remove(which);
                let foreign = model.stranger.received(attempt, StatusCode::UNAUTHORIZED);
                assert_eq!(foreign.map(|_| ()), Err(Misuse::ForeignAttempt));
            }
            _ => {
                model.owner.set_token(user_token()).expect("is of this environment");
                model.handed_over = true;
            }
        }
    }
}

/// What is true of the session, kept beside it.
struct Model {
    session: Session,
    stranger: Session,
    owner: Owner,
    /// How often the token was renewed, and which stands.
    renewals: usize,
    standing: usize,
    /// Tokens so far.
    issued: usize,
    /// Whether the token that stands has worked, or came from outside.
    works: bool,
    latched: bool,
    /// The last token that a second attempt met a 401 with.
    did_not_help: Option<usize>,
    /// Token requests in a row whose outcome is unknown.
    unknown: u8,
    /// Whether credentials were handed over since the last renewal.
    handed_over: bool,
    /// Attempts, how often the token was renewed before, and whether it is the second of its call.
    attempts: Vec<(Attempt, usize, bool)>,
}

impl Model {
    fn new() -> Self {
        let app = app();
        let session = |secret| Session::for_location(&app, token("staging", "loc-1", secret)).expect("is right");
        let mut owner = Owner::new(&app);
        owner.set_token(user_token()).expect("is of this environment");
        let (session, stranger) = (session("token-0"), session("stranger"));
        Self {
            session,
            stranger,
            owner,
            renewals: 0,
            standing: 0,
            issued: 0,
            works: true,
            latched: false,
            did_not_help: None,
            unknown: 0,
            handed_over: false,
            attempts: vec![],
        }
    }

    fn request() -> Request<()> {
        Request::get("https://api.example.com/x").body(()).expect("is a request")
    }

    fn call(&mut self) {
        let mut call = Self::request();
        let attempt = self.session.authorize(&mut call).expect("is of an allowed origin");
        assert_eq!(call.headers()["authorization"], format!("Bearer token-{}", self.standing));
        self.attempts.push((attempt, self.renewals, false));
    }

    fn replay(&mut self, replay: Replay) {
        let mut call = Self::request();
        let attempt = self.session.replay(replay, &mut call).expect("is this session's");
        assert_eq!(call.headers()["authorization"], format!("Bearer token-{}", self.standing));
        self.attempts.push((attempt, self.renewals, true));
    }

    /// Any answer but 401.
    fn answered(&mut self, which: usize, status: u8) {
        let (attempt, generation, again) = self.attempts.swap_remove(which);
        let statuses = [200_u16, 204, 302, 400, 403, 404, 408, 422, 425, 429, 500, 503];
        let status = statuses[usize::from(status) % statuses.len()];
        let status = StatusCode::from_u16(status).expect("is a status");
        assert!(matches!(self.session.received(attempt, status), Ok(Verdict::Answered)));
        if generation == self.renewals && matches!(status.as_u16(), 200 | 204 | 400 | 404 | 422) {
            if !self.works {
                (self.works, self.unknown) = (true, 0);
            }
            if again {
                self.did_not_help = None;
            }
        }
    }

    fn renew_from_outside(&mut self) {
        self.issued += 1;
        let new = token("staging", "loc-1", &format!("token-{}", self.issued));
        self.session.renew(new).expect("is of this Location");
        (self.renewals, self.standing) = (self.renewals + 1, self.issued);
        self.works = true;
        self.arm();
    }

    /// What stopped the session is forgotten.
    fn arm(&mut self) {
        (self.latched, self.unknown, self.did_not_help) = (false, 0, None);
    }

    fn rejected(&mut self, which: usize, input: &mut Input<'_>) {
        let (attempt, generation, again) = self.attempts.swap_remove(which);
        let is_newest = generation == self.renewals;
        // A 401 for a bought token that has not worked latches at once; what was handed over before is no help.
        let in_vain = is_newest && !self.works;
        // So does a 401 for a second attempt, where another token's second attempt was the last to meet one.
        if is_newest && again {
            self.latched |= self.did_not_help.replace(generation).is_some_and(|last| last != generation);
        }
        let verdict = self.session.received(attempt, StatusCode::UNAUTHORIZED).expect("is this session's");
        match verdict {
            Verdict::Rejected(error) => {
                assert!(again);
                assert_eq!(matches!(error.kind(), RenewErrorKind::InVain), in_vain);
                self.latched |= in_vain;
            }
            Verdict::Replay(replay) => {
                assert!(!again && !is_newest);
                self.replay(replay);
            }
            Verdict::Renew(renewal) => {
                assert!(!again && is_newest);
                self.latched |= in_vain;
                self.renew(renewal, input.byte());
            }
            Verdict::Answered => unreachable!("the session has a token"),
        }
    }

    fn renew(&mut self, renewal: Renewal, answer: u8) {
        // Credentials that were handed over open the session's gate when it next looks.
        if core::mem::take(&mut self.handed_over) {
            self.arm();
        }
        let (session, owner, now) = (&mut self.session, &mut self.owner, Duration::ZERO);
        let mut next = renewal.start(session, owner, now);
        let mut sent = false;
        let result = loop {
            next = match next {
                Renewing::AwaitTurn(waiting) => waiting.granted(session, owner, now),
                Renewing::SendToken(step) => {
                    assert!(!self.latched && self.unknown < 2 && !sent, "a request too many");
                    sent = true;
                    match answer % 4 {
                        0 => step.failed(Delivery::NotSent, session, owner, now),
                        1 => {
                            self.unknown += 1;
                            step.failed(Delivery::Unknown, session, owner, now)
                        }
                        2 => {
                            self.latched = true;
                            let response = Response::builder().status(404).body("").expect("is a response");
                            step.received(&response, session, owner, now)
                        }
                        _ => {
                            self.issued += 1;
                            let response = token_response(&format!("token-{}", self.issued));
                            step.received(&response, session, owner, now)
                        }
                    }
                }
                Renewing::Keep(keep) => keep.kept(session, owner, now),
                Renewing::Done(result) => break result,
            };
        };
        match result {
            Ok(replay) => {
                (self.renewals, self.standing, self.works) = (self.renewals + 1, self.issued, false);
                self.replay(replay);
            }
            Err(error) => assert!(sent || self.latched || self.unknown == 2, "{error}"),
        }
    }
}

fn user_token() -> UserAccessToken {
    let form = serde_json::json!({ "version": 1, "environment": "staging", "kind": "user", "access_token": "u" });
    serde_json::from_value::<SavedToken>(form).expect("is a saved token").try_into().expect("is a user's")
}

/// What our half writes, the service's half can read, whatever the credentials and ids are.
pub fn round_trip(data: &[u8]) {
    let mut input = Input(data);
    let (email, password, id, key) = (input.text(), input.text(), input.text(), input.text());
    let key = if key.is_empty() { API_KEY } else { &key };
    let Ok(app) = App::new(settings().api_key(key)) else { return };
    let (Ok(location), Ok(known)) = (app.location(&id), LocationId::new(&id)) else { return };
    let Ok(mut flow) = location.login(&email, &password) else { return };
    let mut emulator = Emulator::new(key, CLIENT_ID, CLIENT_SECRET);
    emulator
        .owner(&email, &password)
        .location(&id, &email)
        .add_route("/locations/{location_id}/contacts", Access::Location);
    let token = loop {
        let response = emulator.handle(flow.request());
        match flow.receive(&response).expect("the credentials are right") {
            Progress::Next(next) => flow = next,
            Progress::Done(token) => break token,
        }
    };
    assert_eq!(token.location(), &known);
    let path = percent_encoding::utf8_percent_encode(&id, percent_encoding::NON_ALPHANUMERIC).to_string();
    let session = || Session::for_location(&app, token.clone()).expect("is of this environment");
    for session in [session(), session().with_query_parameter("access_token").expect("is a name")] {
        let call = Request::get(format!("https://api.example.com/locations/{path}/contacts")).body(Bytes::new());
        let Ok(mut call) = call else { return };
        session.authorize(&mut call).expect("is of an allowed origin");
        assert_eq!(emulator.handle(call).status(), 200);
    }
    let counts = emulator.counts();
    assert_eq!((counts.user_tokens, counts.location_tokens, counts.calls, counts.wrong_location), (1, 1, 2, 0));
}
