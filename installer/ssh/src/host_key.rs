//! Host keys by their fingerprint.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

/// The sha256 of a host's public key, written as OpenSSH writes it: `SHA256:` and base64 without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a host key fingerprint (want SHA256: and 43 characters, as `ssh-keygen -lf` prints it)"
)]
pub struct FingerprintError(String);

impl Fingerprint {
    /// Of a public key in the format of RFC 4253 section 6.6.
    pub fn of(public_key: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(public_key).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, FingerprintError> {
        let bad = || FingerprintError(text.to_owned());
        let encoded = text.strip_prefix("SHA256:").ok_or_else(bad)?.trim_end_matches('=');
        let bytes = STANDARD_NO_PAD.decode(encoded).map_err(|_| bad())?;
        bytes.try_into().map(Fingerprint).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let text = "SHA256:uNiVztksCsDhcc0u9e8BrrJXVUDF3S4wuaOyKrJKbFk";
        assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), text);
        assert_eq!(format!("{text}=").parse::<Fingerprint>().unwrap().to_string(), text);
    }

    #[test]
    fn other_hashes_are_refused_by_name() {
        for text in ["MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", "SHA256:short", ""] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
