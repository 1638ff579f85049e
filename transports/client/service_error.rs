//! What the tower layer tells of an error that is not ours.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;

use super::super::known_cause::known_cause;
use super::super::{SendError, SendErrorKind};

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// What the inner service failed with, or the client's transport.
///
/// A library's own error may hold what the other side sent, or the request itself. So this one shows nothing of it: its
/// [`source`](StdError::source) is a [`SendError`], or else what is known to be harmless: the operating system's error, or words of this
/// crate. The error itself is [`inner`](Self::inner).
///
/// ```
/// use location_auth::transports::client::{CallError, tower::ServiceError};
///
/// /// `E` is the error of a layer below: `tower::timeout::error::Elapsed` for one.
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

    /// The error as the service or the transport made it. It may show what should not be logged.
    pub fn inner(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.inner
    }

    /// The same, as a value.
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        self.inner
    }

    pub(super) fn kind(&self) -> SendErrorKind {
        self.send_error().map_or(SendErrorKind::Other, SendError::kind)
    }

    pub(super) fn send_error(&self) -> Option<&SendError> {
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

/// Nothing of the inner error.
impl fmt::Debug for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceError").field("source", &self.source()).finish_non_exhaustive()
    }
}
