//! Every adapter of the crate, held to the table.

use std::process::ExitCode;

fn main() -> ExitCode {
    location_auth_conformance::run(&location_auth_conformance::adapters::ADAPTERS, include_str!("../exceptions.txt"))
}
