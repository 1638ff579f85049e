//! Everything on one thread: a transport with an `Rc` in it, and tasks that share it. Nothing asks for `Send`.

mod support;

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use http::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use location_auth::Bytes;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::{AsyncTransport, Delivery, run_async};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// Counts what it sends, without a lock or an atomic.
struct Counted<T> {
    inner: T,
    requests: Rc<Cell<usize>>,
}

impl<T: AsyncTransport> AsyncTransport for Counted<T> {
    type Error = T::Error;

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, T::Error> {
        self.requests.set(self.requests.get() + 1);
        self.inner.send(request, limit).await
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.inner.delivery(error)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = support::serve(Arc::new(Mutex::new(support::demo())), 0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, log_in(&format!("http://{address}")))
}

async fn log_in(base: &str) -> Result<(), Box<dyn Error>> {
    let inner = Hyper::new(|origin: Uri| async move {
        // To a service on this machine; any other wants TLS here: `tests/conformance/src/tokio_hyper.rs` has it.
        let stream = TcpStream::connect((origin.host().unwrap_or_default(), origin.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    });
    let requests = Rc::new(Cell::new(0));
    let transport = Rc::new(Counted { inner, requests: Rc::clone(&requests) });
    let mut tasks = vec![];
    for _ in 0..2 {
        let (login, transport) = (support::login(base)?, Rc::clone(&transport));
        tasks.push(tokio::task::spawn_local(async move { run_async(login, &*transport).await }));
    }
    for task in tasks {
        println!("A token of {}", task.await??.location());
    }
    println!("{} requests", requests.get());
    Ok(())
}
