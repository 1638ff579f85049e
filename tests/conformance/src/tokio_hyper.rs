//! hyper on tokio, to copy: connections to any origin, straight or through a proxy, with TLS by rustls where the scheme says so, and time-outs.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use location_auth::Bytes;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// `proxy` is the host and port of a proxy that opens tunnels. A third of the patience is for the connection: until it is open, nothing was sent.
pub fn transport(
    tls: ClientConfig,
    proxy: Option<String>,
    patience: Duration,
) -> impl AsyncTransport<Error = SendError> + Send + Sync + 'static {
    let (tls, proxy) = (TlsConnector::from(Arc::new(tls)), proxy.map(Arc::<str>::from));
    let open = move |origin| {
        let opening = connect(origin, tls.clone(), proxy.clone());
        async move { timeout(patience / 3, opening).await? }
    };
    // A task that yields goes on when tokio has looked at its sockets.
    let hyper = Arc::new(Hyper::new(open).keeping_connections(yield_now));
    move |request: Request<Bytes>, limit: usize| {
        let hyper = Arc::clone(&hyper);
        let timed_out = SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, None);
        async move { timeout(patience, hyper.send(request, limit)).await.unwrap_or(Err(timed_out)) }
    }
}

/// Opens a connection to an origin: what the hyper adapter is made of.
pub async fn connect(origin: Uri, tls: TlsConnector, proxy: Option<Arc<str>>) -> io::Result<Connection> {
    let host = origin.host().ok_or(io::ErrorKind::InvalidInput)?;
    let is_https = origin.scheme_str() == Some("https");
    let port = origin.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    // The host of an IPv6 address has its brackets here, and none where TLS compares it with the certificate.
    let target = format!("{host}:{port}");
    let stream = match &proxy {
        None => TcpStream::connect(&target).await?,
        Some(proxy) => tunnel(proxy, &target).await?,
    };
    // Without this the system holds small packets back, by 40 ms and more.
    stream.set_nodelay(true)?;
    if !is_https {
        return Ok(TokioIo::new(Box::pin(stream)));
    }
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
    Ok(TokioIo::new(Box::pin(tls.connect(name, stream).await?)))
}

async fn tunnel(proxy: &str, target: &str) -> io::Result<TcpStream> {
    // The adapter passes on the error in here.
    let told = |kind, cause| io::Error::other(SendError::new(kind, Delivery::NotSent, cause));
    let asked = async {
        let mut stream = TcpStream::connect(proxy).await?;
        stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n").as_bytes()).await?;
        let mut head = vec![];
        // Byte by byte, since what follows is the host's.
        while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
            head.push(stream.read_u8().await?);
        }
        Ok((stream, head))
    };
    let (stream, head) =
        asked.await.map_err(|error: io::Error| told(SendErrorKind::ProxyUnreachable, Some(error.into())))?;
    let status = head.get(9..12).and_then(|digits| StatusCode::from_bytes(digits).ok());
    if !status.is_some_and(|status| status.is_success()) {
        return Err(told(SendErrorKind::Proxy(status), None));
    }
    Ok(stream)
}

pub type Connection = TokioIo<Pin<Box<dyn Stream>>>;

pub trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}
