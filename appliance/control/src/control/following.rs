//! A run's events as they come.

use std::sync::Arc;

use appliance_store::Store;
use installer_model::event::{Event, Record, RunId};
use tokio::sync::watch;

use super::{Control, stored};
use crate::error::{ControlError, Kind};

/// Events that are read at a time.
const PAGE: usize = 256;

/// Reads a run's events from an index on, in order, none twice; waits for more until the run ends.
pub struct Following {
    store: Arc<Store>,
    run: RunId,
    from: u64,
    changed: watch::Receiver<u64>,
    ended: bool,
}

impl Control {
    /// The events of a run whose index is `from` or higher.
    pub fn follow(&self, run: &RunId, from: u64) -> Result<Following, ControlError> {
        let store = Arc::clone(self.store());
        if store.run(run).map_err(stored(""))?.is_none() {
            return Err(ControlError::new(Kind::NotFound, format!("follow {run}: there is no such run")));
        }
        let changed = store.changed();
        Ok(Following { store, run: run.clone(), from, changed, ended: false })
    }
}

impl Following {
    /// The next events; none when the run has ended and all were read.
    pub async fn next(&mut self) -> Result<Vec<Record>, ControlError> {
        while !self.ended {
            self.changed.mark_unchanged();
            let records = self.store.records(&self.run, self.from, PAGE).map_err(stored("read the run: "))?;
            if let Some(last) = records.last() {
                self.from = last.index + 1;
                self.ended = matches!(last.event, Event::RunEnded { .. });
                return Ok(records);
            }
            let row = self.store.run(&self.run).map_err(stored("read the run: "))?;
            if row.is_none_or(|row| row.outcome.is_some()) || self.changed.changed().await.is_err() {
                self.ended = true;
            }
        }
        Ok(Vec::new())
    }
}
