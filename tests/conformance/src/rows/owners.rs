//! Rows over a server that answers more than it was asked: what one owner's request leaves on a connection is not another owner's token.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use http::Request;
use location_auth::{App, Bytes, Environment, Flow, Settings};

use super::KIB_64;
use crate::servers::{Server, read_request, scripted};
use crate::tls::{Flaw, Identity, tls_server};
use crate::{Client, Subject, Wishes};

/// When the answer that nobody asked for is sent.
#[derive(Clone, Copy, Debug)]
pub enum Surplus {
    /// With the first one: in the same segment, and over TLS in the same record.
    Together,
    /// In the same segment, but a TLS record of its own.
    NextRecord,
    /// At once, in a write of its own.
    AtOnce,
    /// When the client has long put the connection back.
    Late,
}

/// What the answer that nobody asked for would make of a login.
pub const STRAY: &str = "stray";
/// The plain bytes of one TLS record.
const RECORD: usize = 16 * 1024;

/// Answers each request with a token of its own, and the first one of each connection twice.
fn converse(stream: &mut (impl Read + Write), surplus: Surplus, answers: &AtomicUsize) {
    let mut stray = Some(answer(STRAY, 6000));
    while !read_request(stream).is_empty() {
        let token = format!("token-{}", answers.fetch_add(1, Ordering::SeqCst));
        let first = answer(&token, if matches!(surplus, Surplus::NextRecord) { RECORD } else { 0 });
        let (first, second) = match (stray.take(), surplus) {
            (None, _) => (first, vec![]),
            (Some(stray), Surplus::Together | Surplus::NextRecord) => ([first, stray].concat(), vec![]),
            (Some(stray), Surplus::AtOnce | Surplus::Late) => (first, stray),
        };
        stream.write_all(&first).ok();
        stream.flush().ok();
        if second.is_empty() {
            continue;
        }
        if matches!(surplus, Surplus::Late) {
            sleep(Duration::from_millis(20));
        }
        stream.write_all(&second).ok();
        stream.flush().ok();
    }
}

/// A response with this token, filled up to so many bytes where there are fewer.
fn answer(token: &str, size: usize) -> Vec<u8> {
    let body = format!("{{\"access_token\": \"{token}\"}}");
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length:05}\r\n\r\n");
    let padding = size.saturating_sub(head(0).len() + body.len());
    let length = body.len() + padding;
    [head(length), body, " ".repeat(padding)].concat().into_bytes()
}

/// A server that answers the first request of each connection twice.
pub fn answering_twice(surplus: Surplus) -> Server {
    let answers = AtomicUsize::new(0);
    scripted(move |stream: &mut TcpStream| {
        stream.set_nodelay(true).ok();
        converse(stream, surplus, &answers);
    })
}

pub fn plain(subject: &Subject, surplus: Surplus) {
    for gap in GAPS {
        let server = answering_twice(surplus);
        let client = (subject.client)(&Wishes::default());
        each_owner_gets_his_own(&client, &server, "http", gap);
    }
}

pub fn over_tls(subject: &Subject, surplus: Surplus) {
    for gap in GAPS {
        let identity = Identity::new(Flaw::None);
        let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
        let answers = AtomicUsize::new(0);
        let (server, _) = tls_server(identity, move |stream| converse(stream, surplus, &answers));
        each_owner_gets_his_own(&(subject.client)(&wishes), &server, "https", gap);
    }
}

/// Between two requests: nothing, and long enough for a late answer to have come.
const GAPS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(40)];

/// One owner's call, then the logins of others.
fn each_owner_gets_his_own(client: &Client, server: &Server, scheme: &str, gap: Duration) {
    let base = format!("{scheme}://{}", server.address);
    let call =
        Request::get(format!("{base}/contacts")).header("authorization", "Bearer l-1").body(Bytes::new()).unwrap();
    client(call, KIB_64).expect("the server answers");
    for owner in ["a@example.com", "b@example.com", "c@example.com"] {
        sleep(gap);
        let response = client(token_request(&base, owner), KIB_64).expect("the server answers");
        let body = String::from_utf8_lossy(response.body());
        assert!(!body.contains(STRAY), "{owner} was given an answer to somebody else, {gap:?} after it");
    }
}

/// What a login of this owner's sends first.
pub fn token_request(base: &str, owner: &str) -> Request<Bytes> {
    let settings = Settings::new(Environment::Staging)
        .user_token_url(format!("{base}/user_token"))
        .location_token_url(format!("{base}/location_token"))
        .api_key("k-12")
        .client_id("c-34")
        .client_secret("s-56");
    App::new(settings).unwrap().user_login(owner, "hunter2").unwrap().request()
}
