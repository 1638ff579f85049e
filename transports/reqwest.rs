//! The adapter for [reqwest](https://docs.rs/reqwest/0.13): for async programs on tokio.
//!
//! The feature `reqwest-rustls` has TLS. With `reqwest` alone you reach loopback hosts only, unless you turn on one of reqwest's own TLS
//! features.
//!
//! **Choose the cryptography.** `reqwest-rustls` uses aws-lc, which needs a C compiler. For another provider use the feature `reqwest`, run
//! `cargo add reqwest@0.13 --no-default-features --features rustls-no-provider`, and install rustls's provider before the first [`Reqwest::new`]:
//! `rustls::crypto::ring::default_provider().install_default()`. ring needs a C compiler, too, and builds faster. `rustls-graviola` needs none, on
//! the processors that it supports. Without a provider [`Reqwest::new`] panics.
//!
//! **No client of your own.** The adapter does not take a `reqwest::Client` that you built. It may follow redirects, and nothing would show
//! this before the API Key was sent to another host.
//!
//! **No HTTP/2.** It is off, even if another crate of your program turns on reqwest's feature `http2`. With HTTP/2 many requests share a
//! connection, and the server's last frame may repeat what it received. For a service with HTTP/2 only, write your own transport.
//!
//! **One runtime.** A connection that is kept belongs to the tokio runtime that opened it. While that runtime stands still (nobody is in its
//! `block_on`, and it has no threads of its own), a call from another runtime over this connection waits for its whole time-out. Make one
//! [`Reqwest`] for each runtime.
//!
//! **Time-outs.** A token request has 30 seconds in all. A call may last as long as bytes move: it has 10 seconds to connect, and ends if for 30 seconds
//! ([`with_silence`](Reqwest::with_silence)) no byte of it moves and no response begins. While your own stream has nothing to send, that time stands still. A
//! `timeout` of yours is for the whole of each, and one on a request (`RequestBuilder::timeout`) for the whole of this call. Leave out `read_timeout`: it
//! goes on while a body is sent, so it ends a long upload.
//!
//! `connect_timeout` covers the handshake, and its error says that nothing was sent. Of a handshake that hangs into one of the others, the error says that
//! the request may have arrived. So keep the first one the shortest.
//!
//! **Large uploads.** A service may refuse an upload before it has read it, and close the connection. hyper, below reqwest, throws the answer away if a
//! write fails before it has read it. Then the error says that the call may have arrived, also where the answer was a 401, and the token is not renewed. So
//! make a small call first.
//!
//! **Limits.** A response may have 100 headers, in about 400 KiB. More is [`SendErrorKind::Broken`], and the cause is `the response's head is
//! too long`.
//!
//! **Kept connections.** Before a call uses one again, the runtime looks whether the server has closed it. If the server closes it after that,
//! reqwest opens another one, unless it has begun to write the call: then the call fails with [`Delivery::Unknown`]. In a test whose server
//! closes each connection just as the next call comes, 3 of 48 calls did. To be sure, close them before the server does: `pool_idle_timeout`.
//!
//! **URLs.** reqwest normalizes a URL as a browser does, before it sends the request: `/a/../b` becomes `/b`, and `'` in a query becomes `%27`.

extern crate std;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::error::Error as StdError;
use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;
use std::io::{Error as IoError, ErrorKind as Io};

use ::hyper::body::Body as HttpBody;
use ::reqwest::redirect::Policy;
use ::reqwest::{Body, Client, ClientBuilder, Url};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use location_auth::Bytes;
#[cfg(feature = "client")]
use location_auth::driver::Call;
use tokio::task::yield_now;

use super::bounded::BoundedBody;
#[cfg(feature = "client")]
use super::client::{AsyncClient, AsyncTokenStore, CallError};
use super::known_cause::{failed, links};
use super::own_wakes::on_its_own_wakes;
use super::send_error::refused_by_proxy;
use super::silence::{Download, Moved, PIECE, TooLong, Upload, timed_out};
use super::{AsyncTransport, Delivery, SendError, SendErrorKind, is_token_request, prepare};

