//! The error of all adapters: what happened, whether the request may have arrived, and the library's own cause.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;

use http::StatusCode;

use super::Delivery;

/// The error of an adapter that got no complete response. It says why, and whether the request may have arrived. It shows no URL, no header
/// and no body, and nothing that the server sent except a status.
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
    /// Makes an error for your own transport. The `source` must show no query of a URL, no header, no body, and nothing that the server sent.
    /// The errors of HTTP libraries may show these.
    pub fn new(kind: SendErrorKind, delivery: Delivery, source: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, delivery, status: None, source }
    }

    /// Returns the same error with the status of a response that had begun. So [`delivery`](Self::delivery) becomes [`Delivery::Unknown`].
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { delivery: Delivery::Unknown, status: Some(status), ..self }
    }

    /// Returns what happened.
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// Returns whether the request may have arrived.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Returns the response's status, if the head had arrived and the body had not, or not completely. With the body of a token request, its
    /// token is lost. A 401 still says that the service no longer accepts a token.
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

/// What happened to a request that got no complete response.
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
    /// The URL is neither `https` nor of a loopback host, or the HTTP library reads another origin from it. Nothing was sent.
    #[error("the URL would send secrets in the clear: use https")]
    Insecure,
    /// The URL is `https`, and the client was built without TLS. Nothing was sent.
    #[error("the client was built without TLS: turn on its feature that ends in -rustls")]
    NoTls,
    /// This header of the request is for the HTTP library to set, or its `Content-Length` is not the body's length: see
    /// [`prepare`](super::prepare()). Nothing was sent, except if a stream turned out longer than its declared length.
    #[error("the request has the header {0}, which the HTTP client sets itself: remove it")]
    Header(&'static str),
    /// The proxy did not open a connection to the host: it requires credentials (407), forbids it (403) or can't reach the host (502, 503). The
    /// status is `None` if the HTTP library does not say it: reqwest says 407 alone. Nothing was sent, and the next attempt may succeed, since a
    /// host that restarts looks like this, too.
    #[error(
        "the proxy that the client is set to use refused to connect{}: check that the URL's host is up, and the proxy's credentials and rules",
        Status(*.0)
    )]
    Proxy(Option<StatusCode>),
    /// There is no connection to the proxy, or the proxy closed it: its name is unknown, it refused, or its certificate is not trusted.
    /// Nothing was sent.
    #[error(
        "cannot reach the proxy that the client is set to use: check the proxy's URL, port and certificate, and the network"
    )]
    ProxyUnreachable,
    /// There is no connection: the host name is unknown, or the host refused.
    #[error("could not connect: check the URL's host and port, and the network")]
    Connect,
    /// The TLS handshake failed. For example, the certificate is not trusted, is for another host, or has expired: then a retry would fail in the
    /// same way, and the request is [`Delivery::Unsendable`]. The source says what is wrong, if it is known.
    #[error("TLS failed: check the URL's host and port, and that this machine trusts the host's certificate")]
    Tls,
    /// The time-out ran out.
    #[error("timed out: check the network, or give the client more time")]
    TimedOut,
    /// The response's body is longer than the limit. That of a token request can't be raised: no token is this long, so something else answers.
    #[error(
        "the response is longer than its limit: ask for less, or raise the call's limit; a token's is fixed at 64 KiB, so check what its URL answers"
    )]
    TooLarge,
    /// The connection broke, or the server did not send HTTP.
    #[error("the connection broke or did not speak HTTP: check the URL's scheme and port, and the network")]
    Broken,
    /// The client can't be built from its configuration. Nothing was sent.
    #[error("the client cannot be built: check what it is configured with")]
    Configuration,
    /// Any other error of the HTTP library.
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
    SendError::new(SendErrorKind::Proxy(status), Delivery::NotSent, None)
}
