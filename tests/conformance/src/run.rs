//! Runs the table: one test result for each row and subject.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::Subject;
use crate::exceptions::{self, Exception};
use crate::rows::{ROWS, Row, as_child};

/// The `main` of a test without libtest's own: takes its arguments and ends with its summary.
///
/// `exceptions` is the text of a file of `adapter | row | upstream reason`. An exception that passes is a failure too: it is out of
/// date.
pub fn run(subjects: &[Subject], exceptions: &str) -> ExitCode {
    if let Some(exit) = as_child(subjects) {
        return exit;
    }
    let exceptions = match exceptions::read(exceptions, subjects) {
        Ok(exceptions) => exceptions,
        Err(problem) => {
            eprintln!("exceptions: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = vec![];
    for subject in subjects {
        for row in ROWS {
            let excuse = exceptions.iter().find(|known| known.subject == subject.name && known.row == row.name);
            let (subject, excuse) = (*subject, excuse.map(|Exception { reason, .. }| reason.clone()));
            trials.push(Trial::test(format!("{}: {}", subject.name, row.name), move || hold(subject, row, excuse)));
        }
    }
    keep_panics();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Longer than any row takes on a slow machine.
const WATCHDOG: Duration = Duration::from_secs(60);

fn hold(subject: Subject, row: &'static Row, excuse: Option<String>) -> Result<(), Failed> {
    let (done, outcome) = channel();
    let check = move || catch_unwind(AssertUnwindSafe(|| (row.check)(&subject))).map_err(|_| PANIC.take());
    // Nobody listens any more where the watchdog has barked.
    thread::spawn(move || drop(done.send(check())));
    let outcome = outcome.recv_timeout(WATCHDOG).unwrap_or_else(|_| Err(format!("hangs: no end within {WATCHDOG:?}")));
    match (outcome, excuse) {
        (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
        (Ok(()), Some(reason)) => Err(format!("passes unexpectedly: take it off the exceptions ({reason})").into()),
        (Err(panic), None) => Err(panic.into()),
    }
}

thread_local! {
    /// What the last panic on this thread said, and where: for the summary, instead of the standard error of a row that is excused.
    static PANIC: Cell<String> = const { Cell::new(String::new()) };
}

fn keep_panics() {
    panic::set_hook(Box::new(|info| PANIC.set(info.to_string())));
}
