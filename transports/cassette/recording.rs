//! The cassette: its text form, and each request and response in it, as they were, as they are written, and as a replay compares and answers
//! them.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use core::fmt::{self, Write};
use core::str::FromStr;

use http::{HeaderMap, Request, Response};
use location_auth::{Bytes, is_token_request};

use super::credentials::{Credentials, WITHHELD, decoded, is_secret, is_token};
use super::error::CassetteError;
use super::json::{DEPTH, Json, Text};

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

/// Returns a request as it was sent. Of a call it has no body.
pub(super) fn sent(request: &Request<Bytes>) -> Json {
    let body = is_token_request(request).then(|| ("json", Json::of_body(request.body())));
    let query = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let head = [
        ("method", Json::text(request.method().as_str())),
        ("path", Json::text(request.uri().path())),
        ("query", Json::List(query.map(Json::text).collect())),
        ("headers", headers(request.headers(), &["accept", "content-type", "x-api-key", "authorization"])),
    ];
    Json::object(head.into_iter().chain(body))
}

/// Returns a response as it was received, with what `keep` returns of its body, or the reason why there is none.
pub(super) fn received(response: &Response<Vec<u8>>, is_issue: bool, keep: &dyn Fn(&str) -> Option<String>) -> Json {
    let names = ["content-type", "content-encoding", "link", "x-request-id", "retry-after", "date"];
    let kept = || {
        let text = core::str::from_utf8(response.body()).map_err(|_| "not UTF-8")?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let kept = Text::new(if text.is_empty() { String::new() } else { keep(text).ok_or("not kept")? });
        if kept.trim_ascii().is_empty() {
            return Ok(None);
        }
        let json = Json::read(&kept, DEPTH).map_err(|_| "not JSON that can be looked through")?;
        match json.member("access_token").filter(|token| is_issue && !token.is_nothing()) {
            None => Ok(Some(("json", json))),
            // That alone: any other text may be a secret.
            Some(Json::Text(token)) if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(("json", Json::object([("access_token", Json::text(token))]))))
            }
            // The placeholder would be one that a login takes.
            Some(_) => Err("its token cannot be used"),
        }
    };
    let status = Json::Word(Text::new(response.status().as_str().into()));
    let head = [("status", status), ("headers", headers(response.headers(), &names))];
    Json::object(head.into_iter().chain(kept().unwrap_or_else(|why| Some(("withheld", Json::text(why))))))
}

/// Returns these headers. One that is there more than once is a list (RFC 9110 section 5.3).
fn headers(headers: &HeaderMap, names: &[&'static str]) -> Json {
    // A date is needed to read one in `Retry-After`.
    let is_there = |name: &str| headers.contains_key(name) && (name != "date" || headers.contains_key("retry-after"));
    Json::object(names.iter().filter(|name| is_there(name)).map(|name| {
        let values: Vec<_> = headers.get_all(*name).iter().map(|value| value.to_str().unwrap_or(WITHHELD)).collect();
        (*name, Json::Text(Text::new(values.join(", "))))
    }))
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
