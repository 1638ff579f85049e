//! The adapter for [reqwest](https://docs.rs/reqwest/0.13): for async programs on tokio.
//!
//! The feature `reqwest-rustls` has TLS; `reqwest` alone reaches loopback hosts only, or brings the TLS of the reqwest features
//! that you turn on yourself.
//!
//! **Choose the cryptography.** `reqwest-rustls` brings aws-lc, which a C compiler builds. For another one use the feature `reqwest`, add
//! `cargo add reqwest@0.13 --no-default-features --features rustls-no-provider` and install rustls's provider before the first [`Reqwest::new`]:
//! `rustls::crypto::ring::default_provider().install_default()`. ring needs a C compiler, too, and builds faster. `rustls-graviola` needs none, on
//! the processors that it has code for. Without a provider [`Reqwest::new`] panics.
//!
//! There is no way in for a `reqwest::Client` that is already built: it may follow redirects, and nothing shows it before the
//! API Key has gone out. HTTP/2 is off, even where another crate of the program turns on reqwest's feature `http2`: over it a connection is
//! many requests', and a server's last frame may hold what it was sent. A service that speaks nothing else wants a transport of your own.
//!
//! reqwest reads a URL as a browser does before it sends it: `/a/../b` becomes `/b`, and a `'` in a query `%27`.

extern crate std;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::error::Error as StdError;
use core::fmt;
use core::time::Duration;
use std::io::{Error as IoError, ErrorKind as Io};

use ::reqwest::redirect::Policy;
use ::reqwest::{Body, Client, ClientBuilder, Url};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
#[cfg(feature = "client")]
use location_auth::Call;
use location_auth::{Bytes, is_token_request, may_carry_secrets};
use tokio::task::yield_now;

use super::bounded::BoundedBody;
#[cfg(feature = "client")]
use super::client::{AsyncClient, AsyncTokenStore, CallError};
use super::known_cause::{known_cause, links};
use super::own_wakes::on_its_own_wakes;
use super::send_error::refused_by_proxy;
use super::{AsyncTransport, Delivery, SendError, SendErrorKind};

/// A transport over reqwest that follows no redirect and reads no more than it is to. Clones share its connections, those of
/// calls; a token request has one of its own ([`is_token_request`]).
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
/// reqwest itself panics where it is polled outside of a tokio runtime; and [`new`](Self::new) does where its feature `rustls-no-provider` is
/// on and `rustls` (which `reqwest-rustls` turns on) is not, unless the program has installed a default provider for rustls.
#[derive(Clone)]
pub struct Reqwest {
    calls: Client,
    /// Keeps no connection.
    logins: Client,
}

/// No configuration: a proxy's may hold a password.
impl fmt::Debug for Reqwest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reqwest").finish_non_exhaustive()
    }
}

impl Reqwest {
    /// Ten seconds to connect, thirty in all, no proxy.
    ///
    /// # Errors
    /// [`SendErrorKind::Configuration`], where TLS cannot be set up on this machine.
    pub fn new() -> Result<Self, SendError> {
        Self::with_config(|builder| builder)
    }

    /// As [`new`](Self::new), with changes of yours: another time-out, a root certificate, a proxy. They are made twice, for calls and for
    /// token requests: a client keeps connections or does not.
    ///
    /// What keeps secrets from leaving is set after your changes: no redirect is followed, nothing is sent twice, no `Referer` is sent, and
    /// HTTP/1.1 is spoken. A proxy sees what goes to a loopback host over plain `http`: exempt those hosts (`Proxy::no_proxy`).
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
    /// [`SendErrorKind::Configuration`], where reqwest cannot build a client from it.
    pub fn with_config(change: impl Fn(ClientBuilder) -> ClientBuilder) -> Result<Self, SendError> {
        let policed = || {
            let ours = Client::builder()
                .connect_timeout(Duration::from_secs(10))
                .timeout(Duration::from_secs(30))
                .no_proxy()
                .default_headers(HeaderMap::from_iter([(
                    header::ACCEPT_ENCODING,
                    HeaderValue::from_static("identity"),
                )]))
                // Another crate of the program may have turned these features on: they would add a header to every request.
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
        Ok(Self { calls: built(policed())?, logins: built(policed().pool_max_idle_per_host(0))? })
    }
}

impl Reqwest {
    /// The client that sends calls: build requests with it (`json`, `multipart`, a body that streams), and let an `AsyncClient` execute them.
    ///
    /// It follows no redirect, whatever the request says: reqwest has no setting of that kind for one request.
    pub fn client(&self) -> &Client {
        &self.calls
    }

    /// Sends one request, whose body may stream, and returns when the response's head has come. Its body is read by you, as it comes and
    /// without a bound, within the time-out of thirty seconds for all of it. What reqwest says of an error then is its own, and names the URL:
    /// `reqwest::Error::without_url`.
    ///
    /// For an `AsyncClient`'s `call_with`. It adds no credentials.
    ///
    /// ```no_run
    /// # #[cfg(feature = "client")]
    /// # async fn example<S: location_auth::transports::client::AsyncTokenStore>(
    /// #     client: location_auth::transports::client::AsyncClient<location_auth::transports::reqwest::Reqwest, S>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use http::Request;
    /// use location_auth::Call;
    ///
    /// let upload = Request::post("https://api.example.com/contacts").body(vec![b' '; 1024])?;
    /// let reqwest = client.transport();
    /// let response = client.call_with(Call::new(&upload), upload, |upload| reqwest.execute(upload)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send`](AsyncTransport::send): where no response came.
    pub async fn execute<B: Into<Body>>(&self, request: Request<B>) -> Result<Response<Body>, SendError> {
        self.respond(request).await.map(Into::into)
    }

