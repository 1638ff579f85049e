//! What a connection may do to the next request, on every kind of runtime: the table runs each adapter on one.

#[path = "../../support/settings.rs"]
mod settings;

use std::env;
use std::future::{poll_fn, ready};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::sleep;
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::rt::ReadBufCursor;
use hyper_util::rt::TokioIo;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::{AsyncTransport, Delivery, SendErrorKind, Transport, run, run_async};
use location_auth::{Bytes, LocationLogin};
use location_auth_conformance::owners::{STRAY, Surplus, answering_twice, token_request};
use location_auth_conformance::servers::{Server, read_request, scripted, well_kept};
use location_auth_conformance::{Wishes, adapters};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// Where the future is run that sends.
#[derive(Clone, Copy, Debug)]
enum On {
    OneThread,
    OneThreadSpawned,
    Worker,
    WorkerSpawned,
}

const RUNTIMES: [On; 4] = [On::OneThread, On::OneThreadSpawned, On::Worker, On::WorkerSpawned];

impl On {
    fn runtime(self) -> Runtime {
        let mut builder = match self {
            Self::OneThread | Self::OneThreadSpawned => Builder::new_current_thread(),
            Self::Worker | Self::WorkerSpawned => Builder::new_multi_thread(),
        };
        builder.worker_threads(1).enable_all().build().unwrap()
    }

    fn run<F: Future<Output: Send> + Send + 'static>(self, future: F) -> F::Output {
        let runtime = self.runtime();
        match self {
            Self::OneThread | Self::Worker => runtime.block_on(future),
            Self::OneThreadSpawned | Self::WorkerSpawned => runtime.block_on(runtime.spawn(future)).unwrap(),
        }
    }
}

/// The hyper adapter on tokio, of a type whose futures are known to be `Send`.
macro_rules! hyper_on_tokio {
    () => {
        Hyper::new(|origin: Uri| async move {
            Ok(TokioIo::new(TcpStream::connect(origin.authority().unwrap().as_str()).await?))
        })
        .keeping_connections(tokio::task::yield_now)
    };
}

/// Runs the block with each async adapter on each runtime.
macro_rules! each_async {
    ($what:expr, |$transport:ident| $block:expr) => {
        for on in RUNTIMES {
            eprintln!("{}: reqwest on {on:?}", $what);
            let $transport = adapters::reqwest(&Wishes::default());
            on.run($block);
            eprintln!("{}: hyper on {on:?}", $what);
            let $transport = hyper_on_tokio!();
            on.run($block);
        }
        eprintln!("{}: hyper on an executor of our own", $what);
        let $transport =
            Hyper::new(|origin: Uri| async move { NonBlocking::connect(&origin) }).keeping_connections(|| ready(()));
        block_on($block);
    };
}

/// Closes each connection after one answer, without a word that it will. With how many have a request and are not closed yet.
fn closing() -> (Server, Arc<AtomicUsize>) {
    let open = Arc::new(AtomicUsize::new(0));
    let in_script = Arc::clone(&open);
    let server = scripted(move |stream| {
        let request = read_request(stream);
        in_script.fetch_add(1, Ordering::SeqCst);
        let token = if request.starts_with(b"POST /user_token") { "user" } else { "location" };
        let body = format!("{{\"access_token\": \"{token}\"}}");
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(response.as_bytes()).ok();
        stream.shutdown(Shutdown::Both).ok();
        in_script.fetch_sub(1, Ordering::SeqCst);
    });
    (server, open)
}

/// A while after the server has closed them all. The runtime does not get its turn in it: so a program that computes leaves it. But a
/// runtime with threads of its own has to notice, and it is they that the while is for.
fn busy(open: &AtomicUsize) {
    while open.load(Ordering::SeqCst) > 0 {
        sleep(Duration::from_millis(1));
    }
    sleep(Duration::from_millis(10));
}

fn call(server: &Server) -> Request<Bytes> {
    Request::get(server.url("/contacts")).body(Bytes::new()).unwrap()
}

fn login(server: &Server) -> LocationLogin {
    settings::login_at(&server.url(""))
}

#[test]
fn a_call_is_not_sent_on_a_connection_that_was_closed_while_idle() {
    let (server, open) = closing();
    let transport = adapters::ureq(&Wishes::default());
    for _ in 0..50 {
        assert_eq!(transport.send(call(&server), 100).unwrap().status(), 200);
        busy(&open);
    }
    each_async!("closed", |transport| {
        let requests: Vec<_> = (0..50).map(|_| call(&server)).collect();
        let open = Arc::clone(&open);
        async move {
            for request in requests {
                assert_eq!(transport.send(request, 100).await.unwrap().status(), 200);
                busy(&open);
            }
        }
    });
}

#[test]
fn a_thousand_logins_at_a_server_that_closes_after_each_answer_all_succeed() {
    let (server, _) = closing();
    let transport = adapters::ureq(&Wishes::default());
    for _ in 0..1000 {
        assert_eq!(run(login(&server), &transport).unwrap().expose_secret(), "location");
    }
    // Of each async adapter 250 on each of tokio's runtimes.
    each_async!("logins", |transport| {
        let logins: Vec<_> = (0..250).map(|_| login(&server)).collect();
        async move {
            for login in logins {
                assert_eq!(run_async(login, &transport).await.unwrap().expose_secret(), "location");
            }
        }
    });
}

