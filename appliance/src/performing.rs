//! Performing a plan: adopt it, run it, show it, let others follow it.
#![expect(clippy::print_stderr, reason = "tells the operator what is being done")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use appliance_store::Store;
use installer_model::event::{Event, Record};
use installer_model::plan::{Intent, Phase, Plan, StepId};
use installer_model::site::Site;
use installer_plan::next::Limits;
use installer_run::copies::{Copies, CopySource, hosts_with_copies};
use installer_run::hub::Hub;
use installer_run::socket::Server;
use installer_run::{Canceller, Ended, Engine, Observer, Progress, RunError, SystemClock};

use crate::cli::{CliError, chain};
use crate::display;
use crate::live::Live;
use crate::planning::Ready;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Text,
    Json,
}

/// Adopts the plan and runs it to its end. The first Ctrl-C lets what has started end, the second leaves at once.
pub(crate) async fn perform(ready: &Ready, plan: Plan, shown: Shown) -> Result<Ended, CliError> {
    claim(ready, &plan).await?;
    let adopted = ready.store.adopt(&plan).map_err(|error| {
        CliError::from_error(4, "adopt the plan: ", &error).hint("somebody else planned meanwhile: run again")
    })?;
    let display: Arc<dyn Observer> = match shown {
        Shown::Text => match Live::new() {
            Some(live) => Arc::new(live),
            None => Arc::new(display::Lines::default()),
        },
        Shown::Json => Arc::new(display::Json),
    };
    let mut observers = vec![display];
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
    let hub = Arc::new(Hub::default());
    observers.push(hub.clone());
    let server = Server::start(&ready.state, Arc::clone(&ready.store), hub)
        .map_err(|error| CliError::from_error(1, "", &error))?;
    let engine = Engine {
        store: Arc::clone(&ready.store),
        world: ready.world.clone(),
        observer: Arc::new(observers),
        clock: Arc::new(SystemClock),
        limits: Limits::default(),
        waived: ready.waived(),
    };
    let (canceller, cancel) = Canceller::new();
    let interrupts = tokio::spawn(heed_interrupts(canceller));
    let ended = engine.run(&adopted, cancel).await;
    interrupts.abort();
    copies.finish().await;
    server.close().await;
    ended.map_err(|error| match error {
        RunError::Aborted { .. } => CliError::new(130, chain(&error)),
        RunError::Store(error) => CliError::from_error(1, "keep the run: ", &error),
    })
}

/// Nothing is begun on hosts that somebody else holds. A reset claims what it cleans: a host that holds nothing of ours is
/// left as it is.
async fn claim(ready: &Ready, plan: &Plan) -> Result<(), CliError> {
    let last = ready.store.last_run().map_err(|error| CliError::from_error(1, "", &error))?;
    let ledger = ready.store.ledger();
    let claimed = match plan.intent {
        Intent::Install => ready.world.claim_all(ledger, last).await,
        Intent::Reset | Intent::ResetHosts(_) => ready.world.claim_each(&plan.hosts(), ledger, last).await,
    };
    claimed.map_err(|(host, error)| {
        let code = u8::try_from(error.exit_code()).unwrap_or(1);
        CliError::from_error(code, &format!("claim {host}: "), &error).hint(error.hint())
    })
}

async fn heed_interrupts(canceller: Canceller) {
    while tokio::signal::ctrl_c().await.is_ok() {
        eprintln!("Interrupted: what has started is let end. Once more to leave at once.");
        canceller.request();
    }
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
