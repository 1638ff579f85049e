//! Which of the service's two worlds a setting, a token or an App is of.

use core::fmt;

/// The service's two environments, which have different credentials.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
