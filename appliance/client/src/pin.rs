//! Whom a client trusts: a server's own certificate authority, pinned by its fingerprint as SSH pins host keys.
//!
//! The authority makes certificates for the servers of one instance only, so a certificate of it that is in date and
//! made for servers says enough: under which name or address the server is reached does not matter. That is what lets
//! one pin work through a forwarded port, a new address or a name that the server does not know it has.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ClientError;
use crate::transport;

/// Where `armilla serve` listens when it is told nothing else.
const PORT: u16 = 9443;

#[derive(Debug, thiserror::Error)]
#[error("understand {0:?} as the address of a server: want https://HOST[:PORT]")]
pub struct AddressError(String);

/// `https://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// A name, or an address without brackets.
    host: String,
    port: u16,
}

impl Address {
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `HOST:PORT`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, InvalidDnsNameError> {
        ServerName::try_from(self.host.clone())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let wrong = || AddressError(text.to_owned());
        let rest = match text.split_once("://") {
            Some(("https", rest)) => rest,
            Some(_) => return Err(wrong()),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
                (host, after.strip_prefix(':').or(after.is_empty().then_some("")).ok_or_else(wrong)?)
            }
            None => rest.split_once(':').unwrap_or((rest, "")),
        };
        let port = if port.is_empty() { PORT } else { port.parse().map_err(|_| wrong())? };
        let address = Address { host: host.to_owned(), port };
        address.server_name().map_err(|_| wrong())?;
        Ok(address)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Address, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("understand {0:?} as a fingerprint: want 64 hex digits")]
pub struct FingerprintError(String);

/// SHA-256 over a certificate in DER, written as OpenSSL and the server write it: `AB:CD:…`. Read without colons, in small
/// letters and behind `sha256:`, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(certificate: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, FingerprintError> {
        let lower = text.to_ascii_lowercase();
        let digits = lower.strip_prefix("sha256:").unwrap_or(&lower).replace(':', "");
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| FingerprintError(text.to_owned()))?;
        Ok(Fingerprint(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        f.write_str(&bytes.join(":"))
    }
}

/// The certificate authority of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin(CertificateDer<'static>);

impl Pin {
    /// `der`: the authority's certificate.
    pub fn new(der: Vec<u8>) -> Pin {
        Pin(CertificateDer::from(der))
    }

    pub fn der(&self) -> &[u8] {
        &self.0
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }

    /// For connections to servers with a certificate of this authority.
    pub(crate) fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.clone())?;
        config(Trust::Pinned(roots))
    }
}

/// What a server presents, before anybody trusts it: nothing is sent to it. The last certificate is its authority's, and
/// the first one is of that authority, else the server is refused.
pub async fn look(address: &Address) -> Result<Pin, ClientError> {
    let config = config(Trust::Shown).map_err(|error| transport::untrusted(address, error))?;
    let stream = transport::tls(address, Arc::new(config)).await?;
    let (_, connection) = stream.get_ref();
    let presented = connection.peer_certificates().unwrap_or_default();
    let [first, between @ .., last] = presented else {
        let missing = rustls::Error::General("it does not present its certificate authority".to_owned());
        return Err(transport::untrusted(address, missing));
    };
    let mut roots = RootCertStore::empty();
    let verified = roots.add(last.clone()).and_then(|()| verify(first, between, &roots, UnixTime::now()));
    verified.map_err(|error| transport::untrusted(address, error))?;
    Ok(Pin(last.clone().into_owned()))
}

fn config(trust: Trust) -> Result<ClientConfig, rustls::Error> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let verifier = Arc::new(Verifier { trust, algorithms });
    let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificate is for servers, in date, and of one of these authorities.
fn verify(
    certificate: &CertificateDer<'_>,
    between: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let certificate = ParsedCertificate::try_from(certificate)?;
    let algorithms = ring::default_provider().signature_verification_algorithms;
    verify_server_cert_signed_by_trust_anchor(&certificate, roots, between, now, algorithms.all)
}

#[derive(Debug)]
enum Trust {
    /// Nothing is said to the server; what it presents is shown to somebody who decides.
    Shown,
    Pinned(RootCertStore),
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.trust {
            Trust::Shown => {}
            Trust::Pinned(roots) => verify(certificate, between, roots, now)?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[path = "pin_test.rs"]
mod tests;
