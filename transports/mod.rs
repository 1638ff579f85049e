//! Sends the requests: the transport traits, the drivers that run a flow over a transport, and adapters for HTTP clients.
//!
#![doc = include_str!("which.md")]
//!
//! # Write your own transport
//!
//! A transport is a function from a request to a response. This one is complete, over a client that has its own types:
//!
//! ```
//! use location_auth::{App, Bytes, transports::{SendError, prepare, run}};
//! use http::{HeaderMap, Request, Response, StatusCode};
//!
//! # fn my_client(request: Request<Bytes>, limit: usize) -> Result<(StatusCode, HeaderMap, Vec<u8>), SendError> {
//! #     assert_eq!(request.headers()["x-api-key"], "k-12");
//! #     let token = if request.uri().path() == "/user_token" { "u-1" } else { "l-1" };
//! #     Ok((StatusCode::OK, HeaderMap::new(), format!(r#"{{"access_token": "{token}"}}"#).into_bytes()))
//! # }
//! # fn log_in(app: &App) -> Result<(), Box<dyn std::error::Error>> {
//! let transport = |mut request: Request<Bytes>, limit: usize| -> Result<Response<Vec<u8>>, SendError> {
//!     let length = request.body().len();
//!     prepare(&mut request, Some(length))?;
//!     let (status, headers, body) = my_client(request, limit)?;
//!     let mut response = Response::new(body);
//!     *response.status_mut() = status;
//!     *response.headers_mut() = headers;
//!     Ok(response)
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
//! A transport carries secrets, so it must keep these rules:
//!
//! - It sends no token request on a connection that had a response to anybody else's request: it opens a new one.
//!   [`is_token_request`] says which requests these are. On a used connection, a late response for another owner
//!   could be read as this owner's token. And if the server has already closed it, nobody knows whether the service issued a token. A new
//!   connection costs 0.1 ms over loopback, 0.5 to 0.9 ms with TLS (hyper, reqwest), and the round trips of the network.
//! - It sends the request once, to the request's URI, and does not change its headers. It may add `host`, `content-length`, `accept`,
//!   `user-agent`, and `accept-encoding: identity`, because nothing here decodes a body. It refuses the headers that are the HTTP client's own, and
//!   a `content-length` that is not the body's. An empty body has a length if the method takes one. [`prepare()`] does these three.
//! - It follows no redirect. A client that follows one sends `x-api-key` to the redirect's host (`Q7`).
//! - It returns every status as a response: a 401 or 503 is no error.
//! - It returns all headers of the response. `retry-after` and `date` say how long to wait. An error shows `x-request-id` and `content-type`, and
//!   `content-encoding` says why a body can't be read.
//! - It reads at most `limit` bytes of the body. For a longer body it stops reading and returns an error (`Q13`).
//! - It returns an error if the body is cut short.
//! - It has a time-out. Its errors show no query of a URL, no header and no body.
//! - It uses TLS for any host that is not loopback: [`prepare()`] and [`may_carry_secrets`] check a URL.
//!
//! If the service refuses a large upload before it has read all of it, it closes the connection while the client still writes (RFC 9112, section
//! 9.6). A transport that reads on after a write has failed gets the response: `ureq` and `hyper` do, except if the reset has overtaken it. With reqwest,
//! and with most other clients, the response can be lost, also a 401: the error then says that the call may have arrived. If you see that, make a
//! small call first: its 401 arrives.
//!
//! The package `location-auth-conformance` (`tests/conformance` in the repository) tests these rules. Add it as a dev-dependency to test your
//! own transport.
//!
//! To make calls and not only log in, use the module `client` (feature `client`): it has a blocking and an async client over a transport.
//!
//! A transport also gets the request's extensions: what your program puts into the extensions of a call, for example a trace's context. It gets
//! them again if the call is sent again. A token request has no extensions. The adapters here use none.
//!
//! A type that implements [`Transport`] or [`AsyncTransport`] can also say, by `delivery`, that a request was not sent. Then
//! [`run_with_retries`] sends it again (`Q10`).
//!
//! # Logs
//!
//! With the feature `tracing` the drivers and the clients log events of [tracing](https://docs.rs/tracing/0.1), all with the target
//! `location_auth`. Without the feature there are no events, and they cost nothing.
//!
//! | level | message | fields | when |
//! | --- | --- | --- | --- |
//! | DEBUG | `step started` | `step`, `location` | a driver is about to send a token request |
//! | DEBUG | `step done` | `step`, `location`, `status` | the response to a token request, of a driver or a client, has a token |
//! | WARN | `step failed` | `step`, `location`, `status`, `request_id`, `delivery`, `kind`, `fault`, `retry`, `error` | the response has no token, or there is no response |
//! | INFO | `waiting` | `step`, `location`, `wait_ms` | a driver waits before it sends the request of a failed step again |
//! | DEBUG | `call answered` | `location`, `status` | a client's call has a response. After a 401 it may be sent once more |
//! | INFO | `user token rejected` | `step`, `location`, `status` | step 2 got a 401 while a client renewed a token, and a login can get another User Access Token |
//! | WARN | `store failed` | `location`, `error` | the store gave no turn, or did not read or write a record |
//! | INFO | `token taken over` | `location` | the store has another process's token, and no token is requested |
//! | WARN | `call failed` | `location`, `delivery`, `kind`, `fault`, `error` | the caller gets a `CallError` |
//!
//! - `step` is 1 or 2. `location` is missing if there is none: for a user's login, a session without a Location, or a User Access Token.
//! - `status` and `request_id` are those of the response. `delivery` and `kind` ([`Delivery`], [`SendErrorKind`]) are set if there is none.
//! - `fault`, `retry` and `wait_ms` are [`Fault`](crate::Fault), [`Retry`](crate::Retry) and a wait in milliseconds.
//! - `error` is the error's `Display`, one line. It shows the service's message as the error does: withheld if it repeats a credential (`Q8`).
//!   It does not show the transport's own message, which is the error's source.
//!
//! No event shows a credential, an email, a URL or a body.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

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
mod framing;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(any(feature = "hyper", feature = "reqwest", feature = "tower", feature = "ureq"))]
mod known_cause;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
mod own_wakes;
#[cfg(all(feature = "reqwest", not(target_arch = "wasm32")))]
pub mod reqwest;
mod run_error;
mod send_error;
mod shared;
#[cfg(all(feature = "reqwest", not(target_arch = "wasm32")))]
mod silence;
#[cfg(feature = "ureq")]
pub mod ureq;
#[cfg(feature = "ureq")]
mod ureq_connections;

