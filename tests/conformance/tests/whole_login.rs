//! A whole login over every adapter, against the emulated service behind a real server, and what its futures are.

#[path = "../../support/settings.rs"]
mod settings;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use hyper_util::rt::TokioIo;
use location_auth::emulator::Emulator;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::{run, run_async, run_async_with_retries};
use location_auth::{Backoff, Bytes, LocationAccessToken, LocationLogin};
use location_auth_conformance::servers::well_kept_over_tls;
use location_auth_conformance::tls::{Flaw, Identity};
use location_auth_conformance::{Wishes, adapters};
use settings::{API_KEY, BASE, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD, login_at};
use tokio::net::TcpStream;

/// How services and what stands before them wrap a token: the type that they give it, and what stands before the object.
const WRAPPINGS: [(Option<&str>, &str); 7] = [
    (Some("application/json"), ""),
    (Some("application/json"), "\u{feff}"),
    (Some("text/html; charset=utf-8"), ""),
    (None, ""),
    (Some("APPLICATION/JSON"), ""),
    (Some("text/plain"), "\u{feff}\r\n"),
    (Some("application/octet-stream"), " "),
];

fn over_ureq(login: LocationLogin, wishes: &Wishes) -> LocationAccessToken {
    run(login, &adapters::ureq(wishes)).unwrap()
}

fn over_reqwest(login: LocationLogin, wishes: &Wishes) -> LocationAccessToken {
    tokio().block_on(run_async(login, &adapters::reqwest(wishes))).unwrap()
}

fn over_hyper(login: LocationLogin, wishes: &Wishes) -> LocationAccessToken {
    tokio().block_on(run_async(login, &adapters::hyper(wishes))).unwrap()
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Over TLS, with the server's certificate checked.
#[test]
fn a_login_over_each_adapter_takes_a_token_of_any_content_type_and_behind_a_byte_order_mark() {
    for ((content_type, before), log_in) in
        WRAPPINGS.into_iter().flat_map(|wrapping| [over_ureq, over_reqwest, over_hyper].map(|over| (wrapping, over)))
    {
        let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
        emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL);
        let emulator = Arc::new(Mutex::new(emulator));
        let identity = Identity::new(Flaw::None);
        let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
        let service = Arc::clone(&emulator);
        let server = well_kept_over_tls(identity, move |request| {
            let mut response = service.lock().unwrap().handle(request);
            response.headers_mut().remove("content-type");
            response
                .headers_mut()
                .extend(content_type.map(|value| (http::header::CONTENT_TYPE, value.parse().unwrap())));
            response.map(|body| [before.as_bytes(), &body].concat())
        });
        let token = log_in(login_at(&format!("https://{}", server.address)), &wishes);
        let issued = emulator.lock().unwrap().counts().location_tokens;
        assert_eq!((token.location().as_str(), issued), ("loc-1", 1), "{content_type:?} {before:?}");
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[test]
fn the_futures_are_send_with_a_send_transport() {
    let reqwest = adapters::reqwest(&Wishes::default());
    drop(is_send(run_async(login_at(BASE), &reqwest)));
    let backoff = Backoff::new(1, Duration::ZERO, Duration::ZERO);
    drop(is_send(run_async_with_retries(login_at(BASE), &reqwest, backoff, tokio::time::sleep)));
    let hyper = Hyper::new(|_| async { Ok(TokioIo::new(TcpStream::connect("127.0.0.1:1").await?)) });
    drop(is_send(run_async(login_at(BASE), &hyper)));
    let closure = |_: Request<Bytes>, _: usize| async { Ok::<_, Infallible>(Response::new(vec![])) };
    drop(is_send(run_async(login_at(BASE), &closure)));
}
