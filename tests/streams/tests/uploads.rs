//! An upload that met a 401, in each client library's own terms: sent again where it can be, an error where it can't, never half and never twice.

use std::error::Error;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream;
use http::header::CONTENT_LENGTH;
use http::{Method, Request};
use location_auth::Bytes;
use location_auth::driver::Call;
use location_auth::transports::client::{AsyncClient, CallError, Client, NoStore};
use location_auth::transports::{Delivery, SendErrorKind, reqwest::Reqwest, ureq::Ureq};
use streams::{Seen, Service};
use ureq::SendBody;

fn blocking(service: &Service) -> Client<Ureq> {
    let (session, owner) = service.revoked();
    Client::with_owner(session, owner, Ureq::new(), NoStore)
}

fn on_tokio<F: Future>(test: impl FnOnce(Arc<Service>, AsyncClient<Reqwest>) -> F) -> F::Output {
    let service = Service::start();
    let (session, owner) = service.revoked();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(service, AsyncClient::with_owner(session, owner, Reqwest::new().unwrap(), NoStore)))
}

/// So many bytes without a length that is known before, so that they go up in chunks.
fn reader(length: u64) -> SendBody<'static> {
    SendBody::from_owned_reader(io::repeat(b'u').take(length))
}

fn stream(length: usize) -> reqwest::Body {
    reqwest::Body::wrap_stream(stream::iter(
        (0..length / 1000).map(|_| Ok::<_, io::Error>(Bytes::from_static(&[b'u'; 1000]))),
    ))
}

fn seen(status: u16, length: u64) -> Seen {
    Seen { status, length }
}

#[test]
fn an_upload_by_ureq_that_can_be_rebuilt_arrives_whole() {
    let service = Service::start();
    let client = blocking(&service);
    let upload = || Request::post(service.url("")).body(reader(100_000)).unwrap();
    let send = |request| client.transport().run(request);
    let mut response = client.call_with(Call::repeating(upload(), Some(upload())), send).unwrap();
    assert_eq!(response.body_mut().read_to_string().unwrap(), "100000 bytes");
    assert_eq!(service.seen(), [seen(401, 100_000), seen(200, 100_000)]);
}

#[test]
fn a_401_that_comes_before_the_body_is_read_saves_ureq_the_upload() {
    let service = Service::start();
    let client = blocking(&service);
    let upload = || Request::post(service.url("")).header("expect", "100-continue").body(reader(100_000)).unwrap();
    let send = |request| client.transport().run(request);
    let response = client.call_with(Call::repeating(upload(), Some(upload())), send).unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(service.seen(), [seen(401, 0), seen(200, 100_000)]);
}

#[test]
fn a_401_to_a_large_upload_by_ureq_that_nobody_reads_renews_the_token() {
    let service = Service::start();
    service.refuses_unread.store(true, Ordering::SeqCst);
    let client = blocking(&service);
    let upload = || Request::post(service.url("")).body(reader(8 << 20)).unwrap();
    let send = |request| client.transport().run(request);
    let response = client.call_with(Call::repeating(upload(), Some(upload())), send).unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(service.seen(), [seen(401, 0), seen(200, 8 << 20)]);
}

#[test]
fn a_401_to_a_large_upload_by_reqwest_that_nobody_reads_may_be_lost_and_the_error_says_so() {
    for _ in 0..10 {
        on_tokio(|service, client| async move {
            service.refuses_unread.store(true, Ordering::SeqCst);
            let upload = || Request::post(service.url("")).body(vec![b'u'; 8 << 20]).unwrap();
            let send = |request| client.transport().execute(request);
            match client.call_with(Call::repeating(upload(), Some(upload())), send).await {
                Ok(response) => assert_eq!(response.status(), 200),
                Err(CallError::Transport { error, delivery, .. }) => {
                    assert_eq!((error.kind(), delivery), (SendErrorKind::Broken, Delivery::Unknown));
                    assert!(error.source().unwrap().to_string().contains("make a small call first"), "{error:?}");
                }
                Err(error) => panic!("{error}"),
            }
        });
    }
}

#[test]
fn an_upload_by_ureq_that_was_cut_is_not_sent_again() {
    let service = Service::start();
    let client = blocking(&service);
    service.cut_after(10_000_000);
    let upload = || Request::post(service.url("")).body(reader(30_000_000)).unwrap();
    let send = |request| client.transport().run(request);
    let error = client.call_with(Call::repeating(upload(), Some(upload())), send).unwrap_err();
    assert!(matches!(error, CallError::Transport { delivery: Delivery::Unknown, .. }), "{error}");
    assert_eq!((service.seen().len(), service.tokens()), (1, 1));
}

#[test]
fn json_is_uploaded_by_reqwests_own_api_and_is_sent_again() {
    on_tokio(|service, client| async move {
        let reqwest = client.transport().client();
        let request = reqwest.post(service.url("")).json(&serde_json::json!({"name": "Ada"})).build().unwrap();
        let response = client.execute(request).await.unwrap();
        assert_eq!(response.text().await.unwrap(), "14 bytes");
        assert_eq!(service.seen().iter().map(|seen| seen.status).collect::<Vec<_>>(), [401, 200]);
    });
}

