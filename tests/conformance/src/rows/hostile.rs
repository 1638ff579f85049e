//! Rows over a server that does not mean well, or is not there.

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use http::Request;
use location_auth::Bytes;
use location_auth::transports::{Delivery, SendErrorKind};

use super::{KIB_64, get, impatient, within_three_seconds};
use crate::servers::{Server, answering, nobody_listens, read_request, resetting, scripted};
use crate::{Subject, Wishes};

pub fn endless_body(subject: &Subject) {
    let server = scripted(|stream| {
        read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").ok();
        let chunk = [&b"1000\r\n"[..], &[b'x'; 0x1000], b"\r\n"].concat();
        while stream.write_all(&chunk).is_ok() {}
    });
    let failure = within_three_seconds(impatient(subject), get(server.url("/")), KIB_64).expect_err("has no end");
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::TooLarge, Delivery::Unknown), "{failure:?}");
}

pub fn endless_head(subject: &Subject) {
    let server = scripted(|stream| {
        read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n").ok();
        let line = format!("x-filler: {}\r\n", "x".repeat(4000));
        while stream.write_all(line.as_bytes()).is_ok() {}
    });
    let failure = within_three_seconds(impatient(subject), get(server.url("/")), KIB_64).expect_err("has no end");
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::Broken, Delivery::Unknown), "{failure:?}");
}

pub fn dripping_body(subject: &Subject) {
    let server = scripted(|stream| {
        read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n").ok();
        while stream.write_all(b"x").is_ok() {
            sleep(Duration::from_millis(50));
        }
    });
    let failure = within_three_seconds(impatient(subject), get(server.url("/")), KIB_64).expect_err("takes minutes");
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::TimedOut, Delivery::Unknown), "{failure:?}");
}

pub fn silent_server(subject: &Subject) {
    let server = scripted(|stream| {
        read_request(stream);
        // Until the client has gone.
        read_request(stream);
    });
    let failure = within_three_seconds(impatient(subject), get(server.url("/")), KIB_64).expect_err("says nothing");
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::TimedOut, Delivery::Unknown), "{failure:?}");
}

pub fn refused_connection(subject: &Subject) {
    let url = format!("http://{}/", nobody_listens());
    let failure = within_three_seconds(impatient(subject), get(url), KIB_64).expect_err("nobody listens");
    assert_eq!(failure.kind, SendErrorKind::Connect, "{failure:?}");
}

pub fn refused_is_never_sent(subject: &Subject) {
    let client = (subject.client)(&Wishes::default());
    let failure = client(get(format!("http://{}/", nobody_listens())), KIB_64).expect_err("nobody listens");
    assert_eq!(failure.delivery, Delivery::NotSent, "{failure:?}");
}

pub fn unknown_host(subject: &Subject) {
    let client = (subject.client)(&Wishes::default());
    let failure = client(get("https://api.nowhere.invalid/"), KIB_64).expect_err("has no address");
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::Connect, Delivery::NotSent), "{failure:?}");
}

pub fn absurd_length(subject: &Subject) {
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999999\r\n\r\nonly 6");
    let client = (subject.client)(&Wishes::default());
    // With no bound to speak of: the declared length alone must not be believed.
    let failure = client(get(server.url("/")), usize::MAX).expect_err("is not a whole response");
    assert_eq!(failure.delivery, Delivery::Unknown, "{failure:?}");
}

/// The head has come and what follows does not: the status is reported all the same.
pub fn broken_body_keeps_its_status(subject: &Subject) {
    for (status, rest, kind) in [
        (401, "content-length: 10\r\n\r\nonly 6", SendErrorKind::Broken),
        (200, "transfer-encoding: chunked\r\n\r\na\r\nonly 6", SendErrorKind::Broken),
        (503, "transfer-encoding: chunked\r\n\r\nno number\r\n", SendErrorKind::Broken),
        (403, "content-length: 20\r\n\r\nmore than is wanted!", SendErrorKind::TooLarge),
    ] {
        let server = answering(format!("HTTP/1.1 {status} Some\r\n{rest}"));
        let failure = (subject.client)(&Wishes::default())(get(server.url("/")), 10).expect_err("has no whole body");
        assert_eq!(failure.status.map(|status| status.as_u16()), Some(status), "{failure:?}");
        assert_eq!((failure.kind, failure.delivery), (kind, Delivery::Unknown), "{failure:?}");
        assert!(failure.error.to_string().contains(&status.to_string()), "{}", failure.error);
    }
    let headless = (subject.client)(&Wishes::default())(get(answering("HTTP/1.1 401 Cut").url("/")), 10);
    assert_eq!(headless.expect_err("has no whole head").status, None);
}

/// The server reads the request, writes so much and closes.
pub fn cut(subject: &Subject, response: &'static [u8]) {
    cut_by(subject, answering(response));
}

/// The server writes so much and resets the connection.
pub fn reset(subject: &Subject, response: &'static [u8]) {
    cut_by(subject, resetting(response));
}

fn cut_by(subject: &Subject, server: Server) {
    let client = (subject.client)(&Wishes::default());
    let request = Request::post(server.url("/")).body(Bytes::from_static(b"body")).expect("is a URL");
    let failure = client(request, KIB_64).expect_err("is not a whole response");
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::Broken, Delivery::Unknown), "{failure:?}");
    assert_eq!(server.connections(), 1, "the request was sent again");
}
