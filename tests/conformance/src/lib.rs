//! What every transport of [`location-auth`](location_auth) must do, as one table over real sockets: [`ROWS`].
//!
//! Your own transport is held to it by a test of your own crate, with this one as its dev-dependency:
//!
//! ```toml
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! ```no_run
//! // tests/conformance.rs
//! # mod my_crate {
//! #     use location_auth_conformance::{Wishes, location_auth::transports::{SendError, Transport}};
//! #     pub fn transport(_: &Wishes) -> impl Transport<Error = SendError> + Send + Sync + use<> {
//! #         |_, _| unreachable!()
//! #     }
//! # }
//! use location_auth_conformance::{Subject, blocking, run};
//!
//! fn main() -> std::process::ExitCode {
//!     let mine = Subject { name: "mine", client: |wishes| blocking(my_crate::transport(wishes)) };
//!     run(&[mine], "")
//! }
//! ```
//!
//! A row knows no client library. It asks a [`Subject`] for a [`Client`], serves it a response from a socket of its own, well-kept or
//! hostile, and looks at what comes back.

#[cfg(feature = "adapters")]
pub mod adapters;
mod exceptions;
mod rows;
mod run;
pub mod servers;
pub mod stores;
pub mod tls;
#[cfg(feature = "adapters")]
pub mod tokio_hyper;

use std::error::Error;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::Bytes;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind, Transport};
use tokio::runtime::Runtime;

/// As this package uses it, so that whoever tests with it needs no other version.
pub use location_auth;
pub use rows::{ROWS, owners};
pub use run::run;
/// For [`on_tokio`]'s runtime.
pub use tokio;

/// A transport under test: how it is called, and how one is made.
#[derive(Clone, Copy)]
pub struct Subject {
    pub name: &'static str,
    pub client: fn(&Wishes) -> Client,
}

/// What a row wants of the client that it is given.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// When to give up: the time-out for everything, from the start to the last byte of the body.
    pub patience: Duration,
    /// The one certificate authority to trust, in DER. Without it none of the rows speaks TLS.
    pub trust: Option<Vec<u8>>,
    /// Whether the proxy in the environment variable `HTTP_PROXY` is to be used.
    pub proxy_of_environment: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { patience: Duration::from_secs(30), trust: None, proxy_of_environment: false }
    }
}

/// Sends a request and waits for what comes of it, with at most so many bytes of body.
pub type Client = Box<dyn Fn(Request<Bytes>, usize) -> Result<Response<Vec<u8>>, Failure> + Send + Sync>;

/// A transport's error, and what it says of it in the words of the table.
#[derive(Debug)]
pub struct Failure {
    pub kind: SendErrorKind,
    pub delivery: Delivery,
    pub status: Option<StatusCode>,
    pub error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    fn new<E: Error + Send + Sync + 'static>(kind: SendErrorKind, delivery: Delivery, error: E) -> Self {
        let error: Box<dyn Error + Send + Sync> = Box::new(error);
        let status = error.downcast_ref().and_then(SendError::status);
        Self { kind, delivery, status, error }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self::new(error.kind(), error.delivery(), error)
    }
}

/// A client over a blocking transport, whose time-out is its own.
pub fn blocking<T>(transport: T) -> Client
where
    T: Transport<Error: Error + Send + Sync> + Send + Sync + 'static,
{
    Box::new(move |request, limit| {
        let outcome = transport.send(request, limit);
        outcome.map_err(|error| Failure::new(transport.kind(&error), transport.delivery(&error), error))
    })
}

/// A client over an async transport on this runtime, under a time-out beside the transport's own.
pub fn on_tokio<T>(runtime: Runtime, transport: T, patience: Duration) -> Client
where
    T: AsyncTransport<Error: Error + Send + Sync> + Send + Sync + 'static,
{
    Box::new(move |request, limit| {
        let sending = async { tokio::time::timeout(patience, transport.send(request, limit)).await };
        match runtime.block_on(sending) {
            Ok(outcome) => {
                outcome.map_err(|error| Failure::new(transport.kind(&error), transport.delivery(&error), error))
            }
            Err(_) => Err(SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, None).into()),
        }
    })
}