#[test]
fn a_stray_answer_to_one_owner_never_reaches_another_owners_login() {
    let runs = env::var("CONFORMANCE_RUNS").map_or(10, |runs| runs.parse().expect("is a number"));
    for surplus in [Surplus::Together, Surplus::AtOnce, Surplus::Late] {
        let server = answering_twice(surplus);
        let base = server.url("");
        let transport = adapters::ureq(&Wishes::default());
        for owner in 0..runs {
            let response = transport.send(token_request(&base, &format!("{owner}@example.com")), 10_000).unwrap();
            assert!(!String::from_utf8_lossy(response.body()).contains(STRAY));
        }
        each_async!(format!("{surplus:?}"), |transport| {
            let base = base.clone();
            async move {
                for owner in 0..runs {
                    let request = token_request(&base, &format!("{owner}@example.com"));
                    let response = transport.send(request, 10_000).await.unwrap();
                    assert!(!String::from_utf8_lossy(response.body()).contains(STRAY));
                    // Every tenth waits for the late ones.
                    if owner % 10 == 0 {
                        sleep(Duration::from_millis(25));
                    }
                }
            }
        });
    }
}

/// An executor that asks everything again after a while.
#[test]
fn a_look_at_a_kept_connection_ends_by_its_own_wake_up_and_not_by_another_of_the_task() {
    let server = well_kept(|_| Response::new(b"here".to_vec()));
    let look = Arc::new(Mutex::new((0, None::<Waker>)));
    let looking = || {
        let look = Arc::clone(&look);
        poll_fn(move |cx| {
            let (polls, waker) = &mut *look.lock().unwrap();
            *polls += 1;
            if waker.replace(cx.waker().clone()).is_some() { Poll::Ready(()) } else { Poll::Pending }
        })
    };
    let transport = Hyper::new(|origin: Uri| async move { NonBlocking::connect(&origin) }).keeping_connections(looking);
    block_on(async { transport.send(call(&server), 100).await.unwrap() });

    let mut second = pin!(transport.send(call(&server), 100));
    // Not `Waker::noop()`, whose clones do not all know each other.
    let waker = Waker::from(Arc::new(Silent));
    let mut cx = Context::from_waker(&waker);
    for _ in 0..3 {
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert_eq!(look.lock().unwrap().0, 1, "another part of the task was woken, and the look was polled again");
    }
    look.lock().unwrap().1.as_ref().unwrap().wake_by_ref();
    assert_eq!(block_on(second).unwrap().status(), 200);
    assert_eq!((look.lock().unwrap().0, server.connections()), (2, 1));
}

struct Silent;

impl Wake for Silent {
    fn wake(self: Arc<Self>) {}
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        sleep(Duration::from_micros(100));
    }
}

struct NonBlocking(std::net::TcpStream);

impl NonBlocking {
    fn connect(origin: &Uri) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(origin.authority().unwrap().as_str())?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }
}

fn unless_blocked<R>(result: io::Result<R>) -> Poll<io::Result<R>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl hyper::rt::Read for NonBlocking {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let room = bytes.len().min(buffer.remaining());
        unless_blocked(self.0.read(&mut bytes[..room])).map_ok(|read| buffer.put_slice(&bytes[..read]))
    }
}

impl hyper::rt::Write for NonBlocking {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        unless_blocked(self.0.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shutdown(Shutdown::Write))
    }
}

/// A connection whose server answers and closes it as soon as it has the head of a request.
struct Closing {
    is_vectored: bool,
    wrote_head: bool,
    is_closed: bool,
    answer: &'static [u8],
    reader: Option<Waker>,
}

impl Closing {
    fn write(&mut self, length: usize) -> Poll<io::Result<usize>> {
        if !std::mem::replace(&mut self.wrote_head, true) {
            return Poll::Ready(Ok(length.min(1000)));
        }
        self.is_closed = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }
}

impl hyper::rt::Write for Closing {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.is_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Read for Closing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_closed {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let (now, later) = self.answer.split_at(self.answer.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.answer = later;
        Poll::Ready(Ok(()))
    }
}

/// A connection with a time-out of its own, which runs out as soon as something was written.
struct Impatient(bool);

impl hyper::rt::Write for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0 = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Read for Impatient {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, _: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.0 {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn hyper_tells_the_time_out_of_a_connection_as_one() {
    let transport = Hyper::new(|_| async { Ok::<_, io::Error>(Impatient(false)) });
    let call = Request::get("https://api.example.com/").body(Bytes::new()).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(AsyncTransport::send(&transport, call, 100)).unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (SendErrorKind::TimedOut, Delivery::Unknown));
}

#[test]
fn hyper_reads_what_a_server_has_said_before_it_closed_the_connection() {
    for is_vectored in [false, true] {
        let transport = Hyper::new(move |_| async move {
            let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno".as_slice();
            Ok::<_, io::Error>(Closing { is_vectored, wrote_head: false, is_closed: false, answer, reader: None })
        });
        let call = Request::post("https://api.example.com/upload").body(vec![b'x'; 4 * 1024 * 1024].into()).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(AsyncTransport::send(&transport, call, 100)).unwrap();
        assert_eq!((response.status().as_u16(), &response.body()[..]), (413, &b"no"[..]), "vectored: {is_vectored}");
    }
}
