//! Keys: the pair that seals, the public keys that are trusted.
//!
//! Both are PEM files that other tools read: PKCS#8 for the private key, SubjectPublicKeyInfo for the public one.
//! `openssl pkey -pubin -in KEY -outform DER | sha256sum` prints the fingerprint.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bundles_format::Digest;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Key files are a few hundred bytes; what is larger is something else.
const KEY_FILE_LIMIT: u64 = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("read the key {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("write the key {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("understand {path}: not an ed25519 private key in PEM")]
    NotPrivate { path: PathBuf },
    #[error("understand {path}: not an ed25519 public key in PEM")]
    NotPublic { path: PathBuf },
    #[error("use the key {path}: others may read it (mode {mode:o}, want 600)")]
    Open { path: PathBuf, mode: u32 },
    #[error("draw a key: the system gives no randomness: {0}")]
    Random(getrandom::Error),
}

/// The private half, which seals bundles.
pub struct KeyPair(SigningKey);

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair(… of {})", self.public().fingerprint())
    }
}

impl KeyPair {
    /// A new pair from the system's randomness.
    pub fn generate() -> Result<KeyPair, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(KeyError::Random)?;
        Ok(KeyPair(SigningKey::from_bytes(&seed)))
    }

    /// Reads a private key; one that others may read is refused, as ssh does.
    pub fn read(path: &Path) -> Result<KeyPair, KeyError> {
        let text = read_key_file(path)?;
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(path)
                .map_err(|source| KeyError::Read { path: path.into(), source })?
                .permissions(),
        ) & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Open { path: path.into(), mode });
        }
        let key =
            SigningKey::from_pkcs8_pem(&text).map_err(|_| KeyError::NotPrivate { path: path.into() })?;
        Ok(KeyPair(key))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.0.sign(message).to_bytes())
    }
}

/// The public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From 64 hex digits, as a seal holds it.
    pub(crate) fn from_hex(text: &str) -> Option<PublicKey> {
        let bytes: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(PublicKey)
    }

    pub(crate) fn to_hex(&self) -> String {
        hex::encode(self.0.as_bytes())
    }

    pub fn from_pem(text: &str) -> Option<PublicKey> {
        VerifyingKey::from_public_key_pem(text.trim()).ok().map(PublicKey)
    }

    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("32 bytes of key always have a PEM form")
    }

    /// sha256 of the SubjectPublicKeyInfo in DER.
    pub fn fingerprint(&self) -> Digest {
        let der = self.0.to_public_key_der().expect("32 bytes of key always have a DER form");
        Digest::from_sha256(Sha256::digest(der.as_bytes()).into())
    }

    pub(crate) fn signed(&self, message: &[u8], signature: &str) -> bool {
        let lower = signature.bytes().all(|digit| !digit.is_ascii_uppercase());
        let bytes = hex::decode(signature).ok().filter(|_| lower);
        let bytes: Option<[u8; 64]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let signature = bytes.map(|bytes| ed25519_dalek::Signature::from_bytes(&bytes));
        signature.is_some_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// The keys whose bundles are taken; they come from outside the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust(Vec<PublicKey>);

impl Trust {
    pub fn key(key: PublicKey) -> Trust {
        Trust(vec![key])
    }

    /// One or several public keys in PEM, one after the other.
    pub fn from_pem(text: &str) -> Option<Trust> {
        const END: &str = "-----END PUBLIC KEY-----";
        let blocks = text.split_inclusive(END).filter(|block| !block.trim().is_empty());
        let keys: Option<Vec<PublicKey>> = blocks.map(PublicKey::from_pem).collect();
        keys.filter(|keys| !keys.is_empty()).map(Trust)
    }

    pub fn read(path: &Path) -> Result<Trust, KeyError> {
        Trust::from_pem(&read_key_file(path)?).ok_or_else(|| KeyError::NotPublic { path: path.into() })
    }

    /// The keys of both.
    pub fn and(mut self, other: Trust) -> Trust {
        self.0.extend(other.0);
        self
    }

    pub fn has(&self, key: &PublicKey) -> bool {
        self.0.contains(key)
    }

    pub fn fingerprints(&self) -> Vec<Digest> {
        self.0.iter().map(PublicKey::fingerprint).collect()
    }
}

/// Makes a pair: the private key at `path` for its owner alone, the public one beside it as `path` + `.pub`.
///
/// Neither file may exist: a key that is overwritten is a bundle that nobody can renew.
pub fn keygen(path: &Path) -> Result<(KeyPair, PathBuf), KeyError> {
    let pair = KeyPair::generate()?;
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    let pem = pair.0.to_pkcs8_pem(LineEnding::LF).expect("an ed25519 key always has a PEM form");
    write_new(path, pem.as_bytes(), 0o600)?;
    write_new(&public, pair.public().to_pem().as_bytes(), 0o644)?;
    Ok((pair, public))
}

/// Remembers a key that somebody looked at and took, for the next time. The file may not exist yet.
pub fn pin(path: &Path, key: &PublicKey) -> Result<(), KeyError> {
    write_new(path, key.to_pem().as_bytes(), 0o644)
}

fn read_key_file(path: &Path) -> Result<String, KeyError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(KEY_FILE_LIMIT).read_to_string(&mut text))
        .map_err(|source| KeyError::Read { path: path.into(), source })?;
    Ok(text)
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), KeyError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .map_err(|source| KeyError::Write { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_pair_is_read_back_and_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seal.key");
        let (pair, public) = keygen(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(KeyPair::read(&path).unwrap().public(), pair.public());
        assert!(Trust::read(&public).unwrap().has(&pair.public()));
        assert!(matches!(keygen(&path), Err(KeyError::Write { .. })));
        assert_eq!(KeyPair::read(&path).unwrap().public(), pair.public());
    }

    #[test]
    fn a_private_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seal.key");
        keygen(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(KeyPair::read(&path), Err(KeyError::Open { mode: 0o644, .. })));
    }

    #[test]
    fn several_keys_may_be_trusted_and_anything_else_in_the_file_is_refused() {
        let [a, b] = [KeyPair::generate().unwrap().public(), KeyPair::generate().unwrap().public()];
        let trust = Trust::from_pem(&format!("{}{}", a.to_pem(), b.to_pem())).unwrap();
        assert!(trust.has(&a) && trust.has(&b));
        assert!(Trust::from_pem("").is_none());
        assert!(Trust::from_pem(&format!("{}junk", a.to_pem())).is_none());
    }

    #[test]
    fn a_fingerprint_is_what_openssl_computes() {
        // RFC 8410 section 10.1 has this key; the sum is of its DER form.
        let pem = "-----BEGIN PUBLIC KEY-----\n\
                   MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                   -----END PUBLIC KEY-----\n";
        let key = PublicKey::from_pem(pem).unwrap();
        assert_eq!(
            key.fingerprint().hex(),
            "a1e9156054e04fac899ae9f275132cdc07a5dbc4ea2c2ad3a1ffc6e0d253681f"
        );
    }
}
