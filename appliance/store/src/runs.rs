//! Runs and their events.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use appliance_ledger::{Actor, Command, Reply, RunCommand, RunRow, Table, number_of};
use installer_model::event::{Event, Record, RunId};
use installer_model::view::View;
use redb::{ReadableTable, WriteTransaction};

use crate::plans::AdoptedPlan;
use crate::store::{Store, StoreError, parse};
use crate::tables::{RUN_EVENTS, numbered};
use crate::vault::Vault;

/// A run that this process may perform. It holds the site until it is dropped.
#[derive(Debug)]
pub struct Begun {
    pub run: RunId,
    /// It was left open by an engine that ended, and goes on.
    pub resumed: bool,
    /// What beginning wrote, of this run and of those it closed.
    pub records: Vec<Record>,
    /// The fold of all events of the run so far.
    pub view: View,
    live: Arc<Mutex<BTreeSet<RunId>>>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Ok(mut live) = self.live.lock() {
            live.remove(&self.run);
        }
    }
}

impl Store {
    /// Begins a run of the plan, or takes up the one that was left open, in the name of who adopted it.
    pub fn begin(&self, plan: &AdoptedPlan, at: u64) -> Result<Begun, StoreError> {
        let mut live = self.live.lock().expect("invariant: nothing panics while it holds the set");
        let command =
            RunCommand::Begin { site: plan.site.clone(), plan: plan.id.clone(), live: live.clone() };
        let committed = self.submit_at(at, &plan.by, &Command::Runs(command))?;
        let Reply::Begun { run, resumed, records } = committed.reply else {
            unreachable!("invariant: a beginning is answered by what began")
        };
        live.insert(run.clone());
        drop(live);
        let mut begun =
            Begun { view: View::new(run.clone()), run, resumed, records, live: self.live.clone() };
        begun.view = self.view(&begun.run)?;
        Ok(begun)
    }

    /// Runs that an engine of this process performs now.
    pub fn live_runs(&self) -> BTreeSet<RunId> {
        self.live.lock().expect("invariant: nothing panics while it holds the set").clone()
    }

    /// Appends events to an open run, all or none. When this returns, the disk has them: nothing that an event
    /// announces is touched before.
    pub fn append(&self, run: &RunId, at: u64, events: Vec<Event>) -> Result<Vec<Record>, StoreError> {
        let command = Command::Runs(RunCommand::Append { run: run.clone(), events });
        match self.submit_at(at, &Actor::Instance, &command)?.reply {
            Reply::Appended(records) => Ok(records),
            other => unreachable!("invariant: events are answered by their numbers, not by {other:?}"),
        }
    }

    /// Every run, oldest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        Ok(self.rows(None, usize::MAX)?.into_iter().map(|(_, row)| row).collect())
    }

    /// The number of the newest run of any site; 0 before the first.
    pub fn last_run(&self) -> Result<u64, StoreError> {
        let runs = self.reading()?.open_table(numbered(Table::Runs))?;
        Ok(runs.last()?.map_or(0, |(number, _)| number.value()))
    }

    pub fn run(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        match number_of(run) {
            Some(number) => self.row(number),
            None => Ok(None),
        }
    }

    /// Up to `limit` events of a run whose index is `from` or higher, in order.
    pub fn records(&self, run: &RunId, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let number = number(run)?;
        let transaction = self.reading()?;
        let indices = transaction.open_table(RUN_EVENTS)?;
        let events = transaction.open_table(numbered(Table::Events))?;
        let mut records = Vec::new();
        for row in indices.range((number, from)..=(number, u64::MAX))?.take(limit) {
            let (_, index) = row?.0.value();
            let what = format!("event {index}");
            let record = events.get(index)?.ok_or_else(|| StoreError::Missing(what.clone()))?;
            let record = self.vault.unseal(&event_place(index), record.value())?;
            records.push(parse(&what, &record)?);
        }
        Ok(records)
    }

    /// The fold of a run's events.
    pub fn view(&self, run: &RunId) -> Result<View, StoreError> {
        Ok(View::fold(run.clone(), &self.records(run, 0, usize::MAX)?))
    }
}

/// The number in `r-7`.
pub(crate) fn number(run: &RunId) -> Result<u64, StoreError> {
    number_of(run).ok_or_else(|| StoreError::Missing(format!("run {run}")))
}

/// Where an event is sealed to.
pub(crate) fn event_place(index: u64) -> String {
    format!("event {index}")
}

/// Seals the events of a database that was written before they were.
pub(crate) fn seal_all(transaction: &WriteTransaction, vault: &Vault) -> Result<(), StoreError> {
    let mut events = transaction.open_table(numbered(Table::Events))?;
    let mut open = Vec::new();
    for row in events.iter()? {
        let (index, record) = row?;
        open.push((index.value(), record.value().to_vec()));
    }
    for (index, record) in open {
        events.insert(index, vault.seal(&event_place(index), &record)?.as_slice())?;
    }
    Ok(())
}
