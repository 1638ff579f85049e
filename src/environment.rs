//! The service's two environments: each setting, token and App belongs to one.

use core::fmt;

/// One of the service's two environments, which have different credentials.
///
/// serde and [`str::parse`] read it from its name in lower case.
///
/// ```
/// use location_auth::{Environment, Misuse};
///
/// assert_eq!(Environment::Production.to_string(), "production");
/// assert_eq!("staging".parse(), Ok(Environment::Staging));
/// assert_eq!("test".parse::<Environment>(), Err(Misuse::UnknownEnvironment));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Environment {
    /// For trying things out.
    Staging,
    /// For real businesses.
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Environment::Staging => "staging",
            Environment::Production => "production",
        })
    }
}
