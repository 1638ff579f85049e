//! What each outcome of a token request leads to, for whom, and what ends a pause (Q12, Q17, Q18): by hand, with no client.
//! The table is `src/acquisition.md`, which is part of the documentation.

#[path = "support/callers.rs"]
mod callers;
mod support;

use std::time::Duration;

use callers::{Callers, Outcome, SEND_AGAIN, WAITS, call, kept_user_token, location_token, saved};
use location_auth::driver::{Acquiring, Turn, Verdict};
use location_auth::store::Stored;
use location_auth::{
    App, Delivery, Environment, Fault, LastOutcome, Misuse, Owner, Retry, Session, Step, TokenErrorKind, TokenState,
};
use support::{app, renew, settings_for, token_response};

const A: usize = 0;
const B: usize = 1;

const SECONDS: fn(u64) -> Duration = Duration::from_secs;
const TOKEN: Outcome = Outcome::Token;
const UNKNOWN: Outcome = Outcome::Nothing(Delivery::Unknown);
const HTML: &str = "<html>Sign in</html>";
/// In seconds.
const YEAR: u32 = 365 * 24 * 60 * 60;

/// Who the owner is before the request of the row.
#[derive(Clone, Copy)]
enum Before {
    /// No User Access Token, and a login: step 1 comes first.
    Login,
    /// A User Access Token from long ago, and a login.
    TokenAndLogin,
    /// A User Access Token from long ago, and nothing else.
    Token,
    /// A User Access Token that was issued just now.
    NewToken,
}

impl Before {
    /// Callers, and the one whose next request is the row's.
    fn callers(self) -> (Callers, usize) {
        self.of(Callers::new)
    }

    fn of(self, start: fn() -> Callers) -> (Callers, usize) {
        let mut callers = match self {
            Self::Login | Self::NewToken => start().with_login(),
            Self::TokenAndLogin => start().with_login().with_token(),
            Self::Token => start().with_token(),
        };
        let sender = callers.enter(A);
        assert!(callers.advance(sender).starts_with("sends step"));
        if let Self::NewToken = self {
            callers.answer(sender, TOKEN);
            assert_eq!(callers.advance(sender), "user token kept, sends step 2");
        }
        (callers, sender)
    }

    fn step(self) -> &'static str {
        if matches!(self, Self::Login) { "1" } else { "2" }
    }
}

/// What lets a caller who meets a pause send, if anything does.
fn ended_by(paused: impl Fn() -> Callers) -> String {
    let sends = |change: fn(&mut Callers)| {
        let mut callers = paused();
        change(&mut callers);
        callers.advance_new(A).starts_with("sends step")
    };
    let ways = [
        ("time", sends(|callers| callers.now += SECONDS(60 * 60))),
        ("`try_again`", sends(|callers| callers.owner.try_again())),
        ("the same login", sends(Callers::set_login)),
        ("another login", sends(|callers| callers.set_password("another"))),
        ("another user token", sends(|callers| callers.owner.set_user_token(other_user_token()).unwrap())),
        ("a Location's token", {
            let mut callers = paused();
            callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
            let caller = callers.enter_with_newest(A);
            callers.advance(caller).starts_with("sends step")
        }),
    ];
    ways.iter().filter(|(_, ends)| *ends).map(|(way, _)| *way).collect::<Vec<_>>().join(", ")
}

fn other_user_token() -> location_auth::UserAccessToken {
    saved(None, "user-other").try_into().unwrap()
}

/// The cells of a row: who sent the request of this outcome, who waits, and who comes later.
fn cells(start: fn() -> Callers, before: Before, outcome: Outcome) -> Vec<String> {
    let end = |callers: &mut Callers, sender| {
        callers.answer(sender, outcome);
        if matches!(outcome, Outcome::Dropped) { "is gone".into() } else { callers.advance(sender) }
    };
    let after = |times: usize| {
        let (mut callers, sender) = before.of(start);
        let state = end(&mut callers, sender);
        for _ in 1..times {
            callers.renew(A, outcome);
        }
        (callers, state)
    };
    let beside = |place| {
        let (mut callers, sender) = before.of(start);
        let other = callers.enter(place);
        callers.advance(other);
        end(&mut callers, sender);
        callers.advance(other)
    };
    let state = after(1).1;
    let goes_on = state.contains("sends") || state == WAITS;
    let later = after(1).0.advance_new(A);
    let repeats = !goes_on && later == format!("sends step {}", before.step());
    let twice = if repeats { after(2).0.advance_new(A) } else { "–".into() };
    let ended = match (goes_on, repeats) {
        (true, _) => "–".into(),
        (false, true) if twice == later => "there is none".into(),
        (false, repeats) => ended_by(|| after(if repeats { 2 } else { 1 }).0),
    };
    let other = after(1).0.advance_new(B);
    let cells = [state, beside(A), beside(B), later, twice, other, ended].into_iter();
    // A row is about many outcomes, whose errors differ in nothing else.
    cells
        .map(|cell| match cell.starts_with("`Response`") || cell.starts_with("`NoResponse") {
            true => "its error".into(),
            false => cell,
        })
        .collect()
}

