//! The adapter for an HTTP/1 connection of [hyper](https://docs.rs/hyper/1): for any runtime, or none.
//!
//! You open connections, and the adapter sends HTTP over them. It spawns no task and has no clock. Its future drives the connection, the
//! request and the response together, on any executor that polls it. So you must take care of three things:
//!
//! - **TLS.** For an `https` origin, your function opens the connection *and* does the TLS handshake. The adapter can't check this.
//! - **Time-outs.** If a server does not answer, the adapter waits for ever. Put your runtime's time-out around the login, as the example does.
//!   For an `AsyncClient`, pass a closure that puts it around each send. If you drop the future, the connection closes. Such a time is for the whole
//!   of a call. For one that may last as long as bytes move, have your connection fail when nothing was read or written for too long: its
//!   `std::io::ErrorKind::TimedOut` becomes [`SendErrorKind::TimedOut`].
//! - **Delays.** Set `TCP_NODELAY` on the socket. Without it the system holds small packets back, and a call takes 40 ms longer.
//!
//! For tokio and rustls, the repository has a function to copy that does all of this, also through a proxy:
//! `tests/conformance/src/tokio_hyper.rs`.
//!
//! A response may have 100 headers, in about 400 KiB. More is [`SendErrorKind::Broken`], and the cause is `the response's head is too long`.
//!
//! The connection must be non-blocking: a blocking one stops the thread, and can hang.

extern crate std;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::error::Error as StdError;
use core::fmt;
use core::future::{Ready, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io::{Error as IoError, ErrorKind as Io, IoSlice};
use std::sync::{Mutex, PoisonError};

use ::hyper::body::{Body, Frame, Incoming, SizeHint};
use ::hyper::client::conn::http1::{Connection, SendRequest, handshake};
use ::hyper::rt::{Read, ReadBufCursor, Write};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderValue, Request, Response, header};
use location_auth::Bytes;

use super::bounded::BoundedBody;
use super::known_cause::{failed, links};
use super::own_wakes::on_its_own_wakes;
use super::{AsyncTransport, Delivery, SendError, SendErrorKind, is_token_request, prepare};

/// A transport over connections that your own function opens: one for each request, unless the transport
/// [keeps them for calls](Self::keeping_connections).
///
/// ```no_run
/// # async fn example(app: location_auth::App) -> Result<(), Box<dyn std::error::Error>> {
/// use location_auth::transports::{hyper::Hyper, run_async};
/// use std::time::Duration;
///
/// // This connects to a service on your own machine. For any other host, the function does the TLS handshake before it returns.
/// let transport = Hyper::new(|origin: http::Uri| async move {
///     let port = origin.port_u16().unwrap_or(80);
///     let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
///     stream.set_nodelay(true)?;
///     Ok(hyper_util::rt::TokioIo::new(stream))
/// });
/// let login = app.location("loc-1")?.login("owner@example.com", "hunter2")?;
/// let token = tokio::time::timeout(Duration::from_secs(30), run_async(login, &transport)).await??;
/// # Ok(())
/// # }
/// ```
pub struct Hyper<C, T: Read + Write, L = fn() -> Ready<()>> {
    connect: C,
    /// Its future ends when the executor has looked at its IO. Without it no connection is kept.
    look: Option<L>,
    /// At most one for each origin. It is never locked across an `await`.
    idle: Mutex<Vec<Idle<T>>>,
}

impl<C, T: Read + Write, L> fmt::Debug for Hyper<C, T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hyper").finish_non_exhaustive()
    }
}

impl<C, F, T> Hyper<C, T>
where
    C: Fn(Uri) -> F,
    F: Future<Output = Result<T, IoError>>,
    T: Read + Write + Unpin,
{
    /// Makes a transport. `connect` opens a connection to an origin: a URI with scheme, host and port, but without the path and the query, which
    /// may be secret.
    ///
    /// An error of `connect` becomes a [`SendError`] with [`Delivery::NotSent`]. Its text is not kept, because TLS libraries quote the server's
    /// certificate. The [`source`](core::error::Error::source) shows the kind, the operating system's code or a known TLS problem. To say more,
    /// put a `SendError` into it (`std::io::Error::other`): it is passed on as it is.
    pub fn new(connect: C) -> Self {
        Self { connect, look: None, idle: Mutex::new(Vec::new()) }
    }
}

