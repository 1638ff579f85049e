//! Replaces an HTTP library's error with a harmless one. Some hold what the server sent: a certificate's names, or the debug data of a GOAWAY
//! frame, which may be the request itself. So no library's error is kept: known causes get a message of this crate.

extern crate std;

use alloc::boxed::Box;
use alloc::string::ToString;
use core::error::Error as StdError;
use std::io::{Error as IoError, ErrorKind as Io};

#[cfg(any(feature = "hyper", feature = "reqwest", feature = "ureq"))]
use super::{Delivery, SendError, SendErrorKind};

/// A part of a message of rustls, webpki, OpenSSL, hyper, hyper-rustls, reqwest, ureq or the standard library, and this crate's message for it.
struct Words {
    theirs: &'static str,
    ours: &'static str,
    /// Whether every retry fails in the same way, and the service has read nothing.
    #[cfg_attr(not(any(feature = "hyper", feature = "reqwest", feature = "ureq")), allow(dead_code))]
    stays: bool,
}

const fn stays(theirs: &'static str, ours: &'static str) -> Words {
    Words { theirs, ours, stays: true }
}

const fn passes(theirs: &'static str, ours: &'static str) -> Words {
    Words { theirs, ours, stays: false }
}

/// The first match is used.
const WORDS: &[Words] = &[
    stays("certificate expired", "the server's certificate has expired"),
    stays("invalid peer certificate: Expired", "the server's certificate has expired"),
    stays("certificate not valid yet", "the server's certificate is not valid yet"),
    stays("invalid peer certificate: NotValidYet", "the server's certificate is not valid yet"),
    stays("is not valid for any names", "the server's certificate names no host in its subjectAltName"),
    stays("certificate not valid for name", "the server's certificate is for another host"),
    stays("invalid peer certificate: NotValidForName", "the server's certificate is for another host"),
    stays("UnknownIssuer", "the server's certificate is of an issuer that is not trusted here"),
    stays(
        "CaUsedAsEndEntity",
        "the server's certificate is that of an authority (CA:TRUE), as `openssl req -x509` makes it: it needs one with CA:FALSE",
    ),
    stays("UnsupportedCertVersion", "the server's certificate is of X.509 version 1: it needs one of version 3"),
    stays("invalid peer certificate: Revoked", "the server's certificate is revoked"),
    stays("invalid peer certificate", "the server's certificate is not valid"),
    stays("certificate verify failed", "the server's certificate is not trusted here"),
    stays("CertificateRequired", "the server requires a certificate of the client, and this client has none"),
    stays("certificate required", "the server requires a certificate of the client, and this client has none"),
    stays("received fatal alert: BadCertificate", REFUSED_MAYBE_FOR_A_CERTIFICATE),
    stays("received fatal alert: HandshakeFailure", REFUSED_MAYBE_FOR_A_CERTIFICATE),
    passes("received fatal alert", "the server refused the TLS handshake"),
    passes("received corrupt message", "what came is not TLS"),
    stays("peer is incompatible", "the server and the client have no version or cipher of TLS in common"),
    stays("Invalid Server Name", "reqwest can't check the certificate of an IPv6 address behind a proxy"),
    stays("unsupported scheme", "the client is built without support for the proxy's scheme"),
    passes(MAYBE_FOR_A_CERTIFICATE, MAYBE_FOR_A_CERTIFICATE),
    passes("failed to lookup address information", "the host's name is not known"),
    passes("request timed out", "the time-out ran out"),
    passes("connection closed before message completed", "the connection was closed before the response came"),
    passes("end of file before message length reached", "the connection was closed within the response"),
    passes("message head is too large", "the response's head is too long"),
    passes("too many headers", "the response's head is too long"),
    passes("response header is too big", "the response's head is too long"),
    passes("invalid HTTP", "what came is not HTTP"),
];

/// Under TLS 1.3 it may look like a cut.
pub(super) const MAYBE_FOR_A_CERTIFICATE: &str =
    "the server closed the connection before it answered: it may require a certificate of the client";

/// Under TLS 1.2 a server says no more, and Go's says this under TLS 1.3, too.
const REFUSED_MAYBE_FOR_A_CERTIFICATE: &str =
    "the server refused the TLS handshake: it may require a certificate of the client, or another version or cipher";

/// Returns the operating system's error if there is one, else a message of this crate, else the kind of the innermost IO error.
pub(super) fn known_cause(error: &(dyn StdError + 'static)) -> Option<Box<dyn StdError + Send + Sync>> {
    let io = innermost_io(error);
    let cause = match (io.and_then(IoError::raw_os_error), words(error), io.map(IoError::kind)) {
        (Some(code), _, _) => IoError::from_raw_os_error(code),
        (None, Some(words), kind) => IoError::new(kind.unwrap_or(Io::Other), words.ours),
        (None, None, Some(kind)) if kind != Io::Other => kind.into(),
        (None, None, _) => return None,
    };
    Some(Box::new(cause))
}

/// Makes the error of an adapter from a library's, with its known cause. What fails before anything is sent, and stays, is unsendable. So is what
/// rustls reports of the handshake later, under TLS 1.3: it reports by this kind of IO error.
#[cfg(any(feature = "hyper", feature = "reqwest", feature = "ureq"))]
pub(super) fn failed(kind: SendErrorKind, delivery: Delivery, error: &(dyn StdError + 'static)) -> SendError {
    let is_tls = innermost_io(error).is_some_and(|io| io.kind() == Io::InvalidData);
    let stays = words(error).is_some_and(|words| words.stays) && (is_tls || delivery == Delivery::NotSent);
    let kind = if stays && kind == SendErrorKind::Broken { SendErrorKind::Tls } else { kind };
    let delivery = if stays { Delivery::Unsendable } else { delivery };
    SendError::new(kind, delivery, known_cause(error))
}

fn innermost_io<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a IoError> {
    links(error).filter_map(|link| link.downcast_ref()).last()
}

/// Those of the innermost error that has some.
fn words(error: &(dyn StdError + 'static)) -> Option<&'static Words> {
    let known = |link: &(dyn StdError + 'static)| {
        let text = link.to_string();
        WORDS.iter().find(|words| text.contains(words.theirs))
    };
    links(error).filter_map(known).last()
}

/// Returns the error and its chain of sources, down to the innermost. The `source` of an IO error skips the error that it wraps.
pub(super) fn links<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    core::iter::successors(Some(error), |&error| match error.downcast_ref::<IoError>() {
        None => error.source(),
        Some(io) => io.get_ref().map(|inner| -> &(dyn StdError + 'static) { inner }),
    })
}