fn table(start: fn() -> Callers) -> String {
    use Before::{Login, NewToken, Token, TokenAndLogin};
    let refused = [400, 403, 404, 409, 422].map(Outcome::Status).into_iter();
    let refused = refused.chain([Outcome::Body(403, r#"{"error": "no"}"#), Outcome::Body(200, r#"{"error": "no"}"#)]);
    let unknown = [100, 302, 307, 408, 425, 429, 500, 502, 503, 504, 600].map(Outcome::Status).into_iter();
    let unknown =
        unknown.chain([401, 403, 404].map(|status| Outcome::Body(status, HTML)).into_iter().filter(|outcome| {
            // Step 2's 401 has rows of its own, whatever its body.
            !matches!(outcome, Outcome::Body(401, _))
        }));
    let unknown =
        unknown.chain([HTML, "{}", r#"{"access_token": "cut"#].map(|body| Outcome::Body(200, body))).chain([UNKNOWN]);
    let not_sent = [Outcome::Status(407), Outcome::Nothing(Delivery::NotSent), Outcome::Nothing(Delivery::Unsendable)];
    let classes: [(&str, Vec<Outcome>); 7] = [
        ("a token", vec![TOKEN]),
        ("refused: any other 4xx with JSON or no body, or a 2xx with an error", refused.collect()),
        ("not sent, or 407", not_sent.into()),
        ("429 or 503 with a `Retry-After` of 30 s", [429, 503].map(|status| Outcome::Wait(status, 30)).into()),
        ("429 or 503 with a `Retry-After` of a year", [429, 503].map(|status| Outcome::Wait(status, YEAR)).into()),
        ("any other: a 3xx, a 5xx, HTML, a time-out", unknown.collect()),
        ("its caller was dropped", vec![Outcome::Dropped]),
    ];
    let mut table = String::from(
        "| outcome | of step | who sent it | who waits for the same Location | who began at the other Location | who comes later | \
         who comes after the same again | who comes later, at the other Location | what ends the pause |\n",
    ) + "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    let mut add = |name: &str, before: Before, outcomes: &[Outcome]| {
        let row = cells(start, before, outcomes[0]);
        let of_step_1 =
            [Outcome::Status(401)].into_iter().filter(|_| name.starts_with("refused") && before.step() == "1");
        for outcome in outcomes.iter().copied().chain(of_step_1) {
            assert_eq!(cells(start, before, outcome), row, "{name}: {outcome:?}");
        }
        table += &format!("| {name} | {} | {} |\n", before.step(), row.join(" | "));
    };
    for (name, outcomes) in &classes {
        add(name, Login, outcomes);
    }
    let refused = [Outcome::Status(401), Outcome::Body(401, HTML)];
    add("401 for an older User Access Token, and there is a login", TokenAndLogin, &refused);
    add("401 for an older User Access Token, and there is no login", Token, &refused);
    add("401 for a User Access Token that is not a minute old", NewToken, &refused);
    for (name, outcomes) in &classes {
        add(name, TokenAndLogin, outcomes);
    }
    table
}

#[test]
fn every_outcome_of_a_token_request_has_the_documented_effect() {
    support::documented::is_documented("src/acquisition.md", "| outcome", &table(Callers::new));
}

#[test]
fn every_outcome_has_the_same_effect_for_a_first_token() {
    assert_eq!(table(Callers::without_tokens), table(Callers::new));
}

// ---- The count ----

/// After how many seconds each request was sent, for callers who come each second, if all of them end like this.
fn sent_at(start: Callers, outcome: Outcome, seconds: u64) -> Vec<u64> {
    let mut callers = start;
    let mut sent = vec![];
    for second in 0..seconds {
        callers.now = SECONDS(second);
        let caller = callers.enter_with_newest(A);
        if callers.advance(caller).starts_with("sends") {
            sent.push(second);
            callers.answer(caller, outcome);
        }
    }
    sent
}

#[test]
fn two_requests_are_sent_at_once_and_then_one_for_each_pause_which_doubles_up_to_an_hour() {
    let minutes = |minutes: &[u64]| minutes.iter().map(|minute| minute * 60).collect::<Vec<_>>();
    let lost = sent_at(Callers::new().with_token(), UNKNOWN, 5 * 60 * 60);
    assert_eq!(lost[..2], [0, 1]);
    let pauses: Vec<_> = lost[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, minutes(&[1, 2, 4, 8, 16, 32, 60, 60, 60]));
    let refused = sent_at(Callers::new().with_login(), Outcome::Status(401), 5 * 60 * 60);
    let pauses: Vec<_> = refused.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, minutes(&[1, 2, 4, 8, 16, 32, 60, 60, 60]), "after a refusal the first pause begins at once");
    let never_sent = sent_at(Callers::new().with_token(), Outcome::Nothing(Delivery::NotSent), 60);
    assert_eq!(never_sent.len(), 60, "what was not sent does not count");
}

#[test]
fn requests_of_any_unknown_outcome_count_together_and_what_was_not_sent_between_them_changes_nothing() {
    let unknown = [UNKNOWN, Outcome::Dropped, Outcome::Status(408), Outcome::Status(500), Outcome::Status(302)];
    for before in [Before::Login, Before::TokenAndLogin] {
        for (first, second) in unknown.iter().flat_map(|first| unknown.map(|second| (*first, second))) {
            let (mut callers, sender) = before.callers();
            callers.renew_as(sender, first);
            callers.renew(A, Outcome::Nothing(Delivery::NotSent));
            callers.renew(A, second);
            let step = before.step();
            assert_eq!(callers.advance_new(A), format!("`Paused` 60 s at step {step}"), "{first:?}, {second:?}");
        }
    }
}

#[test]
fn a_count_whose_last_request_is_a_day_old_begins_anew() {
    let mut callers = Callers::new().with_token();
    callers.renew(A, UNKNOWN);
    callers.renew(A, UNKNOWN);
    callers.now = SECONDS(24 * 60 * 60);
    callers.renew(A, UNKNOWN);
    assert_eq!(callers.advance_new(A), "sends step 2");
}

#[test]
fn a_pause_names_the_last_outcome_after_any_number_of_requests() {
    let mut callers = Callers::new().with_token();
    for _ in 0..300 {
        callers.now += SECONDS(60 * 60);
        let caller = callers.enter_with_newest(A);
        callers.renew_as(caller, Outcome::Status(403));
        let TokenState::Paused(error) = callers.state_of(A) else { panic!("it was refused") };
        let TokenErrorKind::Paused { after, .. } = error.kind() else { panic!("{error}") };
        assert!(matches!(after, LastOutcome::Response { .. }), "{error}");
    }
}

#[test]
fn only_a_call_that_needed_the_token_shows_that_it_has_helped() {
    // Two requests, the second of which got a token.
    let renewed = || {
        let mut callers = Callers::new().with_token();
        callers.renew(A, UNKNOWN);
        let caller = callers.enter(A);
        callers.renew_as(caller, TOKEN);
        (callers, caller)
    };
    let next = |mut callers: Callers| {
        let caller = callers.enter_with_newest(A);
        callers.advance(caller)
    };
    for (status, expected) in
        [(200, "sends step 2"), (404, "`Paused` 60 s at step 2"), (503, "`Paused` 60 s at step 2")]
    {
        let (mut callers, caller) = renewed();
        callers.repeated(caller, status);
        assert_eq!(next(callers), expected, "sent again, {status}");
    }
    let (mut callers, _) = renewed();
    callers.answered(A, 200);
    assert_eq!(next(callers), "`Paused` 60 s at step 2", "another call");
    // The first token of all has helped whichever call is answered.
    let mut callers = Callers::without_tokens().with_token();
    callers.renew(A, UNKNOWN);
    callers.renew(A, TOKEN);
    callers.answered(A, 200);
    assert_eq!(next(callers), "sends step 2", "a first token");
}

#[test]
fn a_user_token_has_helped_when_step_2_gave_a_token_for_it_and_not_before() {
    for (answer, expected) in [(TOKEN, "sends step 1"), (Outcome::Status(403), "`Paused` 120 s at step 1")] {
        // Two logins, the second of which got a token.
        let mut callers = Callers::new().with_login();
        callers.renew(A, UNKNOWN);
        callers.now = SECONDS(100);
        let sender = callers.enter(A);
        assert_eq!(callers.renew_as(sender, TOKEN), "user token kept, sends step 2");
        callers.answer(sender, answer);
        callers.advance(sender);
        let other = callers.enter(B);
        assert_eq!(callers.advance(other), "sends step 2");
        // A minute later the token is revoked, and the login's answer is lost.
        callers.now = SECONDS(160);
        callers.answer(other, Outcome::Status(401));
        assert_eq!(callers.advance(other), "sends step 1");
        callers.answer(other, UNKNOWN);
        callers.advance(other);
        assert_eq!(callers.advance_new(B), expected, "{answer:?}");
    }
}

#[test]
fn a_clock_that_went_back_costs_an_hour_at_most() {
    let mut callers = Callers::new().with_token();
    callers.now = SECONDS(10_000_000);
    callers.renew(A, UNKNOWN);
    callers.renew(A, Outcome::Wait(503, 30));
    callers.now = SECONDS(0);
    assert_eq!(callers.advance_new(A), "`Paused` 3600 s at step 2");
    callers.now = SECONDS(3600);
    assert_eq!(callers.advance_new(A), "sends step 2");
}

// ---- Lags and revocations ----

#[test]
fn a_user_token_that_step_2_does_not_know_yet_is_sent_again_and_costs_no_login() {
    let (mut callers, sender) = Before::NewToken.callers();
    callers.answer(sender, Outcome::Status(401));
    let Acquiring::Done(Err(error)) = callers.state(sender) else { panic!("it is not known yet") };
    assert_eq!(error.retry(), Retry::Unspecified);
    assert!(error.to_string().ends_with("the service may not know it yet: make the call again"), "{error}");
    let second = callers.enter(A);
    assert_eq!(callers.renew_as(second, Outcome::Status(401)), "`Response` 401 at step 2");
    assert_eq!(callers.advance_new(A), "`Paused` 60 s at step 2");
    callers.now = SECONDS(60);
    assert_eq!(callers.renew(A, TOKEN), "token kept, sends the call again");
    assert_eq!(callers.store.len(), 2, "one login");
    let (mut callers, sender) = Before::NewToken.callers();
    callers.set_password("another");
    callers.answer(sender, Outcome::Status(401));
    assert_eq!(callers.advance(sender), "`Response` 401 at step 2", "another login makes the token no older");
}

#[test]
fn a_user_token_that_is_older_than_a_minute_was_revoked_and_costs_one_login() {
    let (mut callers, sender) = Before::NewToken.callers();
    callers.answer(sender, TOKEN);
    callers.now = SECONDS(60);
    assert!(callers.owner.has_user_token());
    let revoked = callers.enter(B);
    assert_eq!(callers.renew_as(revoked, Outcome::Status(401)), "sends step 1");
    assert!(!callers.owner.has_user_token());
    // It is no younger while that login is under way.
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    let other = callers.enter(B);
    assert_eq!(callers.advance(other), "sends step 2");
    assert_eq!(callers.renew_as(sender, Outcome::Status(401)), "sends step 1");
    callers.answer(other, Outcome::Status(401));
    assert_eq!(callers.advance(other), "waits");
}

#[test]
fn a_token_for_an_older_user_token_does_not_show_that_the_newest_one_has_helped() {
    let mut callers = Callers::new().with_login().with_token();
    let (first, slow) = (callers.enter(A), callers.enter(B));
    assert_eq!(callers.advance(slow), "sends step 2");
    assert_eq!(callers.renew_as(first, Outcome::Status(401)), "sends step 1");
    callers.answer(first, UNKNOWN);
    let second = callers.enter(A);
    assert_eq!(callers.renew_as(second, TOKEN), "user token kept, sends step 2");
    callers.answer(slow, TOKEN);
    assert_eq!(callers.advance(slow), "token kept, sends the call again");
    // A minute later the newest one is revoked, before it has helped: that was the second login, and this is the third.
    callers.now = SECONDS(60);
    let third = callers.enter_with_newest(B);
    assert_eq!(callers.renew_as(third, Outcome::Status(401)), "sends step 1");
    callers.answer(third, UNKNOWN);
    callers.advance(third);
    let later = callers.enter_with_newest(B);
    assert_eq!(callers.advance(later), "`Paused` 120 s at step 1");
}

#[test]
fn who_waited_for_a_request_that_failed_uses_the_token_that_the_program_has_set() {
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    let waiting = callers.enter(A);
    assert_eq!(callers.advance(waiting), WAITS);
    callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    callers.answer(sender, Outcome::Status(502));
    assert_eq!((callers.advance(sender), callers.advance(waiting)), (SEND_AGAIN.into(), SEND_AGAIN.into()));
}

#[test]
fn one_wrong_location_costs_the_others_nothing() {
    let mut callers = Callers::new().with_login().with_token();
    for logins in [1, 1] {
        let wrong = callers.enter(A);
        let state = callers.renew_as(wrong, Outcome::Status(401));
        if state == "sends step 1" {
            callers.answer(wrong, TOKEN);
            assert_eq!(callers.advance(wrong), "user token kept, sends step 2");
            callers.answer(wrong, Outcome::Status(401));
        }
        assert_eq!(callers.store.len(), logins);
    }
    assert_eq!(callers.advance_new(A), "`Paused` 60 s at step 2");
    assert_eq!(callers.renew(B, TOKEN), "token kept, sends the call again");
}

#[test]
fn without_a_login_a_user_token_that_was_refused_is_tried_again_after_each_pause() {
    let sent = sent_at(Callers::new().with_token(), Outcome::Status(401), 60 * 60);
    assert_eq!(sent, [0, 60, 180, 420, 900, 1860]);
}

#[test]
fn a_token_that_is_revoked_before_its_first_call_is_renewed() {
    let mut callers = Callers::without_tokens().with_token();
    assert_eq!(callers.renew(A, TOKEN), "token kept, sends the call again");
    let caller = callers.enter_with_newest(A);
    assert_eq!(callers.renew_as(caller, TOKEN), "token kept, sends the call again");
    assert_eq!(callers.repeated(caller, 200), None);
    for _ in 0..20 {
        let caller = callers.enter_with_newest(A);
        assert_eq!(callers.renew_as(caller, TOKEN), "token kept, sends the call again", "each new one has helped");
        assert_eq!(callers.repeated(caller, 200), None);
    }
}

#[test]
fn a_first_token_that_its_call_is_rejected_with_is_the_callers_one_renewal() {
    let mut callers = Callers::without_tokens().with_token();
    let caller = callers.enter(A);
    callers.renew_as(caller, TOKEN);
    assert_eq!(callers.repeated(caller, 401).as_deref(), Some("`RejectedAgain` at step 2"));
    assert!(matches!(callers.state_of(A), TokenState::Rejected));
    let next = callers.enter_with_newest(A);
    assert_eq!(callers.advance(next), "sends step 2");
}

#[test]
fn a_route_that_always_answers_401_beside_a_healthy_one_costs_two_tokens_and_one_for_each_pause() {
    let mut callers = Callers::new().with_token();
    let mut tokens = vec![];
    for second in 0..60 * 60 {
        callers.now = SECONDS(second);
        let caller = callers.enter_with_newest(A);
        if callers.advance(caller) == "sends step 2" {
            tokens.push(second);
            callers.answer(caller, TOKEN);
            callers.advance(caller);
            callers.repeated(caller, 401);
        }
        callers.answered(A, 200);
    }
    assert_eq!(tokens, [0, 1, 61, 181, 421, 901, 1861]);
}

// ---- What a person does ----

#[test]
fn the_credentials_that_are_set_already_change_nothing_and_others_begin_the_counts_anew() {
    let mut callers = Callers::new().with_login();
    callers.renew(A, Outcome::Status(401));
    callers.set_login();
    assert_eq!(callers.advance_new(A), "`Paused` 60 s at step 1");
    callers.set_password("another");
    assert_eq!(callers.renew(A, Outcome::Status(401)), "`Response` 401 at step 1");
    assert_eq!(callers.advance_new(A), "`Paused` 60 s at step 1", "the count began anew");

    let mut callers = Callers::new().with_token();
    callers.renew(A, Outcome::Status(403));
    callers.owner.set_user_token(kept_user_token()).unwrap();
    assert_eq!(callers.advance_new(A), "`Paused` 60 s at step 2");
    callers.owner.set_user_token(other_user_token()).unwrap();
    assert_eq!(callers.advance_new(A), "sends step 2");
}

#[test]
fn trying_again_allows_one_more_request_and_the_count_goes_on() {
    for (before, outcome) in [(Before::Login, Outcome::Status(401)), (Before::TokenAndLogin, Outcome::Status(403))] {
        let (mut callers, sender) = before.callers();
        callers.renew_as(sender, outcome);
        callers.owner.try_again();
        callers.renew(A, outcome);
        let step = before.step();
        assert_eq!(callers.advance_new(A), format!("`Paused` 120 s at step {step}"));
    }
}

#[test]
fn what_an_owner_was_made_with_does_not_end_a_pause_and_another_owner_does() {
    let mut callers = Callers::new().with_token();
    callers.renew(A, Outcome::Status(403));
    assert_eq!(callers.advance_new(A), "`Paused` 60 s at step 2");
    callers.owner = Callers::new().with_token().owner;
    assert_eq!(callers.advance_new(A), "sends step 2");
}

#[test]
fn callers_after_a_new_login_do_not_get_the_refusal_of_the_old_one() {
    for place in [A, B] {
        let mut callers = Callers::new().with_login();
        let sender = callers.enter(A);
        assert_eq!(callers.advance(sender), "sends step 1");
        let waiting = callers.enter(place);
        assert_eq!(callers.advance(waiting), WAITS);
        callers.set_password("another");
        callers.answer(sender, Outcome::Status(401));
        assert_eq!(callers.advance(sender), "`Response` 401 at step 1");
        assert_eq!(callers.advance(waiting), "sends step 1", "Location {place}");
    }
}

#[test]
fn a_wait_that_the_service_asks_for_after_new_credentials_holds_as_well() {
    for (before, step) in [(Before::Login, 1), (Before::TokenAndLogin, 2)] {
        for outcome in [Outcome::Wait(503, 30), Outcome::Wait(429, 30)] {
            let (mut callers, sender) = before.callers();
            callers.set_password("another");
            callers.answer(sender, outcome);
            callers.advance(sender);
            assert_eq!(callers.advance_new(A), format!("`Paused` 30 s at step {step}"), "{outcome:?}");
            callers.now = SECONDS(30);
            assert_eq!(callers.advance_new(A), format!("sends step {step}"));
        }
    }
}

#[test]
fn a_user_token_that_is_set_during_an_exchange_is_tried_before_any_login() {
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.owner.set_user_token(other_user_token()).unwrap();
    callers.answer(sender, Outcome::Status(401));
    assert_eq!(callers.advance(sender), "sends step 2", "the new token is not the one that was rejected");
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "token kept, sends the call again");

    let (mut callers, sender) = Before::Login.callers();
    callers.owner.set_user_token(kept_user_token()).unwrap();
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "user token kept, sends step 2", "the new token is saved all the same");
}

#[test]
fn credentials_forgotten_during_a_renewal_are_not_used_and_their_token_is_not_lost() {
    let (mut callers, sender) = Before::Login.callers();
    callers.owner.forget();
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "user token kept, `NotEnabled`");
    assert_eq!(callers.store.len(), 1);
    assert!(!callers.owner.has_user_token() && !callers.owner.has_login());
    assert_eq!(callers.advance_new(A), "`NotEnabled`");

    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.owner.forget();
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "token kept, sends the call again");

    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.owner.forget();
    callers.answer(sender, Outcome::Status(401));
    assert_eq!(callers.advance(sender), "`NotEnabled`");
}

