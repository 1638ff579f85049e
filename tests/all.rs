//! The core's tests in one program, which is what mutants run against: for each of them one program is built instead of twenty.
//! Empty without `--cfg mutants`, since every test here also has a program of its own.
#![cfg(mutants)]

#[path = "acquisition.rs"]
mod acquisition;
#[path = "client.rs"]
mod client;
#[path = "drawings.rs"]
mod drawings;
#[path = "emulator.rs"]
mod emulator;
#[path = "errors.rs"]
mod errors;
#[path = "memory.rs"]
mod memory;
#[path = "messages.rs"]
mod messages;
#[path = "requests.rs"]
mod requests;
#[path = "responses.rs"]
mod responses;
#[path = "retry.rs"]
mod retry;
#[path = "saved.rs"]
mod saved;
#[path = "session.rs"]
mod session;
#[path = "settings.rs"]
mod settings;
#[path = "traps.rs"]
mod traps;
#[path = "values.rs"]
mod values;
