//! A thread per core, each with a `LocalSet`, a transport of its own and tasks that share it by an `Rc`: nothing is `Send`.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use location_auth::Bytes;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// For the tasks of one thread. An `AsyncClient` over it is no more `Send` than it is, and wants no more.
pub fn transport(tls: Arc<ClientConfig>, patience: Duration) -> impl AsyncTransport<Error = SendError> + 'static {
    let tls = Rc::new(TlsConnector::from(tls));
    let hyper = Hyper::new(move |origin| connect(origin, Rc::clone(&tls))).keeping_connections(yield_now);
    let hyper = Rc::new(hyper);
    move |request: Request<Bytes>, limit: usize| {
        let hyper = Rc::clone(&hyper);
        let timed_out = SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, None);
        async move { timeout(patience, hyper.send(request, limit)).await.unwrap_or(Err(timed_out)) }
    }
}

async fn connect(origin: Uri, tls: Rc<TlsConnector>) -> io::Result<TokioIo<Pin<Box<dyn Stream>>>> {
    let host = origin.host().ok_or(ErrorKind::InvalidInput)?.trim_matches(['[', ']']);
    let is_https = origin.scheme_str() == Some("https");
    let port = origin.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    if !is_https {
        return Ok(TokioIo::new(Box::pin(stream)));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok(TokioIo::new(Box::pin(tls.connect(name, stream).await?)))
}

trait Stream: AsyncRead + AsyncWrite {}
impl<S: AsyncRead + AsyncWrite> Stream for S {}

/// A request for a core, and where its answer goes.
type Job = (Request<Bytes>, usize, oneshot::Sender<Result<Response<Vec<u8>>, SendError>>);

/// Starts a core: a thread that carries each request that it is given in a task of its own. The rest of the program gives it some by this
/// closure, which waits for the answer.
pub fn core(
    tls: Arc<ClientConfig>,
    patience: Duration,
) -> impl Fn(Request<Bytes>, usize) -> Result<Response<Vec<u8>>, SendError> + Send + Sync + 'static {
    let (jobs, mut inbox) = mpsc::unbounded_channel::<Job>();
    std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("the machine has files left");
        LocalSet::new().block_on(&runtime, async {
            let transport = Rc::new(transport(tls, patience));
            while let Some((request, limit, done)) = inbox.recv().await {
                let transport = Rc::clone(&transport);
                // Nobody waits any more where the caller has gone.
                spawn_local(async move { drop(done.send(transport.send(request, limit).await)) });
            }
        });
    });
    move |request, limit| {
        let (done, answer) = oneshot::channel();
        let gone = || SendError::new(SendErrorKind::Other, Delivery::Unknown, None);
        jobs.send((request, limit, done)).map_err(|_| gone())?;
        answer.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}
