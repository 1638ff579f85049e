//! The faults that the network can inject.

/// A fault that the network injects into one request.
///
/// ```
/// use location_auth::testing::{Network, NetworkFault};
///
/// let network = Network::new(17, |_, _| Ok::<_, std::convert::Infallible>(http::Response::new(vec![])));
/// network.enable_faults(&[NetworkFault::Refused, NetworkFault::RequestLost], 10);
/// network.enable_faults(&[NetworkFault::Forged], 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NetworkFault {
    /// The connection is refused. The request is not sent, and the sender gets an error that says so.
    Refused,
    /// The request does not arrive, and the sender times out.
    RequestLost,
    /// The request arrives, its response is lost, and the sender times out.
    ResponseLost,
    /// The request arrives twice. The sender gets the first of the two responses.
    Duplicated,
    /// The request arrives after the sender has timed out.
    Delayed,
    /// The response is cut short, and the sender gets an error that says so.
    Cut,
    /// The request does not arrive, and somebody else answers: with a status like 200, 302, 401, 429 or 500 and a body that is not the service's.
    Forged,
}

impl NetworkFault {
    /// All faults.
    pub const ALL: &[Self] = &[
        Self::Refused,
        Self::RequestLost,
        Self::ResponseLost,
        Self::Duplicated,
        Self::Delayed,
        Self::Cut,
        Self::Forged,
    ];
}

/// The responses of somebody else.
pub(super) const FORGERIES: &[(u16, &str)] = &[
    (200, r#"{"access_token": "forged-"#),
    (200, r#"{"access_token": "forged token"}"#),
    (200, r#"{"access_token": ["forged"]}"#),
    (200, "<html>Sign in to the hotel's network</html>"),
    (204, ""),
    (302, ""),
    (401, r#"{"error": "forged"}"#),
    (403, "forged"),
    (429, "forged"),
    (500, r#"{"message": "forged"}"#),
    (503, ""),
    (999, "forged"),
];
