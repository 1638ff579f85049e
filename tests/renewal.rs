//! What each outcome of a token request leads to, for whom, and what lets callers try again (Q12, Q17, Q18): by hand, with no client.
//! The table is `src/renewal.md`, which is part of the documentation.

#[path = "support/callers.rs"]
mod callers;
mod support;

use std::time::Duration;

use callers::{Callers, Outcome, SEND_AGAIN, WAITS, call, kept_user_token, location_token};
use location_auth::{
    App, Delivery, Environment, Fault, Misuse, Owner, RenewErrorKind, Renewing, Retry, Session, Step, TokenState, Turn,
    Verdict,
};
use support::{app, renew, settings_for, token_response};

const A: usize = 0;
const B: usize = 1;

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

/// Who the owner is before the request of the row.
#[derive(Clone, Copy)]
enum Before {
    /// No User Access Token, and a login: step 1 comes first.
    Login,
    /// A User Access Token that has worked, and a login.
    TokenAndLogin,
    /// A User Access Token that has worked, and nothing else.
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
            callers.answer(sender, Outcome::Token);
            assert_eq!(callers.advance(sender), "user token kept, sends step 2");
        }
        (callers, sender)
    }

    fn step(self) -> &'static str {
        if matches!(self, Self::Login) { "1" } else { "2" }
    }
}

/// What lets a caller try again who does not send, if anything does.
fn opened_by(stuck: impl Fn() -> Callers) -> String {
    let sends = |change: fn(&mut Callers)| {
        let mut callers = stuck();
        change(&mut callers);
        callers.advance_new(A).starts_with("sends step")
    };
    let renews = || {
        let mut callers = stuck();
        callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
        let caller = callers.enter_with_newest(A);
        callers.advance(caller).starts_with("sends step")
    };
    if sends(|_| {}) {
        return "nothing stops them".into();
    }
    let ways = [
        ("time", sends(|callers| callers.now += SECONDS(30))),
        ("`set_login`", sends(Callers::set_login)),
        ("`set_user_token`", sends(|callers| callers.owner.set_user_token(kept_user_token()).unwrap())),
        ("`Session::set_location_token`", renews()),
    ];
    ways.iter().filter(|(_, opens)| *opens).map(|(way, _)| *way).collect::<Vec<_>>().join(", ")
}

fn row(start: fn() -> Callers, name: &str, before: Before, outcome: Outcome) -> String {
    let after = || {
        let (mut callers, sender) = before.of(start);
        callers.answer(sender, outcome);
        let state = if matches!(outcome, Outcome::Dropped) { "is gone".into() } else { callers.advance(sender) };
        (callers, state)
    };
    let state = after().1;
    let beside = |place| {
        let (mut callers, sender) = before.of(start);
        let other = callers.enter(place);
        callers.advance(other);
        callers.answer(sender, outcome);
        if !matches!(outcome, Outcome::Dropped) {
            callers.advance(sender);
        }
        callers.advance(other)
    };
    let goes_on = state.contains("sends") || state == WAITS;
    let later = after().0.advance_new(A);
    let twice = || {
        let (mut callers, _) = after();
        callers.renew(A, outcome);
        callers
    };
    let repeats = later == format!("sends step {}", before.step());
    let third = if repeats { twice().advance_new(A) } else { "–".into() };
    let opened = match (goes_on, repeats) {
        (true, _) => "–".into(),
        (false, true) => opened_by(twice),
        (false, false) => opened_by(|| after().0),
    };
    let other = after().0.advance_new(B);
    let cells = [before.step().into(), state, beside(A), beside(B), later, third, other, opened];
    format!("| {name} | {} |\n", cells.join(" | "))
}

