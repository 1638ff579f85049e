//! A long body up and down, with `STREAMS_MIB=1024` a gibibyte: what is allocated at one time stays under a mebibyte, the client library's own buffers and the server's
//! among it.

#[path = "../../support/peak.rs"]
mod peak;

use std::io::{self, Read};

use futures_util::stream;
use http::Request;
use location_auth::Bytes;
use location_auth::driver::Call;
use location_auth::transports::client::{AsyncClient, Client, NoStore};
use location_auth::transports::{reqwest::Reqwest, ureq::Ureq};
use peak::{MIB, alone, peak_of};
use streams::Service;
use ureq::SendBody;

const PIECE: &[u8] = &[b'u'; 64 * 1024];

fn length() -> u64 {
    std::env::var("STREAMS_MIB").map_or(64, |mib| mib.parse().expect("is a number")) * MIB as u64
}

#[test]
fn ureq_holds_no_request_or_response_body_however_long_it_is() {
    let _alone = alone();
    let (service, long) = (Service::start(), length());
    let (session, owner) = service.revoked();
    let client = Client::with_owner(session, owner, Ureq::new(), NoStore);
    let send = |request| client.transport().run(request);
    let up = peak_of(|| {
        let upload = || {
            let body = SendBody::from_owned_reader(io::repeat(b'u').take(long));
            Request::post(service.url("")).header("expect", "100-continue").body(body).unwrap()
        };
        let mut response = client.call_with(Call::repeating(upload(), Some(upload())), send).unwrap();
        assert_eq!(response.body_mut().read_to_string().unwrap(), format!("{long} bytes"));
    });
    let down = peak_of(|| {
        let download = Request::get(service.url(&format!("?{long}"))).body(()).unwrap();
        let response = client.call_with(Call::new(download), |request| client.transport().run(request));
        let length = io::copy(&mut response.unwrap().into_body().into_reader(), &mut io::sink()).unwrap();
        assert_eq!(length, long);
    });
    assert!(up < MIB && down < MIB, "{up} up, {down} down");
    println!("ureq: {up} bytes at one time up, {down} down");
}

#[test]
fn reqwest_holds_no_request_or_response_body_however_long_it_is() {
    let _alone = alone();
    let (service, long) = (Service::start(), length());
    let (session, owner) = service.revoked();
    let client = AsyncClient::with_owner(session, owner, Reqwest::new().unwrap(), NoStore);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The first call renews the token, so that the long body goes up once.
    let call = Request::get(service.url("")).body(()).unwrap();
    assert_eq!(runtime.block_on(client.call(call)).unwrap().status(), 200);
    let up = peak_of(|| {
        let pieces = (0..long / PIECE.len() as u64).map(|_| Ok::<_, io::Error>(Bytes::from_static(PIECE)));
        let body = reqwest::Body::wrap_stream(stream::iter(pieces));
        let upload = client.transport().client().post(service.url("")).body(body).build().unwrap();
        let text = runtime.block_on(async { client.execute(upload).await.unwrap().text().await }).unwrap();
        assert_eq!(text, format!("{long} bytes"));
    });
    let down = peak_of(|| {
        let download = client.transport().client().get(service.url(&format!("?{long}"))).build().unwrap();
        runtime.block_on(async {
            let (mut response, mut length) = (client.execute(download).await.unwrap(), 0);
            while let Some(chunk) = response.chunk().await.unwrap() {
                length += chunk.len() as u64;
            }
            assert_eq!(length, long);
        });
    });
    assert!(up < MIB && down < MIB, "{up} up, {down} down");
    println!("reqwest: {up} bytes at one time up, {down} down");
}
