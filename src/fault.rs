//! Who has to act, for every error.

use core::fmt;

/// Who has to change something before a retry can succeed.
///
/// ```
/// use location_auth::{Error, Fault};
///
/// fn whom_to_tell(error: &Error) -> &'static str {
///     match error.fault() {
///         Fault::Caller => "whoever set this program up",
///         Fault::Transport => "whoever runs the network",
///         Fault::Service => "the service's support",
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Your program or its user: a setting, a credential, or the rate of requests.
    Caller,
    /// The transport, or the network: what carries requests and responses.
    Transport,
    /// The service.
    Service,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Caller => "the caller is at fault",
            Fault::Transport => "the transport is at fault",
            Fault::Service => "the service is at fault",
        })
    }
}

/// Whose credentials the service refused: [`Error::refused_credentials`](crate::Error::refused_credentials) says it.
///
/// ```
/// use location_auth::{Credentials, Error};
///
/// fn whom_to_ask(error: &Error) -> &'static str {
///     match error.refused_credentials() {
///         Some(Credentials::Owner) => "the owner: the email or the password is wrong",
///         Some(Credentials::Integrator) => "us: the Client ID or the Client Secret is wrong",
///         Some(Credentials::Either) => "the owner first, then us",
///         None => "whoever the error names",
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// The owner's: at step 1 the email or the password, at step 2 the User Access Token.
    Owner,
    /// The integrator's, which are the program's own: the Client ID or the Client Secret.
    Integrator,
    /// One of the two: the service does not say which.
    Either,
}

impl Credentials {
    /// What a code of OAuth's says (RFC 6749 section 5.2).
    pub(crate) fn named_by(code: &str) -> Option<Self> {
        let is = |known: &str| code.eq_ignore_ascii_case(known);
        match () {
            () if is("invalid_grant") => Some(Self::Owner),
            () if is("invalid_client") || is("unauthorized_client") => Some(Self::Integrator),
            () => None,
        }
    }
}
