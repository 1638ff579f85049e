//! What is percent-encoded in a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// All characters except RFC 3986's unreserved ones: right for a path segment and for a query value.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
