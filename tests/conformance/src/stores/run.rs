//! Runs the table of stores: one test result for each row and store.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::{self, ExitCode};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::{Builder, Runtime};
use tokio::task::block_in_place;

use super::child;
use super::{Place, ROWS, Row, Subject};

/// The `main` of a test without libtest's own: takes its arguments and ends with its summary. Call it before anything else: in the processes that a
/// row starts it does not return.
pub fn run(subjects: &[Subject]) -> ExitCode {
    as_other_process(subjects);
    let mut trials = vec![];
    for subject in subjects {
        for row in ROWS {
            let subject = *subject;
            let name = format!("{}: {}", subject.name, row.name);
            trials.push(Trial::test(name, move || row.check(&subject).map_err(Failed::from)));
        }
    }
    panic::set_hook(Box::new(|_| ()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Does what a row wants and ends the process, if a row has started it. For a test that calls [`Row::check`] itself: [`run`] does this first.
pub fn as_other_process(subjects: &[Subject]) {
    if child::is_child(subjects) {
        // The caller may clear up what the row still needs.
        process::exit(0);
    }
}

/// Runs a future to its end, on the runtime of the rows: for a function that makes a store, from wherever it is called.
pub fn on_tokio<F: Future>(future: F) -> F::Output {
    block_in_place(|| RUNTIME.block_on(future))
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("there are threads"));

/// Longer than any row takes on a slow machine.
const WATCHDOG: Duration = Duration::from_secs(120);

impl Row {
    /// Holds the store to the row, in a place of its own.
    ///
    /// # Errors
    /// What it does not do.
    pub fn check(&'static self, subject: &Subject) -> Result<(), String> {
        static PLACES: AtomicUsize = AtomicUsize::new(0);
        let start = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        let name = format!("row_{:x}_{}_{number}", start.as_secs(), process::id());
        let place = Place { name, owner: "first".into(), patience: Duration::from_secs(30) };
        let (subject, (done, outcome)) = (*subject, channel());
        let check = move || catch_unwind(AssertUnwindSafe(|| on_tokio((self.rule)(subject, place))));
        // Nobody listens any more where the watchdog has barked.
        thread::spawn(move || drop(done.send(check().map_err(|panic| said(&*panic)))));
        outcome.recv_timeout(WATCHDOG).unwrap_or_else(|_| Err(format!("hangs: no end within {WATCHDOG:?}")))
    }
}

/// What a panic said.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into())).unwrap_or_else(|| "a panic".into())
}
