//! The adapters of `location-auth`, as the table asks for them.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use location_auth::transports::reqwest::Reqwest;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{AsyncTransport, SendError};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{self, Runtime};

use crate::{Subject, Wishes, blocking, on_tokio, tokio_hyper};

/// All of them.
pub const ADAPTERS: [Subject; 3] = [
    Subject { name: "ureq", client: |wishes| blocking(ureq(wishes)) },
    Subject { name: "reqwest", client: |wishes| on_tokio(one_worker(), reqwest(wishes), UNREACHED) },
    Subject { name: "hyper", client: |wishes| on_tokio(current_thread(), hyper(wishes), UNREACHED) },
];

/// Long past every row's watchdog, so that it is the adapter's own time-out that a row sees.
const UNREACHED: Duration = Duration::from_secs(600);

/// For reqwest, which watches its connections from tasks: they need a thread between two sends.
fn one_worker() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("there are threads")
}

/// For hyper: nothing runs between two sends.
fn current_thread() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().expect("there are files")
}

/// The ureq adapter alone.
pub fn ureq(wishes: &Wishes) -> Ureq {
    let transport = Ureq::with_config(|config| {
        let config = config.timeout_global(Some(wishes.patience));
        let config = if wishes.proxy_of_environment { config.proxy(ureq::Proxy::try_from_env()) } else { config };
        let Some(der) = &wishes.trust else { return config };
        let authority = ureq::tls::Certificate::from_der(der).to_owned();
        let roots = ureq::tls::RootCerts::new_with_certs(&[authority]);
        config.tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build())
    });
    transport.expect("the configuration is valid")
}

/// The reqwest adapter alone.
pub fn reqwest(wishes: &Wishes) -> Reqwest {
    let transport = Reqwest::with_config(|builder| {
        // Without a certificate authority none at all, rather than the machine's: reading those takes most of a row's time.
        let authority = wishes.trust.as_ref().map(|der| reqwest::Certificate::from_der(der).expect("is DER"));
        let builder = builder.timeout(wishes.patience).tls_certs_only(authority);
        if !wishes.proxy_of_environment {
            return builder;
        }
        let proxy = env::var("HTTP_PROXY").expect("the row sets it");
        builder.proxy(reqwest::Proxy::all(proxy).expect("the row sets a URL"))
    });
    transport.expect("the configuration is valid")
}

/// The hyper adapter alone, as a program on tokio has it.
pub fn hyper(wishes: &Wishes) -> impl AsyncTransport<Error = SendError> + Send + Sync + 'static {
    let proxy = wishes.proxy_of_environment.then(|| {
        let proxy: Uri = env::var("HTTP_PROXY").expect("the row sets it").parse().expect("the row sets a URL");
        proxy.authority().expect("the row names a host").to_string()
    });
    tokio_hyper::transport(tls(wishes), proxy, wishes.patience)
}

/// TLS that trusts the authority of the wishes alone.
pub fn tls(wishes: &Wishes) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    if let Some(der) = &wishes.trust {
        roots.add(CertificateDer::from_slice(der)).expect("is a certificate");
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