#[test]
fn a_token_that_the_program_sets_ends_a_renewal_before_its_next_request() {
    let set = |callers: &mut Callers| {
        callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    };
    // Before the login.
    let mut callers = Callers::new().with_login();
    let caller = callers.enter(A);
    callers.go_on(caller);
    assert!(matches!(callers.state(caller), Acquiring::AwaitTurn(waiting) if waiting.turn() == Turn::Owner));
    set(&mut callers);
    assert_eq!(callers.advance(caller), SEND_AGAIN);
    // During the login, which gets a token, or does not.
    for (outcome, expected) in [
        (TOKEN, "user token kept, sends the call again"),
        (Outcome::Status(403), SEND_AGAIN),
        (Outcome::Wait(503, 30), SEND_AGAIN),
        (UNKNOWN, SEND_AGAIN),
    ] {
        let (mut callers, sender) = Before::Login.callers();
        set(&mut callers);
        callers.answer(sender, outcome);
        assert_eq!(callers.advance(sender), expected, "{outcome:?}");
    }
    // During the exchange, which fails.
    for outcome in [Outcome::Status(403), Outcome::Wait(503, 30), UNKNOWN] {
        let (mut callers, sender) = Before::TokenAndLogin.callers();
        set(&mut callers);
        callers.answer(sender, outcome);
        assert_eq!(callers.advance(sender), SEND_AGAIN, "{outcome:?}");
    }
}

