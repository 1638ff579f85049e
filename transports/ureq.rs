//! The adapter for [ureq](https://docs.rs/ureq/3.5): for blocking programs.
//!
//! It needs ureq 3.5 and no other version: it looks at ureq's connections, which may change with each minor version. Without that, ureq takes a
//! cut for the end of a body that has no length, and does not say that a connection which was not opened carried no request.
//!
//! The feature `ureq-rustls` has TLS. With `ureq` alone you reach loopback hosts only, unless you turn on one of ureq's own TLS features.
//!
//! **Choose the cryptography.** `ureq-rustls` uses ring, which needs a C compiler. For another provider use the feature `ureq`, run
//! `cargo add ureq@~3.5 --no-default-features --features rustls-no-provider,rustls-webpki-roots`, and install rustls's provider before the first
//! request: `rustls::crypto::aws_lc_rs::default_provider().install_default()`, or that of `rustls-graviola`, which needs no C compiler. Without a
//! provider the first request panics. It also panics without `rustls-webpki-roots`, unless you set root certificates yourself.
//!
//! **Logs.** At the level `trace` of the `log` crate, ureq logs every byte that it sends and receives, with keys, passwords and tokens, under the
//! target `ureq_proto`. If your program turns `trace` on for all targets, keep `ureq_proto` and `ureq` at `info`
//! (`RUST_LOG=trace,ureq_proto=info,ureq=info`), or build without `trace` (the feature `release_max_level_debug` of `log`).
//!
//! **Not read.** A response may have 128 headers, in 64 KiB. More is [`SendErrorKind::Broken`], and the cause is `the response's head is too
//! long` (`max_response_header_size` raises the second limit). ureq takes a `100 Continue` that has headers, and a chunk whose line with the size
//! has more than 20 bytes, for a broken response.
//!
//! **Time-outs.** A token request has 30 seconds in all, and 10 of them to connect. A call may last as long as bytes move: it has 10 seconds for the host's
//! name, 10 to connect, 30 for the response's head after the request is sent, and 30 for each read and write. They are ureq's `timeout_global` for the first,
//! and `timeout_resolve`, `timeout_connect`, `timeout_recv_response`, `timeout_per_read` and `timeout_per_write` for the others. What you set goes for
//! both. For a service that works for minutes before it answers, set `timeout_recv_response` and `timeout_per_read`. A write that stops half-way has its time
//! twice.
//!
//! **Large uploads.** If the service answers before it has read an upload, and closes the connection, its answer is read, and a token is renewed after a 401.
//! This takes what is left of your reader, and sends nothing of it. Over a TLS provider other than rustls the answer is lost: then the call fails with
//! [`Delivery::Unknown`], so make a small call first.
//!
//! **Kept connections.** Before ureq uses one again, it looks whether the server has closed it. If the server closes it after that, the call
//! fails with [`Delivery::Unknown`]: ureq sends nothing twice.
//!
//! **Cookies.** If another crate of your program turns on ureq's feature `cookies`, an agent keeps the service's cookies and sends them with
//! later requests. Then make one `Ureq` for each owner.

extern crate std;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::any::TypeId;
use core::fmt;
use core::time::Duration;
use std::io::ErrorKind as Io;

use ::ureq::config::{AutoHeaderValue, Config, ConfigBuilder};
use ::ureq::typestate::AgentScope;
use ::ureq::unversioned::resolver::DefaultResolver;
use ::ureq::{Agent, AsSendBody, Body, Error, Proxy, ProxyProtocol};
use http::{Request, Response, StatusCode};
use location_auth::Bytes;

use super::known_cause::failed;
use super::send_error::refused_by_proxy;
use super::ureq_connections::{Connections, NotOpened, is_host_unknown};
use super::{Delivery, SendError, SendErrorKind, Transport, is_token_request, prepare};

/// A transport over ureq that follows no redirect and never reads more than the limit. Clones share the connections for calls. Each token
/// request has a connection of its own ([`is_token_request`]).
///
/// ```no_run
/// # fn example(app: location_auth::App) -> Result<(), Box<dyn std::error::Error>> {
/// use location_auth::transports::{run, ureq::Ureq};
///
/// let token = run(app.location("loc-1")?.login("owner@example.com", "hunter2")?, &Ureq::new())?;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// ureq itself panics at its first `https` request if its feature `rustls-no-provider` is on and `rustls` (which `ureq-rustls` turns on)
/// is not, unless the program has installed a default provider for rustls.
#[derive(Clone)]
pub struct Ureq {
    calls: Agent,
    /// This agent keeps no connection.
    logins: Agent,
}

/// Shows no configuration: that of a proxy may hold a password.
impl fmt::Debug for Ureq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ureq").finish_non_exhaustive()
    }
}

const TO_CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);

