//! The cassette: its text form, and each request and response in it, as they are written, and as a replay compares and answers them.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use core::fmt::{self, Write};
use core::str::FromStr;

use http::Response;

use super::credentials::{Credentials, decoded};
use super::error::CassetteError;
use super::json::{DEPTH, Json, Text};
use super::names::{WITHHELD, is_secret, is_token};

/// The recorded interactions in their order, with placeholders for credentials.
///
/// `Display` writes its text and [`str::parse`] reads it. The text is JSON with many lines and a newline at the end. Your program decides
/// where to write it. All later versions of this crate will read a text of version 1.
#[derive(Clone, Debug)]
pub struct Cassette {
    /// Requests with their responses.
    pub(super) interactions: Vec<[Json; 2]>,
}

/// A recorded response, or why there is none.
pub(super) type Answer = Result<Response<Vec<u8>>, CassetteError>;

const VERSION: &str = "1";
/// Why a text is withheld.
const REASON: &str = "it could hold a secret";

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
        let json = Json::read(text, DEPTH.saturating_mul(2)).map_err(CassetteError::Damaged)?;
        if matches!(json.member("version"), Some(Json::Word(version)) if version.as_str() != VERSION) {
            return Err(CassetteError::UnknownVersion);
        }
        let Some([Some(Json::Word(_)), Some(Json::List(interactions))]) = json.parts(["version", "interactions"])
        else {
            return Err(CassetteError::Damaged("its beginning".into()));
        };
        let read = interactions.iter().zip(1..).map(|(json, number)| {
            let damaged = |part: &str| CassetteError::Damaged(format!("interaction {number}{part}"));
            let Some([Some(request), Some(response)]) = json.parts(["request", "response"]) else {
                return Err(damaged(""));
            };
            lines(request).ok_or_else(|| damaged(", its request"))?;
            match filled(number, response, &Credentials::none()) {
                Err(error @ CassetteError::Damaged(_)) => Err(error),
                _ => Ok([request.clone(), response.clone()]),
            }
        });
        Ok(Self { interactions: read.collect::<Result<_, _>>()? })
    }
}

/// Returns what may be written of a request or a response.
pub(super) fn written(json: &Json, credentials: &Credentials) -> Json {
    let is_request = json.member("method").is_some();
    Json::object(json.members().iter().map(|(part, value)| {
        let value = match (part.as_str(), value) {
            ("query", Json::List(pairs)) => struck_query(pairs, credentials),
            ("json", body) if !is_request => body.map("", &mut |name, json| struck(name, json, credentials)),
            _ => value.map(part, &mut |name, json| Some(Json::Text(credentials.strike(name, json.as_text()?)))),
        };
        (part.as_str(), value)
    }))
}

/// Returns what is written in place of a value in a body, or `None` if each value in it is looked at.
fn struck(name: &str, json: &Json, credentials: &Credentials) -> Option<Json> {
    // In a pair of a name and a value.
    let names_a_token = |json: &Json| json.as_text().is_some_and(is_token);
    let is_clear = |text: &str| *credentials.strike("", text) == text;
    let is_open = match json {
        _ if json.is_nothing() => true,
        Json::Text(text) => return Some(Json::Text(credentials.strike(name, text))),
        _ if is_secret(name) => false,
        Json::Word(number) => is_clear(number),
        Json::List(values) => !values.iter().any(names_a_token),
        Json::Object(members) => members.iter().all(|(name, value)| is_clear(name) && !names_a_token(value)),
    };
    (!is_open).then(|| Json::text(WITHHELD))
}

/// Returns the names, and the values that are credentials.
fn struck_query(pairs: &[Json], credentials: &Credentials) -> Json {
    let pairs = pairs.iter().filter_map(Json::as_text).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (pair, name, decoded(value).and_then(|value| credentials.placeholder(&value)))
    });
    // A secret may begin in a name, and go on in its value or in the next name.
    let others = pairs.clone().map(|(pair, name, known)| if known.is_some() { name } else { pair });
    if credentials.struck(&Text::new(others.collect::<Vec<_>>().join("&"))).is_none() {
        return Json::List([Json::text(WITHHELD)].into());
    }
    let written = pairs.map(|(_, name, known)| {
        let name = credentials.strike("", name);
        known.map_or(Json::Text(name.clone()), |known| Json::text(&[&name, "=", &known].concat()))
    });
    Json::List(written.collect())
}

