//! hyper-util's pooled client with TLS by rustls: for a program that has that client already.

use std::io;
use std::time::Duration;

use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use location_auth::Bytes;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind, is_token_request, prepare};
use rustls::ClientConfig;
use tokio::time::timeout;

/// HTTP/1.1 alone: over HTTP/2 a connection is many requests', and a token request wants its own.
pub fn connector(tls: ClientConfig) -> HttpsConnector<HttpConnector> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp)
}

pub fn transport<C>(connector: C, patience: Duration) -> impl AsyncTransport<Error = SendError> + Send + Sync + 'static
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = |kept| -> Client<C, Full<Bytes>> {
        // It follows no redirect, and sends nothing again that a connection has taken.
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(kept).build(connector.clone())
    };
    let (calls, logins) = (client(usize::MAX), client(0));
    move |mut request: Request<Bytes>, limit: usize| {
        let client = if is_token_request(&request) { logins.clone() } else { calls.clone() };
        async move {
            let length = request.body().len();
            prepare(&mut request, Some(length))?;
            request.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
            let whole = async {
                let (parts, body) = client.request(request.map(Full::from)).await.map_err(no_response)?.into_parts();
                let body = Limited::new(body, limit).collect().await.map_err(|error| {
                    let too_large = error.is::<LengthLimitError>();
                    let kind = if too_large { SendErrorKind::TooLarge } else { SendErrorKind::Broken };
                    SendError::new(kind, Delivery::Unknown, None).with_status(parts.status)
                })?;
                Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
            };
            let timed_out = SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, None);
            timeout(patience, whole).await.unwrap_or(Err(timed_out))
        }
    }
}

fn no_response(error: Error) -> SendError {
    let source = std::error::Error::source(&error);
    // hyper-rustls puts rustls's error of the handshake into another; an error in connecting is of a type of hyper-util's.
    let handshake = source.and_then(|source| source.downcast_ref::<io::Error>()).map(|outer| {
        let inner = outer.get_ref().and_then(|inner| inner.downcast_ref());
        inner.map_or(outer.kind(), io::Error::kind)
    });
    let (kind, delivery) = match (error.is_connect(), handshake) {
        (false, _) => (SendErrorKind::Broken, Delivery::Unknown),
        // rustls reports in this way that it does not trust a certificate, among others: a retry would not, either.
        (true, Some(io::ErrorKind::InvalidData)) => (SendErrorKind::Tls, Delivery::Unsendable),
        (true, Some(_)) => (SendErrorKind::Tls, Delivery::NotSent),
        (true, None) => (SendErrorKind::Connect, Delivery::NotSent),
    };
    SendError::new(kind, delivery, None)
}
