//! The bodies of the two steps (`P8`, `P9`): one JSON object each, in a buffer of its final size, since one that grows would leave
//! copies of the secrets behind.

use alloc::{boxed::Box, vec::Vec};

use zeroize::Zeroizing;

/// Step 2's body, which step 1's ends with too: it is the same for all logins of an App, so it is written once.
pub(crate) struct ClientBody(Zeroizing<Box<[u8]>>);

impl ClientBody {
    pub(crate) fn new(client_id: &str, client_secret: &str) -> Self {
        let body = object(&[("client_id", client_id), ("client_secret", client_secret)], b"");
        Self(Zeroizing::new(body.into_boxed_slice()))
    }

    pub(crate) fn alone(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    pub(crate) fn after(&self, members: &[(&str, &str)]) -> Vec<u8> {
        object(members, &self.0)
    }
}

/// An object of these members, then those of the object `more`, if any.
fn object(members: &[(&str, &str)], more: &[u8]) -> Vec<u8> {
    // Each member has two pairs of quotes, a colon, and a comma or the opening brace. `more` has a comma for its own brace.
    let size = members.iter().map(|(name, value)| name.len().saturating_add(json_len(value)).saturating_add(6));
    let mut body = Vec::with_capacity(size.fold(more.len().max(1), usize::saturating_add));
    for (name, value) in members {
        body.extend_from_slice(if body.is_empty() { b"{\"" } else { b",\"" });
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(b"\":");
        // A text always has a JSON form and a Vec always takes it, so there is nothing to be told.
        let _ = serde_json::to_writer(&mut body, value);
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

/// The bytes that serde_json writes between the quotes.
fn json_len(text: &str) -> usize {
    let count = |which: fn(&u8) -> bool| text.bytes().filter(which).count();
    let short = count(|byte| *byte == b'"' || *byte == b'\\'); // a backslash more
    let long = count(|byte| *byte < b' '); // five bytes more: \u001f
    let named = count(|byte| (0x08..=0x0d).contains(byte) && *byte != 0x0b); // four less than that: \n
    let more = short.saturating_add(long.saturating_mul(5)).saturating_sub(named.saturating_mul(4));
    text.len().saturating_add(more)
}
