//! Plans, and the plan that each site is meant to follow.

use std::ops::Deref;

use installer_model::plan::{Plan, PlanId};
use redb::ReadableTable;

use crate::rules::{self, Adopt, AdoptRefused};
use crate::store::{Store, StoreError, json, parse};
use crate::tables::{PLANS, TARGETS};

/// A plan that the ledger took as its site's target. Only the store makes one; only one of these is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedPlan(Plan);

impl Deref for AdoptedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}

impl Store {
    /// Makes the plan its site's target, if it was made from the current one and no run is going on.
    pub fn adopt(&self, plan: &Plan) -> Result<AdoptedPlan, StoreError> {
        if let Some(run) = self.live_run(&plan.site, &plan.id)? {
            return Err(AdoptRefused::Running { plan: plan.id.clone(), run }.into());
        }
        let transaction = self.writing()?;
        {
            let mut targets = transaction.open_table(TARGETS)?;
            let target = targets.get(plan.site.as_str())?.map(|id| PlanId(id.value().to_owned()));
            match rules::adopt(target.as_ref(), plan)? {
                Adopt::Keep => {}
                Adopt::Replace => {
                    targets.insert(plan.site.as_str(), plan.id.0.as_str())?;
                    let mut plans = transaction.open_table(PLANS)?;
                    plans.insert(plan.id.0.as_str(), json(plan).as_slice())?;
                }
            }
        }
        transaction.commit()?;
        Ok(AdoptedPlan(plan.clone()))
    }

    /// A run of another plan that an engine of this process performs on the site.
    fn live_run(
        &self,
        site: &str,
        plan: &PlanId,
    ) -> Result<Option<installer_model::event::RunId>, StoreError> {
        let live = self.live.lock().expect("invariant: nothing panics while it holds the set").clone();
        let rows = self.runs()?;
        let row = rows.into_iter().find(|row| {
            row.site == site && row.plan != *plan && row.outcome.is_none() && live.contains(&row.run)
        });
        Ok(row.map(|row| row.run))
    }

    /// The target of a site.
    pub fn target(&self, site: &str) -> Result<Option<AdoptedPlan>, StoreError> {
        let transaction = self.reading()?;
        let targets = transaction.open_table(TARGETS)?;
        let Some(id) = targets.get(site)? else { return Ok(None) };
        let plans = transaction.open_table(PLANS)?;
        let plan =
            plans.get(id.value())?.ok_or_else(|| StoreError::Missing(format!("plan {}", id.value())))?;
        Ok(Some(AdoptedPlan(parse(id.value(), plan.value())?)))
    }

    /// A plan that was a target once.
    pub fn plan(&self, id: &PlanId) -> Result<Option<Plan>, StoreError> {
        self.get(PLANS, &id.0)
    }
}
