//! The adapters as programs set them up: with an authority of their own, and perhaps a proxy.

use std::time::Duration;

use http::{Request, Response};
use location_auth::Bytes;
use location_auth::transports::reqwest::Reqwest;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{Delivery, SendErrorKind, Transport};
use location_auth_conformance::adapters::tls;
use location_auth_conformance::{Client, Failure, Wishes, blocking, on_tokio, tokio_hyper};
use tokio::runtime::Builder;

/// What is set on a client.
pub struct Setup {
    /// The scheme, host and port of the service.
    pub base: String,
    /// As a URL.
    pub proxy: Option<String>,
    pub trust: Vec<u8>,
}

/// A client of any adapter, as a blocking transport.
pub struct Any(pub Client);

impl Transport for Any {
    type Error = Failure;

    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, Failure> {
        (self.0)(request, limit)
    }

    fn delivery(&self, failure: &Failure) -> Delivery {
        failure.delivery
    }

    fn kind(&self, failure: &Failure) -> SendErrorKind {
        failure.kind
    }
}

/// Makes the client of an adapter.
pub type Make = fn(&Setup) -> Any;

pub const ADAPTERS: [(&str, Make); 3] = [("ureq", ureq), ("reqwest", reqwest), ("hyper", hyper)];

const TO_CONNECT: Duration = Duration::from_secs(1);
const IN_ALL: Duration = Duration::from_secs(3);

fn ureq(setup: &Setup) -> Any {
    let roots = ureq::tls::RootCerts::new_with_certs(&[ureq::tls::Certificate::from_der(&setup.trust).to_owned()]);
    let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
    let proxy = setup.proxy.as_ref().map(|proxy| ureq::Proxy::new(proxy).unwrap());
    Any(blocking(
        Ureq::with_config(|config| {
            let config = config.timeout_connect(Some(TO_CONNECT)).timeout_global(Some(IN_ALL));
            config.tls_config(tls.clone()).proxy(proxy.clone())
        })
        .unwrap(),
    ))
}

fn reqwest(setup: &Setup) -> Any {
    let authority = reqwest::Certificate::from_der(&setup.trust).unwrap();
    let proxy = setup.proxy.as_ref().map(|proxy| reqwest::Proxy::all(proxy).unwrap());
    let transport = Reqwest::with_config(|builder| {
        let builder = builder.connect_timeout(TO_CONNECT).timeout(IN_ALL).tls_certs_only([authority.clone()]);
        proxy.iter().fold(builder, |builder, proxy| builder.proxy(proxy.clone()))
    });
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    Any(on_tokio(runtime, transport.unwrap(), Duration::from_secs(60)))
}

fn hyper(setup: &Setup) -> Any {
    let wishes = Wishes { trust: Some(setup.trust.clone()), ..Wishes::default() };
    // It takes the host and port alone.
    let proxy = setup.proxy.as_ref().map(|proxy| proxy.rsplit(['/', '@']).next().unwrap().to_owned());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    Any(on_tokio(runtime, tokio_hyper::transport(tls(&wishes), proxy, IN_ALL), Duration::from_secs(60)))
}
