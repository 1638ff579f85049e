//! The blocking client, compiled from outside the crate over the locks of [shuttle](https://docs.rs/shuttle), which decides at each lock
//! which thread goes on. So what is shipped is what is tried, and it knows nothing of the scheduler.

#![no_std]

extern crate alloc;

pub mod transports;

// What the files' documentation links to as its own crate's.
#[doc(no_inline)]
pub use location_auth::{Owner, driver};
