//! The recipe, held to the conformance table.

use std::process::ExitCode;

use isahc::HttpClient;
use isahc::config::Configurable;
use isahc::tls::{TlsConfig, TrustStore};
use location_auth_conformance::{Subject, Wishes, blocking};

fn client(wishes: &Wishes) -> HttpClient {
    let mut builder = recipe_isahc::policed(wishes.patience);
    if let Some(der) = &wishes.trust {
        let roots = TrustStore::builder().certificate_from_der(der).build();
        builder = builder.tls_config(TlsConfig::builder().trust_store(roots).build());
    }
    if wishes.proxy_of_environment {
        let proxy = std::env::var("HTTP_PROXY").expect("the row sets it");
        builder = builder.proxy(Some(proxy.parse().expect("the row sets a URL")));
    }
    builder.build().expect("the configuration is valid")
}

fn main() -> ExitCode {
    let isahc = Subject { name: "isahc", client: |wishes| blocking(recipe_isahc::transport(client(wishes))) };
    location_auth_conformance::run(&[isahc], include_str!("../exceptions.txt"))
}
