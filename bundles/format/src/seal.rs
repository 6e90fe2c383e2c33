//! The seal: whose bundle it is.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// `armilla/seal.json`. It covers the index; the index covers every blob and gives the rest of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Version of the bundle format; see `FORMAT.md`.
    pub format: u32,
    /// sha256 of `armilla/release.json` as stored.
    pub index: Digest,
    /// Fingerprint of the key: sha256 of its SubjectPublicKeyInfo in DER, so that other tools can compute it.
    pub key: Digest,
    /// The ed25519 public key, 64 hex digits. It is here to be shown at first use; trust comes from outside.
    pub public_key: String,
    /// ed25519 over [`statement`], 128 hex digits.
    pub signature: String,
}

/// The bytes that are signed. The first line keeps a signature from meaning anything elsewhere.
pub fn statement(format: u32, index: &Digest) -> Vec<u8> {
    format!("armilla bundle\nformat {format}\nindex {index}\n").into_bytes()
}
