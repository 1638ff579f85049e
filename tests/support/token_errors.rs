//! The error of each renewal that ends without a token, in every kind, after a 401 and for a first token.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::{Acquiring, Acquisition, Replay, Verdict};
use location_auth::store::Stored;
use location_auth::{Delivery, Misuse, Owner, Session, Step, TokenError, TokenErrorKind};

use super::response;
use super::support::{EMAIL, PASSWORD, app, location_token, token_response, user_token};

pub fn token_errors() -> Vec<(String, TokenError)> {
    let rejected = |session: &mut Session| {
        if let Some(renewal) = session.first_token() {
            return Verdict::Acquire(renewal);
        }
        let attempt = session.authorize(&mut Request::get("https://api.example.com/x").body(()).unwrap()).unwrap();
        session.received(attempt, StatusCode::UNAUTHORIZED).unwrap()
    };
    let session = || Session::for_location(&app(), location_token(&app())).unwrap();
    let fresh = || app().location("loc-1").unwrap().session();
    let users = || Session::for_user(&app(), user_token(&app())).unwrap();
    // The error of the last of so many renewals, each of which meets this.
    let after = |mut session: Session, mut owner: Owner, times: usize, outcome: &Outcome| {
        let mut last = None;
        for _ in 0..times {
            let error = match rejected(&mut session) {
                Verdict::Acquire(renewal) => renewed(renewal, &mut session, &mut owner, outcome).unwrap_err(),
                verdict => panic!("{verdict:?}"),
            };
            last = Some(error);
        }
        last.unwrap()
    };
    let owner = |login: bool| {
        let (app, mut owner) = (app(), Owner::new(&app()));
        if login {
            owner.set_login(app.user_login(EMAIL, PASSWORD).unwrap()).unwrap();
        } else {
            owner.set_user_token(user_token(&app)).unwrap();
        }
        owner
    };
    let mut errors = vec![
        (
            "NotEnabled, a Location's".to_owned(),
            after(session(), Owner::new(&app()), 1, &Outcome::No(Delivery::Unknown)),
        ),
        ("NotEnabled, a user's".to_owned(), after(users(), owner(true), 1, &Outcome::No(Delivery::Unknown))),
        (
            "NotEnabled, for a first token".to_owned(),
            after(fresh(), Owner::new(&app()), 1, &Outcome::No(Delivery::Unknown)),
        ),
    ];
    let places: [(&str, &dyn Fn() -> Session); 2] = [("", &session), (", for a first token", &fresh)];
    for ((what, session), step, login) in places.into_iter().flat_map(|place| [(place, 1, true), (place, 2, false)]) {
        let mut say = |name: &str, times, outcome| {
            errors.push((format!("{name}, step {step}{what}"), after(session(), owner(login), times, &outcome)));
        };
        say("Response, 401", 1, Outcome::Answer(response(401, &[], "")));
        say("Response, 302", 1, Outcome::Answer(response(302, &[], "")));
        say("Response, 200 without a token", 1, Outcome::Answer(response(200, &[], "{}")));
        say("Response, 503", 1, Outcome::Answer(response(503, &[], "")));
        say("Response, 503, Retry-After: 30", 1, Outcome::Answer(response(503, &[("retry-after", "30")], "")));
        say("Paused, 503, Retry-After: 30", 2, Outcome::Answer(response(503, &[("retry-after", "30")], "")));
        for delivery in [Delivery::NotSent, Delivery::Unsendable, Delivery::Unknown] {
            say(&format!("NoResponse, {delivery:?}"), 1, Outcome::No(delivery));
        }
        say("Paused, 403", 2, Outcome::Answer(response(403, &[], "")));
        say("Paused, 502", 3, Outcome::Answer(response(502, &[], "")));
        say("Paused, Unknown", 3, Outcome::No(Delivery::Unknown));
    }
    let new_token = token_response("new").map(String::into_bytes);
    let (mut renewed_session, mut its_owner) = (session(), owner(false));
    let Verdict::Acquire(renewal) = rejected(&mut renewed_session) else { panic!("there is no newer one") };
    let replay = renewed(renewal, &mut renewed_session, &mut its_owner, &Outcome::Answer(new_token)).unwrap();
    let again =
        renewed_session.replay(replay, &mut Request::get("https://api.example.com/x").body(()).unwrap()).unwrap();
    let Ok(Verdict::Rejected(error)) = renewed_session.received(again, StatusCode::UNAUTHORIZED) else {
        panic!("the new token is rejected too")
    };
    errors.push(("RejectedAgain".into(), error));
    // A new user token that step 2 refuses at once.
    for (what, session) in places {
        let (mut session, mut owner) = (session(), owner(true));
        let Verdict::Acquire(renewal) = rejected(&mut session) else { panic!("there is no newer one") };
        let error = renewed(renewal, &mut session, &mut owner, &Outcome::Step2(response(401, &[], ""))).unwrap_err();
        errors.push((format!("Response, 401 for a new User Access Token{what}"), error));
    }
    let stored = |what: &str, text: Option<&'static str>, errors: &mut Vec<_>| {
        errors.push((what.to_owned(), after(session(), owner(true), 1, &Outcome::Store(text))));
    };
    stored("Store", None, &mut errors);
    stored("Store, a damaged record", Some("{"), &mut errors);
    let newer = r#"{"version": 2, "environment": "staging", "kind": "location", "location": "loc-1"}"#;
    stored("Store, a newer record", Some(newer), &mut errors);
    let forgotten =
        r#"{"version": 1, "environment": "staging", "kind": "location", "location": "loc-1", "forgotten": true}"#;
    stored("Forgotten", Some(forgotten), &mut errors);
    let (mut session, mut owner) = (session(), owner(false));
    let error = loop {
        let Verdict::Acquire(renewal) = rejected(&mut session) else { panic!("there is no newer one") };
        let new_token = token_response("new").map(String::into_bytes);
        if let Err(error) = renewed(renewal, &mut session, &mut owner, &Outcome::Answer(new_token)) {
            break error;
        }
    };
    errors.push(("Paused, tokens that have helped no call".into(), error));
    errors.push(("Abandoned".into(), TokenErrorKind::Abandoned.into()));
    for misuse in [Misuse::ForeignAttempt, Misuse::ForeignOwner, Misuse::TurnTaken] {
        errors.push((format!("Misuse, {misuse:?}"), misuse.into()));
    }
    errors
}

