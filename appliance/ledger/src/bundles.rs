//! The index of bundles that this instance can install from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::{Expected, Refused};
use crate::sites::{KeptBundle, SiteRow};
use crate::table::{Row, Table};

/// A bundle in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleRow {
    /// Its digest, such as `sha256:…`.
    pub id: String,
    /// Absolute, on the instance's machine.
    pub path: PathBuf,
    /// Name and version of the release.
    pub release: String,
    pub version: String,
    /// Such as `amd64`.
    pub architectures: Vec<String>,
    /// Bytes.
    pub size: u64,
    /// Fingerprint of the key that sealed it.
    pub signer: String,
    /// It came as an upload: its file goes with it.
    pub uploaded: bool,
    /// When every byte was found right; Unix times in milliseconds.
    pub verified_at: Option<u64>,
    pub added_at: u64,
    pub by: String,
    pub revision: u64,
}

impl Row for BundleRow {
    const TABLE: Table = Table::Bundles;
    const KIND: &'static str = "bundle";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BundleCommand {
    /// `added_at`, `by` and `revision` are the ledger's to fill.
    Put { bundle: BundleRow, expected: Expected },
    /// Refused while a site is to be installed from it, or was.
    Remove { id: String, expected: Expected },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &BundleCommand) -> Result<Reply, Refused> {
    match command {
        BundleCommand::Put { bundle, expected } => {
            let id = bundle.id.as_str();
            let before: Option<BundleRow> = deciding.find(id)?;
            expected.check(BundleRow::KIND, id, before.as_ref().map(|bundle| bundle.revision))?;
            let revision = deciding.changed(Topic::Bundles, id);
            let (added_at, by) = match before {
                Some(before) => (before.added_at, before.by),
                None => (deciding.at, deciding.actor.name()),
            };
            deciding.put(id, &BundleRow { added_at, by, revision, ..bundle.clone() });
            let detail = [
                ("path", bundle.path.display().to_string()),
                ("release", format!("{} {}", bundle.release, bundle.version)),
            ];
            deciding.say("bundle.put", id, &detail);
            Ok(Reply::Made { id: id.to_owned(), revision })
        }
        BundleCommand::Remove { id, expected } => {
            let bundle: BundleRow = deciding.wanted(id)?;
            expected.check(BundleRow::KIND, id, Some(bundle.revision))?;
            if let Some(site) = user_of(deciding, &bundle)? {
                let by = format!("site {site}");
                return Err(Refused::InUse { kind: BundleRow::KIND, id: id.clone(), by });
            }
            deciding.remove(Table::Bundles, id.as_str());
            deciding.removed(Topic::Bundles, id);
            deciding.say("bundle.remove", id, &[("path", bundle.path.display().to_string())]);
            Ok(Reply::Done)
        }
    }
}

/// A site that needs the bundle.
fn user_of(deciding: &Deciding<'_>, bundle: &BundleRow) -> Result<Option<String>, Refused> {
    let chosen = deciding.all::<SiteRow>()?.into_iter().map(|(_, site)| site);
    if let Some(site) = chosen.into_iter().find(|site| site.bundle.as_ref() == Some(&bundle.id)) {
        return Ok(Some(site.name));
    }
    let bases = deciding.all::<KeptBundle>()?;
    let base = bases.into_iter().find(|(_, base)| base.path == bundle.path);
    Ok(base.map(|(key, _)| match key {
        crate::Key::Text(site) => site,
        crate::Key::Number(number) => number.to_string(),
    }))
}
