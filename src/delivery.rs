//! Whether a request without a response was sent.

/// Whether a request that got no response may have reached the service.
///
/// ```
/// use location_auth::Delivery;
///
/// /// For your own transport: whether the request was sent, from an error of the standard library.
/// fn delivery(error: &std::io::Error) -> Delivery {
///     match error.kind() {
///         std::io::ErrorKind::ConnectionRefused => Delivery::NotSent,
///         _ => Delivery::Unknown,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// No byte of it was sent: a retry is safe.
    NotSent,
    /// The service read no byte of it, and a retry would not help: the transport, as it is set up, can't send such a request. For example, the URL
    /// is not `https`, TLS is not built in, a header is not the caller's to set, the server's certificate is not trusted or has expired, or the
    /// server requires a certificate of the client. So the caller is at fault, or whoever set up the server that the URL names.
    Unsendable,
    /// It may have arrived: a retry could create a second token that never expires.
    Unknown,
}
