//! What the client's files find beside and above them in the crate.

pub use location_auth::transports::{AsyncTransport, Delivery, SendErrorKind, Transport};

pub mod client;
#[path = "../../../transports/drivers.rs"]
mod drivers;
#[path = "../../../transports/events.rs"]
mod events;

pub use drivers::{Cause, RunError, run, run_async, run_async_with_retries, run_with_retries};
