//! The bodies of the two steps (`P8`, `P9`): one JSON object each, in a buffer of its final size, since one that grows would leave
//! copies of the secrets behind.

use alloc::{boxed::Box, vec::Vec};

use zeroize::Zeroizing;

/// Step 2's body, which step 1's ends with too: it is the same for all logins of an App, so it is written once.
pub(crate) struct ClientBody(Zeroizing<Box<[u8]>>);

impl ClientBody {
    pub(crate) fn new(client_id: &str, client_secret: &str) -> Self {
        let body = object([("client_id", client_id), ("client_secret", client_secret)], b"");
        Self(Zeroizing::new(body.into_boxed_slice()))
    }

    pub(crate) fn alone(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    pub(crate) fn after(&self, members: [(&str, &str); 2]) -> Vec<u8> {
        object(members, &self.0)
    }
}

/// An object of these two members, then those of the object `more`, if any.
fn object(members: [(&str, &str); 2], more: &[u8]) -> Vec<u8> {
    let members = members.map(|(name, value)| (name, value, json_len(value)));
    // Each member has two pairs of quotes, a colon, and a comma or the opening brace. `more` has a comma for its own brace.
    let size = members.iter().map(|(name, _, len)| name.len().saturating_add(*len).saturating_add(6));
    let mut body = Vec::with_capacity(size.fold(more.len().max(1), usize::saturating_add));
    for (name, value, len) in members {
        body.extend_from_slice(if body.is_empty() { b"{\"" } else { b",\"" });
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(b"\":");
        if len == value.len() {
            // Nothing to escape.
            body.push(b'"');
            body.extend_from_slice(value.as_bytes());
            body.push(b'"');
        } else {
            // A text always has a JSON form and a Vec always takes it, so there is nothing to be told.
            let _ = serde_json::to_writer(&mut body, value);
        }
    }
    match more.split_first() {
        Some((_, members)) => {
            body.push(b',');
            body.extend_from_slice(members);
        }
        None => body.push(b'}'),
    }
    body
}

/// The bytes of the text's JSON form between the quotes.
fn json_len(text: &str) -> usize {
    if is_its_own_form(text) {
        return text.len();
    }
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0x00..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(escaped).fold(0, usize::saturating_add)
}

/// Whether JSON escapes nothing in the text, as in nearly all. All bytes are looked at, whatever the first ones are: so the compiler
/// looks at many at a time.
fn is_its_own_form(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\'))
}
