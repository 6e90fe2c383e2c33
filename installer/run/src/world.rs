//! What a run touches: the only way from the loop to a host.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use appliance_store::Store;
use installer_model::event::{Failure, RunId};
use installer_model::plan::{Step, StepId};

use crate::observe::{Observer, Progress};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a probe says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// All that the step wants is so.
    Met,
    /// It is not; what is missing, in lower case, such as `/etc/hosts differs`.
    NotMet(String),
    /// The question could not be put, such as before there is an API server.
    CannotTell(String),
}

/// The hosts, as the loop sees them. The real one speaks to hands over SSH, the simulated one is in the tests.
///
/// Both futures may be dropped at any point (an abort, a power cut): what they began on a host may then have
/// happened, half happened, or not happened at all, and the same step is performed again with a higher attempt.
pub trait World: Send + Sync {
    /// Looks, changes nothing, is cheap.
    fn probe<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Probe>;

    /// Brings it about. May be repeated after any part of it was done.
    fn act<'a>(&'a self, step: &'a Step, context: &'a StepContext) -> BoxFuture<'a, Result<(), Failure>>;
}

/// What an act is given beside its step.
pub struct StepContext {
    pub run: RunId,
    pub step: StepId,
    pub attempt: u32,
    /// The ledger that this run is of; a host that belongs to another refuses.
    pub ledger: String,
    /// Index of the committed `StepStarted`: a host that has seen a higher one refuses.
    pub fence: u64,
    store: Arc<Store>,
    observer: Arc<dyn Observer>,
    latest: Mutex<Progress>,
}

impl StepContext {
    pub(crate) fn new(
        run: RunId,
        step: StepId,
        attempt: u32,
        fence: u64,
        store: Arc<Store>,
        observer: Arc<dyn Observer>,
    ) -> StepContext {
        let latest = Mutex::new(Progress::new(run.clone(), step.clone(), attempt));
        StepContext { run, step, attempt, ledger: store.ledger().to_owned(), fence, store, observer, latest }
    }

    /// Says how far the act is. What is shown never goes backwards: a lower count than before is not taken.
    pub fn progress(&self, bytes_done: u64, bytes_total: Option<u64>) {
        self.update(|progress| {
            progress.bytes_done = progress.bytes_done.max(bytes_done);
            progress.bytes_total = bytes_total.or(progress.bytes_total);
        });
    }

    /// Says what the act is at, such as `unpacking etcd`.
    pub fn note(&self, note: impl Into<String>) {
        self.update(|progress| progress.note = Some(note.into()));
    }

    /// Keeps what a command said. Callers have taken secrets out.
    pub fn output(&self, bytes: &[u8]) {
        if let Err(error) = self.store.append_output(&self.run, &self.step, self.attempt, bytes) {
            // Output explains; a step does not fail for want of it.
            tracing::warn!(run = %self.run, step = %self.step, %error, "output was not kept");
        }
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        let mut latest = self.latest.lock().expect("invariant: nothing panics while it holds the progress");
        change(&mut latest);
        self.observer.progress(&latest);
    }
}
