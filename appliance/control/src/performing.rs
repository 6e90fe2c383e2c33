//! Performing a plan: adopt it, run it, have the hosts keep their copies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use appliance_store::Store;
use installer_model::chain;
use installer_model::event::{Event, Record};
use installer_model::plan::{Intent, Phase, Plan, StepId};
use installer_model::site::Site;
use installer_plan::next::Limits;
use installer_run::copies::{Copies, CopySource, hosts_with_copies};
use installer_run::{Cancel, Ended, Engine, Observer, Progress, RunError, SystemClock};

use crate::error::{ControlError, Kind};
use crate::ready::Ready;

/// Claims the hosts, adopts the plan and runs it to its end.
pub async fn perform(
    ready: &Ready,
    plan: Plan,
    mut observers: Vec<Arc<dyn Observer>>,
    cancel: Cancel,
) -> Result<Ended, ControlError> {
    claim(ready, &plan).await?;
    let adopted = ready.store.adopt(&plan).map_err(|error| {
        ControlError::of(Kind::Conflict, "adopt the plan: ", &error)
            .hint("somebody else planned meanwhile: run again")
    })?;
    if plan.intent == Intent::Install {
        ready.keep_bundles()?;
        observers.push(Arc::new(KeepSite::new(&ready.store, &ready.site)));
    }
    let copies = Copies::start(CopySource {
        store: Arc::clone(&ready.store),
        world: Arc::clone(&ready.world),
        site: ready.site.clone(),
        by: ready.holder.clone(),
        hosts: hosts_with_copies(&ready.site, &plan),
    });
    observers.push(copies.observer());
    let engine = Engine {
        store: Arc::clone(&ready.store),
        world: ready.world.clone(),
        observer: Arc::new(observers),
        clock: Arc::new(SystemClock),
        limits: Limits::default(),
        waived: ready.waived(),
    };
    let ended = engine.run(&adopted, cancel).await;
    copies.finish().await;
    ended.map_err(|error| match error {
        RunError::Aborted { .. } => ControlError::new(Kind::Interrupted, chain(&error)),
        RunError::Store(error) => ControlError::store("keep the run: ", &error),
    })
}

/// Nothing is begun on hosts that somebody else holds. A reset claims what it cleans: a host that holds nothing of ours is
/// left as it is.
async fn claim(ready: &Ready, plan: &Plan) -> Result<(), ControlError> {
    let last = ready.store.last_run().map_err(|error| ControlError::store("", &error))?;
    let ledger = ready.store.ledger();
    let claimed = match plan.intent {
        Intent::Install => ready.world.claim_all(ledger, last).await,
        Intent::Reset | Intent::ResetHosts(_) => ready.world.claim_each(&plan.hosts(), ledger, last).await,
    };
    claimed.map_err(|(host, error)| ControlError::of_hand(&format!("claim {host}: "), &error))
}

/// Keeps the site as it was when its cluster was founded: from then on some of it cannot change.
struct KeepSite {
    store: Arc<Store>,
    site: Site,
    kept: AtomicBool,
}

impl KeepSite {
    fn new(store: &Arc<Store>, site: &Site) -> KeepSite {
        KeepSite { store: Arc::clone(store), site: site.clone(), kept: AtomicBool::new(false) }
    }
}

impl Observer for KeepSite {
    fn record(&self, record: &Record) {
        let (Event::StepDone { step, .. } | Event::StepMet { step, .. }) = &record.event else { return };
        if is_of(step, Phase::Found)
            && !self.kept.swap(true, Ordering::Relaxed)
            && let Err(error) = self.store.put_site(self.site.name.as_str(), &self.site)
        {
            tracing::warn!(%error, "the site was not kept");
        }
    }

    fn progress(&self, _: &Progress) {}
}

fn is_of(step: &StepId, phase: Phase) -> bool {
    step.0.split('/').nth(1) == Some(phase.as_str())
}
