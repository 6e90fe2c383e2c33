//! The control of an instance: one long life over one store, with the runs of all its sites.
//!
//! ```text
//!  start ──▶ request on disk ──▶ queue ──▶ hosts within reach ──▶ run ──▶ ended
//!                 ▲   ▲            ▲              │ not without an answer
//!   a restart ────┘   │            └── answered ──┤
//!                     │                          held, and why
//!                     └────────── settings: so many at once
//! ```
//!
//! What was asked is on disk before anything happens. After a `kill -9` the requests are read again: runs that were open go
//! on, those that waited wait, and a cancel that was asked still holds.

mod asking;
mod following;
mod running;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use appliance_store::ledger::{ONLY, Settings, Topic};
use appliance_store::{Store, StoreError};
use installer_model::event::RunId;
use installer_run::hub::Hub;
use installer_run::{Canceller, Level, Progress};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::asking::{Asker, Imported, Retried, Start};
pub use self::following::Following;
use crate::asks::WantedSecret;
use crate::error::{ControlError, Kind, Problem};
use crate::hosts::Hosts;
use crate::wish::Wish;

/// What is held is tried again this often, whether anything changed or not.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Looks at sites and performs runs, several at a time. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    store: Arc<Store>,
    hosts: Arc<dyn Hosts>,
    state: Mutex<State>,
    /// Asks and answers only: nothing is performed.
    idle: bool,
    /// Is told how far live runs are.
    progress: OnceLock<TellProgress>,
    /// Counts changes of the state.
    changed: watch::Sender<u64>,
}

type TellProgress = Box<dyn Fn(&Progress) + Send + Sync>;

#[derive(Default)]
struct State {
    /// By site.
    running: BTreeMap<String, Performed>,
    queue: VecDeque<Job>,
    held: Vec<(Job, Held)>,
    /// Runs with their sites that nobody can go on with but who began them.
    left: Vec<(RunId, String)>,
    closing: bool,
}

/// A run that is to be performed.
#[derive(Debug, Clone)]
struct Job {
    /// Id of the request that asked for it.
    request: String,
    site: String,
    plan: installer_model::plan::PlanId,
    wish: Wish,
    /// The run that was left open and goes on.
    goes_on: Option<RunId>,
}

/// A run that is being performed.
struct Performed {
    request: String,
    /// `None` until it began; one that goes on began before.
    run: Option<RunId>,
    canceller: Canceller,
    hub: Arc<Hub>,
    task: Option<JoinHandle<()>>,
}

/// Why a run does not go on: until somebody does something about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The request whose run it is.
    pub request: String,
    pub run: Option<RunId>,
    pub kind: Kind,
    pub problems: Vec<Problem>,
    pub hint: Option<String>,
    /// Secrets that nobody gave yet.
    pub secrets: Vec<WantedSecret>,
}

impl Control {
    /// Takes up what was left open. Belongs into a runtime.
    pub fn begin(store: Arc<Store>, hosts: Arc<dyn Hosts>) -> Result<Control, ControlError> {
        let (state, changed) = (Mutex::default(), watch::Sender::new(0));
        let (progress, idle) = (OnceLock::new(), false);
        let control = Control(Arc::new(Inner { store, hosts, state, idle, progress, changed }));
        control.0.take_up()?;
        control.0.pump();
        tokio::spawn(heed_changes(Arc::downgrade(&control.0)));
        Ok(control)
    }

