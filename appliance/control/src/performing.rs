//! Performing a plan: claim the hosts, adopt it, run it, have the hosts keep their copies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use appliance_store::ledger::Actor;
use appliance_store::{By, Holder, Store, is_of_full_disk};
use bundles_store::{Bundle, Sealed};
use installer_model::chain;
use installer_model::event::{Event, Outcome, Record};
use installer_model::plan::{Intent, Phase, Plan, StepId};
use installer_model::site::Site;
use installer_model::view::WaivedView;
use installer_plan::next::Limits;
use installer_run::copies::{Copies, CopySource, CopyTask, hosts_with_copies};
use installer_run::{
    BoxFuture, Cancel, Ended, Engine, Observer, Progress, RunError, SiteWorld, SystemClock, World,
};

use crate::addons::{self, Addon};
use crate::bundle;
use crate::error::{ControlError, Kind};
use crate::ready::Ready;
use crate::restoring;

/// The hosts of a run, within reach. The real ones are [`Means`]; tests have simulated ones.
pub trait Reached: Send + Sync {
    fn world(&self) -> Arc<dyn World>;

    /// Nothing is begun on hosts that somebody else holds.
    fn claim<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), ControlError>>;

    /// The plan is the target now: what watches its run beside those who asked.
    fn begin(&self, plan: &Plan) -> Result<Vec<Arc<dyn Observer>>, ControlError>;

    /// The run has ended, or was left.
    fn end<'a>(&'a self, plan: &'a Plan, ended: Option<&'a Ended>) -> BoxFuture<'a, ()>;
}

/// How a run is to go.
pub struct Performance {
    pub store: Arc<Store>,
    /// In whose name it begins.
    pub actor: Actor,
    pub plan: Plan,
    /// What it goes on in spite of.
    pub waived: Vec<WaivedView>,
    pub observers: Vec<Arc<dyn Observer>>,
    /// Whether the hosts are claimed before anything begins. A run that goes on claims each with its next step.
    pub claim: bool,
}

/// Claims the hosts, adopts the plan and runs it to its end.
pub async fn perform(
    reached: &dyn Reached,
    performance: Performance,
    cancel: Cancel,
) -> Result<Ended, ControlError> {
    let Performance { store, actor, plan, waived, mut observers, claim } = performance;
    if claim {
        reached.claim(&plan).await?;
    }
    let adopted = store.adopt_as(&actor, &plan).map_err(|error| match is_of_full_disk(&error) {
        true => ControlError::store("adopt the plan: ", &error),
        false => ControlError::of(Kind::Conflict, "adopt the plan: ", &error)
            .hint("somebody else planned meanwhile: run again"),
    })?;
    observers.extend(reached.begin(&plan)?);
    let engine = Engine {
        store,
        world: reached.world(),
        observer: Arc::new(observers),
        clock: Arc::new(SystemClock),
        limits: Limits::default(),
        waived,
    };
    let ended = engine.run(&adopted, cancel).await;
    reached.end(&plan, ended.as_ref().ok()).await;
    ended.map_err(|error| match error {
        RunError::Aborted { .. } => ControlError::new(Kind::Interrupted, chain(&error)),
        RunError::Store(error) => ControlError::store("keep the run: ", &error),
    })
}

/// As [`perform`], for what was looked at just now.
pub async fn perform_ready(
    ready: &Ready,
    plan: Plan,
    observers: Vec<Arc<dyn Observer>>,
    cancel: Cancel,
) -> Result<Ended, ControlError> {
    let (store, actor, waived) = (Arc::clone(&ready.store), ready.actor.clone(), ready.waived());
    let performance = Performance { store, actor, plan, waived, observers, claim: true };
    perform(&Running::new(ready.means()), performance, cancel).await
}

/// What a run needs of a site: its hosts, and what they are given.
pub struct Means {
    pub site: Site,
    pub store: Arc<Store>,
    pub holder: Holder,
    /// Who asked.
    pub actor: Actor,
    pub world: Arc<SiteWorld>,
    pub bundle: Option<Arc<Bundle<Sealed>>>,
    pub addons: Vec<Addon>,
    /// Hosts that hold nothing of this ledger's and that a reset leaves as they were, too.
    pub strangers: Vec<String>,
}

impl Means {
    /// Remembers the bundles that the site is made of: the next command finds them without being told, and a host that
    /// joins later gets what the others have.
    fn keep_bundles(&self) -> Result<(), ControlError> {
        let failed = |error| ControlError::store("keep the site's bundles: ", &error);
        let (name, by) = (self.site.name.as_str(), self.store.by(&self.actor));
        if let Some(bundle) = &self.bundle {
            bundle::vouch(&self.store, &self.actor, bundle)?;
            by.put_base(name, &addons::kept(bundle)?).map_err(failed)?;
        }
        self.addons
            .iter()
            .try_for_each(|addon| by.put_addon(name, &addon.release.name, addon))
            .map_err(failed)
    }
}

