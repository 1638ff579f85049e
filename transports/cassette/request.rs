//! The recorded form of a request, and how a request is compared with it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use http::{HeaderMap, HeaderName, Request, header};
use location_auth::{Bytes, is_token_request};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::credentials::{Credentials, Kind, WITHHELD};
use super::json::Json;

/// The recorded form of a request. It has no credential, and of a call only the target and the headers.
#[derive(Clone)]
pub(super) struct RequestRecord {
    pub(super) method: String,
    pub(super) path: String,
    /// The names, and the values that are tokens.
    pub(super) query: Vec<String>,
    pub(super) headers: Vec<(String, String)>,
    /// The members of a token request.
    pub(super) body: Vec<(String, String)>,
}

/// The part in which two requests differ, and how.
pub(super) struct Difference {
    pub(super) part: &'static str,
    pub(super) sent: String,
    pub(super) recorded: String,
}

impl RequestRecord {
    /// Returns the method and path.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the first difference between a request and this one, with these credentials in place of the placeholders.
    pub(super) fn difference(&self, sent: &Sent, credentials: &Credentials) -> Option<Difference> {
        let struck = sent.struck(credentials);
        let [own, other] = [self, &struck].map(Self::parts);
        own.into_iter().zip(other).zip(sent.parts()).find_map(|(((part, own), (_, other)), sent)| {
            if part == "path" && self.path == WITHHELD {
                return None;
            }
            let at = (0..own.len().max(sent.len())).find(|at| match (own.get(*at), sent.get(*at)) {
                (Some(own), Some(sent)) => {
                    !is_same(own, other.get(*at).map_or(WITHHELD, |other| other), sent, credentials)
                }
                _ => true,
            })?;
            let shown = |pieces: &[String]| match part {
                "path" => pieces.join("/"),
                _ => pieces.get(at).cloned().unwrap_or_default(),
            };
            Some(Difference { part, sent: shown(&other), recorded: shown(&own) })
        })
    }

    /// Splits each part into the pieces that are compared.
    fn parts(&self) -> [(&'static str, Vec<String>); 5] {
        [
            ("method", Vec::from([self.method.clone()])),
            ("path", self.path.split('/').map(String::from).collect()),
            ("query", self.query.clone()),
            ("headers", lines(&self.headers)),
            ("body", lines(&self.body)),
        ]
    }
}

/// Returns whether the sent text is the recorded one. Credentials are removed from the sent text, or filled into the recorded one, because an
/// invented credential may be an ordinary word.
fn is_same(recorded: &str, struck: &str, sent: &str, credentials: &Credentials) -> bool {
    let is_withheld = recorded.split_once(WITHHELD).is_some_and(|(before, _)| sent.starts_with(before));
    is_withheld || recorded == struck || *credentials.fill(recorded) == sent
}

fn lines(members: &[(String, impl AsRef<str>)]) -> Vec<String> {
    members.iter().map(|(name, value)| format!("{name}: {}", value.as_ref())).collect()
}

/// The headers of a request that are recorded and compared.
const HEADERS: [HeaderName; 4] =
    [header::ACCEPT, header::CONTENT_TYPE, HeaderName::from_static("x-api-key"), header::AUTHORIZATION];

/// The parts of a request that are compared or written, as they were sent.
pub(super) struct Sent {
    method: String,
    path: Zeroizing<String>,
    query: Vec<(String, Zeroizing<String>)>,
    headers: Vec<(String, Zeroizing<String>)>,
    body: Vec<(String, Zeroizing<String>)>,
    /// What is a credential by its place in the headers or the query, however often and in whatever spelling of the place.
    carried: Vec<(Kind, Zeroizing<String>)>,
}

impl Sent {
    pub(super) fn new(request: &Request<Bytes>) -> Self {
        let uri = request.uri();
        let pairs = uri.query().into_iter().flat_map(|query| query.split('&'));
        // A text without `=` may be a value.
        let query = pairs.map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name.into(), decoded(value)),
            None => (WITHHELD.into(), decoded(pair)),
        });
        let headers = HEADERS.into_iter().filter_map(|name| {
            let value = only(request.headers(), &name)?;
            // A boundary changes with each request.
            let value = if name == header::CONTENT_TYPE { value.split(';').next().unwrap_or_default() } else { value };
            Some((name.to_string(), Zeroizing::new(value.into())))
        });
        let body = if is_token_request(request) { token_members(request.body()) } else { Vec::new() };
        Self {
            method: request.method().to_string(),
            path: Zeroizing::new(uri.path().into()),
            query: query.collect(),
            headers: headers.collect(),
            // Step 2 has a User Access Token, a call a Location Access Token.
            carried: carried(request, if body.is_empty() { Kind::LocationToken } else { Kind::UserToken }),
            body,
        }
    }

    /// Returns the kind of token that the request asks for.
    pub(super) fn asks_for(&self) -> Option<Kind> {
        match self.body.len() {
            0 => None,
            2 => Some(Kind::LocationToken),
            _ => Some(Kind::UserToken),
        }
    }

    /// Returns the values in the places of credentials.
    pub(super) fn credentials(&self) -> impl Iterator<Item = (Kind, &str)> {
        let carried = self.carried.iter().map(|(kind, value)| (*kind, value.as_str()));
        let body = self.body.iter().filter_map(|(name, value)| Some((Kind::of_member(name)?, value.as_str())));
        carried.chain(body)
    }

    /// Returns what may be written of the request.
    pub(super) fn struck(&self, credentials: &Credentials) -> RequestRecord {
        let token = |value: &str| credentials.placeholder(Kind::is_token, value).map(String::from);
        let others: Vec<_> = self.query.iter().filter(|(_, value)| token(value).is_none()).collect();
        let is_clear = |text: &str| credentials.struck(text).is_some();
        let whole = others.iter().flat_map(|(name, value)| [name.as_str(), "=", value, "&"]);
        // A secret may begin in a name, and continue in the next.
        let is_split =
            others.iter().all(|(_, value)| is_clear(value)) && !is_clear(&Zeroizing::new(whole.collect::<String>()));
        let query = self.query.iter().map(|(name, value)| match token(value) {
            _ if is_split => WITHHELD.into(),
            Some(token) => format!("{}={token}", credentials.strike(name)),
            None => credentials.strike(name),
        });
        let headers = self.headers.iter().map(|(name, value)| {
            let struck = match name.as_str() {
                "x-api-key" => credentials.placeholder(|kind| kind == Kind::ApiKey, value).map(String::from),
                "authorization" => value
                    .strip_prefix("Bearer ")
                    .and_then(|token| credentials.placeholder(Kind::is_token, token))
                    .map(|token| format!("Bearer {token}")),
                _ => Some(credentials.strike(value)),
            };
            (name.clone(), struck.unwrap_or(WITHHELD.into()))
        });
        let body = self.body.iter().map(|(name, value)| {
            let struck = credentials.placeholder(|kind| Some(kind) == Kind::of_member(name), value);
            (name.clone(), struck.unwrap_or(WITHHELD).into())
        });
        RequestRecord {
            method: credentials.strike(&self.method),
            path: struck_path(&self.path, credentials),
            query: query.collect(),
            headers: headers.collect(),
            body: body.collect(),
        }
    }

    /// Splits each part into pieces, as [`RequestRecord::parts`] does.
    fn parts(&self) -> [Vec<Zeroizing<String>>; 5] {
        let query = self.query.iter().map(|(name, value)| Zeroizing::new(format!("{name}={}", value.as_str())));
        let wiped = |lines: Vec<String>| lines.into_iter().map(Zeroizing::new).collect();
        [
            wiped(Vec::from([self.method.clone()])),
            self.path.split('/').map(decoded).collect(),
            query.collect(),
            wiped(lines(&self.headers)),
            wiped(lines(&self.body)),
        ]
    }
}

