//! Runs and their events.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use installer_model::event::{EVENT_FORMAT, Event, Outcome, Record, RunId};
use installer_model::plan::PlanId;
use installer_model::view::View;
use redb::{ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::plans::AdoptedPlan;
use crate::rules::{self, Begin};
use crate::store::{Store, StoreError, json, parse};
use crate::tables::{EVENTS, RUN_EVENTS, RUNS, TARGETS};
use crate::vault::Vault;

/// A run in short: what a list of runs shows. It says nothing that the run's events do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    pub run: RunId,
    pub site: String,
    pub plan: PlanId,
    /// Unix time in milliseconds.
    pub started_at: u64,
    pub ended_at: Option<u64>,
    pub outcome: Option<Outcome>,
}

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
    /// Begins a run of the plan, or takes up the one that was left open.
    pub fn begin(&self, plan: &AdoptedPlan, at: u64) -> Result<Begun, StoreError> {
        let mut live = self.live.lock().expect("invariant: nothing panics while it holds the set");
        let transaction = self.writing()?;
        let open: Vec<RunRow> = rows(&transaction)?.into_iter().filter(|row| row.outcome.is_none()).collect();
        let target = {
            let targets = transaction.open_table(TARGETS)?;
            targets.get(plan.site.as_str())?.map(|id| PlanId(id.value().to_owned()))
        };
        let begin = rules::begin(target.as_ref(), &open, &live, plan)?;
        let (run, resumed, abandon) = match begin {
            Begin::New { abandon } => (next_run(&transaction)?, false, abandon),
            Begin::Resume { run, abandon } => (run, true, abandon),
        };
        let mut records = Vec::new();
        for abandoned in &abandon {
            let ended = Event::RunEnded { outcome: Outcome::Abandoned };
            records.extend(self.write(&transaction, abandoned, at, vec![ended])?);
        }
        let first = if resumed {
            Event::RunResumed
        } else {
            let row = RunRow {
                run: run.clone(),
                site: plan.site.clone(),
                plan: plan.id.clone(),
                started_at: at,
                ended_at: None,
                outcome: None,
            };
            transaction.open_table(RUNS)?.insert(number(&run)?, json(&row).as_slice())?;
            Event::RunStarted { plan: plan.id.clone() }
        };
        records.extend(self.write(&transaction, &run, at, vec![first])?);
        transaction.commit()?;
        live.insert(run.clone());
        drop(live);
        let mut begun =
            Begun { view: View::new(run.clone()), run, resumed, records, live: self.live.clone() };
        begun.view = self.view(&begun.run)?;
        Ok(begun)
    }

    /// Appends events to an open run, all or none. When this returns, the disk has them: nothing that an event
    /// announces is touched before.
    pub fn append(&self, run: &RunId, at: u64, events: Vec<Event>) -> Result<Vec<Record>, StoreError> {
        let transaction = self.writing()?;
        let records = self.write(&transaction, run, at, events)?;
        transaction.commit()?;
        Ok(records)
    }

    /// Every run, oldest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let runs = self.reading()?.open_table(RUNS)?;
        collect_rows(&runs)
    }

    /// The number of the newest run of any site; 0 before the first.
    pub fn last_run(&self) -> Result<u64, StoreError> {
        let runs = self.reading()?.open_table(RUNS)?;
        Ok(runs.last()?.map_or(0, |(number, _)| number.value()))
    }

    pub fn run(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        let Ok(number) = number(run) else { return Ok(None) };
        let runs = self.reading()?.open_table(RUNS)?;
        let row = runs.get(number)?;
        row.map(|row| parse(&run.0, row.value())).transpose()
    }

    /// Up to `limit` events of a run whose index is `from` or higher, in order.
    pub fn records(&self, run: &RunId, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let number = number(run)?;
        let transaction = self.reading()?;
        let indices = transaction.open_table(RUN_EVENTS)?;
        let events = transaction.open_table(EVENTS)?;
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

    /// Numbers and writes events of an open run; an end closes the run's row with it.
    fn write(
        &self,
        transaction: &WriteTransaction,
        run: &RunId,
        at: u64,
        events: Vec<Event>,
    ) -> Result<Vec<Record>, StoreError> {
        let number = number(run)?;
        let mut runs = transaction.open_table(RUNS)?;
        let row = runs.get(number)?.map(|row| row.value().to_vec());
        let mut row: RunRow = parse(&run.0, &row.ok_or_else(|| StoreError::Missing(format!("run {run}")))?)?;
        let mut table = transaction.open_table(EVENTS)?;
        let mut indices = transaction.open_table(RUN_EVENTS)?;
        let mut index = table.last()?.map_or(0, |(index, _)| index.value());
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            if row.outcome.is_some() {
                return Err(StoreError::Ended(run.clone()));
            }
            if let Event::RunEnded { outcome } = &event {
                (row.outcome, row.ended_at) = (Some(*outcome), Some(at));
                runs.insert(number, json(&row).as_slice())?;
            }
            index += 1;
            let record = Record { format: EVENT_FORMAT, index, at, run: run.clone(), event };
            table.insert(index, self.vault.seal(&event_place(index), &json(&record))?.as_slice())?;
            indices.insert((number, index), ())?;
            records.push(record);
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
    let number = run.0.strip_prefix("r-").and_then(|number| number.parse().ok());
    number.ok_or_else(|| StoreError::Missing(format!("run {run}")))
}

fn next_run(transaction: &WriteTransaction) -> Result<RunId, StoreError> {
    let runs = transaction.open_table(RUNS)?;
    let last = runs.last()?.map_or(0, |(number, _)| number.value());
    Ok(RunId(format!("r-{}", last + 1)))
}

fn rows(transaction: &WriteTransaction) -> Result<Vec<RunRow>, StoreError> {
    collect_rows(&transaction.open_table(RUNS)?)
}

fn collect_rows(runs: &impl ReadableTable<u64, &'static [u8]>) -> Result<Vec<RunRow>, StoreError> {
    let mut all = Vec::new();
    for row in runs.iter()? {
        let (number, value) = row?;
        all.push(parse(&format!("run r-{}", number.value()), value.value())?);
    }
    Ok(all)
}

/// Where an event is sealed to.
pub(crate) fn event_place(index: u64) -> String {
    format!("event {index}")
}

/// Seals the events of a database that was written before they were.
pub(crate) fn seal_all(transaction: &WriteTransaction, vault: &Vault) -> Result<(), StoreError> {
    let mut events = transaction.open_table(EVENTS)?;
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