fn table(start: fn() -> Callers) -> String {
    use Before::{Login, NewToken, Token, TokenAndLogin};
    let html = "<html>Sign in</html>";
    let outcomes = [
        ("a token", Outcome::Token),
        ("403", Outcome::Status(403)),
        ("404", Outcome::Status(404)),
        ("302", Outcome::Status(302)),
        ("200, HTML", Outcome::Body(200, html)),
        ("200, no token", Outcome::Body(200, "{}")),
        ("407", Outcome::Status(407)),
        ("408", Outcome::Status(408)),
        ("425", Outcome::Status(425)),
        ("429", Outcome::Status(429)),
        ("429, wait 30 s", Outcome::Wait(429, 30)),
        ("500", Outcome::Status(500)),
        ("502", Outcome::Status(502)),
        ("503", Outcome::Status(503)),
        ("503, wait 30 s", Outcome::Wait(503, 30)),
        ("none, `NotSent`", Outcome::Nothing(Delivery::NotSent)),
        ("none, `Unsendable`", Outcome::Nothing(Delivery::Unsendable)),
        ("none, `Unknown`", Outcome::Nothing(Delivery::Unknown)),
        ("dropped in flight", Outcome::Dropped),
    ];
    let mut table = String::from(
        "| outcome | of step | who sent it | who waits for the same Location | who began at the other Location | who comes later | \
         who comes after the same again | who comes later, at the other Location | what lets callers try again |\n",
    ) + "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    let mut add = |name: &str, before, outcome| table += &row(start, name, before, outcome);
    add("401", Login, Outcome::Status(401));
    for (name, outcome) in outcomes {
        add(name, Login, outcome);
    }
    add("401, the user token had worked, there is a login", TokenAndLogin, Outcome::Status(401));
    add("401, the user token had worked, there is no login", Token, Outcome::Status(401));
    add("401, the user token is new", NewToken, Outcome::Status(401));
    for (name, outcome) in outcomes {
        add(name, TokenAndLogin, outcome);
    }
    table
}

#[test]
fn every_outcome_of_a_token_request_has_the_documented_effect() {
    support::is_documented("src/renewal.md", "| outcome", &table(Callers::new));
}

#[test]
fn every_outcome_has_the_same_effect_for_a_first_token() {
    assert_eq!(table(Callers::without_tokens), table(Callers::new));
}

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
fn a_first_token_that_does_not_work_costs_no_second_one() {
    let mut callers = Callers::without_tokens().with_token();
    assert_eq!(callers.renew(A, TOKEN), "token kept, sends the call again");
    let caller = callers.enter_with_newest(A);
    assert_eq!(callers.advance(caller), "`InVain` at step 2, final");
}

#[test]
fn what_stops_a_first_token_is_in_the_state_of_its_session() {
    let state = |callers: &Callers| callers.sessions[A].state(&callers.owner);
    let mut callers = Callers::without_tokens().with_login();
    assert!(matches!(state(&callers), TokenState::NoToken));
    callers.renew(A, Outcome::Status(503));
    assert!(matches!(state(&callers), TokenState::NoToken), "the next caller may try");
    callers.renew(A, Outcome::Status(401));
    let TokenState::Stopped(error) = state(&callers) else { panic!("the login was refused") };
    assert!(error.to_string().starts_with("there is no access token of Location loc-0 yet, and getting one failed: "));
    callers.set_login();
    callers.renew(A, UNKNOWN);
    callers.renew(A, UNKNOWN);
    assert!(matches!(state(&callers), TokenState::InDoubt));
    callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    assert!(matches!(state(&callers), TokenState::Present));
}

#[test]
fn a_first_token_that_the_program_sets_ends_the_renewal_before_its_next_request() {
    let mut callers = Callers::without_tokens().with_login();
    let sender = callers.enter(A);
    assert_eq!(callers.advance(sender), "sends step 1");
    callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), format!("user token kept, {SEND_AGAIN}"));
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

const UNKNOWN: Outcome = Outcome::Nothing(Delivery::Unknown);
const TOKEN: Outcome = Outcome::Token;

#[test]
fn at_most_two_unknown_outcomes_follow_each_other_whatever_their_kind() {
    let unknown = [UNKNOWN, Outcome::Dropped, Outcome::Status(408), Outcome::Status(500)];
    for before in [Before::Login, Before::TokenAndLogin] {
        for (first, second) in unknown.iter().flat_map(|first| unknown.map(|second| (*first, second))) {
            let (mut callers, sender) = before.callers();
            callers.renew_as(sender, first);
            // What never reached the service between them is no end of the row.
            callers.renew(A, Outcome::Nothing(Delivery::NotSent));
            callers.renew(A, Outcome::Status(503));
            callers.renew(A, second);
            let step = before.step();
            assert_eq!(callers.advance_new(A), format!("`InDoubt` at step {step}, final"), "{first:?}, {second:?}");
            assert!(matches!(callers.sessions[A].state(&callers.owner), TokenState::InDoubt));
            assert_eq!(callers.owner.in_doubt(), step == "1");
        }
    }
}

