//! A service whose certificate is of a company's own authority, reached through the company's proxy: with ureq, and with reqwest.
//!
//! Both are on loopback ports here: the emulated service behind TLS, and a proxy that opens tunnels and counts them.

use std::error::Error;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;

use location_auth::emulator::Emulator;
use location_auth::transports::{reqwest::Reqwest, run, run_async, ureq::Ureq};
use location_auth::{App, Environment, LocationLogin, Misuse, Settings};
use location_auth_conformance::servers::{Server, read_request, scripted, well_kept_over_tls};
use location_auth_conformance::tls::{Flaw, Identity};

fn main() -> Result<(), Box<dyn Error>> {
    let identity = Identity::new(Flaw::None);
    let authority = identity.authority.clone();
    let mut emulator = Emulator::new("k-12", "c-34", "s-56");
    emulator.owner("owner@example.com", "hunter2").location("loc-1", "owner@example.com");
    let emulator = Mutex::new(emulator);
    let service = well_kept_over_tls(identity, move |request| emulator.lock().expect("is whole").handle(request));
    let proxy = tunnels();
    let address = proxy.url("");

    let Err(stopped) = run(login(&service)?, &Ureq::new()) else { return Err("a stranger was trusted".into()) };
    println!("Without the authority:\n  {}", whole(&stopped));

    let token = run(login(&service)?, &with_ureq(&authority, &address)?)?;
    println!("ureq: a token of {}; tunnels so far: {}", token.location(), proxy.connections());

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let token = runtime.block_on(run_async(login(&service)?, &with_reqwest(&authority, &address)?))?;
    println!("reqwest: a token of {}; tunnels so far: {}", token.location(), proxy.connections());
    Ok(())
}

/// `authority` is the certificate in DER; for a file in PEM there is `from_pem`.
fn with_ureq(authority: &[u8], proxy: &str) -> Result<Ureq, Box<dyn Error>> {
    use ureq::tls::{Certificate, RootCerts, TlsConfig};

    let roots = RootCerts::new_with_certs(&[Certificate::from_der(authority).to_owned()]); // these alone
    let tls = TlsConfig::builder().root_certs(roots).build();
    let proxy = ureq::Proxy::new(proxy)?;
    Ok(Ureq::with_config(|config| config.tls_config(tls.clone()).proxy(Some(proxy.clone())))?)
}

fn with_reqwest(authority: &[u8], proxy: &str) -> Result<Reqwest, Box<dyn Error>> {
    let authority = reqwest::Certificate::from_der(authority)?;
    let proxy = reqwest::Proxy::all(proxy)?;
    Ok(Reqwest::with_config(|builder| builder.tls_certs_only([authority.clone()]).proxy(proxy.clone()))?)
}

fn login(service: &Server) -> Result<LocationLogin, Misuse> {
    let base = format!("https://{}", service.address);
    let app = App::new(
        Settings::new(Environment::Staging)
            .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
            .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH))
            .api_key("k-12")
            .client_id("c-34")
            .client_secret("s-56"),
    )?;
    app.location("loc-1")?.login("owner@example.com", "hunter2")
}

/// The error with its causes, as a program's last line would tell it.
fn whole(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line += &format!(": {error}");
        cause = error.source();
    }
    line
}

/// A proxy: what it is asked for by `CONNECT`, it connects to, and then hands the bytes over both ways without a look at them.
fn tunnels() -> Server {
    scripted(|client| {
        let request = String::from_utf8(read_request(client)).expect("a proxy sees no secret, only text");
        let target = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).expect("is a tunnel");
        let mut server = TcpStream::connect(target).expect("the service listens");
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("the client listens");
        let (mut from, mut to) = (server.try_clone().expect("is open"), client.try_clone().expect("is open"));
        let back = thread::spawn(move || io::copy(&mut from, &mut to));
        io::copy(client, &mut server).ok();
        server.shutdown(std::net::Shutdown::Write).ok();
        back.join().expect("does not panic").ok();
    })
}