// ---- Who waits, who saves ----

#[test]
fn a_location_without_a_token_gets_one_before_its_first_call() {
    let mut callers = Callers::without_tokens().with_login();
    let refused = callers.sessions[A].authorize(&mut call());
    assert!(matches!(refused, Err(Misuse::NoToken)));
    let (first, second) = (callers.enter(A), callers.enter(A));
    assert_eq!((callers.advance(first), callers.advance(second)), ("sends step 1".into(), WAITS.into()));
    callers.answer(first, TOKEN);
    assert_eq!(callers.advance(first), "user token kept, sends step 2");
    assert!(callers.sessions[A].first_token().is_some(), "as long as the store does not have it");
    callers.answer(first, TOKEN);
    assert_eq!(callers.advance(first), format!("token kept, {SEND_AGAIN}"));
    assert_eq!(callers.advance(second), SEND_AGAIN);
    let mut sent = call();
    callers.sessions[A].authorize(&mut sent).unwrap();
    assert_eq!(sent.headers()["authorization"], "Bearer new-2");
    assert!(callers.sessions[A].first_token().is_none());
    let other = callers.enter(B);
    assert_eq!(callers.advance(other), "sends step 2", "the owner's other Locations share the login");
}

#[test]
fn a_call_without_a_token_is_refused_unchanged() {
    let session = app().location("loc-1").unwrap().session();
    let mut refused = call();
    assert_eq!(session.authorize(&mut refused).unwrap_err(), Misuse::NoToken);
    assert_eq!((refused.headers().len(), refused.uri()), (0, call().uri()));
    let by_query = session.with_query_parameter("access_token").unwrap();
    assert_eq!(by_query.authorize(&mut refused).unwrap_err(), Misuse::NoToken);
    assert_eq!((refused.headers().len(), refused.uri()), (0, call().uri()));
}

