//! A view of a request that is safe to log.

use core::fmt::{self, Write};

use http::{Request, header};

use crate::text::harmless;

/// A request that can be logged, with a body of any type: `Display` and `Debug` print its method, URL and headers, and no value that could be a
/// secret.
///
/// An ellipsis replaces the values of the query, and those of all headers except `accept` and `content-type`. Names and paths are shown. The body is
/// not: it may stream, and the names in it may be data.
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
///     "POST https://api.example.com/user_token?a=… accept: application/json, x-api-key: …",
/// );
/// # Ok::<(), http::Error>(())
/// ```
pub struct Redacted<'a, B>(pub &'a Request<B>);

impl<B> fmt::Display for Redacted<'_, B> {
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
        Ok(())
    }
}

/// Replaces control characters: `http::Uri` accepts any character beyond ASCII in paths and queries.
fn write_harmless(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().map(harmless).try_for_each(|c| f.write_char(c))
}

impl<B> fmt::Debug for Redacted<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
