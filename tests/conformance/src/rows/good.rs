//! Rows over a server that means well.

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, Version};
use location_auth::Bytes;
use location_auth::transports::{Delivery, SendErrorKind};

use super::get;
use crate::servers::{answering, read_request, scripted, well_kept};
use crate::{Subject, Wishes};

pub fn status(subject: &Subject, status: u16) {
    let server =
        well_kept(move |_| Response::builder().status(status).body(b"what the service says".to_vec()).unwrap());
    let client = (subject.client)(&Wishes::default());
    let response = client(get(server.url("/")), 100).expect("a status is no error");
    assert_eq!(response.status(), status);
    assert_eq!(response.body(), b"what the service says");
}

pub fn redirect(subject: &Subject, status: u16, to_another_origin: bool) {
    let elsewhere = well_kept(|_| Response::new(b"followed".to_vec()));
    let base = if to_another_origin { elsewhere.url("") } else { String::new() };
    let paths = Arc::new(Mutex::new(vec![]));
    let seen = Arc::clone(&paths);
    let server = well_kept(move |request| {
        seen.lock().unwrap().push(request.uri().path().to_owned());
        let target = format!("{base}/followed");
        Response::builder().status(status).header("location", target).body(b"over there".to_vec()).unwrap()
    });
    let client = (subject.client)(&Wishes::default());
    let request = http::Request::post(server.url("/first"))
        .header("x-api-key", "k-12")
        .body(Bytes::from_static(b"body"))
        .unwrap();
    let response = client(request, 100).expect("a redirect is a response");
    assert_eq!(response.status(), status);
    assert_eq!(response.body(), b"over there");
    assert_eq!(*paths.lock().unwrap(), ["/first"]);
    assert_eq!(elsewhere.connections(), 0);
}

pub fn another_version(subject: &Subject) {
    let server = well_kept(|_| Response::new(b"here".to_vec()));
    let client = (subject.client)(&Wishes::default());
    for version in [Version::HTTP_09, Version::HTTP_10, Version::HTTP_2, Version::HTTP_3] {
        let mut request = get(server.url("/"));
        // As a program has it that sends on what it has received.
        *request.version_mut() = version;
        let response = client(request, 100).unwrap_or_else(|failure| panic!("{version:?}: {failure:?}"));
        assert_eq!(response.body(), b"here", "{version:?}");
    }
}

/// One that the client library was made before.
pub fn new_method(subject: &Subject) {
    let server = well_kept(|request| Response::new(request.method().as_str().into()));
    let query = Request::builder().method("QUERY").uri(server.url("/")).body(Bytes::from_static(b"name=Ada"));
    let response = (subject.client)(&Wishes::default())(query.expect("is a URL"), 100).expect("is sent");
    assert_eq!(response.body(), b"QUERY");
}

pub fn repeated_headers(subject: &Subject) {
    let server = well_kept(|_| {
        let response = Response::builder().header("set-cookie", "a=1").header("x-one", "1").header("set-cookie", "b=2");
        response.body(vec![]).unwrap()
    });
    let client = (subject.client)(&Wishes::default());
    let response = client(get(server.url("/")), 100).expect("is whole");
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

/// Whatever the status: of a refusal they say why, and when to try again.
pub fn headers_that_are_read(subject: &Subject) {
    let headers = [
        ("content-type", "application/problem+json; charset=utf-8"),
        // One that no library decodes.
        ("content-encoding", "x-test"),
        ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("x-request-id", "req-1"),
    ];
    for status in [200, 401, 429, 503] {
        let server = well_kept(move |_| {
            let response = Response::builder().status(status);
            let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
            response.body(b"what the service says".to_vec()).unwrap()
        });
        let client = (subject.client)(&Wishes::default());
        let response = client(get(server.url("/")), 100).expect("a status is no error");
        for (name, value) in headers {
            let values: Vec<_> = response.headers().get_all(name).iter().collect();
            assert_eq!(values, [value], "{name} of a {status}");
        }
    }
}

pub fn body_without_length(subject: &Subject) {
    let server = answering("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end");
    let client = (subject.client)(&Wishes::default());
    assert_eq!(client(get(server.url("/")), 100).expect("is whole").body(), b"to the end");
}

pub fn body(subject: &Subject, length: usize, limit: usize, chunked: bool) {
    let server = well_kept(move |_| {
        let mut response = Response::new(vec![b'x'; length]);
        if chunked {
            response.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
        }
        response
    });
    let client = (subject.client)(&Wishes::default());
    match client(get(server.url("/")), limit) {
        Ok(response) => {
            assert_eq!(
                response.headers().contains_key("content-length"),
                !chunked,
                "the server does what the row says"
            );
            assert_eq!(response.body().len(), length);
            assert!(length <= limit, "{length} bytes passed a bound of {limit}");
        }
        Err(failure) => {
            assert!(length > limit, "{length} bytes failed a bound of {limit}: {failure:?}");
            assert_eq!((failure.kind, failure.delivery), (SendErrorKind::TooLarge, Delivery::Unknown));
        }
    }
}

pub fn connection_is_used_again(subject: &Subject) {
    let server = well_kept(|request| Response::new(request.uri().path().into()));
    let client = (subject.client)(&Wishes::default());
    // A client may put a connection back from a thread of its own, a little after the response: so not every request has to.
    for attempt in 1..=8 {
        assert_eq!(client(get(server.url("/again")), 100).expect("is whole").body(), b"/again");
        if server.connections() < attempt {
            return;
        }
        std::thread::sleep(Duration::from_millis(1 << attempt));
    }
    panic!("each request opened a connection");
}

pub fn closed_connection_is_not(subject: &Subject) {
    let (close, closing) = channel();
    let (closed, is_closed) = channel();
    let ends = Mutex::new((closing, closed));
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let server = scripted(move |stream| {
        if read_request(stream).is_empty() {
            return;
        }
        counter.fetch_add(1, Ordering::SeqCst);
        // Without a word that it will close.
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").ok();
        let (closing, closed) = &*ends.lock().unwrap();
        closing.recv().ok();
        stream.shutdown(Shutdown::Both).ok();
        closed.send(()).ok();
    });
    let client = (subject.client)(&Wishes::default());
    for _ in 0..3 {
        assert_eq!(client(get(server.url("/")), 100).expect("comes over a new connection").body(), b"ok");
        close.send(()).expect("the server waits for it");
        is_closed.recv().expect("the server closes");
        // For those who watch their connections from another thread, which has to get its turn.
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}