#[test]
fn the_state_of_a_session_shows_a_pause_as_soon_as_it_is_there() {
    let mut callers = Callers::without_tokens().with_login();
    assert!(matches!(callers.state_of(A), TokenState::NoToken));
    callers.renew(A, Outcome::Status(502));
    assert!(matches!(callers.state_of(A), TokenState::NoToken), "the next caller may try");
    callers.renew(A, Outcome::Status(502));
    for (now, left) in [(0, 60), (59, 1)] {
        callers.now = SECONDS(now);
        let TokenState::Paused(error) = callers.state_of(A) else { panic!("it is paused") };
        let TokenErrorKind::Paused { wait, after } = error.kind() else { panic!("{error}") };
        assert_eq!(*wait, SECONDS(left));
        let status = http::StatusCode::BAD_GATEWAY;
        assert_eq!(*after, LastOutcome::Response { status, fault: Fault::Service });
        assert!(error.to_string().starts_with("there is no access token of Location loc-0 yet, and "), "{error}");
    }
    assert!(matches!(callers.state_of(B), TokenState::Paused(_)), "it needs the login, too");
    callers.now = SECONDS(60);
    assert!(matches!(callers.state_of(A), TokenState::NoToken));
    callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    assert!(matches!(callers.state_of(A), TokenState::Present));
}

