//! When to stop a long row of logins: what three were refused for, three hundred will be refused for, and an account may be locked.

use location_auth::transports::{Cause, RunError};
use location_auth::{ErrorKind, Step};

type Refusal = (Step, ErrorKind, Option<String>);

/// The last refusal, and how often it has come in a row.
#[derive(Default)]
pub struct Refusals(Option<(Refusal, usize)>);

impl Refusals {
    /// Whether to go on with the next login. It prints this one's refusal. It stops after the third equal refusal in a row, and where there was
    /// no response: then the network comes first.
    pub fn pass_over<F, E>(&mut self, stopped: &RunError<F, E>) -> bool {
        let Cause::Response(error) = &stopped.cause else { return false };
        eprintln!("{error}");
        let refusal = (error.step(), error.kind(), error.message().map(str::to_owned));
        let times = self.0.take().filter(|(last, _)| *last == refusal).map_or(1, |(_, times)| times + 1);
        self.0 = Some((refusal, times));
        times < 3
    }

    /// A login that went well ends the row.
    pub fn token(&mut self) {
        self.0 = None;
    }
}
