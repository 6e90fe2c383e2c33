//! The lock: what the catalogue's names were resolved to, so that the next build gets the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bundles_format::{Arch, Digest};
use serde::{Deserialize, Serialize};

/// The lock that belongs to the catalogue in this binary.
const BUILT_IN: &str = include_str!("../../catalog/lock.json");

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("read the lock {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("understand the lock {path}")]
    Parse { path: PathBuf, source: serde_json::Error },
    #[error("write the lock {path}")]
    Write { path: PathBuf, source: std::io::Error },
}

/// Everything resolved, by `component/source`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    #[serde(default)]
    pub modules: BTreeMap<String, LockedModules>,
    #[serde(default)]
    pub packages: BTreeMap<String, LockedPackages>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub downloads: BTreeMap<String, LockedDownloads>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, LockedImage>,
}

/// What the addresses of a web server gave, per architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedDownloads {
    pub asked: Digest,
    pub files: BTreeMap<Arch, Download>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    pub sha256: Digest,
    pub size: u64,
}

/// What the name of an image stood for: a manifest, or an index of several platforms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedImage {
    pub asked: Digest,
    pub digest: Digest,
}

/// What a Go source was resolved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedModules {
    /// The hash of what was asked for: when the catalogue asks for something else, this entry is stale.
    pub asked: Digest,
    /// Go's hash of the main module's content.
    pub h1: String,
    /// The wrapper's go.mod, line by line.
    pub go_mod: Vec<String>,
    /// The wrapper's go.sum: the hash of every module that takes part.
    pub go_sum: Vec<String>,
}

/// What a Debian source was resolved to, per architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackages {
    pub asked: Digest,
    pub packages: BTreeMap<Arch, Vec<Package>>,
}

/// One package of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// As Debian names it; `all` for what fits every one.
    pub architecture: String,
    pub sha256: Digest,
}

impl Lock {
    pub fn built_in() -> Lock {
        serde_json::from_str(BUILT_IN).expect("the lock in this binary is read by its tests")
    }

    /// An absent file is an empty lock.
    pub fn read(path: &Path) -> Result<Lock, LockError> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                serde_json::from_str(&text).map_err(|source| LockError::Parse { path: path.into(), source })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
            Err(source) => Err(LockError::Read { path: path.into(), source }),
        }
    }

    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let text = serde_json::to_string_pretty(self).expect("a lock is plain data") + "\n";
        std::fs::write(path, text).map_err(|source| LockError::Write { path: path.into(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_in_the_binary_covers_the_catalogue_in_the_binary() {
        use crate::catalog::{Catalog, SourceSpec};
        let lock = Lock::built_in();
        for component in Catalog::built_in().components {
            for (name, source) in &component.sources {
                let key = format!("{}/{name}", component.name);
                let asked = match source {
                    SourceSpec::Go(go) => {
                        lock.modules.get(&key).map(|entry| (&entry.asked, crate::go::asked(go)))
                    }
                    SourceSpec::Deb(deb) => {
                        lock.packages.get(&key).map(|entry| (&entry.asked, crate::deb::asked(deb)))
                    }
                    SourceSpec::Url(url) => {
                        lock.downloads.get(&key).map(|entry| (&entry.asked, crate::remote::asked_url(url)))
                    }
                    SourceSpec::Oci(oci) => {
                        lock.images.get(&key).map(|entry| (&entry.asked, crate::remote::asked_oci(oci)))
                    }
                    SourceSpec::File(_) => continue,
                };
                let (locked, wanted) = asked.unwrap_or_else(|| panic!("{key} is not in the lock"));
                assert_eq!(*locked, wanted, "{key} is stale in the lock");
            }
        }
    }
}
