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

const START: State = ("start", "a call got a 401, or the Location has no token yet");
const AWAIT_LOCATION: State = ("AwaitTurn(Location)", "wait for the Location's turn");
const AWAIT_OWNER: State = ("AwaitTurn(Owner)", "wait for the owner's turn");
const STEP_1: State = ("SendToken(step 1)", "step 1: send the login");
const STEP_2: State = ("SendToken(step 2)", "step 2: send the User Access Token");
const KEEP_LOCATION: State = ("Keep(Location's)", "save the Location's token");
const KEEP_OWNER: State = ("Keep(owner's)", "save the owner's token");
const NEW_TOKEN: State = ("Done(Ok)", "a new token");
const NO_TOKEN: State = ("Done(Err)", "no new token");

const ACQUISITION: &[Edge] = &[
    Edge(START, "the owner can renew", AWAIT_LOCATION),
    Edge(START, "the owner can't renew, or must not", NO_TOKEN),
    Edge(AWAIT_LOCATION, "another caller got a new token", NEW_TOKEN),
    Edge(AWAIT_LOCATION, "another caller's request failed", NO_TOKEN),
    Edge(AWAIT_LOCATION, "another caller got a new token, and was dropped before the token was saved", KEEP_LOCATION),
    Edge(AWAIT_LOCATION, "the owner has a token", STEP_2),
    Edge(AWAIT_LOCATION, "the owner has a login alone", AWAIT_OWNER),
    Edge(STEP_2, "a token", KEEP_LOCATION),
    Edge(STEP_2, "401, and the owner has a login", AWAIT_OWNER),
    Edge(STEP_2, "any other response, or none", NO_TOKEN),
    Edge(AWAIT_OWNER, "another caller has logged in", STEP_2),
    Edge(AWAIT_OWNER, "another caller's login failed", NO_TOKEN),
    Edge(AWAIT_OWNER, "another caller has logged in, and was dropped before the token was saved", KEEP_OWNER),
    Edge(AWAIT_OWNER, "nobody has logged in", STEP_1),
    Edge(STEP_1, "a token", KEEP_OWNER),
    Edge(STEP_1, "any other response, or none", NO_TOKEN),
    Edge(KEEP_OWNER, "always", STEP_2),
    Edge(KEEP_LOCATION, "always", NEW_TOKEN),
];

/// As a diagram, which begins at the first state and ends at those that nothing leaves.
fn mermaid(edges: &[Edge]) -> String {
    let states: BTreeSet<State> = edges.iter().flat_map(|Edge(from, _, to)| [*from, *to]).collect();
    let id = |state: State| state.0.replace(|letter: char| !letter.is_alphanumeric(), "");
    let mut text = String::from("stateDiagram-v2\n");
    for state in &states {
        text += &format!("    state \"{}\" as {}\n", state.1, id(*state));
    }
    text += &format!("    [*] --> {}\n", id(edges[0].0));
    for Edge(from, when, to) in edges {
        let when = if *when == "always" { String::new() } else { format!(": {when}") };
        text += &format!("    {} --> {}{when}\n", id(*from), id(*to));
    }
    for state in states.iter().filter(|state| edges.iter().all(|Edge(from, ..)| from != *state)) {
        text += &format!("    {} --> [*]\n", id(*state));
    }
    text
}

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

fn compare(documented: &str, made: &str, file: &str, whole: impl Fn(&str) -> String) {
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(file, whole(made)).unwrap();
    } else {
        assert!(documented == made, "{file} is not what is made here:\n{made}");
    }
}

/// The guide has this diagram behind its heading.
fn is_drawn(heading: &str, edges: &[Edge]) {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/guide/rejected-token.md");
    let page = std::fs::read_to_string(guide).unwrap();
    let begin = page.find(heading).unwrap();
    let begin = begin + page[begin..].find("```mermaid\n").unwrap() + "```mermaid\n".len();
    let end = begin + page[begin..].find("```").unwrap();
    compare(&page[begin..end], &mermaid(edges), guide, |made| format!("{}{made}{}", &page[..begin], &page[end..]));
}

/// The documentation has it as text.
fn is_documented(edges: &[Edge], file: &str) {
    let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    compare(&std::fs::read_to_string(&file).unwrap_or_default(), &lines(edges), &file, str::to_owned);
}

/// All that was walked is drawn, and all that is drawn was walked.
fn are_walked(edges: &[Edge], walked: &BTreeSet<(&str, &str)>) {
    let drawn = edges.iter().map(|Edge(from, _, to)| (from.0, to.0)).collect();
    assert_eq!(*walked, drawn);
}

/// What happens next to a caller.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    /// Its request gets a token; or it is its turn; or the store has the token.
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
}

fn events(of: &Acquiring) -> &'static [Event] {
    match of {
        Acquiring::AwaitTurn(_) => &[Event::GoesOn, Event::AfterAnother, Event::AfterARefusal, Event::AfterADrop],
        Acquiring::SendToken(_) => &[Event::GoesOn, Event::Unauthorized, Event::Forbidden, Event::NoAnswer],
        Acquiring::Keep(_) => &[Event::GoesOn],
        Acquiring::Done(_) => &[],
    }
}

/// Another caller is first, until this is met.
fn another(callers: &mut Callers, place: usize, event: Event) {
    let other = callers.enter(place);
    loop {
        match (callers.state(other), event) {
            (Acquiring::Done(_), _) => return,
            (Acquiring::Keep(_), Event::AfterADrop) => return callers.drop(other),
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
    if !matches!(callers.state(caller), Acquiring::SendToken(_)) {
        return callers.go_on(caller);
    }
    let outcome = match event {
        Event::Unauthorized => Outcome::Status(401),
        Event::Forbidden => Outcome::Status(403),
        Event::NoAnswer => Outcome::Nothing(Delivery::Unknown),
        _ => Outcome::Token,
    };
    callers.answer(caller, outcome);
}

fn state_of(next: &Acquiring) -> State {
    match next {
        Acquiring::AwaitTurn(waiting) if waiting.turn() == Turn::Location => AWAIT_LOCATION,
        Acquiring::AwaitTurn(_) => AWAIT_OWNER,
        Acquiring::SendToken(step) if step.step() == Step::UserToken => STEP_1,
        Acquiring::SendToken(_) => STEP_2,
        Acquiring::Keep(keep) if keep.token().location().is_some() => KEEP_LOCATION,
        Acquiring::Keep(_) => KEEP_OWNER,
        Acquiring::Done(Ok(_)) => NEW_TOKEN,
        Acquiring::Done(Err(_)) => NO_TOKEN,
    }
}

/// Goes this way and then every way on, and notes the edges.
fn walk(start: fn() -> Callers, way: &mut Vec<Event>, walked: &mut BTreeSet<(&'static str, &'static str)>) {
    let mut callers = start();
    let caller = callers.enter(0);
    let mut edge = (START.0, state_of(callers.state(caller)).0);
    for event in way.iter() {
        step(&mut callers, caller, *event);
        edge = (edge.1, state_of(callers.state(caller)).0);
    }
    walked.insert(edge);
    assert!(way.len() < 12, "a renewal ends");
    for event in events(callers.state(caller)) {
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
    is_documented(ACQUISITION, "src/acquisition_states.md");
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
    is_drawn("## One call", CALL);
    is_documented(CALL, "src/call_states.md");
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
