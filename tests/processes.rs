//! Every interleaving of two processes that share a store with turns: crashes and restarts wherever they are, turns that are lost, a store that
//! fails, answers that are lost, and what a person does. When all is over and the last pause has passed, each process's next call is answered.
//!
//! `cargo test --all-features --test processes -- --ignored --nocapture` tries more of everything.
#![cfg(all(feature = "client", feature = "emulator"))]

#[path = "support/explorer.rs"]
mod explorer;
#[path = "support/fleet.rs"]
#[allow(dead_code)]
mod fleet;
#[path = "support/settings.rs"]
mod settings;
#[path = "support/two_processes.rs"]
mod two_processes;

use explorer::{Seen, exhaust};
use fleet::{ALL, Act, Budget, Event, Key, Kind, OWNER};
use two_processes::{At, Fleet, WORLD};

fn explore(budgets: &[Budget]) {
    for budget in budgets {
        let Seen { states, deepest } = exhaust(|| Fleet::new(*budget));
        println!("{budget:?}: {states} states, {deepest} steps at most");
    }
}

/// One Location, no token anywhere, and each process makes a call.
const FIRST: Budget =
    Budget { faults: 0, kinds: ALL, pauses: 0, locations: 1, calls: 1, kept: None, in_memory: false, login: true };
/// The Locations' tokens are revoked, and each process has them.
const REVOKED: Budget = Budget { kept: Some((true, false)), in_memory: true, ..FIRST };
/// So is the owner's, and each process has just started.
const ALL_REVOKED: Budget = Budget { kept: Some((false, false)), ..FIRST };
/// No process has a login: the store's token of the owner is good.
const NO_LOGIN: Budget = Budget { kept: Some((true, false)), login: false, ..FIRST };
/// Three answers are lost, and one pause passes.
const LOST: Budget = Budget { faults: 3, kinds: &[Kind::LostAnswer], pauses: 1, ..FIRST };

#[test]
fn every_interleaving_of_two_processes_keeps_the_promises() {
    explore(&[
        Budget { faults: 1, ..FIRST },
        Budget { faults: 1, ..REVOKED },
        Budget { faults: 2, kinds: &[Kind::NoRecord, Kind::NotWritten], ..FIRST },
        ALL_REVOKED,
        Budget { calls: 2, ..LOST },
    ]);
}

#[test]
#[ignore = "minutes of search: .ci/deep asks for it"]
fn every_interleaving_of_two_faults_in_two_processes_keeps_the_promises() {
    explore(&[
        Budget { faults: 2, ..FIRST },
        Budget { faults: 2, ..REVOKED },
        Budget { faults: 2, ..NO_LOGIN },
        Budget { faults: 1, calls: 2, ..REVOKED },
        Budget { faults: 1, ..ALL_REVOKED },
        Budget { faults: 3, kinds: &[Kind::DeadRoute], calls: 2, ..FIRST },
        Budget { calls: 3, pauses: 2, ..LOST },
    ]);
}

#[test]
#[ignore = "minutes of search: .ci/deep asks for it"]
fn every_interleaving_of_two_processes_at_two_locations_keeps_the_promises() {
    explore(&[
        Budget { locations: 2, ..FIRST },
        Budget { locations: 2, ..REVOKED },
        Budget { faults: 1, kinds: &[Kind::Crash, Kind::LostTurn, Kind::LostAnswer], locations: 2, ..FIRST },
        Budget { faults: 1, kinds: &[Kind::NoRecord, Kind::NotWritten, Kind::WriteUnknown], locations: 2, ..FIRST },
    ]);
}

// ---- What the search has found, each as a short story. ----

/// The budget of a story: what it needs, it has.
const STORY: Budget = Budget { faults: 9, ..FIRST };

#[test]
fn what_a_person_does_is_seen_until_it_is_written() {
    let mut fleet = Fleet::new(STORY);
    fleet.forget_all(0);
    assert!(!fleet.call(1), "forgotten");
    fleet.world.act(1, Act::Set);
    fleet.processes[1].owner.try_again();
    // The Location's record is opened before the login and again after it, and is not written in between.
    assert!(fleet.call(1), "{}", fleet.callers[1].error);
}

fn opens(at: &At, key: Key) -> bool {
    matches!(at, At::Opening(open, _) if fleet::key_of(open.key()) == key)
}

#[test]
fn a_process_that_forgets_takes_nothing_over_that_is_not_overwritten_yet() {
    let mut fleet = Fleet::new(STORY);
    fleet.callers[1].calls = 1;
    fleet.until(1, |at| opens(at, OWNER));
    assert!(fleet.call(0));
    fleet.happen(WORLD, Event::Forget(1));
    fleet.until(1, |at| matches!(at, At::Idle));
    assert!(!fleet.callers[1].answered);
}

#[test]
fn a_process_that_forgets_with_a_token_that_came_too_late_takes_nothing_over() {
    let mut fleet = Fleet::new(STORY);
    fleet.callers[0].calls = 1;
    fleet.until(0, |at| matches!(at, At::Writing(write, _) if write.saves_token()));
    fleet.happen(0, Event::Fault(Kind::NotWritten));
    assert!(fleet.call(1));
    fleet.happen(WORLD, Event::Forget(0));
    fleet.until(0, |at| matches!(at, At::Idle));
    assert!(!fleet.callers[0].answered);
}

#[test]
fn that_a_token_has_helped_leaves_later_requests_of_other_processes_counted() {
    let mut fleet = Fleet::new(STORY);
    fleet.callers[0].calls = 1;
    fleet.until(0, |at| matches!(at, At::Called(..)));
    fleet.until(0, |at| opens(at, 0));
    fleet.callers[1].calls = 1;
    fleet.until(1, |at| matches!(at, At::Called(..)));
    fleet.happen(WORLD, Event::Revoked("a-1".into()));
    fleet.until(1, |at| matches!(at, At::Requesting(..)));
    fleet.happen(WORLD, Event::Crashed(1, false));
    // Now it writes that its token has helped.
    fleet.until(0, |at| matches!(at, At::Idle));
}