/// A transport over reqwest that follows no redirect and never reads more than the limit. Clones share the connections for calls. Each token
/// request has a connection of its own ([`is_token_request`]).
///
/// ```no_run
/// # async fn example(app: location_auth::App) -> Result<(), Box<dyn std::error::Error>> {
/// use location_auth::transports::{reqwest::Reqwest, run_async};
///
/// let token = run_async(app.location("loc-1")?.login("owner@example.com", "hunter2")?, &Reqwest::new()?).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// reqwest itself panics if it is polled outside a tokio runtime. [`new`](Self::new) panics if reqwest's feature `rustls-no-provider` is on and
/// `rustls` (which `reqwest-rustls` turns on) is not, unless the program has installed a default provider for rustls.
#[derive(Clone)]
pub struct Reqwest {
    calls: Client,
    /// This client keeps no connection.
    logins: Client,
    silence: Duration,
}

/// Shows no configuration: that of a proxy may hold a password.
impl fmt::Debug for Reqwest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reqwest").finish_non_exhaustive()
    }
}

impl Reqwest {
    /// Makes a transport with the [module's](self) time-outs and no proxy.
    ///
    /// # Errors
    /// [`SendErrorKind::Configuration`] if TLS can't be set up on this machine.
    pub fn new() -> Result<Self, SendError> {
        Self::with_config(|builder| builder)
    }

    /// Makes a transport as [`new`](Self::new) does, with your changes: another time-out, a root certificate, a proxy. It calls `change` twice,
    /// because token requests have a client of their own, which keeps no connection.
    ///
    /// After your changes it sets what protects secrets: it follows no redirect, sends nothing twice, sends no `Referer`, and uses HTTP/1.1.
    /// A proxy sees requests to a loopback host over plain `http`: exempt those hosts (`Proxy::no_proxy`). reqwest takes a TLS configuration
    /// of your own (`tls_backend_preconfigured`) as it is: its ALPN protocols must be none, or `http/1.1` alone.
    ///
    /// ```
    /// use location_auth::transports::reqwest::Reqwest;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///
    /// let proxy = reqwest::Proxy::all("http://proxy.test:3128")?;
    /// let transport = Reqwest::with_config(|builder| builder.proxy(proxy.clone()))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendErrorKind::Configuration`] if reqwest can't build a client from this configuration.
    pub fn with_config(change: impl Fn(ClientBuilder) -> ClientBuilder) -> Result<Self, SendError> {
        let policed = |ours: ClientBuilder| {
            let ours = ours
                .connect_timeout(Duration::from_secs(10))
                .no_proxy()
                .default_headers(HeaderMap::from_iter([(
                    header::ACCEPT_ENCODING,
                    HeaderValue::from_static("identity"),
                )]))
                // Another crate of the program may turn these features on. They would add a header to every request.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate();
            change(ours).redirect(Policy::none()).retry(::reqwest::retry::never()).referer(false).http1_only()
        };
        let built = |client: ClientBuilder| {
            client.build().map_err(|error| {
                SendError::new(SendErrorKind::Configuration, Delivery::Unsendable, before_sending(error))
            })
        };
        let calls = built(policed(Client::builder()))?;
        let logins = built(policed(Client::builder().timeout(SILENCE)).pool_max_idle_per_host(0))?;
        Ok(Self { calls, logins, silence: SILENCE })
    }
}

const SILENCE: Duration = Duration::from_secs(30);