#[test]
fn an_unknown_outcome_counts_until_a_new_token_has_worked() {
    // A Location's.
    let mut callers = Callers::new().with_token();
    callers.renew(A, UNKNOWN);
    assert_eq!(callers.renew(A, TOKEN), "token kept, sends the call again");
    callers.answered(A, 200);
    for outcome in [UNKNOWN, UNKNOWN] {
        let caller = callers.enter_with_newest(A);
        callers.renew_as(caller, outcome);
    }
    let caller = callers.enter_with_newest(A);
    assert_eq!(callers.advance(caller), "`InDoubt` at step 2, final", "two more, and no third");

    // An owner's: its token has worked once it was exchanged for one, and no other answer shows that.
    for answer in [200, 302, 403, 404, 422, 429, 503].map(Outcome::Status) {
        let mut callers = Callers::new().with_login();
        callers.renew(A, UNKNOWN);
        let sender = callers.enter(A);
        assert_eq!(callers.renew_as(sender, TOKEN), "user token kept, sends step 2");
        callers.answer(sender, answer);
        let rejected = callers.enter(B);
        assert_eq!(callers.renew_as(rejected, Outcome::Status(401)), "`InVain` at step 1, final", "{answer:?}");
    }
    let mut callers = Callers::new().with_login();
    callers.renew(A, UNKNOWN);
    let sender = callers.enter(A);
    callers.renew_as(sender, TOKEN);
    callers.answer(sender, TOKEN);
    let rejected = callers.enter(B);
    assert_eq!(callers.renew_as(rejected, Outcome::Status(401)), "sends step 1");
    callers.answer(rejected, UNKNOWN);
    callers.renew(B, UNKNOWN);
    assert_eq!(callers.advance_new(B), "`InDoubt` at step 1, final", "two more, and no third");
}

#[test]
fn a_new_token_that_is_rejected_before_it_has_worked_ends_the_renewals_whoever_reads_the_401() {
    for answered in [None, Some(403), Some(429), Some(503)] {
        let mut callers = Callers::new().with_token();
        callers.renew(A, TOKEN);
        if let Some(status) = answered {
            callers.answered(A, status);
        }
        let caller = callers.enter_with_newest(A);
        assert_eq!(callers.advance(caller), "`InVain` at step 2, final", "{answered:?}");
        assert!(matches!(callers.sessions[A].state(&callers.owner), TokenState::Stopped(_)));
        assert_eq!(callers.advance_new(B), "sends step 2", "the other Location is not concerned");
    }
}

#[test]
fn a_new_token_that_works_for_another_call_is_renewed_when_it_is_revoked() {
    for start in [Callers::new, Callers::without_tokens] {
        let mut callers = start().with_token();
        callers.renew(A, TOKEN);
        // A route that this token is not for, say.
        let caller = callers.enter_with_newest(A);
        assert_eq!(callers.advance(caller), "`InVain` at step 2, final");
        callers.answered(A, 200);
        assert!(matches!(callers.sessions[A].state(&callers.owner), TokenState::Present));
        let revoked = callers.enter_with_newest(A);
        assert_eq!(callers.renew_as(revoked, TOKEN), "token kept, sends the call again");
        // A second new token that is rejected at once: there is no third one, whatever other calls get.
        assert_eq!(callers.repeated(revoked, 401).as_deref(), Some("`InVain` at step 2, final"));
        callers.answered(A, 200);
        let caller = callers.enter_with_newest(A);
        assert_eq!(callers.advance(caller), "`InVain` at step 2, final");
    }
}

#[test]
fn a_token_that_is_set_before_the_first_one_is_requested_is_used() {
    let mut callers = Callers::without_tokens();
    let renewal = callers.sessions[A].first_token().unwrap();
    callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    let mut production = Owner::new(&App::new(settings_for(Environment::Production)).unwrap());
    let next = renewal.start(&mut callers.sessions[A], &mut production, callers.now);
    assert!(matches!(next, Renewing::Done(Ok(_))), "{next:?}");
}

#[test]
fn an_owners_own_error_speaks_of_no_locations_token() {
    let mut callers = Callers::without_tokens().with_login();
    callers.renew(A, Outcome::Status(401));
    let error = callers.owner.stopped().unwrap().to_string();
    assert!(error.starts_with("there is no new access token, and getting one failed: step 1 "), "{error}");
}

