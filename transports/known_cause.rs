//! Replaces an HTTP library's error with a harmless one. Some hold what the server sent: a certificate's names, or the debug data of a GOAWAY
//! frame, which may be the request itself. So no library's error is kept: known causes get a message of this crate.

extern crate std;

use alloc::boxed::Box;
use alloc::string::ToString;
use core::error::Error as StdError;
use std::io::{Error as IoError, ErrorKind as Io};

/// Parts of the messages of rustls, OpenSSL, hyper and the standard library, each with this crate's message. The first match is used.
const WORDS: &[(&str, &str)] = &[
    ("certificate expired", "the server's certificate has expired"),
    ("invalid peer certificate: Expired", "the server's certificate has expired"),
    ("certificate not valid yet", "the server's certificate is not valid yet"),
    ("invalid peer certificate: NotValidYet", "the server's certificate is not valid yet"),
    ("certificate not valid for name", "the server's certificate is for another host"),
    ("invalid peer certificate: NotValidForName", "the server's certificate is for another host"),
    ("UnknownIssuer", "the server's certificate is of an issuer that is not trusted here"),
    ("invalid peer certificate", "the server's certificate is not valid"),
    ("certificate verify failed", "the server's certificate is not trusted here"),
    ("received fatal alert", "the server refused the TLS handshake"),
    ("received corrupt message", "what came is not TLS"),
    ("peer is incompatible", "the server and the client have no version or cipher of TLS in common"),
    ("failed to lookup address information", "the host's name is not known"),
    ("request timed out", "the time-out ran out"),
    ("connection closed before message completed", "the connection was closed before the response came"),
    ("end of file before message length reached", "the connection was closed within the response"),
    ("message head is too large", "the response's head is too long"),
    ("invalid HTTP", "what came is not HTTP"),
];

/// Returns the operating system's error if there is one, else a message of this crate, else the kind of the innermost IO error.
pub(super) fn known_cause(error: &(dyn StdError + 'static)) -> Option<Box<dyn StdError + Send + Sync>> {
    let mut words = None;
    let mut io = None;
    for link in links(error) {
        io = link.downcast_ref::<IoError>().or(io);
        let text = link.to_string();
        words = WORDS.iter().find(|(theirs, _)| text.contains(theirs)).map(|(_, ours)| *ours).or(words);
    }
    let cause = match (io.and_then(IoError::raw_os_error), words, io.map(IoError::kind)) {
        (Some(code), _, _) => IoError::from_raw_os_error(code),
        (None, Some(words), kind) => IoError::new(kind.unwrap_or(Io::Other), words),
        (None, None, Some(kind)) if kind != Io::Other => kind.into(),
        (None, None, _) => return None,
    };
    Some(Box::new(cause))
}

/// Returns the error and its chain of sources, down to the innermost. The `source` of an IO error skips the error that it wraps.
pub(super) fn links<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    core::iter::successors(Some(error), |&error| match error.downcast_ref::<IoError>() {
        None => error.source(),
        Some(io) => io.get_ref().map(|inner| -> &(dyn StdError + 'static) { inner }),
    })
}
