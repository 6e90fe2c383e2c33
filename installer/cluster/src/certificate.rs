//! Certificates: whose, for what names, until when.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::name::Name;

use crate::dial::{Dial, tls};
use crate::error::ClusterError;

/// Why a certificate cannot be told of. Completes "failed to".
#[derive(Debug, thiserror::Error)]
#[error("read the certificate: {0}")]
pub struct CertificateError(String);

/// A certificate's dates and names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClusterCertificate)]
pub struct Certificate {
    /// The host it is on.
    pub host: String,
    /// Where: a file, or a port that showed it.
    pub place: String,
    /// The name of whom it stands for.
    pub subject: String,
    /// The name of the authority that signed it; the subject's own where it signed itself.
    pub issuer: String,
    /// Whether it may sign others.
    pub authority: bool,
    /// Names and addresses that it stands for.
    pub names: Vec<String>,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// The same as milliseconds since 1970, for those who compare.
    pub not_after_ms: u64,
}

/// The certificates of a text in PEM, of a chain the first alone. A text without any has none: keys are passed over.
pub fn certificates_in(host: &str, place: &str, pem: &str) -> Result<Option<Certificate>, CertificateError> {
    use rustls::pki_types::pem::PemObject;
    match CertificateDer::pem_slice_iter(pem.as_bytes()).next() {
        Some(Ok(der)) => Certificate::of(host, place, &der).map(Some),
        Some(Err(error)) => Err(CertificateError(error.to_string())),
        None => Ok(None),
    }
}

/// The certificate of a kubeconfig's user; none where it lies in a file of its own.
pub fn certificate_of_kubeconfig(
    host: &str,
    place: &str,
    text: &str,
) -> Result<Option<Certificate>, CertificateError> {
    let all: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|_| CertificateError("it is not YAML".to_owned()))?;
    let Some(inside) = all["users"][0]["user"]["client-certificate-data"].as_str() else { return Ok(None) };
    let pem = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, inside);
    let pem = pem.map_err(|error| CertificateError(error.to_string()))?;
    certificates_in(host, place, &String::from_utf8_lossy(&pem))
}

impl Certificate {
    pub(crate) fn of(host: &str, place: &str, der: &[u8]) -> Result<Certificate, CertificateError> {
        let wrong = |error: x509_cert::der::Error| CertificateError(error.to_string());
        let certificate = x509_cert::Certificate::from_der(der).map_err(wrong)?;
        let body = certificate.tbs_certificate;
        let names = body.get::<SubjectAltName>().map_err(wrong)?;
        let constraints = body.get::<BasicConstraints>().map_err(wrong)?;
        let until = body.validity.not_after.to_date_time();
        Ok(Certificate {
            host: host.to_owned(),
            place: place.to_owned(),
            subject: common_name(&body.subject),
            issuer: common_name(&body.issuer),
            authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
            names: names.map(|(_, names)| names.0.iter().filter_map(name).collect()).unwrap_or_default(),
            not_before: body.validity.not_before.to_date_time().to_string(),
            not_after: until.to_string(),
            not_after_ms: u64::try_from(until.unix_duration().as_millis()).unwrap_or(u64::MAX),
        })
    }
}

