//! The bundles that an instance has: taken in once, read whole, under a key that is trusted.

use std::path::Path;

use appliance_store::Store;
use appliance_store::ledger::BundleRow;
use bundles_store::{Bundle, PublicKey, Sealed, Trust};

use crate::asks::UnknownBundleKey;
use crate::bundle::{read_whole, verify};
use crate::error::{ControlError, Kind};
use crate::here::now_ms;

/// Opens the bundle at this path, reads every byte of it, and says what it is. Blocks for as long as that takes. `keep`
/// remembers that it was read.
pub fn admit(store: &Store, path: &Path, uploaded: bool, keep: bool) -> Result<BundleRow, ControlError> {
    let bundle = open(store, path)?;
    let failed = |error: &dyn std::error::Error, hint: &str| {
        ControlError::of(Kind::Refused, &format!("open bundle {}: ", path.display()), error).hint(hint)
    };
    verify(&bundle, store, keep)
        .map_err(|error| failed(&error, "bring it here again from where it was made"))?;
    let release = bundle.release();
    Ok(BundleRow {
        id: bundle.id().to_string(),
        path: std::path::absolute(path).map_err(|error| failed(&error, "name it by its whole path"))?,
        release: release.name.clone(),
        version: release.version.clone(),
        architectures: release.architectures.iter().map(|arch| arch.as_str().to_owned()).collect(),
        size: bundle.size(),
        signer: bundle.signer().to_string(),
        uploaded,
        verified_at: Some(now_ms()),
        added_at: 0,
        by: String::new(),
        revision: 0,
    })
}

/// Reads every byte of the bundle at this path again; `keep` remembers what was found. Blocks for as long as that takes.
pub fn read_again(store: &Store, path: &Path, keep: bool) -> Result<(), ControlError> {
    read_whole(&open(store, path)?, store, keep).map_err(|error| {
        ControlError::of(Kind::Refused, &format!("open bundle {}: ", path.display()), &error)
            .hint("bring it here again from where it was made")
    })
}

/// The bundle at this path, if one of the instance's keys sealed it.
pub fn open(store: &Store, path: &Path) -> Result<Bundle<Sealed>, ControlError> {
    let kind = if path.exists() { Kind::Refused } else { Kind::NotFound };
    let what = format!("open bundle {}: ", path.display());
    let unverified = Bundle::inspect(path).map_err(|error| ControlError::of(kind, &what, &error))?;
    let trust = vouched(store, unverified.signer(), path)?;
    unverified.seal(&trust).map_err(|error| ControlError::of(Kind::Refused, &what, &error))
}

/// The key that sealed the bundle at this path, if an administrator trusts it.
pub(crate) fn vouched(store: &Store, signer: &PublicKey, path: &Path) -> Result<Trust, ControlError> {
    let fingerprint = signer.fingerprint().to_string();
    let keys = store.bundle_keys().map_err(|error| ControlError::store("read the keys: ", &error))?;
    if keys.iter().any(|key| key.fingerprint == fingerprint) {
        return Ok(Trust::key(signer.clone()));
    }
    let why =
        format!("open bundle {}: it is sealed by {fingerprint}, which nobody vouched for", path.display());
    let mut error = ControlError::new(Kind::Conflict, why)
        .hint("an administrator trusts the key that came with it: POST /api/v1/bundle-keys");
    let (path, pem) = (path.to_owned(), signer.to_pem());
    error.asks.bundle_key = Some(UnknownBundleKey { path, fingerprint, pem });
    Err(error)
}

/// The fingerprint of a public key in PEM, if it is one that seals bundles.
pub fn fingerprint(pem: &str) -> Option<String> {
    PublicKey::from_pem(pem).map(|key| key.fingerprint().to_string())
}
