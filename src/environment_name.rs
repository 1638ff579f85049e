//! Reads the name of an environment. It is not in `environment.rs`, because the error, [`Misuse`], names an environment itself.

use core::str::FromStr;

use serde_core::de::{Deserialize, Deserializer, Error};

use crate::json::Text;
use crate::{Environment, Misuse};

/// [`Misuse::UnknownEnvironment`] for any name except `staging` and `production`.
impl FromStr for Environment {
    type Err = Misuse;

    fn from_str(name: &str) -> Result<Self, Misuse> {
        match name {
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err(Misuse::UnknownEnvironment),
        }
    }
}

impl<'de> Deserialize<'de> for Environment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer)?.0.parse().map_err(Error::custom)
    }
}