    async fn respond<B: Into<Body>>(&self, request: Request<B>) -> Result<::reqwest::Response, SendError> {
        if !may_carry_secrets(request.uri()) {
            return Err(SendError::new(SendErrorKind::Insecure, Delivery::Unsendable, None));
        }
        let client = if is_token_request(&request) {
            &self.logins
        } else {
            // So that a connection that was closed while nobody looked is not used: the runtime hears of it in the first turn, and in the
            // second the task that watches the connection has seen it.
            on_its_own_wakes(yield_now()).await;
            on_its_own_wakes(yield_now()).await;
            &self.calls
        };
        let root = root(request.uri());
        let request = ::reqwest::Request::try_from(request)
            .map_err(|error| SendError::new(SendErrorKind::Other, Delivery::Unsendable, before_sending(error)))?;
        // reqwest reads the whole URL anew: it must have come to the origin that was checked.
        if root.is_none_or(|root| root.origin() != request.url().origin()) {
            return Err(SendError::new(SendErrorKind::Insecure, Delivery::Unsendable, None));
        }
        client.execute(request).await.map_err(send_error)
    }
}

impl AsyncTransport for Reqwest {
    type Error = SendError;

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
        let mut incoming = self.respond(request).await?;
        let body = read(&mut incoming, limit).await.map_err(|error| error.with_status(incoming.status()))?;
        let mut response = Response::new(body);
        *response.status_mut() = incoming.status();
        *response.version_mut() = incoming.version();
        *response.headers_mut() = core::mem::take(incoming.headers_mut());
        Ok(response)
    }

    fn delivery(&self, error: &SendError) -> Delivery {
        error.delivery()
    }

    fn kind(&self, error: &SendError) -> SendErrorKind {
        error.kind()
    }
}

#[cfg(feature = "client")]
impl<S: AsyncTokenStore> AsyncClient<Reqwest, S> {
    /// Makes a call in reqwest's own terms: authorized, and once more after a 401 if there is a new token and the body can be
    /// cloned. One that streams can't, and is [`CallError::NotRepeated`].
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
    /// As [`call`](AsyncClient::call), and [`CallError::NotRepeated`].
    pub async fn execute(
        &self,
        request: ::reqwest::Request,
    ) -> Result<::reqwest::Response, CallError<SendError, Body>> {
        let unsendable = |error| {
            let error = SendError::new(SendErrorKind::Other, Delivery::Unsendable, before_sending(error));
            CallError::Transport { error, delivery: Delivery::Unsendable }
        };
        let again = request.try_clone().map(Request::try_from).transpose().map_err(unsendable)?;
        let request = Request::try_from(request).map_err(unsendable)?;
        let send = |request| self.transport().execute(request);
        self.call_with(Call::repeating(again), request, send).await.map(Into::into)
    }
}

/// Scheme and authority alone, as reqwest reads a URL.
fn root(uri: &Uri) -> Option<Url> {
    Url::parse(&format!("{}://{}/", uri.scheme_str()?, uri.authority()?)).ok()
}

async fn read(incoming: &mut ::reqwest::Response, limit: usize) -> Result<Vec<u8>, SendError> {
    let mut body = BoundedBody::new(incoming.content_length().unwrap_or(0), limit)?;
    while let Some(chunk) = incoming.chunk().await.map_err(send_error)? {
        body.push(&chunk)?;
    }
    Ok(body.into_bytes())
}

fn send_error(error: ::reqwest::Error) -> SendError {
    let (kind, delivery) = if error.is_connect() {
        if let Some(status) = links(&error).find_map(proxys_refusal) {
            return refused_by_proxy(status);
        }
        let kind = match links(&error).filter_map(|link| link.downcast_ref::<IoError>()).last().map(IoError::kind) {
            _ if error.is_timeout() => SendErrorKind::TimedOut,
            // So rustls reports what it does not trust.
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
    SendError::new(kind, delivery, known_cause(&error))
}

/// What hyper-util, which makes the tunnel, says of a proxy that does not: of all statuses it tells 407 alone.
fn proxys_refusal(link: &(dyn StdError + 'static)) -> Option<Option<StatusCode>> {
    match link.to_string().as_str() {
        "tunnel error: proxy authorization required" => Some(Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED)),
        "tunnel error: unsuccessful" => Some(None),
        _ => None,
    }
}

/// Of a client or a request that could not be made: nobody's bytes are in it. reqwest puts the URL, query and all, on its errors.
fn before_sending(error: ::reqwest::Error) -> Option<Box<dyn StdError + Send + Sync>> {
    Some(Box::new(error.without_url()))
}
