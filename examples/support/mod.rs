//! What several examples share: the emulator behind a real HTTP server on a loopback port.
#![allow(dead_code)]
// No example needs all of it.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use location_auth::emulator::{Access, Emulator};
use location_auth::{App, Environment, LocationLogin, Misuse, Settings};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

pub const API_KEY: &str = "demo-api-key";
pub const CLIENT_ID: &str = "demo-client-id";
pub const CLIENT_SECRET: &str = "demo-client-secret";
pub const EMAIL: &str = "owner@example.com";
pub const PASSWORD: &str = "demo-password";
pub const LOCATION_ID: &str = "demo-salon";
/// A route that only the Location's own token opens.
pub const GUARDED_PATH: &str = "/locations/demo-salon/contacts";

/// An emulated service with one owner, one Location and one guarded route.
pub fn demo() -> Emulator {
    let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
    emulator.owner(EMAIL, PASSWORD).location(LOCATION_ID, EMAIL);
    emulator.add_route("/locations/{location_id}/contacts", Access::Location);
    emulator
}

/// The demo service's integrator, with the service at this URL. The example `login` shows what stands for what.
pub fn app(base: &str) -> Result<App, Misuse> {
    App::new(
        Settings::new(Environment::Staging)
            .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
            .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH))
            .api_key(API_KEY)
            .client_id(CLIENT_ID)
            .client_secret(CLIENT_SECRET),
    )
}

/// The demo owner's login at such a service.
pub fn login(base: &str) -> Result<LocationLogin, Misuse> {
    app(base)?.location(LOCATION_ID)?.login(EMAIL, PASSWORD)
}

/// Serves the emulator on a loopback port, 0 for any that is free, from a thread of its own until the program ends.
pub fn serve(emulator: Arc<Mutex<Emulator>>, port: u16) -> io::Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || runtime.block_on(accept(listener, emulator)));
    Ok(address)
}

async fn accept(listener: TcpListener, emulator: Arc<Mutex<Emulator>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&emulator)));
    }
}

/// Serves the emulator to one client, over any stream.
pub async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, emulator: Arc<Mutex<Emulator>>) {
    let service = service_fn(|request| answer(Arc::clone(&emulator), request));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that goes away in mid-request is no concern of the server's.
    connection.await.ok();
}

async fn answer(
    emulator: Arc<Mutex<Emulator>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let mut emulator = emulator.lock().expect("no other thread panicked with the emulator");
    Ok(emulator.handle(Request::from_parts(parts, body)).map(Full::from))
}