impl<C, T: Read + Write, L> Hyper<C, T, L> {
    /// Keeps the last connection of each origin for the next call. A token request still has a connection of its own ([`is_token_request`]).
    ///
    /// Nobody watches a connection between two calls. The server may have closed it, or sent data that nobody asked for. Your executor sees
    /// this when it looks at its IO, and each executor has its own way to do that. So you pass `look`: its future ends when your executor
    /// has looked. If the server closes the connection after that, and before a byte of the call was written, the call gets a new connection.
    /// If some bytes were, the call fails with [`Delivery::Unknown`].
    ///
    /// ```no_run
    /// use hyper_util::rt::TokioIo;
    /// use location_auth::transports::hyper::Hyper;
    ///
    /// // On tokio, a task that yields continues after the runtime has looked at its IO.
    /// let transport = Hyper::new(|origin: http::Uri| async move {
    ///     let stream = tokio::net::TcpStream::connect(("127.0.0.1", origin.port_u16().unwrap_or(80))).await?;
    ///     stream.set_nodelay(true)?;
    ///     Ok(TokioIo::new(stream))
    /// })
    /// .keeping_connections(tokio::task::yield_now);
    /// ```
    pub fn keeping_connections<M, G>(self, look: M) -> Hyper<C, T, M>
    where
        M: Fn() -> G,
        G: Future<Output = ()>,
    {
        Hyper { connect: self.connect, look: Some(look), idle: self.idle }
    }
}

impl<C, F, T, L, G> Hyper<C, T, L>
where
    C: Fn(Uri) -> F,
    F: Future<Output = Result<T, IoError>>,
    T: Read + Write + Unpin,
    L: Fn() -> G,
    G: Future<Output = ()>,
{
    async fn open(&self, origin: Uri) -> Result<Idle<T>, SendError> {
        let io = (self.connect)(origin.clone()).await.map_err(not_opened)?;
        let (requests, connection) = handshake(Heard { io: Box::pin(io), is_deaf: false })
            .await
            .map_err(|error| send_error(error, Delivery::NotSent))?;
        Ok(Idle { origin, requests, connection })
    }

    async fn kept(&self, origin: &Uri) -> Option<Idle<T>> {
        let look = self.look.as_ref()?;
        let kept = self.take(origin)?;
        on_its_own_wakes(look()).await;
        kept.if_ready().await
    }

    fn take(&self, origin: &Uri) -> Option<Idle<T>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let found = idle.iter().position(|kept| kept.origin == *origin)?;
        Some(idle.swap_remove(found))
    }

    fn keep(&self, connection: Idle<T>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|kept| kept.origin != connection.origin);
        idle.push(connection);
    }
}

impl<C, F, T, L, G> AsyncTransport for Hyper<C, T, L>
where
    C: Fn(Uri) -> F,
    F: Future<Output = Result<T, IoError>>,
    T: Read + Write + Unpin,
    L: Fn() -> G,
    G: Future<Output = ()>,
{
    type Error = SendError;

    async fn send(&self, mut request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
        let length = request.body().len();
        prepare(&mut request, Some(length))?;
        let of_its_own = is_token_request(&request);
        let (origin, mut request) = split(request)
            .map_err(|error| SendError::new(SendErrorKind::Other, Delivery::Unsendable, Some(Box::new(error))))?;
        let mut kept = if of_its_own { None } else { self.kept(&origin).await };
        let (response, requests, connection) = loop {
            let is_kept = kept.is_some();
            let Idle { mut requests, connection, .. } = match kept.take() {
                Some(kept) => kept,
                None => self.open(origin.clone()).await?,
            };
            let mut connection = Some(connection);
            let outcome = {
                let mut exchange = pin!(exchange(&mut requests, request, limit));
                poll_fn(|cx| {
                    if let Some(open) = &mut connection {
                        // The exchange gets the connection's error, if any. Dropping the connection ends an exchange that waits for more.
                        if Pin::new(open).poll(cx).is_ready() {
                            connection = None;
                        }
                    }
                    exchange.as_mut().poll(cx)
                })
                .await
            };
            match outcome {
                Ok(response) => break (response, requests, connection),
                // The server has closed the kept connection before a byte of the request was written.
                Err((_, Some(unsent))) if is_kept => request = *unsent,
                Err((error, _)) => return Err(error),
            }
        };
        if let Some(connection) = connection.filter(|_| self.look.is_some() && !of_its_own) {
            if let Some(idle) = (Idle { origin, requests, connection }).if_ready().await {
                self.keep(idle);
            }
        }
        Ok(response)
    }
}

/// A connection between two exchanges.
struct Idle<T: Read + Write> {
    origin: Uri,
    requests: SendRequest<Whole>,
    connection: Connection<Heard<T>, Whole>,
}

impl<T: Read + Write + Unpin> Idle<T> {
    /// Returns the connection, unless the executor knows that the server has closed it or written to it.
    async fn if_ready(mut self) -> Option<Self> {
        let open = poll_fn(|cx| Poll::Ready(Pin::new(&mut self.connection).poll(cx).is_pending())).await;
        (open && self.requests.is_ready()).then_some(self)
    }
}