#[test]
fn a_pause_names_the_last_outcome_and_blames_whom_that_one_blames() {
    for (outcome, fault, words) in [
        (Outcome::Status(403), Fault::Caller, "got status 403"),
        (Outcome::Status(502), Fault::Service, "got status 502"),
        (Outcome::Wait(429, 30), Fault::Caller, "got status 429"),
        (Outcome::Wait(503, 30), Fault::Service, "got status 503"),
        (Outcome::Status(302), Fault::Caller, "got status 302"),
        (UNKNOWN, Fault::Transport, "got no complete response"),
        (Outcome::Dropped, Fault::Transport, "got no complete response"),
        (TOKEN, Fault::Caller, "got a token that has helped no call"),
    ] {
        let mut callers = Callers::new().with_token();
        let error = loop {
            let caller = callers.enter_with_newest(A);
            if let "sends step 2" = callers.advance(caller).as_str() {
                callers.answer(caller, outcome);
                if !matches!(outcome, Outcome::Dropped) {
                    callers.advance(caller);
                }
                continue;
            }
            let Acquiring::Done(Err(error)) = callers.state(caller) else { panic!("it is paused") };
            break error.clone();
        };
        assert_eq!(error.fault(), fault, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(matches!(error.retry(), Retry::After(_)), "{error}");
    }
}

#[test]
fn only_the_session_of_a_location_asks_for_a_first_token() {
    let app = app();
    let users = Session::for_user(&app, kept_user_token()).unwrap();
    let locations = Session::for_location(&app, location_token(A, "first")).unwrap();
    for session in [users, locations, Session::without_token(&app)] {
        assert!(session.first_token().is_none());
        assert!(session.authorize(&mut call()).is_ok());
    }
}

#[test]
fn a_token_that_is_set_before_the_first_one_is_requested_is_used() {
    let mut callers = Callers::without_tokens();
    let renewal = callers.sessions[A].first_token().unwrap();
    callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    let mut production = Owner::new(&App::new(settings_for(Environment::Production)).unwrap());
    let next = renewal.start(&mut callers.sessions[A], &mut production, callers.now);
    assert!(matches!(next, Acquiring::Done(Ok(_))), "{next:?}");
}

#[test]
fn a_slow_caller_with_an_old_401_sends_its_call_again_with_the_newer_token() {
    let mut callers = Callers::new().with_token();
    callers.renew(A, TOKEN);
    assert_eq!(callers.advance_new(A), SEND_AGAIN);
    assert!(matches!(callers.state_of(A), TokenState::Present));
}

#[test]
fn a_call_may_be_made_again_if_its_token_request_was_not_sent_and_not_if_it_may_have_arrived() {
    for (delivery, retry, fault) in [
        (Delivery::NotSent, Retry::Unspecified, Fault::Transport),
        (Delivery::Unsendable, Retry::Never, Fault::Caller),
        (Delivery::Unknown, Retry::Never, Fault::Transport),
    ] {
        let (mut callers, sender) = Before::TokenAndLogin.callers();
        callers.answer(sender, Outcome::Nothing(delivery));
        let Acquiring::Done(Err(error)) = callers.state(sender) else { panic!("there is no response") };
        assert_eq!((error.retry(), error.fault()), (retry, fault));
    }
}

#[test]
fn a_token_whose_save_was_dropped_is_saved_by_the_next_renewal_without_a_request() {
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.answer(sender, TOKEN);
    callers.drop(sender);
    assert_eq!(callers.sessions[A].unsaved()[0].token().location().unwrap().as_str(), "loc-0");
    assert_eq!(callers.advance_new(A), "token kept, sends the call again");
    assert!(callers.sessions[A].unsaved().is_empty());
    assert_eq!(callers.store.len(), 1);

    let (mut callers, sender) = Before::Login.callers();
    callers.answer(sender, TOKEN);
    callers.drop(sender);
    assert!(callers.owner.unsaved()[0].token().location().is_none());
    assert_eq!(callers.advance_new(B), "user token kept, sends step 2", "of whichever Location");
    assert!(callers.owner.unsaved().is_empty());
}

#[test]
fn an_unsaved_user_token_is_saved_first_even_if_the_program_has_set_another() {
    let (mut callers, sender) = Before::Login.callers();
    callers.answer(sender, TOKEN);
    callers.drop(sender);
    callers.owner.set_user_token(kept_user_token()).unwrap();
    assert_eq!(callers.advance_new(B), "user token kept, sends step 2");
    let unsaved = callers.owner.unsaved();
    assert_eq!(serde_json::to_value(unsaved[0].token()).unwrap()["access_token"], "user-kept");
    assert_eq!(unsaved.len(), 1, "a call writes it after its response");
}

#[test]
fn an_unsaved_token_replaces_one_that_the_program_has_set_only_if_that_is_rejected() {
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.answer(sender, TOKEN);
    callers.drop(sender);
    callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    assert_eq!(callers.advance_new(A), "sends the call again", "with the one that was set");
    let caller = callers.enter_with_newest(A);
    assert_eq!(callers.advance(caller), "token kept, sends the call again", "the one that was set was rejected");
    let mut newest = call();
    let _ = callers.sessions[A].authorize(&mut newest).unwrap();
    assert_eq!(newest.headers()["authorization"], "Bearer new-1");
}

#[test]
fn a_failure_is_reported_to_the_callers_who_waited_for_it_and_not_to_later_ones() {
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.renew_as(sender, Outcome::Status(503));
    let rejected = callers.enter(A);
    callers.advance(rejected);
    let waits = callers.enter(A);
    assert_eq!(callers.advance(waits), WAITS);
    callers.answer(rejected, Outcome::Status(401));
    callers.drop(rejected);
    assert_eq!(callers.advance(waits), "sends step 1", "the 503 was before this caller");
}

#[test]
fn a_user_token_that_arrives_after_the_programs_own_was_refused_is_used() {
    let (mut callers, sender) = Before::Login.callers();
    callers.owner.set_user_token(kept_user_token()).unwrap();
    let other = callers.enter(B);
    assert_eq!(callers.advance(other), "sends step 2");
    callers.answer(other, Outcome::Status(401));
    assert_eq!(callers.advance(other), WAITS);
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "user token kept, sends step 2");
    assert_eq!(callers.advance(other), "sends step 2");
}

