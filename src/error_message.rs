//! The service's message, made safe to quote (`Q8`): found, withheld if it repeats a credential, cleaned, then cut.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use serde_core::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use crate::Credentials;
use crate::json::{Member, NUMBER, unmarked, visit_as};
use crate::text::{clean, strike_out};

/// The longest message that is kept, in bytes.
const MESSAGE_LIMIT: usize = 256;
/// A longer request id, media type or coding is ignored.
const HEADER_LIMIT: usize = 128;
const CODE_LIMIT: usize = 64;
/// How deep a body is searched for a message.
const DEPTH: u8 = 8;

/// The service's message in a response without a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    None,
    Text(Box<str>),
    /// The message repeats a credential.
    Withheld,
    /// A page for a browser: of its text only the title is shown, if it repeats no credential.
    Html(Option<Box<str>>),
    /// The body has this coding (RFC 9110 section 8.4), and nobody decoded it.
    Coded(Box<str>),
}

/// What an error must not repeat: the credentials that its request carried, and those that are still held.
pub(crate) struct Secrets<'a> {
    /// Values that are no credentials: an error shows the name instead.
    pub(crate) named: &'a [(&'a str, &'static str)],
    pub(crate) secret: &'a [&'a str],
}

impl Secrets<'_> {
    /// The text with names in place of the named values, unless it repeats a secret before or after that.
    fn told(&self, text: &str) -> Option<String> {
        strike_out(text, self.named, self.secret)
    }

    /// Whether one of them is this number.
    pub(crate) fn include(&self, number: u64) -> bool {
        self.secret.iter().any(|secret| secret.parse() == Ok(number))
    }

    /// Returns a header's value, or a part of it, if it is visible ASCII, short, and repeats nothing.
    fn word(&self, text: &str) -> Option<Box<str>> {
        let fit = !text.is_empty() && text.len() <= HEADER_LIMIT && text.bytes().all(|byte| byte.is_ascii_graphic());
        (fit && self.told(text).is_some_and(|told| told == text)).then(|| text.into())
    }
}

/// Finds a short message in a body of a usual shape, the service's own code for what happened, and whether the body is JSON or empty. A success
/// (`success`) may hold private data: of it only members with usual names are shown.
pub(crate) fn message(
    headers: &HeaderMap,
    body: &[u8],
    success: bool,
    secrets: &Secrets<'_>,
) -> (Message, Option<Box<str>>, bool) {
    let body = unmarked(body);
    // Members with other names are read only if needed: a skipped one need not be JSON that serde accepts.
    let usual = said(body, Position::Beside);
    let any = usual.as_ref().filter(|said| said.words.is_none() && !success).and_then(|_| said(body, Position::Top));
    let Some(said) = any.or(usual) else {
        return (not_json(headers, body, success, secrets), None, body.trim_ascii().is_empty());
    };
    let message = match said.words.map(|words| secrets.told(&words)) {
        None => Message::None,
        Some(None) => Message::Withheld,
        Some(Some(told)) => Message::Text(clean(&told, MESSAGE_LIMIT)),
    };
    (message, said.code.and_then(|code| secrets.word(&code)), true)
}

fn not_json(headers: &HeaderMap, body: &[u8], success: bool, secrets: &Secrets<'_>) -> Message {
    if body.trim_ascii().is_empty() {
        return Message::None;
    }
    if let Some(coding) = coding(headers) {
        return Message::Coded(secrets.word(coding).unwrap_or("…".into()));
    }
    let essence = essence(headers);
    let starts = |start: &str| {
        body.trim_ascii_start().get(..start.len()).is_some_and(|body| body.eq_ignore_ascii_case(start.as_bytes()))
    };
    let is_type = |name: &str| essence.eq_ignore_ascii_case(name);
    if is_type("text/html") || is_type("application/xhtml+xml") || starts("<!doctype html") || starts("<html") {
        // The whole page is checked, as a text is below.
        let title = core::str::from_utf8(body).ok().filter(|page| !success && secrets.told(page).is_some());
        let told = title.and_then(title_of).and_then(|title| secrets.told(title));
        return Message::Html(told.map(|told| clean(&told, MESSAGE_LIMIT)));
    }
    if success || !is_type("text/plain") {
        return Message::None;
    }
    // The whole body is checked: a credential may span two lines.
    let Some(told) = secrets.told(core::str::from_utf8(body).unwrap_or_default()) else { return Message::Withheld };
    let line = told.lines().map(str::trim).find(|line| !line.is_empty());
    line.map_or(Message::None, |line| Message::Text(clean(line, MESSAGE_LIMIT)))
}

