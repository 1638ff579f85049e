//! Transports that return no response.

use alloc::vec::Vec;
use core::future::{pending, ready};

use http::{Request, Response};
use location_auth::Bytes;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind, Transport};

/// A transport that never answers. The async one waits until its future is dropped. The blocking one returns a time-out error at once.
///
/// ```
/// use location_auth::testing::Silent;
/// use location_auth::transports::run;
/// use location_auth::{Fault, Retry};
#[doc = include_str!("../../src/doctest_app.txt")]
///
/// let stopped = run(app.user_login("owner@example.com", "hunter2")?, &Silent).unwrap_err();
/// assert_eq!((stopped.fault(), stopped.retry()), (Fault::Transport, Retry::Never));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Transport for Silent {
    type Error = SendError;

    fn send(&self, _: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, SendError> {
        Err(timed_out())
    }
}

impl AsyncTransport for Silent {
    type Error = SendError;

    fn send(&self, _: Request<Bytes>, _: usize) -> impl Future<Output = Result<Response<Vec<u8>>, SendError>> {
        pending()
    }
}

/// A transport that always returns an error, with the [`Delivery`] that you choose.
///
/// ```
/// use location_auth::testing::Failing;
/// use location_auth::transports::{Delivery, run};
/// use location_auth::{Fault, Retry};
#[doc = include_str!("../../src/doctest_app.txt")]
///
/// for (delivery, retry) in [
///     (Delivery::NotSent, Retry::Unspecified),
///     (Delivery::Unsendable, Retry::Never),
///     (Delivery::Unknown, Retry::Never),
/// ] {
///     let stopped = run(app.user_login("owner@example.com", "hunter2")?, &Failing(delivery)).unwrap_err();
///     assert_eq!(stopped.retry(), retry);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Failing(
    /// Whether its requests may have arrived.
    pub Delivery,
);

impl Transport for Failing {
    type Error = SendError;

    fn send(&self, _: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, SendError> {
        Err(failure(self.0))
    }
}

impl AsyncTransport for Failing {
    type Error = SendError;

    fn send(&self, _: Request<Bytes>, _: usize) -> impl Future<Output = Result<Response<Vec<u8>>, SendError>> {
        ready(Err(failure(self.0)))
    }
}

/// Returns the error of an adapter with this delivery.
pub(super) fn failure(delivery: Delivery) -> SendError {
    let kind = match delivery {
        Delivery::NotSent => SendErrorKind::Connect,
        Delivery::Unsendable => SendErrorKind::Configuration,
        Delivery::Unknown => SendErrorKind::Broken,
    };
    SendError::new(kind, delivery, None)
}

pub(super) fn timed_out() -> SendError {
    SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, None)
}
