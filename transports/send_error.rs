//! The one error of all adapters: what happened on the way, whether the request may have left, and the library's own cause.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;

use super::Delivery;

/// Why an adapter got no whole response, and whether its request may have left (`Q10`). It shows no URL, no header and no body.
///
/// ```
/// use location_auth::transports::{SendError, SendErrorKind, Delivery};
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = SendError::new(SendErrorKind::Connect, Delivery::NotSent, Some(refused.into()));
/// assert_eq!((error.kind(), error.delivery()), (SendErrorKind::Connect, Delivery::NotSent));
/// assert_eq!(error.after_sending().delivery(), Delivery::Unknown);
/// ```
#[derive(Debug)]
pub struct SendError {
    kind: SendErrorKind,
    delivery: Delivery,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SendError {
    /// For a transport of your own. The `source` must show no URL's query, header or body.
    pub fn new(kind: SendErrorKind, delivery: Delivery, source: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, delivery, source }
    }

    /// The same error, of a request that has left: for what fails while the response is read.
    #[must_use]
    pub fn after_sending(self) -> Self {
        Self { delivery: Delivery::Unknown, ..self }
    }

    /// What happened.
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// Whether the request may have left (`Q10`).
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| -> &(dyn StdError + 'static) { source })
    }
}

/// What happened to a request that got no whole response.
///
/// ```
/// use location_auth::transports::{SendError, SendErrorKind};
///
/// fn is_the_networks_fault(error: &SendError) -> bool {
///     matches!(error.kind(), SendErrorKind::Connect | SendErrorKind::TimedOut | SendErrorKind::Broken)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The URL is neither `https` nor of a loopback host (`Q1`), or leads elsewhere than it says: nothing was sent.
    #[error("the URL would send secrets in the clear: use https")]
    Insecure,
    /// The URL is `https` and the client was built without TLS: nothing was sent.
    #[error("the client was built without TLS: turn on its feature that ends in -rustls")]
    NoTls,
    /// No connection: the name is unknown, or the host refused.
    #[error("could not connect: check the URL's host and port, and the network")]
    Connect,
    /// The TLS handshake failed: for one, the certificate is not trusted, not for this host, or expired.
    #[error("TLS failed: check the URL's host, and that this machine trusts its certificate")]
    Tls,
    /// The time-out ran out.
    #[error("timed out: check the network, or give the client more time")]
    TimedOut,
    /// The response's body is longer than the bound of the send (`Q13`).
    #[error("the response is longer than its bound: ask for less, or raise the limit that the call is sent with")]
    TooLarge,
    /// The connection was cut, or what came is not HTTP.
    #[error("the connection broke or did not speak HTTP: check the URL's scheme and port, and the network")]
    Broken,
    /// The client could not be built from what it was configured with: nothing was sent.
    #[error("the client cannot be built: check what it is configured with")]
    Configuration,
    /// Anything else that the client library reports.
    #[error("the client failed: look at its own error, which is the source where it can be shown")]
    Other,
}
