//! What else an instance keeps: sites, pinned keys, the last check of each site.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use installer_model::waiver::KeptWaiver;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError};
use crate::tables::{ADDONS, BASES, BUNDLE_KEYS, CHECKS, HOST_KEYS, SITES, VERIFIED, WAIVERS};

/// A public key that was trusted, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedKey {
    /// What people compare, such as `SHA256:…`.
    pub fingerprint: String,
    /// The public key itself, in the text form of its kind; empty where the fingerprint is enough.
    #[serde(default)]
    pub key: String,
    /// Unix time in milliseconds.
    pub pinned_at: u64,
}

/// A bundle file that was used, and whose key was trusted for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBundle {
    /// Absolute.
    pub path: PathBuf,
    /// The public key in PEM.
    pub signer: String,
}

/// Tells one state of a file from another without reading it, as make and rsync do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    pub device: u64,
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Unix time in nanoseconds of the last change to content or attributes, which nobody can set.
    pub changed_ns: i128,
}

impl FileStamp {
    pub fn of(metadata: &std::fs::Metadata) -> FileStamp {
        FileStamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed_ns: i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()),
        }
    }
}

impl Store {
    /// Keeps a validated site under its name.
    pub fn put_site<T: Serialize>(&self, name: &str, site: &T) -> Result<(), StoreError> {
        self.put(SITES, name, site)
    }

    pub fn site<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        self.get(SITES, name)
    }

    /// Forgets a site and its add-ons. Its runs stay.
    pub fn remove_site(&self, name: &str) -> Result<(), StoreError> {
        for (addon, _) in self.addons::<serde_json::Value>(name)? {
            self.remove(ADDONS, &format!("{name}/{addon}"))?;
        }
        self.remove(SITES, name)
    }

    /// Remembers where the bundle of a site lies.
    pub fn put_base(&self, site: &str, bundle: &KeptBundle) -> Result<(), StoreError> {
        self.put(BASES, site, bundle)
    }

    pub fn base(&self, site: &str) -> Result<Option<KeptBundle>, StoreError> {
        self.get(BASES, site)
    }

    /// Keeps an add-on of a site under its name; one of the same name gives way.
    pub fn put_addon<T: Serialize>(&self, site: &str, name: &str, addon: &T) -> Result<(), StoreError> {
        self.put(ADDONS, &format!("{site}/{name}"), addon)
    }

    /// The add-ons of a site by name.
    pub fn addons<T: DeserializeOwned>(&self, site: &str) -> Result<Vec<(String, T)>, StoreError> {
        let own = format!("{site}/");
        let mut found = Vec::new();
        for (key, _) in self.list::<serde::de::IgnoredAny>(ADDONS)? {
            if let (Some(name), Some(addon)) = (key.strip_prefix(&own), self.get(ADDONS, &key)?) {
                found.push((name.to_owned(), addon));
            }
        }
        Ok(found)
    }

    pub fn site_names(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.list::<serde_json::Value>(SITES)?.into_iter().map(|(name, _)| name).collect())
    }

    /// Trusts the key of the host that is reached at `address`, such as `10.0.0.1` or `10.0.0.1:2222`.
    pub fn pin_host_key(&self, address: &str, key: &PinnedKey) -> Result<(), StoreError> {
        self.put(HOST_KEYS, address, key)
    }

    pub fn host_key(&self, address: &str) -> Result<Option<PinnedKey>, StoreError> {
        self.get(HOST_KEYS, address)
    }

    pub fn host_keys(&self) -> Result<Vec<(String, PinnedKey)>, StoreError> {
        self.list(HOST_KEYS)
    }

    /// Trusts a key that seals bundles, under its fingerprint.
    pub fn pin_bundle_key(&self, key: &PinnedKey) -> Result<(), StoreError> {
        self.put(BUNDLE_KEYS, &key.fingerprint, key)
    }

    pub fn bundle_keys(&self) -> Result<Vec<PinnedKey>, StoreError> {
        Ok(self.list(BUNDLE_KEYS)?.into_iter().map(|(_, key)| key).collect())
    }

    /// Remembers that every byte of a bundle was found right in this state of its file.
    pub fn put_verified(&self, bundle: &str, stamp: &FileStamp) -> Result<(), StoreError> {
        self.put(VERIFIED, bundle, stamp)
    }

    pub fn verified(&self, bundle: &str) -> Result<Option<FileStamp>, StoreError> {
        self.get(VERIFIED, bundle)
    }

    /// Keeps what was decided to go on in spite of.
    pub fn put_waivers(&self, site: &str, waivers: &[KeptWaiver]) -> Result<(), StoreError> {
        self.put(WAIVERS, site, &waivers)
    }

    pub fn waivers(&self, site: &str) -> Result<Vec<KeptWaiver>, StoreError> {
        Ok(self.get(WAIVERS, site)?.unwrap_or_default())
    }

    /// Keeps the findings and survey of a site's last check.
    pub fn put_check<T: Serialize>(&self, site: &str, check: &T) -> Result<(), StoreError> {
        self.put(CHECKS, site, check)
    }

    pub fn check<T: DeserializeOwned>(&self, site: &str) -> Result<Option<T>, StoreError> {
        self.get(CHECKS, site)
    }
}
