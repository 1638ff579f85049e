//! The recipes, held to the conformance table.

use std::process::ExitCode;
use std::sync::Arc;

use http::{Request, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use location_auth::Bytes;
use location_auth::transports::AsyncTransport;
use location_auth_conformance::{Subject, Wishes, blocking, on_tokio};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use std::time::Duration;
use tokio::runtime::{self, Runtime};

const RECIPES: [Subject; 3] = [
    Subject {
        name: "hyper-util",
        client: |wishes| {
            if !wishes.proxy_of_environment {
                let connector = recipes::hyper_util::connector(tls(wishes));
                return on_tokio(runtime(), recipes::hyper_util::transport(connector, wishes.patience), UNREACHED);
            }
            let builder = HttpsConnectorBuilder::new().with_tls_config(tls(wishes)).https_or_http().enable_http1();
            let connector = builder.wrap_connector(Tunnel::new(proxy(), HttpConnector::new()));
            on_tokio(runtime(), recipes::hyper_util::transport(connector, wishes.patience), UNREACHED)
        },
    },
    Subject {
        name: "smol",
        client: |wishes| {
            let transport = recipes::smol::transport(tls(wishes), wishes.patience);
            Box::new(move |request: Request<Bytes>, limit| Ok(smol::block_on(transport.send(request, limit))?))
        },
    },
    Subject {
        name: "LocalSet",
        client: |wishes| {
            let proxy = wishes.proxy_of_environment.then(|| proxy().authority().expect("has a host").as_str().into());
            blocking(recipes::local_set::core(Arc::new(tls(wishes)), proxy, wishes.patience))
        },
    },
];

/// Long past every row's watchdog, so that it is the recipe's own time-out that a row sees.
const UNREACHED: Duration = Duration::from_secs(600);

fn runtime() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("there are threads")
}

fn proxy() -> Uri {
    std::env::var("HTTP_PROXY").expect("the row sets it").parse().expect("the row sets a URL")
}

fn tls(wishes: &Wishes) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(der) = &wishes.trust {
        roots.add(CertificateDer::from_slice(der)).expect("is a certificate");
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn main() -> ExitCode {
    location_auth_conformance::run(&RECIPES, include_str!("../exceptions.txt"))
}
