//! What an operator sees of each adapter's failures: a line with all causes, and whether the request was sent.

use std::error::Error;
use std::io::Write;
use std::thread;
use std::time::Duration;

use http::Request;
use location_auth::Bytes;
use location_auth_conformance::adapters::ADAPTERS;
use location_auth_conformance::servers::{
    Server, answering, nobody_listens, read_request, scripted, well_kept, well_kept_over_tls,
};
use location_auth_conformance::tls::{Flaw, Identity};
use location_auth_conformance::{Failure, Wishes};

fn main() {
    let long = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-header: 1\r\n".repeat(130));
    show("Nobody listens", &format!("http://{}/", nobody_listens()), None);
    show("The name is unknown", "https://api.nowhere.invalid:443/", None);
    show("Plain HTTP to another host", "http://api.example.com/", None);
    for (what, flaw) in [
        ("The certificate has expired", Flaw::Expired),
        ("It is another host's", Flaw::WrongHost),
        ("Its issuer is a stranger", Flaw::UnknownIssuer),
        ("It is the authority's own", Flaw::IsAuthority),
    ] {
        let (server, trust) = over_tls(flaw);
        show(what, &format!("https://{}/", server.address), Some(trust));
    }
    let plain = scripted(|stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").ok();
        read_request(stream);
    });
    show("TLS to a port for plain HTTP", &format!("https://{}/", plain.address), Some(over_tls(Flaw::None).1));
    show("A mail server", &answering("220 mail.test ESMTP ready\r\n").url("/"), None);
    show("130 headers", &answering(long).url("/"), None);
    show("A response beyond its limit", &well_kept(|_| http::Response::new(vec![b' '; 101])).url("/"), None);
    show("No response", &scripted(|_| thread::sleep(Duration::from_secs(5))).url("/"), None);
}

fn over_tls(flaw: Flaw) -> (Server, Vec<u8>) {
    let identity = Identity::new(flaw);
    let authority = identity.authority.clone();
    (well_kept_over_tls(identity, |_| http::Response::default()), authority)
}

fn show(what: &str, url: &str, trust: Option<Vec<u8>>) {
    println!("{what}");
    for subject in &ADAPTERS {
        let client =
            (subject.client)(&Wishes { patience: Duration::from_secs(1), trust: trust.clone(), ..Wishes::default() });
        let request = Request::get(url).body(Bytes::new()).expect("is a URL");
        let Err(Failure { delivery, error, .. }) = client(request, 100) else { panic!("it works") };
        println!("  {}: {delivery:?}: {}", subject.name, with_causes(&*error));
    }
}

/// An error's text and those of its causes: the last one is often what you look for.
fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line += &format!(": {error}");
        cause = error.source();
    }
    line
}
