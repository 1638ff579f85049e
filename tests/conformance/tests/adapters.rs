//! What is an adapter's own: its policies, its configuration and what it shows of itself.

use std::error::Error;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use location_auth::Bytes;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::reqwest::Reqwest;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{AsyncTransport, Delivery, SendError, SendErrorKind, Transport};
use location_auth_conformance::Wishes;
use location_auth_conformance::adapters::ADAPTERS;
use location_auth_conformance::servers::{
    answering, nobody_listens, read_head, read_request, scripted, well_kept, well_kept_for_known_clients,
    well_kept_over_tls,
};
use location_auth_conformance::tls::{Flaw, Identity, tls_server};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const REDIRECT: &str = "HTTP/1.1 302 Found\r\nlocation: /followed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn get(url: impl AsRef<str>) -> Request<Bytes> {
    Request::get(url.as_ref()).body(Bytes::new()).unwrap()
}

fn tokio() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Everything that an error shows.
fn shown(error: &SendError) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(cause) = next {
        shown += &format!(" {cause} {cause:?}");
        next = cause.source();
    }
    shown
}

/// The redirect itself comes back, from the one connection that was made.
fn is_not_followed(send: impl FnOnce(Request<Bytes>) -> Result<Response<Vec<u8>>, SendError>) {
    let server = answering(REDIRECT);
    assert_eq!(send(get(server.url("/"))).unwrap().status(), 302);
    assert_eq!(server.connections(), 1);
}

#[test]
fn ureq_follows_no_redirect_even_if_it_is_configured_to() {
    let transport = Ureq::with_config(|config| config.max_redirects(10).http_status_as_error(true)).unwrap();
    is_not_followed(|request| transport.send(request, 0));
}

#[test]
fn ureq_follows_no_redirect_even_if_the_request_is_configured_to() {
    is_not_followed(|request| {
        let configured = ureq::agent().configure_request(request.map(|_| ())).max_redirects(10).build();
        Ureq::new().send(configured.map(|()| Bytes::new()), 0)
    });
}

#[test]
fn reqwest_follows_no_redirect_even_if_it_is_configured_to() {
    let transport = Reqwest::with_config(|builder| builder.redirect(reqwest::redirect::Policy::limited(10))).unwrap();
    is_not_followed(|request| tokio().block_on(transport.send(request, 0)));
}

/// What each of the two says of a GET of this URL.
fn failures(ureq: Ureq, reqwest: Reqwest, url: &str) -> [SendError; 2] {
    let by_reqwest = tokio().block_on(reqwest.send(get(url), 0)).unwrap_err();
    let errors = [ureq.send(get(url), 0).unwrap_err(), by_reqwest];
    errors.iter().for_each(|error| assert!(!shown(error).contains("S3CR3T"), "{error:?}"));
    errors
}

/// The same through this proxy.
fn through(proxy: &str, url: &str) -> [SendError; 2] {
    let to_ureq = ureq::Proxy::new(proxy).unwrap();
    let to_reqwest = reqwest::Proxy::all(proxy).unwrap();
    failures(
        Ureq::with_config(|config| config.proxy(Some(to_ureq.clone()))).unwrap(),
        Reqwest::with_config(|builder| builder.proxy(to_reqwest.clone())).unwrap(),
        url,
    )
}

fn is(error: &SendError, kind: SendErrorKind, delivery: Delivery) {
    assert_eq!((error.kind(), error.delivery()), (kind, delivery), "{error:?}");
}

#[test]
fn a_url_that_the_library_refuses_is_not_shown() {
    let ureq = Ureq::with_config(|config| config.https_only(true)).unwrap();
    let reqwest = Reqwest::with_config(|builder| builder.https_only(true)).unwrap();
    let url = format!("http://{}/?access_token=S3CR3T", nobody_listens());
    failures(ureq, reqwest, &url).iter().for_each(|error| is(error, SendErrorKind::Other, Delivery::Unsendable));
}

