//! Tries every order of events, by depth-first search. What was reached before, in another order, is not gone into again.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A system in which one of several events is next.
pub trait Run {
    /// The events that are possible now, each in words. Empty at the end.
    fn choices(&self) -> Vec<String>;

    /// Applies one of them. It panics where a promise is broken.
    fn choose(&mut self, choice: usize);

    /// All that what is still to come depends on.
    fn state(&self) -> String;
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub states: usize,
    pub deepest: usize,
}

/// Tries every order of events from the start on. A panic names the events before it.
pub fn exhaust<R: Run>(start: impl Fn() -> R) -> Seen {
    let (mut known, mut seen, mut path) = (HashSet::new(), Seen::default(), Path(vec![]));
    loop {
        let mut run = start();
        for (choice, _) in &path.0 {
            run.choose(*choice);
        }
        while known.insert(digest(&run.state())) {
            let choices = run.choices();
            if choices.is_empty() {
                break;
            }
            path.0.push((0, choices));
            run.choose(0);
            seen.deepest = seen.deepest.max(path.0.len());
        }
        if !path.turn() {
            seen.states = known.len();
            return seen;
        }
    }
}

fn digest(state: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// The choices made so far, each with what it was chosen from. Prints them if the thread panics.
struct Path(Vec<(usize, Vec<String>)>);

impl Path {
    /// Takes the next choice at the last place where there is one.
    fn turn(&mut self) -> bool {
        while let Some((choice, from)) = self.0.last_mut() {
            *choice += 1;
            if *choice < from.len() {
                return true;
            }
            self.0.pop();
        }
        false
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let events: Vec<_> = self.0.iter().map(|(choice, from)| &*from[*choice]).collect();
            eprintln!("the events so far:\n  {}", events.join("\n  "));
        }
    }
}
