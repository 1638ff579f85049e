//! The certificates of the servers, in PEM.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

/// What clients may trust, in DER.
pub struct Certificates {
    pub authority: Vec<u8>,
    /// The one that a server shows as its own, as `openssl req -x509` makes it.
    pub shown: Vec<u8>,
}

impl Certificates {
    /// Writes `NAME.pem`, the certificate and its key, for each kind.
    pub fn write(folder: &Path) -> Self {
        let [authority, stranger] = ["the authority", "a stranger"].map(|name| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        });
        let loopback = || CertificateParams::new(["127.0.0.1", "::1"].map(String::from)).unwrap();
        let mut expired = loopback();
        (expired.not_before, expired.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        let elsewhere = CertificateParams::new(["elsewhere.test".to_owned()]).unwrap();
        for (name, params, issuer) in [
            ("good", loopback(), &authority),
            ("expired", expired, &authority),
            ("elsewhere", elsewhere, &authority),
            ("stranger", loopback(), &stranger),
        ] {
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, issuer).unwrap();
            fs::write(folder.join(format!("{name}.pem")), certificate.pem() + &key.serialize_pem()).unwrap();
        }
        let mut shown = loopback();
        shown.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let shown = CertifiedIssuer::self_signed(shown, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.join("authority.pem"), shown.pem() + &shown.key().serialize_pem()).unwrap();
        fs::write(folder.join("clients.pem"), authority.pem()).unwrap();
        Self { authority: authority.der().to_vec(), shown: shown.der().to_vec() }
    }
}
