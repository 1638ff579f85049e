//! The drivers: they run a flow to its end over a transport, or return why they stopped.

use alloc::vec::Vec;
use core::time::Duration;

use http::Response;
use location_auth::{Backoff, Flow, Progress, ReceiveError};
use zeroize::Zeroizing;

use super::{AsyncTransport, Cause, Delivery, RESPONSE_LIMIT, RunError, SendErrorKind, Transport, events};

/// Runs a flow to its end. It sends each request once.
///
/// ```
/// use location_auth::transports::run;
#[doc = include_str!("../src/doctest_app.txt")]
/// let login = app.location("loc-1")?.login("owner@example.com", "hunter2")?;
/// let transport = |request: http::Request<location_auth::Bytes>, _limit| {
///     let token = if request.uri().path() == "/user_token" { "u-1" } else { "l-1" };
///     Ok::<_, std::io::Error>(http::Response::new(format!(r#"{{"access_token": "{token}"}}"#).into_bytes()))
/// };
/// assert_eq!(run(login, &transport)?.expose_secret(), "l-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`RunError`] has the flow. You can run it again if [`retry`](RunError::retry) allows it, or if you decide so.
pub fn run<F: Flow, T: Transport + ?Sized>(flow: F, transport: &T) -> Result<F::Output, RunError<F, T::Error>> {
    run_with_retries(flow, transport, NO_RETRIES, |_| {})
}

/// Runs a flow as [`run`] does, and sends a request again if that is safe: after a 429, after a 503 with `Retry-After`, or if it was not sent.
///
/// It calls `sleep` with each wait: pass `std::thread::sleep`, for example. A retry of step 2 does not repeat step 1.
///
/// ```
/// use location_auth::{Backoff, transports::run_with_retries};
/// use std::{cell::Cell, convert::Infallible, time::Duration};
#[doc = include_str!("../src/doctest_app.txt")]
/// let tries = Cell::new(0);
/// let transport = |_request, _limit| -> Result<http::Response<Vec<u8>>, Infallible> {
///     tries.set(tries.get() + 1);
///     let busy = tries.get() == 1;
///     let response = http::Response::builder().status(if busy { 429 } else { 200 });
///     Ok(response.body(br#"{"access_token": "u-1"}"#.to_vec()).unwrap())
/// };
/// let mut waits = Vec::new();
/// let login = app.user_login("owner@example.com", "hunter2")?;
/// let token = run_with_retries(login, &transport, Backoff::default(), |wait| waits.push(wait))?;
/// assert_eq!((token.expose_secret(), waits), ("u-1", vec![Duration::from_secs(1)]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`run`], when the backoff allows no more retries or a retry is not safe.
pub fn run_with_retries<F: Flow, T: Transport + ?Sized>(
    mut flow: F,
    transport: &T,
    mut backoff: Backoff,
    mut sleep: impl FnMut(Duration),
) -> Result<F::Output, RunError<F, T::Error>> {
    loop {
        events::step_started(&flow);
        let answer = transport.send(flow.request(), RESPONSE_LIMIT);
        match receive(flow, answer, |error| (transport.delivery(error), transport.kind(error))) {
            Ok(Progress::Next(next)) => flow = next,
            Ok(Progress::Done(output)) => return Ok(output),
            Err(stopped) => {
                let Some(wait) = backoff.next_delay(stopped.retry()) else { return Err(stopped) };
                events::waiting(&stopped.flow, wait);
                sleep(wait);
                flow = stopped.flow;
            }
        }
    }
}

/// Runs a flow to its end, as [`run`] does, for async programs.
///
/// ```
/// use location_auth::transports::{AsyncTransport, run_async};
/// use location_auth::{LocationAccessToken, LocationLogin};
///
/// async fn log_in<T: AsyncTransport>(login: LocationLogin, transport: &T) -> Result<LocationAccessToken, String> {
///     run_async(login, transport).await.map_err(|stopped| stopped.to_string())
/// }
/// ```
///
/// If you drop the future, the flow is dropped, too. The request in flight may have arrived or not.
///
/// # Errors
/// As [`run`].
pub async fn run_async<F: Flow, T: AsyncTransport + ?Sized>(
    flow: F,
    transport: &T,
) -> Result<F::Output, RunError<F, T::Error>> {
    run_async_with_retries(flow, transport, NO_RETRIES, |_| core::future::ready(())).await
}

/// Runs a flow with retries, as [`run_with_retries`] does, for async programs. Pass your runtime's `sleep`:
///
/// ```no_run
/// # async fn example<T>(login: location_auth::LocationLogin, transport: T) -> Result<(), Box<dyn std::error::Error>>
/// # where T: location_auth::transports::AsyncTransport, T::Error: std::error::Error + 'static {
/// use location_auth::{Backoff, transports::run_async_with_retries};
///
/// let token = run_async_with_retries(login, &transport, Backoff::default(), tokio::time::sleep).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`run_with_retries`].
pub async fn run_async_with_retries<F: Flow, T: AsyncTransport + ?Sized, S: Future>(
    mut flow: F,
    transport: &T,
    mut backoff: Backoff,
    mut sleep: impl FnMut(Duration) -> S,
) -> Result<F::Output, RunError<F, T::Error>> {
    loop {
        events::step_started(&flow);
        let answer = transport.send(flow.request(), RESPONSE_LIMIT).await;
        match receive(flow, answer, |error| (transport.delivery(error), transport.kind(error))) {
            Ok(Progress::Next(next)) => flow = next,
            Ok(Progress::Done(output)) => return Ok(output),
            Err(stopped) => {
                let Some(wait) = backoff.next_delay(stopped.retry()) else { return Err(stopped) };
                events::waiting(&stopped.flow, wait);
                sleep(wait).await;
                flow = stopped.flow;
            }
        }
    }
}

const NO_RETRIES: Backoff = Backoff::new(0, Duration::ZERO, Duration::ZERO);

fn receive<F: Flow, E>(
    flow: F,
    answer: Result<Response<Vec<u8>>, E>,
    failure: impl FnOnce(&E) -> (Delivery, SendErrorKind),
) -> Result<Progress<F>, RunError<F, E>> {
    match answer {
        Ok(response) => {
            let done = events::step_done(&flow, response.status());
            // The body may hold a token, so it is wiped after it was read.
            flow.receive(&response.map(Zeroizing::new))
                .inspect(|_| done())
                .map_err(|ReceiveError { flow, error }| RunError { flow, cause: Cause::Response(error) })
                .inspect_err(|stopped| events::step_failed(stopped, None))
        }
        Err(error) => {
            let (delivery, kind) = failure(&error);
            let stopped = RunError { flow, cause: Cause::Transport { error, delivery } };
            events::step_failed(&stopped, Some(kind));
            Err(stopped)
        }
    }
}
