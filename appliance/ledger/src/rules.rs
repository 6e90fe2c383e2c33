//! What may be adopted, and what may begin.

use std::collections::BTreeSet;

use installer_model::event::RunId;
use installer_model::plan::{Plan, PlanId};

use crate::runs::RunRow;

/// Why a plan does not become the target of its site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdoptRefused {
    #[error(
        "adopt plan {}: it was made when the site's target was {}, which is now {}",
        .plan.short(), named(.parent), named(.target)
    )]
    Stale { plan: PlanId, parent: Option<PlanId>, target: Option<PlanId> },
    #[error("adopt plan {}: run {run} of another plan of this site is going on", .plan.short())]
    Running { plan: PlanId, run: RunId },
}

fn named(plan: &Option<PlanId>) -> &str {
    plan.as_ref().map_or("no plan", PlanId::short)
}

/// What adopting a plan comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopt {
    /// It becomes the target.
    Replace,
    /// It is the target already.
    Keep,
}

/// Compare-and-set: a plan is adopted only if the target is still the one it was made from.
pub fn adopt(target: Option<&PlanId>, plan: &Plan) -> Result<Adopt, AdoptRefused> {
    if target == Some(&plan.id) {
        return Ok(Adopt::Keep);
    }
    if target == plan.parent.as_ref() {
        return Ok(Adopt::Replace);
    }
    Err(AdoptRefused::Stale { plan: plan.id.clone(), parent: plan.parent.clone(), target: target.cloned() })
}

/// Why a run does not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeginRefused {
    #[error("begin a run of {site}: {run} is going on")]
    Running { site: String, run: RunId },
    #[error("begin a run of plan {}: the target of {site} is {}", .plan.short(), named(.target))]
    NotTarget { site: String, plan: PlanId, target: Option<PlanId> },
}

/// How a run begins. In both cases the runs of other plans that were left open are closed as abandoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    New { abandon: Vec<RunId> },
    Resume { run: RunId, abandon: Vec<RunId> },
}

/// One run holds a site. `live` are runs that an engine of this process performs; an open run that is not live was
/// left by an engine that ended without a word.
pub fn begin(
    target: Option<&PlanId>,
    open: &[RunRow],
    live: &BTreeSet<RunId>,
    site: &str,
    plan: &PlanId,
) -> Result<Begin, BeginRefused> {
    if target != Some(plan) {
        let target = target.cloned();
        return Err(BeginRefused::NotTarget { site: site.to_owned(), plan: plan.clone(), target });
    }
    let of_site = || open.iter().filter(|row| row.site == site && row.outcome.is_none());
    if let Some(row) = of_site().find(|row| live.contains(&row.run)) {
        return Err(BeginRefused::Running { site: site.to_owned(), run: row.run.clone() });
    }
    let resumed = of_site().rfind(|row| row.plan == *plan).map(|row| row.run.clone());
    let abandon = of_site().map(|row| row.run.clone()).filter(|run| Some(run) != resumed.as_ref()).collect();
    Ok(match resumed {
        Some(run) => Begin::Resume { run, abandon },
        None => Begin::New { abandon },
    })
}

#[cfg(test)]
#[path = "rules_test.rs"]
mod tests;