#[test]
fn a_slow_caller_with_an_old_401_repeats_with_the_newer_token_and_stops_no_renewal() {
    for has_worked in [false, true] {
        let mut callers = Callers::new().with_token();
        callers.renew(A, TOKEN);
        if has_worked {
            callers.answered(A, 200);
        }
        assert_eq!(callers.advance_new(A), SEND_AGAIN);
        assert!(matches!(callers.sessions[A].state(&callers.owner), TokenState::Present));
        if has_worked {
            let caller = callers.enter_with_newest(A);
            assert_eq!(callers.advance(caller), "sends step 2", "the token has worked, so it was revoked");
        }
    }
}

#[test]
fn callers_after_a_new_login_do_not_get_the_refusal_of_the_old_one() {
    for place in [A, B] {
        let mut callers = Callers::new().with_login();
        let sender = callers.enter(A);
        assert_eq!(callers.advance(sender), "sends step 1");
        let early = callers.enter(place);
        assert_eq!(callers.advance(early), WAITS);
        callers.set_login();
        let late = callers.enter(place);
        assert_eq!(callers.advance(late), WAITS);
        callers.answer(sender, Outcome::Status(401));
        assert_eq!(callers.advance(sender), "`Response` 401 at step 1, final");
        assert!(callers.owner.stopped().is_none(), "the new login was not refused");
        if place == B {
            assert_eq!(callers.advance(early), "`Response` 401 at step 1, final", "that caller waited for just this");
        }
        assert_eq!(callers.advance(late), "sends step 1", "Location {place}");
    }
}

#[test]
fn a_wait_that_the_service_asks_for_holds_for_the_next_callers_and_ends() {
    for (before, step) in [(Before::Login, 1), (Before::TokenAndLogin, 2)] {
        let (mut callers, sender) = before.callers();
        callers.now = SECONDS(100);
        callers.renew_as(sender, Outcome::Wait(503, 30));
        for (now, left) in [(100, 30), (110, 20), (129, 1)] {
            callers.now = SECONDS(now);
            assert_eq!(callers.advance_new(A), format!("`Postponed` {left} s at step {step}"));
        }
        callers.now = SECONDS(130);
        let next = callers.enter(A);
        assert_eq!(callers.advance(next), format!("sends step {step}"));
        callers.answer(next, Outcome::Wait(429, 30));
        callers.set_login();
        assert_eq!(callers.advance_new(A), format!("sends step {step}"), "credentials are set");
    }
}

#[test]
fn a_new_user_token_that_is_rejected_at_once_points_at_the_clients_credentials() {
    for start in [Callers::new, Callers::without_tokens] {
        let (mut callers, sender) = Before::NewToken.of(start);
        callers.answer(sender, Outcome::Status(401));
        let Renewing::Done(Err(error)) = callers.state(sender) else { panic!("it does not work") };
        assert!(error.to_string().contains(" is at fault: check the Client ID and the Client Secret; "), "{error}");
    }
}

#[test]
fn a_new_location_token_that_is_rejected_at_once_points_at_the_call() {
    let mut callers = Callers::new().with_token();
    callers.renew(A, TOKEN);
    let caller = callers.enter_with_newest(A);
    let Renewing::Done(Err(error)) = callers.state(caller) else { panic!("it does not work") };
    assert!(
        error.to_string().contains(" is at fault: check that the call is one that this token may make; "),
        "{error}"
    );
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
        let Renewing::Done(Err(error)) = callers.state(sender) else { panic!("there is no response") };
        assert_eq!((error.retry(), error.fault()), (retry, fault));
    }
}

#[test]
fn a_wait_is_the_fault_of_whom_the_response_blamed() {
    for (status, fault) in [(503, Fault::Service), (429, Fault::Caller)] {
        let mut callers = Callers::new().with_token();
        callers.renew(A, Outcome::Wait(status, 30));
        let later = callers.enter(A);
        let Renewing::Done(Err(error)) = callers.state(later) else { panic!("it is postponed") };
        assert_eq!((error.fault(), error.retry()), (fault, Retry::After(SECONDS(30))));
    }
}

