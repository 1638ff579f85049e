//! The token as a query parameter (`P7`, `Q3`).

use alloc::vec::Vec;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Uri};
use percent_encoding::utf8_percent_encode;
use zeroize::Zeroizing;

use crate::Misuse;
use crate::endpoint::URI_LIMIT;
use crate::percent::RESERVED;

/// Adds the token to the URI as one more query parameter, in a buffer that is overwritten.
pub(crate) fn append(uri: &Uri, parameter: &str, token: &str) -> Result<Uri, Misuse> {
    let query = uri.query().unwrap_or_default();
    // Some servers read a semicolon as an ampersand.
    if query.split('&').chain(query.split(['&', ';'])).any(|pair| names(pair, parameter)) {
        return Err(Misuse::DuplicateParameter);
    }
    let before = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    // An empty query, or one that ends in an ampersand, needs no separator.
    let separator = match (uri.query(), query) {
        (None, _) => "?",
        (Some(_), query) if query.is_empty() || query.ends_with('&') => "",
        _ => "&",
    };
    let name = utf8_percent_encode(parameter, RESERVED);
    let value = utf8_percent_encode(token, RESERVED);
    let pieces = || [before, separator].into_iter().chain(name.clone()).chain(["="]).chain(value.clone());
    // Of the exact size, since a buffer that grows would leave copies of the token behind.
    let mut text = Zeroizing::new(Vec::with_capacity(pieces().map(str::len).fold(0, usize::saturating_add)));
    pieces().for_each(|piece| text.extend_from_slice(piece.as_bytes()));
    // `http` checks its parts, if at all, and a client may parse the whole again.
    let origin = [uri.scheme_str(), Some("://"), uri.authority().map(Authority::as_str)];
    if origin.into_iter().flatten().map(str::len).fold(text.len(), usize::saturating_add) > URI_LIMIT {
        return Err(Misuse::RequestTooLarge);
    }

    let mut parts = uri.clone().into_parts();
    let authorized = PathAndQuery::from_maybe_shared(Bytes::from_owner(text));
    parts.path_and_query = Some(authorized.map_err(|_| Misuse::RequestTooLarge)?);
    Uri::from_parts(parts).map_err(|_| Misuse::RequestTooLarge)
}

/// Whether any server reads a pair of a query as this parameter, however its name is encoded. For RFC 6750 and most servers names have an ASCII
/// letter case; for ASP.NET and ColdFusion they have none. PHP drops spaces before a name, and reads a space, a dot or a lone `[` within it as an
/// underscore. For PHP, Rack and others `name[]` and `name[x]` are a list and a map of that name.
fn names(pair: &str, parameter: &str) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    let plain = name.bytes().map(|byte| if byte == b'+' { b' ' } else { byte });
    let plain: Vec<u8> = plain.collect();
    let mut name = percent_encoding::percent_decode(&plain).skip_while(|byte| *byte == b' ');
    let mut wanted = parameter.trim_start_matches(' ').bytes();
    wanted.all(|byte| name.next().map(folded) == Some(folded(byte))) && matches!(name.next(), None | Some(b'['))
}

fn folded(byte: u8) -> u8 {
    if b" .[".contains(&byte) { b'_' } else { byte.to_ascii_lowercase() }
}
