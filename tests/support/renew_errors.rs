//! What each caller is told whose renewal ends without a token, in every kind.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::{Delivery, Misuse, Owner, RenewError, Renewal, Renewing, Replay, Session, Step, Verdict};

use super::response;
use super::support::{EMAIL, PASSWORD, app, location_token, token_response, user_token};

pub fn renew_errors() -> Vec<(String, RenewError)> {
    let rejected = |session: &mut Session| {
        let attempt = session.authorize(&mut Request::get("https://api.example.com/x").body(()).unwrap()).unwrap();
        session.received(attempt, StatusCode::UNAUTHORIZED).unwrap()
    };
    let session = || Session::for_location(&app(), location_token(&app())).unwrap();
    let users = || Session::for_user(&app(), user_token(&app())).unwrap();
    // The error of the last of so many renewals, each of which meets this.
    let after = |mut session: Session, mut owner: Owner, times: usize, came: &Came| {
        let mut last = None;
        for _ in 0..times {
            let error = match rejected(&mut session) {
                Verdict::Renew(renewal) => renewed(renewal, &mut session, &mut owner, came).unwrap_err(),
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
            owner.set_token(user_token(&app)).unwrap();
        }
        owner
    };
    let mut errors = vec![
        ("NotEnabled, a Location's".to_owned(), after(session(), Owner::new(&app()), 1, &Came::No(Delivery::Unknown))),
        ("NotEnabled, a user's".to_owned(), after(users(), owner(true), 1, &Came::No(Delivery::Unknown))),
    ];
    for (step, login) in [(1, true), (2, false)] {
        let mut say = |name: &str, times, came| {
            errors.push((format!("{name}, step {step}"), after(session(), owner(login), times, &came)));
        };
        say("Response, 401", 1, Came::Answer(response(401, &[], "")));
        say("Response, 302", 1, Came::Answer(response(302, &[], "")));
        say("Response, 200 without a token", 1, Came::Answer(response(200, &[], "{}")));
        say("Response, 503", 1, Came::Answer(response(503, &[], "")));
        say("Response, 503, Retry-After: 30", 1, Came::Answer(response(503, &[("retry-after", "30")], "")));
        say("Postponed", 2, Came::Answer(response(503, &[("retry-after", "30")], "")));
        for delivery in [Delivery::NotSent, Delivery::Unsendable, Delivery::Unknown] {
            say(&format!("NoResponse, {delivery:?}"), 1, Came::No(delivery));
        }
        say("InDoubt", 3, Came::No(Delivery::Unknown));
    }
    let new_token = token_response("new").map(String::into_bytes);
    let (mut bought, mut its_owner) = (session(), owner(false));
    let Verdict::Renew(renewal) = rejected(&mut bought) else { panic!("there is no newer one") };
    let replay = renewed(renewal, &mut bought, &mut its_owner, &Came::Answer(new_token)).unwrap();
    let again = bought.replay(replay, &mut Request::get("https://api.example.com/x").body(()).unwrap()).unwrap();
    let Ok(Verdict::Rejected(error)) = bought.received(again, StatusCode::UNAUTHORIZED) else {
        panic!("it is in vain")
    };
    errors.push(("InVain, step 2".into(), error));
    let mut brought = session();
    let attempt = brought.authorize(&mut Request::get("https://api.example.com/x").body(()).unwrap()).unwrap();
    brought.renew(location_token(&app())).unwrap();
    let Ok(Verdict::Replay(replay)) = brought.received(attempt, StatusCode::UNAUTHORIZED) else {
        panic!("a newer one")
    };
    let again = brought.replay(replay, &mut Request::get("https://api.example.com/x").body(()).unwrap()).unwrap();
    let Ok(Verdict::Rejected(error)) = brought.received(again, StatusCode::UNAUTHORIZED) else { panic!("it is again") };
    errors.push(("RejectedAgain".into(), error));
    // A new user token that step 2 refuses at once.
    let (mut session, mut owner) = (session(), owner(true));
    let Verdict::Renew(renewal) = rejected(&mut session) else { panic!("there is no newer one") };
    let error = renewed(renewal, &mut session, &mut owner, &Came::Step2(response(401, &[], ""))).unwrap_err();
    errors.push(("InVain, step 1".into(), error));
    errors.push(("Misuse".into(), Misuse::ForeignAttempt.into()));
    errors
}

/// What comes of each token request of a renewal.
enum Came {
    Answer(Response<Vec<u8>>),
    /// Step 1 comes to a token, step 2 to this.
    Step2(Response<Vec<u8>>),
    No(Delivery),
}

fn renewed(renewal: Renewal, session: &mut Session, owner: &mut Owner, came: &Came) -> Result<Replay, RenewError> {
    let now = Duration::ZERO;
    let user_token = token_response("user-token").map(String::into_bytes);
    let mut next = renewal.start(session, owner, now);
    loop {
        next = match next {
            Renewing::AwaitTurn(waiting) => waiting.granted(session, owner, now),
            Renewing::SendToken(step) => match came {
                Came::Step2(_) if step.step() == Step::UserToken => step.received(&user_token, session, owner, now),
                Came::Answer(response) | Came::Step2(response) => step.received(response, session, owner, now),
                Came::No(delivery) => step.failed(*delivery, session, owner, now),
            },
            Renewing::Keep(keep) => keep.kept(session, owner, now),
            Renewing::Done(result) => return result,
        };
    }
}
