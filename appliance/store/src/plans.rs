//! Plans, and the plan that each site is meant to follow.

use std::ops::Deref;

use appliance_ledger::{Actor, Command, PlanCommand, Target};
use installer_model::plan::{Plan, PlanId};

use crate::store::{Store, StoreError};

/// A plan that the ledger took as its site's target. Only the store makes one; only one of these is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedPlan {
    plan: Plan,
    /// In whose name its run begins.
    pub(crate) by: Actor,
}

impl Deref for AdoptedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl Store {
    /// Makes the plan its site's target, if it was made from the current one and no run is going on.
    pub fn adopt(&self, plan: &Plan) -> Result<AdoptedPlan, StoreError> {
        self.adopt_as(&self.opener, plan)
    }

    /// As [`Store::adopt`], in somebody's name.
    pub fn adopt_as(&self, actor: &Actor, plan: &Plan) -> Result<AdoptedPlan, StoreError> {
        let command = PlanCommand::Adopt { plan: Box::new(plan.clone()), live: self.live_runs() };
        self.submit(actor, &Command::Plans(command))?;
        Ok(AdoptedPlan { plan: plan.clone(), by: actor.clone() })
    }

    /// The target of a site.
    pub fn target(&self, site: &str) -> Result<Option<AdoptedPlan>, StoreError> {
        let Some(target) = self.row::<Target>(site)? else { return Ok(None) };
        let plan = self.plan(&target.plan)?;
        let plan = plan.ok_or_else(|| StoreError::Missing(format!("plan {}", target.plan)))?;
        Ok(Some(AdoptedPlan { plan, by: self.opener.clone() }))
    }

    /// A plan that was a target once, or was kept to be looked at.
    pub fn plan(&self, id: &PlanId) -> Result<Option<Plan>, StoreError> {
        self.row(id.0.as_str())
    }
}
