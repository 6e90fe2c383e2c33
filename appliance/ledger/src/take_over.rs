//! Taking a site over from another ledger.

use installer_model::event::Record;
use installer_model::plan::Plan;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::host_keys::{BundleKey, PinnedKey};
use crate::plans::{PlanRow, Target};
use crate::refused::Refused;
use crate::runs::{self, RunRow};
use crate::sites::{Addon, Founded, addon_key};
use crate::table::{Key, Row, Table};

/// Ledgers that a site was taken from, the last one first. Hosts that one of them still holds are this ledger's to take:
/// the operator said so once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(pub Vec<String>);

impl Row for Lineage {
    const TABLE: Table = Table::Lineage;
    const KIND: &'static str = "lineage of site";
}

/// A site with all that is needed to go on. A run that was left open stays open, and goes on here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenOver {
    pub site: String,
    pub founded: Option<Value>,
    pub plan: Plan,
    /// The last run, with its events.
    pub run: Option<RunRow>,
    pub events: Vec<Record>,
    /// By address. One that is pinned here already stays.
    pub host_keys: Vec<(String, PinnedKey)>,
    pub bundle_keys: Vec<PinnedKey>,
    pub lineage: Vec<String>,
    /// By name.
    #[serde(default)]
    pub addons: Vec<(String, Value)>,
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, taken: &TakenOver) -> Result<Reply, Refused> {
    if let Some((Key::Text(site), _)) = deciding.all::<Target>()?.into_iter().next() {
        return Err(Refused::Exists { kind: "site", id: site });
    }
    if deciding.last_number(Table::Runs)? > 0 {
        return Err(Refused::Exists { kind: RunRow::KIND, id: "of this ledger".to_owned() });
    }
    let name = taken.site.as_str();
    if let Some(founded) = &taken.founded {
        deciding.put(name, &Founded(founded.clone()));
    }
    for (addon, content) in &taken.addons {
        deciding.put(addon_key(name, addon).as_str(), &Addon(content.clone()));
    }
    if let Some(row) = &taken.run {
        let number = runs::number(&row.run)?;
        for record in taken.events.iter().filter(|record| record.run == row.run) {
            let index = deciding.next_from(record.index);
            deciding.put(index, &Record { index, ..record.clone() });
        }
        let revision = deciding.changed(Topic::Runs, &row.run.0);
        deciding.put(number, &RunRow { revision, ..row.clone() });
    }
    let id = taken.plan.id.0.as_str();
    let revision = deciding.changed(Topic::Plans, id);
    deciding.put(id, &taken.plan);
    let made = PlanRow::of(&taken.plan, 0, "");
    deciding.put(id, &PlanRow { adopted_at: Some(deciding.at), revision, ..made });
    deciding.put(name, &Target { plan: taken.plan.id.clone(), revision });
    for (address, key) in &taken.host_keys {
        if deciding.find::<PinnedKey>(address.as_str())?.is_none() {
            deciding.put(address.as_str(), key);
            deciding.changed(Topic::HostKeys, address);
        }
    }
    for key in &taken.bundle_keys {
        deciding.put(key.fingerprint.as_str(), &BundleKey(key.clone()));
    }
    deciding.put(name, &Lineage(taken.lineage.clone()));
    let revision = deciding.changed(Topic::Sites, name);
    deciding.say("site.takeOver", name, &[("from", taken.lineage.join(" "))]);
    Ok(Reply::Revision(revision))
}
