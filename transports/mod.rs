//! Everything that touches IO: what a transport is, the drivers that run a flow over one, and adapters for client libraries.
//!
#![doc = include_str!("which.md")]
//!
//! # Write your own transport
//!
//! A transport is a function. This one is whole: it is what a test of your own program needs, and it shows the contract.
//!
//! ```
//! use location_auth::{App, Bytes, transports::run};
//! use http::{Request, Response};
//!
//! # fn log_in(app: &App) -> Result<(), Box<dyn std::error::Error>> {
//! let transport = |request: Request<Bytes>, limit: usize| -> Result<Response<Vec<u8>>, std::io::Error> {
//!     assert_eq!(request.headers()["x-api-key"], "k-12");
//!     let body = match request.uri().path() {
//!         "/user_token" => r#"{"access_token": "u-1"}"#,
//!         _ => r#"{"access_token": "l-1"}"#,
//!     };
//!     assert!(body.len() <= limit, "a real transport stops reading at the limit");
//!     Ok(Response::new(body.into()))
//! };
//! let token = run(app.location("loc-1")?.login("owner@example.com", "hunter2")?, &transport)?;
//! assert_eq!(token.expose_secret(), "l-1");
//! # Ok(())
//! # }
#![doc = include_str!("../src/doctest_app.txt")]
//! # log_in(&app)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it owes its caller, since it carries secrets:
//!
//! - It sends a token request on a connection that nobody else's request was answered on: [`is_token_request`](crate::is_token_request)
//!   tells. A stray answer of another owner's would be taken for this owner's token, and a connection that was closed unseen leaves open
//!   whether there is one. The price is a handshake for each step: over loopback 0.1 ms, with TLS 0.5 to 0.9 ms (hyper, reqwest), and
//!   elsewhere the round trips besides.
//! - It sends the request once, to its own URI, with its headers as they are. It may add `host`, `content-length`, `accept`, `user-agent`,
//!   and `accept-encoding: identity`, since nothing here decodes a body.
//! - It follows no redirect: a client that does takes `x-api-key` to the redirect's host (`Q7`).
//! - A status is no error: 401 or 503 is a response like any other.
//! - It reads at most `limit` bytes of the body and fails beyond them, without reading on (`Q13`).
//! - A body that is cut short is an error, not a shorter body.
//! - It gives up after a while, and its errors show neither the URL's query nor a header nor a body.
//! - It talks TLS to any host but loopback: [`may_carry_secrets`](crate::may_carry_secrets) tells.
//!
//! A large upload that the service refuses before it has read it can lose its answer, a 401 among them: the service closes while the
//! client still writes, and the reset overtakes the response (RFC 9112, section 9.6). The call fails as one that may have arrived, by every
//! transport. Where that happens, make a small call first: its 401 comes through.
//!
//! The package `location-auth-conformance` (`tests/conformance` of the repository) is this list as a table of tests: as a dev-dependency it holds
//! your own transport to it.
//!
//! To make calls and not only log in, tie a transport to a session: the module `client` (feature `client`) has a blocking and an async one.
//!
//! A request's extensions come with it: what a program puts into those of a call, a trace's context for instance, is there when a transport of
//! its own is called, also when the call is sent again. A token request has none. The ready-made adapters use none of them.
//!
//! A struct that implements [`Transport`] or [`AsyncTransport`] can also tell, by `delivery`, that a request never left, and so
//! let [`run_with_retries`] send it again (`Q10`).
//!
//! # Logs
//!
//! With the feature `tracing` the drivers and the clients tell what they do as events of [tracing](https://docs.rs/tracing/0.1), all of the
//! target `location_auth`. Without it they tell nothing, and cost nothing.
//!
//! | level | message | fields | when |
//! | --- | --- | --- | --- |
//! | DEBUG | `step started` | `step`, `location` | a driver is about to send a token request |
//! | DEBUG | `step done` | `step`, `location`, `status` | its response, or that of a client's token request, held a token |
//! | WARN | `step failed` | `step`, `location`, `status`, `request_id`, `delivery`, `kind`, `fault`, `retry`, `error` | it held none, or none came |
//! | INFO | `waiting` | `step`, `location`, `wait_ms` | a driver waits before it sends the request of a step that failed again |
//! | DEBUG | `call answered` | `location`, `status` | a client's call has a response; after a 401 it may be sent once more |
//! | INFO | `user token rejected` | `step`, `location`, `status` | step 2 was refused with 401 while a client renewed a token, and a login can get another User Access Token |
//! | WARN | `token not saved` | `location` | the store failed to keep a new token, which is used all the same |
//! | WARN | `call failed` | `location`, `delivery`, `kind`, `fault`, `error` | the caller gets a `CallError` |
//!
//! - `step` is 1 or 2. `location` is missing where there is none: the login of a user, a session without one, a User Access Token.
//! - `status` and `request_id` are a response's; `delivery` and `kind` are set where none came: [`Delivery`] and [`SendErrorKind`].
//! - `fault`, `retry` and `wait_ms` are [`Fault`](crate::Fault), [`Retry`](crate::Retry) and a wait in milliseconds.
//! - `error` is the error's one line. It repeats the service's words only as the error itself does, which withholds them where they hold
//!   a credential (`Q8`), and a transport's own words not at all: those are the error's source, which the caller gets.
//!
//! No event holds a credential, an email, a URL or a body.

