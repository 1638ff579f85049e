//! What a test of your own program needs: transports that answer from a script, never or not at all, and a network of faults under a virtual
//! clock. No socket, clock, thread or randomness is in it: what happens is what the test says, and what a seed says happens again.
//!
//! Feature `testing`, which turns on the service's half of the protocol as well: [`emulator`](location_auth::emulator). As a
//! dev-dependency: `cargo add --dev location-auth --features testing`.
//!
//! | you want to test | see |
//! | --- | --- |
//! | what your program sends, and what it makes of an answer | [`Scripted`] |
//! | what it does without an answer | [`Failing`], [`Silent`] |
//! | that it holds whatever the network does | [`Network`], over the emulated service or a script |
//! | async code under a clock | [`Network::run`], [`Network::sleep`] |
//! | async code in many orders, or dropped half-way | [`Executor`] |
//!
//! All are blocking and async transports alike. What they print, on a failure too, shows no value that could be a secret.
#![allow(clippy::panic, reason = "a test fails by a panic")]

mod exchange;
mod executor;
mod failing;
mod fault;
mod network;
mod rng;
mod scripted;
mod state;

pub use exchange::Exchange;
pub use executor::Executor;
pub use failing::{Failing, Silent};
pub use fault::Fault;
pub use network::Network;
pub use rng::Rng;
pub use scripted::{Scripted, Sent};
pub use state::now;

use alloc::vec::Vec;

use http::Response;
use location_auth::transports::{Delivery, SendError, SendErrorKind};

/// As every transport must do with its bound (`Q13`).
fn bounded(response: Response<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
    if response.body().len() <= limit {
        return Ok(response);
    }
    Err(SendError::new(SendErrorKind::TooLarge, Delivery::Unknown, None).with_status(response.status()))
}
