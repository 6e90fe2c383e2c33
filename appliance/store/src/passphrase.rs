//! The store's key under a passphrase.
//!
//! ```text
//!  argon2id:MEMORY:PASSES:SALT:SEALED      memory in KiB, salt and sealed key in hex
//! ```
//!
//! The key itself stays what it was, sealed under what argon2id makes of the passphrase: another passphrase costs one small
//! file, and not a new seal on every row.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::store::Store;
use crate::vault::{VaultError, read_key, write_text};

/// Names a file whose first line is the passphrase, for a server that starts with nobody there; `-` is standard input.
pub const PASSPHRASE_FILE: &str = "ARMILLA_PASSPHRASE_FILE";
/// The credential of systemd that is the passphrase where no file is named: `LoadCredential=`, `LoadCredentialEncrypted=`.
pub(crate) const CREDENTIAL: &str = "armilla.passphrase";

/// 64 MiB and three passes: the second recommended option of RFC 9106, which a small machine can spare once at its start.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
/// The shortest passphrase that is taken, in bytes: whoever has the file can try as fast as their machines can.
const SHORTEST: usize = 12;
const SALT: usize = 16;
const NONCE: usize = 24;

/// Why a passphrase does not open the store's key. Each completes "failed to".
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    #[error(
        "open the store: a passphrase protects its key; neither does {PASSPHRASE_FILE} name a file with it, nor is there a \
         credential {CREDENTIAL} of systemd"
    )]
    Wanted,
    #[error("open the store: read its passphrase from {}", .path.display())]
    Unread {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("open the store: the passphrase is not that of its key")]
    Wrong,
    #[error("protect the store's key: a passphrase of at least {SHORTEST} characters is wanted")]
    Short,
    #[error("protect the store's key")]
    Random(#[source] getrandom::Error),
    #[error("compute a key from the passphrase: {0}")]
    Argon2(argon2::Error),
}

/// What somebody typed or a file says.
pub struct Passphrase(Zeroizing<String>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl Passphrase {
    /// One that is new.
    pub fn new(text: &str) -> Result<Passphrase, PassphraseError> {
        if text.len() < SHORTEST {
            return Err(PassphraseError::Short);
        }
        Ok(Passphrase(Zeroizing::new(text.to_owned())))
    }

    /// The first line of a file, or with `-` of standard input.
    pub fn read(path: &Path) -> Result<Passphrase, PassphraseError> {
        let text = match path == Path::new("-") {
            true => io::read_to_string(io::stdin()),
            false => fs::read_to_string(path),
        };
        let text = text.map(Zeroizing::new);
        let text = text.map_err(|source| PassphraseError::Unread { path: path.to_owned(), source })?;
        Ok(Passphrase(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())))
    }

    /// That of the file which the environment names, else that of systemd's credential.
    pub(crate) fn given() -> Result<Passphrase, PassphraseError> {
        let named = std::env::var_os(PASSPHRASE_FILE).map(PathBuf::from);
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        match place(named, credentials) {
            Some(path) => Passphrase::read(&path),
            None => Err(PassphraseError::Wanted),
        }
    }
}

/// Where the passphrase is read from. `credentials` is the folder of the service's credentials (`systemd.exec(5)`,
/// "Credentials").
fn place(named: Option<PathBuf>, credentials: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| credentials.map(|folder| folder.join(CREDENTIAL)).filter(|path| path.exists()))
}

/// A key under a passphrase.
pub(crate) struct Wrapped {
    memory: u32,
    passes: u32,
    salt: Vec<u8>,
    sealed: Vec<u8>,
}

impl Wrapped {
    pub(crate) fn parse(text: &str) -> Option<Wrapped> {
        let words: Vec<&str> = text.strip_prefix("argon2id:")?.split(':').collect();
        let [memory, passes, salt, sealed] = words.as_slice() else { return None };
        Some(Wrapped {
            memory: memory.parse().ok()?,
            passes: passes.parse().ok()?,
            salt: hex::decode(salt).ok()?,
            sealed: hex::decode(sealed).ok()?,
        })
    }

    fn text(&self) -> String {
        let Wrapped { memory, passes, salt, sealed } = self;
        format!("argon2id:{memory}:{passes}:{}:{}", hex::encode(salt), hex::encode(sealed))
    }

