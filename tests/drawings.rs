//! The drawings of a call and of a renewal in the documentation, and that of a call in the guide, are made here: from every way through the state
//! machines.
//! `UPDATE_TABLES=1 cargo test --test drawings` writes them anew.

#[path = "support/callers.rs"]
mod callers;
mod support;

use std::collections::BTreeSet;

use callers::{Callers, Outcome, call};
use http::{Response, StatusCode};
use location_auth::driver::{Acquiring, Call, CallFailure, Next, Turn};
use location_auth::{Delivery, Owner, Session, Step, TokenErrorKind};
use support::{app, location_token, token_response, user_token};

/// A state's name in the documentation, and its words in the guide.
type State = (&'static str, &'static str);

/// From a state to a state, and when.
struct Edge(State, &'static str, State);

const BEGIN: State = ("start", "a call");
const FIRST_TOKEN: State = ("Acquire, first", "get the Location's first token");
const SEND: State = ("Send", "send the call");
const SEND_AGAIN: State = ("Send, last", "send the call for the last time, with the new token");
const ACQUIRE: State = ("Acquire", "get a new token");
const RESPONSE: State = ("Done(Ok)", "the response");
const NO_FIRST_TOKEN: State = ("Done(NoToken)", "NoToken");
const TOKEN_REJECTED: State = ("Done(TokenRejected)", "TokenRejected");
const NOT_REPEATED: State = ("Done(NotRepeated)", "NotRepeated");

const CALL: &[Edge] = &[
    Edge(BEGIN, "the session needs no first token", SEND),
    Edge(BEGIN, "the Location has no token yet", FIRST_TOKEN),
    Edge(FIRST_TOKEN, "a token", SEND_AGAIN),
    Edge(FIRST_TOKEN, "no token", NO_FIRST_TOKEN),
    Edge(SEND, "any status except 401", RESPONSE),
    Edge(SEND, "401, and there is a newer token", SEND_AGAIN),
    Edge(SEND, "the same, but the body can't be sent again", NOT_REPEATED),
    Edge(SEND, "401, and there is no newer token", ACQUIRE),
    Edge(ACQUIRE, "a new token", SEND_AGAIN),
    Edge(ACQUIRE, "the same, but the body can't be sent again", NOT_REPEATED),
    Edge(ACQUIRE, "no new token", TOKEN_REJECTED),
    Edge(SEND_AGAIN, "any status except 401", RESPONSE),
    Edge(SEND_AGAIN, "401", TOKEN_REJECTED),
];

const START: State = ("start", "");
const AWAIT_LOCATION: State = ("AwaitTurn(Location)", "");
const AWAIT_OWNER: State = ("AwaitTurn(Owner)", "");
const OPEN_LOCATION: State = ("OpenRecord(Location)", "");
const OPEN_OWNER: State = ("OpenRecord(owner)", "");
const COUNT_1: State = ("WriteRecord(count 1)", "");
const COUNT_2: State = ("WriteRecord(count 2)", "");
const STEP_1: State = ("SendToken(step 1)", "");
const STEP_2: State = ("SendToken(step 2)", "");
const SAVE_LOCATION: State = ("WriteRecord(token 2)", "");
const SAVE_OWNER: State = ("WriteRecord(token 1)", "");
const OUTCOME_1: State = ("WriteRecord(outcome 1)", "");
const OUTCOME_2: State = ("WriteRecord(outcome 2)", "");
const NEW_TOKEN: State = ("Done(Ok)", "");
const NO_TOKEN: State = ("Done(Err)", "");

const ACQUISITION: &[Edge] = &[
    Edge(START, "a call got a 401, or the Location has no token yet", AWAIT_LOCATION),
    Edge(AWAIT_LOCATION, "another caller got a new token", NEW_TOKEN),
    Edge(AWAIT_LOCATION, "another caller's request failed", NO_TOKEN),
    Edge(AWAIT_LOCATION, "neither", OPEN_LOCATION),
    Edge(OPEN_LOCATION, "the record has another token", NEW_TOKEN),
    Edge(OPEN_LOCATION, "a pause is not over, or the store fails", NO_TOKEN),
    Edge(OPEN_LOCATION, "a caller was dropped before its token was saved", SAVE_LOCATION),
    Edge(OPEN_LOCATION, "the owner has a token", COUNT_2),
    Edge(OPEN_LOCATION, "the owner has none", AWAIT_OWNER),
    Edge(COUNT_2, "the request is counted", STEP_2),
    Edge(COUNT_2, "the store fails", NO_TOKEN),
    Edge(STEP_2, "a token", SAVE_LOCATION),
    Edge(STEP_2, "no token, and that changes the count", OUTCOME_2),
    Edge(STEP_2, "no token, and the count stays", NO_TOKEN),
    Edge(OUTCOME_2, "401: the owner's token was revoked", AWAIT_OWNER),
    Edge(OUTCOME_2, "any other", NO_TOKEN),
    Edge(SAVE_LOCATION, "it is saved, or the store has failed twice", NEW_TOKEN),
    Edge(SAVE_LOCATION, "the store fails for the first time", OPEN_LOCATION),
    Edge(AWAIT_OWNER, "another caller has logged in", OPEN_LOCATION),
    Edge(AWAIT_OWNER, "another caller's login failed", NO_TOKEN),
    Edge(AWAIT_OWNER, "neither", OPEN_OWNER),
    Edge(OPEN_OWNER, "the record has another token", OPEN_LOCATION),
    Edge(OPEN_OWNER, "a pause is not over, there is no login, or the store fails", NO_TOKEN),
    Edge(OPEN_OWNER, "a caller was dropped before its token was saved", SAVE_OWNER),
    Edge(OPEN_OWNER, "the owner has a login", COUNT_1),
    Edge(COUNT_1, "the request is counted", STEP_1),
    Edge(COUNT_1, "the store fails", NO_TOKEN),
    Edge(STEP_1, "a token", SAVE_OWNER),
    Edge(STEP_1, "no token, and that changes the count", OUTCOME_1),
    Edge(STEP_1, "no token, and the count stays", NO_TOKEN),
    Edge(OUTCOME_1, "always", NO_TOKEN),
    Edge(SAVE_OWNER, "it is saved, or the store has failed twice", OPEN_LOCATION),
    Edge(SAVE_OWNER, "the store fails for the first time", OPEN_OWNER),
];

/// As lines of text, each state once on its left.
fn lines(edges: &[Edge]) -> String {
    let width = |of: fn(&Edge) -> &str| edges.iter().map(|edge| of(edge).len()).max().unwrap();
    let (states, whens) = (width(|Edge(from, ..)| from.0), width(|Edge(_, when, _)| when));
    let mut text = String::from("```text\n");
    let mut last = "";
    for Edge(from, when, to) in edges {
        let name = if from.0 == last { "" } else { from.0 };
        last = from.0;
        text += format!("{name:states$} ─ {when:whens$} ─▶ {}", to.0).trim_end();
        text += "\n";
    }
    text + "```\n"
}

fn is_drawn(edges: &[Edge], documentation: &str) {
    let file = format!("{}/{documentation}", env!("CARGO_MANIFEST_DIR"));
    let (documented, made) = (std::fs::read_to_string(&file).unwrap_or_default(), lines(edges));
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(file, made).unwrap();
    } else {
        assert!(documented == made, "{file} is not what is made here:\n{made}");
    }
}

