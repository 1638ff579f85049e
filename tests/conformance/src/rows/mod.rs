//! The table.

mod framing;
mod good;
mod hostile;
pub mod owners;
mod proxy;
mod secrets;
mod tls;

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use http::{Request, Response};
use location_auth::Bytes;

use crate::tls::Flaw;
use crate::{Client, Failure, Subject, Wishes};
use owners::Surplus;
pub use proxy::as_child;

/// One thing that every transport must do.
pub struct Row {
    pub name: &'static str,
    /// Whether the file of exceptions may excuse a transport from it.
    pub excusable: bool,
    /// Panics where the subject does not.
    pub check: fn(&Subject),
}

const fn row(name: &'static str, check: fn(&Subject)) -> Row {
    Row { name, excusable: true, check }
}

/// A row on redirects, bounds, framing, TLS or leaks.
const fn must(name: &'static str, check: fn(&Subject)) -> Row {
    Row { name, excusable: false, check }
}

const KIB_64: usize = 64 * 1024;
const MIB_5: usize = 5 * 1024 * 1024;

/// The table, each row once.
pub const ROWS: &[Row] = &[
    row("200 comes back as a response with its body", |subject| good::status(subject, 200)),
    row("201 comes back as a response with its body", |subject| good::status(subject, 201)),
    row("404 comes back as a response with its body", |subject| good::status(subject, 404)),
    row("401 comes back as a response with its body", |subject| good::status(subject, 401)),
    row("500 comes back as a response with its body", |subject| good::status(subject, 500)),
    must("302 comes back as a response and is not followed", |subject| good::redirect(subject, 302, false)),
    must("307 with the request's body is not followed", |subject| good::redirect(subject, 307, false)),
    must("302 to another origin is not followed", |subject| good::redirect(subject, 302, true)),
    row("a request of another HTTP version is sent", good::another_version),
    row("a request of a new method is sent", good::new_method),
    row("repeated headers stay repeated", good::repeated_headers),
    row("the headers that are read come back", good::headers_that_are_read),
    row("a body that ends with the connection comes back whole", good::body_without_length),
    must("a declared body of the bound passes at 64 KiB", |subject| good::body(subject, KIB_64, KIB_64, false)),
    must("a declared body beyond the bound fails at 64 KiB", |subject| good::body(subject, KIB_64 + 1, KIB_64, false)),
    must("a chunked body of the bound passes at 64 KiB", |subject| good::body(subject, KIB_64, KIB_64, true)),
    must("a chunked body beyond the bound fails at 64 KiB", |subject| good::body(subject, KIB_64 + 1, KIB_64, true)),
    must("a declared body of the bound passes at 5 MiB", |subject| good::body(subject, MIB_5, MIB_5, false)),
    must("a declared body beyond the bound fails at 5 MiB", |subject| good::body(subject, MIB_5 + 1, MIB_5, false)),
    must("a chunked body of the bound passes at 5 MiB", |subject| good::body(subject, MIB_5, MIB_5, true)),
    must("a chunked body beyond the bound fails at 5 MiB", |subject| good::body(subject, MIB_5 + 1, MIB_5, true)),
    must("an endless body ends at its bound", hostile::endless_body),
    must("an endless head ends at a bound", hostile::endless_head),
    row("a dripping body ends by the time-out", hostile::dripping_body),
    row("a silent server ends by the time-out", hostile::silent_server),
    row("a refused connection ends as such", hostile::refused_connection),
    row("a refused connection is told as never sent", hostile::refused_is_never_sent),
    row("an unknown host is told as never sent", hostile::unknown_host),
    must("a declared length that nobody could hold is not believed", hostile::absurd_length),
    row("a cut inside the head is an error", |subject| hostile::cut(subject, b"HTTP/1.1 200 OK\r\ncontent-le")),
    row("a cut inside a declared body is an error", |subject| {
        hostile::cut(subject, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nonly 6");
    }),
    row("a cut inside a chunk is an error", |subject| {
        hostile::cut(subject, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nonly 6");
    }),
    row("a cut between two chunks is an error", |subject| {
        hostile::cut(subject, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nonly 6\r\n");
    }),
    row("a reset inside a body that ends with the connection is an error", |subject| {
        hostile::reset(subject, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonly a part");
    }),
    must("a body that ends with a TLS connection is whole only if that is closed", tls::closed_or_cut),
    row("a TLS handshake that is not finished is told as not sent", tls::handshake_cut),
    row("a cut in place of a response is told as maybe sent", |subject| hostile::cut(subject, b"")),
    row("a body that breaks keeps its response's status", hostile::broken_body_keeps_its_status),
    row("what is not HTTP is an error", |subject| hostile::cut(subject, b"220 mail.test ESMTP ready\r\n")),
    row("the request's own headers arrive once each, byte for byte", secrets::own_headers),
    row("a header's value that is no text arrives byte for byte", secrets::header_without_text),
    must("no header that names a secret is added or lost", secrets::no_header_is_added),
    row("the request's body arrives byte for byte", secrets::own_body),
    must("a header of the connection is refused before a byte is sent", framing::header_of_the_connection),
    must("a length that is not the body's is refused before a byte is sent", framing::wrong_length),
    row("a length that is the body's arrives once", framing::right_length),
    row("an empty body has a length where its method takes one alone", framing::empty_body),
    row("a body of any method arrives with its length", framing::body_of_any_method),
    row("an expectation arrives, and then the body", framing::expectation),
    row("the path and the query arrive byte for byte", |subject| {
        // Encoded slashes and spaces, sub-delimiters, an empty parameter, a second question mark.
        secrets::own_target(subject, "/a%2Fb/c;d=1,2/%C3%A9/@:!$&*+?x=%20+y&&access_token=S3CR3T%2b&z=a/b?c");
    }),
    row("an apostrophe in the query arrives as it is", |subject| secrets::own_target(subject, "/?name=O'Hara")),
    row("dots in the path arrive as they are", |subject| secrets::own_target(subject, "/a/../b/./c")),
    must("no error shows a secret or the query", secrets::no_error_shows_a_secret),
    must("no error shows what a server sends back of the request", secrets::no_error_shows_an_echo),
    row("accept-encoding is identity where the request names none", secrets::identity_is_asked_for),
    must("a secret does not leave for another host in the clear", secrets::not_in_the_clear),
    must("a certificate that is right is trusted", tls::right),
    must("an expired certificate is refused before a byte is sent", |subject| tls::refused(subject, Flaw::Expired)),
    must("another host's certificate is refused before a byte is sent", |subject| {
        tls::refused(subject, Flaw::WrongHost)
    }),
    must("a stranger's certificate is refused before a byte is sent", |subject| {
        tls::refused(subject, Flaw::UnknownIssuer);
    }),
    row("a proxy in the environment is not used unless asked for", proxy::not_used),
    row("a proxy in the environment is used when asked for", proxy::used),
    row("a proxy that refuses a tunnel is told as not sent", proxy::refuses),
    must("a stray answer in the same segment is no login's", |subject| owners::plain(subject, Surplus::Together)),
    must("a stray answer at once is no login's", |subject| owners::plain(subject, Surplus::AtOnce)),
    must("a stray answer 20 ms later is no login's", |subject| owners::plain(subject, Surplus::Late)),
    must("a stray answer in the same TLS record is no login's", |subject| owners::over_tls(subject, Surplus::Together)),
    must("a stray answer in the next TLS record is no login's", |subject| {
        owners::over_tls(subject, Surplus::NextRecord)
    }),
    must("a stray answer over TLS at once is no login's", |subject| owners::over_tls(subject, Surplus::AtOnce)),
    must("a stray answer over TLS 20 ms later is no login's", |subject| owners::over_tls(subject, Surplus::Late)),
    row("a connection is used again", good::connection_is_used_again),
    row("a connection that the server closed is not used again", good::closed_connection_is_not),
];

fn get(url: impl AsRef<str>) -> Request<Bytes> {
    Request::get(url.as_ref()).body(Bytes::new()).expect("is a URL")
}

/// A client with a time-out of one second.
fn impatient(subject: &Subject) -> Client {
    (subject.client)(&Wishes { patience: Duration::from_secs(1), ..Wishes::default() })
}

/// The outcome, if there is one within three seconds: the watchdog of the rows whose servers never end by themselves.
fn within_three_seconds(client: Client, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, Failure> {
    let (done, outcome) = channel();
    // Nobody listens any more where the watchdog has barked.
    thread::spawn(move || drop(done.send(client(request, limit))));
    outcome.recv_timeout(Duration::from_secs(3)).expect("ends within three seconds under a time-out of one")
}
