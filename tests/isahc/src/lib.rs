//! A transport over isahc, which is libcurl: a closure, and the client for it. `tests/table.rs` holds it to the conformance table.

use std::io::Read;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Request, Response};
use isahc::HttpClient;
use isahc::config::{Configurable, RedirectPolicy, VersionNegotiation};
use isahc::error::{Error, ErrorKind};
use location_auth::Bytes;
use location_auth::transports::{Delivery, SendError, SendErrorKind, Transport, prepare};

/// What a client for [`transport`] must be, whatever else you set, like `tls_config` or another `proxy`.
pub fn policed(patience: Duration) -> isahc::HttpClientBuilder {
    HttpClient::builder()
        .timeout(patience)
        .redirect_policy(RedirectPolicy::None)
        .version_negotiation(VersionNegotiation::http11())
        .automatic_decompression(false)
        .expect_continue(false)
        .proxy(None)
        // libcurl sends a request again, whatever it is, where a connection that it kept ends before the first byte of an answer.
        .connection_cache_size(0)
}

pub fn transport(client: HttpClient) -> impl Transport<Error = SendError> + Send + Sync + 'static {
    move |mut request: Request<Bytes>, limit: usize| {
        let length = request.body().len();
        prepare(&mut request, Some(length))?;
        // isahc panics where a header's value is no text, and so does libcurl's Rust interface refuse it.
        if request.headers().values().any(|value| value.to_str().is_err()) {
            return Err(SendError::new(SendErrorKind::Other, Delivery::Unsendable, None));
        }
        // Where isahc looks for a request's own configuration, which could allow redirects.
        request.extensions_mut().clear();
        request.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        // No bytes have a length, too. An empty body has none.
        let is_none = length == 0 && !request.headers().contains_key(CONTENT_LENGTH);
        let request = request.map(|body| if is_none { isahc::Body::empty() } else { body.to_vec().into() });
        let (parts, body) = client.send(request).map_err(send_error)?.into_parts();
        let broken = |error: SendError| error.with_status(parts.status);
        // libcurl takes a length that it can't hold for none.
        let declared =
            parts.headers.get(CONTENT_LENGTH).map(|length| length.to_str().unwrap_or_default().parse::<i64>());
        let mut bytes = Vec::new();
        let room = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        body.take(room).read_to_end(&mut bytes).map_err(|error| broken(send_error(error.into())))?;
        if bytes.len() > limit {
            return Err(broken(SendError::new(SendErrorKind::TooLarge, Delivery::Unknown, None)));
        }
        if declared.is_some_and(|length| length.is_err()) {
            return Err(broken(SendError::new(SendErrorKind::Broken, Delivery::Unknown, None)));
        }
        Ok(Response::from_parts(parts, bytes))
    }
}

/// Nothing of isahc's error is kept: it may quote what the other side sent.
fn send_error(error: Error) -> SendError {
    let (kind, delivery) = match error.kind() {
        ErrorKind::ConnectionFailed | ErrorKind::NameResolution => (SendErrorKind::Connect, Delivery::NotSent),
        ErrorKind::BadServerCertificate => (SendErrorKind::Tls, Delivery::Unsendable),
        ErrorKind::TlsEngine => (SendErrorKind::Tls, Delivery::Unknown),
        ErrorKind::Timeout => (SendErrorKind::TimedOut, Delivery::Unknown),
        ErrorKind::InvalidRequest => (SendErrorKind::Other, Delivery::Unsendable),
        _ => (SendErrorKind::Broken, Delivery::Unknown),
    };
    SendError::new(kind, delivery, None)
}