/// All that was walked is drawn, and all that is drawn was walked.
fn are_walked(edges: &[Edge], walked: &BTreeSet<(&str, &str)>) {
    let drawn = edges.iter().map(|Edge(from, _, to)| (from.0, to.0)).collect();
    assert_eq!(*walked, drawn);
}

/// What happens next to a caller.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    /// Its request gets a token; or it is its turn; or the store does what it is asked.
    GoesOn,
    Unauthorized,
    Forbidden,
    NoAnswer,
    /// It is its turn, after another caller whose requests got a token each.
    AfterAnother,
    /// It is its turn, after another caller whose request was refused.
    AfterARefusal,
    /// It is its turn, after another caller who was dropped before the store had the token.
    AfterADrop,
    /// Another process has written a token to the record.
    OtherToken,
    StoreFails,
}

fn events(of: &Acquiring) -> &'static [Event] {
    match of {
        Acquiring::AwaitTurn(_) => &[Event::GoesOn, Event::AfterAnother, Event::AfterARefusal, Event::AfterADrop],
        Acquiring::OpenRecord(_) => &[Event::GoesOn, Event::OtherToken, Event::StoreFails],
        Acquiring::SendToken(_) => &[Event::GoesOn, Event::Unauthorized, Event::Forbidden, Event::NoAnswer],
        Acquiring::WriteRecord(_) => &[Event::GoesOn, Event::StoreFails],
        Acquiring::Done(_) => &[],
    }
}

