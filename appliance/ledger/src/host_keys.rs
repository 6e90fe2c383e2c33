//! Keys that were trusted: of hosts, and of those who seal bundles.

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::Refused;
use crate::table::{Row, Table};

/// A public key that was trusted, and since when. Of a host: by what it is reached at, such as `10.0.0.1:2222`.
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

impl Row for PinnedKey {
    const TABLE: Table = Table::HostKeys;
    const KIND: &'static str = "host key";
}

/// A key that seals bundles, by its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BundleKey(pub PinnedKey);

impl Row for BundleKey {
    const TABLE: Table = Table::BundleKeys;
    const KIND: &'static str = "bundle key";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostKeyCommand {
    /// Trusts these keys, one by one host, in the place of what was trusted before.
    Pin {
        keys: Vec<(String, PinnedKey)>,
    },
    Forget {
        address: String,
    },
    PinBundleKey {
        key: PinnedKey,
    },
    ForgetBundleKey {
        fingerprint: String,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &HostKeyCommand) -> Result<Reply, Refused> {
    match command {
        HostKeyCommand::Pin { keys } => {
            let mut revision = None;
            for (address, key) in keys {
                deciding.put(address.as_str(), key);
                revision = Some(deciding.changed(Topic::HostKeys, address));
            }
            let detail: Vec<_> =
                keys.iter().map(|(address, key)| (address.as_str(), key.fingerprint.clone())).collect();
            deciding.say("hostKey.pin", "", &detail);
            Ok(revision.map_or(Reply::Done, Reply::Revision))
        }
        HostKeyCommand::Forget { address } => {
            let key: PinnedKey = deciding.wanted(address)?;
            deciding.remove(Table::HostKeys, address.as_str());
            deciding.removed(Topic::HostKeys, address);
            deciding.say("hostKey.forget", address, &[("fingerprint", key.fingerprint)]);
            Ok(Reply::Done)
        }
        HostKeyCommand::PinBundleKey { key } => {
            deciding.put(key.fingerprint.as_str(), &BundleKey(key.clone()));
            let revision = deciding.changed(Topic::Bundles, &format!("key/{}", key.fingerprint));
            deciding.say("bundleKey.pin", &key.fingerprint, &[]);
            Ok(Reply::Revision(revision))
        }
        HostKeyCommand::ForgetBundleKey { fingerprint } => {
            deciding.wanted::<BundleKey>(fingerprint)?;
            deciding.remove(Table::BundleKeys, fingerprint.as_str());
            deciding.removed(Topic::Bundles, &format!("key/{fingerprint}"));
            deciding.say("bundleKey.forget", fingerprint, &[]);
            Ok(Reply::Done)
        }
    }
}
