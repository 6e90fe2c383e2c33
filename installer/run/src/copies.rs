//! The copy of site, plan and record that every host keeps, written while a run goes on: whoever loses the machine that
//! installs takes the site over from any host.
//!
//! Nothing waits for a copy, and none fails a run. After a change the hosts are written at once, then not again for a
//! while that grows with what writing took; the end of a run is always written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use appliance_store::{Holder, Store};
use futures_util::future::join_all;
use installer_model::chain;
use installer_model::event::{Record, RunId};
use installer_model::plan::{Intent, Plan};
use installer_model::site::Site;
use installer_ssh::HandError;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::observe::{Clock, Observer, Progress, SystemClock};
use crate::site_world::SiteWorld;

/// The least time between two writings.
const PAUSE: Duration = Duration::from_secs(3);
/// Of the whole time, writing takes at most this part: one in so many.
const SHARE: u32 = 20;
/// How long one host may take to be written.
const HOST_PATIENCE: Duration = Duration::from_secs(15);
/// How long the end of a run waits for the last copy.
const LAST_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tick {
    events: u64,
    closing: bool,
}

/// Watches a run and has its hosts written.
pub struct Copies {
    tick: watch::Sender<Tick>,
}

/// The writing, to be ended with the run.
pub struct CopyTask {
    copies: Arc<Copies>,
    task: JoinHandle<()>,
}

/// What is written, to whom and in whose name.
pub struct CopySource {
    pub store: Arc<Store>,
    pub world: Arc<SiteWorld>,
    pub site: Site,
    pub by: Holder,
    pub hosts: Vec<String>,
}

/// The hosts that keep a copy during a run of this plan: a host that is being cleaned must end up bare.
pub fn hosts_with_copies(site: &Site, plan: &Plan) -> Vec<String> {
    let all = site.hosts.iter().map(|host| host.name.to_string());
    match &plan.intent {
        Intent::Install => all.collect(),
        Intent::ResetHosts(gone) => all.filter(|name| !gone.contains(name)).collect(),
        Intent::Reset => Vec::new(),
    }
}

impl Copies {
    pub fn start(source: CopySource) -> CopyTask {
        let (tick, ticks) = watch::channel(Tick::default());
        let task = tokio::spawn(keep(source, ticks));
        CopyTask { copies: Arc::new(Copies { tick }), task }
    }
}

impl Observer for Copies {
    fn record(&self, _: &Record) {
        self.tick.send_modify(|tick| tick.events += 1);
    }

    fn progress(&self, _: &Progress) {}
}

impl CopyTask {
    pub fn observer(&self) -> Arc<Copies> {
        Arc::clone(&self.copies)
    }

    /// Has the last state written; gives up on hosts that do not answer.
    pub async fn finish(mut self) {
        self.copies.tick.send_modify(|tick| tick.closing = true);
        if tokio::time::timeout(LAST_PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn keep(source: CopySource, mut ticks: watch::Receiver<Tick>) {
    let mut written = 0;
    while ticks.wait_for(|tick| tick.closing || tick.events > written).await.is_ok() {
        let tick = *ticks.borrow_and_update();
        let begun = Instant::now();
        if tick.events > written {
            source.write().await;
            written = tick.events;
        }
        if tick.closing {
            return;
        }
        let pause = PAUSE.max(begun.elapsed() * SHARE);
        let _ = tokio::time::timeout(pause, ticks.wait_for(|tick| tick.closing)).await;
    }
}

impl CopySource {
    /// Writes every host; what went wrong is logged, and told to nobody.
    pub async fn write(&self) -> Vec<(String, Result<(), HandError>)> {
        let (run, bytes) = match self.copy() {
            Ok(Some(copy)) => copy,
            Ok(None) => return Vec::new(),
            Err(why) => {
                tracing::warn!(why, "the hosts' copy of the site was not written");
                return Vec::new();
            }
        };
        let writes = self.hosts.iter().map(|host| {
            let (ledger, bytes) = (self.store.ledger(), &bytes);
            async move {
                let write = self.world.keep_copy(host, ledger, run, bytes);
                let late = || HandError::Here(format!("write {host} within {} s", HOST_PATIENCE.as_secs()));
                let wrote = tokio::time::timeout(HOST_PATIENCE, write).await.unwrap_or_else(|_| Err(late()));
                if let Err(error) = &wrote {
                    tracing::info!(host, error = chain(error), "a host's copy of the site was not written");
                }
                (host.clone(), wrote)
            }
        });
        join_all(writes).await
    }

    /// The number of the run that it is of, and the bytes.
    fn copy(&self) -> Result<Option<(u64, Vec<u8>)>, String> {
        let copy = self.store.copy_of(&self.site, &self.by, SystemClock.now());
        let Some(copy) = copy.map_err(|error| chain(&error))? else { return Ok(None) };
        let run = copy.run.as_ref().map_or(0, |row| run_number(&row.run));
        Ok(Some((run, copy.encode().map_err(|error| chain(&error))?)))
    }
}

/// The number in `r-7`; 0 for a name that is no run's.
pub(crate) fn run_number(run: &RunId) -> u64 {
    run.0.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