/// Another caller is first, until this is met.
fn another(callers: &mut Callers, place: usize, event: Event) {
    let other = callers.enter(place);
    loop {
        match (callers.state(other), event) {
            (Acquiring::Done(_), _) => return,
            (Acquiring::WriteRecord(write), Event::AfterADrop) if write.saves_token() => return callers.drop(other),
            (Acquiring::SendToken(_), Event::AfterARefusal) => callers.answer(other, Outcome::Status(403)),
            (Acquiring::SendToken(_), _) => callers.answer(other, Outcome::Token),
            _ => callers.go_on(other),
        }
    }
}

/// One state further, for the caller at Location 0.
fn step(callers: &mut Callers, caller: usize, event: Event) {
    if let (Acquiring::AwaitTurn(waiting), Event::AfterAnother | Event::AfterARefusal | Event::AfterADrop) =
        (callers.state(caller), event)
    {
        // For the owner's turn it competes with callers of other Locations.
        let place = if waiting.turn() == Turn::Location { 0 } else { 1 };
        another(callers, place, event);
    }
    let outcome = match event {
        Event::StoreFails => return callers.store_fails(caller),
        Event::OtherToken => {
            callers.other_process_saves(caller);
            return callers.go_on(caller);
        }
        _ if !matches!(callers.state(caller), Acquiring::SendToken(_)) => return callers.go_on(caller),
        Event::Unauthorized => Outcome::Status(401),
        Event::Forbidden => Outcome::Status(403),
        Event::NoAnswer => Outcome::Nothing(Delivery::Unknown),
        _ => Outcome::Token,
    };
    callers.answer(caller, outcome);
}

fn state_of(from: State, next: &Acquiring) -> State {
    match next {
        Acquiring::AwaitTurn(waiting) if waiting.turn() == Turn::Location => AWAIT_LOCATION,
        Acquiring::AwaitTurn(_) => AWAIT_OWNER,
        Acquiring::OpenRecord(open) if open.key().location().is_some() => OPEN_LOCATION,
        Acquiring::OpenRecord(_) => OPEN_OWNER,
        Acquiring::SendToken(step) if step.step() == Step::UserToken => STEP_1,
        Acquiring::SendToken(_) => STEP_2,
        Acquiring::WriteRecord(write) => match (write.saves_token(), write.key().location().is_some(), from) {
            (true, true, _) => SAVE_LOCATION,
            (true, false, _) => SAVE_OWNER,
            (false, true, OPEN_LOCATION) => COUNT_2,
            (false, false, OPEN_OWNER) => COUNT_1,
            (false, true, _) => OUTCOME_2,
            (false, false, _) => OUTCOME_1,
        },
        Acquiring::Done(Ok(_)) => NEW_TOKEN,
        Acquiring::Done(Err(_)) => NO_TOKEN,
    }
}