/// Splits a request into its origin and the request to send. hyper sends the URI unchanged and adds no `Host`, and a server expects the path
/// alone and a `Host`.
fn split(request: Request<Bytes>) -> Result<(Uri, Request<Whole>), http::Error> {
    let (mut parts, body) = request.into_parts();
    let mut target = core::mem::take(&mut parts.uri).into_parts();
    let mut origin = http::uri::Parts::default();
    origin.scheme = target.scheme.take();
    origin.authority = target.authority.take();
    origin.path_and_query = Some(PathAndQuery::from_static("/"));
    if let Some(authority) = &origin.authority {
        if !parts.headers.contains_key(header::HOST) {
            parts.headers.insert(header::HOST, HeaderValue::from_str(authority.as_str())?);
        }
    }
    // hyper decodes nothing.
    parts.headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    parts.uri = Uri::from_parts(target)?;
    let body = Whole(Some(body).filter(|body| !body.is_empty()));
    Ok((Uri::from_parts(origin)?, Request::from_parts(parts, body)))
}

/// Fails with the request, if no byte of it was written.
async fn exchange(
    requests: &mut SendRequest<Whole>,
    request: Request<Whole>,
    limit: usize,
) -> Result<Response<Vec<u8>>, (SendError, Option<Box<Request<Whole>>>)> {
    let response = requests.try_send_request(request).await.map_err(|mut error| {
        let unsent = error.take_message();
        let delivery = if unsent.is_some() { Delivery::NotSent } else { Delivery::Unknown };
        (send_error(error.into_error(), delivery), unsent.map(Box::new))
    })?;
    let (parts, incoming) = response.into_parts();
    let body = read(incoming, limit).await.map_err(|error| (error.with_status(parts.status), None))?;
    Ok(Response::from_parts(parts, body))
}

async fn read(mut incoming: Incoming, limit: usize) -> Result<Vec<u8>, SendError> {
    let mut body = BoundedBody::new(incoming.size_hint().lower(), limit)?;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
        let frame = frame.map_err(|error| send_error(error, Delivery::Unknown))?;
        let Some(chunk) = frame.data_ref() else { continue };
        body.push(chunk)?;
    }
    Ok(body.into_bytes())
}

/// An error of the function that opens connections.
fn not_opened(error: IoError) -> SendError {
    let error = match error.downcast::<SendError>() {
        Ok(told) => return told,
        Err(error) => error,
    };
    let kind = match error.kind() {
        Io::TimedOut => SendErrorKind::TimedOut,
        // rustls reports a certificate that it does not trust in this way.
        Io::InvalidData => SendErrorKind::Tls,
        _ => SendErrorKind::Connect,
    };
    failed(kind, Delivery::NotSent, &error)
}

fn send_error(error: ::hyper::Error, delivery: Delivery) -> SendError {
    let is_late = |link: &(dyn StdError + 'static)| {
        link.downcast_ref().is_some_and(|of_the_connection: &IoError| of_the_connection.kind() == Io::TimedOut)
    };
    let kind = if error.is_timeout() || links(&error).any(is_late) {
        SendErrorKind::TimedOut
    } else if error.is_user() {
        SendErrorKind::Other
    } else {
        SendErrorKind::Broken
    };
    failed(kind, delivery, &error)
}

/// The user's IO. After a write has failed, what is written is dropped: the server may have said why before it closed the connection, by an
/// alert of TLS or by a response, and hyper would not read it.
struct Heard<T> {
    io: Pin<Box<T>>,
    is_deaf: bool,
}

impl<T> Heard<T> {
    fn written(&mut self, bytes: usize, outcome: Poll<Result<usize, IoError>>) -> Poll<Result<usize, IoError>> {
        match outcome {
            Poll::Ready(Err(error)) if [Io::BrokenPipe, Io::ConnectionReset].contains(&error.kind()) => {
                self.is_deaf = true;
                Poll::Ready(Ok(bytes))
            }
            outcome => outcome,
        }
    }
}

impl<T: Read> Read for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<(), IoError>> {
        self.io.as_mut().poll_read(cx, buffer)
    }
}

impl<T: Write> Write for Heard<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, IoError>> {
        if self.is_deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = self.io.as_mut().poll_write(cx, bytes);
        self.written(bytes.len(), outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize, IoError>> {
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        if self.is_deaf {
            return Poll::Ready(Ok(bytes));
        }
        let outcome = self.io.as_mut().poll_write_vectored(cx, pieces);
        self.written(bytes, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), IoError>> {
        if self.is_deaf {
            return Poll::Ready(Ok(()));
        }
        let outcome = self.io.as_mut().poll_flush(cx).map_ok(|()| 0);
        self.written(0, outcome).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), IoError>> {
        self.io.as_mut().poll_shutdown(cx)
    }
}

/// The body of a request, in one piece.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let bytes = self.0.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}
