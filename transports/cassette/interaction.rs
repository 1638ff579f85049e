//! A request and its response as JSON: as they were, as they are written, and as a replay compares and answers them.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use location_auth::{Bytes, is_token_request};

use super::credentials::{Credentials, DEPTH, WITHHELD, decoded, is_secret, is_token};
use super::error::CassetteError;
use super::json::{Json, Text};

/// Returns a request as it was sent, and the kind of token that it asks for. Of a call it has no body.
pub(super) fn sent(request: &Request<Bytes>) -> (Json, Option<&'static str>) {
    let body = core::str::from_utf8(request.body()).ok().filter(|_| is_token_request(request));
    let body = body.and_then(|body| Json::read(body, 2).ok());
    let asks_for =
        body.as_ref().map(|body| if body.member("email").is_some() { "user-token" } else { "location-token" });
    let head = [
        ("method", Json::text(request.method().as_str())),
        ("path", Json::text(request.uri().path())),
        ("query", Json::text(request.uri().query().unwrap_or_default())),
        ("headers", headers(request.headers(), &["accept", "content-type", "x-api-key", "authorization"])),
    ];
    (Json::object(head.into_iter().chain(body.map(|body| ("json", body)))), asks_for)
}

/// Returns a response as it was received, with the part of its body that is kept, or the reason why it is not.
pub(super) fn received(response: &Response<Vec<u8>>, kept: Kept) -> Json {
    let names = ["content-type", "link", "x-request-id", "retry-after", "date"];
    let status = Json::Word(Text::new(response.status().as_str().into()));
    let body = kept.map_or_else(|why| Some(("withheld", Json::text(why))), |json| json.map(|json| ("json", json)));
    Json::object([("status", status), ("headers", headers(response.headers(), &names))].into_iter().chain(body))
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

/// The JSON of a body, none if it is empty, or the reason why it is not kept.
pub(super) type Kept = Result<Option<Json>, &'static str>;

pub(super) fn kept(response: &Response<Vec<u8>>, keep: impl FnOnce(&str) -> Option<String>) -> Kept {
    let mut codings = response.headers().get_all(header::CONTENT_ENCODING).into_iter();
    let text = core::str::from_utf8(response.body()).map_err(|_| "not UTF-8")?;
    match text.strip_prefix('\u{feff}').unwrap_or(text) {
        "" => Ok(None),
        _ if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) => Err("encoded"),
        text => match Text::new(keep(text).ok_or("not kept")?) {
            kept if kept.trim_ascii().is_empty() => Ok(None),
            kept => Json::read(&kept, DEPTH).map(Some).map_err(|_| "not JSON that can be looked through"),
        },
    }
}

/// Returns the body of a response to a token request. Of a success that is the token alone: any other text may be a secret.
pub(super) fn kept_token(response: &Response<Vec<u8>>) -> Kept {
    let kept = kept(response, |body| Some(body.into()))?;
    let token = kept.as_ref().filter(|_| response.status().is_success()).and_then(|json| json.member("access_token"));
    match token.filter(|token| !is_nothing(token)) {
        None => Ok(kept),
        Some(Json::Text(token)) if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(Json::object([("access_token", Json::text(token))])))
        }
        // The placeholder would be one that a login takes.
        Some(_) => Err("its token cannot be used"),
    }
}

/// Whether it is too little to be a secret.
fn is_nothing(json: &Json) -> bool {
    let word = if let Json::Word(word) | Json::Text(word) = json { word.as_str() } else { "?" };
    matches!(word, "" | "null" | "true" | "false")
}

/// Returns what may be written of a request or a response.
pub(super) fn written(json: &Json, credentials: &Credentials) -> Json {
    let is_request = json.member("method").is_some();
    Json::object(json.members().iter().map(|(part, value)| match (part.as_str(), value) {
        ("query", Json::Text(query)) => ("query", struck_query(query, credentials)),
        ("json", body) if !is_request => match struck("", body, credentials) {
            Some(json) => ("json", json),
            None => ("withheld", Json::text("a name in it could hold a secret")),
        },
        (part, value) => (part, value.map(part, &mut |name, text| struck_text(name, text, credentials))),
    }))
}

/// Returns what may be written of the value of a member.
fn struck_text(name: &str, text: &str, credentials: &Credentials) -> Text {
    let is_open = text.is_empty() || !is_secret(name);
    let struck = if is_open { credentials.strike(text) } else { credentials.placeholder(text) };
    Text::new(struck.unwrap_or(WITHHELD.into()))
}

/// Returns what may be written of a value in a body, or `None` if not even its shape may be.
fn struck(name: &str, json: &Json, credentials: &Credentials) -> Option<Json> {
    // In a pair of a name and a value.
    let names_a_token = |json: &Json| json.as_text().is_some_and(is_token);
    Some(match json {
        json if is_nothing(json) => json.clone(),
        Json::Text(text) => Json::Text(struck_text(name, text, credentials)),
        Json::Word(number) if credentials.is_clear(number) && !is_secret(name) => json.clone(),
        Json::List(values) if !is_secret(name) && !values.iter().any(names_a_token) => {
            Json::List(values.iter().map(|value| struck(name, value, credentials)).collect::<Option<_>>()?)
        }
        Json::Object(members) if !is_secret(name) && !members.iter().any(|(_, value)| names_a_token(value)) => {
            let struck = members.iter().map(|(name, value)| {
                let is_clear = credentials.strike(name).as_deref() == Some(name);
                Some((name.clone(), struck(name, value, credentials).filter(|_| is_clear)?))
            });
            Json::Object(struck.collect::<Option<_>>()?)
        }
        _ => Json::text(WITHHELD),
    })
}

