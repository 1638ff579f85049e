//! Rows on the headers that say where a message ends, or that are for one connection alone.

use std::io::{Read, Write};
use std::sync::mpsc::channel;

use http::{HeaderName, HeaderValue, Method, Request};
use location_auth::Bytes;
use location_auth::transports::{Delivery, SendErrorKind};

use super::secrets::{arriving_of, lines};
use crate::servers::{answering, read_head, scripted};
use crate::{Subject, Wishes};

const TEN: &[u8] = b"0123456789";

fn request(method: &Method, url: String, body: &'static [u8], headers: &[(&str, &str)]) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(url).body(Bytes::from_static(body)).expect("is a URL");
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("is a name");
        request.headers_mut().append(name, HeaderValue::from_str(value).expect("can stand in a header"));
    }
    request
}

fn refused(subject: &Subject, method: &Method, body: &'static [u8], headers: &[(&str, &str)], named: &'static str) {
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let client = (subject.client)(&Wishes::default());
    let told = format!("{method} with {headers:?} and {} bytes", body.len());
    match client(request(method, server.url("/"), body, headers), 100) {
        Ok(_) => panic!("{told}: was sent"),
        Err(failure) => {
            let told = format!("{told}: {failure:?}");
            assert_eq!(
                (failure.kind, failure.delivery),
                (SendErrorKind::Header(named), Delivery::Unsendable),
                "{told}"
            );
        }
    }
    assert_eq!(server.connections(), 0, "{told}: a connection was opened");
}

pub fn header_of_the_connection(subject: &Subject) {
    for (name, value, named) in [
        ("transfer-encoding", "chunked", "transfer-encoding"),
        ("transfer-encoding", "identity", "transfer-encoding"),
        ("connection", "close", "connection"),
        // A proxy would take the key off.
        ("connection", "x-api-key", "connection"),
        ("keep-alive", "timeout=5", "keep-alive"),
        ("te", "trailers", "te"),
        ("trailer", "x-checksum", "trailer"),
        ("upgrade", "h2c", "upgrade"),
        ("proxy-authorization", "Basic eDp5", "proxy-*"),
        ("proxy-authenticate", "Basic", "proxy-*"),
        ("proxy-connection", "keep-alive", "proxy-*"),
        ("proxy-authentication-info", "x", "proxy-*"),
    ] {
        refused(subject, &Method::POST, TEN, &[(name, value)], named);
        refused(subject, &Method::GET, b"", &[(name, value)], named);
    }
    // Two lengths, as a server before it and one behind it may each choose one.
    let both = [("content-length", "10"), ("transfer-encoding", "chunked")];
    refused(subject, &Method::POST, TEN, &both, "transfer-encoding");
}

pub fn wrong_length(subject: &Subject) {
    for value in ["3", "30", "0", "-1", "+10", "010", "10, 10", "ten", ""] {
        refused(subject, &Method::POST, TEN, &[("content-length", value)], "content-length");
    }
    for values in [["10", "10"], ["10", "3"]] {
        refused(subject, &Method::PUT, TEN, &values.map(|value| ("content-length", value)), "content-length");
    }
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
        refused(subject, &method, b"", &[("content-length", "5")], "content-length");
    }
}

/// The lengths that arrive, and the body. Each request has one length at most, and no other framing.
fn arrives(subject: &Subject, method: &Method, body: &'static [u8], headers: &[(&str, &str)], lengths: &[&str]) {
    let (head, arrived) = arriving_of(subject, |url| request(method, url, body, headers));
    let framing: Vec<_> = lines(&head)
        .into_iter()
        .filter(|line| ["content-length", "transfer-encoding", "connection"].contains(&line.0.as_str()))
        .collect();
    let expected: Vec<_> =
        lengths.iter().map(|length| ("content-length".to_owned(), length.as_bytes().to_vec())).collect();
    assert_eq!(framing, expected, "{method} with {headers:?} and {} bytes", body.len());
    assert_eq!(arrived, body, "{method}");
}

pub fn right_length(subject: &Subject) {
    arrives(subject, &Method::POST, TEN, &[("content-length", "10")], &["10"]);
    arrives(subject, &Method::DELETE, TEN, &[("content-length", "10")], &["10"]);
    arrives(subject, &Method::POST, b"", &[("content-length", "0")], &["0"]);
    arrives(subject, &Method::GET, b"", &[("content-length", "0")], &["0"]);
}

/// RFC 9110 section 8.6: some servers answer 411 where there is none, and some take an empty one of a GET amiss.
pub fn empty_body(subject: &Subject) {
    for method in ["POST", "PUT", "PATCH", "QUERY", "PROPFIND"] {
        arrives(subject, &method.parse().expect("is a method"), b"", &[], &["0"]);
    }
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"] {
        arrives(subject, &method.parse().expect("is a method"), b"", &[], &[]);
    }
}

pub fn body_of_any_method(subject: &Subject) {
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] {
        arrives(subject, &method.parse().expect("is a method"), TEN, &[], &["10"]);
    }
}

/// The one header of this kind that is for the service.
pub fn expectation(subject: &Subject) {
    let (sent, arrived) = channel();
    let server = scripted(move |stream| {
        let head = read_head(stream);
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok();
        let mut body = [0; TEN.len()];
        stream.read_exact(&mut body).ok();
        sent.send((head, body)).ok();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok();
    });
    let client = (subject.client)(&Wishes::default());
    let expecting = request(&Method::POST, server.url("/"), TEN, &[("expect", "100-continue")]);
    client(expecting, 100).expect("the server answers");
    let (head, body) = arrived.recv().expect("the server has read it");
    let expected: Vec<_> = lines(&head).into_iter().filter(|line| line.0 == "expect").collect();
    assert_eq!(expected, [("expect".to_owned(), b"100-continue".to_vec())]);
    assert_eq!(body, TEN);
}
