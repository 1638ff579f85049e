//! The one error of all adapters: what happened on the way, whether the request may have left, and the library's own cause.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;

use http::StatusCode;

use super::Delivery;

/// Why an adapter got no whole response, and whether its request may have left. It shows no URL, no header and no body, and of what
/// the other side sent nothing but a status.
///
/// ```
/// use location_auth::transports::{SendError, SendErrorKind, Delivery};
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = SendError::new(SendErrorKind::Connect, Delivery::NotSent, Some(refused.into()));
/// assert_eq!((error.kind(), error.delivery()), (SendErrorKind::Connect, Delivery::NotSent));
///
/// let cut = SendError::new(SendErrorKind::Broken, Delivery::Unknown, None).with_status(http::StatusCode::UNAUTHORIZED);
/// assert_eq!(cut.status(), Some(http::StatusCode::UNAUTHORIZED));
/// ```
#[derive(Debug)]
pub struct SendError {
    kind: SendErrorKind,
    delivery: Delivery,
    status: Option<StatusCode>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SendError {
    /// For a transport of your own. The `source` must show no URL's query, header or body, and nothing that the other side sent: libraries'
    /// errors may.
    pub fn new(kind: SendErrorKind, delivery: Delivery, source: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, delivery, status: None, source }
    }

    /// The same error, where a response of this status has begun: so its request has left.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { delivery: Delivery::Unknown, status: Some(status), ..self }
    }

    /// What happened.
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// Whether the request may have left.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// The response's status, where its head had come and its body did not, or not whole. A token request's token is lost with the body;
    /// a 401 still says that a token is no longer taken.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)?;
        match self.status {
            Some(status) => write!(f, "; the response had begun, with status {}", status.as_u16()),
            None => Ok(()),
        }
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
    /// The URL is neither `https` nor of a loopback host, or leads elsewhere than it says: nothing was sent.
    #[error("the URL would send secrets in the clear: use https")]
    Insecure,
    /// The URL is `https` and the client was built without TLS: nothing was sent.
    #[error("the client was built without TLS: turn on its feature that ends in -rustls")]
    NoTls,
    /// The proxy did not open a connection to the host: it wants credentials (407), forbids it (403) or cannot reach the host (502). `None`
    /// where the client library does not tell the status. Nothing was sent; with a 4xx or an unknown status it would go the same way again.
    #[error("the proxy that the client is set to use refused to connect{}: check the proxy's address, credentials and rules", Status(*.0))]
    Proxy(Option<StatusCode>),
    /// No connection: the name is unknown, or the host refused.
    #[error("could not connect: check the URL's host and port, and the network")]
    Connect,
    /// The TLS handshake failed: for one, the certificate is not trusted, not for this host, or expired.
    #[error("TLS failed: check the URL's host, and that this machine trusts its certificate")]
    Tls,
    /// The time-out ran out.
    #[error("timed out: check the network, or give the client more time")]
    TimedOut,
    /// The response's body is longer than the bound of the send.
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

struct Status(Option<StatusCode>);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |status| write!(f, " with status {}", status.as_u16()))
    }
}

/// The error of an adapter whose proxy refused a tunnel.
#[cfg(any(feature = "reqwest", feature = "ureq"))]
pub(super) fn refused_by_proxy(status: Option<StatusCode>) -> SendError {
    let passes = status.is_some_and(|status| status.is_server_error());
    let delivery = if passes { Delivery::NotSent } else { Delivery::Unsendable };
    SendError::new(SendErrorKind::Proxy(status), delivery, None)
}
