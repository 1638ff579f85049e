//! The recorded form of a response, and the response that a replay makes from it.
//!
//! ```text
//! to a token request   2xx ──▶ its shape and the token's placeholder: any other text may be an unknown secret
//!                      else ──▶ its texts, without credentials
//! to a call            only what the program's function keeps, without credentials
//! ```
//!
//! A body that can't be searched is withheld completely.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use http::{HeaderName, HeaderValue, Response, Uri, header};
use location_auth::{Flow, Progress, RESPONSE_LIMIT, UserAccessToken};
use zeroize::Zeroizing;

use super::credentials::{Credentials, Kind, WITHHELD};
use super::json::Json;

#[derive(Clone)]
pub(super) struct ResponseRecord {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

#[derive(Clone)]
pub(super) enum Body {
    Empty,
    Json(Json),
    Text(String),
    /// The reason.
    Withheld(String),
}

/// The program's function that returns which part of the body of a call's response to keep.
pub(super) type Keep = dyn Fn(&Uri, &str) -> Option<String> + Send + Sync;

/// The depth up to which a body is recorded.
const DEPTH: u8 = 8;
/// The headers that are written. `date` is needed to read an HTTP date in `Retry-After`, so it is written only with one.
const HEADERS: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::RETRY_AFTER, header::DATE, HeaderName::from_static("x-request-id")];

impl ResponseRecord {
    /// Records a response to a token request, after its token was learnt.
    pub(super) fn of_token(kind: Kind, response: &Response<Zeroizing<Vec<u8>>>, credentials: &mut Credentials) -> Self {
        let body = token_body(kind, response, credentials).unwrap_or_else(withheld);
        Self::new(response, body, credentials)
    }

    /// Records a response to a call, with the kept part of its body.
    pub(super) fn of_call(response: &Response<()>, kept: &Body, credentials: &Credentials) -> Self {
        let body = match kept {
            Body::Text(text) => match Json::read(text, DEPTH) {
                Ok(json) => struck(&json, false, credentials).map_or_else(|| withheld(REPEATS), Body::Json),
                Err(_) => Body::Text(credentials.strike(text)),
            },
            kept => kept.clone(),
        };
        Self::new(response, body, credentials)
    }

    fn new<B>(response: &Response<B>, body: Body, credentials: &Credentials) -> Self {
        let is_dated = response.headers().contains_key(header::RETRY_AFTER);
        let headers = HEADERS.into_iter().filter(|name| is_dated || *name != header::DATE).filter_map(|name| {
            let value =
                response.headers().get(&name)?.to_str().map_or(WITHHELD.into(), |text| credentials.strike(text));
            Some((name.to_string(), value))
        });
        Self { status: response.status().as_u16(), headers: headers.collect(), body }
    }