/// Compares a written request with one that was sent. A credential is filled in here and not struck there, because an invented one may be an
/// ordinary word.
pub(super) fn check(number: usize, [recorded, sent]: [&Json; 2], known: &Credentials) -> Result<(), CassetteError> {
    let shown = lines(recorded).unwrap_or_default();
    if let Some((part, _)) = shown.iter().find(|(_, text)| text.contains(WITHHELD)) {
        return Err(withheld(number, part, REASON));
    }
    let own: Vec<_> = shown.iter().map(|(part, text)| (part.clone(), (*known.fill(text)).clone())).collect();
    let recorded: BTreeSet<_> = own.iter().collect();
    let mut other = lines(sent).unwrap_or_default();
    for line in other.iter_mut().filter(|line| line.0 == "query" && !recorded.contains(&&**line)) {
        // Its value was not kept.
        line.1 = line.1.split('=').next().unwrap_or_default().into();
    }
    let others: BTreeSet<_> = other.iter().collect();
    let differs = own.iter().chain(&other).find(|line| recorded.contains(line) != others.contains(line));
    let Some((part, _)) = differs else { return Ok(()) };
    let show = |lines: &[(String, String)]| {
        let texts = lines.iter().filter(|line| line.0 == *part).map(|(_, text)| text.as_str());
        texts.collect::<Vec<_>>().join("&")
    };
    let sent = show(&lines(&written(sent, known)).unwrap_or_default());
    Err(CassetteError::Differs { number, part: part.clone(), sent, recorded: show(&shown) })
}

/// Returns what is compared of a request, or `None` if it is none. What is encoded in a query is one with what is not.
pub(super) fn lines(request: &Json) -> Option<Vec<(String, String)>> {
    let [Some(_), Some(_), Some(_), Some(_), _] = request.parts(["method", "path", "query", "headers", "json"])? else {
        return None;
    };
    let (mut lines, mut is_request) = (Vec::new(), true);
    request.map("", &mut |name, json| {
        is_request &= !matches!(json, Json::Word(_));
        let text = json.as_text()?;
        let plain = decoded(text).filter(|_| name == "query");
        // A boundary changes with each request.
        let essence = text.split(';').next().filter(|_| name == "content-type");
        lines.push((name.into(), plain.as_deref().map_or(essence.unwrap_or(text), String::as_str).into()));
        None
    });
    Some(lines).filter(|_| is_request)
}

fn withheld(number: usize, part: &str, reason: &str) -> CassetteError {
    CassetteError::Withheld { number, part: part.into(), reason: reason.into() }
}

/// Returns the response with these credentials in place of the placeholders.
pub(super) fn filled(number: usize, written: &Json, credentials: &Credentials) -> Answer {
    let damaged = || CassetteError::Damaged(format!("interaction {number}, its response"));
    let parts = written.parts(["status", "headers", "json", "withheld", "text"]);
    let Some([Some(Json::Word(status)), Some(Json::Object(headers)), body @ ..]) = parts else { return Err(damaged()) };
    let mut response = Response::builder().status(status.as_str());
    for (name, value) in headers {
        let value = value.as_text().ok_or_else(damaged)?;
        if value == WITHHELD {
            return Err(withheld(number, name, REASON));
        }
        response = response.header(name.as_str(), credentials.fill(value).as_bytes());
    }
    let reason = match body {
        [None, None, None] => return response.body(Vec::new()).map_err(|_| damaged()),
        [Some(json), None, None] if json.as_text() != Some(WITHHELD) => {
            let filled = json.map("", &mut |_, json| Some(Json::Text(credentials.fill(json.as_text()?))));
            return response.body(serde_json::to_vec(&filled).map_err(|_| damaged())?).map_err(|_| damaged());
        }
        [Some(_), None, None] => REASON,
        [None, Some(Json::Text(reason)), None] => reason,
        // Of version 0.1.
        [None, None, Some(Json::Text(_))] => "not JSON",
        _ => return Err(damaged()),
    };
    Err(withheld(number, "response's body", reason))
}