#[test]
fn a_user_token_that_is_set_during_an_exchange_is_tried_before_any_login() {
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.owner.set_user_token(kept_user_token()).unwrap();
    callers.answer(sender, Outcome::Status(401));
    assert_eq!(callers.advance(sender), "sends step 2", "the new token is not the one that was rejected");
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "token kept, sends the call again");

    let (mut callers, sender) = Before::Login.callers();
    callers.owner.set_user_token(kept_user_token()).unwrap();
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "user token kept, sends step 2", "the new token is saved all the same");
    assert!(format!("{:?}", callers.owner).contains("works: true"), "the program's own token is the owner's");
}

#[test]
fn credentials_forgotten_during_a_renewal_are_not_used_and_their_token_is_not_lost() {
    let (mut callers, sender) = Before::Login.callers();
    callers.owner.forget();
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "user token kept, `NotEnabled`, final");
    assert_eq!(callers.store.len(), 1);
    assert!(!callers.owner.has_user_token() && !callers.owner.has_login());
    assert_eq!(callers.advance_new(A), "`NotEnabled`, final");

    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.owner.forget();
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "token kept, sends the call again");

    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.owner.forget();
    callers.answer(sender, Outcome::Status(401));
    assert_eq!(callers.advance(sender), "`NotEnabled`, final");
}

#[test]
fn a_token_whose_save_was_dropped_is_saved_by_the_next_renewal_without_a_request() {
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.answer(sender, TOKEN);
    callers.drop(sender);
    assert_eq!(callers.sessions[A].unsaved().unwrap().location().unwrap().as_str(), "loc-0");
    assert_eq!(callers.advance_new(A), "token kept, sends the call again");
    assert!(callers.sessions[A].unsaved().is_none());
    assert_eq!(callers.store.len(), 1);

    let (mut callers, sender) = Before::Login.callers();
    callers.answer(sender, TOKEN);
    callers.drop(sender);
    assert!(callers.owner.unsaved().unwrap().location().is_none());
    assert_eq!(callers.advance_new(B), "user token kept, sends step 2", "of whichever Location");
    assert!(callers.owner.unsaved().is_none());
}