use alloc::sync::Arc;
use alloc::vec::Vec;

use http::{Request, Response};
use location_auth::Bytes;

#[cfg(any(feature = "hyper", feature = "reqwest"))]
mod bounded;
#[cfg(feature = "cassette")]
pub mod cassette;
#[cfg(feature = "client")]
pub mod client;
mod drivers;
mod events;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(any(feature = "hyper", feature = "reqwest", feature = "tower", feature = "ureq"))]
mod known_cause;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
mod own_wakes;
#[cfg(all(feature = "reqwest", not(target_arch = "wasm32")))]
pub mod reqwest;
mod send_error;
mod shared;
#[cfg(feature = "ureq")]
pub mod ureq;

#[cfg(all(feature = "reqwest", target_arch = "wasm32"))]
compile_error!(
    "on wasm32 reqwest can neither refuse redirects nor bound what it reads, so it would take the API Key wherever a \
     response points: leave the feature `reqwest` out and pass a closure over the browser's fetch, with `redirect: \"error\"`"
);

pub use location_auth::Delivery;

pub use drivers::{Cause, RunError, run, run_async, run_async_with_retries, run_with_retries};
pub use send_error::{SendError, SendErrorKind};
pub use shared::SharedTransport;

/// What turns a request into a response, blocking the thread. Closures are transports.
///
/// A struct can tell besides that a request never left:
///
/// ```
/// use http::{Request, Response};
/// use location_auth::transports::{SendError, SendErrorKind, Delivery, Transport, run};
/// use location_auth::{Bytes, Fault, Retry};
#[doc = include_str!("../src/doctest_app.txt")]
///
/// struct Unplugged;
///
/// impl Transport for Unplugged {
///     type Error = SendError;
///
///     fn send(&self, _: Request<Bytes>, _limit: usize) -> Result<Response<Vec<u8>>, SendError> {
///         Err(SendError::new(SendErrorKind::Connect, Delivery::NotSent, None))
///     }
///
///     fn delivery(&self, error: &SendError) -> Delivery {
///         error.delivery()
///     }
/// }
///
/// let stopped = run(app.user_login("owner@example.com", "hunter2")?, &Unplugged).unwrap_err();
/// assert_eq!((stopped.fault(), stopped.retry()), (Fault::Transport, Retry::Unspecified));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `Transport`",
    label = "this neither implements `Transport` nor is a closure `|request, limit|` that returns a `Result<Response<Vec<u8>>, E>`",
    note = "an async transport goes with `AsyncClient` and `run_async`; a client takes its transport by value, and a driver by one `&`"
)]
pub trait Transport {
    /// What the transport fails with.
    type Error;

