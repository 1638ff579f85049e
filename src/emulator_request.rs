//! What the emulated service reads of a request, and how it refuses one.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

pub(crate) struct Refusal(pub(crate) StatusCode, pub(crate) Value);

pub(crate) fn refuse(status: u16, error: &str, description: &str) -> Refusal {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Refusal(status, json!({ "error": error, "error_description": description }))
}

/// The value of a header that must be there once.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    only(headers, "authorization")?.strip_prefix("Bearer ")
}

pub(crate) fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The body's members, which must be texts of exactly these names, in alphabetical order.
pub(crate) fn members<const N: usize>(body: &[u8], names: [&str; N]) -> Result<[String; N], Refusal> {
    let bad = || refuse(400, "invalid_request", "Send the members that the documentation names, each a text");
    let members: BTreeMap<String, String> = serde_json::from_slice(body).map_err(|_| bad())?;
    if !members.keys().eq(names) {
        return Err(bad());
    }
    members.into_values().collect::<Vec<_>>().try_into().map_err(|_| bad())
}

/// Whether the path is the route's. If so, returns the Location that it names, if the route has a `{location_id}`.
pub(crate) fn location_in(route: &str, path: &str) -> Option<Option<String>> {
    let Some((before, after)) = route.split_once("{location_id}") else {
        return (route == path).then_some(None);
    };
    let segment = path.strip_prefix(before)?.strip_suffix(after)?;
    (!segment.is_empty() && !segment.contains('/')).then(|| Some(decode(segment)))
}
