//! The bodies of the two steps (`P8`, `P9`): one JSON object each. The buffer has its final size from the start, since a buffer that grows
//! leaves copies of the secrets behind. All requests share it, and it is overwritten when the last holder drops it.

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::secret::SecretBytes;
use crate::spelling::unescape;

/// Two secret texts, kept as the JSON object that they are sent in.
#[derive(Clone)]
pub(crate) struct SecretObject {
    json: Bytes,
    /// Where the texts are, without their quotes.
    texts: [Range<usize>; 2],
}

impl SecretObject {
    /// Builds an object of these members, followed by the other object's.
    pub(crate) fn new(members: [(&str, &str); 2], other: Option<&Self>) -> Self {
        let members = members.map(|(name, text)| (name, text, json_len(text)));
        let rest = other.and_then(|other| other.json.strip_prefix(b"{"));
        let size = members.iter().map(|(name, _, len)| name.len().saturating_add(*len));
        // Each member has two pairs of quotes, a colon, and a brace or a comma before it; then there is a brace or a comma.
        let size = size.fold(13, usize::saturating_add).saturating_add(rest.map_or(0, <[u8]>::len));
        let mut json = Vec::with_capacity(size);
        let texts = members.map(|(name, text, len)| {
            json.extend_from_slice(if json.is_empty() { b"{\"" } else { b",\"" });
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            let start = json.len().saturating_add(1);
            json.push(b'"');
            if len == text.len() {
                json.extend_from_slice(text.as_bytes());
            } else {
                for (form, len) in text.bytes().map(escape) {
                    json.extend_from_slice(form.get(..len).unwrap_or_default());
                }
            }
            json.push(b'"');
            start..start.saturating_add(len)
        });
        match rest {
            None => json.push(b'}'),
            Some(rest) => {
                json.push(b',');
                json.extend_from_slice(rest);
            }
        }
        Self { json: Bytes::from_owner(SecretBytes::new(json)), texts }
    }

    /// The object.
    pub(crate) fn body(&self) -> Bytes {
        self.json.clone()
    }

    /// The two texts, as they were given.
    pub(crate) fn texts(&self) -> [Zeroizing<String>; 2] {
        self.texts.clone().map(|place| {
            let mut rest = self.json.get(place).and_then(|json| core::str::from_utf8(json).ok()).unwrap_or_default();
            let mut text = Zeroizing::new(String::with_capacity(rest.len()));
            while let Some((plain, escape)) = rest.split_once('\\') {
                // Each is one that `escape` wrote.
                let (c, after) = unescape(escape, 0).unwrap_or_default();
                text.push_str(plain);
                text.push(c);
                rest = after;
            }
            text.push_str(rest);
            text
        })
    }
}

/// The bytes of the text's JSON form between the quotes.
fn json_len(text: &str) -> usize {
    if is_its_own_form(text) {
        return text.len();
    }
    text.bytes().map(|byte| escape(byte).1).fold(0, usize::saturating_add)
}

/// Whether JSON escapes nothing in the text, as in nearly all. It checks all bytes without an early return, so that the compiler can check
/// many at a time.
fn is_its_own_form(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\'))
}

/// How JSON writes a byte of a text (RFC 8259 section 7), and how many bytes of that count. It is written here, since `serde_json` writes to a
/// buffer of ours only with `std`, which brings 3 KiB into a small program and 9 into another.
pub(crate) fn escape(byte: u8) -> ([u8; 6], usize) {
    let hex = |digit: u8| b"0123456789abcdef".get(usize::from(digit)).copied().unwrap_or_default();
    match byte {
        b'"' | b'\\' => ([b'\\', byte, 0, 0, 0, 0], 2),
        0x00..=0x1f => ([b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 0xf)], 6),
        _ => ([byte, 0, 0, 0, 0, 0], 1),
    }
}
