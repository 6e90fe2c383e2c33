//! The admin kubeconfig that kubeadm wrote, read: where the API is, its CA, and a client certificate.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use zeroize::Zeroizing;

/// Why a kubeconfig gives no way in. Completes "failed to".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CredentialsError {
    #[error("read the kubeconfig: it is not YAML")]
    NotYaml,
    #[error("read the kubeconfig: {0} is missing")]
    Missing(&'static str),
    #[error("read the kubeconfig: {0} is not what it should be")]
    Wrong(&'static str),
    /// Such as a key that is not the certificate's.
    #[error("use the kubeconfig's certificate: {0}")]
    Unusable(String),
}

/// Who we are to a cluster, and who it must be. `Debug` shows the server alone.
pub struct Credentials {
    /// The API's address as seen from a control plane, such as 127.0.0.1.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}:{})", self.host, self.port)
    }
}

impl Credentials {
    /// Reads the first cluster and user of a kubeconfig whose certificates stand inside, as those of kubeadm do.
    pub fn parse(kubeconfig: &str) -> Result<Credentials, CredentialsError> {
        let all: Value = serde_saphyr::from_str(kubeconfig).map_err(|_| CredentialsError::NotYaml)?;
        let server = all["clusters"][0]["cluster"]["server"].as_str();
        let server = server.ok_or(CredentialsError::Missing("clusters[0].cluster.server"))?;
        let (host, port) = address(server).ok_or(CredentialsError::Wrong("clusters[0].cluster.server"))?;
        let ca = pem(&all["clusters"][0]["cluster"], "certificate-authority-data")?;
        let chain = pem(&all["users"][0]["user"], "client-certificate-data")?;
        let key = pem(&all["users"][0]["user"], "client-key-data")?;
        Ok(Credentials { host, port, tls: Arc::new(client_config(&ca, &chain, &key)?) })
    }
}

/// Host and port of `https://HOST:PORT`.
fn address(server: &str) -> Option<(String, u16)> {
    let uri: http::Uri = server.parse().ok()?;
    if uri.scheme_str() != Some("https") {
        return None;
    }
    Some((uri.host()?.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(443)))
}

fn pem(of: &Value, field: &'static str) -> Result<Zeroizing<Vec<u8>>, CredentialsError> {
    let text = of[field].as_str().ok_or(CredentialsError::Missing(field))?;
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_| CredentialsError::Wrong(field))
}

fn client_config(ca: &[u8], chain: &[u8], key: &[u8]) -> Result<ClientConfig, CredentialsError> {
    let certificates = |pem: &[u8], field| {
        CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|all| !all.is_empty())
            .ok_or(CredentialsError::Wrong(field))
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca, "certificate-authority-data")? {
        roots.add(certificate).map_err(|_| CredentialsError::Wrong("certificate-authority-data"))?;
    }
    let chain = certificates(chain, "client-certificate-data")?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CredentialsError::Wrong("client-key-data"))?;
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| CredentialsError::Unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| CredentialsError::Unusable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kubeconfig with a certificate of its own, and the same with one field changed.
    fn kubeconfig(change: impl Fn(&mut Value)) -> String {
        let made = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap();
        let (certificate, key) =
            (STANDARD.encode(made.cert.pem()), STANDARD.encode(made.signing_key.serialize_pem()));
        let mut all = serde_json::json!({
            "clusters": [{ "cluster": { "server": "https://127.0.0.1:7443", "certificate-authority-data": certificate } }],
            "users": [{ "user": { "client-certificate-data": certificate, "client-key-data": key } }],
        });
        change(&mut all);
        all.to_string()
    }

    #[test]
    fn a_kubeconfig_says_where_and_who() {
        let credentials = Credentials::parse(&kubeconfig(|_| {})).unwrap();
        assert_eq!((credentials.host.as_str(), credentials.port), ("127.0.0.1", 7443));
        assert_eq!(format!("{credentials:?}"), "Credentials(127.0.0.1:7443)");
    }

    #[test]
    fn addresses_are_those_of_https() {
        assert_eq!(address("https://[fd00::1]:6443"), Some(("fd00::1".to_owned(), 6443)));
        assert_eq!(address("https://api.plant"), Some(("api.plant".to_owned(), 443)));
        assert_eq!(address("http://127.0.0.1:8080"), None);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let refused = |change: fn(&mut Value)| Credentials::parse(&kubeconfig(change)).unwrap_err();
        assert_eq!(
            refused(|all| all["users"][0]["user"]["client-key-data"] = Value::Null),
            CredentialsError::Missing("client-key-data")
        );
        assert_eq!(
            refused(|all| all["users"][0]["user"]["client-key-data"] = "!".into()),
            CredentialsError::Wrong("client-key-data")
        );
        assert_eq!(
            refused(|all| all["clusters"][0]["cluster"]["server"] = "http://10.0.0.1".into()),
            CredentialsError::Wrong("clusters[0].cluster.server")
        );
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let stolen = kubeconfig(|all| {
            all["users"][0]["user"]["client-key-data"] = STANDARD.encode(&other).into();
        });
        assert!(matches!(Credentials::parse(&stolen), Err(CredentialsError::Unusable(_))));
        assert_eq!(Credentials::parse("[").unwrap_err(), CredentialsError::NotYaml);
    }
}
