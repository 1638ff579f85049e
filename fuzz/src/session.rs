//! The target of a session: renewals, replays and what stops them.

use core::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::{
    Attempt, Delivery, Misuse, Owner, RenewErrorKind, Renewal, Renewing, Replay, SavedToken, Session, UserAccessToken,
    Verdict,
};

use super::input::{Input, app, production};
use super::support::{location_token, success};

/// What happens to the session or to the owner's credentials.
#[derive(Clone, Copy)]
enum Event {
    Call,
    Rejected,
    Answered,
    RenewFromOutside,
    WrongToken,
    ForeignAttempt,
    SetCredentials,
}

impl Event {
    /// In the order of their numbers in the corpus.
    const ALL: [Self; 7] = [
        Self::Call,
        Self::Rejected,
        Self::Answered,
        Self::RenewFromOutside,
        Self::WrongToken,
        Self::ForeignAttempt,
        Self::SetCredentials,
    ];
}

/// How a token request ends.
#[derive(Clone, Copy)]
enum Outcome {
    NotSent,
    Unknown,
    Refused,
    Token,
}

impl Outcome {
    /// In the order of their numbers in the corpus.
    const ALL: [Self; 4] = [Self::NotSent, Self::Unknown, Self::Refused, Self::Token];
}

/// Events in any order, compared with a plain model. The model knows which token is current, which attempts are older, and what may still be
/// sent (`Q17`).
pub fn session(data: &[u8]) {
    let mut input = Input(data);
    let mut model = Model::new(input.choose(&[true, false]));
    while !input.0.is_empty() {
        let (event, which) = (input.choose(&Event::ALL), usize::from(input.byte()));
        if model.attempts.is_empty() {
            model.call(&mut input);
            continue;
        }
        let which = which % model.attempts.len();
        match event {
            Event::Call => model.call(&mut input),
            Event::Rejected => model.rejected(which, &mut input),
            Event::Answered => model.answered(which, &mut input),
            Event::RenewFromOutside => model.renew_from_outside(),
            Event::WrongToken => model.wrong_token(),
            Event::ForeignAttempt => model.foreign_attempt(which),
            Event::SetCredentials => model.set_credentials(),
        }
    }
}

/// The session, and beside it what must be true of it.
struct Model {
    session: Session,
    stranger: Session,
    owner: Owner,
    /// How often the session has got a token, except one that it began with.
    renewals: usize,
    /// The number of the current token: 0 for the one that the session began with.
    current: usize,
    has_token: bool,
    /// How many tokens were issued.
    issued: usize,
    /// Whether the current token has worked, or came from outside, or credentials were set since.
    works: bool,
    /// Whether the current token got a 401, and nothing since that shows that it works.
    rejected: bool,
    /// Whether only new credentials or a token from outside let the session renew again.
    latched: bool,
    /// The last token that got a 401 before it has worked, or for the call that it was requested for, as the number of its renewal.
    did_not_help: Option<usize>,
    /// Token requests in a row whose outcome is unknown.
    unknown: u8,
    /// Whether credentials were set since the last renewal.
    credentials_set: bool,
    /// The attempts that have no answer yet.
    attempts: Vec<Sent>,
}

/// An attempt that was sent.
struct Sent {
    attempt: Attempt,
    /// How often the token was renewed before.
    renewals: usize,
    /// Whether this is the second attempt of its call.
    is_second: bool,
    /// Whether the token was renewed for this call.
    is_renewed: bool,
}

impl Model {
    fn new(has_token: bool) -> Self {
        let app = app();
        let with_token =
            |secret| Session::for_location(&app, location_token("staging", "loc-1", secret)).expect("is right");
        let mut owner = Owner::new(&app);
        owner.set_user_token(user_token()).expect("is of this environment");
        let session = match has_token {
            true => with_token("token-0"),
            false => app.location("loc-1").expect("is an id").session(),
        };
        let stranger = with_token("stranger");
        Self {
            has_token,
            session,
            stranger,
            owner,
            renewals: 0,
            current: 0,
            issued: 0,
            works: true,
            rejected: false,
            latched: false,
            did_not_help: None,
            unknown: 0,
            // The session sees its owner's credentials for the first time when it first renews.
            credentials_set: true,
            attempts: vec![],
        }
    }

    fn request() -> Request<()> {
        Request::get("https://api.example.com/x").body(()).expect("is a request")
    }

    fn call(&mut self, input: &mut Input<'_>) {
        let mut call = Self::request();
        assert_eq!(self.session.first_token().is_none(), self.has_token);
        if let Some(renewal) = self.session.first_token() {
            assert_eq!(self.session.authorize(&mut call).map(|_| ()), Err(Misuse::NoToken));
            if self.renew(renewal, input.choose(&Outcome::ALL)).is_none() {
                return;
            }
        }
        let attempt = self.session.authorize(&mut call).expect("is of an allowed origin");
        assert_eq!(call.headers()["authorization"], format!("Bearer token-{}", self.current));
        self.attempts.push(Sent { attempt, renewals: self.renewals, is_second: false, is_renewed: false });
    }

    fn replay(&mut self, replay: Replay, is_renewed: bool) {
        let mut call = Self::request();
        let attempt = self.session.replay(replay, &mut call).expect("is this session's");
        assert_eq!(call.headers()["authorization"], format!("Bearer token-{}", self.current));
        self.attempts.push(Sent { attempt, renewals: self.renewals, is_second: true, is_renewed });
    }

