//! Secrets that are never shown, and are overwritten when their last holder drops them.
//!
//! Neither type has `Display`, `==`, `Deref` or serde. `Debug`, if there is one, shows only that something is hidden.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroize;

/// What a `Debug` shows in place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Secret bytes. They are overwritten as one slice: `Zeroizing<Box<[u8]>>` does it byte by byte, and takes many times as long.
#[derive(Clone)]
pub(crate) struct SecretBytes(Box<[u8]>);

impl SecretBytes {
    /// The buffer must be of its final size, or a copy is left behind.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into_boxed_slice())
    }
}

impl AsRef<[u8]> for SecretBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        <[u8]>::zeroize(&mut self.0);
    }
}

/// A secret as the header value that is sent, so that all requests share one copy.
#[derive(Clone)]
pub(crate) struct SecretHeader {
    value: HeaderValue,
    scheme: usize,
}

impl SecretHeader {
    /// `scheme` and `secret` as one header value, or `None` unless the secret is one or more visible ASCII characters.
    pub(crate) fn new(scheme: &str, secret: &str) -> Option<Self> {
        // All bytes are looked at, whatever the first ones are: so the compiler looks at many at a time.
        let graphic = secret.bytes().fold(true, |graphic, byte| graphic & byte.is_ascii_graphic());
        if secret.is_empty() || !graphic {
            return None;
        }
        let text = SecretBytes::new([scheme.as_bytes(), secret.as_bytes()].concat());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).ok()?;
        value.set_sensitive(true);
        Some(Self { value, scheme: scheme.len() })
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.value
    }

    /// The secret without its scheme.
    pub(crate) fn expose(&self) -> &str {
        core::str::from_utf8(self.value.as_bytes()).ok().and_then(|text| text.get(self.scheme..)).unwrap_or_default()
    }
}

impl fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}
