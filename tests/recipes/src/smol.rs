//! smol, by the crate's hyper adapter over smol's sockets: for a program without tokio.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_rustls::TlsConnector;
use http::{Request, Uri};
use location_auth::Bytes;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use smol::Timer;
use smol::future::{or, yield_now};
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::TcpStream;
use smol_hyper::rt::FuturesIo;

pub fn transport(
    tls: ClientConfig,
    patience: Duration,
) -> impl AsyncTransport<Error = SendError> + Send + Sync + 'static {
    let tls = TlsConnector::from(Arc::new(tls));
    // A future that yields goes on when smol has looked at its sockets.
    let hyper = Hyper::new(move |origin| connect(origin, tls.clone())).keeping_connections(yield_now);
    let hyper = Arc::new(hyper);
    move |request: Request<Bytes>, limit: usize| {
        let hyper = Arc::clone(&hyper);
        // The adapter has no clock.
        let timed_out = async move {
            Timer::after(patience).await;
            Err(SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, None))
        };
        async move { or(hyper.send(request, limit), timed_out).await }
    }
}

async fn connect(origin: Uri, tls: TlsConnector) -> io::Result<FuturesIo<Pin<Box<dyn Stream>>>> {
    let host = origin.host().ok_or(ErrorKind::InvalidInput)?.trim_matches(['[', ']']);
    let is_https = origin.scheme_str() == Some("https");
    let port = origin.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    if !is_https {
        return Ok(FuturesIo::new(Box::pin(stream)));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok(FuturesIo::new(Box::pin(tls.connect(name, stream).await?)))
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}