/// How each token request of a renewal ends.
enum Outcome {
    Answer(Response<Vec<u8>>),
    /// Step 1 is answered with a token, step 2 with this.
    Step2(Response<Vec<u8>>),
    No(Delivery),
    /// The store has this, or fails.
    Store(Option<&'static str>),
}

fn renewed(
    renewal: Acquisition,
    session: &mut Session,
    owner: &mut Owner,
    outcome: &Outcome,
) -> Result<Replay, TokenError> {
    let now = Duration::ZERO;
    let user_token = token_response("user-token").map(String::into_bytes);
    let mut next = renewal.start(session, owner, now);
    loop {
        next = match next {
            Acquiring::AwaitTurn(waiting) => waiting.granted(session, owner, now),
            Acquiring::SendToken(step) => match outcome {
                Outcome::Step2(_) if step.step() == Step::UserToken => step.received(&user_token, session, owner, now),
                Outcome::Answer(response) | Outcome::Step2(response) => step.received(response, session, owner, now),
                Outcome::No(delivery) => step.failed(*delivery, session, owner, now),
                Outcome::Store(_) => panic!("nothing is sent"),
            },
            Acquiring::OpenRecord(open) => match outcome {
                Outcome::Store(Some(text)) => {
                    open.opened(Stored::Record(Some(text.as_bytes().to_vec())), session, owner, now)
                }
                Outcome::Store(None) => open.failed("the disk is full", session, owner, now),
                _ => open.opened(Stored::SavesOnly, session, owner, now),
            },
            Acquiring::WriteRecord(write) => write.written(session, owner, now),
            Acquiring::Done(result) => return result,
        };
    }
}