    /// Returns the response, with these credentials in place of the placeholders.
    pub(super) fn filled(&self, credentials: &mut Credentials) -> Response<Vec<u8>> {
        let body = match &self.body {
            Body::Empty | Body::Withheld(_) => Vec::new(),
            Body::Text(text) => credentials.fill(text).as_bytes().to_vec(),
            Body::Json(json) => filled(json, credentials),
        };
        let mut response = Response::new(body);
        // The status was checked when the cassette was read.
        *response.status_mut() = self.status.try_into().unwrap_or_default();
        for (name, value) in self.headers.iter().filter(|(_, value)| value != WITHHELD) {
            let header = (HeaderName::try_from(name), HeaderValue::try_from(credentials.fill(value).as_str()));
            if let (Ok(name), Ok(value)) = header {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Returns the part of the body of a call's response that the program's function keeps.
pub(super) fn kept(uri: &Uri, response: &Response<Vec<u8>>, keep: Option<&Keep>) -> Body {
    if response.body().is_empty() {
        return Body::Empty;
    }
    let kept = readable(response).and_then(|text| keep.and_then(|keep| keep(uri, text)).ok_or("not kept"));
    kept.map_or_else(withheld, Body::Text)
}

fn withheld(reason: &'static str) -> Body {
    Body::Withheld(reason.into())
}

const REPEATS: &str = "repeats a credential";

/// Returns the text of a body that is not encoded.
fn readable(response: &Response<impl AsRef<[u8]>>) -> Result<&str, &'static str> {
    let codings = response.headers().get_all(header::CONTENT_ENCODING).iter();
    if !codings.map(HeaderValue::as_bytes).all(|coding| coding.eq_ignore_ascii_case(b"identity")) {
        return Err("encoded");
    }
    let text = core::str::from_utf8(response.body().as_ref()).map_err(|_| "not UTF-8")?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn token_body(
    kind: Kind,
    response: &Response<Zeroizing<Vec<u8>>>,
    credentials: &mut Credentials,
) -> Result<Body, &'static str> {
    let (body, success) = (response.body(), response.status().is_success());
    let issued = issued(response, credentials);
    if let Some(token) = &issued {
        credentials.learn(kind, token.expose_secret());
    }
    if body.trim_ascii().is_empty() {
        return Ok(Body::Empty);
    }
    if body.len() > RESPONSE_LIMIT {
        return Err("too long");
    }
    let json = Json::read(readable(response)?, DEPTH).map_err(|_| "not JSON that can be looked through")?;
    let mut holds_a_token = false;
    json.map("", &mut |name, value| {
        if let Some(token) = token(name, value) {
            holds_a_token = true;
            credentials.learn(kind, &token);
        }
        Some(Json::Null)
    });
    if success && issued.is_none() && holds_a_token {
        // The replay would issue its placeholder, which is a usable token.
        return Err("holds a token that cannot be used");
    }
    struck(&json, success, credentials).map(Body::Json).ok_or(REPEATS)
}

/// Returns the token that a login would take from the response.
fn issued(response: &Response<Zeroizing<Vec<u8>>>, credentials: &Credentials) -> Option<UserAccessToken> {
    match credentials.app().user_login("nobody", "nothing").ok()?.receive(response) {
        Ok(Progress::Done(token)) => Some(token),
        _ => None,
    }
}

/// Returns the token in the member `access_token`, usable or not.
fn token(name: &str, value: &Json) -> Option<String> {
    match value {
        _ if !name.eq_ignore_ascii_case("access_token") => None,
        Json::Text(text) if !text.is_empty() => Some(text.to_string()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns what may be written of the JSON. For a `success` the only texts are the placeholders of tokens.
fn struck(json: &Json, success: bool, credentials: &Credentials) -> Option<Json> {
    let is_clear = |text: &str| credentials.strike(text) == text;
    if !json.names().into_iter().all(is_clear) {
        return None;
    }
    json.map("", &mut |name, value| match value {
        Json::Text(text) if text.is_empty() => Some(value.clone()),
        Json::Text(text) if token(name, value).is_some() => {
            credentials.placeholder(Kind::is_token, text).map(Json::text).or(Some(Json::text(WITHHELD)))
        }
        Json::Text(_) if success || names_a_secret(name) => Some(Json::text(WITHHELD)),
        Json::Text(text) => Some(Json::text(&credentials.strike(text))),
        Json::Number(number) => (token(name, value).is_none() && is_clear(&number.to_string())).then(|| value.clone()),
        _ => Some(value.clone()),
    })
}

/// Returns whether the member with this name may hold an unknown secret.
fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "key", "session", "cookie"].iter().any(|word| name.contains(word))
}

/// Returns the JSON with credentials filled in, and learns its tokens.
fn filled(json: &Json, credentials: &mut Credentials) -> Vec<u8> {
    let filled = json.map("", &mut |name, value| {
        let Some(text) = value.as_text() else { return Some(value.clone()) };
        if token(name, value).is_some() {
            credentials.learn_replayed(text);
        }
        Some(Json::text(&credentials.fill(text)))
    });
    filled.and_then(|json| serde_json::to_vec(&json).ok()).unwrap_or_default()
}
