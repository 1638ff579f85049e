//! What can go wrong with a request on its way.

/// What the network can do to one request.
///
/// ```
/// use location_auth::testing::{Fault, Network};
///
/// let network = Network::new(17, |_, _| Ok::<_, std::convert::Infallible>(http::Response::new(vec![])));
/// network.enable_faults(&[Fault::Refused, Fault::RequestLost], 10);
/// network.enable_faults(&[Fault::Forged], 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is refused: the request never leaves, and its sender knows.
    Refused,
    /// The request never arrives, and its sender times out.
    RequestLost,
    /// The request arrives, its response does not, and the sender times out.
    ResponseLost,
    /// The request arrives twice. The first of the two answers counts.
    Duplicated,
    /// The request arrives after its sender has timed out.
    Delayed,
    /// The response breaks off, and the sender knows.
    Cut,
    /// Somebody else answers, and the request never arrives: with a status like 200, 302, 401, 429 or 500 and a body that is not the service's.
    Forged,
}

impl Fault {
    /// All of them.
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

/// What somebody else answers.
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
