//! What the store keeps sealed, and the key that opens it.
//!
//! Plans and sites hold references to secrets, never secrets. What is sealed is what other programs said, in events and
//! in the output of steps: nobody chose those words, so any of them may be a token or a password. Each value is sealed by
//! XChaCha20-Poly1305 under a random nonce, and bound to its table and key: a row that was moved does not open.
//!
//! ```text
//!  value = 0x01 | nonce, 24 bytes | ciphertext and tag
//!  armilla.key = the key, 32 bytes, as 64 hex digits and a newline; mode 0600, beside the database
//!              | or wrapped (see `passphrase`): argon2id:MEMORY:PASSES:SALT:SEALED
//! ```
//!
//! The database names its key by a digest, so that a missing key is told apart from a wrong one.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::passphrase::{Passphrase, PassphraseError, Wrapped};

const FORMAT: u8 = 1;
const NONCE: usize = 24;
/// How much longer a sealed value is: format, nonce, tag.
pub(crate) const OVERHEAD: usize = 1 + NONCE + 16;

/// Why the store's key does not open it. Each completes "failed to".
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(
        "open the store: its key {} is missing, and without it what the database holds of runs stays sealed (key {id})",
        .path.display()
    )]
    Missing { path: PathBuf, id: String },
    #[error("open the store: {} is key {found}, and the database is sealed under key {wanted}", .path.display())]
    Wrong { path: PathBuf, found: String, wanted: String },
    #[error("open the store: {} is neither 64 hex digits nor a key under a passphrase", .path.display())]
    NotAKey { path: PathBuf },
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error("open the store: use its key {}", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("draw a key for the store")]
    Random(#[source] getrandom::Error),
    #[error("unseal {what}: it was changed, or sealed under another key")]
    Unseal { what: String },
}

/// Seals and opens values under one key.
pub(crate) struct Vault {
    cipher: XChaCha20Poly1305,
    id: String,
    marks: Zeroizing<[u8; 32]>,
}

impl Vault {
    /// The key's place in a state folder.
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join("armilla.key")
    }

    /// The key of a database that names one.
    pub(crate) fn open(dir: &Path, wanted: &str) -> Result<Vault, VaultError> {
        let path = Vault::path(dir);
        let vault = Vault::read(&path)?
            .ok_or_else(|| VaultError::Missing { path: path.clone(), id: wanted.to_owned() })?;
        if vault.id == wanted {
            return Ok(vault);
        }
        Err(VaultError::Wrong { path, found: vault.id, wanted: wanted.to_owned() })
    }

    /// A key for a database that names none yet. A file that is there was made by an opener that was cut off.
    pub(crate) fn open_or_make(dir: &Path) -> Result<Vault, VaultError> {
        let path = Vault::path(dir);
        if let Some(vault) = Vault::read(&path)? {
            return Ok(vault);
        }
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(VaultError::Random)?;
        write_new(&path, &key).map_err(|source| VaultError::Io { path, source })?;
        Ok(Vault::of(&key))
    }

    fn read(path: &Path) -> Result<Option<Vault>, VaultError> {
        Ok(read_key(path)?.map(|key| Vault::of(&key)))
    }

    fn of(key: &[u8; 32]) -> Vault {
        let mut hash = Sha256::new();
        hash.update(b"armilla store key");
        hash.update(key);
        let id = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let mut hash = Sha256::new();
        hash.update(b"armilla store marks");
        hash.update(key);
        let marks = Zeroizing::new(hash.finalize().into());
        Vault { cipher: XChaCha20Poly1305::new(key.into()), id, marks }
    }

    /// What the key in this file is called.
    pub(crate) fn id_of(path: &Path) -> Result<String, VaultError> {
        let vault = Vault::read(path)?.ok_or_else(|| VaultError::NotAKey { path: path.to_owned() })?;
        Ok(vault.id)
    }

    /// What the database calls its key.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Tells a digest from others without being one: who has the database alone cannot try what it was made of. The digest
    /// has one length, so that no longer message has a mark that follows from this one.
    pub(crate) fn mark(&self, digest: &[u8; 32]) -> String {
        let mut hash = Sha256::new();
        hash.update(*self.marks);
        hash.update(digest);
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// `place` says where the value goes: its table and key.
    pub(crate) fn seal(&self, place: &str, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        let payload = Payload { msg: value, aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.expect("invariant: no value comes near the 256 GiB that the cipher refuses");
        Ok([&[FORMAT], &nonce[..], &sealed].concat())
    }

    pub(crate) fn unseal(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let refused = || VaultError::Unseal { what: place.to_owned() };
        let (nonce, sealed) = match sealed {
            [FORMAT, rest @ ..] => rest.split_at_checked(NONCE).ok_or_else(refused)?,
            _ => return Err(refused()),
        };
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| refused())
    }
}

/// The key in this file, unwrapped where a passphrase protects it; `None` when there is no such file.
pub(crate) fn read_key(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, VaultError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(VaultError::Io { path: path.to_owned(), source }),
    };
    if let Some(wrapped) = Wrapped::parse(text.trim()) {
        return Ok(Some(wrapped.unwrap(&Passphrase::given()?)?));
    }
    Ok(Some(key_of(text.trim()).ok_or_else(|| VaultError::NotAKey { path: path.to_owned() })?))
}

fn key_of(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(key)
}

fn write_new(path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let digits: Zeroizing<String> = Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect());
    write_text(path, &digits)
}

/// Whole or not at all: a key that is half written would lock everybody out.
pub(crate) fn write_text(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("key.partial");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_where_it_was_put_and_nowhere_else() {
        let vault = Vault::of(&[7; 32]);
        let sealed = vault.seal("events 1", b"hunter2").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(vault.unseal("events 1", &sealed).unwrap(), b"hunter2");
        assert!(vault.unseal("events 2", &sealed).is_err(), "a row that was moved");
        assert!(Vault::of(&[8; 32]).unseal("events 1", &sealed).is_err(), "another key");
        assert_ne!(vault.seal("events 1", b"hunter2").unwrap(), sealed, "a nonce was used twice");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.unseal("events 1", &changed).is_err(), "byte {at}");
            assert!(vault.unseal("events 1", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_mark_is_that_of_one_digest_under_one_key() {
        let (vault, other) = (Vault::of(&[7; 32]), Vault::of(&[8; 32]));
        assert_eq!(vault.mark(&[1; 32]), Vault::of(&[7; 32]).mark(&[1; 32]));
        assert_ne!(vault.mark(&[1; 32]), vault.mark(&[2; 32]));
        assert_ne!(vault.mark(&[1; 32]), other.mark(&[1; 32]));
    }

    #[test]
    fn a_key_is_kept_and_one_that_is_missing_or_wrong_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open_or_make(dir.path()).unwrap();
        assert_eq!(Vault::open_or_make(dir.path()).unwrap().id(), vault.id());
        Vault::open(dir.path(), vault.id()).map(drop).unwrap();
        let refused = |wanted: &str| Vault::open(dir.path(), wanted).map(drop).unwrap_err();
        assert!(matches!(refused("0011223344556677"), VaultError::Wrong { .. }));
        fs::write(Vault::path(dir.path()), "nonsense\n").unwrap();
        assert!(matches!(refused(vault.id()), VaultError::NotAKey { .. }));
        fs::remove_file(Vault::path(dir.path())).unwrap();
        assert!(matches!(refused(vault.id()), VaultError::Missing { .. }));
    }
}
