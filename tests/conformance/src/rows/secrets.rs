//! Rows on what arrives, and on what is shown of it.

use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use http::{HeaderValue, Request};
use location_auth::Bytes;
use location_auth::transports::{Delivery, SendErrorKind};

use super::{get, impatient};
use crate::servers::{answering, nobody_listens, read_request, scripted};
use crate::tls::{Flaw, Identity, tls_server};
use crate::{Client, Failure, Subject, Wishes};

/// No text of a transport's or of a client library's holds it.
const MARKER: &str = "S3CR3T";

/// What a request like ours carries, and values that a library may write otherwise.
const HEADERS: [(&str, &[u8]); 6] = [
    ("x-api-key", b"S3CR3T-key"),
    ("authorization", b"Bearer S3CR3T-token"),
    ("content-type", b"application/json"),
    ("accept", b"application/json"),
    ("x-empty", b""),
    ("x-odd", b"\"a, b\"; c"),
];
/// A value whose bytes are no text.
const NO_TEXT: (&str, &[u8]) = ("x-no-text", b"caf\xe9");
const BODY: &[u8] = b"{\"password\": \"S3CR3T-word \xff\r\n\r\n\"}";

fn request(url: String) -> Request<Bytes> {
    let mut request = Request::post(url).body(Bytes::from_static(BODY)).expect("is a URL");
    for (name, value) in HEADERS {
        request.headers_mut().insert(name, HeaderValue::from_bytes(value).expect("can stand in a header"));
    }
    request
}

/// The bytes that arrive of a request.
fn arriving(subject: &Subject, path_and_query: &str) -> (Vec<u8>, Vec<u8>) {
    arriving_of(subject, |base| request(format!("{base}{path_and_query}")))
}

pub(super) fn arriving_of(subject: &Subject, request: impl FnOnce(String) -> Request<Bytes>) -> (Vec<u8>, Vec<u8>) {
    let requests = Arc::new(Mutex::new(vec![]));
    let seen = Arc::clone(&requests);
    let server = scripted(move |stream| {
        let bytes = read_request(stream);
        seen.lock().unwrap().push(bytes);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok();
    });
    let client = (subject.client)(&Wishes::default());
    client(request(server.url("")), 100).expect("the server answers");
    let requests = requests.lock().unwrap();
    let [bytes] = &requests[..] else { panic!("{} requests came of one", requests.len()) };
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("has a head");
    (bytes[..end].to_vec(), bytes[end + 4..].to_vec())
}

pub(super) fn lines(head: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut lines = vec![];
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':').expect("is a header");
        let name = String::from_utf8(line[..colon].to_vec()).expect("is a name").to_ascii_lowercase();
        lines.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    lines
}

pub fn own_headers(subject: &Subject) {
    let (head, _) = arriving(subject, "/");
    for (name, value) in HEADERS {
        let lines = lines(&head);
        let values: Vec<_> = lines.iter().filter(|line| line.0 == name).map(|line| line.1.as_slice()).collect();
        assert_eq!(values, [value], "{name}");
    }
}

pub fn header_without_text(subject: &Subject) {
    let (name, value) = NO_TEXT;
    let (head, _) = arriving_of(subject, |base| {
        let value = HeaderValue::from_bytes(value).expect("can stand in a header");
        Request::get(base).header(name, value).body(Bytes::new()).expect("is a URL")
    });
    assert!(lines(&head).contains(&(name.to_owned(), value.to_vec())));
}

pub fn no_header_is_added(subject: &Subject) {
    let (head, _) = arriving(subject, "/");
    let allowed = ["host", "content-length", "user-agent", "accept-encoding"];
    for (name, value) in lines(&head) {
        let own = HEADERS.iter().any(|own| own.0 == name && own.1 == value);
        assert!(own || allowed.contains(&name.as_str()), "added: {name}");
    }
    for (name, value) in HEADERS.iter().filter(|own| own.1.windows(6).any(|six| six == MARKER.as_bytes())) {
        assert!(lines(&head).contains(&((*name).to_owned(), value.to_vec())), "lost: {name}");
    }
}

/// Nothing decodes a body, so none is to be coded, unless the request asks for that itself.
pub fn identity_is_asked_for(subject: &Subject) {
    for own in [None, Some("gzip"), Some("identity;q=0, *")] {
        let requests = Arc::new(Mutex::new(vec![]));
        let seen = Arc::clone(&requests);
        let server = scripted(move |stream| {
            seen.lock().unwrap().push(read_request(stream));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok();
        });
        let mut get = get(server.url("/"));
        if let Some(own) = own {
            get.headers_mut().insert("accept-encoding", HeaderValue::from_static(own));
        }
        (subject.client)(&Wishes::default())(get, 100).expect("the server answers");
        let requests = requests.lock().unwrap();
        let asked: Vec<_> = lines(&requests[0]).into_iter().filter(|line| line.0 == "accept-encoding").collect();
        assert_eq!(asked, [("accept-encoding".to_owned(), own.unwrap_or("identity").as_bytes().to_vec())]);
    }
}

pub fn own_body(subject: &Subject) {
    assert_eq!(arriving(subject, "/").1, BODY);
}

pub fn own_target(subject: &Subject, target: &str) {
    let (head, _) = arriving(subject, target);
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(line), format!("POST {target} HTTP/1.1"));
}

