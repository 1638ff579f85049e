#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub, rustdoc::broken_intra_doc_links)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]
//! x

extern crate alloc;
extern crate self as location_auth;

mod app;
#[cfg(feature = "emulator")]
pub mod emulator;
mod endpoint;
mod error;
mod flow;
mod login;
mod misuse;
mod redacted;
mod response;
mod retry;
mod said;
mod secret;
mod session;
mod token;
#[path = "../transports/mod.rs"]
pub mod transports;

pub use app::{App, Environment, Location, Settings};
pub use endpoint::may_carry_secrets;
pub use error::{BodyProblem, Error, ErrorKind, Fault, Step};
pub use flow::{Failed, Flow, Progress};
pub use login::{LocationLogin, LocationTokenRequest, UserLogin};
pub use misuse::{Field, Misuse, UrlProblem};
pub use redacted::Redacted;
pub use response::RESPONSE_LIMIT;
pub use retry::{Backoff, Retry};
pub use session::{RequestHead, Session};
pub use token::{LocationAccessToken, LocationId, UserAccessToken};
