//! Who watches a run, and the clock it goes by.

use std::time::{SystemTime, UNIX_EPOCH};

use installer_model::event::{Record, RunId};
use installer_model::plan::{Plan, StepId};
use installer_model::view::View;
use serde::{Deserialize, Serialize};

/// How far an act is. Cheap, may be lost, never in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub run: RunId,
    pub step: StepId,
    pub attempt: u32,
    pub bytes_done: u64,
    pub bytes_total: Option<u64>,
    /// What it is at, for people.
    pub note: Option<String>,
}

impl Progress {
    pub fn new(run: RunId, step: StepId, attempt: u32) -> Progress {
        Progress { run, step, attempt, bytes_done: 0, bytes_total: None, note: None }
    }
}

/// Watches a run. Called from the loop and from acts: an observer returns at once.
pub trait Observer: Send + Sync {
    /// The run begins or goes on; `view` holds what happened before.
    fn began(&self, _plan: &Plan, _view: &View) {}
    /// An event is on disk. Each is told once, in order.
    fn record(&self, record: &Record);
    fn progress(&self, progress: &Progress);
}

/// Nobody watches.
impl Observer for () {
    fn record(&self, _: &Record) {}
    fn progress(&self, _: &Progress) {}
}

/// Several watch: the display, and those who follow through the socket.
impl Observer for Vec<std::sync::Arc<dyn Observer>> {
    fn began(&self, plan: &Plan, view: &View) {
        self.iter().for_each(|observer| observer.began(plan, view));
    }

    fn record(&self, record: &Record) {
        self.iter().for_each(|observer| observer.record(record));
    }

    fn progress(&self, progress: &Progress) {
        self.iter().for_each(|observer| observer.progress(progress));
    }
}

/// Where events get their time from.
pub trait Clock: Send + Sync {
    /// Unix time in milliseconds.
    fn now(&self) -> u64;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        // A clock before 1970 is wrong; the events it stamps are still in order by their index.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
