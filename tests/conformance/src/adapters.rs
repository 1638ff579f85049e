//! The adapters of `location-auth`, as the table asks for them.

use std::env;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::reqwest::Reqwest;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{AsyncTransport, SendError};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio_rustls::TlsConnector;

use crate::{Subject, Wishes, blocking, on_tokio};

/// All of them.
pub const ADAPTERS: [Subject; 3] = [
    Subject { name: "ureq", client: |wishes| blocking(ureq(wishes)) },
    Subject { name: "reqwest", client: |wishes| on_tokio(one_worker(), reqwest(wishes), UNREACHED) },
    Subject { name: "hyper", client: |wishes| on_tokio(current_thread(), hyper(wishes), wishes.patience) },
];

/// Long past every row's watchdog, so that it is the adapter's own time-out that a row sees.
const UNREACHED: Duration = Duration::from_secs(600);

/// For reqwest, which watches its connections from tasks: they need a thread between two sends.
fn one_worker() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("there are threads")
}

/// For hyper: nothing runs between two sends.
fn current_thread() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().expect("there are files")
}

/// The ureq adapter alone.
pub fn ureq(wishes: &Wishes) -> Ureq {
    Ureq::with_config(|config| {
        let config = config.timeout_global(Some(wishes.patience));
        let config = if wishes.proxy_of_environment { config.proxy(ureq::Proxy::try_from_env()) } else { config };
        let Some(der) = &wishes.trust else { return config };
        let authority = ureq::tls::Certificate::from_der(der).to_owned();
        let roots = ureq::tls::RootCerts::new_with_certs(&[authority]);
        config.tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build())
    })
}

/// The reqwest adapter alone.
pub fn reqwest(wishes: &Wishes) -> Reqwest {
    let transport = Reqwest::with_config(|builder| {
        // Without a certificate authority none at all, rather than the machine's: reading those takes most of a row's time.
        let authority = wishes.trust.as_ref().map(|der| reqwest::Certificate::from_der(der).expect("is DER"));
        let builder = builder.timeout(wishes.patience).tls_certs_only(authority);
        if !wishes.proxy_of_environment {
            return builder;
        }
        let proxy = env::var("HTTP_PROXY").expect("the row sets it");
        builder.proxy(reqwest::Proxy::all(proxy).expect("the row sets a URL"))
    });
    transport.expect("the configuration is valid")
}

/// The hyper adapter alone, over tokio's sockets: without the patience, since it has no clock.
pub fn hyper(wishes: &Wishes) -> impl AsyncTransport<Error = SendError> + Send + Sync + 'static {
    let wanted = Arc::new(wishes.clone());
    Hyper::new(move |origin| connect(origin, Arc::clone(&wanted))).keeping_connections(tokio::task::yield_now)
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What a user of the hyper adapter writes: to the host or the proxy, and TLS where the scheme says so.
async fn connect(origin: Uri, wishes: Arc<Wishes>) -> io::Result<TokioIo<Pin<Box<dyn Stream>>>> {
    let authority = origin.authority().ok_or(io::ErrorKind::InvalidInput)?;
    let stream = if wishes.proxy_of_environment {
        let proxy: Uri = env::var("HTTP_PROXY").expect("the row sets it").parse().expect("the row sets a URL");
        let mut stream = TcpStream::connect(proxy.authority().expect("the row names a host").as_str()).await?;
        stream.write_all(format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n").as_bytes()).await?;
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        stream
    } else {
        TcpStream::connect(authority.as_str()).await?
    };
    if origin.scheme_str() != Some("https") {
        return Ok(TokioIo::new(Box::pin(stream)));
    }
    let mut roots = rustls::RootCertStore::empty();
    if let Some(der) = &wishes.trust {
        roots.add(CertificateDer::from_slice(der)).map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(authority.host().to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(TokioIo::new(Box::pin(stream)))
}
