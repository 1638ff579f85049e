//! The URLs that credentials may go to. They are read from text, since `http::Uri` silently drops a fragment (`Q1`, `Q2`, `Q4`).

use alloc::{boxed::Box, string::String};
use core::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use http::{HeaderMap, Uri, header, uri::Scheme};
use percent_encoding::utf8_percent_encode;

use crate::checks::copied;
use crate::home::Origin;
use crate::percent::RESERVED;
use crate::{Field, LocationId, Misuse, UrlProblem};

/// An origin alone: no path, no query.
pub(crate) fn parse_origin(field: Field, text: &str) -> Result<Origin, Misuse> {
    let (uri, origin) = parse(field, text)?;
    if uri.path() != "/" || uri.query().is_some() {
        return Err(Misuse::Url { field, problem: UrlProblem::Path });
    }
    Ok(origin)
}

/// Nothing, if a request to this URI stays within one of the origins. Allocates nothing.
pub(crate) fn permit(origins: &[Origin], uri: &Uri) -> Result<(), Misuse> {
    if origins.iter().any(|origin| origin.is_spelled_by(uri)) {
        return Ok(());
    }
    // A host that equals an origin's needs no judging of its own, since the origin's was judged when it was read.
    let is_within = split(uri).is_ok_and(|(https, host, port)| {
        let same = |own: &str| own == host || own.eq_ignore_ascii_case(host);
        origins.iter().any(|origin| origin.https == https && origin.port == port && same(&origin.host))
    });
    match uri.scheme() {
        _ if is_within => Ok(()),
        Some(_) => Err(Misuse::OriginNotAllowed),
        None => Err(Misuse::RelativeUrl),
    }
}

/// Whether each `Host` header is the URI's own.
pub(crate) fn names_its_own_host(headers: &HeaderMap, uri: &Uri) -> bool {
    headers.get_all(header::HOST).iter().all(|named| match (split(uri), named.to_str()) {
        (Ok((https, host, port)), Ok(named)) => {
            host_and_port(named, https).is_ok_and(|named| named.0.eq_ignore_ascii_case(host) && named.1 == port)
        }
        _ => false,
    })
}

/// Parses a URL without placeholders.
pub(crate) fn parse(field: Field, text: &str) -> Result<(Uri, Origin), Misuse> {
    if copied(field, text)?.len() > URI_LIMIT {
        return Err(Misuse::TooLarge(field));
    }
    read(text).map_err(|problem| Misuse::Url { field, problem })
}

/// The location token URL: complete, or with placeholders for the Location's id.
#[derive(Clone, Debug)]
pub(crate) enum Template {
    Complete(Uri),
    WithId(Box<str>),
}

/// The longest URL that [`Uri`] accepts, in bytes.
pub(crate) const URI_LIMIT: usize = 65_534;
const PLACEHOLDER: &str = "{location_id}";

impl Template {
    pub(crate) fn parse(text: &str) -> Result<(Self, Origin), Misuse> {
        let field = Field::LocationTokenUrl;
        if !text.contains(PLACEHOLDER) {
            let (uri, origin) = parse(field, text)?;
            return Ok((Self::Complete(uri), origin));
        }
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if scheme.contains('{') || authority(text).contains('{') {
            return Err(Misuse::Url { field, problem: UrlProblem::Placeholder });
        }
        let (_, origin) = parse(field, &text.replace(PLACEHOLDER, "id"))?;
        Ok((Self::WithId(text.into()), origin))
    }

    pub(crate) fn fill(&self, id: &LocationId) -> Result<Uri, Misuse> {
        let template = match self {
            Self::Complete(uri) => return Ok(uri.clone()),
            Self::WithId(template) => template,
        };
        let mut url = String::new();
        let mut pieces = template.split(PLACEHOLDER);
        url.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            url.extend(utf8_percent_encode(id.as_str(), RESERVED));
            url.push_str(piece);
        }
        // The template has been checked and the id is encoded: only the length can still be wrong.
        Uri::from_maybe_shared(Bytes::from(url)).map_err(|_| Misuse::TooLarge(Field::LocationId))
    }
}