    /// For a process that looks and answers and then ends: what is open stays as it is, and no run begins.
    pub fn idle(store: Arc<Store>, hosts: Arc<dyn Hosts>) -> Control {
        let (state, changed) = (Mutex::default(), watch::Sender::new(0));
        Control(Arc::new(Inner { store, hosts, state, idle: true, progress: OnceLock::new(), changed }))
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// The runs that are performed now, by site; those that go on also while their hosts are still being reached.
    pub fn live(&self) -> BTreeMap<String, RunId> {
        let state = self.0.lock();
        let live = state.running.iter();
        live.filter_map(|(site, performed)| Some((site.clone(), performed.run.clone()?))).collect()
    }

    /// What does not go on, and why.
    pub fn held(&self) -> Vec<Held> {
        self.0.lock().held.iter().map(|(_, held)| held.clone()).collect()
    }

    /// Runs with their sites that were open when this began and that only `armilla apply` can go on with: the site was
    /// never written down here.
    pub fn left(&self) -> Vec<(RunId, String)> {
        self.0.lock().left.clone()
    }

    /// Counts up whenever a run begins, ends or is held.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// The live progress of a run.
    pub fn hub(&self, run: &RunId) -> Option<Arc<Hub>> {
        let state = self.0.lock();
        let mut performed = state.running.values();
        performed.find(|performed| performed.run.as_ref() == Some(run)).map(|performed| performed.hub.clone())
    }

    /// Tells how far live runs are, as often as they say it. Once.
    pub fn on_progress(&self, tell: impl Fn(&Progress) + Send + Sync + 'static) {
        // Whoever came first goes on hearing it.
        let _ = self.0.progress.set(Box::new(tell));
    }

    /// Tries what is held again.
    pub fn try_again(&self) {
        self.0.try_again();
    }

    /// Leaves every run where it is, open: the next control of this store takes them up.
    pub async fn close(&self) {
        let tasks: Vec<JoinHandle<()>> = {
            let mut state = self.0.lock();
            state.closing = true;
            state.running.values().for_each(|performed| performed.canceller.ask(Level::Abort));
            state.running.values_mut().filter_map(|performed| performed.task.take()).collect()
        };
        for task in tasks {
            // A task that panicked has ended too.
            let _ = task.await;
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("invariant: nothing panics while it holds the state of runs")
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Runs at once.
    fn limit(&self) -> usize {
        let settings: Option<Settings> = self.store.row(ONLY).unwrap_or_default();
        usize::try_from(settings.unwrap_or_default().runs_at_once).unwrap_or(usize::MAX)
    }

    fn try_again(self: &Arc<Inner>) {
        {
            let mut state = self.lock();
            let held: Vec<Job> = state.held.drain(..).map(|(job, _)| job).collect();
            state.queue.extend(held);
        }
        self.pump();
    }
}

/// What may let something go on that is held, or lets more run at once.
async fn heed_changes(inner: std::sync::Weak<Inner>) {
    let topics =
        [Topic::Secrets, Topic::Credentials, Topic::HostKeys, Topic::Bundles, Topic::Settings, Topic::Sites];
    let topics = topics.into_iter().collect();
    let Some((mut changed, mut after)) =
        inner.upgrade().map(|inner| (inner.store.changed(), inner.store.last_index().unwrap_or_default()))
    else {
        return;
    };
    loop {
        let quiet = tokio::time::timeout(TRY_AGAIN, changed.changed()).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.lock().closing || matches!(quiet, Ok(Err(_))) {
            return;
        }
        let fed = inner.store.feed(after, &topics, usize::MAX);
        let touched = fed.as_ref().is_ok_and(|fed| !fed.items.is_empty());
        after = fed.map_or(after, |fed| fed.upto);
        if quiet.is_err() || touched {
            inner.try_again();
        }
    }
}

fn stored(what: &'static str) -> impl Fn(StoreError) -> ControlError {
    move |error| refused(what, error)
}

/// What the ledger refused is the caller's to mend, and what the disk did is not.
fn refused(what: &str, error: StoreError) -> ControlError {
    match &error {
        StoreError::Refused(refused) => ControlError::of(kind_of(refused), what, &error),
        _ => ControlError::store(what, &error),
    }
}

fn kind_of(refused: &appliance_store::ledger::Refused) -> Kind {
    use appliance_store::ledger::Refused;
    match refused {
        Refused::Missing { .. } => Kind::NotFound,
        Refused::Invalid { .. } => Kind::Refused,
        Refused::Exists { .. }
        | Refused::Changed { .. }
        | Refused::InUse { .. }
        | Refused::Expired { .. }
        | Refused::KeyReused(_)
        | Refused::Ended(_)
        | Refused::TooMany { .. }
        | Refused::Adopt(_)
        | Refused::Begin(_)
        | Refused::Wait { .. }
        | Refused::Disabled(_)
        | Refused::LastAdministrator(_) => Kind::Conflict,
        Refused::Unreadable(_) => Kind::Failed,
    }
}