#[test]
fn no_body_by_the_librarys_own_api_has_a_length_where_the_method_takes_one() {
    let heads = Arc::new(Mutex::new(vec![]));
    let seen = Arc::clone(&heads);
    let server = scripted(move |stream| {
        seen.lock().unwrap().push(String::from_utf8(read_request(stream)).unwrap());
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok();
    });
    for (method, has_length) in [("POST", true), ("PUT", true), ("QUERY", true), ("GET", false), ("DELETE", false)] {
        let request = || Request::builder().method(method).uri(server.url("/"));
        Ureq::new().run(request().body(()).unwrap()).unwrap();
        let reqwest = Reqwest::new().unwrap();
        tokio().block_on(reqwest.execute(request().body("").unwrap())).unwrap();
        for head in std::mem::take(&mut *heads.lock().unwrap()) {
            assert_eq!(head.contains("\r\ncontent-length: 0\r\n"), has_length, "{head}");
            assert!(!head.contains("transfer-encoding"), "{head}");
        }
    }
}

#[test]
fn a_proxy_that_refuses_a_tunnel_is_reported_with_its_status() {
    // And what reqwest reports of it, whose library shows 407 alone.
    for (status, by_reqwest) in [(407, Some(407)), (403, None), (502, None)] {
        let server = answering(format!("HTTP/1.1 {status} S3CR3T-echo\r\ncontent-length: 0\r\n\r\n"));
        let errors = through(&server.url(""), "https://api.example.com/?access_token=S3CR3T");
        for (error, status) in errors.iter().zip([Some(status), by_reqwest]) {
            let status = status.map(|status| http::StatusCode::from_u16(status).unwrap());
            is(error, SendErrorKind::Proxy(status), Delivery::NotSent);
        }
        assert_eq!(server.connections(), 2);
    }
}

/// A proxy's URL may be `https`, and then its certificate is one more that may be wrong.
#[test]
fn a_proxy_that_is_unreachable_or_hangs_up_is_told_as_such() {
    let url = "https://api.example.com/";
    let stranger = well_kept_over_tls(Identity::new(Flaw::UnknownIssuer), |_| Response::default());
    for (proxy, delivery) in [
        (format!("http://{}", nobody_listens()), Delivery::NotSent),
        (answering("").url(""), Delivery::NotSent),
        ("http://proxy.nowhere.invalid:3128".into(), Delivery::NotSent),
        (format!("https://{}", stranger.address), Delivery::Unsendable),
    ] {
        through(&proxy, url).iter().for_each(|error| is(error, SendErrorKind::ProxyUnreachable, delivery));
    }
    // reqwest takes what is not HTTP for a refusal.
    let [by_ureq, _] = through(&answering("220 mail.test ESMTP ready\r\n").url(""), url);
    is(&by_ureq, SendErrorKind::ProxyUnreachable, Delivery::NotSent);
}

#[test]
fn reqwest_says_why_it_can_not_use_a_proxy() {
    let (target, _) = tls_server(Identity::new(Flaw::None), |_| ());
    let tunnel = scripted(move |client| {
        read_request(client);
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok();
        drop(std::net::TcpStream::connect(target.address));
    });
    let (scheme, socks) = ("the client is built without support for the proxy's scheme", "socks5://127.0.0.1:1");
    let ipv6 = "reqwest can't check the certificate of an IPv6 address behind a proxy";
    for (proxy, url, kind, cause) in [
        (socks, "https://api.example.com/", SendErrorKind::ProxyUnreachable, scheme),
        (&*tunnel.url(""), "https://[::1]:8443/", SendErrorKind::Connect, ipv6),
    ] {
        let proxy = reqwest::Proxy::all(proxy).unwrap();
        let transport = Reqwest::with_config(|builder| builder.proxy(proxy.clone())).unwrap();
        let error = tokio().block_on(transport.send(get(url), 0)).unwrap_err();
        is(&error, kind, Delivery::Unsendable);
        assert_eq!(error.source().unwrap().to_string(), cause);
    }
}

#[test]
fn a_server_that_requires_a_certificate_of_the_client_is_told_as_such() {
    let named = "the server requires a certificate of the client, and this client has none";
    let maybe = "the server closed the connection before it answered: it may require a certificate of the client";
    for subject in &ADAPTERS {
        for length in [0, 100, 1_000_000].into_iter().cycle().take(9) {
            let identity = Identity::new(Flaw::None);
            let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
            let server = well_kept_for_known_clients(identity, |_| Response::default());
            let call = Request::post(format!("https://{}/", server.address)).body(vec![b'x'; length].into()).unwrap();
            let failure = (subject.client)(&wishes)(call, 100).unwrap_err();
            let cause = failure.error.source().map(|_| last(&*failure.error)).unwrap_or_default();
            match (failure.kind, failure.delivery) {
                (SendErrorKind::Tls, Delivery::Unsendable) => assert_eq!(cause, named, "{}", subject.name),
                // The alert is lost where ureq still writes. reqwest has the system's error then, or none.
                (SendErrorKind::Broken, Delivery::Unknown) if subject.name == "ureq" => assert_eq!(cause, maybe),
                (SendErrorKind::Broken, Delivery::Unknown) if subject.name == "reqwest" => {
                    let is_told = cause.contains("os error") || cause.contains("an answer may be lost");
                    assert!(cause.is_empty() || is_told, "{cause}");
                }
                _ => panic!("{}: {failure:?}", subject.name),
            }
        }
    }
}

