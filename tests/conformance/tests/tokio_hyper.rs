//! The file to copy for hyper on tokio, on what a program's URLs and proxies are like.

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use location_auth::Bytes;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind};
use location_auth_conformance::adapters::tls;
use location_auth_conformance::servers::{
    Server, answering, nobody_listens, read_request, scripted, well_kept, well_kept_over_tls,
};
use location_auth_conformance::tls::{Flaw, Identity};
use location_auth_conformance::{Wishes, tokio_hyper};

const SECONDS_3: Duration = Duration::from_secs(3);

fn send(url: &str, trust: Option<Vec<u8>>, proxy: Option<String>) -> Result<Response<Vec<u8>>, SendError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let transport = tokio_hyper::transport(tls(&Wishes { trust, ..Wishes::default() }), proxy, SECONDS_3);
    runtime.block_on(transport.send(Request::get(url).body(Bytes::new()).unwrap(), 100))
}

/// A proxy that connects everybody to this server, and the targets that it was asked for.
fn proxy_to(server: &Server) -> (Server, Arc<Mutex<Vec<String>>>) {
    let (targets, address) = (Arc::new(Mutex::new(vec![])), server.address);
    let seen = Arc::clone(&targets);
    let proxy = scripted(move |client| {
        let request = String::from_utf8(read_request(client)).unwrap();
        seen.lock().unwrap().push(request.split(' ').nth(1).unwrap().to_owned());
        let mut server = TcpStream::connect(address).unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\nvia: a proxy\r\n\r\n").unwrap();
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let back = thread::spawn(move || io::copy(&mut from, &mut to));
        io::copy(client, &mut server).ok();
        server.shutdown(Shutdown::Write).ok();
        back.join().unwrap().ok();
    });
    (proxy, targets)
}

#[test]
fn a_url_without_a_port_has_that_of_its_scheme_and_an_ipv6_address_is_a_host() {
    let plain = well_kept(|request| Response::new(request.headers()["host"].as_bytes().to_vec()));
    let identity = Identity::new(Flaw::None);
    let trust = Some(identity.authority.clone());
    let over_tls = well_kept_over_tls(identity, |request| Response::new(request.headers()["host"].as_bytes().to_vec()));
    for (url, server, target) in [
        ("http://127.0.0.1/", &plain, "127.0.0.1:80"),
        ("http://localhost:8080/", &plain, "localhost:8080"),
        ("http://[::1]/", &plain, "[::1]:80"),
        ("https://127.0.0.1/", &over_tls, "127.0.0.1:443"),
        ("https://127.0.0.1:8443/", &over_tls, "127.0.0.1:8443"),
        ("https://[::1]/", &over_tls, "[::1]:443"),
        ("https://[::1]:8443/", &over_tls, "[::1]:8443"),
    ] {
        let (proxy, targets) = proxy_to(server);
        let response = send(url, trust.clone(), Some(proxy.address.to_string())).unwrap();
        assert_eq!(String::from_utf8_lossy(response.body()), url.split('/').nth(2).unwrap());
        assert_eq!(*targets.lock().unwrap(), [target]);
    }
}

#[test]
fn it_connects_to_an_ipv6_address_without_a_proxy() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nsix").unwrap();
    });
    assert_eq!(send(&url, None, None).unwrap().body(), b"six");
}

#[test]
fn a_proxys_refusal_is_told_with_its_status() {
    for status in [403, 407, 502, 503] {
        let proxy = answering(format!("HTTP/1.1 {status} S3CR3T-echo\r\ncontent-length: 0\r\n\r\n"));
        let error = send("https://api.example.com/", None, Some(proxy.address.to_string())).unwrap_err();
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!((error.kind(), error.delivery()), (SendErrorKind::Proxy(Some(status)), Delivery::NotSent));
        assert!(!format!("{error} {error:?}").contains("S3CR3T"), "{error:?}");
    }
}

#[test]
fn a_proxy_that_answers_nothing_or_without_end_is_an_error() {
    for proxy in [answering(""), answering("no HTTP\r\n\r\n"), answering("x".repeat(10_000))] {
        let error = send("https://api.example.com/", None, Some(proxy.address.to_string())).unwrap_err();
        assert_eq!(error.delivery(), Delivery::NotSent, "{error:?}");
    }
    let error = send("https://api.example.com/", None, Some(nobody_listens().to_string())).unwrap_err();
    assert_eq!(error.delivery(), Delivery::NotSent, "{error:?}");
}

#[test]
fn a_proxy_or_a_handshake_that_hangs_ends_as_not_sent() {
    let silent = scripted(|_| thread::sleep(Duration::from_secs(10)));
    let address = silent.address.to_string();
    for (url, proxy) in [("https://api.example.com/", Some(address.clone())), (&*format!("https://{address}/"), None)] {
        let start = Instant::now();
        let error = send(url, None, proxy).unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (SendErrorKind::TimedOut, Delivery::NotSent));
        assert!(start.elapsed() < SECONDS_3);
    }
}
