//! The drivers: they run a flow to its end over a transport, or return why they stopped.

use alloc::vec::Vec;
use core::error::Error as StdError;
use core::fmt;
use core::time::Duration;

use http::Response;
use location_auth::{Backoff, Error, Fault, Flow, LocationId, Progress, RESPONSE_LIMIT, ReceiveError, Retry, Step};
use zeroize::Zeroizing;

use super::{AsyncTransport, Delivery, SendErrorKind, Transport, events};

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

/// Runs a flow as [`run`] does, and sends a request again if that is safe: after a 429 or 503, or if it was not sent.
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
///     let response = http::Response::builder().status(if busy { 503 } else { 200 });
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

/// The error of a driver that could not run a flow to its end. It has the flow, so you can run it again.
///
/// ```
/// use location_auth::transports::{Cause, Delivery, run};
/// use location_auth::{Flow, Step};
#[doc = include_str!("../src/doctest_app.txt")]
/// let dead_line = |_request, _limit| Err(std::io::Error::other("the line is dead"));
/// let stopped = run(app.user_login("owner@example.com", "hunter2")?, &dead_line).unwrap_err();
///
/// assert_eq!(stopped.step(), Step::UserToken);
/// // A closure does not say whether the request was sent, so you decide whether to send it again.
/// assert!(matches!(stopped.cause, Cause::Transport { delivery: Delivery::Unknown, .. }));
/// let again = stopped.flow.request();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RunError<F, E> {
    /// The flow as it was before its last request. If you run it again, it sends that request again.
    pub flow: F,
    /// Why the driver stopped.
    pub cause: Cause<E>,
}

/// Why a driver stopped.
///
/// ```
/// use location_auth::transports::Cause;
///
/// fn is_wrong_password<E>(cause: &Cause<E>) -> bool {
///     // The service's own code: the status is the same for a wrong Client Secret.
///     matches!(cause, Cause::Response(error) if matches!(error.code(), Some("invalid_grant" | "invalid_credentials")))
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<E> {
    /// There is no complete response: none came, it broke off, or its body is longer than the limit.
    Transport {
        /// The transport's own error.
        error: E,
        /// Whether the request may have arrived.
        delivery: Delivery,
    },
    /// There was a response without a token.
    Response(Error),
}

impl<F: Flow, E> RunError<F, E> {
    /// Returns the step whose request failed.
    pub fn step(&self) -> Step {
        self.flow.step()
    }

    /// Returns the Location of the token that the flow asked for, if any.
    pub fn location(&self) -> Option<&LocationId> {
        self.flow.location()
    }
}

impl<F, E> RunError<F, E> {
    /// Returns who has to change something.
    pub fn fault(&self) -> Fault {
        match &self.cause {
            Cause::Transport { delivery: Delivery::Unsendable, .. } => Fault::Caller,
            Cause::Transport { .. } => Fault::Transport,
            Cause::Response(error) => error.fault(),
        }
    }

    /// Returns whether and when you may run the flow again without the risk of a second token.
    pub fn retry(&self) -> Retry {
        match &self.cause {
            Cause::Transport { delivery: Delivery::NotSent, .. } => Retry::Unspecified,
            Cause::Transport { delivery: Delivery::Unsendable | Delivery::Unknown, .. } => Retry::Never,
            Cause::Response(error) => error.retry(),
        }
    }
}

impl<F, E: fmt::Debug> fmt::Debug for RunError<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunError").field("cause", &self.cause).finish_non_exhaustive()
    }
}

/// Shows one line: the step, what happened, who is at fault, what to do. The transport's error is the [`source`](StdError::source).
impl<F: Flow, E> fmt::Display for RunError<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivery = match &self.cause {
            Cause::Response(error) => return fmt::Display::fmt(error, f),
            Cause::Transport { delivery, .. } => delivery,
        };
        write!(f, "{}", self.step())?;
        if let Some(location) = self.location() {
            write!(f, " of Location {location}")?;
        }
        let url = self.step().url();
        let (happened, check, then) = match delivery {
            Delivery::NotSent => ("the request was not sent", "'s host and the network", ", then send it again"),
            Delivery::Unsendable => {
                ("the transport refused to send the request", " and how the transport is set up", "")
            }
            Delivery::Unknown => (
                "no complete response came, and the request may have arrived",
                "'s host and the network",
                "; repeat only if a second token does no harm",
            ),
        };
        write!(f, ": {happened}; {}: check the {url}{check}{then}", self.fault())
    }
}

impl<F: Flow, E: StdError + 'static> StdError for RunError<F, E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.cause {
            Cause::Transport { error, .. } => Some(error),
            Cause::Response(_) => None,
        }
    }
}
