//! The cassette: a list of interactions, and its text form.

use alloc::{format, vec::Vec};
use core::fmt::{self, Write};
use core::str::FromStr;

use super::error::CassetteError;
use super::interaction::{filled, lines};
use super::json::{Json, Text};

/// The recorded interactions in their order, with placeholders for credentials.
///
/// `Display` writes its text and [`str::parse`] reads it. The text is JSON with many lines and a newline at the end. Your program decides
/// where to write it. All later versions of this crate will read a text of version 1.
///
/// ```
/// use location_auth::transports::cassette::{Cassette, CassetteError};
///
/// let cassette: Cassette = r#"{"version": 1, "interactions": []}"#.parse()?;
/// assert!(cassette.to_string().ends_with("}\n"));
/// # Ok::<(), CassetteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cassette {
    /// Requests with their responses.
    pub(super) interactions: Vec<[Json; 2]>,
}

const VERSION: &str = "1";
/// The depth of a body, with the levels around it.
const DEPTH: u8 = 16;

impl fmt::Display for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.interactions.iter().cloned();
        let pairs = pairs.map(|[request, response]| Json::object([("request", request), ("response", response)]));
        let version = Json::Word(Text::new(VERSION.into()));
        let json = Json::object([("version", version), ("interactions", Json::List(pairs.collect()))]);
        for c in serde_json::to_string_pretty(&json).map_err(|_| fmt::Error)?.chars() {
            // What does not print, or turns the text, is only ever in a text: people read the file.
            if matches!(c, '\n' | '"' | '\'' | '\\') || c.escape_debug().len() == 1 {
                f.write_char(c)?;
            } else {
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))?;
            }
        }
        f.write_str("\n")
    }
}

impl FromStr for Cassette {
    type Err = CassetteError;

    /// # Errors
    /// [`CassetteError::Damaged`] and [`CassetteError::UnknownVersion`].
    fn from_str(text: &str) -> Result<Self, CassetteError> {
        let json = Json::read(text, DEPTH).map_err(CassetteError::Damaged)?;
        if matches!(json.member("version"), Some(Json::Word(version)) if version.as_str() != VERSION) {
            return Err(CassetteError::UnknownVersion);
        }
        let damaged = CassetteError::Damaged;
        let parts = |json: &Json, [one, two]: [&str; 2]| match json.members().len() {
            2 => json.member(one).cloned().zip(json.member(two).cloned()),
            _ => None,
        };
        let Some((Json::Word(_), Json::List(interactions))) = parts(&json, ["version", "interactions"]) else {
            return Err(damaged("its beginning".into()));
        };
        let read = interactions.iter().zip(1..).map(|(json, number)| match parts(json, ["request", "response"]) {
            None => Err(damaged(format!("interaction {number}"))),
            Some((request, _)) if lines(&request).is_none() => {
                Err(damaged(format!("interaction {number}, its request")))
            }
            Some((request, response)) => match filled(number, &response, &|text| Text::new(text.into())) {
                Err(error @ CassetteError::Damaged(_)) => Err(error),
                _ => Ok([request, response]),
            },
        });
        Ok(Self { interactions: read.collect::<Result<_, _>>()? })
    }
}