/// The server answers as soon as it has the head and closes the connection, so that the kernel resets it.
#[test]
fn a_401_to_an_upload_that_nobody_reads_is_read() {
    fn refuse(stream: &mut (impl Read + Write)) {
        read_head(stream);
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno").ok();
    }
    let identity = Identity::new(Flaw::None);
    let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
    let (over_tls, _) = tls_server(identity, |stream| refuse(stream));
    for url in [scripted(refuse).url("/"), format!("https://{}/", over_tls.address)] {
        for subject in &ADAPTERS {
            let client = (subject.client)(&wishes);
            for _ in 0..20 {
                let upload = Request::put(&url).body(vec![b'u'; 8 << 20].into()).unwrap();
                match client(upload, 100) {
                    Ok(response) => assert_eq!((response.status().as_u16(), &response.body()[..]), (401, &b"no"[..])),
                    // hyper-util writes from a task of its own, and throws away what there is to read when a write fails first.
                    Err(failure) => assert_eq!(
                        (subject.name, failure.kind, failure.delivery),
                        ("reqwest", SendErrorKind::Broken, Delivery::Unknown),
                        "{url}: {failure:?}"
                    ),
                }
            }
        }
    }
}

#[test]
fn a_server_that_does_not_speak_tls_is_a_tls_error() {
    let server = scripted(|stream| {
        io::Write::write_all(stream, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").ok();
        read_request(stream);
    });
    let errors = failures(Ureq::new(), Reqwest::new().unwrap(), &format!("https://{}/", server.address));
    errors.iter().for_each(|error| is(error, SendErrorKind::Tls, Delivery::NotSent));
}

#[test]
fn a_proxys_password_is_not_shown() {
    let proxy = ureq::Proxy::new("http://user:S3CR3T@proxy.test:3128").unwrap();
    assert_eq!(format!("{:?}", Ureq::with_config(|config| config.proxy(Some(proxy.clone()))).unwrap()), "Ureq { .. }");
    let proxy = reqwest::Proxy::all("http://user:S3CR3T@proxy.test:3128").unwrap();
    assert_eq!(
        format!("{:?}", Reqwest::with_config(|builder| builder.proxy(proxy.clone())).unwrap()),
        "Reqwest { .. }"
    );
}

#[test]
fn a_proxy_for_socks_is_refused_when_it_is_set_for_ureq() {
    for proxy in ["socks5://127.0.0.1:1080", "socks4://user:S3CR3T@127.0.0.1:1080"] {
        let proxy = ureq::Proxy::new(proxy).unwrap();
        let error = Ureq::with_config(|config| config.proxy(Some(proxy.clone()))).unwrap_err();
        is(&error, SendErrorKind::Configuration, Delivery::Unsendable);
        assert!(last(&error).starts_with("ureq was built without SOCKS"), "{error:?}");
        assert!(!shown(&error).contains("S3CR3T"), "{error:?}");
    }
}

#[test]
fn a_configuration_that_reqwest_refuses_is_a_configuration_error() {
    let error = Reqwest::with_config(|builder| builder.user_agent("S3CR3T\n")).unwrap_err();
    is(&error, SendErrorKind::Configuration, Delivery::Unsendable);
    assert!(!shown(&error).contains("S3CR3T"), "{error:?}");
}

/// A hyper transport over tokio's sockets that notes which origins it connects to.
fn noting(origins: Arc<Mutex<Vec<String>>>) -> impl AsyncTransport<Error = SendError> {
    let transport = Hyper::new(move |origin: Uri| {
        origins.lock().unwrap().push(origin.to_string());
        async move { Ok(TokioIo::new(TcpStream::connect(origin.authority().unwrap().as_str()).await?)) }
    });
    transport.keeping_connections(tokio::task::yield_now)
}

#[test]
fn hypers_connect_function_does_not_see_the_path_or_the_query() {
    let server = well_kept(|request| Response::new(request.uri().to_string().into()));
    let origins = Arc::default();
    let transport = noting(Arc::clone(&origins));
    let response = tokio().block_on(transport.send(get(server.url("/path?access_token=S3CR3T")), 100)).unwrap();
    assert_eq!(response.body(), b"/path?access_token=S3CR3T");
    assert_eq!(*origins.lock().unwrap(), [server.url("/")]);
}

#[test]
fn hyper_reports_the_error_of_the_connect_function() {
    for (io, kind) in [
        (io::ErrorKind::ConnectionRefused, SendErrorKind::Connect),
        (io::ErrorKind::TimedOut, SendErrorKind::TimedOut),
        (io::ErrorKind::InvalidData, SendErrorKind::Tls),
    ] {
        let transport = Hyper::new(|_| async move { Err::<TokioIo<TcpStream>, _>(io.into()) });
        let error = tokio().block_on(transport.send(get("https://api.example.com/"), 0)).unwrap_err();
        is(&error, kind, Delivery::NotSent);
        assert_eq!(error.source().unwrap().to_string(), io.to_string());
    }
}

#[test]
fn hyper_keeps_one_connection_for_each_origin() {
    let servers = [well_kept(|_| Response::new(b"1".to_vec())), well_kept(|_| Response::new(b"2".to_vec()))];
    let transport = noting(Arc::default());
    tokio().block_on(async {
        for _ in 0..3 {
            for (server, body) in servers.iter().zip([b"1", b"2"]) {
                assert_eq!(transport.send(get(server.url("/")), 100).await.unwrap().body(), body);
            }
        }
    });
    assert_eq!(servers.map(|server| server.connections()), [1, 1]);
}

/// A connection in memory. Its server answers the first request, and closes the connection when it was looked at so many times afterwards.
struct Closing {
    looks: usize,
    answer: &'static [u8],
    written: Arc<AtomicUsize>,
}

impl hyper::rt::Read for Closing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.written.load(Ordering::SeqCst) > 0 && !self.answer.is_empty() {
            buffer.put_slice(std::mem::take(&mut self.answer));
        } else if self.looks > 0 {
            self.looks -= usize::from(self.answer.is_empty());
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Closing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.fetch_add(bytes.len(), Ordering::SeqCst);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn hyper_opens_a_connection_where_the_kept_one_closes_before_a_byte_of_the_call_is_written() {
    let (mut unwritten, mut written) = (0, 0);
    for looks in 1..12 {
        let opened = Arc::new(Mutex::new(vec![]));
        let list = Arc::clone(&opened);
        let transport = Hyper::new(move |_| {
            let written = Arc::new(AtomicUsize::new(0));
            list.lock().unwrap().push(Arc::clone(&written));
            let looks = if list.lock().unwrap().len() == 1 { looks } else { 100 };
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            async move { Ok(Closing { looks, answer, written }) }
        });
        let transport = transport.keeping_connections(|| std::future::ready(()));
        let send = || tokio().block_on(transport.send(get("http://127.0.0.1/"), 100));
        send().unwrap();
        let whole = opened.lock().unwrap()[0].load(Ordering::SeqCst);
        let second = send();
        let opened = opened.lock().unwrap();
        match (opened[0].load(Ordering::SeqCst) > whole, second) {
            (false, Ok(_)) if opened.len() == 2 => unwritten += 1,
            (true, Err(error)) if error.delivery() == Delivery::Unknown => written += 1,
            (_, second) => panic!("{looks}: {second:?}"),
        }
    }
    assert!(unwritten > 2 && written > 2, "{unwritten} {written}");
}

#[test]
fn a_heads_limits_are_those_of_the_page() {
    for (headers, length, passes) in [
        (98, 10, &["ureq", "reqwest", "hyper"][..]),
        (120, 10, &["ureq"]),
        (130, 10, &[]),
        (1, 60_000, &["ureq", "reqwest", "hyper"]),
        (1, 90_000, &["reqwest", "hyper"]),
        (3, 250_000, &[]),
    ] {
        let header = |n| format!("x-{n}: {}\r\n", "x".repeat(length));
        let head: String = (0..headers).map(header).collect();
        let server = answering(format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{head}\r\n"));
        for subject in &ADAPTERS {
            let outcome = (subject.client)(&Wishes::default())(get(server.url("/")), 100);
            assert_eq!(outcome.is_ok(), passes.contains(&subject.name), "{} {headers} {length}", subject.name);
            if let Err(failure) = outcome {
                assert_eq!((failure.kind, failure.delivery), (SendErrorKind::Broken, Delivery::Unknown));
                assert_eq!(last(&*failure.error), "the response's head is too long", "{}", subject.name);
            }
        }
    }
}

#[test]
fn hyper_does_not_keep_a_connection_whose_body_was_too_long() {
    let server = well_kept(|_| Response::new(vec![b'x'; 1000]));
    let transport = noting(Arc::default());
    tokio().block_on(async {
        transport.send(get(server.url("/")), 999).await.unwrap_err();
        transport.send(get(server.url("/")), 1000).await.unwrap();
    });
    assert_eq!(server.connections(), 2);
}

#[test]
fn hyper_does_not_keep_a_connection_whose_exchange_was_abandoned() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let server = scripted(move |stream| {
        read_request(stream);
        if counter.fetch_add(1, Ordering::SeqCst) == 0 {
            // Until the client has gone: its first request gets no answer.
            read_request(stream);
        } else {
            io::Write::write_all(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond").ok();
        }
    });
    let transport = noting(Arc::default());
    tokio().block_on(async {
        let mut first = Box::pin(transport.send(get(server.url("/")), 100));
        while requests.load(Ordering::SeqCst) == 0 {
            assert!(timeout(Duration::from_millis(10), &mut first).await.is_err(), "it gets no answer");
        }
        drop(first);
        assert_eq!(transport.send(get(server.url("/")), 100).await.unwrap().body(), b"second");
    });
    assert_eq!(server.connections(), 2);
}

#[test]
fn hyper_does_not_keep_a_connection_that_is_still_sending() {
    let server = scripted(|stream| {
        let mut head = [0; 10];
        io::Read::read_exact(stream, &mut head).ok();
        io::Write::write_all(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly").ok();
        if head.starts_with(b"POST") {
            // The body is more than the sockets hold, so that the client is stuck with it: until it gives up.
            while io::Read::read_exact(stream, &mut head).is_ok() {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    });
    let transport = noting(Arc::default());
    tokio().block_on(async {
        let request = Request::post(server.url("/")).body(vec![b'x'; 16 * 1024 * 1024].into()).unwrap();
        assert_eq!(transport.send(request, 100).await.unwrap().body(), b"early");
        assert_eq!(transport.send(get(server.url("/")), 100).await.unwrap().body(), b"early");
    });
    assert_eq!(server.connections(), 2);
}

/// The innermost cause.
fn last(error: &dyn Error) -> String {
    let mut last = error.source().expect("has a cause");
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

#[test]
fn an_errors_cause_is_the_operating_systems_error_or_a_text_of_ours() {
    let closed = "the connection was closed before the response came";
    for subject in &ADAPTERS {
        let send = |wishes: &Wishes, url: String| (subject.client)(wishes)(get(url), 100).unwrap_err();
        for (flaw, words) in [
            (Flaw::Expired, "has expired"),
            (Flaw::WrongHost, "is for another host"),
            (Flaw::UnknownIssuer, "is of an issuer that is not trusted here"),
            (
                Flaw::IsAuthority,
                "is that of an authority (CA:TRUE), as `openssl req -x509` makes it: it needs one with CA:FALSE",
            ),
        ] {
            let identity = Identity::new(flaw);
            let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
            let (server, _) = tls_server(identity, |stream| drop(read_request(stream)));
            let failure = send(&wishes, format!("https://{}/", server.address));
            assert_eq!(last(&*failure.error), format!("the server's certificate {words}"), "{}", subject.name);
        }
        let refused = send(&Wishes::default(), format!("http://{}/", nobody_listens()));
        assert!(last(&*refused.error).contains("os error"), "{}: {refused:?}", subject.name);
        let unknown = send(&Wishes::default(), "https://api.nowhere.invalid:443/".into());
        assert!(["the host's name is not known", "host not found"].contains(&&*last(&*unknown.error)), "{unknown:?}");
        // hyper says why a connection broke; ureq does in texts that hold what came, so that nothing is kept of them.
        if subject.name != "ureq" {
            let cut = send(&Wishes::default(), answering("").url("/"));
            assert_eq!(last(&*cut.error), closed, "{}", subject.name);
            let garbage = send(&Wishes::default(), answering("220 mail.test ESMTP ready\r\n").url("/"));
            assert_eq!(last(&*garbage.error), "what came is not HTTP", "{}", subject.name);
        }
    }
}