/// The first line of a page's title or heading, which is where servers say what is wrong.
fn title_of(page: &str) -> Option<&str> {
    let lower = Zeroizing::new(page.to_ascii_lowercase());
    ["<title", "<h1"].iter().find_map(|tag| {
        let (_, rest) = lower.split_once(tag)?.1.split_once('>')?;
        let (inner, _) = rest.split_once("</")?;
        let start = page.len().checked_sub(rest.len())?;
        let inner = page.get(start..)?.get(..inner.len())?;
        inner.lines().map(str::trim).find(|line| !line.is_empty())
    })
}

/// Returns whether a response is a 401 that asks for a login which is none of this protocol, as a gateway before the service does: its
/// `WWW-Authenticate` names Basic, Digest, Negotiate or NTLM, and not Bearer (RFC 9110 section 11.6.1). Such a 401 says nothing about the token.
///
/// ```
/// use location_auth::driver::asks_for_another_login;
///
/// let gateways = http::Response::builder().status(401).header("www-authenticate", "Basic realm=\"staff\"").body(())?;
/// let services = http::Response::builder().status(401).header("www-authenticate", "Bearer").body(())?;
/// assert!(asks_for_another_login(&gateways) && !asks_for_another_login(&services));
/// # Ok::<(), http::Error>(())
/// ```
pub fn asks_for_another_login<B>(response: &Response<B>) -> bool {
    let headers = response.headers();
    let challenges = || headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let starts = |challenge: &str, scheme: &str| {
        challenge.trim_ascii_start().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let names_bearer = challenges().any(|text| text.split(',').any(|part| starts(part, "bearer")));
    let names_another =
        challenges().any(|text| ["basic", "digest", "negotiate", "ntlm"].iter().any(|s| starts(text, s)));
    response.status() == StatusCode::UNAUTHORIZED && names_another && !names_bearer
}

/// `x-request-id`, if it is visible ASCII within its bound and repeats nothing.
pub(crate) fn request_id(headers: &HeaderMap, secrets: &Secrets<'_>) -> Option<Box<str>> {
    // A name given as text would bring the parser of all header names into a program.
    const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    secrets.word(headers.get(X_REQUEST_ID)?.to_str().ok()?)
}

/// The media type's essence (RFC 9110 section 8.3.1), likewise.
pub(crate) fn media_type(headers: &HeaderMap, secrets: &Secrets<'_>) -> Option<Box<str>> {
    secrets.word(essence(headers))
}

fn essence(headers: &HeaderMap) -> &str {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim_ascii()
}

/// The body's content coding, unless it is `identity`.
pub(crate) fn coding(headers: &HeaderMap) -> Option<&str> {
    let texts = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = texts.flat_map(|text| text.split(',')).map(str::trim_ascii);
    codings.find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
}

/// Reads the message and the code of a body, if it is JSON.
fn said(body: &[u8], position: Position) -> Option<Said> {
    let mut json = serde_json::Deserializer::from_str(core::str::from_utf8(body).ok()?);
    let said = Words { position, depth: DEPTH }.deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(said)
}

#[derive(Default)]
struct Said {
    words: Option<Zeroizing<String>>,
    code: Option<Zeroizing<String>>,
}

/// Reads the words of a value, by one rule: the first text that a person could read.
///
/// A text that is not blank is its own words. A list has the words of its first element with words. An object has the words of its members
/// with usual names, in the order of [`NAMES`] and joined by colons, behind its `name`. If it has no such member, it has the words of the
/// first other member, behind that member's name, which says what the words are about. The depth is bounded: the rest is skipped unread.
#[derive(Clone, Copy)]
struct Words {
    position: Position,
    depth: u8,
}

#[derive(Clone, Copy, PartialEq)]
enum Position {
    Top,
    /// Below a member with a usual name: each text there is about what went wrong.
    Below,
    /// Below a member with another name: only sentences are shown there, and what is below usual names.
    Beside,
}

/// The names in OAuth's errors (RFC 6749 section 5.2) and in problem details (RFC 9457), and other usual ones, in any ASCII letter case.
const NAMES: [&str; 9] =
    ["error", "error_description", "message", "msg", "title", "detail", "description", "reason", "errors"];

impl<'de> DeserializeSeed<'de> for Words {
    type Value = Said;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Said, D::Error> {
        match self.depth.checked_sub(1) {
            Some(depth) => deserializer.deserialize_any(Self { depth, ..self }),
            None => IgnoredAny::deserialize(deserializer).map(|_| Said::default()),
        }
    }
}

impl<'de> Visitor<'de> for Words {
    type Value = Said;

    visit_as! {
        Said::default();
        visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64),
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<Said, E> {
        Ok(Said::default())
    }
    fn visit_str<E>(self, text: &str) -> Result<Said, E> {
        let mut characters = text.trim().chars().peekable();
        // It is shown untrimmed: a space at its end may be a credential's.
        let told =
            characters.peek().is_some() && (self.position != Position::Beside || characters.any(char::is_whitespace));
        let kept = |text: &str| Zeroizing::new(String::from(text));
        Ok(Said {
            words: Some(text).filter(|_| told).map(kept),
            code: Some(text).filter(|text| is_code(text)).map(kept),
        })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Said, A::Error> {
        let mut first = Said::default();
        while let Some(said) = seq.next_element_seed(self)? {
            first = if first.words.is_some() { first } else { said };
        }
        Ok(first)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
        let below = Self { position: Position::Below, ..self };
        let beside = Self {
            position: if self.position == Position::Below { Position::Below } else { Position::Beside },
            ..self
        };
        let (mut texts, mut name, mut other, mut code, mut errors_code) = (NAMES.map(|_| None), None, None, None, None);
        while let Some(member) = map.next_key::<Member<'de>>()? {
            let member = member.text().unwrap_or_default();
            let is = |usual: &str| member.eq_ignore_ascii_case(usual);
            let labelled = |words: Zeroizing<String>| match is("base") {
                true => words,
                false => Zeroizing::new([member, ": ", &words].concat()),
            };
            if let Some((usual, text)) = NAMES.iter().zip(&mut texts).find(|(usual, _)| is(usual)) {
                let said = map.next_value_seed(below)?;
                let said_code = said.code.filter(|_| usual.starts_with("error"));
                errors_code = if names_credentials(&said_code) { said_code } else { errors_code.or(said_code) };
                *text = said.words;
            } else if is("name") {
                name = map.next_value_seed(below)?.words;
            } else if member == NUMBER {
                map.next_value::<IgnoredAny>()?;
            } else if is("code") || self.position != Position::Beside {
                let said = map.next_value_seed(beside)?;
                code = code.or(said.code.filter(|_| is("code")));
                let words = said.words.filter(|_| self.position != Position::Beside && !(is("code") && code.is_some()));
                other = other.or(words.map(labelled));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let texts: Vec<&str> = texts.iter().flatten().map(|text| text.as_str()).collect();
        let words = if !texts.is_empty() {
            let texts: Vec<_> = name.iter().map(|name| name.as_str()).chain(texts).collect();
            Some(Zeroizing::new(texts.join(": ")))
        } else if self.position == Position::Below {
            // There it names a field.
            other.or(name.map(|words| Zeroizing::new(["name: ", &words].concat())))
        } else {
            other
        };
        // A code of the service's own beside OAuth's says less.
        Ok(Said { words, code: if names_credentials(&errors_code) { errors_code } else { code.or(errors_code) } })
    }
}

fn names_credentials(code: &Option<Zeroizing<String>>) -> bool {
    code.as_ref().is_some_and(|code| Credentials::named_by(code).is_some())
}

/// Whether the text is one that a program can match on.
fn is_code(text: &str) -> bool {
    (1..=CODE_LIMIT).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}
