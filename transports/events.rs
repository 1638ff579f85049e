//! All events of the drivers and the clients, in one place, so that it is easy to see that none holds a secret. The documentation of
//! `transports` has a table of them.
#![cfg_attr(
    not(feature = "tracing"),
    allow(dead_code, unused_imports, unused_variables, reason = "without the feature each function is empty")
)]

#[cfg(feature = "client")]
use core::fmt::Display;
use core::time::Duration;

use http::StatusCode;
#[cfg(feature = "client")]
use location_auth::driver::Acquiring;
use location_auth::{Error, Flow, LocationId};
#[cfg(feature = "client")]
use location_auth::{Fault, Step, TokenError, TokenErrorKind};

use super::{Cause, Delivery, RunError, SendErrorKind};

/// Logs an event, or does nothing without the feature. A field that is `None` is left out.
macro_rules! tell {
    ($level:ident, $message:literal, $($fields:tt)*) => {
        #[cfg(feature = "tracing")]
        ::tracing::event!(target: "location_auth", ::tracing::Level::$level, { $($fields)* }, $message)
    };
}

pub(super) fn step_started<F: Flow>(flow: &F) {
    tell!(DEBUG, "step started", step = flow.step().number(), location = flow.location().map(LocationId::as_str));
}

/// Returns a function to call if the response has a token: the flow is consumed by then.
pub(super) fn step_done<F: Flow>(flow: &F, status: StatusCode) -> impl FnOnce() + use<F> {
    #[cfg(feature = "tracing")]
    let (step, location) = (flow.step().number(), flow.location().cloned());
    move || {
        tell!(DEBUG, "step done", step, location = location.as_ref().map(LocationId::as_str), status = status.as_u16());
    }
}

/// `kind` is set if there is no response.
pub(super) fn step_failed<F: Flow, E>(stopped: &RunError<F, E>, kind: Option<SendErrorKind>) {
    tell!(
        WARN,
        "step failed",
        step = stopped.step().number(),
        location = stopped.location().map(LocationId::as_str),
        status = response(stopped).map(|error| error.status().as_u16()),
        request_id = response(stopped).and_then(Error::request_id),
        delivery = delivery(stopped).map(::tracing::field::debug),
        kind = kind.map(::tracing::field::debug),
        fault = ?stopped.fault(),
        retry = ?stopped.retry(),
        error = %stopped
    );
}

pub(super) fn waiting<F: Flow>(flow: &F, wait: Duration) {
    tell!(
        INFO,
        "waiting",
        step = flow.step().number(),
        location = flow.location().map(LocationId::as_str),
        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
    );
}

#[cfg(feature = "client")]
pub(super) fn call_answered(location: Option<&LocationId>, status: StatusCode) {
    tell!(DEBUG, "call answered", location = location.map(LocationId::as_str), status = status.as_u16());
}

/// A renewal's token request has a response, and `next` is the step after it.
#[cfg(feature = "client")]
pub(super) fn renewal_answered(step: Step, location: Option<&LocationId>, status: StatusCode, next: &Acquiring) {
    match next {
        Acquiring::WriteRecord(write) if write.saves_token() => {
            tell!(
                DEBUG,
                "step done",
                step = step.number(),
                location = location.map(LocationId::as_str),
                status = status.as_u16()
            );
        }
        Acquiring::Done(Err(error)) => renewal_step_failed(step, location, Some(status), None, error),
        // The program has set a token meanwhile, so that nothing failed.
        Acquiring::Done(Ok(_)) => {}
        _ => {
            tell!(
                INFO,
                "user token rejected",
                step = step.number(),
                location = location.map(LocationId::as_str),
                status = status.as_u16()
            );
        }
    }
}

/// A renewal's token request has no response.
#[cfg(feature = "client")]
pub(super) fn renewal_failed(
    step: Step,
    location: Option<&LocationId>,
    failed: (Delivery, SendErrorKind),
    next: &Acquiring,
) {
    if let Acquiring::Done(Err(error)) = next {
        renewal_step_failed(step, location, None, Some(failed), error);
    }
}

#[cfg(feature = "client")]
fn renewal_step_failed(
    step: Step,
    location: Option<&LocationId>,
    status: Option<StatusCode>,
    failed: Option<(Delivery, SendErrorKind)>,
    error: &TokenError,
) {
    tell!(
        WARN,
        "step failed",
        step = step.number(),
        location = location.map(LocationId::as_str),
        status = status.map(|status| status.as_u16()),
        request_id = answer(error).and_then(Error::request_id),
        delivery = failed.map(|(delivery, _)| ::tracing::field::debug(delivery)),
        kind = failed.map(|(_, kind)| ::tracing::field::debug(kind)),
        fault = ?error.fault(),
        retry = ?error.retry(),
        error = %error
    );
}

/// The store could not be opened, or not be written.
#[cfg(feature = "client")]
pub(super) fn store_failed(location: Option<&LocationId>, error: &str) {
    tell!(WARN, "store failed", location = location.map(LocationId::as_str), error);
}

#[cfg(feature = "client")]
pub(super) fn token_taken_over(location: Option<&LocationId>) {
    tell!(INFO, "token taken over", location = location.map(LocationId::as_str));
}

/// `failed` is set if the call has no response.
#[cfg(feature = "client")]
pub(super) fn call_failed(
    location: Option<&LocationId>,
    failed: Option<(Delivery, impl FnOnce() -> SendErrorKind)>,
    fault: Fault,
    error: impl Display,
) {
    #[cfg(feature = "tracing")]
    let (delivery, kind) = failed.unzip();
    tell!(
        WARN,
        "call failed",
        location = location.map(LocationId::as_str),
        delivery = delivery.map(::tracing::field::debug),
        kind = kind.map(|kind| ::tracing::field::debug(kind())),
        fault = ?fault,
        error = %error
    );
}

fn response<F, E>(stopped: &RunError<F, E>) -> Option<&Error> {
    match &stopped.cause {
        Cause::Response(error) => Some(error),
        Cause::Transport { .. } => None,
    }
}

fn delivery<F, E>(stopped: &RunError<F, E>) -> Option<Delivery> {
    match stopped.cause {
        Cause::Response(_) => None,
        Cause::Transport { delivery, .. } => Some(delivery),
    }
}

#[cfg(all(feature = "client", feature = "tracing"))]
fn answer(error: &TokenError) -> Option<&Error> {
    match error.kind() {
        TokenErrorKind::Response(error) => Some(error),
        _ => None,
    }
}