#[cfg(all(feature = "reqwest", target_arch = "wasm32"))]
compile_error!(
    "on wasm32 reqwest can neither refuse redirects nor bound what it reads, so it would take the API Key wherever a \
     response points: leave the feature `reqwest` out and pass a closure over the browser's fetch, with `redirect: \"error\"`"
);

pub use location_auth::Delivery;
#[doc(inline)]
pub use location_auth::driver::{RESPONSE_LIMIT, is_token_request, may_carry_secrets};

pub use drivers::{run, run_async, run_async_with_retries, run_with_retries};
pub use framing::prepare;
pub use run_error::{Cause, RunError};
pub use send_error::{SendError, SendErrorKind};
pub use shared::SharedTransport;

/// Sends a request and returns the response, and blocks the thread. A closure is a transport.
///
/// An `Arc` of a transport is a transport, so clients of several owners can share one. A `&` is none, except the `&` of a closure. If the error of a
/// closure is a [`SendError`], it says whether the request was sent:
///
/// ```
/// use location_auth::transports::{SendError, SendErrorKind, Delivery, run};
/// use location_auth::{Bytes, Fault, Retry};
#[doc = include_str!("../src/doctest_app.txt")]
///
/// let unplugged = |_: http::Request<Bytes>, _limit: usize| {
///     Err(SendError::new(SendErrorKind::Connect, Delivery::NotSent, None))
/// };
/// let stopped = run(app.user_login("owner@example.com", "hunter2")?, &unplugged).unwrap_err();
/// assert_eq!((stopped.fault(), stopped.retry()), (Fault::Transport, Retry::Unspecified));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `Transport`",
    label = "this neither implements `Transport` nor is a closure `|request, limit|` that returns a `Result<Response<Vec<u8>>, E>`",
    note = "an async transport goes with `AsyncClient` and `run_async`; a client takes its transport by value, and a driver by one `&`"
)]
pub trait Transport {
    /// The error that the transport returns. A [`SendError`] says whether the request was sent.
    type Error: 'static;

    /// Sends the request and returns the response, with any status and at most `limit` bytes of body.
    ///
    /// # Errors
    /// If there is no complete response within the limit. The [module's documentation](self) has the other rules.
    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, Self::Error>;

    /// Returns whether the request may have arrived, in spite of this error. A [`SendError`] says it. Of any other error nothing is known, unless
    /// you implement this: [`Delivery::Unknown`].
    fn delivery(&self, error: &Self::Error) -> Delivery {
        send_error(error).map_or(Delivery::Unknown, SendError::delivery)
    }

    /// Returns what happened, for the events of the feature `tracing`. They then show a time-out apart from a broken connection.
    fn kind(&self, error: &Self::Error) -> SendErrorKind {
        send_error(error).map_or(SendErrorKind::Other, SendError::kind)
    }
}

impl<F, E: 'static> Transport for F
where
    F: Fn(Request<Bytes>, usize) -> Result<Response<Vec<u8>>, E>,
{
    type Error = E;

    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, E> {
        self(request, limit)
    }
}

fn send_error(error: &dyn Any) -> Option<&SendError> {
    error.downcast_ref()
}

/// Clients of several owners can share one transport. The type can be `Arc<dyn Transport<Error = E> + Send + Sync>`.
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

/// Sends a request and returns the response, as [`Transport`] does, for async programs. It works with any runtime or none.
///
/// A closure that returns a future is a transport. Clients of several owners can share one transport in an `Arc`. Nothing here requires
/// `Send` or `Sync`: the drivers' futures are `Send` if the transport and its futures are.
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
    /// The error that the transport returns. A [`SendError`] says whether the request was sent.
    type Error: 'static;

    /// Sends the request and returns the response, as [`Transport::send`] does.
    fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, Self::Error>>;

    /// Returns whether the request may have arrived, as [`Transport::delivery`] does.
    fn delivery(&self, error: &Self::Error) -> Delivery {
        send_error(error).map_or(Delivery::Unknown, SendError::delivery)
    }

    /// Returns what happened, as [`Transport::kind`] does.
    fn kind(&self, error: &Self::Error) -> SendErrorKind {
        send_error(error).map_or(SendErrorKind::Other, SendError::kind)
    }
}

impl<F, R, E: 'static> AsyncTransport for F
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