    /// Any answer but 401.
    fn answered(&mut self, which: usize, input: &mut Input<'_>) {
        let status = input.choose(&[200_u16, 204, 302, 400, 403, 404, 408, 422, 425, 429, 500, 503]);
        let Sent { attempt, renewals, is_second, .. } = self.attempts.swap_remove(which);
        let status = StatusCode::from_u16(status).expect("is a status");
        assert!(matches!(self.session.received(attempt, status), Ok(Verdict::Answered)));
        if renewals == self.renewals && matches!(status.as_u16(), 200 | 204 | 400 | 404 | 422) {
            if !self.works {
                (self.works, self.unknown) = (true, 0);
            }
            self.rejected = false;
            if is_second {
                self.did_not_help = None;
            }
        }
    }

    fn renew_from_outside(&mut self) {
        self.issued += 1;
        let new = location_token("staging", "loc-1", &format!("token-{}", self.issued));
        self.session.set_location_token(new).expect("is of this Location");
        (self.renewals, self.current, self.has_token) = (self.renewals + 1, self.issued, true);
        self.rejected = false;
        self.arm();
    }

    fn wrong_token(&mut self) {
        let other = location_token("staging", "loc-2", "other");
        assert_eq!(self.session.set_location_token(other), Err(Misuse::WrongLocation));
        let other = location_token("production", "loc-1", "other");
        assert!(matches!(self.session.set_location_token(other), Err(Misuse::WrongEnvironment { .. })));
        assert!(Session::for_location(&production(), location_token("staging", "loc-1", "t")).is_err());
    }

    fn foreign_attempt(&mut self, which: usize) {
        let Sent { attempt, .. } = self.attempts.swap_remove(which);
        let foreign = self.stranger.received(attempt, StatusCode::UNAUTHORIZED);
        assert_eq!(foreign.map(|_| ()), Err(Misuse::ForeignAttempt));
    }

    fn set_credentials(&mut self) {
        self.owner.set_user_token(user_token()).expect("is of this environment");
        self.credentials_set = true;
    }

    /// Nothing that happened before stops the session any more.
    fn arm(&mut self) {
        (self.works, self.latched, self.unknown, self.did_not_help) = (true, false, 0, None);
    }

    fn rejected(&mut self, which: usize, input: &mut Input<'_>) {
        let Sent { attempt, renewals, is_second, is_renewed } = self.attempts.swap_remove(which);
        let is_newest = renewals == self.renewals;
        // A 401 for a requested token that has never worked stops the session until it works. Credentials that were set before do not prevent it.
        let mut stops = is_newest && !self.works;
        // If the last such token, or the last one that got a 401 for the call that it was requested for, was another one, it latches.
        if is_newest && (is_renewed || !self.works) {
            let latches = self.did_not_help.replace(renewals).is_some_and(|last| last != renewals);
            self.latched |= latches;
            stops |= latches;
        }
        self.rejected |= is_newest;
        let verdict = self.session.received(attempt, StatusCode::UNAUTHORIZED).expect("is this session's");
        match verdict {
            Verdict::Rejected(error) => {
                assert!(is_second);
                assert_eq!(matches!(error.kind(), RenewErrorKind::InVain), stops);
            }
            Verdict::Replay(replay) => {
                assert!(!is_second && !is_newest);
                self.replay(replay, false);
            }
            Verdict::Renew(renewal) => {
                assert!(!is_second && is_newest);
                if let Some(replay) = self.renew(renewal, input.choose(&Outcome::ALL)) {
                    self.replay(replay, true);
                }
            }
            Verdict::Answered => unreachable!("the session has a token"),
        }
    }

    fn renew(&mut self, renewal: Renewal, outcome: Outcome) -> Option<Replay> {
        // The session uses new credentials when it next renews.
        if core::mem::take(&mut self.credentials_set) {
            self.arm();
        }
        let (session, owner, now) = (&mut self.session, &mut self.owner, Duration::ZERO);
        let mut next = renewal.start(session, owner, now);
        let mut sent = false;
        let result = loop {
            next = match next {
                Renewing::AwaitTurn(waiting) => waiting.granted(session, owner, now),
                Renewing::SendToken(step) => {
                    assert!(
                        !self.latched && (!self.rejected || self.works),
                        "a request for a token that would be rejected"
                    );
                    assert!(self.unknown < 2 && !sent, "a request too many");
                    sent = true;
                    match outcome {
                        Outcome::NotSent => step.failed(Delivery::NotSent, session, owner, now),
                        Outcome::Unknown => {
                            self.unknown += 1;
                            step.failed(Delivery::Unknown, session, owner, now)
                        }
                        Outcome::Refused => {
                            self.latched = true;
                            let response = Response::builder().status(404).body("").expect("is a response");
                            step.received(&response, session, owner, now)
                        }
                        Outcome::Token => {
                            self.issued += 1;
                            let response = success(&format!("token-{}", self.issued));
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
                (self.renewals, self.current, self.works) = (self.renewals + 1, self.issued, false);
                (self.has_token, self.rejected) = (true, false);
                Some(replay)
            }
            Err(error) => {
                assert!(sent || self.latched || self.rejected && !self.works || self.unknown == 2, "{error}");
                None
            }
        }
    }
}

fn user_token() -> UserAccessToken {
    let form = serde_json::json!({ "version": 1, "environment": "staging", "kind": "user", "access_token": "u" });
    serde_json::from_value::<SavedToken>(form).expect("is a saved token").try_into().expect("is a user's")
}
