//! What else an instance keeps: sites, pinned keys, the last check of each site.

use std::os::unix::fs::MetadataExt;

use appliance_ledger::{
    Actor, Addon, BundleKey, Check, CheckCommand, Command, Founded, HostKeyCommand, KeptBundle, Key,
    PinnedKey, Row, SiteCommand, WaiverCommand, Waivers,
};
use installer_model::waiver::KeptWaiver;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::{Store, StoreError, parsed};
use crate::tables::VERIFIED;

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
    /// Notes are written in this name.
    pub fn by<'a>(&'a self, actor: &'a Actor) -> By<'a> {
        By { store: self, actor }
    }

    /// Notes are written in the name of whoever opened the store: the command line's way.
    fn own(&self) -> By<'_> {
        self.by(&self.opener)
    }

    /// See [`By::put_site`].
    pub fn put_site<T: Serialize>(&self, name: &str, site: &T) -> Result<(), StoreError> {
        self.own().put_site(name, site)
    }

    pub fn site<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        self.row(name)?.map(|Founded(site)| parsed(name, site)).transpose()
    }

    /// See [`By::remove_site`].
    pub fn remove_site(&self, name: &str) -> Result<(), StoreError> {
        self.own().remove_site(name)
    }

    /// See [`By::put_base`].
    pub fn put_base(&self, site: &str, bundle: &KeptBundle) -> Result<(), StoreError> {
        self.own().put_base(site, bundle)
    }

    pub fn base(&self, site: &str) -> Result<Option<KeptBundle>, StoreError> {
        self.row(site)
    }

    /// See [`By::put_addon`].
    pub fn put_addon<T: Serialize>(&self, site: &str, name: &str, addon: &T) -> Result<(), StoreError> {
        self.own().put_addon(site, name, addon)
    }

    /// The add-ons of a site by name.
    pub fn addons<T: DeserializeOwned>(&self, site: &str) -> Result<Vec<(String, T)>, StoreError> {
        let own = format!("{site}/");
        let mut found = Vec::new();
        for (name, Addon(addon)) in texts(self.rows(Some(&own.as_str().into()), usize::MAX)?) {
            let Some(name) = name.strip_prefix(&own) else { break };
            found.push((name.to_owned(), parsed(name, addon)?));
        }
        Ok(found)
    }

    /// Names of the sites whose clusters stand.
    pub fn site_names(&self) -> Result<Vec<String>, StoreError> {
        Ok(texts(self.rows::<Founded>(None, usize::MAX)?).map(|(name, _)| name).collect())
    }

    /// Trusts the key of the host that is reached at `address`, such as `10.0.0.1` or `10.0.0.1:2222`.
    pub fn pin_host_key(&self, address: &str, key: &PinnedKey) -> Result<(), StoreError> {
        let keys = vec![(address.to_owned(), key.clone())];
        self.submit_own(&Command::HostKeys(HostKeyCommand::Pin { keys })).map(drop)
    }

    pub fn host_key(&self, address: &str) -> Result<Option<PinnedKey>, StoreError> {
        self.row(address)
    }

    pub fn host_keys(&self) -> Result<Vec<(String, PinnedKey)>, StoreError> {
        Ok(texts(self.rows(None, usize::MAX)?).collect())
    }

    /// See [`By::pin_bundle_key`].
    pub fn pin_bundle_key(&self, key: &PinnedKey) -> Result<(), StoreError> {
        self.own().pin_bundle_key(key)
    }

    pub fn bundle_keys(&self) -> Result<Vec<PinnedKey>, StoreError> {
        Ok(self.rows(None, usize::MAX)?.into_iter().map(|(_, BundleKey(key))| key).collect())
    }

    /// Remembers that every byte of a bundle was found right in this state of its file. It tells of this machine's
    /// disk, so the ledger does not know of it.
    pub fn put_verified(&self, bundle: &str, stamp: &FileStamp) -> Result<(), StoreError> {
        self.put(VERIFIED, bundle, stamp)
    }

    pub fn verified(&self, bundle: &str) -> Result<Option<FileStamp>, StoreError> {
        self.get(VERIFIED, bundle)
    }

    /// See [`By::put_waivers`].
    pub fn put_waivers(&self, site: &str, waivers: &[KeptWaiver]) -> Result<(), StoreError> {
        self.own().put_waivers(site, waivers)
    }

    pub fn waivers(&self, site: &str) -> Result<Vec<KeptWaiver>, StoreError> {
        Ok(self.row::<Waivers>(site)?.unwrap_or_default().0)
    }

    /// See [`By::put_check`].
    pub fn put_check<T: Serialize>(&self, site: &str, check: &T) -> Result<(), StoreError> {
        self.own().put_check(site, check)
    }

    pub fn check<T: DeserializeOwned>(&self, site: &str) -> Result<Option<T>, StoreError> {
        self.row(site)?.map(|Check(check)| parsed(site, check)).transpose()
    }
}