#[test]
fn a_driver_that_grants_a_turn_too_early_is_told_so_before_a_second_request_is_sent() {
    let taken = |next: &Acquiring| {
        let Acquiring::Done(Err(error)) = next else { panic!("{next:?}") };
        assert!(matches!(error.kind(), TokenErrorKind::Misuse(Misuse::TurnTaken)), "{error}");
    };
    // The Location's, while the first caller's exchange is under way, and while its token is saved.
    for answered in [false, true] {
        let (mut callers, sender) = Before::TokenAndLogin.callers();
        if answered {
            callers.answer(sender, TOKEN);
        }
        let second = callers.enter(A);
        callers.go_on(second);
        taken(callers.state(second));
    }
    // The owner's, by a caller of another Location.
    let (mut callers, _) = Before::Login.callers();
    let second = callers.enter(B);
    callers.go_on(second);
    assert!(matches!(callers.state(second), Acquiring::AwaitTurn(_)));
    callers.go_on(second);
    taken(callers.state(second));
}

#[test]
fn a_renewal_is_refused_with_another_session_owner_or_environment() {
    let now = Duration::ZERO;
    let foreign = |next: Acquiring, misuse: Misuse| match next {
        Acquiring::Done(Err(error)) => {
            assert!(matches!(error.kind(), TokenErrorKind::Misuse(found) if *found == misuse), "{error}");
        }
        next => panic!("{next:?}"),
    };
    let parts = || {
        let Callers { owner, sessions: [mut session, stranger], .. } = Callers::new().with_token();
        let attempt = session.authorize(&mut call()).unwrap();
        let verdict = session.received(attempt, http::StatusCode::UNAUTHORIZED).unwrap();
        let Verdict::Acquire(renewal) = verdict else { panic!("there is no newer one") };
        (renewal, session, owner, stranger, Callers::new().with_token().owner)
    };
    let waiting = || {
        let (renewal, mut session, mut owner, stranger, other) = parts();
        let Acquiring::AwaitTurn(waiting) = renewal.start(&mut session, &mut owner, now) else { panic!() };
        (waiting, session, owner, stranger, other)
    };
    let sending = || {
        let (waiting, mut session, mut owner, stranger, other) = waiting();
        let Acquiring::OpenRecord(open) = waiting.granted(&mut session, &mut owner, now) else { panic!() };
        let Acquiring::SendToken(step) = open.opened(Stored::SavesOnly, &mut session, &mut owner, now) else {
            panic!()
        };
        assert_eq!(step.step(), Step::LocationToken);
        (step, session, owner, stranger, other)
    };
    let (renewal, _, mut owner, mut stranger, _) = parts();
    foreign(renewal.start(&mut stranger, &mut owner, now), Misuse::ForeignAttempt);
    let (at, _, mut owner, mut stranger, _) = waiting();
    foreign(at.granted(&mut stranger, &mut owner, now), Misuse::ForeignAttempt);
    let (at, mut session, _, _, mut other) = waiting();
    foreign(at.granted(&mut session, &mut other, now), Misuse::ForeignOwner);
    let (step, _, mut owner, mut stranger, _) = sending();
    foreign(step.received(&token_response("t"), &mut stranger, &mut owner, now), Misuse::ForeignAttempt);
    let (step, mut session, _, _, mut other) = sending();
    foreign(step.failed(Delivery::Unknown, &mut session, &mut other, now), Misuse::ForeignOwner);
    let (step, mut session, mut owner, mut stranger, _) = sending();
    let next = step.received(&token_response("t"), &mut session, &mut owner, now);
    let Acquiring::WriteRecord(write) = next else { panic!() };
    foreign(write.written(&mut stranger, &mut owner, now), Misuse::ForeignAttempt);

    let (renewal, mut session, ..) = parts();
    let production = App::new(settings_for(Environment::Production)).unwrap();
    let mut owner = Owner::new(&production);
    let misuse = Misuse::WrongEnvironment { token: Environment::Production, app: Environment::Staging };
    let error = renew(renewal, &mut session, &mut owner, |_| -> http::Response<String> { panic!("nothing is sent") })
        .unwrap_err();
    assert!(matches!(error.kind(), TokenErrorKind::Misuse(found) if *found == misuse), "{error}");
    let misuse = Misuse::WrongEnvironment { token: Environment::Staging, app: Environment::Production };
    assert_eq!(owner.set_user_token(kept_user_token()), Err(misuse.clone()));
    assert_eq!(owner.set_login(support::app().user_login("owner@example.com", "p").unwrap()), Err(misuse));
    assert!(!owner.has_user_token() && !owner.has_login());
}

#[test]
fn a_session_without_a_location_is_not_renewed() {
    let app = support::app();
    let mut session = Session::for_user(&app, kept_user_token()).unwrap();
    let mut owner = Owner::new(&app);
    owner.set_user_token(kept_user_token()).unwrap();
    let attempt = session.authorize(&mut call()).unwrap();
    let verdict = session.received(attempt, http::StatusCode::UNAUTHORIZED).unwrap();
    let Verdict::Acquire(renewal) = verdict else { panic!("{verdict:?}") };
    let error = renew(renewal, &mut session, &mut owner, |_| -> http::Response<String> { panic!("nothing is sent") })
        .unwrap_err();
    assert!(matches!(error.kind(), TokenErrorKind::NotEnabled) && error.location().is_none());
}
