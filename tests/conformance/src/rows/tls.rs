//! Rows over a TLS server whose certificates are the test's own.

use std::io::Write;
use std::sync::atomic::Ordering;

use location_auth::transports::{Delivery, SendErrorKind};

use super::get;
use crate::servers::read_request;
use crate::tls::{Flaw, Identity, tls_server};
use crate::{Subject, Wishes};

pub fn right(subject: &Subject) {
    let identity = Identity::new(Flaw::None);
    let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
    let (server, _) = tls_server(identity, |stream| {
        read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nprivate").ok();
    });
    let client = (subject.client)(&wishes);
    let response = client(get(format!("https://{}/", server.address)), 100).expect("is trusted");
    assert_eq!(response.body(), b"private");
}

pub fn refused(subject: &Subject, flaw: Flaw) {
    let identity = Identity::new(flaw);
    let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
    let (server, heard) = tls_server(identity, |stream| {
        read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok();
    });
    let client = (subject.client)(&wishes);
    let failure = client(get(format!("https://{}/", server.address)), 100).expect_err("is not trusted");
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::Tls, Delivery::NotSent), "{failure:?}");
    assert_eq!(heard.load(Ordering::SeqCst), 0);
    assert_eq!(server.connections(), 1, "{flaw:?}: there was a handshake to refuse");
}
