//! The service's own words, made safe to repeat (`Q8`): picked out, withheld if they hold a credential, cleaned, then cut.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use http::HeaderMap;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use crate::error::Message;
use crate::response::Member;

/// The longest message that is kept, in bytes.
const MESSAGE_LIMIT: usize = 256;
/// How deep words may stand. What is deeper is skipped, which takes no stack.
const DEPTH: u8 = 8;
/// A request id that is longer is no id.
const REQUEST_ID_LIMIT: usize = 128;

/// A short message from an error body of one of the usual shapes.
pub(crate) fn message(body: &[u8], request_secrets: &[&str]) -> Message {
    match words(body) {
        None => Message::None,
        Some(text) if repeats(&text, request_secrets) => Message::Withheld,
        Some(text) => Message::Text(clean(&text)),
    }
}

fn words(body: &[u8]) -> Option<Zeroizing<String>> {
    let mut json = serde_json::Deserializer::from_str(core::str::from_utf8(body).ok()?);
    let words = Words { depth: DEPTH }.deserialize(&mut json).ok()?;
    json.end().ok()?;
    words
}

/// `x-request-id`, if it is visible ASCII within its bound and repeats no credential.
pub(crate) fn request_id(headers: &HeaderMap, request_secrets: &[&str]) -> Option<Box<str>> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let fit = !id.is_empty() && id.len() <= REQUEST_ID_LIMIT && id.bytes().all(|byte| byte.is_ascii_graphic());
    (fit && !repeats(id, request_secrets)).then(|| id.into())
}

/// Reads a value for its words: a text that is not blank is its own, an array has those of its first element, an object those of its
/// members of the usual names, in the order of [`NAMES`] and joined by colons; of members of one name the last counts. The rest of a
/// body is skipped unread.
#[derive(Clone, Copy)]
struct Words {
    /// In how many more arrays and objects.
    depth: u8,
}

impl Words {
    fn deeper(self) -> Option<Self> {
        self.depth.checked_sub(1).map(|depth| Self { depth })
    }
}

/// Those of OAuth's errors (RFC 6749 section 5.2) and of problem details (RFC 9457), and what else is usual.
const NAMES: [&str; 6] = ["error", "error_description", "message", "title", "detail", "errors"];

impl<'de> DeserializeSeed<'de> for Words {
    type Value = Option<Zeroizing<String>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Words {
    type Value = Option<Zeroizing<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.trim().is_empty()).then(|| Zeroizing::new(text.into())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let first = match self.deeper() {
            Some(deeper) => seq.next_element_seed(deeper)?,
            None => None,
        };
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.flatten())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut texts = NAMES.map(|_| None);
        while let Some(name) = map.next_key::<Member<'de>>()? {
            let named = NAMES.iter().zip(&mut texts).find(|(usual, _)| name.text() == Some(**usual));
            match named.zip(self.deeper()) {
                Some(((_, text), deeper)) => *text = map.next_value_seed(deeper)?,
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        let texts: Vec<&str> = texts.iter().flatten().map(|text| text.as_str()).collect();
        Ok((!texts.is_empty()).then(|| Zeroizing::new(texts.join(": "))))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Whether the text holds a credential: as given, or as JSON or percent-encoding writes it, also one within the other,
/// in any letter case.
///
/// The text is decoded rather than the credential encoded, since there are many ways to write the same.
fn repeats(text: &str, request_secrets: &[&str]) -> bool {
    let once = [percent_decode(text), json_decode(text)];
    let twice = once.iter().flat_map(|text| [percent_decode(text), json_decode(text)]);
    let request_secrets: Vec<_> = request_secrets.iter().map(|credential| fold(credential)).collect();
    let holds_one = |text: &str| {
        let text = fold(text);
        request_secrets.iter().any(|credential| text.contains(credential.as_str()))
    };
    holds_one(text) || once.iter().any(|text| holds_one(text)) || twice.into_iter().any(|text| holds_one(&text))
}

/// One spelling for all letter cases (there and back, so that `ẞ`, `ß` and `SS` meet), for a space and the plus that a form writes for it, and for
/// what [`clean`] makes one of.
fn fold(text: &str) -> Zeroizing<String> {
    // No character grows beyond three times its bytes, so nothing is left behind by a buffer that moves.
    let mut folded = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
    let plain = text.chars().map(|c| if c == '+' { ' ' } else { harmless(c) });
    folded.extend(plain.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase));
    folded
}

fn percent_decode(text: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend(percent_encoding::percent_decode_str(text));
    // A byte that is no UTF-8 becomes a replacement character of three bytes.
    let mut decoded = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            decoded.push(char::REPLACEMENT_CHARACTER);
        }
    }
    decoded
}

/// The text with JSON's escapes undone (RFC 8259 section 7); what is no escape stays as it is.
pub(crate) fn json_decode(text: &str) -> Zeroizing<String> {
    let mut decoded = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        decoded.push_str(plain);
        let (c, after) = unescape(escape).unwrap_or(('\\', escape));
        decoded.push(c);
        rest = after;
    }
    decoded.push_str(rest);
    decoded
}

/// The character that follows a backslash stands for, and what comes after it.
fn unescape(escape: &str) -> Option<(char, &str)> {
    let mut chars = escape.chars();
    let c = match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unescape_unicode(chars.as_str()),
        c @ ('"' | '\\' | '/') => c,
        _ => return None,
    };
    Some((c, chars.as_str()))
}

/// Four hexadecimal digits, or a surrogate pair.
fn unescape_unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = hex4(text)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Some((c, rest));
    }
    let (second, rest) = hex4(rest.strip_prefix("\\u")?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, rest))
}

fn hex4(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}

/// Control characters, line separators and marks that turn the direction of text replaced; then cut to the bound.
fn clean(text: &str) -> Box<str> {
    let mut cleaned = String::new();
    for c in text.chars().map(harmless) {
        if cleaned.len().saturating_add(c.len_utf8()) > MESSAGE_LIMIT {
            break;
        }
        cleaned.push(c);
    }
    cleaned.into()
}

pub(crate) fn harmless(c: char) -> char {
    if disturbs(c) { char::REPLACEMENT_CHARACTER } else { c }
}

/// Whether a character could make a line of a log look like another.
pub(crate) fn disturbs(c: char) -> bool {
    // Unicode's property Bidi_Control.
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}
