//! How far a request got that no response came for.

/// Whether a request that got no response may have reached the service.
///
/// ```
/// use location_auth::Delivery;
///
/// /// What a transport of your own can say of an error of the standard library's.
/// fn delivery(error: &std::io::Error) -> Delivery {
///     match error.kind() {
///         std::io::ErrorKind::ConnectionRefused => Delivery::NotSent,
///         _ => Delivery::Unknown,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// No byte of it left: it is safe to send again.
    NotSent,
    /// No byte of it left, nor would it another time: the transport, as it is set up, does not send such a request. The URL is not
    /// `https`, say, or TLS is not built in.
    Unsendable,
    /// It may have arrived: sending it again could create a second token that never expires.
    Unknown,
}
