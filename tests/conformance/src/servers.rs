//! The other side of the socket: a well-kept HTTP server, and a listener that follows a script.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use crate::tls::Identity;

/// A server on a loopback port, until the program ends.
pub struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
}

impl Server {
    pub fn url(&self, path_and_query: &str) -> String {
        format!("http://{}{path_and_query}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Speaks HTTP as a server should, keeps connections open, and answers with what the function says.
pub fn well_kept(answer: impl Fn(Request<Bytes>) -> Response<Vec<u8>> + Send + Sync + 'static) -> Server {
    serve(None, answer)
}

/// The same over TLS.
pub fn well_kept_over_tls(
    identity: Identity,
    answer: impl Fn(Request<Bytes>) -> Response<Vec<u8>> + Send + Sync + 'static,
) -> Server {
    serve(Some(TlsAcceptor::from(identity.server_config())), answer)
}

/// The same, for clients that have a certificate by the same authority.
pub fn well_kept_for_known_clients(
    identity: Identity,
    answer: impl Fn(Request<Bytes>) -> Response<Vec<u8>> + Send + Sync + 'static,
) -> Server {
    serve(Some(TlsAcceptor::from(identity.server_config_for_known_clients())), answer)
}

fn serve<A>(tls: Option<TlsAcceptor>, answer: A) -> Server
where
    A: Fn(Request<Bytes>) -> Response<Vec<u8>> + Send + Sync + 'static,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().expect("the machine has files left");
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("has ports left");
    let address = listener.local_addr().expect("is bound");
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let answer = Arc::new(answer);
    thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let (tls, answer) = (tls.clone(), Arc::clone(&answer));
                // A client that goes away, or does not like the certificate, ends its own connection alone.
                tokio::spawn(async move {
                    match tls {
                        None => converse(stream, answer).await,
                        Some(tls) => converse(tls.accept(stream).await.ok()?, answer).await,
                    }
                });
            }
        });
    });
    Server { address, connections }
}

async fn converse<S, A>(stream: S, answer: Arc<A>) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(Request<Bytes>) -> Response<Vec<u8>>,
{
    let service = service_fn(|request: Request<Incoming>| async {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok::<_, hyper::Error>(answer(Request::from_parts(parts, body)).map(Full::<Bytes>::from))
    });
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok()
}

/// Hands every connection to the script, each on a thread of its own, and closes it when the script ends.
pub fn scripted(script: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Server {
    listen(move |mut stream| {
        script(&mut stream);
        // A client that is gone already has closed it.
        stream.shutdown(Shutdown::Both).ok();
    })
}

/// Writes this and resets the connection, as the kernel does if something was sent that nobody read.
pub fn resetting(response: &'static [u8]) -> Server {
    listen(move |mut stream| {
        stream.read_exact(&mut [0]).ok();
        stream.write_all(response).ok();
        // The client reads it first.
        thread::sleep(Duration::from_millis(200));
    })
}

fn listen(script: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("has ports left");
    let address = listener.local_addr().expect("is bound");
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let script = Arc::new(script);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
            let script = Arc::clone(&script);
            thread::spawn(move || script(stream));
        }
    });
    Server { address, connections }
}

/// Reads one whole request and writes this. What the client makes of it is the row's business.
pub fn answering(response: impl AsRef<[u8]> + Send + Sync + 'static) -> Server {
    scripted(move |stream| {
        read_request(stream);
        stream.write_all(response.as_ref()).ok();
    })
}

/// The head of one request, byte by byte, since what follows is unread.
pub fn read_head(stream: &mut impl Read) -> Vec<u8> {
    let (mut head, mut byte) = (vec![], [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    head
}

/// The bytes of one request, head and body, as far as they come.
pub fn read_request(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = vec![];
    let mut buffer = [0; 4096];
    loop {
        if let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
            && bytes.len() >= head + 4 + content_length(&bytes[..head])
        {
            return bytes;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return bytes,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().expect("the client sends a number"))
}

/// An address that refuses connections: its port was free a moment ago.
pub fn nobody_listens() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("has ports left");
    listener.local_addr().expect("is bound")
}
