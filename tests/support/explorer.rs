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
    pub ends: usize,
    pub deepest: usize,
}

/// Tries every order of events from the start on. A panic names the events before it.
pub fn exhaust<R: Run>(start: impl Fn() -> R) -> Seen {
    let mut known = HashSet::new();
    let mut seen = Seen::default();
    // The choices made so far, each with what it was chosen from.
    let mut path: Vec<(usize, Vec<String>)> = vec![];
    loop {
        let mut run = start();
        let mut history = History(path.iter().map(|(choice, from)| from[*choice].clone()).collect());
        for (choice, _) in &path {
            run.choose(*choice);
        }
        while known.insert(digest(&run.state())) {
            let choices = run.choices();
            if choices.is_empty() {
                seen.ends += 1;
                break;
            }
            history.0.push(choices[0].clone());
            path.push((0, choices));
            run.choose(0);
            seen.deepest = seen.deepest.max(path.len());
        }
        drop(history);
        while let Some((choice, from)) = path.last_mut() {
            *choice += 1;
            if *choice < from.len() {
                break;
            }
            path.pop();
        }
        if path.is_empty() {
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

/// Prints the events so far if the thread panics.
struct History(Vec<String>);

impl Drop for History {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the events so far:\n  {}", self.0.join("\n  "));
        }
    }
}