impl Reqwest {
    /// Sets how long a call may go on without a byte that moves, in place of 30 seconds. It is also the time in which a response must begin, after the
    /// request is sent. A token request has its 30 seconds in all, or your `timeout`.
    ///
    /// ```
    /// use location_auth::transports::reqwest::Reqwest;
    /// use std::time::Duration;
    ///
    /// // For a service that works on a report for minutes before it answers.
    /// let transport = Reqwest::new()?.with_silence(Duration::from_secs(600));
    /// # Ok::<(), location_auth::transports::SendError>(())
    /// ```
    #[must_use]
    pub fn with_silence(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    /// Returns the reqwest client for calls. Build requests with it (`json`, `multipart`, a body that streams), and send them with
    /// `AsyncClient::execute`.
    ///
    /// It never follows a redirect: reqwest has no setting for this on a single request. What you send by it directly can be silent for ever.
    pub fn client(&self) -> &Client {
        &self.calls
    }

    /// Sends one request, whose body may stream, and returns when the response's head has arrived.
    ///
    /// Use it with `call_with` of an `AsyncClient`. It adds no credentials. You read the response's body yourself, without a limit. A stream that is
    /// not as long as its `content-length` is an error ([`SendErrorKind::Header`]). An error from reading the body is reqwest's own, and shows the URL:
    /// `reqwest::Error::without_url` removes it. Of a service that is silent for too long it is one whose `is_timeout` is true.
    ///
    /// ```no_run
    /// # #[cfg(feature = "client")]
    /// # async fn example<S: location_auth::transports::client::AsyncTokenStore>(
    /// #     client: location_auth::transports::client::AsyncClient<location_auth::transports::reqwest::Reqwest, S>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use http::Request;
    /// use location_auth::driver::Call;
    ///
    /// let upload = Request::post("https://api.example.com/contacts").body(vec![b' '; 1024])?;
    /// let reqwest = client.transport();
    /// let response = client.call_with(Call::new(upload), |upload| reqwest.execute(upload)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send`](AsyncTransport::send): if there is no response.
    pub async fn execute<B: Into<Body>>(&self, request: Request<B>) -> Result<Response<Body>, SendError> {
        self.respond(request.map(Into::into)).await
    }

    async fn respond(&self, mut request: Request<Body>) -> Result<Response<Body>, SendError> {
        let length = request.body().as_bytes().map(<[u8]>::len);
        prepare(&mut request, length)?;
        if is_token_request(&request) {
            return Ok(self.logins.execute(reqwests(request)?).await.map_err(send_error)?.into());
        }
        // This avoids a connection that the server has closed meanwhile: after the first yield the runtime knows of it, and after the
        // second the task that watches the connection knows of it, too.
        on_its_own_wakes(yield_now()).await;
        on_its_own_wakes(yield_now()).await;
        let moved = Moved::now();
        let is_large = length.is_none_or(|length| length > PIECE);
        if is_large {
            request = in_pieces(request, length.is_none(), &moved);
        }
        let mut sending = pin!(self.calls.execute(reqwests(request)?));
        let mut silent = pin!(moved.not_for(self.silence));
        let response: Response<Body> = poll_fn(|context| match sending.as_mut().poll(context) {
            Poll::Ready(response) => Poll::Ready(response.map_err(|error| match send_error(error) {
                cut if is_large && cut.kind() == SendErrorKind::Broken => {
                    SendError::new(cut.kind(), cut.delivery(), Some(Box::new(MaybeAnswered)))
                }
                error => error,
            })),
            Poll::Pending => silent.as_mut().poll(context).map(|()| Err(silence_error())),
        })
        .await?
        .into();
        Ok(response.map(|body| Body::wrap(Download { body, silence: self.silence, sleep: None })))
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the connection broke while a large body went up, and an answer may be lost with it, also a 401: make a small call first"
)]
struct MaybeAnswered;

fn silence_error() -> SendError {
    SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, Some(Box::new(timed_out())))
}

fn reqwests(request: Request<Body>) -> Result<::reqwest::Request, SendError> {
    let root = root(request.uri());
    let request = ::reqwest::Request::try_from(request)
        .map_err(|error| SendError::new(SendErrorKind::Other, Delivery::Unsendable, before_sending(error)))?;
    // reqwest parses the whole URL again: its origin must be the one that was checked.
    if root.is_none_or(|root| root.origin() != request.url().origin()) {
        return Err(SendError::new(SendErrorKind::Insecure, Delivery::Unsendable, None));
    }
    Ok(request)
}

impl AsyncTransport for Reqwest {
    type Error = SendError;

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
        let (parts, body) = self.respond(request.map(Into::into)).await?.into_parts();
        let body = read(body, limit).await.map_err(|error| error.with_status(parts.status))?;
        Ok(Response::from_parts(parts, body))
    }
}

#[cfg(feature = "client")]
impl<S: AsyncTokenStore> AsyncClient<Reqwest, S> {
    /// Sends a reqwest request with the credentials. After a 401 it sends the request once more, if there is a new token and the body can be
    /// cloned. A body that streams can't be cloned: then the error is [`CallError::NotRepeated`].
    ///
    /// ```no_run
    /// # async fn example<S: location_auth::transports::client::AsyncTokenStore>(
    /// #     client: location_auth::transports::client::AsyncClient<location_auth::transports::reqwest::Reqwest, S>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let reqwest = client.transport().client();
    /// let request = reqwest.post("https://api.example.com/contacts").body("{}").build()?;
    /// let mut response = client.execute(request).await?;
    /// while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
    ///     println!("{} bytes", chunk.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`call`](AsyncClient#method.call), and [`CallError::NotRepeated`].
    pub async fn execute(
        &self,
        request: ::reqwest::Request,
    ) -> Result<::reqwest::Response, CallError<SendError, Body>> {
        let unsendable = |error| {
            let error = SendError::new(SendErrorKind::Other, Delivery::Unsendable, before_sending(error));
            CallError::Transport { location: self.location().cloned(), error, delivery: Delivery::Unsendable }
        };
        let again = request.try_clone().map(Request::try_from).transpose().map_err(unsendable)?;
        let request = Request::try_from(request).map_err(unsendable)?;
        let send = |request| self.transport().execute(request);
        self.call_with(Call::repeating(request, again), send).await.map(Into::into)
    }
}

