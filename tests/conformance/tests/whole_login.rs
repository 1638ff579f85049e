//! A whole login over every adapter, against the emulated service behind a real server.

#[path = "../../support/settings.rs"]
mod settings;

use std::sync::{Arc, Mutex};

use location_auth::emulator::Emulator;
use location_auth::transports::{run, run_async};
use location_auth::{LocationAccessToken, LocationLogin};
use location_auth_conformance::servers::{Server, well_kept_over_tls};
use location_auth_conformance::tls::{Flaw, Identity};
use location_auth_conformance::{Wishes, adapters};
use settings::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD, login_at};

fn login(server: &Server) -> LocationLogin {
    login_at(&format!("https://{}", server.address))
}

fn emulator() -> Emulator {
    let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
    emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL);
    emulator
}

/// Over TLS, with the server's certificate checked.
fn whole(log_in: impl FnOnce(LocationLogin, &Wishes) -> LocationAccessToken) {
    let identity = Identity::new(Flaw::None);
    let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
    let emulator = Arc::new(Mutex::new(emulator()));
    let service = Arc::clone(&emulator);
    let server = well_kept_over_tls(identity, move |request| service.lock().unwrap().handle(request));
    let token = log_in(login(&server), &wishes);
    assert_eq!(token.location().as_str(), "loc-1");
    assert_eq!(emulator.lock().unwrap().counts().location_tokens, 1);
}

#[test]
fn a_whole_login_over_ureq() {
    whole(|login, wishes| run(login, &adapters::ureq(wishes)).unwrap());
}

#[test]
fn a_whole_login_over_reqwest() {
    whole(|login, wishes| tokio().block_on(run_async(login, &adapters::reqwest(wishes))).unwrap());
}

#[test]
fn a_whole_login_over_hyper() {
    whole(|login, wishes| tokio().block_on(run_async(login, &adapters::hyper(wishes))).unwrap());
}

/// How services and what stands before them wrap a token: the type that they give it, and what stands before the object.
const WRAPPINGS: [(Option<&str>, &str); 6] = [
    (Some("application/json"), "\u{feff}"),
    (Some("text/html; charset=utf-8"), ""),
    (None, ""),
    (Some("APPLICATION/JSON"), ""),
    (Some("text/plain"), "\u{feff}\r\n"),
    (Some("application/octet-stream"), " "),
];

/// The emulated service behind something that wraps each response so.
fn wrapped(log_in: impl Fn(LocationLogin, &Wishes) -> LocationAccessToken) {
    for (content_type, before) in WRAPPINGS {
        let emulator = Mutex::new(emulator());
        let identity = Identity::new(Flaw::None);
        let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
        let server = well_kept_over_tls(identity, move |request| {
            let mut response = emulator.lock().unwrap().handle(request);
            response.headers_mut().remove("content-type");
            if let Some(content_type) = content_type {
                response.headers_mut().insert("content-type", content_type.parse().unwrap());
            }
            response.map(|body| [before.as_bytes(), &body].concat())
        });
        assert_eq!(log_in(login(&server), &wishes).location().as_str(), "loc-1", "{content_type:?} {before:?}");
    }
}

#[test]
fn a_token_is_accepted_with_any_content_type_or_byte_order_mark_over_ureq() {
    wrapped(|login, wishes| run(login, &adapters::ureq(wishes)).unwrap());
}

#[test]
fn a_token_is_accepted_with_any_content_type_or_byte_order_mark_over_reqwest() {
    wrapped(|login, wishes| tokio().block_on(run_async(login, &adapters::reqwest(wishes))).unwrap());
}

#[test]
fn a_token_is_accepted_with_any_content_type_or_byte_order_mark_over_hyper() {
    wrapped(|login, wishes| tokio().block_on(run_async(login, &adapters::hyper(wishes))).unwrap());
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
