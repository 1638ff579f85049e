//! The types that a call's body can have.

use alloc::string::String;
use alloc::vec::Vec;

use location_auth::Bytes;

/// A type that a client takes as a call's body. An owned body is not copied, a borrowed one is. `call_with` takes any other type.
///
/// ```
/// use location_auth::transports::client::IntoBody;
///
/// assert_eq!("{}".into_body(), b"{}".to_vec().into_body());
/// assert!(().into_body().is_empty());
/// ```
pub trait IntoBody {
    /// Returns the bytes to send.
    fn into_body(self) -> Bytes;
}

/// An empty body.
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

/// Copies the bytes.
impl IntoBody for &str {
    fn into_body(self) -> Bytes {
        Bytes::copy_from_slice(self.as_bytes())
    }
}

/// Copies the bytes.
impl IntoBody for &[u8] {
    fn into_body(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}
