//! A transport of one's own held to the table: a wrapper that names the program to the service.

use std::process::ExitCode;
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use location_auth::Bytes;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{Delivery, SendError, SendErrorKind, Transport};
use location_auth_conformance::{Subject, blocking, run};
use ureq::Proxy;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

struct Named<T>(T);

impl<T: Transport> Transport for Named<T> {
    type Error = T::Error;

    fn send(&self, mut request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, T::Error> {
        request.headers_mut().insert("user-agent", HeaderValue::from_static("salon-sync/1.0"));
        self.0.send(request, limit)
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.0.delivery(error)
    }

    fn kind(&self, error: &T::Error) -> SendErrorKind {
        self.0.kind(error)
    }
}

/// What the program would set: here a row says it.
fn transport(
    patience: Duration,
    trust: Option<&[u8]>,
    proxy: Option<Proxy>,
) -> impl Transport<Error = SendError> + Send + Sync + use<> {
    let ureq = Ureq::with_config(|config| {
        let config = config.timeout_global(Some(patience)).proxy(proxy.clone());
        let Some(der) = trust else { return config };
        let roots = RootCerts::new_with_certs(&[Certificate::from_der(der).to_owned()]);
        config.tls_config(TlsConfig::builder().root_certs(roots).build())
    });
    Named(ureq.expect("the proxy is none for SOCKS"))
}

fn main() -> ExitCode {
    let mine = Subject {
        name: "named ureq",
        client: |wishes| {
            let proxy = if wishes.proxy_of_environment { Proxy::try_from_env() } else { None };
            blocking(transport(wishes.patience, wishes.trust.as_deref(), proxy))
        },
    };
    run(&[mine], "")
}