impl Means {
    /// On hosts on which nothing was installed no step of the plan does it.
    async fn restore(&self, intent: &Intent) -> Result<(), ControlError> {
        let Means { world, strangers, store, .. } = self;
        let repaired = restoring::repaired(world, strangers, intent).await?;
        for (host, change) in restoring::take_back(world, &repaired).await? {
            tracing::info!(host, change, "taken back");
        }
        restoring::sweep(world, strangers, store.folder()).await
    }
}

/// Real hosts while a run goes on; they write their copies.
pub struct Running {
    means: Means,
    copies: std::sync::Mutex<Option<CopyTask>>,
}

impl Running {
    pub fn new(means: Means) -> Running {
        Running { means, copies: std::sync::Mutex::default() }
    }

    fn copies(&self) -> std::sync::MutexGuard<'_, Option<CopyTask>> {
        self.copies.lock().expect("invariant: nothing panics while it holds the task")
    }
}

impl Reached for Running {
    fn world(&self) -> Arc<dyn World> {
        self.means.world.clone()
    }

    /// A reset claims what it cleans: a host that holds nothing of ours is left as it is.
    fn claim<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), ControlError>> {
        Box::pin(async move {
            let Means { store, world, .. } = &self.means;
            let last = store.last_run().map_err(|error| ControlError::store("", &error))?;
            let ledger = store.ledger();
            let claimed = match plan.intent {
                Intent::Install => world.claim_all(ledger, last).await,
                Intent::Reset | Intent::ResetHosts(_) => world.claim_each(&plan.hosts(), ledger, last).await,
            };
            claimed.map_err(|(host, error)| ControlError::of_hand(&format!("claim {host}: "), &error))
        })
    }

    fn begin(&self, plan: &Plan) -> Result<Vec<Arc<dyn Observer>>, ControlError> {
        let Means { site, store, holder, actor, world, .. } = &self.means;
        let mut observers: Vec<Arc<dyn Observer>> = Vec::new();
        if plan.intent == Intent::Install {
            self.means.keep_bundles()?;
            observers.push(Arc::new(KeepSite::new(store, actor, site)));
        }
        let copies = Copies::start(CopySource {
            store: Arc::clone(store),
            world: Arc::clone(world),
            site: site.clone(),
            by: holder.clone(),
            hosts: hosts_with_copies(site, plan),
        });
        observers.push(copies.observer());
        *self.copies() = Some(copies);
        Ok(observers)
    }

    fn end<'a>(&'a self, plan: &'a Plan, ended: Option<&'a Ended>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let copies = self.copies().take();
            if let Some(copies) = copies {
                copies.finish().await;
            }
            if ended.is_none_or(|ended| ended.outcome != Outcome::Healthy) {
                return;
            }
            let Means { store, actor, site, .. } = &self.means;
            if let Err(error) = forget(store.by(actor), site.name.as_str(), &plan.intent) {
                tracing::warn!(%error, "what is kept of the cluster was not forgotten");
            }
            if plan.intent != Intent::Install
                && let Err(error) = self.means.restore(&plan.intent).await
            {
                tracing::warn!(%error, "a host on which nothing was installed is not as it was");
            }
        })
    }
}

/// What is remembered of a cluster goes with it.
pub fn forget(store: By<'_>, site: &str, intent: &Intent) -> Result<(), ControlError> {
    let failed = |error| ControlError::store("forget the site: ", &error);
    if *intent == Intent::Install {
        return Ok(());
    }
    let Some(mut kept) = store.reading().site::<Site>(site).map_err(failed)? else { return Ok(()) };
    match intent {
        Intent::Install => Ok(()),
        Intent::Reset => store.remove_site(site).map_err(failed),
        Intent::ResetHosts(gone) => {
            kept.hosts.retain(|host| !gone.iter().any(|name| name == host.name.as_str()));
            store.put_site(site, &kept).map_err(failed)
        }
    }
}

/// Keeps the site as it was when its cluster was founded: from then on some of it cannot change.
struct KeepSite {
    store: Arc<Store>,
    actor: Actor,
    site: Site,
    kept: AtomicBool,
}

impl KeepSite {
    fn new(store: &Arc<Store>, actor: &Actor, site: &Site) -> KeepSite {
        let (store, actor, site) = (Arc::clone(store), actor.clone(), site.clone());
        KeepSite { store, actor, site, kept: AtomicBool::new(false) }
    }
}

impl Observer for KeepSite {
    fn record(&self, record: &Record) {
        let (Event::StepDone { step, .. } | Event::StepMet { step, .. }) = &record.event else { return };
        if is_of(step, Phase::Found)
            && !self.kept.swap(true, Ordering::Relaxed)
            && let Err(error) = self.store.by(&self.actor).put_site(self.site.name.as_str(), &self.site)
        {
            tracing::warn!(%error, "the site was not kept");
        }
    }

    fn progress(&self, _: &Progress) {}
}

fn is_of(step: &StepId, phase: Phase) -> bool {
    step.0.split('/').nth(1) == Some(phase.as_str())
}
