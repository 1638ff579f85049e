//! Rows over a TLS server whose certificates are the test's own.

use std::io::{Read, Write};
use std::sync::atomic::Ordering;

use location_auth::transports::{Delivery, SendErrorKind};

use super::get;
use crate::servers::{read_request, scripted};
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
    // A retry would fail in the same way.
    assert_eq!((failure.kind, failure.delivery), (SendErrorKind::Tls, Delivery::Unsendable), "{failure:?}");
    assert_eq!(heard.load(Ordering::SeqCst), 0);
    assert_eq!(server.connections(), 1, "{flaw:?}: there was a handshake to refuse");
}

/// A body without a length, and then TLS's own end of the connection, or none.
pub fn closed_or_cut(subject: &Subject) {
    for is_cut in [false, true] {
        let identity = Identity::new(Flaw::None);
        let wishes = Wishes { trust: Some(identity.authority.clone()), ..Wishes::default() };
        let (server, _) = tls_server(identity, move |stream| {
            read_request(stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nprivate").ok();
            stream.is_cut = is_cut;
        });
        let response = (subject.client)(&wishes)(get(format!("https://{}/", server.address)), 100);
        match response {
            Ok(response) => assert!(!is_cut && response.body() == b"private", "{response:?}"),
            Err(failure) => {
                assert!(is_cut, "{failure:?}");
                assert_eq!((failure.kind, failure.delivery), (SendErrorKind::Broken, Delivery::Unknown), "{failure:?}");
            }
        }
    }
}

/// The server closes the connection in the handshake, or ends it by an alert.
pub fn handshake_cut(subject: &Subject) {
    for alert in [&b""[..], &[21, 3, 3, 0, 2, 2, 40]] {
        let server = scripted(move |stream| {
            let mut hello = [0; 4096];
            while stream.read(&mut hello).is_ok_and(|read| read == hello.len()) {}
            stream.write_all(alert).ok();
        });
        let wishes = Wishes { trust: Some(Identity::new(Flaw::None).authority), ..Wishes::default() };
        let client = (subject.client)(&wishes);
        let failure = client(get(format!("https://{}/", server.address)), 100).expect_err("has no handshake");
        assert_ne!(failure.delivery, Delivery::Unknown, "{failure:?}");
        assert!(matches!(failure.kind, SendErrorKind::Connect | SendErrorKind::Tls), "{failure:?}");
    }
}