/// Returns the API Keys and the tokens of a request, by their places alone.
fn carried(request: &Request<Bytes>, token: Kind) -> Vec<(Kind, Zeroizing<String>)> {
    let values = |name| request.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
    let api_keys =
        values(HeaderName::from_static("x-api-key")).map(|value| (Kind::ApiKey, Zeroizing::new(value.into())));
    // Behind the scheme, whatever that is.
    let tokens = values(header::AUTHORIZATION).map(|value| value.split_once(' ').map_or(value, |(_, token)| token));
    let tokens = tokens.map(|value| (token, Zeroizing::new(value.trim().into())));
    let query = request.uri().query().unwrap_or_default();
    // Some servers read a semicolon as an ampersand.
    let pairs = query.split('&').chain(query.split(['&', ';'])).filter_map(|pair| pair.split_once('='));
    let in_query = pairs.filter(|(name, _)| decoded(name).eq_ignore_ascii_case("access_token"));
    let in_query = in_query.map(|(_, value)| (Kind::LocationToken, decoded(value)));
    api_keys.chain(tokens).chain(in_query).collect()
}

/// Replaces each segment that is a credential by its placeholder. If the other segments repeat a credential, also across a `/`, the whole path
/// is withheld.
fn struck_path(path: &str, credentials: &Credentials) -> String {
    let placeholder = |segment: &str| credentials.placeholder(|_| true, &decoded(segment)).map(String::from);
    let placeholders: Vec<_> = path.split('/').map(placeholder).collect();
    let others = path.split('/').zip(&placeholders).map(|(own, known)| if known.is_none() { own } else { "" });
    let others = credentials.strike(&others.collect::<Vec<_>>().join("/"));
    let segments = others.split('/').map(String::from);
    if others == WITHHELD || segments.clone().count() != placeholders.len() {
        return WITHHELD.into();
    }
    segments.zip(placeholders).map(|(own, known)| known.unwrap_or(own)).collect::<Vec<_>>().join("/")
}

/// Returns the members of a token request in alphabetical order, or none if the body is of another request.
fn token_members(body: &[u8]) -> Vec<(String, Zeroizing<String>)> {
    let json = core::str::from_utf8(body).ok().and_then(|text| Json::read(text, 2).ok());
    let Some(Json::Object(members)) = json else { return Vec::new() };
    let texts = members.into_iter().map(|(name, value)| match value {
        Json::Text(text) => Some((name, text)),
        _ => None,
    });
    let mut texts: Vec<_> = texts.collect::<Option<_>>().unwrap_or_default();
    texts.sort_by(|(one, _), (other, _)| one.cmp(other));
    match texts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()[..] {
        ["client_id", "client_secret"] | ["client_id", "client_secret", "email", "password"] => texts,
        _ => Vec::new(),
    }
}

/// Returns the value of a header. If the header is there more than once, the value is withheld.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().unwrap_or(WITHHELD);
    Some(if values.next().is_some() { WITHHELD } else { value })
}

fn decoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(percent_decode_str(text).decode_utf8_lossy().into_owned())
}
