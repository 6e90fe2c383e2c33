//! sha256 over plans and their contents.

use bundles_format::Digest;
use sha2::{Digest as _, Sha256};

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}