/// Writes notes in somebody's name: the audit says who asked for what a server writes down, and not who started the server.
#[derive(Clone, Copy)]
pub struct By<'a> {
    store: &'a Store,
    actor: &'a Actor,
}

impl<'a> By<'a> {
    /// What it writes to.
    pub fn reading(&self) -> &'a Store {
        self.store
    }

    /// Keeps a validated site under its name, as its cluster was founded.
    pub fn put_site<T: Serialize>(&self, name: &str, site: &T) -> Result<(), StoreError> {
        self.note(Command::Sites(SiteCommand::Found { name: name.to_owned(), site: value(site) }))
    }

    /// Forgets a site and its add-ons. Its runs stay.
    pub fn remove_site(&self, name: &str) -> Result<(), StoreError> {
        self.note(Command::Sites(SiteCommand::Unfound { name: name.to_owned() }))
    }

    /// Remembers where the bundle of a site lies.
    pub fn put_base(&self, site: &str, bundle: &KeptBundle) -> Result<(), StoreError> {
        if self.store.base(site)?.as_ref() == Some(bundle) {
            return Ok(());
        }
        let command = SiteCommand::SetBase { name: site.to_owned(), bundle: bundle.clone() };
        self.note(Command::Sites(command))
    }

    /// Keeps an add-on of a site under its name; one of the same name gives way.
    pub fn put_addon<T: Serialize>(&self, site: &str, name: &str, addon: &T) -> Result<(), StoreError> {
        let (site, addon, content) = (site.to_owned(), name.to_owned(), value(addon));
        self.note(Command::Sites(SiteCommand::SetAddon { name: site, addon, content }))
    }

    /// Trusts a key that seals bundles, under its fingerprint.
    pub fn pin_bundle_key(&self, key: &PinnedKey) -> Result<(), StoreError> {
        self.note(Command::HostKeys(HostKeyCommand::PinBundleKey { key: key.clone() }))
    }

    /// Keeps what was decided to go on in spite of.
    pub fn put_waivers(&self, site: &str, waivers: &[KeptWaiver]) -> Result<(), StoreError> {
        let command = WaiverCommand::Put { site: site.to_owned(), waivers: waivers.to_vec() };
        self.note(Command::Waivers(command))
    }

    /// Keeps the findings and survey of a site's last check.
    pub fn put_check<T: Serialize>(&self, site: &str, check: &T) -> Result<(), StoreError> {
        self.note(Command::Checks(CheckCommand::Put { site: site.to_owned(), check: value(check) }))
    }

    fn note(&self, command: Command) -> Result<(), StoreError> {
        self.store.submit(self.actor, &command).map(drop)
    }
}

fn value<T: Serialize>(noun: &T) -> Value {
    serde_json::to_value(noun).expect("invariant: what is stored has text keys and no fallible serializer")
}

fn texts<R: Row>(rows: Vec<(Key, R)>) -> impl Iterator<Item = (String, R)> {
    rows.into_iter().filter_map(|(key, row)| match key {
        Key::Text(key) => Some((key, row)),
        Key::Number(_) => None,
    })
}
