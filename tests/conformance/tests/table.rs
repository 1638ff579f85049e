//! Every adapter of the crate, held to the table.

use std::process::ExitCode;

fn main() -> ExitCode {
    conformance::run(&conformance::adapters::ADAPTERS, include_str!("../exceptions.txt"))
}