impl Ureq {
    /// Makes a transport with the [module's](self) time-outs and no proxy.
    pub fn new() -> Self {
        Self::policed(|config| config)
    }

    /// Makes a transport as [`new`](Self::new) does, with your changes: another time-out, a TLS configuration, the proxy of the environment. It
    /// calls `change` twice, because token requests have an agent of their own, which keeps no connection.
    ///
    /// After your changes it sets what protects secrets: it follows no redirect, and no status is an error. A proxy sees requests to a
    /// loopback host over plain `http`: exempt those hosts (`NO_PROXY`).
    ///
    /// ```
    /// use location_auth::transports::ureq::Ureq;
    ///
    /// let transport = Ureq::with_config(|config| config.proxy(ureq::Proxy::try_from_env()))?;
    /// # Ok::<(), location_auth::transports::SendError>(())
    /// ```
    ///
    /// # Errors
    /// [`SendErrorKind::Configuration`] if the proxy is one for SOCKS and ureq was built without its feature `socks-proxy`. ureq itself would panic
    /// at the first request, or pass over a proxy that the environment names.
    pub fn with_config(
        change: impl Fn(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Result<Self, SendError> {
        let transport = Self::policed(change);
        let proxy = transport.calls.config().proxy().map(Proxy::protocol);
        match proxy {
            None | Some(ProxyProtocol::Http | ProxyProtocol::Https) => Ok(transport),
            _ if speaks_socks() => Ok(transport),
            _ => Err(SendError::new(SendErrorKind::Configuration, Delivery::Unsendable, Some(Box::new(SpeaksNoSocks)))),
        }
    }

    fn policed(change: impl Fn(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>) -> Self {
        let agent = |ours: ConfigBuilder<AgentScope>, kept: Option<usize>| {
            let ours = ours
                .timeout_connect(Some(TO_CONNECT))
                .proxy(None)
                .user_agent(AutoHeaderValue::None)
                .accept(AutoHeaderValue::None)
                .accept_encoding("identity");
            let ours = change(ours).http_status_as_error(false).max_redirects(0).max_redirects_will_error(false);
            // A method that ureq does not know is the service's to refuse.
            let ours = ours.allow_non_standard_methods(true);
            let config = kept.into_iter().fold(ours, ConfigBuilder::max_idle_connections).build();
            Agent::with_parts(config, Connections::new(), DefaultResolver::default())
        };
        let for_calls = Config::builder()
            .timeout_resolve(Some(TO_CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE));
        let for_logins = Config::builder().timeout_global(Some(SILENCE));
        Self { calls: agent(for_calls, None), logins: agent(for_logins, Some(0)) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("ureq was built without SOCKS: turn on its feature `socks-proxy`, or take a proxy whose URL is http or https")]
struct SpeaksNoSocks;

/// Stands for ureq's type of this name where ureq was built without it.
#[allow(dead_code)]
struct SocksConnector;

/// Whether ureq was built with its feature `socks-proxy`, which any crate of the program may turn on.
fn speaks_socks() -> bool {
    // In here ureq's type hides the one above, if there is one.
    #[allow(unused_imports)]
    use ::ureq::unversioned::transport::*;
    TypeId::of::<SocksConnector>() != TypeId::of::<self::SocksConnector>()
}

impl Default for Ureq {
    fn default() -> Self {
        Self::new()
    }
}

impl Ureq {
    /// Sends one request with any body that ureq takes (a file, a reader as `SendBody`, a form), and returns when the response's head has arrived.
    ///
    /// Use it with `call_with` of a `Client`. It adds no credentials. You read the response's body yourself, and its reader has no limit. A ureq
    /// configuration on the request is ignored, because it could allow redirects.
    ///
    /// A body with a `content-length` of yours must have this length: a longer one is an error ([`SendErrorKind::Header`]), and for the rest of a
    /// shorter one ureq waits until its time-out. Without the header, ureq sets it for a body whose length it knows.
    ///
    /// With the header `expect: 100-continue`, the service can refuse before the upload starts. This works if the service then closes the
    /// connection: if it keeps the connection open, ureq 3.5 waits until its time-out.
    ///
    /// ```no_run
    /// # #[cfg(feature = "client")]
    /// # fn example<S: location_auth::transports::client::TokenStore>(
    /// #     client: location_auth::transports::client::Client<location_auth::transports::ureq::Ureq, S>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use http::Request;
    /// use location_auth::driver::Call;
    /// use std::fs::File;
    ///
    /// let upload = |file| Request::post("https://api.example.com/contacts").body(file);
    /// let call = Call::repeating(upload(File::open("contacts.csv")?)?, Some(upload(File::open("contacts.csv")?)?));
    /// let response = client.call_with(call, |upload| client.transport().run(upload))?;
    /// std::io::copy(&mut response.into_body().into_reader(), &mut std::io::stdout())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send`](Transport::send): if there is no response.
    pub fn run<B: AsSendBody>(&self, mut request: Request<B>) -> Result<Response<Body>, SendError> {
        // ureq tells no body's length. Of its bodies only `()` has no size, and of a POST ureq would send it in chunks.
        prepare(&mut request, (size_of::<B>() == 0).then_some(0))?;
        self.respond(request)
    }

    fn respond<B: AsSendBody>(&self, request: Request<B>) -> Result<Response<Body>, SendError> {
        let agent = if is_token_request(&request) { &self.logins } else { &self.calls };
        let (mut parts, body) = request.into_parts();
        // ureq would read a configuration from the extensions, which could allow redirects.
        parts.extensions.clear();
        agent.run(Request::from_parts(parts, body)).map_err(send_error)
    }
}

impl Transport for Ureq {
    type Error = SendError;

    fn send(&self, mut request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
        let length = request.body().len();
        prepare(&mut request, Some(length))?;
        let (parts, body) = request.into_parts();
        // With an empty body of bytes, each method would have the header `content-length: 0`.
        let response = if body.is_empty() {
            self.respond(Request::from_parts(parts, ()))?
        } else {
            self.respond(Request::from_parts(parts, &body[..]))?
        };
        let (parts, mut body) = response.into_parts();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let body = body
            .with_config()
            .limit(limit)
            .read_to_vec()
            .map_err(|error| send_error(error).with_status(parts.status))?;
        Ok(Response::from_parts(parts, body))
    }
}

fn send_error(error: Error) -> SendError {
    match error {
        Error::Other(other) => match other.downcast::<NotOpened>() {
            Ok(not_opened) => error_of(not_opened.error, Delivery::NotSent, not_opened.is_proxys),
            Err(other) => error_of(Error::Other(other), Delivery::Unknown, false),
        },
        error => error_of(error, Delivery::Unknown, false),
    }
}

/// `sent` is for what does not say it. `is_proxys` is about a connection that was not opened.
fn error_of(error: Error, sent: Delivery, is_proxys: bool) -> SendError {
    use ::ureq::Timeout;
    let (kind, delivery) = match &error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => (SendErrorKind::TimedOut, Delivery::NotSent),
        Error::Timeout(_) => (SendErrorKind::TimedOut, sent),
        error if is_host_unknown(error) => (SendErrorKind::Connect, Delivery::NotSent),
        Error::ConnectionFailed => (SendErrorKind::Connect, Delivery::NotSent),
        // rustls reports through io::Error, in the handshake and after it.
        Error::Io(cause) if cause.kind() == Io::InvalidData => (SendErrorKind::Tls, sent),
        Error::Io(_) if sent == Delivery::NotSent => (SendErrorKind::Connect, sent),
        Error::Io(_) => (SendErrorKind::Broken, sent),
        Error::ConnectProxyFailed(reason) => match proxys_status(reason) {
            Some(status) => return refused_by_proxy(Some(status)),
            None => (SendErrorKind::ProxyUnreachable, Delivery::NotSent),
        },
        Error::BadUri(_) | Error::RequireHttpsOnly(_) => (SendErrorKind::Other, Delivery::Unsendable),
        Error::TlsRequired => (SendErrorKind::NoTls, Delivery::Unsendable),
        Error::Tls(_) => (SendErrorKind::Tls, sent),
        Error::BodyExceedsLimit(_) => (SendErrorKind::TooLarge, Delivery::Unknown),
        // Of a stream: it is longer than its declared length.
        Error::Protocol(cause) if cause.to_string() == "attempt to write larger body than content-length" => {
            (SendErrorKind::Header("content-length"), Delivery::Unknown)
        }
        Error::Protocol(_) | Error::LargeResponseHeader(..) => (SendErrorKind::Broken, sent),
        _ => (SendErrorKind::Other, sent),
    };
    let kind = match kind {
        SendErrorKind::Connect | SendErrorKind::Tls | SendErrorKind::Broken if is_proxys => {
            SendErrorKind::ProxyUnreachable
        }
        kind => kind,
    };
    match error {
        // These have a message of ureq's own.
        Error::Timeout(_)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::Tls(_)
        | Error::BodyExceedsLimit(_) => SendError::new(kind, delivery, Some(error.into())),
        Error::Io(cause) => failed(kind, delivery, &cause),
        error => failed(kind, delivery, &error),
    }
}

/// Returns the status of a proxy that opened no tunnel. ureq has it only in a text: `proxy server responded 407/407`.
fn proxys_status(reason: &str) -> Option<StatusCode> {
    let (status, _) = reason.strip_prefix("proxy server responded ")?.split_once('/')?;
    StatusCode::from_bytes(status.as_bytes()).ok()
}
