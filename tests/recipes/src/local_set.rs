//! A thread per core, each with a `LocalSet`, a transport of its own and tasks that share it by an `Rc`: nothing is `Send`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use location_auth::Bytes;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind};
use rustls::ClientConfig;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::tokio_hyper::connect;

/// For the tasks of one thread. An `AsyncClient` over it is no more `Send` than it is, and wants no more.
/// `proxy` is its host and port.
pub fn transport(
    tls: Arc<ClientConfig>,
    proxy: Option<Arc<str>>,
    patience: Duration,
) -> impl AsyncTransport<Error = SendError> + 'static {
    let tls = TlsConnector::from(tls);
    let open = move |origin| connect(origin, tls.clone(), proxy.clone());
    let hyper = Rc::new(Hyper::new(open).keeping_connections(yield_now));
    move |request: Request<Bytes>, limit: usize| {
        let hyper = Rc::clone(&hyper);
        let timed_out = SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, None);
        async move { timeout(patience, hyper.send(request, limit)).await.unwrap_or(Err(timed_out)) }
    }
}

/// A request for a core, and where its answer goes.
type Job = (Request<Bytes>, usize, oneshot::Sender<Result<Response<Vec<u8>>, SendError>>);

/// Starts a core: a thread that carries each request that it is given in a task of its own. The rest of the program gives it some by this
/// closure, which waits for the answer.
pub fn core(
    tls: Arc<ClientConfig>,
    proxy: Option<Arc<str>>,
    patience: Duration,
) -> impl Fn(Request<Bytes>, usize) -> Result<Response<Vec<u8>>, SendError> + Send + Sync + 'static {
    let (jobs, mut inbox) = mpsc::unbounded_channel::<Job>();
    std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("the machine has files left");
        LocalSet::new().block_on(&runtime, async {
            let transport = Rc::new(transport(tls, proxy, patience));
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
