//! A TLS server, and certificates that are made when they are needed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::servers::{Server, scripted};

/// What may be wrong with the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    Expired,
    WrongHost,
    UnknownIssuer,
    /// It is the authority's own, as `openssl req -x509` makes one, and trusted.
    IsAuthority,
}

/// A certificate for the loopback addresses with its key, and the authority that the client is to trust, in DER.
pub struct Identity {
    pub authority: Vec<u8>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub fn new(flaw: Flaw) -> Self {
        let trusted = authority("the authority");
        let stranger = authority("a stranger");
        // As a server may name itself that has been told a secret before.
        let hosts: &[&str] = if flaw == Flaw::WrongHost { &["S3CR3T-elsewhere.test"] } else { &["127.0.0.1", "::1"] };
        let mut params =
            CertificateParams::new(hosts.iter().copied().map(Into::into).collect::<Vec<_>>()).expect("are names");
        if flaw == Flaw::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("ring has randomness");
        if flaw == Flaw::IsAuthority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let itself = CertifiedIssuer::self_signed(params, key).expect("is complete");
            return Self {
                authority: itself.der().to_vec(),
                chain: vec![itself.der().clone()],
                key: PrivateKeyDer::try_from(itself.key().serialize_der()).expect("is PKCS #8"),
            };
        }
        let certificate = params
            .signed_by(&key, if flaw == Flaw::UnknownIssuer { &stranger } else { &trusted })
            .expect("is complete");
        Self {
            authority: trusted.der().to_vec(),
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("is PKCS #8"),
        }
    }

    /// For a server of the test's own.
    pub fn server_config(self) -> Arc<ServerConfig> {
        self.server_config_with(None)
    }

    /// For a server that requires a certificate of the client, by the same authority.
    pub fn server_config_for_known_clients(self) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_slice(&self.authority)).expect("is a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        self.server_config_with(Some(verifier.expect("has an authority")))
    }

    fn server_config_with(self, clients: Option<Arc<dyn ClientCertVerifier>>) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_client_cert_verifier(clients.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
            .with_single_cert(self.chain, self.key)
            .expect("the key is the certificate's");
        // Whichever the client asks for: few ask for the first.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("ring has randomness")).expect("is complete")
}

/// A TLS server that hands the plain stream to the script, and counts the plain bytes that it was sent.
pub fn tls_server(
    identity: Identity,
    script: impl Fn(&mut Counted<StreamOwned<ServerConnection, &mut TcpStream>>) + Send + Sync + 'static,
) -> (Server, Arc<AtomicUsize>) {
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    let config = identity.server_config();
    let server = scripted(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).expect("the configuration is whole");
        let mut stream =
            Counted { stream: StreamOwned::new(connection, stream), heard: Arc::clone(&counter), is_cut: false };
        script(&mut stream);
        if stream.is_cut {
            return;
        }
        stream.stream.conn.send_close_notify();
        stream.stream.flush().ok();
    });
    (server, heard)
}

/// A stream that counts what is read from it.
pub struct Counted<S> {
    stream: S,
    heard: Arc<AtomicUsize>,
    /// Whether the connection ends without TLS's own end.
    pub is_cut: bool,
}

impl<S: Read> Read for Counted<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.heard.fetch_add(read, Ordering::SeqCst);
        Ok(read)
    }
}

impl<S: Write> Write for Counted<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}