/// Goes this way and then every way on with three events that are not as they should be, and notes the edges.
fn walk(start: fn() -> Callers, way: &mut Vec<Event>, walked: &mut BTreeSet<(&'static str, &'static str)>) {
    let mut callers = start();
    callers.store_gives_turns();
    let caller = callers.enter(0);
    let mut edge = (START, state_of(START, callers.state(caller)));
    for event in way.iter() {
        step(&mut callers, caller, *event);
        edge = (edge.1, state_of(edge.1, callers.state(caller)));
    }
    walked.insert((edge.0.0, edge.1.0));
    assert!(way.len() < 30, "a renewal ends");
    let is_unusual = |event: &Event| *event != Event::GoesOn;
    let unusual = way.iter().filter(|event| is_unusual(event)).count();
    for event in events(callers.state(caller)).iter().filter(|event| unusual < 3 || !is_unusual(event)) {
        way.push(*event);
        walk(start, way, walked);
        way.pop();
    }
}

#[test]
fn the_drawing_of_a_renewal_shows_every_way_through_it() {
    let mut walked = BTreeSet::new();
    let starts: [fn() -> Callers; 6] = [
        Callers::new,
        || Callers::new().with_token(),
        || Callers::new().with_login(),
        || Callers::new().with_login().with_token(),
        Callers::without_tokens,
        || Callers::without_tokens().with_login().with_token(),
    ];
    for start in starts {
        walk(start, &mut vec![], &mut walked);
    }
    are_walked(ACQUISITION, &walked);
    is_drawn(ACQUISITION, "src/acquisition_states.md");
}

#[test]
fn the_drawing_of_a_call_shows_every_way_through_it() {
    let mut walked = BTreeSet::new();
    for (can_repeat, has_newer, renews, is_first, statuses) in (0..64).map(|bits: u8| {
        let is = |bit: u8| bits & (1 << bit) != 0;
        (is(0), is(1), is(2), is(3), [is(4), is(5)].map(|ok| if ok { 200 } else { 401 }))
    }) {
        let app = app();
        let mut session = match is_first {
            true => app.location("loc-1").unwrap().session(),
            false => Session::for_location(&app, location_token(&app)).unwrap(),
        };
        let call = if can_repeat { Call::new(call()) } else { Call::once(call()) };
        let mut next: Next<(), ()> = call.start(&session);
        let (mut from, mut statuses) = (BEGIN, statuses.into_iter());
        loop {
            let to = call_state_of(from, &next);
            walked.insert((from.0, to.0));
            from = to;
            next = match next {
                Next::Send(call) => {
                    let (_, sent) = call.authorize(&session).unwrap();
                    if has_newer && from == SEND {
                        session.set_location_token(location_token(&app)).unwrap();
                    }
                    let status = StatusCode::from_u16(statuses.next().unwrap()).unwrap();
                    let answer = Response::builder().status(status).body(()).unwrap();
                    sent.received(answer, &mut session).unwrap()
                }
                Next::Acquire(renewal, call) => {
                    let mut owner = Owner::new(&app);
                    if renews {
                        owner.set_user_token(user_token(&app)).unwrap();
                    }
                    let result = support::renew(renewal, &mut session, &mut owner, |_| token_response("t-2"));
                    assert_eq!(result.is_ok(), renews);
                    call.acquired(result).into()
                }
                Next::Done(_) => break,
            };
        }
    }
    are_walked(CALL, &walked);
    is_drawn(CALL, "src/call_states.md");
}

fn call_state_of(from: State, next: &Next<(), ()>) -> State {
    match next {
        Next::Send(_) if from == BEGIN => SEND,
        Next::Send(_) => SEND_AGAIN,
        Next::Acquire(..) if from == BEGIN => FIRST_TOKEN,
        Next::Acquire(..) => ACQUIRE,
        Next::Done(Ok(_)) => RESPONSE,
        Next::Done(Err(CallFailure::TokenRejected { error, .. })) => {
            assert!(!matches!(error.kind(), TokenErrorKind::Misuse(_)));
            TOKEN_REJECTED
        }
        Next::Done(Err(CallFailure::NoToken { .. })) => NO_FIRST_TOKEN,
        Next::Done(Err(CallFailure::NotRepeated { .. })) => NOT_REPEATED,
    }
}