fn common_name(name: &Name) -> String {
    let parts = name.0.iter().flat_map(|part| part.0.iter());
    let common = { parts }
        .find(|part| part.oid == COMMON_NAME)
        .map(|part| String::from_utf8_lossy(part.value.value()).into_owned());
    common.unwrap_or_else(|| name.to_string())
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes().len() {
            4 => <[u8; 4]>::try_from(bytes.as_bytes()).ok().map(|four| Ipv4Addr::from(four).to_string()),
            16 => <[u8; 16]>::try_from(bytes.as_bytes()).ok().map(|all| Ipv6Addr::from(all).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The certificate that a server shows. Nothing is sent to it, so nothing is checked either: its dates are what is asked for.
pub(crate) async fn shown(
    dial: &Dial,
    host: &str,
    address: &str,
    port: u16,
) -> Result<Certificate, ClusterError> {
    let place = format!("{address}:{port}");
    let what = format!("see the certificate of {place}");
    let provider = Arc::new(ring::default_provider());
    let anybody = Arc::new(Anybody(provider.signature_verification_algorithms));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("invariant: ring has suites for the default versions")
        .dangerous()
        .with_custom_certificate_verifier(anybody)
        .with_no_client_auth();
    let unreachable = |reason: String| ClusterError::Unreachable { what: what.clone(), reason };
    let stream = tls(dial, Arc::new(config), address.to_owned(), port)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let (_, session) = stream.get_ref();
    let first = session.peer_certificates().and_then(<[CertificateDer<'_>]>::first);
    let first = first.ok_or_else(|| unreachable("it showed none".to_owned()))?;
    Certificate::of(host, &place, first)
        .map_err(|error| ClusterError::Nonsense { what: what.clone(), reason: error.0 })
}

/// Takes any certificate: see [`shown`].
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

impl crate::Cluster {
    /// The certificate that the API server shows to us.
    pub async fn api_certificate(&self, host: &str) -> Result<Certificate, ClusterError> {
        shown(&self.dial, host, &self.host, self.port).await
    }

    /// The serving certificate of a node's kubelet, as a control plane sees it.
    pub async fn kubelet_certificate(&self, host: &str, address: &str) -> Result<Certificate, ClusterError> {
        shown(&self.dial, host, address, KUBELET).await
    }
}

/// The kubelet's port. Source: `port` of KubeletConfiguration, which the installer leaves as it is.
const KUBELET: u16 = 10250;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers;
    use crate::dial::directly;

    #[test]
    fn kubeadms_certificate_of_an_api_server_is_read() {
        let place = "/etc/kubernetes/pki/apiserver.crt";
        let told = certificates_in("h1", place, answers::API_SERVER).unwrap().unwrap();
        assert_eq!((told.subject.as_str(), told.issuer.as_str()), ("kube-apiserver", "kubernetes"));
        assert!(!told.authority);
        // As `openssl x509 -dates` tells them.
        assert_eq!(told.not_before, "2026-11-21T07:31:33Z");
        assert_eq!(told.not_after, "2027-11-21T07:36:33Z");
        assert_eq!(told.not_after_ms, 1_826_782_593_000);
        for name in ["h1", "kubernetes.default.svc", "10.96.0.1", "10.77.0.11", "127.0.0.1"] {
            assert!(told.names.iter().any(|one| one == name), "{name} in {:?}", told.names);
        }
    }

    #[test]
    fn what_holds_no_certificate_has_none_and_what_is_broken_says_so() {
        assert_eq!(certificates_in("h1", "x", "nothing\n").unwrap(), None);
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(certificates_in("h1", "x", &key).unwrap(), None);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(certificates_in("h1", "x", broken).is_err());
    }

    #[test]
    fn the_certificate_inside_a_kubeconfig_is_read() {
        let inside = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, answers::API_SERVER);
        let text = format!("users:\n- user: {{client-certificate-data: {inside}, client-key-data: xyz}}\n");
        let told = certificate_of_kubeconfig("h1", "admin.conf", &text).unwrap().unwrap();
        assert_eq!((told.subject.as_str(), told.place.as_str()), ("kube-apiserver", "admin.conf"));
        let elsewhere = "users:\n- user: {client-certificate: /var/lib/kubelet/x.pem}\n";
        assert_eq!(certificate_of_kubeconfig("h1", "kubelet.conf", elsewhere).unwrap(), None);
        let broken = "users:\n- user: {client-certificate-data: '!'}\n";
        assert!(certificate_of_kubeconfig("h1", "x", broken).is_err());
    }

    #[test]
    fn authorities_are_told_apart() {
        let mut wanted = rcgen::CertificateParams::new(Vec::new()).unwrap();
        wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let made = wanted.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert!(certificates_in("h1", "x", &made.pem()).unwrap().unwrap().authority);
    }

    #[tokio::test]
    async fn a_server_that_nobody_vouches_for_shows_its_certificate() {
        let made = rcgen::generate_simple_self_signed(["kubelet.test".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await;
        });
        let told = shown(&directly(), "h9", "127.0.0.1", port).await.unwrap();
        assert_eq!((told.host.as_str(), told.place), ("h9", format!("127.0.0.1:{port}")));
        assert_eq!(told.names, ["kubelet.test"]);
    }
}
