//! What a call's body is made of.

use alloc::string::String;
use alloc::vec::Vec;

use location_auth::Bytes;

/// What a client takes as a call's body. What is owned is not copied.
///
/// ```
/// use location_auth::transports::client::IntoBody;
///
/// assert_eq!("{}".into_body(), b"{}".to_vec().into_body());
/// assert!(().into_body().is_empty());
/// ```
pub trait IntoBody {
    /// The bytes to send: none for an empty body.
    fn into_body(self) -> Bytes;
}

/// No body.
impl IntoBody for () {
    fn into_body(self) -> Bytes {
        Bytes::new()
    }
}

impl IntoBody for Bytes {
    fn into_body(self) -> Bytes {
        self
    }
}

impl IntoBody for Vec<u8> {
    fn into_body(self) -> Bytes {
        self.into()
    }
}

impl IntoBody for String {
    fn into_body(self) -> Bytes {
        self.into()
    }
}

/// Copied.
impl IntoBody for &str {
    fn into_body(self) -> Bytes {
        Bytes::copy_from_slice(self.as_bytes())
    }
}

/// Copied.
impl IntoBody for &[u8] {
    fn into_body(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}
