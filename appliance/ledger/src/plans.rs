//! Plans, and the plan that each site is meant to follow.

use std::collections::BTreeSet;

use installer_model::event::RunId;
use installer_model::plan::{Intent, Plan, PlanId};
use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::Refused;
use crate::rules::{self, Adopt, AdoptRefused};
use crate::runs::RunRow;
use crate::sites::SiteRow;
use crate::table::{Row, Table};

/// Plans of a site that were made and not adopted, and are kept: the newest.
const MOST_UNADOPTED: usize = 10;

impl Row for Plan {
    const TABLE: Table = Table::Plans;
    const KIND: &'static str = "plan";
}

/// A plan in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRow {
    pub id: PlanId,
    pub site: String,
    pub parent: Option<PlanId>,
    pub intent: Intent,
    pub release: String,
    pub steps: u64,
    /// Unix times in milliseconds; 0 where an older version did not write it down.
    pub made_at: u64,
    pub adopted_at: Option<u64>,
    pub by: String,
    pub revision: u64,
}

impl Row for PlanRow {
    const TABLE: Table = Table::PlanRows;
    const KIND: &'static str = "plan";
}

impl PlanRow {
    pub fn of(plan: &Plan, made_at: u64, by: &str) -> PlanRow {
        PlanRow {
            id: plan.id.clone(),
            site: plan.site.clone(),
            parent: plan.parent.clone(),
            intent: plan.intent.clone(),
            release: plan.release.clone(),
            steps: plan.steps.len() as u64,
            made_at,
            adopted_at: None,
            by: by.to_owned(),
            revision: 0,
        }
    }
}

/// The plan that a site is meant to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub plan: PlanId,
    pub revision: u64,
}

impl Row for Target {
    const TABLE: Table = Table::Targets;
    const KIND: &'static str = "target of site";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanCommand {
    /// Keeps a plan for people to look at. The same steps have the same id: of a plan that was made before, it is kept what
    /// they start from now.
    Keep { plan: Box<Plan> },
    /// Makes the plan its site's target, if it was made from the current one and no run of another is going on. `live`
    /// are runs that an engine performs now.
    Adopt { plan: Box<Plan>, live: BTreeSet<RunId> },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &PlanCommand) -> Result<Reply, Refused> {
    match command {
        PlanCommand::Keep { plan } => keep(deciding, plan),
        PlanCommand::Adopt { plan, live } => adopt(deciding, plan, live),
    }
}

fn keep(deciding: &mut Deciding<'_>, plan: &Plan) -> Result<Reply, Refused> {
    let id = plan.id.0.as_str();
    if let Some(there) = deciding.find::<PlanRow>(id)? {
        return keep_again(deciding, plan, there);
    }
    let others = deciding.all::<PlanRow>()?.into_iter().map(|(_, row)| row);
    let mut spare: Vec<PlanRow> =
        others.filter(|row| row.site == plan.site && row.adopted_at.is_none()).collect();
    spare.sort_by_key(|row| row.revision);
    let surplus = (spare.len() + 1).saturating_sub(MOST_UNADOPTED);
    for row in &spare[..surplus] {
        deciding.remove(Table::Plans, row.id.0.as_str());
        deciding.remove(Table::PlanRows, row.id.0.as_str());
        deciding.removed(Topic::Plans, &row.id.0);
    }
    let row = PlanRow::of(plan, deciding.at, &deciding.actor.name());
    let revision = write(deciding, plan, row);
    deciding.say("plan.keep", id, &[("site", plan.site.clone())]);
    Ok(Reply::Made { id: id.to_owned(), revision })
}

/// After a reset the first plan is the right one again, and so it is after the site's text was changed there and back.
fn keep_again(deciding: &mut Deciding<'_>, plan: &Plan, there: PlanRow) -> Result<Reply, Refused> {
    // The plan that the site follows now does not come after itself.
    let is_target = plan.parent.as_ref() == Some(&plan.id);
    let parent = if is_target { there.parent.clone() } else { plan.parent.clone() };
    let site = deciding.find::<SiteRow>(plan.site.as_str())?;
    let is_older = site.is_some_and(|site| site.revision > there.revision);
    if parent == there.parent && !is_older {
        return Ok(Reply::Made { id: there.id.0, revision: there.revision });
    }
    let plan = Plan { parent: parent.clone(), ..plan.clone() };
    let row =
        PlanRow { adopted_at: there.adopted_at, ..PlanRow::of(&plan, deciding.at, &deciding.actor.name()) };
    let revision = write(deciding, &plan, row);
    deciding.say("plan.keep", &plan.id.0, &[("site", plan.site.clone())]);
    Ok(Reply::Made { id: plan.id.0, revision })
}

fn adopt(deciding: &mut Deciding<'_>, plan: &Plan, live: &BTreeSet<RunId>) -> Result<Reply, Refused> {
    for run in live {
        let other = crate::runs::row(deciding, run)?
            .filter(|row: &RunRow| row.site == plan.site && row.plan != plan.id && row.outcome.is_none());
        if let Some(row) = other {
            return Err(AdoptRefused::Running { plan: plan.id.clone(), run: row.run }.into());
        }
    }
    let target: Option<Target> = deciding.find(plan.site.as_str())?;
    match rules::adopt(target.as_ref().map(|target| &target.plan), plan)? {
        Adopt::Keep => Ok(target.map_or(Reply::Done, |target| Reply::Revision(target.revision))),
        Adopt::Replace => {
            let made = deciding.find::<PlanRow>(plan.id.0.as_str())?;
            let row = made.unwrap_or_else(|| PlanRow::of(plan, deciding.at, &deciding.actor.name()));
            let adopted_at = Some(deciding.at);
            let parent = plan.parent.clone();
            let revision = write(deciding, plan, PlanRow { parent, adopted_at, ..row });
            deciding.put(plan.site.as_str(), &Target { plan: plan.id.clone(), revision });
            deciding.say("plan.adopt", &plan.id.0, &[("site", plan.site.clone())]);
            Ok(Reply::Revision(revision))
        }
    }
}

fn write(deciding: &mut Deciding<'_>, plan: &Plan, row: PlanRow) -> u64 {
    let id = plan.id.0.as_str();
    let revision = deciding.changed(Topic::Plans, id);
    deciding.put(id, plan);
    deciding.put(id, &PlanRow { revision, ..row });
    revision
}