/// Has hyper send the whole of a stream. It would leave out that of a GET or HEAD without a length, and what is beyond a length.
fn in_pieces(mut request: Request<Body>, is_stream: bool, moved: &Moved) -> Request<Body> {
    let declared = request.headers().get(header::CONTENT_LENGTH).filter(|_| is_stream);
    let left = declared.map(|length| length.to_str().unwrap_or_default().parse().unwrap_or_default());
    if is_stream && left.is_none() && [Method::GET, Method::HEAD].contains(request.method()) {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(header::TRANSFER_ENCODING, chunked);
    }
    request.map(|body| Body::wrap(Upload { body, piece: Bytes::new(), left, moved: moved.clone() }))
}

fn is_misdeclared(link: &(dyn StdError + 'static)) -> bool {
    // hyper itself notices a stream that is shorter.
    link.is::<TooLong>() || link.downcast_ref().is_some_and(::hyper::Error::is_body_write_aborted)
}

/// The scheme and authority of a URL alone, as reqwest parses them.
fn root(uri: &Uri) -> Option<Url> {
    Url::parse(&format!("{}://{}/", uri.scheme_str()?, uri.authority()?)).ok()
}

async fn read(mut incoming: Body, limit: usize) -> Result<Vec<u8>, SendError> {
    let mut body = BoundedBody::new(incoming.size_hint().lower(), limit)?;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut incoming).poll_frame(context)).await {
        if let Some(chunk) = frame.map_err(send_error)?.data_ref() {
            body.push(chunk)?;
        }
    }
    Ok(body.into_bytes())
}

fn send_error(error: ::reqwest::Error) -> SendError {
    let (kind, delivery) = if links(&error).any(is_misdeclared) {
        (SendErrorKind::Header("content-length"), Delivery::Unknown)
    } else if error.is_connect() {
        if let Some(status) = links(&error).find_map(proxys_refusal) {
            return refused_by_proxy(status);
        }
        let kind = match links(&error).filter_map(|link| link.downcast_ref::<IoError>()).last().map(IoError::kind) {
            _ if error.is_timeout() => SendErrorKind::TimedOut,
            _ if links(&error).any(is_proxys) => SendErrorKind::ProxyUnreachable,
            // rustls reports a certificate that it does not trust in this way.
            Some(Io::InvalidData) => SendErrorKind::Tls,
            _ => SendErrorKind::Connect,
        };
        (kind, Delivery::NotSent)
    } else if error.is_timeout() {
        (SendErrorKind::TimedOut, Delivery::Unknown)
    } else if error.is_builder() {
        return SendError::new(SendErrorKind::Other, Delivery::Unsendable, before_sending(error));
    } else if error.is_request() || error.is_body() || error.is_decode() {
        (SendErrorKind::Broken, Delivery::Unknown)
    } else {
        (SendErrorKind::Other, Delivery::Unknown)
    };
    failed(kind, delivery, &error)
}

/// The status of a proxy that refused a tunnel. hyper-util, which makes the tunnel, says only whether it is 407.
fn proxys_refusal(link: &(dyn StdError + 'static)) -> Option<Option<StatusCode>> {
    match link.to_string().as_str() {
        "tunnel error: proxy authorization required" => Some(Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED)),
        "tunnel error: unsuccessful" => Some(None),
        _ => None,
    }
}

/// Whether an error is about the way to the proxy: hyper-util and hyper-rustls say it in texts alone. The URL's own scheme was checked before.
fn is_proxys(link: &(dyn StdError + 'static)) -> bool {
    let texts = [
        "tunnel error: failed to create",
        "tunnel error: unexpected end",
        "tunnel error: io error",
        "unsupported scheme",
    ];
    let text = link.to_string();
    texts.iter().any(|start| text.starts_with(start))
}

/// The source for an error before sending: nothing in it is from the server. reqwest's errors show the URL with its query, so it is removed.
fn before_sending(error: ::reqwest::Error) -> Option<Box<dyn StdError + Send + Sync>> {
    Some(Box::new(error.without_url()))
}