/// The text between the scheme and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn read(text: &str) -> Result<(Uri, Origin), UrlProblem> {
    let authority = authority(text);
    match text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => {}
        false if !text.contains("://") => return Err(UrlProblem::Invalid),
        false if authority.contains('@') => return Err(UrlProblem::UserInfo),
        false if !authority.is_ascii() => return Err(UrlProblem::HostNotAscii),
        false if !authority.bytes().all(|byte| byte.is_ascii_graphic()) => return Err(UrlProblem::Host),
        false => return Err(UrlProblem::Character),
    }
    if text.contains(['{', '}']) {
        return Err(UrlProblem::Placeholder);
    }
    if text.contains('#') {
        return Err(UrlProblem::Fragment);
    }
    let uri: Uri = text.parse().map_err(|_| UrlProblem::Invalid)?;
    let (https, host, port) = judged(&uri)?;
    let origin = Origin { https, host: host.to_ascii_lowercase().into(), port };
    Ok((uri, origin))
}

/// Whether secrets may be sent to this URI: `https`, or `http` to a loopback host. A transport checks it before it sends.
///
/// ```
/// use location_auth::transports::may_carry_secrets;
///
/// assert!(may_carry_secrets(&"https://api.example.com/".parse()?));
/// assert!(may_carry_secrets(&"http://127.0.0.1:8080/".parse()?));
/// assert!(!may_carry_secrets(&"http://api.example.com/".parse()?));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
pub fn may_carry_secrets(uri: &Uri) -> bool {
    judged(uri).is_ok()
}

/// Scheme, host and port, if secrets may go there.
fn judged(uri: &Uri) -> Result<(bool, &str, u16), UrlProblem> {
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(UrlProblem::UserInfo);
    }
    let (https, host, port) = split(uri)?;
    if !is_host(host) {
        return Err(UrlProblem::Host);
    }
    if !https && !is_loopback(host) {
        return Err(UrlProblem::Insecure);
    }
    Ok((https, host, port))
}

/// Splits a URI into scheme, host and port, for the URLs of the settings and of calls alike. User info stays in the host, so that it is
/// another host.
fn split(uri: &Uri) -> Result<(bool, &str, u16), UrlProblem> {
    let scheme = uri.scheme().ok_or(UrlProblem::Invalid)?;
    let https = *scheme == Scheme::HTTPS;
    if !https && *scheme != Scheme::HTTP {
        return Err(UrlProblem::Scheme);
    }
    // Written behind the authority, `*` or `@host` would name another host.
    if !uri.path().starts_with('/') {
        return Err(UrlProblem::Invalid);
    }
    let (host, port) = host_and_port(uri.authority().ok_or(UrlProblem::Host)?.as_str(), https)?;
    Ok((https, host, port))
}

fn host_and_port(authority: &str, https: bool) -> Result<(&str, u16), UrlProblem> {
    // The colon that starts a port is the last one, unless it is within an IPv6 address' brackets.
    let colon = authority.bytes().rposition(|byte| byte == b':');
    let (host, port) = match colon.and_then(|colon| authority.split_at_checked(colon)) {
        Some((host, port)) if !port.contains(']') => (host, port.strip_prefix(':')),
        _ => (authority, None),
    };
    let port = match port {
        None if https => 443,
        None => 80,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or(UrlProblem::Port)?
        }
        Some(_) => return Err(UrlProblem::Port),
    };
    Ok((host, port))
}

fn is_host(host: &str) -> bool {
    match in_brackets(host) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        // Resolvers read a host that ends in a number as an address, even 127.1 or 0x7f.1: only the plain form is accepted.
        None if ends_in_a_number(host) => host.parse::<Ipv4Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    }
}

fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').find(|label| !label.is_empty()).unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// `localhost`, 127.0.0.0/8 or `[::1]`: the only hosts that `http` is allowed for.
fn is_loopback(host: &str) -> bool {
    match in_brackets(host) {
        Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => {
            host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        }
    }
}

fn in_brackets(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}
