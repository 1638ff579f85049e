//! What is checked and set before a request is sent over HTTP/1.1, by each adapter.

use alloc::string::ToString;

use http::{HeaderMap, HeaderValue, Method, Request, Version, header};

use super::{Delivery, SendError, SendErrorKind, may_carry_secrets};

/// Checks a request and completes it for HTTP/1.1, as each adapter here does first. Your own transport can do the same by this one call.
///
/// `length` is the body's length in bytes, or `None` for a stream. The version becomes HTTP/1.1, and these headers are ruled on:
///
/// | header of the request | rule |
/// | --- | --- |
/// | `Content-Length` | Optional. It passes once, if it is the body's length. A stream may name any number: a longer stream is an error. |
/// | `Connection`, `Keep-Alive`, `Proxy-*`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade` | Refused: they are the library's to set. |
/// | `Expect` | It passes: it is for the service. |
///
/// An empty body has `Content-Length: 0`, except if the method takes none: `GET`, `HEAD`, `DELETE`, `OPTIONS`, `TRACE` and `CONNECT`
/// (RFC 9110 section 8.6).
///
/// ```
/// use http::{Request, Response};
/// use location_auth::Bytes;
/// use location_auth::transports::{SendError, SendErrorKind, prepare};
///
/// fn send(mut request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
///     let length = request.body().len();
///     prepare(&mut request, Some(length))?;
///     # let _ = limit;
///     // …
/// #   Ok(Response::default())
/// }
///
/// let call = Request::post("https://api.example.com/contacts").header("content-length", "3").body("too long".into())?;
/// assert_eq!(send(call, 0).unwrap_err().kind(), SendErrorKind::Header("content-length"));
/// # Ok::<(), http::Error>(())
/// ```
///
/// # Errors
/// [`SendErrorKind::Insecure`] if the URL may not [carry secrets](may_carry_secrets), and [`SendErrorKind::Header`]; with
/// [`Delivery::Unsendable`].
//
// It is here and not in `Session::authorize`: over HTTP/2, gRPC sends `te`, and a program that drives a WebSocket by hand sends `upgrade`. They
// authorize such requests, too. Only who has an HTTP/1.1 connection knows that these headers are its own. The body's length is known here alone.
pub fn prepare<B>(request: &mut Request<B>, length: Option<usize>) -> Result<(), SendError> {
    let problem = if may_carry_secrets(request.uri()) {
        refused_header(request.headers(), length).map(SendErrorKind::Header)
    } else {
        Some(SendErrorKind::Insecure)
    };
    if let Some(kind) = problem {
        return Err(SendError::new(kind, Delivery::Unsendable, None));
    }
    // A request that was received over another version is sent over this one.
    *request.version_mut() = Version::HTTP_11;
    if length == Some(0) && takes_a_body(request.method()) {
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(())
}

/// They say where a request ends, or what a hop does with it. If a gateway and the service read another end from them, the service takes what is
/// behind its end for another request. `connection: x-api-key` has a gateway remove the key, and `proxy-authorization` shows the service a password.
const OF_THE_CONNECTION: [&str; 7] =
    ["connection", "keep-alive", "proxy-*", "te", "trailer", "transfer-encoding", "upgrade"];

fn refused_header(headers: &HeaderMap, length: Option<usize>) -> Option<&'static str> {
    let is = |known: &str, name: &str| known.strip_suffix('*').map_or(known == name, |start| name.starts_with(start));
    let of_the_connection = |name| OF_THE_CONNECTION.into_iter().find(|known| is(known, name));
    let found = headers.keys().find_map(|name| of_the_connection(name.as_str()));
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let is_right = match (lengths.next(), length) {
        (None, _) => true,
        (Some(_), _) if lengths.next().is_some() => false,
        (Some(told), Some(length)) => *told == length.to_string(),
        (Some(told), None) => told.to_str().is_ok_and(|told| told.parse::<u64>().is_ok_and(|n| n.to_string() == told)),
    };
    found.or((!is_right).then_some("content-length"))
}

/// Any method that is new may take a body.
fn takes_a_body(method: &Method) -> bool {
    let takes_none = [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::CONNECT];
    !takes_none.contains(method)
}