    fn wrap(key: &[u8; 32], passphrase: &Passphrase) -> Result<Wrapped, PassphraseError> {
        let (mut salt, mut nonce) = (vec![0; SALT], [0; NONCE]);
        getrandom::fill(&mut salt).map_err(PassphraseError::Random)?;
        getrandom::fill(&mut nonce).map_err(PassphraseError::Random)?;
        let wrapped = Wrapped { memory: MEMORY_KIB, passes: PASSES, salt, sealed: Vec::new() };
        let sealed = wrapped
            .cipher(passphrase)?
            .encrypt(XNonce::from_slice(&nonce), key.as_slice())
            .expect("invariant: 32 bytes are not too many");
        Ok(Wrapped { sealed: [&nonce[..], &sealed].concat(), ..wrapped })
    }

    pub(crate) fn unwrap(&self, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>, PassphraseError> {
        let (nonce, sealed) = self.sealed.split_at_checked(NONCE).ok_or(PassphraseError::Wrong)?;
        let opened = self.cipher(passphrase)?.decrypt(XNonce::from_slice(nonce), sealed);
        let opened = Zeroizing::new(opened.map_err(|_| PassphraseError::Wrong)?);
        let key: [u8; 32] = opened.as_slice().try_into().map_err(|_| PassphraseError::Wrong)?;
        Ok(Zeroizing::new(key))
    }

    fn cipher(&self, Passphrase(text): &Passphrase) -> Result<XChaCha20Poly1305, PassphraseError> {
        let params = Params::new(self.memory, self.passes, 1, Some(32)).map_err(PassphraseError::Argon2)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(text.as_bytes(), &self.salt, &mut *key)
            .map_err(PassphraseError::Argon2)?;
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }
}

/// Whether a passphrase protects the key in this state folder. `None`: there is no key, or none that can be read.
pub(crate) fn wrapped_text(dir: &Path) -> Option<String> {
    let text = fs::read_to_string(Store::key_path(dir)).ok()?;
    Wrapped::parse(text.trim()).map(|wrapped| wrapped.text())
}

impl Store {
    /// Puts the key of this state folder under a passphrase, or under another one, or with `None` under none. The key is
    /// read first, under the passphrase that it has. It works beside whoever has the store open.
    pub fn protect(dir: &Path, passphrase: Option<&Passphrase>) -> Result<(), VaultError> {
        let path = Store::key_path(dir);
        let key =
            read_key(&path)?.ok_or_else(|| VaultError::Missing { path: path.clone(), id: "any".into() })?;
        let text = Zeroizing::new(match passphrase {
            Some(passphrase) => Wrapped::wrap(&key, passphrase)?.text(),
            None => hex::encode(*key),
        });
        write_text(&path, &text).map_err(|source| VaultError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_of_systemd_serves_where_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (credentials, named) = (Some(folder.path().to_owned()), PathBuf::from("/named"));
        assert_eq!(place(None, credentials.clone()), None, "there is none of that name");
        fs::write(folder.path().join(CREDENTIAL), "correct horse battery\n").unwrap();
        assert_eq!(place(None, credentials.clone()), Some(folder.path().join("armilla.passphrase")));
        assert_eq!(place(Some(named.clone()), credentials), Some(named));
        assert_eq!(place(None, None), None);
    }

    #[test]
    fn a_key_opens_under_its_passphrase_alone() {
        let key = [7; 32];
        let right = Passphrase::new("correct horse battery").unwrap();
        let text = Wrapped::wrap(&key, &right).unwrap().text();
        assert!(!text.contains(&hex::encode(key)));
        let wrapped = Wrapped::parse(&text).unwrap();
        assert_eq!(*wrapped.unwrap(&right).unwrap(), key);
        let wrong = Passphrase::new("correct horse batterz").unwrap();
        assert!(matches!(wrapped.unwrap(&wrong), Err(PassphraseError::Wrong)));
        let damaged = Wrapped { sealed: wrapped.sealed[..20].to_vec(), ..wrapped };
        assert!(matches!(damaged.unwrap(&right), Err(PassphraseError::Wrong)));
        assert!(matches!(Passphrase::new("short"), Err(PassphraseError::Short)));
        assert!(Wrapped::parse(&hex::encode(key)).is_none());
    }
}