/// Returns the names, and the values that are credentials.
fn struck_query(query: &str, credentials: &Credentials) -> Json {
    let known = |value: &str| credentials.placeholder(&decoded(value)?);
    let pairs = pairs(query).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let others = pairs.clone().filter(|(_, value)| known(value).is_none());
    let others = others.flat_map(|(name, value)| [name, "=", value, "&"]).collect::<Vec<_>>().concat();
    let written = pairs.map(|(name, value)| {
        let name = credentials.strike(name)?;
        Some(Json::text(&known(value).map_or(name.clone(), |value| [&*name, "=", &value].concat())))
    });
    // A secret may begin in a name, and go on in its value or in the next name.
    let is_clear = credentials.struck(&Text::new(others)).is_some();
    Json::List(written.collect::<Option<_>>().filter(|_| is_clear).unwrap_or([Json::text(WITHHELD)].into()))
}

/// Compares a written request with one that was sent. A credential is filled in here and not struck there, because an invented one may be an
/// ordinary word.
pub(super) fn check(
    number: usize,
    recorded: &Json,
    sent: &Json,
    credentials: &Credentials,
) -> Result<(), CassetteError> {
    let shown = lines(recorded).unwrap_or_default();
    if let Some((part, _)) = shown.iter().find(|(_, text)| text.contains(WITHHELD)) {
        return Err(withheld(number, part, "it could hold a secret"));
    }
    let own: BTreeSet<_> = shown.iter().map(|(part, text)| (*part, (*credentials.fill(text)).clone())).collect();
    let mut other = lines(sent).unwrap_or_default();
    for line in other.iter_mut().filter(|line| line.0 == "query" && !own.contains(line)) {
        // Its value was not kept.
        line.1 = line.1.split('=').next().unwrap_or_default().into();
    }
    let others: BTreeSet<_> = other.iter().cloned().collect();
    let amiss: BTreeSet<_> = own.symmetric_difference(&others).map(|(part, _)| *part).collect();
    let Some((part, _)) = shown.iter().chain(&other).find(|(part, _)| amiss.contains(part)) else { return Ok(()) };
    let show = |lines: &[(&str, String)]| {
        let texts = lines.iter().filter(|(known, _)| known == part).map(|(_, text)| text.as_str());
        texts.collect::<Vec<_>>().join("&")
    };
    let sent = show(&lines(&written(sent, credentials)).unwrap_or_default());
    Err(CassetteError::Differs { number, part: (*part).into(), sent, recorded: show(&shown) })
}

/// Returns what is compared of a request, or `None` if it is none. What is encoded in a query is one with what is not.
pub(super) fn lines(request: &Json) -> Option<Vec<(&str, String)>> {
    let plain = |text: &str| decoded(text).map_or(text.into(), |plain| (*plain).clone());
    let mut lines = Vec::new();
    for (part, value) in request.members() {
        match (part.as_str(), value) {
            ("method" | "path", Json::Text(text)) => lines.push((part.as_str(), (**text).clone())),
            ("query", Json::Text(query)) => lines.extend(pairs(query).map(|pair| ("query", plain(pair)))),
            ("query", Json::List(pairs)) => {
                for pair in pairs {
                    lines.push(("query", plain(pair.as_text()?)));
                }
            }
            ("headers" | "json", Json::Object(members)) => {
                for (name, value) in members {
                    // A boundary changes with each request.
                    let text = value.as_text()?;
                    let essence = text.split(';').next().filter(|_| name.as_str() == "content-type");
                    lines.push((name, essence.unwrap_or(text).into()));
                }
            }
            _ => return None,
        }
    }
    Some(lines).filter(|_| ["method", "path", "query", "headers"].iter().all(|part| request.member(part).is_some()))
}

fn pairs(query: &str) -> impl Iterator<Item = &str> + Clone {
    query.split('&').filter(|pair| !pair.is_empty())
}

fn withheld(number: usize, part: &str, reason: &str) -> CassetteError {
    CassetteError::Withheld { number, part: part.into(), reason: reason.into() }
}

/// Returns the response with these credentials in place of the placeholders.
pub(super) fn filled(
    number: usize,
    written: &Json,
    fill: &dyn Fn(&str) -> Text,
) -> Result<Response<Vec<u8>>, CassetteError> {
    let damaged = || CassetteError::Damaged(format!("interaction {number}, its response"));
    let (mut response, mut status) = (Response::new(Vec::new()), None);
    for (part, value) in written.members() {
        match (part.as_str(), value) {
            _ if written.members().len() > 3 => return Err(damaged()),
            ("status", Json::Word(word)) => status = StatusCode::from_bytes(word.as_bytes()).ok(),
            ("headers", headers) => {
                for (name, value) in headers.members() {
                    let header = HeaderName::try_from(name.as_str()).ok().zip(value.as_text());
                    let (header, value) = header.ok_or_else(damaged)?;
                    let filled = HeaderValue::try_from(fill(value).as_str()).ok().filter(|_| value != WITHHELD);
                    let filled = filled.ok_or_else(|| withheld(number, name, "it could hold a secret"))?;
                    response.headers_mut().insert(header, filled);
                }
            }
            ("json", json) => {
                let filled = json.map("", &mut |_, text| fill(text));
                *response.body_mut() = serde_json::to_vec(&filled).map_err(|_| damaged())?;
            }
            ("withheld", Json::Text(reason)) => return Err(withheld(number, "response's body", reason)),
            // Of version 0.1.
            ("text", Json::Text(_)) => return Err(withheld(number, "response's body", "not JSON")),
            _ => return Err(damaged()),
        }
    }
    *response.status_mut() = status.ok_or_else(damaged)?;
    Ok(response)
}
