//! The connections of ureq: opened as ureq opens them, with errors that say more, and read even after the server has stopped to listen.

extern crate std;

use alloc::boxed::Box;
use alloc::string::ToString;
use core::any::TypeId;
use std::io::ErrorKind as Io;

use ::ureq::Error;
use ::ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, TcpConnector, Transport as Connection,
};

use super::known_cause::MAYBE_FOR_A_CERTIFICATE;

type Opened = Result<Option<Box<dyn Connection>>, Error>;
type Tls = Box<dyn Connector<Heard, Out = Box<dyn Connection>>>;

/// Opens connections, and tells one that was not opened, where nothing was sent, from one in use: ureq's errors do not.
#[derive(Debug)]
pub(super) struct Connections {
    ureqs: DefaultConnector,
    rustls: Option<Tls>,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self { ureqs: DefaultConnector::new(), rustls: rustls() }
    }

    fn open(&self, details: &ConnectionDetails<'_>) -> Opened {
        let heard = |inner| Heard { inner, is_deaf: false };
        let is_direct = details.config.proxy().is_none_or(|proxy| proxy.is_no_proxy(details.uri));
        if let Some(rustls) = self.rustls.as_ref().filter(|_| is_direct && details.needs_tls()) {
            // As ureq's own chain does, but for what is heard below TLS: TLS can't be read any more after a write has failed.
            let tcp = TcpConnector::default().connect(details, None::<()>)?;
            let opened = rustls.connect(details, tcp.map(|tcp| heard(Box::new(tcp))))?;
            // It is not, if the program has set another provider of TLS.
            if opened.as_ref().is_some_and(|opened| opened.is_tls()) {
                return Ok(opened);
            }
        }
        // A tunnel's connection to its proxy comes through here as well.
        Ok(self.ureqs.connect(details, None)?.map(|inner| -> Box<dyn Connection> { Box::new(heard(inner)) }))
    }
}

/// Stands for ureq's type of this name where ureq was built without it.
#[allow(dead_code)]
#[derive(Debug, Default)]
struct RustlsConnector(());

impl Connector<Heard> for RustlsConnector {
    type Out = Heard;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<Heard>) -> Result<Option<Heard>, Error> {
        Ok(chained)
    }
}

/// ureq's TLS by rustls, if ureq was built with it, which any crate of the program may ask for.
fn rustls() -> Option<Tls> {
    // In here ureq's type hides the one above, if there is one.
    #[allow(unused_imports)]
    use ::ureq::unversioned::transport::*;
    let is_built = TypeId::of::<RustlsConnector>() != TypeId::of::<self::RustlsConnector>();
    let boxed = || -> Tls { Box::new(Boxing(RustlsConnector::default())) };
    is_built.then(boxed)
}

#[derive(Debug)]
struct Boxing<C>(C);

impl<C: Connector<Heard>> Connector<Heard> for Boxing<C> {
    type Out = Box<dyn Connection>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<Heard>) -> Opened {
        Ok(self.0.connect(details, chained)?.map(|opened| -> Box<dyn Connection> { Box::new(opened) }))
    }
}

/// A connection that is read after a write has failed, if the server has said something before it closed the connection: it may have answered with a
/// 401 while a large upload was under way. Then what is still written is dropped.
#[derive(Debug)]
struct Heard {
    inner: Box<dyn Connection>,
    is_deaf: bool,
}

impl Connection for Heard {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.is_deaf {
            return Ok(());
        }
        self.inner.transmit_output(amount, timeout).or_else(|error| {
            let is_closed = matches!(&error, Error::Io(cut) if is_cut(cut));
            self.is_deaf = is_closed && matches!(self.inner.await_input(timeout), Ok(true));
            if self.is_deaf { Ok(()) } else { Err(error) }
        })
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        !self.is_deaf && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl Connector for Connections {
    type Out = Watched;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Watched>, Error> {
        let opened = self.open(details).map_err(|error| {
            let not_opened = match error {
                // From the connection to a proxy, which comes through here as well.
                Error::Other(other) => match other.downcast::<NotOpened>() {
                    Ok(to_proxy) => NotOpened { is_proxys: true, ..*to_proxy },
                    Err(other) => NotOpened { error: Error::Other(other), is_proxys: false },
                },
                error => {
                    let tunnels = details.config.proxy().is_some_and(|proxy| !proxy.is_no_proxy(details.uri));
                    match error {
                        // The handshake's alert is lost if the client is still writing.
                        Error::Io(cut) if details.needs_tls() && !tunnels && is_cut(&cut) => {
                            NotOpened { error: maybe_for_a_certificate(&cut), is_proxys: false }
                        }
                        // A tunnel leaves the host's name to the proxy, and nothing but the proxy has answered.
                        error => {
                            let is_proxys = tunnels && (is_host_unknown(&error) || matches!(error, Error::Protocol(_)));
                            NotOpened { error, is_proxys }
                        }
                    }
                }
            };
            Error::Other(Box::new(not_opened))
        });
        Ok(opened?.map(|inner| Watched { inner, has_heard: false }))
    }
}

/// A connection of ureq's own, whose errors say more.
#[derive(Debug)]
pub(super) struct Watched {
    inner: Box<dyn Connection>,
    /// Whether the server has sent something.
    has_heard: bool,
}

impl Watched {
    /// Under TLS 1.3 the handshake has ended for the client before the server misses a certificate of the client. The alert that says so is
    /// lost if the request is still being written.
    fn told(&self, error: Error) -> Error {
        match error {
            Error::Io(cut) if !self.has_heard && self.inner.is_tls() && is_cut(&cut) => maybe_for_a_certificate(&cut),
            error => error,
        }
    }
}

fn maybe_for_a_certificate(cut: &std::io::Error) -> Error {
    Error::Io(std::io::Error::new(cut.kind(), MAYBE_FOR_A_CERTIFICATE))
}

fn is_cut(error: &std::io::Error) -> bool {
    matches!(error.kind(), Io::BrokenPipe | Io::UnexpectedEof | Io::ConnectionAborted | Io::ConnectionReset)
}

impl Connection for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout).map_err(|error| self.told(error))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let heard = self.inner.await_input(timeout).map_err(|error| match self.told(error) {
            // ureq goes by these kinds, and takes a cut for the end of a body that has no length.
            Error::Io(cut) if is_cut(&cut) => Error::Io(std::io::Error::other(cut)),
            error => error,
        });
        self.has_heard |= matches!(heard, Ok(true));
        heard
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Why a connection was not opened.
#[derive(Debug, thiserror::Error)]
#[error("no connection was opened")]
pub(super) struct NotOpened {
    pub(super) error: Error,
    /// Whether it is one to the proxy.
    pub(super) is_proxys: bool,
}

/// The standard library has no error kind for an unknown host name, only this text, on every Unix. With another text the error counts as a
/// broken connection that may have carried the request, which is the safe mistake.
pub(super) fn is_host_unknown(error: &Error) -> bool {
    match error {
        Error::HostNotFound => true,
        Error::Io(cause) => {
            cause.raw_os_error().is_none() && cause.to_string().starts_with("failed to lookup address information")
        }
        _ => false,
    }
}
