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