    /// Sends the request and reads the response, whatever its status, with at most `limit` bytes of body.
    ///
    /// # Errors
    /// Where there is no whole response within the limit. The [module's documentation](self) has the rest of the contract.
    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, Self::Error>;

    /// Whether the request may have left before this error. When in doubt: [`Delivery::Unknown`].
    fn delivery(&self, error: &Self::Error) -> Delivery {
        let _ = error;
        Delivery::Unknown
    }

    /// What happened, for the events of the feature `tracing`: so a time-out does not look like a cut.
    fn kind(&self, error: &Self::Error) -> SendErrorKind {
        let _ = error;
        SendErrorKind::Other
    }
}

impl<F, E> Transport for F
where
    F: Fn(Request<Bytes>, usize) -> Result<Response<Vec<u8>>, E>,
{
    type Error = E;

    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, E> {
        self(request, limit)
    }
}

/// Clients of several owners can share one transport, of any kind: `Arc<dyn Transport<Error = E> + Send + Sync>`.
impl<T: Transport + ?Sized> Transport for Arc<T> {
    type Error = T::Error;

    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, T::Error> {
        (**self).send(request, limit)
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        (**self).delivery(error)
    }

    fn kind(&self, error: &T::Error) -> SendErrorKind {
        (**self).kind(error)
    }
}

/// [`Transport`] for async programs, with any runtime or none. Closures that return a future are transports.
///
/// Nothing here asks for `Send` or `Sync`: the drivers' futures are `Send` where the transport and its futures are.
///
/// ```no_run
/// # async fn example(app: location_auth::App) -> Result<(), Box<dyn std::error::Error>> {
/// use http::{Request, Response};
/// use location_auth::{Bytes, transports::run_async};
///
/// # async fn my_http(_: Request<Bytes>, _: usize) -> std::io::Result<Response<Vec<u8>>> { Ok(Response::default()) }
/// let transport = |request: Request<Bytes>, limit: usize| async move { my_http(request, limit).await };
/// let token = run_async(app.location("loc-1")?.login("owner@example.com", "hunter2")?, &transport).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `AsyncTransport`",
    label = "this neither implements `AsyncTransport` nor is a closure `|request, limit| async move {{ … }}` that returns a `Result<Response<Vec<u8>>, E>`",
    note = "a blocking transport goes with `Client` and `run`; a client takes its transport by value, and a driver by one `&`"
)]
pub trait AsyncTransport {
    /// What the transport fails with.
    type Error;

    /// As [`Transport::send`].
    fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, Self::Error>>;

    /// As [`Transport::delivery`].
    fn delivery(&self, error: &Self::Error) -> Delivery {
        let _ = error;
        Delivery::Unknown
    }

    /// As [`Transport::kind`].
    fn kind(&self, error: &Self::Error) -> SendErrorKind {
        let _ = error;
        SendErrorKind::Other
    }
}

impl<F, R, E> AsyncTransport for F
where
    F: Fn(Request<Bytes>, usize) -> R,
    R: Future<Output = Result<Response<Vec<u8>>, E>>,
{
    type Error = E;

    fn send(&self, request: Request<Bytes>, limit: usize) -> impl Future<Output = Result<Response<Vec<u8>>, E>> {
        self(request, limit)
    }
}

/// Clients of several owners can share one transport.
impl<T: AsyncTransport + ?Sized> AsyncTransport for Arc<T> {
    type Error = T::Error;

    fn send(&self, request: Request<Bytes>, limit: usize) -> impl Future<Output = Result<Response<Vec<u8>>, T::Error>> {
        (**self).send(request, limit)
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        (**self).delivery(error)
    }

    fn kind(&self, error: &T::Error) -> SendErrorKind {
        (**self).kind(error)
    }
}
