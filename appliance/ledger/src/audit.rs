//! The audit: who did what, in a chain that shows where it was broken.
//!
//! ```text
//!  hash(n) = sha256( hash(n-1), 32 bytes ‖ canonical JSON of entry n )        hash(0) = 32 zero bytes
//! ```
//!
//! The canonical JSON is that of [`Said`]: no white space, keys in the order of the alphabet, UTF-8. A program in any language
//! can check an exported audit by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::table::{Row, Table, encoded};

/// What an entry says. The fields stand in the order of the alphabet: this is what is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Such as `user.add`.
    pub action: String,
    /// See [`crate::Actor::name`].
    pub actor: String,
    /// Unix time in milliseconds.
    pub at: u64,
    /// What was chosen, never a secret.
    pub detail: BTreeMap<String, String>,
    /// Which one, such as the name of a user.
    pub id: String,
    /// The ledger index of the entry.
    pub index: u64,
    /// From 1, without gaps.
    pub number: u64,
    /// See [`crate::Actor::via`].
    pub via: String,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    pub said: Said,
    /// 64 hex digits.
    pub hash: String,
}

impl Row for AuditEntry {
    const TABLE: Table = Table::Audit;
    const KIND: &'static str = "audit entry";
}

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditHead {
    /// Of the last entry; 0 before the first.
    pub number: u64,
    /// 64 hex digits.
    pub hash: String,
}

impl Row for AuditHead {
    const TABLE: Table = Table::AuditHead;
    const KIND: &'static str = "head of the audit";
}

impl Default for AuditHead {
    fn default() -> AuditHead {
        AuditHead { number: 0, hash: "0".repeat(64) }
    }
}

impl AuditHead {
    /// Adds an entry.
    pub(crate) fn followed_by(&self, said: Said) -> (AuditEntry, AuditHead) {
        let hash = chained(&self.hash, &said);
        let head = AuditHead { number: said.number, hash: hash.clone() };
        (AuditEntry { said, hash }, head)
    }
}

fn chained(previous: &str, said: &Said) -> String {
    let mut hash = Sha256::new();
    // Text that is no hex is part of a broken chain; it gives a hash that nothing has.
    hash.update(hex::decode(previous).unwrap_or_default());
    hash.update(encoded(said));
    hex::encode(hash.finalize())
}

/// Where the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("audit entry {number} is not what was written: its hash is {found}, its words give {wanted}")]
    Changed { number: u64, found: String, wanted: String },
    #[error("audit entry {wanted} is missing: {found} comes in its place")]
    Missing { wanted: u64, found: u64 },
    #[error("audit entry {first_missing} is missing: {last} were written")]
    Cut { first_missing: u64, last: u64 },
    #[error("audit entry {number} was added behind the ledger's back: {last} were written")]
    Added { number: u64, last: u64 },
}

/// Follows the chain entry by entry.
#[derive(Debug, Default)]
pub struct Verifier {
    head: AuditHead,
}

impl Verifier {
    /// The next entry in order.
    pub fn next(&mut self, entry: &AuditEntry) -> Result<(), Broken> {
        let wanted = self.head.number + 1;
        let found = entry.said.number;
        if found != wanted {
            return Err(Broken::Missing { wanted, found });
        }
        let hash = chained(&self.head.hash, &entry.said);
        if hash != entry.hash {
            return Err(Broken::Changed { number: found, found: entry.hash.clone(), wanted: hash });
        }
        self.head = AuditHead { number: found, hash };
        Ok(())
    }

    /// After the last entry: holds it against what the ledger wrote down as its last. Gives the number of entries.
    pub fn end(self, head: &AuditHead) -> Result<u64, Broken> {
        let (number, last) = (self.head.number, head.number);
        if number < last {
            return Err(Broken::Cut { first_missing: number + 1, last });
        }
        if number > last {
            return Err(Broken::Added { number: last + 1, last });
        }
        if self.head.hash != head.hash {
            let (found, wanted) = (self.head.hash, head.hash.clone());
            return Err(Broken::Changed { number, found, wanted });
        }
        Ok(number)
    }
}
