//! What the client's files find beside and above them in the crate.

pub use location_auth::transports::{AsyncTransport, Delivery, RESPONSE_LIMIT, SendErrorKind, Transport};

pub mod client;
#[path = "../../../transports/drivers.rs"]
mod drivers;
#[path = "../../../transports/events.rs"]
mod events;
#[path = "../../../transports/run_error.rs"]
mod run_error;

pub use drivers::{run, run_async, run_async_with_retries, run_with_retries};
pub use run_error::{Cause, RunError};
