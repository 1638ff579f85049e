//! Transports for tests of your own program: they answer from a script, fail, never answer, or simulate a network with faults and a virtual
//! clock. They use no socket, real clock, thread or randomness. The same test with the same seed does the same again.
//!
//! The feature `testing` also turns on the emulated service, [`emulator`](location_auth::emulator). Add it as a dev-dependency:
//! `cargo add --dev --path ../location-auth --features testing`.
//!
//! | you want to test | see |
//! | --- | --- |
//! | what your program sends, and how it handles a response | [`Scripted`] |
//! | what it does without a response | [`Failing`], [`Silent`] |
//! | that it is correct whatever the network does | [`Network`], over the emulated service or a script |
//! | async code with a virtual clock | [`Network::run`], [`Network::sleep`] |
//! | async code in many orders, or dropped before its end | [`Executor`] |
//!
//! A script and a network refuse what each adapter refuses ([`prepare`](location_auth::transports::prepare())), so that a call which they
//! take can be sent. Each transport is blocking and async. Their output shows no value that could be a secret, not even when a test fails.
#![allow(clippy::panic, reason = "a test fails by a panic")]

mod executor;
mod failing;
mod interaction;
mod network;
mod network_fault;
mod rng;
mod scripted;
mod state;

pub use executor::Executor;
pub use failing::{Failing, Silent};
pub use interaction::Interaction;
pub use network::Network;
pub use network_fault::NetworkFault;
pub use rng::Rng;
pub use scripted::{Scripted, Sent};
pub use state::now;

use alloc::vec::Vec;

use http::Response;
use location_auth::transports::{Delivery, SendError, SendErrorKind};

/// Returns an error if the body is longer than the limit, as every transport must (`Q13`).
fn bounded(response: Response<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
    if response.body().len() <= limit {
        return Ok(response);
    }
    Err(SendError::new(SendErrorKind::TooLarge, Delivery::Unknown, None).with_status(response.status()))
}
