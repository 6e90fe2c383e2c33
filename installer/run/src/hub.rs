//! What those who follow a run from outside are woken by. Records are read from the store, so that nobody misses one;
//! progress is kept as the latest of each step, so that nobody who is slow holds anybody up.

use std::collections::BTreeMap;
use std::sync::Mutex;

use installer_model::event::{Event, Record, RunId};
use installer_model::plan::{Plan, StepId};
use installer_model::view::View;
use tokio::sync::watch;

use crate::observe::{Observer, Progress};

/// What changed, as counters: cheap to compare, and a reader that sleeps through ten changes wakes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// Index of the last event on disk.
    pub index: u64,
    /// Counts progress; each [`Hub::progress_since`] starts from one.
    pub progress: u64,
    /// The process is about to end.
    pub closing: bool,
}

pub struct Hub {
    tick: watch::Sender<Tick>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The run being performed.
    live: Option<RunId>,
    /// Latest progress of each step in flight, with the tick it came at.
    progress: BTreeMap<StepId, (u64, Progress)>,
}

impl Default for Hub {
    fn default() -> Hub {
        Hub { tick: watch::Sender::new(Tick::default()), inner: Mutex::default() }
    }
}

impl Hub {
    pub fn subscribe(&self) -> watch::Receiver<Tick> {
        self.tick.subscribe()
    }

    pub fn is_live(&self, run: &RunId) -> bool {
        self.lock().live.as_ref() == Some(run)
    }

    /// Latest progress of the steps that made any after this tick.
    pub fn progress_since(&self, tick: u64) -> Vec<Progress> {
        let inner = self.lock();
        inner.progress.values().filter(|(at, _)| *at > tick).map(|(_, progress)| progress.clone()).collect()
    }

    /// Tells followers to finish what they are sending.
    pub fn close(&self) {
        self.tick.send_modify(|tick| tick.closing = true);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("invariant: nothing panics while it holds the hub")
    }
}

impl Observer for Hub {
    fn began(&self, _: &Plan, view: &View) {
        *self.lock() = Inner { live: Some(view.run.clone()), progress: BTreeMap::new() };
    }

    fn record(&self, record: &Record) {
        {
            let mut inner = self.lock();
            match &record.event {
                Event::StepMet { step, .. }
                | Event::StepDone { step, .. }
                | Event::StepFailed { step, .. } => {
                    inner.progress.remove(step);
                }
                Event::RunEnded { .. } if inner.live.as_ref() == Some(&record.run) => inner.live = None,
                Event::RunEnded { .. }
                | Event::RunStarted { .. }
                | Event::FindingWaived { .. }
                | Event::RunResumed
                | Event::StepStarted { .. }
                | Event::HostDropped { .. }
                | Event::HostRetried { .. }
                | Event::RunCancelled
                | Event::Unknown => {}
            }
        }
        self.tick.send_modify(|tick| tick.index = tick.index.max(record.index));
    }

    fn progress(&self, progress: &Progress) {
        self.tick.send_modify(|tick| {
            tick.progress += 1;
            self.lock().progress.insert(progress.step.clone(), (tick.progress, progress.clone()));
        });
    }
}