pub fn no_error_shows_a_secret(subject: &Subject) {
    let mut failures = vec![];
    let mut fail = |what: &'static str, client: &Client, base: String, limit: usize| {
        let request = request(format!("{base}/path?access_token=S3CR3T-query"));
        failures.push((what, client(request, limit).err()));
    };
    let client = (subject.client)(&Wishes::default());
    fail("nobody listens", &client, format!("http://{}", nobody_listens()), 100);
    fail("no such host", &client, "https://nowhere.test".into(), 100);
    fail("in the clear", &client, "http://api.example.com".into(), 100);
    fail("user-info", &client, format!("http://user:S3CR3T-info@{}", nobody_listens()), 100);
    for (what, response) in [
        ("nothing", ""),
        ("no HTTP", "S3CR3T-echo\r\n\r\n"),
        ("a bad status", "HTTP/1.1 S3CR3T OK\r\n\r\n"),
        ("a bad header", "HTTP/1.1 200 OK\r\nS3CR3T echo\u{0}: S3CR3T\r\n\r\n"),
        ("a bad length", "HTTP/1.1 200 OK\r\ncontent-length: S3CR3T\r\n\r\nS3CR3T"),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\nx-echo: S3CR3T\r\n\r\nS3CR3T"),
        ("a bad chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nS3CR3T\r\nS3CR3T"),
        ("a cut body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\": \"S3CR3T-new"),
        ("too much", "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n\"S3CR3T-new-and-more\""),
    ] {
        fail(what, &client, answering(response).url(""), 10);
    }
    let silent = scripted(|stream| {
        read_request(stream);
        read_request(stream);
    });
    fail("time-out", &impatient(subject), silent.url(""), 100);
    let identity = Identity::new(Flaw::WrongHost);
    let trusting = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
    let (strange, _) = tls_server(identity, |stream| drop(read_request(stream)));
    fail("TLS", &(subject.client)(&trusting), format!("https://{}", strange.address), 100);

    for (what, failure) in failures {
        let Some(failure) = failure else { panic!("{what}: passed") };
        shows_no_secret(what, &failure);
    }
}

fn shows_no_secret(what: &str, failure: &Failure) {
    let shown = everything_shown(failure);
    for secret in [MARKER, "access_token"] {
        assert!(!shown.to_lowercase().contains(&secret.to_lowercase()), "{what}: {secret} in {shown}");
    }
}

/// Whatever a server of either version of HTTP sends back of the request, in whatever place.
pub fn no_error_shows_an_echo(subject: &Subject) {
    for echo in ECHOES {
        let identity = Identity::new(Flaw::None);
        let trusting = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
        let (server, _) = tls_server(identity, move |stream| {
            let mut start = [0; 4];
            stream.read_exact(&mut start).ok();
            let body = if &start == b"PRI " {
                body_over_http_2(stream).unwrap_or_default()
            } else {
                read_request(stream).split_off(100)
            };
            stream.write_all(&echo(&body)).ok();
        });
        let request = request(format!("https://{}/path?access_token=S3CR3T-query", server.address));
        let failure = (subject.client)(&trusting)(request, 1000).expect_err("is no response");
        shows_no_secret("echo", &failure);
    }
}

/// From a request's body to what is sent back of it.
type Echo = fn(&[u8]) -> Vec<u8>;

/// Over HTTP/2 frames; over HTTP/1.1 the same bytes are garbage, so they are no response either way.
const ECHOES: [Echo; 6] = [
    // GOAWAY with debug data, of a protocol error and of none.
    |body| frame(7, 0, 0, &[&[0, 0, 0, 0, 0, 0, 0, 1], body].concat()),
    |body| frame(7, 0, 0, &[&[0, 0, 0, 1, 0, 0, 0, 0], body].concat()),
    // RST_STREAM, too long and right.
    |body| frame(3, 0, 1, &[&[0, 0, 0, 2], body].concat()),
    |body| [frame(3, 0, 1, &[0, 0, 0, 2]), frame(7, 0, 0, &[&[0, 0, 0, 1, 0, 0, 0, 2], body].concat())].concat(),
    // HEADERS that cannot be unpacked.
    |body| frame(1, 4, 1, body),
    // A kind of frame that there is not, then garbage.
    |body| [frame(0xee, 0xff, 1, body), body.to_vec()].concat(),
];

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("is short").to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// What the first DATA frame holds. The preface's first four bytes have been read.
fn body_over_http_2(stream: &mut (impl Read + Write)) -> io::Result<Vec<u8>> {
    stream.read_exact(&mut [0; 20])?;
    stream.write_all(&frame(4, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("fits")];
        stream.read_exact(&mut payload)?;
        if head[3] == 0 {
            return Ok(payload);
        }
    }
}

fn everything_shown(failure: &Failure) -> String {
    let mut shown = format!("{failure:?}\n");
    let mut next: Option<&(dyn Error + 'static)> = Some(&*failure.error);
    while let Some(error) = next {
        shown += &format!("{error}\n{error:#}\n{error:?}\n{error:#?}\n");
        next = error.source();
    }
    shown
}

pub fn not_in_the_clear(subject: &Subject) {
    let failure = impatient(subject)(get("http://api.example.com/"), 100).expect_err("goes in the clear");
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::Insecure, Delivery::Unsendable));
}
