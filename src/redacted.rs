//! A view of a request that is safe to log.

use alloc::{collections::BTreeMap, string::String};
use core::fmt::{self, Write};

use http::{Request, header};
use serde_core::de::IgnoredAny;

use crate::text::harmless;

/// A request that can be logged: `Display` and `Debug` print its method, URL and shape, and no value that could be a secret.
///
/// An ellipsis replaces query values, the values of a JSON body, and the values of all headers except `accept` and `content-type`. Of any other
/// body only the length is shown. Names (a body's in alphabetical order) and paths are shown.
///
/// ```
/// use location_auth::Redacted;
///
/// let request = http::Request::post("https://api.example.com/user_token?a=b")
///     .header("accept", "application/json")
///     .header("x-api-key", "k-12")
///     .body(r#"{"email": "owner@example.com", "password": "hunter2"}"#)?;
/// assert_eq!(
///     Redacted(&request).to_string(),
///     "POST https://api.example.com/user_token?a=… accept: application/json, x-api-key: …, {email: …, password: …}",
/// );
/// # Ok::<(), http::Error>(())
/// ```
pub struct Redacted<'a, B>(pub &'a Request<B>);

impl<B: AsRef<[u8]>> fmt::Display for Redacted<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.0.uri();
        write!(f, "{} ", self.0.method())?;
        if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) {
            let authority = authority.as_str();
            // What is before an '@' is a user name and a password.
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            write!(f, "{scheme}://{host}")?;
        }
        write_harmless(f, uri.path())?;
        for (index, pair) in uri.query().into_iter().flat_map(|query| query.split('&')).enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match pair.split_once('=') {
                Some((name, _)) => {
                    write_harmless(f, name)?;
                    f.write_str("=…")?;
                }
                None => f.write_str("…")?,
            }
        }
        for (index, (name, value)) in self.0.headers().iter().enumerate() {
            f.write_str(if index == 0 { " " } else { ", " })?;
            match value.to_str() {
                Ok(text) if [header::ACCEPT, header::CONTENT_TYPE].contains(name) => write!(f, "{name}: {text}")?,
                _ => write!(f, "{name}: …")?,
            }
        }
        let body = self.0.body().as_ref();
        match serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(body) {
            _ if body.is_empty() => Ok(()),
            Ok(members) => {
                f.write_str(", {")?;
                for (index, name) in members.keys().enumerate() {
                    write!(f, "{}{}: …", if index == 0 { "" } else { ", " }, name.escape_debug())?;
                }
                f.write_str("}")
            }
            Err(_) => write!(f, ", {} bytes", body.len()),
        }
    }
}

/// Replaces control characters: `http::Uri` accepts any character beyond ASCII in paths and queries.
fn write_harmless(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().map(harmless).try_for_each(|c| f.write_char(c))
}

impl<B: AsRef<[u8]>> fmt::Debug for Redacted<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