#[test]
fn an_unsaved_user_token_is_saved_first_even_if_the_program_has_set_another() {
    let (mut callers, sender) = Before::Login.callers();
    callers.answer(sender, TOKEN);
    callers.drop(sender);
    callers.owner.set_user_token(kept_user_token()).unwrap();
    assert_eq!(callers.advance_new(B), "user token kept, sends step 2");
    assert!(callers.owner.unsaved().is_none());
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
fn a_renewal_is_refused_with_another_session_owner_or_environment() {
    let now = Duration::ZERO;
    let foreign = |next: Renewing| match next {
        Renewing::Done(Err(error)) => assert!(matches!(error.kind(), RenewErrorKind::Misuse(Misuse::ForeignAttempt))),
        next => panic!("{next:?}"),
    };
    let parts = || {
        let Callers { owner, sessions: [mut session, stranger], .. } = Callers::new().with_token();
        let attempt = session.authorize(&mut call()).unwrap();
        let verdict = session.received(attempt, http::StatusCode::UNAUTHORIZED).unwrap();
        let Verdict::Renew(renewal) = verdict else { panic!("there is no newer one") };
        (renewal, session, owner, stranger, Callers::new().with_token().owner)
    };
    let waiting = || {
        let (renewal, mut session, mut owner, stranger, other) = parts();
        let Renewing::AwaitTurn(waiting) = renewal.start(&mut session, &mut owner, now) else { panic!() };
        (waiting, session, owner, stranger, other)
    };
    let sending = || {
        let (waiting, mut session, mut owner, stranger, other) = waiting();
        let Renewing::SendToken(step) = waiting.granted(&mut session, &mut owner, now) else { panic!() };
        assert_eq!(step.step(), Step::LocationToken);
        (step, session, owner, stranger, other)
    };
    let (renewal, _, mut owner, mut stranger, _) = parts();
    foreign(renewal.start(&mut stranger, &mut owner, now));
    let (at, _, mut owner, mut stranger, _) = waiting();
    foreign(at.granted(&mut stranger, &mut owner, now));
    let (at, mut session, _, _, mut other) = waiting();
    foreign(at.granted(&mut session, &mut other, now));
    let (step, _, mut owner, mut stranger, _) = sending();
    foreign(step.received(&token_response("t"), &mut stranger, &mut owner, now));
    let (step, mut session, _, _, mut other) = sending();
    foreign(step.failed(Delivery::Unknown, &mut session, &mut other, now));
    let (step, mut session, mut owner, mut stranger, _) = sending();
    let Renewing::Keep(keep) = step.received(&token_response("t"), &mut session, &mut owner, now) else { panic!() };
    foreign(keep.kept(&mut stranger, &mut owner, now));

    let (renewal, mut session, ..) = parts();
    let production = App::new(settings_for(Environment::Production)).unwrap();
    let mut owner = Owner::new(&production);
    let misuse = Misuse::WrongEnvironment { token: Environment::Production, app: Environment::Staging };
    let error = renew(renewal, &mut session, &mut owner, |_| -> http::Response<String> { panic!("nothing is sent") })
        .unwrap_err();
    assert!(matches!(error.kind(), RenewErrorKind::Misuse(found) if *found == misuse), "{error}");
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
    let Verdict::Renew(renewal) = verdict else { panic!("{verdict:?}") };
    let error = renew(renewal, &mut session, &mut owner, |_| -> http::Response<String> { panic!("nothing is sent") })
        .unwrap_err();
    assert!(matches!(error.kind(), RenewErrorKind::NotEnabled) && error.location().is_none());
}

#[test]
fn a_route_that_always_answers_401_costs_two_tokens_even_if_other_routes_accept_each() {
    let mut callers = Callers::new().with_token();
    for round in 1..=20 {
        let caller = callers.enter_with_newest(A);
        if round > 2 {
            assert_eq!(callers.advance(caller), "`InVain` at step 2, final");
            continue;
        }
        assert_eq!(callers.renew_as(caller, TOKEN), "token kept, sends the call again");
        // Another call works with the new token before the repeat of this one meets its 401.
        callers.answered(A, 200);
        callers.repeated(caller, 401);
        callers.answered(A, 200);
    }
    callers.answered(A, 200);
    assert!(matches!(callers.sessions[A].state(&callers.owner), TokenState::Present), "the token works");
}

#[test]
fn a_token_that_is_revoked_repeatedly_is_renewed_as_long_as_each_new_one_works() {
    let mut callers = Callers::new().with_token();
    for _ in 0..20 {
        for status in [401, 200] {
            let caller = callers.enter_with_newest(A);
            assert_eq!(callers.renew_as(caller, TOKEN), "token kept, sends the call again");
            callers.answered(A, 200);
            callers.repeated(caller, status);
        }
    }
}

#[test]
fn credentials_that_are_set_again_are_tried_even_if_a_token_from_before_does_not_work() {
    // A User Access Token from before, which was never exchanged.
    for answers in [vec![UNKNOWN, UNKNOWN], vec![Outcome::Status(403)], vec![Outcome::Status(503)]] {
        let mut callers = Callers::new().with_login();
        let sender = callers.enter(A);
        assert_eq!(callers.renew_as(sender, TOKEN), "user token kept, sends step 2");
        callers.answer(sender, answers[0]);
        answers[1..].iter().for_each(|answer| drop(callers.renew(A, *answer)));
        callers.set_login();
        let next = callers.enter(A);
        assert_eq!(callers.renew_as(next, Outcome::Status(401)), "sends step 1", "{answers:?}");
    }
    // One that was not saved yet, or still on its way.
    for arrives_first in [true, false] {
        let (mut callers, sender) = Before::Login.callers();
        if arrives_first {
            callers.answer(sender, TOKEN);
            callers.set_login();
        } else {
            callers.set_login();
            callers.answer(sender, TOKEN);
        }
        assert_eq!(callers.advance(sender), "user token kept, sends step 2");
        callers.answer(sender, Outcome::Status(401));
        assert_eq!(callers.advance(sender), "sends step 1", "arrives first: {arrives_first}");
    }
    // A Location's token that was not saved yet.
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.answer(sender, TOKEN);
    callers.drop(sender);
    callers.set_login();
    let next = callers.enter(A);
    assert_eq!(callers.advance(next), "token kept, sends the call again");
    callers.repeated(next, 401);
    let next = callers.enter_with_newest(A);
    assert_eq!(callers.advance(next), "sends step 2", "the new login was not tried yet");
}

#[test]
fn new_tokens_from_new_credentials_still_end_the_renewals_if_they_do_not_work() {
    let mut callers = Callers::new().with_login();
    let sender = callers.enter(A);
    assert_eq!(callers.renew_as(sender, TOKEN), "user token kept, sends step 2");
    callers.set_login();
    callers.answer(sender, Outcome::Status(401));
    assert_eq!(callers.advance(sender), "sends step 1");
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "user token kept, sends step 2");
    callers.answer(sender, Outcome::Status(401));
    assert_eq!(callers.advance(sender), "`InVain` at step 1, final");
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
    assert!(matches!(callers.state(caller), Renewing::AwaitTurn(waiting) if waiting.turn() == Turn::Owner));
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
    for outcome in [Outcome::Status(401), Outcome::Status(403), Outcome::Wait(503, 30), UNKNOWN] {
        let (mut callers, sender) = Before::TokenAndLogin.callers();
        set(&mut callers);
        callers.answer(sender, outcome);
        assert_eq!(callers.advance(sender), SEND_AGAIN, "{outcome:?}");
    }
}

