//! The error of the tower layer, which shows nothing of another library's error.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;

use location_auth::{Delivery, LocationId};

use super::super::known_cause::known_cause;
use super::super::{SendError, SendErrorKind};
use super::error::CallError;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// The error of the inner service, or of the client's transport.
///
/// A library's own error may hold what the server sent, or the request itself. So this error does not show it. Its
/// [`source`](StdError::source) is a [`SendError`], or else something harmless: the operating system's error, or a message of this crate.
/// [`inner`](Self::inner) returns the library's error.
///
/// ```
/// use location_auth::transports::client::{CallError, tower::ServiceError};
///
/// /// `E` is the error of a layer below, for example `tower::timeout::error::Elapsed`.
/// fn is_from<E: std::error::Error + 'static>(error: &CallError<ServiceError, ()>) -> bool {
///     matches!(error, CallError::Transport { error, .. } if error.inner().is::<E>())
/// }
/// ```
pub struct ServiceError {
    inner: BoxError,
    known: Option<BoxError>,
}

impl ServiceError {
    pub(super) fn new(error: impl Into<BoxError>) -> Self {
        let inner = error.into();
        let known = known_cause(&*inner);
        Self { inner, known }
    }

    /// Returns the error of the service or the transport. It may show secrets: don't log it.
    pub fn inner(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.inner
    }

    /// Returns the error of the service or the transport, as [`inner`](Self::inner) does, by value.
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        self.inner
    }

    pub(super) fn kind(&self) -> SendErrorKind {
        self.send_error().map_or(SendErrorKind::Other, SendError::kind)
    }

    fn send_error(&self) -> Option<&SendError> {
        self.inner.downcast_ref()
    }
}

impl StdError for ServiceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let known = || self.known.as_deref().map(|known| -> &(dyn StdError + 'static) { known });
        self.send_error().map(|error| -> &(dyn StdError + 'static) { error }).or_else(known)
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the HTTP service failed: look at its own error, which is the source where it can be shown")
    }
}

/// Shows nothing of the inner error.
impl fmt::Debug for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceError").field("source", &self.source()).finish_non_exhaustive()
    }
}

pub(super) fn not_sent(location: Option<&LocationId>, error: impl Into<BoxError>) -> CallError<ServiceError, ()> {
    CallError::Transport { location: location.cloned(), error: ServiceError::new(error), delivery: Delivery::NotSent }
}

/// Only this crate's own error says whether the request may have arrived.
pub(super) fn unanswered(location: Option<&LocationId>, error: impl Into<BoxError>) -> CallError<ServiceError, ()> {
    let error = ServiceError::new(error);
    let delivery = error.send_error().map_or(Delivery::Unknown, SendError::delivery);
    CallError::Transport { location: location.cloned(), error, delivery }
}
