//! Text that is safe to show: no character that disturbs a log, no credential in any spelling.

use alloc::{boxed::Box, string::String, vec::Vec};

use zeroize::Zeroizing;

/// Replaces each of the `named` values in a text with its name, in any ASCII letter case. It returns `None` if the text repeats a secret, or a
/// named value in an encoded form.
///
/// It finds a secret as given, with JSON's escapes, percent-encoded, or with one within the other, in any ASCII letter case. A secret that is
/// not ASCII counts as found in every text that is not ASCII. An empty value counts as found in every text.
///
/// Use it before you store text from others, as the feature `cassette` does.
///
/// ```
/// use location_auth::strike_out;
///
/// let struck = |text| strike_out(text, &[("owner@example.com", "<email>")], &["hunter2"]);
/// assert_eq!(struck("no user Owner@example.com").as_deref(), Some("no user <email>"));
/// assert_eq!(struck("no user owner%40example.com"), None);
/// assert_eq!(struck("not %48unter2"), None);
/// ```
#[must_use]
pub fn strike_out(text: &str, named: &[(&str, &str)], secrets: &[&str]) -> Option<String> {
    let (mut told, mut rest) = (Zeroizing::new(String::from(text)), Zeroizing::new(String::from(text)));
    for (value, name) in named {
        told = replace(&told, value, name);
        rest = replace(&rest, value, " ");
    }
    // One that is left is spelled unusually.
    let is_left = named.iter().any(|(value, _)| repeats(&rest, &[value]));
    (!is_left && !repeats(text, secrets) && !repeats(&told, secrets)).then(|| core::mem::take(&mut *told))
}

/// Whether the text holds one of the secrets: as given, or as JSON or percent-encoding writes it, also one within the other, in any
/// ASCII letter case.
///
/// The text is decoded rather than the secret encoded, since a text has many encodings. Beyond ASCII there are too many letter cases and
/// normal forms: such a secret counts as found in every text that is not ASCII.
fn repeats(text: &str, secrets: &[&str]) -> bool {
    let once = [percent_decode(text), json_decode(text)];
    let twice = once.iter().flat_map(|text| [percent_decode(text), json_decode(text)]);
    let secrets: Vec<_> = secrets.iter().map(|secret| (secret.is_ascii(), fold(secret))).collect();
    let holds_one = |text: &str| {
        let folded = fold(text);
        secrets.iter().any(|(ascii, secret)| if *ascii { folded.contains(secret.as_str()) } else { !folded.is_ascii() })
    };
    holds_one(text) || once.iter().any(|text| holds_one(text)) || twice.into_iter().any(|text| holds_one(&text))
}

/// Maps to one spelling: ASCII's letter cases, a space and the plus that a form writes for it, and the characters that [`clean`] replaces.
fn fold(text: &str) -> Zeroizing<String> {
    // No character grows beyond three times its bytes, so the buffer never moves and leaves no copy behind.
    let mut folded = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
    folded.extend(text.chars().map(|c| if c == '+' { ' ' } else { harmless(c).to_ascii_lowercase() }));
    folded
}

/// Replaces each `value` in the text with the name, in any ASCII letter case.
fn replace(text: &str, value: &str, name: &str) -> Zeroizing<String> {
    let [folded, value] = [text, value].map(|text| Zeroizing::new(text.to_ascii_lowercase()));
    let names = folded.matches(value.as_str()).count().saturating_mul(name.len());
    let mut replaced = Zeroizing::new(String::with_capacity(text.len().saturating_add(names)));
    let mut end = 0;
    for (start, value) in folded.match_indices(value.as_str()) {
        replaced.push_str(text.get(end..start).unwrap_or_default());
        replaced.push_str(name);
        end = start.saturating_add(value.len());
    }
    replaced.push_str(text.get(end..).unwrap_or_default());
    replaced
}

fn percent_decode(text: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend(percent_encoding::percent_decode_str(text));
    // A byte that is not UTF-8 becomes a replacement character of three bytes.
    let mut decoded = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            decoded.push(char::REPLACEMENT_CHARACTER);
        }
    }
    decoded
}

/// Decodes JSON's escapes in the text (RFC 8259 section 7). The rest stays as it is.
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

/// Reads the escape that follows a backslash: returns its character, and the text after it.
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

/// Replaces control characters, line separators and marks that change the direction of text, then cuts the text to the bound, in bytes.
pub(crate) fn clean(text: &str, bound: usize) -> Box<str> {
    let mut cleaned = String::new();
    for c in text.chars().map(harmless) {
        if cleaned.len().saturating_add(c.len_utf8()) > bound {
            break;
        }
        cleaned.push(c);
    }
    cleaned.into()
}

pub(crate) fn harmless(c: char) -> char {
    if disturbs(c) { char::REPLACEMENT_CHARACTER } else { c }
}

/// Whether a character could make a log line look like another.
pub(crate) fn disturbs(c: char) -> bool {
    // Unicode's property Bidi_Control.
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}
