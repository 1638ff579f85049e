//! No runtime crate: an executor of a few lines, a non-blocking socket, and the hyper adapter over it.
//!
//! The emulated service in the background has a runtime; the client has none.

mod support;

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use http::Uri;
use hyper::rt::ReadBufCursor;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::run_async;

fn main() -> Result<(), Box<dyn Error>> {
    let address = support::serve(Arc::new(Mutex::new(support::demo())), 0)?;
    let login = support::login(&format!("http://{address}"))?;
    let transport = Hyper::new(async |origin: Uri| connect(&origin));
    // The adapter has no clock, so the time-out is the executor's.
    let token = block_on(run_async(login, &transport), Duration::from_secs(30)).ok_or("timed out")??;
    println!("Logged in with no runtime: a token of {}", token.location());
    Ok(())
}

/// Runs a future on this thread until it is done, or the time is up.
fn block_on<F: Future>(future: F, patience: Duration) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        // Nobody tells of a socket's readiness, so each is asked again after a while. A program with many of them asks the
        // operating system (`poll`, `epoll`, `kqueue`) here.
        thread::park_timeout(Duration::from_millis(1));
    }
    None
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

struct Socket(TcpStream);

fn connect(origin: &Uri) -> io::Result<Socket> {
    // To a service on this machine; to any other the socket would need TLS around it.
    let stream = TcpStream::connect((origin.host().unwrap_or_default(), origin.port_u16().unwrap_or(80)))?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(Socket(stream))
}

fn ready<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl hyper::rt::Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let room = bytes.len().min(buffer.remaining());
        ready(self.0.read(&mut bytes[..room])).map_ok(|read| buffer.put_slice(&bytes[..read]))
    }
}

impl hyper::rt::Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready(self.0.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shutdown(Shutdown::Write))
    }
}
