//! The instance's certificate authority and what it signs.

use std::fmt::Write;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::{Zeroize, Zeroizing};

const DAY: i64 = 86_400;
/// A server certificate lives this long; browsers refuse more than 398 days.
const LEAF_LIFE: i64 = 90 * DAY;
/// It is renewed when this much is left.
const LEAF_REST: i64 = 30 * DAY;
/// Clients' clocks may be behind by this much.
const SKEW: i64 = DAY;

/// Why certificates cannot be made. Completes "failed to".
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("make a certificate")]
    Make(#[from] rcgen::Error),
    #[error("use a key that was just made")]
    Key(#[source] rustls::Error),
    #[error("read the certificate authority from the store")]
    Read(#[source] serde_json::Error),
    #[error("draw random bytes")]
    Random(#[source] getrandom::Error),
}

/// A certificate authority: its certificate and the key that signs.
pub struct Authority {
    kept: Kept,
}

/// As it lies, sealed, in the store.
#[derive(Serialize, Deserialize)]
struct Kept {
    common_name: String,
    /// DER in hex digits.
    certificate: String,
    /// PKCS #8 in PEM.
    key: String,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Authority {
    /// A new one. It does not expire (RFC 5280, section 4.1.2.5): it is pinned by its fingerprint, and a date would only
    /// lock its clients out; nor does it depend on a clock that is wrong at the first start.
    pub fn make() -> Result<Authority, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut mark = [0; 4];
        getrandom::fill(&mut mark).map_err(AuthorityError::Random)?;
        let common_name = format!("Armilla CA {}", hex::encode(mark));
        let certificate = params(&common_name).self_signed(&key)?;
        let (certificate, key) = (hex::encode(certificate.der()), key.serialize_pem());
        Ok(Authority { kept: Kept { common_name, certificate, key } })
    }

    /// What [`Authority::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Authority, AuthorityError> {
        serde_json::from_slice(bytes).map(|kept| Authority { kept }).map_err(AuthorityError::Read)
    }

    /// With the key: for the vault alone.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(&self.kept).expect("invariant: three texts"))
    }

    /// The certificate in DER.
    pub fn certificate(&self) -> Vec<u8> {
        self.der().to_vec()
    }

    fn der(&self) -> CertificateDer<'static> {
        hex::decode(&self.kept.certificate).expect("invariant: written by `make`").into()
    }

    /// As `openssl x509 -fingerprint -sha256` prints it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.der())
    }

    /// The certificate for clients to trust.
    pub fn certificate_pem(&self) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(self.der());
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("invariant: base64 is ASCII"))
            .collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// A server certificate for these names and addresses. `now` is Unix time in seconds.
    pub(super) fn issue(&self, names: &[String], now: i64) -> Result<Leaf, AuthorityError> {
        let ends = now + LEAF_LIFE;
        let issuer = Issuer::new(params(&self.kept.common_name), KeyPair::from_pem(&self.kept.key)?);
        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name = rcgen::DistinguishedName::new();
        leaf.distinguished_name.push(DnType::CommonName, "armilla");
        leaf.not_before = moment(now - SKEW);
        leaf.not_after = moment(ends);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&key, &issuer)?;
        let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signer = any_supported_type(&secret).map_err(AuthorityError::Key)?;
        // The authority comes along, so that a client that knows its fingerprint alone can pin it.
        let chain = vec![certificate.der().clone(), self.der()];
        Ok(Leaf { names: names.to_vec(), issued: now, ends, key: Arc::new(CertifiedKey::new(chain, signer)) })
    }
}

/// What makes the authority the same one each time: its name and what its key is for.
fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(9999, 12, 31) + time::Duration::new(DAY - 1, 0);
    params
}

/// A clock that is out of its mind gives the edge of what a certificate can say.
fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds.clamp(0, 253_402_300_799))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A server certificate with its key.
pub(super) struct Leaf {
    pub(super) names: Vec<String>,
    /// Unix time in seconds.
    issued: i64,
    ends: i64,
    pub(super) key: Arc<CertifiedKey>,
}

impl Leaf {
    /// Whether another one is wanted: it grows old, other names, or a clock that was set back behind its beginning.
    pub(super) fn due(&self, names: &[String], now: i64) -> bool {
        now > self.ends - LEAF_REST || now < self.issued - SKEW || self.names != names
    }
}

/// SHA-256 of a certificate in DER, as `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().fold(String::new(), |mut text, byte| {
        let colon = if text.is_empty() { "" } else { ":" };
        write!(text, "{colon}{byte:02X}").expect("invariant: a string takes all");
        text
    })
}

/// The fingerprint of what [`Authority::certificate_pem`] wrote; `None` of anything else.
pub(crate) fn fingerprint_of_pem(pem: &str) -> Option<String> {
    use base64::Engine;
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    (!der.is_empty()).then(|| fingerprint(&der))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_stays_the_same_one_and_signs_for_itself() {
        let authority = Authority::make().unwrap();
        let again = Authority::from_bytes(&authority.to_bytes()).unwrap();
        assert_eq!(again.fingerprint(), authority.fingerprint());
        assert_eq!(again.fingerprint().len(), 32 * 3 - 1);
        assert_eq!(fingerprint_of_pem(&again.certificate_pem()), Some(again.fingerprint()));
        assert_eq!(fingerprint_of_pem(""), None);
        let leaf = again.issue(&["10.0.0.1".into(), "armilla.example".into()], 1_000_000_000).unwrap();
        assert_eq!(leaf.key.cert[1].as_ref(), authority.der().as_ref());
    }

    #[test]
    fn a_certificate_is_due_when_it_grows_old_or_names_or_the_clock_change() {
        let authority = Authority::make().unwrap();
        let (start, names) = (1_800_000_000, vec!["a".to_owned()]);
        let leaf = authority.issue(&names, start).unwrap();
        assert!(!leaf.due(&names, start));
        assert!(!leaf.due(&names, start + LEAF_LIFE - LEAF_REST));
        assert!(leaf.due(&names, start + LEAF_LIFE - LEAF_REST + 1));
        assert!(leaf.due(&["b".to_owned()], start));
        assert!(leaf.due(&names, start - SKEW - 1), "the clock was set back");
    }

    #[test]
    fn no_clock_is_too_wrong_for_a_certificate() {
        let authority = Authority::make().unwrap();
        for now in [i64::MIN / 2, -1, 0, i64::MAX / 2] {
            authority.issue(&["a".into()], now).unwrap();
        }
    }
}