#[test]
fn a_multipart_form_is_uploaded_by_reqwest_and_gets_an_error_if_it_cannot_be_sent_again() {
    on_tokio(|service, client| async move {
        let reqwest = client.transport().client().clone();
        let form = || reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::stream(stream(5000)));
        let upload = || reqwest.post(service.url("")).multipart(form()).build().unwrap();
        let error = client.execute(upload()).await.unwrap_err();
        assert!(matches!(error, CallError::NotRepeated { .. }), "{error}");
        assert_eq!(client.execute(upload()).await.unwrap().status(), 200);
        let seen = service.seen();
        assert_eq!((seen.len(), seen[0].length), (2, seen[1].length), "each went up whole");
        assert_eq!(service.tokens(), 2);
    });
}

#[test]
fn a_stream_by_reqwest_that_was_cut_is_not_sent_again() {
    on_tokio(|service, client| async move {
        service.cut_after(10_000_000);
        let upload = || Request::post(service.url("")).body(stream(30_000_000)).unwrap();
        let send = |request| client.transport().execute(request);
        let error = client.call_with(Call::repeating(upload(), Some(upload())), send).await.unwrap_err();
        assert!(matches!(error, CallError::Transport { delivery: Delivery::Unknown, .. }), "{error}");
        assert_eq!((service.seen().len(), service.tokens()), (1, 1));
    });
}

const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS];
/// A stream of 5,000 bytes says so or not.
const DECLARED: [Option<&str>; 2] = [None, Some("5000")];

fn upload<B>(method: &Method, service: &Service, length: Option<&str>, body: B) -> Request<B> {
    let mut request = Request::builder().method(method).uri(service.url("")).body(body).unwrap();
    request.headers_mut().extend(length.map(|length| (CONTENT_LENGTH, length.parse().unwrap())));
    request
}

#[test]
fn a_stream_of_any_method_arrives_whole() {
    for (method, length) in METHODS.iter().flat_map(|method| DECLARED.map(|length| (method, length))) {
        let service = Service::start();
        let client = blocking(&service);
        let again = upload(method, &service, length, reader(5000));
        let call = upload(method, &service, length, reader(5000));
        client.call_with(Call::repeating(call, Some(again)), |request| client.transport().run(request)).unwrap();
        assert_eq!(service.seen(), [seen(401, 5000), seen(200, 5000)], "ureq: {method}, {length:?}");

        on_tokio(|service, client| async move {
            let again = upload(method, &service, length, stream(5000));
            let call = upload(method, &service, length, stream(5000));
            let send = |request| client.transport().execute(request);
            client.call_with(Call::repeating(call, Some(again)), send).await.unwrap();
            assert_eq!(service.seen(), [seen(401, 5000), seen(200, 5000)], "reqwest: {method}, {length:?}");
        });
    }
}

#[test]
fn a_stream_that_has_another_length_than_it_declares_is_no_success() {
    let wrong = (SendErrorKind::Header("content-length"), Delivery::Unknown);
    for (method, length) in METHODS.iter().flat_map(|method| ["1", "4999", "5001"].map(|length| (method, length))) {
        let service = Service::start();
        let ureq = Ureq::with_config(|config| config.timeout_global(Some(Duration::from_millis(300)))).unwrap();
        let error = ureq.run(upload(method, &service, Some(length), reader(5000))).unwrap_err();
        // ureq takes a shorter stream for a whole one, and waits.
        let expected = if length == "5001" { (SendErrorKind::TimedOut, Delivery::Unknown) } else { wrong };
        assert_eq!((error.kind(), error.delivery()), expected, "ureq: {method}, {length}");

        on_tokio(|service, client| async move {
            let call = upload(method, &service, Some(length), stream(5000));
            let error = client.transport().execute(call).await.unwrap_err();
            assert_eq!((error.kind(), error.delivery()), wrong, "reqwest: {method}, {length}");
        });
    }
}

#[test]
fn a_stream_with_a_header_of_the_connection_is_not_sent() {
    let headers = [("content-length", "ten"), ("transfer-encoding", "chunked"), ("connection", "close"), ("te", "x")];
    for (name, value) in headers {
        let refused = (SendErrorKind::Header(name), Delivery::Unsendable);
        let service = Service::start();
        let call = Request::post(service.url("")).header(name, value).body(reader(5000)).unwrap();
        let error = Ureq::new().run(call).unwrap_err();
        assert_eq!((error.kind(), error.delivery()), refused, "ureq");
        let call = Request::post(service.url("")).header("content-length", "5").body(()).unwrap();
        assert_eq!(Ureq::new().run(call).unwrap_err().kind(), SendErrorKind::Header("content-length"), "ureq: none");
        assert_eq!(service.seen(), []);

        on_tokio(|service, client| async move {
            let reqwest = client.transport().client();
            for body in [reqwest::Body::from("ten bytes!"), stream(5000)] {
                let call = reqwest.post(service.url("")).header(name, value).body(body).build().unwrap();
                let CallError::Transport { error, .. } = client.execute(call).await.unwrap_err() else {
                    panic!("{name}: is the transport's to refuse")
                };
                assert_eq!((error.kind(), error.delivery()), refused, "reqwest");
            }
            assert_eq!(service.seen(), []);
        });
    }
}
