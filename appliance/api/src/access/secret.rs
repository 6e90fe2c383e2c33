//! Random bytes that open a door: cookies and tokens. The store knows their digests alone.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What API tokens begin with, so that people and scanners know one when they see it.
const MARK: &str = "armilla_";

/// A secret that a request carries: nothing prints it.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(crate) struct Hidden(pub(crate) Zeroizing<String>);

impl From<String> for Hidden {
    fn from(text: String) -> Hidden {
        Hidden(Zeroizing::new(text))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// A new secret: its text for the caller and its digest for the ledger.
pub(crate) struct Secret {
    pub(crate) text: Zeroizing<String>,
    /// sha256 of the 32 bytes, as 64 hex digits.
    pub(crate) digest: String,
}

impl Secret {
    pub(crate) fn cookie() -> Result<Secret, getrandom::Error> {
        Secret::draw("")
    }

    pub(crate) fn token() -> Result<Secret, getrandom::Error> {
        Secret::draw(MARK)
    }

    fn draw(mark: &str) -> Result<Secret, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        let text = Zeroizing::new(format!("{mark}{}", URL_SAFE_NO_PAD.encode(*bytes)));
        Ok(Secret { text, digest: hex::encode(Sha256::digest(*bytes)) })
    }
}

/// The digest of a secret that somebody shows; `None` when it cannot be one.
pub(super) fn digest_of(text: &str) -> Option<String> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    (bytes.len() == 32).then(|| hex::encode(Sha256::digest(&*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_digest() {
        for secret in [Secret::cookie().unwrap(), Secret::token().unwrap()] {
            assert_eq!(digest_of(&secret.text), Some(secret.digest));
        }
        assert!(Secret::token().unwrap().text.starts_with("armilla_"));
        for text in ["", "armilla_", "xyz", &"A".repeat(44), "ä"] {
            assert_eq!(digest_of(text), None, "{text}");
        }
    }
}
