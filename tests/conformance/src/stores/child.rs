//! Other processes: the test's own program, started again.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use location_auth::store::RecordKey;

use super::run::on_tokio;
use super::{Place, Subject};

/// The variable that makes a process another one of a row: what it says is `Errand`'s.
const VARIABLE: &str = "LOCATION_AUTH_STORES_ERRAND";

/// Does what the row wants of this process, if it is one that a row started.
pub fn is_child(subjects: &[Subject]) -> bool {
    let Ok(errand) = env::var(VARIABLE) else { return false };
    let parts: Vec<_> = errand.splitn(6, '|').collect();
    let [subject, name, owner, patience, times, key] = parts[..] else { panic!("an errand has six parts: {errand}") };
    let patience = Duration::from_millis(patience.parse().expect("is a number"));
    let place = Place { name: name.into(), owner: owner.into(), patience };
    let subject = subjects.iter().find(|known| known.name == subject).expect("a row names the program's own subject");
    let (key, times): (RecordKey, u64) = (key.parse().expect("is a key"), times.parse().expect("is a number"));
    on_tokio(async {
        let store = (subject.store)(&place);
        match times {
            0 => {
                let mut held = store.turn(&key).await.expect("the turn is free");
                held.write(1).await.expect("the first write succeeds");
                say("held");
                wait_for_a_line();
                say(if held.write(2).await.is_ok() { "written" } else { "failed" });
            }
            _ => store.count(&key, times).await,
        }
    });
    true
}

fn say(word: &str) {
    println!("{word}");
    std::io::stdout().flush().expect("the row listens");
}

fn wait_for_a_line() {
    std::io::stdin().read_line(&mut String::new()).expect("the row speaks");
}

/// A process of a row. It is killed when it is dropped.
pub struct Other {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Other {
    /// One that takes the turn of a key, writes step 1, and keeps the turn until it is told to go on: then it writes step 2.
    pub fn holding(subject: &Subject, place: &Place, key: &RecordKey) -> Self {
        let mut other = Self::start(subject, place, key, 0);
        assert_eq!(other.hear(), "held", "another process gets a free turn and writes");
        other
    }

    /// One that adds one to a key's step so many times, each time in a turn.
    pub fn counting(subject: &Subject, place: &Place, key: &RecordKey, times: u64) -> Self {
        Self::start(subject, place, key, times)
    }

    fn start(subject: &Subject, place: &Place, key: &RecordKey, times: u64) -> Self {
        let Place { name, owner, patience } = place;
        let errand = format!("{}|{name}|{owner}|{}|{times}|{key}", subject.name, patience.as_millis());
        let mut command = Command::new(env::current_exe().expect("the program has a path"));
        command.env(VARIABLE, errand).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the program starts again");
        let output = BufReader::new(process.stdout.take().expect("is piped"));
        Self { process, output }
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("is text");
        line.trim_end().into()
    }

    pub fn kill(&mut self) {
        self.process.kill().expect("is killed");
        self.process.wait().expect("is dead");
    }

    /// Stops the process, or lets it go on, as a debugger or a laptop's lid does.
    #[cfg(unix)]
    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("there is `kill`").success());
    }

    /// Lets a holder write, and returns whether it could.
    pub fn go_on(&mut self) -> bool {
        let stdin = self.process.stdin.as_mut().expect("is piped");
        writeln!(stdin).expect("the process listens");
        self.hear() == "written"
    }

    /// Waits until the process ends.
    pub fn end(mut self) {
        assert!(self.process.wait().expect("is a child").success(), "another process ends well");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
