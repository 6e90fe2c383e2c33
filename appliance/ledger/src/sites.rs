//! Sites: what the operator wants, as text; the site as its cluster was founded; what was brought to it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::{Expected, Refused};
use crate::runs::RunRow;
use crate::table::{Row, Table};

/// The longest `site.yaml` that is kept, in bytes. That of 10,000 hosts has a fifth of it.
pub const SITE_LIMIT: usize = 8 << 20;

/// A site as this instance knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteRow {
    pub name: String,
    /// The text of `site.yaml`, as it was written.
    pub text: String,
    /// Id of the bundle that is chosen for it.
    pub bundle: Option<String>,
    /// Unix times in milliseconds.
    pub created_at: u64,
    pub changed_at: u64,
    /// Who wrote it last.
    pub by: String,
    pub revision: u64,
}

impl Row for SiteRow {
    const TABLE: Table = Table::SiteFiles;
    const KIND: &'static str = "site";
}

/// The site as its cluster was founded: some of it cannot change afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Founded(pub Value);

impl Row for Founded {
    const TABLE: Table = Table::Sites;
    const KIND: &'static str = "founded site";
}

/// An add-on that was brought to a site; its key is `SITE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Addon(pub Value);

impl Row for Addon {
    const TABLE: Table = Table::Addons;
    const KIND: &'static str = "add-on";
}

/// A bundle file that was used, and whose key was trusted for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBundle {
    /// Absolute.
    pub path: PathBuf,
    /// The public key in PEM.
    pub signer: String,
}

impl Row for KeptBundle {
    const TABLE: Table = Table::Bases;
    const KIND: &'static str = "bundle of site";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SiteCommand {
    /// Writes `site.yaml`; whether it is one, the caller has judged.
    Put { name: String, text: String, bundle: Option<String>, expected: Expected },
    /// Forgets all of a site but its runs. Refused while a run of it is open; and while its cluster stands, unless
    /// `abandon` says that the cluster is given up.
    Remove { name: String, expected: Expected, abandon: bool },
    /// The cluster stands as this site.
    Found { name: String, site: Value },
    /// The cluster is gone, with its add-ons.
    Unfound { name: String },
    /// Remembers where the bundle of a site lies.
    SetBase { name: String, bundle: KeptBundle },
    /// Something was mended on these hosts.
    Repaired { name: String, hosts: Vec<String> },
    /// Keeps an add-on of a site under its name; one of the same name gives way.
    SetAddon { name: String, addon: String, content: Value },
}

/// Where an add-on of a site is kept.
pub(crate) fn addon_key(site: &str, addon: &str) -> String {
    format!("{site}/{addon}")
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &SiteCommand) -> Result<Reply, Refused> {
    match command {
        SiteCommand::Put { name, text, bundle, expected } => {
            put(deciding, name, text, bundle.as_ref(), *expected)
        }
        SiteCommand::Remove { name, expected, abandon } => remove(deciding, name, *expected, *abandon),
        SiteCommand::Found { name, site } => {
            deciding.put(name.as_str(), &Founded(site.clone()));
            let revision = deciding.changed(Topic::Sites, name);
            deciding.say("site.found", name, &[]);
            Ok(Reply::Revision(revision))
        }
        SiteCommand::Unfound { name } => {
            unfound(deciding, name)?;
            deciding.changed(Topic::Sites, name);
            deciding.say("site.unfound", name, &[]);
            Ok(Reply::Done)
        }
        SiteCommand::SetBase { name, bundle } => {
            deciding.put(name.as_str(), bundle);
            let revision = deciding.changed(Topic::Sites, name);
            deciding.say("site.bundle", name, &[("path", bundle.path.display().to_string())]);
            Ok(Reply::Revision(revision))
        }
        SiteCommand::Repaired { name, hosts } => {
            deciding.say("site.repair", name, &[("hosts", hosts.join(" "))]);
            Ok(Reply::Done)
        }
        SiteCommand::SetAddon { name, addon, content } => {
            deciding.put(addon_key(name, addon).as_str(), &Addon(content.clone()));
            let revision = deciding.changed(Topic::Sites, name);
            deciding.say("site.addon", name, &[("addon", addon.clone())]);
            Ok(Reply::Revision(revision))
        }
    }
}

fn put(
    deciding: &mut Deciding<'_>,
    name: &str,
    text: &str,
    bundle: Option<&String>,
    expected: Expected,
) -> Result<Reply, Refused> {
    if text.len() > SITE_LIMIT {
        let detail = format!("{} bytes are more than {SITE_LIMIT}", text.len());
        return Err(Refused::Invalid { pointer: "/text", detail });
    }
    let before: Option<SiteRow> = deciding.find(name)?;
    expected.check(SiteRow::KIND, name, before.as_ref().map(|site| site.revision))?;
    if let Some(bundle) = bundle {
        deciding.wanted::<crate::BundleRow>(bundle)?;
    }
    let revision = deciding.changed(Topic::Sites, name);
    let at = deciding.at;
    let site = SiteRow {
        name: name.to_owned(),
        text: text.to_owned(),
        bundle: bundle.cloned(),
        created_at: before.as_ref().map_or(at, |site| site.created_at),
        changed_at: at,
        by: deciding.actor.name(),
        revision,
    };
    deciding.put(name, &site);
    deciding.say(if before.is_some() { "site.change" } else { "site.add" }, name, &[]);
    Ok(Reply::Revision(revision))
}

fn remove(
    deciding: &mut Deciding<'_>,
    name: &str,
    expected: Expected,
    abandon: bool,
) -> Result<Reply, Refused> {
    let site: SiteRow = deciding.wanted(name)?;
    expected.check(SiteRow::KIND, name, Some(site.revision))?;
    let in_use = |by: String| Refused::InUse { kind: SiteRow::KIND, id: name.to_owned(), by };
    if let Some((_, run)) =
        deciding.all::<RunRow>()?.into_iter().find(|(_, run)| run.site == name && run.outcome.is_none())
    {
        return Err(in_use(format!("run {}", run.run)));
    }
    if !abandon && deciding.find::<Founded>(name)?.is_some() {
        return Err(in_use("its cluster, which is reset first or given up".to_owned()));
    }
    unfound(deciding, name)?;
    for table in
        [Table::SiteFiles, Table::Drafts, Table::Bases, Table::Waivers, Table::Checks, Table::Targets]
    {
        deciding.remove(table, name);
    }
    deciding.removed(Topic::Sites, name);
    deciding.say("site.remove", name, &[("abandon", abandon.to_string())]);
    Ok(Reply::Done)
}

fn unfound(deciding: &mut Deciding<'_>, name: &str) -> Result<(), Refused> {
    for addon in deciding.keys_under(Table::Addons, &format!("{name}/"))? {
        deciding.remove(Table::Addons, addon.as_str());
    }
    deciding.remove(Table::Sites, name);
    Ok(())
}