#[test]
fn a_wait_that_the_service_asks_for_after_new_credentials_holds_as_well() {
    for (before, step) in [(Before::Login, 1), (Before::TokenAndLogin, 2)] {
        for outcome in [Outcome::Wait(503, 30), Outcome::Wait(429, 30)] {
            let (mut callers, sender) = before.callers();
            callers.set_login();
            callers.answer(sender, outcome);
            callers.advance(sender);
            assert_eq!(callers.advance_new(A), format!("`Postponed` 30 s at step {step}"), "{outcome:?}");
            callers.now = SECONDS(30);
            assert_eq!(callers.advance_new(A), format!("sends step {step}"));
        }
    }
}

#[test]
fn another_owner_with_new_credentials_clears_what_stopped_the_location() {
    let mut callers = Callers::new().with_token();
    callers.renew(A, Outcome::Status(403));
    assert_eq!(callers.advance_new(A), "`Response` 403 at step 2, final");
    callers.owner = Callers::new().with_token().owner;
    assert_eq!(callers.advance_new(A), "sends step 2");
}

#[test]
fn a_slow_callers_second_401_does_not_count_as_a_new_token_that_did_not_help() {
    let mut callers = Callers::new().with_token();
    for round in 0..3 {
        let slow = callers.sessions[A].authorize(&mut call()).unwrap();
        let revoked = callers.enter_with_newest(A);
        assert_eq!(callers.renew_as(revoked, TOKEN), "token kept, sends the call again", "{round}");
        // Its call is not made again.
        callers.drop(revoked);
        callers.answered(A, 200);
        let next = callers.enter_with_newest(A);
        // The token that the slow caller sends its call again with was revoked, too.
        let slow = callers.enter_with(A, slow);
        callers.repeated(slow, 401);
        assert_eq!(callers.renew_as(next, TOKEN), "token kept, sends the call again", "{round}");
        callers.drop(next);
        callers.answered(A, 200);
    }
}

#[test]
fn a_token_from_before_new_credentials_stops_no_renewal_and_clears_no_doubt() {
    let with_unproven_token = || {
        let mut callers = Callers::new().with_token();
        callers.renew(A, TOKEN);
        callers.set_login();
        callers
    };
    // Requests that show nothing.
    for outcome in [Outcome::Status(503), Outcome::Status(407), Outcome::Nothing(Delivery::NotSent), UNKNOWN] {
        let mut callers = with_unproven_token();
        let caller = callers.enter_with_newest(A);
        callers.renew_as(caller, outcome);
        let next = callers.enter_with_newest(A);
        assert_eq!(callers.advance(next), "sends step 2", "{outcome:?}");
    }
    // Another caller, before the new credentials are used, and while they are.
    for sends in [false, true] {
        let mut callers = with_unproven_token();
        let first = callers.enter_with_newest(A);
        if sends {
            assert_eq!(callers.advance(first), "sends step 2");
        }
        let second = callers.enter_with_newest(A);
        assert_eq!(callers.advance(first), "sends step 2");
        assert_eq!(callers.advance(second), WAITS);
        callers.answer(first, TOKEN);
        assert_eq!(callers.advance(first), "token kept, sends the call again");
        assert_eq!(callers.repeated(first, 200), None);
        callers.answered(A, 200);
        let later = callers.enter_with_newest(A);
        assert_eq!(callers.advance(later), "sends step 2", "the newest token had worked");
    }
    // It works after all, which says nothing about the requests since.
    let mut callers = with_unproven_token();
    for _ in 0..2 {
        let caller = callers.enter_with_newest(A);
        callers.renew_as(caller, UNKNOWN);
        callers.answered(A, 200);
    }
    let third = callers.enter_with_newest(A);
    assert_eq!(callers.advance(third), "`InDoubt` at step 2, final");
}

