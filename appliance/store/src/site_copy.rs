//! The copy of a site, its plan and its record that every host keeps, from which another machine takes the site over.
//!
//! ```text
//!  armilla-site-copy 1 sha256:<64 hex digits> <bytes>\n
//!  <that many bytes: the JSON of a SiteCopy, compressed with zstd>
//! ```
//!
//! The digest is of the compressed bytes. A copy holds references to secrets, never secrets.

use std::io::Read;

use appliance_ledger::{PinnedKey, RunRow};
use bundles_format::Digest;
use installer_model::event::{Event, Record};
use installer_model::plan::Plan;
use installer_model::site::Site;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::holder::Holder;

const FORMAT: u32 = 1;
const MAGIC: &str = "armilla-site-copy";

/// The longest copy that is written. That of a site of 150 hosts has less than a tenth of it.
pub const COPY_LIMIT: usize = 8 << 20;
/// The most that a copy may unpack to.
const UNPACKED_LIMIT: u64 = 256 << 20;
/// Events of the last run that a copy keeps: the newest. A run of 150 hosts has about as many.
const MOST_EVENTS: usize = 20_000;

/// What is needed to go on from another machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteCopy {
    /// The ledger that wrote it.
    pub ledger: String,
    /// Ledgers that the site was taken from, the last one first.
    pub taken_from: Vec<String>,
    /// Unix time in milliseconds, by the clock of the machine that wrote it.
    pub written_at: u64,
    /// Who wrote it.
    pub by: Holder,
    /// The state folder on that machine.
    pub folder: String,
    /// The site as it was last applied.
    pub site: Site,
    /// The site as its cluster was founded, which some of it cannot change from; `None` before that.
    pub founded: Option<Site>,
    /// The plan that the site follows.
    pub plan: Plan,
    /// The last run, with its events.
    pub run: Option<RunRow>,
    pub events: Vec<Record>,
    /// Pinned keys of hosts, by where they are reached.
    pub host_keys: Vec<(String, PinnedKey)>,
    pub bundle_keys: Vec<PinnedKey>,
    /// The site's add-ons by name, as the store keeps them: what each one holds. Copies from before add-ons have none.
    #[serde(default)]
    pub addons: Vec<(String, serde_json::Value)>,
}

/// Why bytes are no copy. Each is fit to follow "the copy on h1".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    #[error("is no copy of a site: it does not begin with `{MAGIC}`")]
    NotACopy,
    #[error("has format {0}, this version knows {FORMAT}")]
    Newer(u32),
    #[error("is cut off: it has {found} bytes of {wanted}")]
    CutOff { found: usize, wanted: usize },
    #[error("is damaged: its digest is {found}, it should be {wanted}")]
    Damaged { found: Digest, wanted: Digest },
    #[error("cannot be understood: {0}")]
    NotUnderstood(String),
    #[error("would have {0} bytes, more than {COPY_LIMIT}")]
    TooLong(usize),
}

impl SiteCopy {
    /// The bytes that a host keeps.
    pub fn encode(&self) -> Result<Vec<u8>, CopyError> {
        let json = serde_json::to_vec(self).map_err(|error| CopyError::NotUnderstood(error.to_string()))?;
        let body =
            zstd::encode_all(&json[..], 3).map_err(|error| CopyError::NotUnderstood(error.to_string()))?;
        if body.len() > COPY_LIMIT {
            return Err(CopyError::TooLong(body.len()));
        }
        let digest = Digest::from_sha256(Sha256::digest(&body).into());
        let mut bytes = format!("{MAGIC} {FORMAT} {digest} {}\n", body.len()).into_bytes();
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// Reads what a host kept; every byte of it is checked.
    pub fn decode(bytes: &[u8]) -> Result<SiteCopy, CopyError> {
        let end = bytes.iter().take(200).position(|&byte| byte == b'\n').ok_or(CopyError::NotACopy)?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| CopyError::NotACopy)?;
        let words: Vec<&str> = head.split(' ').collect();
        let [MAGIC, format, digest, length] = words[..] else { return Err(CopyError::NotACopy) };
        match format.parse() {
            Ok(FORMAT) => {}
            Ok(newer) => return Err(CopyError::Newer(newer)),
            Err(_) => return Err(CopyError::NotACopy),
        }
        let wanted: Digest = digest.parse().map_err(|_| CopyError::NotACopy)?;
        let length: usize = length.parse().map_err(|_| CopyError::NotACopy)?;
        let body = &bytes[end + 1..];
        if body.len() != length {
            return Err(CopyError::CutOff { found: body.len(), wanted: length });
        }
        let found = Digest::from_sha256(Sha256::digest(body).into());
        if found != wanted {
            return Err(CopyError::Damaged { found, wanted });
        }
        let not_understood = |error: String| CopyError::NotUnderstood(error);
        let unpacked = zstd::Decoder::new(body).map_err(|error| not_understood(error.to_string()))?;
        let mut json = Vec::new();
        let read = unpacked.take(UNPACKED_LIMIT).read_to_end(&mut json);
        read.map_err(|error| not_understood(error.to_string()))?;
        serde_json::from_slice(&json).map_err(|error| not_understood(error.to_string()))
    }

    /// What makes one copy newer than another, compared in this order: how often the site was taken over, the ledger's
    /// last event, the clock of whoever wrote it.
    fn age(&self) -> (usize, u64, u64) {
        let index = self.events.last().map_or(0, |record| record.index);
        (self.taken_from.len(), index, self.written_at)
    }

    /// Whether the last run was left open.
    pub fn is_open(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.outcome.is_none())
    }

    /// Takes away what a host need not know: the words of other programs, and events past the limit.
    pub(crate) fn bounded(mut self) -> SiteCopy {
        let surplus = self.events.len().saturating_sub(MOST_EVENTS);
        self.events.drain(..surplus);
        for record in &mut self.events {
            if let Event::StepFailed { failure, .. } = &mut record.event {
                failure.evidence.clear();
            }
        }
        self
    }
}

/// The newest of these copies.
pub fn newest<'a>(copies: impl IntoIterator<Item = &'a SiteCopy>) -> Option<&'a SiteCopy> {
    copies.into_iter().max_by_key(|copy| copy.age())
}

#[cfg(test)]
#[path = "site_copy_test.rs"]
mod tests;