#[test]
fn a_location_that_alone_gets_401_at_step_2_costs_one_login_and_stops_alone() {
    let mut callers = Callers::new().with_login().with_token();
    let refused = callers.enter(A);
    assert_eq!(callers.renew_as(refused, Outcome::Status(401)), "sends step 1");
    callers.answer(refused, TOKEN);
    assert_eq!(callers.advance(refused), "user token kept, sends step 2");
    // The new User Access Token works for the other Location.
    assert_eq!(callers.renew(B, TOKEN), "token kept, sends the call again");
    callers.answer(refused, Outcome::Status(401));
    assert_eq!(callers.advance(refused), "`Response` 401 at step 2, final");
    assert_eq!(callers.advance_new(A), "`Response` 401 at step 2, final");
    callers.answered(B, 200);
    let other = callers.enter_with_newest(B);
    assert_eq!(callers.advance(other), "sends step 2");
    callers.set_login();
    assert_eq!(callers.advance_new(A), "sends step 2");
}

#[test]
fn a_token_for_a_user_token_that_was_refused_meanwhile_clears_no_doubt() {
    let mut callers = Callers::new().with_login().with_token();
    let (first, slow) = (callers.enter(A), callers.enter(B));
    assert_eq!(callers.advance(slow), "sends step 2");
    assert_eq!(callers.renew_as(first, Outcome::Status(401)), "sends step 1");
    callers.answer(first, UNKNOWN);
    callers.answer(slow, TOKEN);
    assert_eq!(callers.advance(slow), "token kept, sends the call again");
    assert_eq!(callers.renew(A, UNKNOWN), "`NoResponse(Unknown)` at step 1");
    assert_eq!(callers.advance_new(A), "`InDoubt` at step 1, final");
}

#[test]
fn callers_who_waited_when_credentials_were_set_share_the_failure_of_a_request_with_these() {
    let mut callers = Callers::new().with_login().with_token();
    let sender = callers.enter(A);
    assert_eq!(callers.advance(sender), "sends step 2");
    let waiting = [callers.enter(A), callers.enter(A)];
    waiting.iter().for_each(|waiting| assert_eq!(callers.advance(*waiting), WAITS));
    callers.set_login();
    callers.answer(sender, Outcome::Status(401));
    assert_eq!(callers.advance(sender), "sends step 1");
    callers.answer(sender, TOKEN);
    assert_eq!(callers.advance(sender), "user token kept, sends step 2");
    callers.answer(sender, Outcome::Status(503));
    for caller in [sender, waiting[0], waiting[1]] {
        assert_eq!(callers.advance(caller), "`Response` 503 at step 2");
    }
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
fn the_second_new_token_in_a_row_that_does_not_help_is_reported_as_final() {
    let mut callers = Callers::new().with_token();
    for error in ["`RejectedAgain` at step 2", "`InVain` at step 2, final"] {
        let caller = callers.enter_with_newest(A);
        assert_eq!(callers.renew_as(caller, TOKEN), "token kept, sends the call again");
        callers.answered(A, 200);
        assert_eq!(callers.repeated(caller, 401).as_deref(), Some(error));
    }
}

#[test]
fn a_token_that_the_program_set_does_not_count_as_a_new_token_that_did_not_help() {
    let (mut callers, sender) = Before::TokenAndLogin.callers();
    callers.sessions[A].set_location_token(location_token(A, "set")).unwrap();
    callers.answer(sender, Outcome::Status(503));
    assert_eq!(callers.advance(sender), SEND_AGAIN);
    callers.repeated(sender, 401);
    callers.answered(A, 200);
    let next = callers.enter_with_newest(A);
    assert_eq!(callers.renew_as(next, TOKEN), "token kept, sends the call again");
    callers.answered(A, 200);
    assert_eq!(callers.repeated(next, 401).as_deref(), Some("`RejectedAgain` at step 2"));
    callers.answered(A, 200);
    let next = callers.enter_with_newest(A);
    assert_eq!(callers.advance(next), "sends step 2");
}
