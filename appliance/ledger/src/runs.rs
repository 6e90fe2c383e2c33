//! Runs and their events.

use std::collections::BTreeSet;

use installer_model::event::{EVENT_FORMAT, Event, Outcome, Record, RunId};
use installer_model::plan::PlanId;
use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::plans::Target;
use crate::refused::Refused;
use crate::rules::{self, Begin};
use crate::table::{Row, Table};

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
    /// Ledger index of its beginning or end; 0 where an older version did not write it down.
    #[serde(default)]
    pub revision: u64,
}

impl Row for RunRow {
    const TABLE: Table = Table::Runs;
    const KIND: &'static str = "run";
}

impl Row for Record {
    const TABLE: Table = Table::Events;
    const KIND: &'static str = "event";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunCommand {
    /// Begins a run of the plan, which must be the site's target, or takes up the one that was left open. `live` are runs
    /// that an engine performs now.
    Begin { site: String, plan: PlanId, live: BTreeSet<RunId> },
    /// Appends events to an open run, all or none. Not audited: they are the record themselves.
    Append { run: RunId, events: Vec<Event> },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &RunCommand) -> Result<Reply, Refused> {
    match command {
        RunCommand::Begin { site, plan, live } => begin(deciding, site, plan, live),
        RunCommand::Append { run, events } => {
            let row = row(deciding, run)?.ok_or_else(|| Refused::missing(RunRow::KIND, &run.0))?;
            Ok(Reply::Appended(append(deciding, row, events)?))
        }
    }
}

fn begin(
    deciding: &mut Deciding<'_>,
    site: &str,
    plan: &PlanId,
    live: &BTreeSet<RunId>,
) -> Result<Reply, Refused> {
    let rows = deciding.all::<RunRow>()?.into_iter().map(|(_, row)| row);
    let open: Vec<RunRow> = rows.filter(|row| row.outcome.is_none()).collect();
    let target: Option<Target> = deciding.find(site)?;
    let decided = rules::begin(target.as_ref().map(|target| &target.plan), &open, live, site, plan)?;
    let (resumed, abandon) = match decided {
        Begin::New { abandon } => (None, abandon),
        Begin::Resume { run, abandon } => (Some(run), abandon),
    };
    let mut records = Vec::new();
    let row_of = |run: &RunId| open.iter().find(|row| row.run == *run).cloned();
    for row in abandon.iter().filter_map(row_of) {
        let ended = Event::RunEnded { outcome: Outcome::Abandoned };
        records.extend(append(deciding, row, &[ended])?);
    }
    let (row, first) = match resumed.as_ref().and_then(row_of) {
        Some(row) => (row, Event::RunResumed),
        None => (new_run(deciding, site, plan)?, Event::RunStarted { plan: plan.clone() }),
    };
    let run = row.run.clone();
    records.extend(append(deciding, row.clone(), &[first])?);
    let revision = deciding.changed(Topic::Runs, &run.0);
    deciding.put(number(&run)?, &RunRow { revision, ..row });
    let resumed = resumed.is_some();
    let detail = [("site", site.to_owned()), ("plan", plan.0.clone())];
    deciding.say(if resumed { "run.resume" } else { "run.begin" }, &run.0, &detail);
    Ok(Reply::Begun { run, resumed, records })
}

fn new_run(deciding: &Deciding<'_>, site: &str, plan: &PlanId) -> Result<RunRow, Refused> {
    let last = deciding.last_number(Table::Runs)?;
    Ok(RunRow {
        run: RunId(format!("r-{}", last + 1)),
        site: site.to_owned(),
        plan: plan.clone(),
        started_at: deciding.at,
        ended_at: None,
        outcome: None,
        revision: 0,
    })
}

/// Numbers events of an open run; an end closes the run's row with it.
fn append(deciding: &mut Deciding<'_>, mut row: RunRow, events: &[Event]) -> Result<Vec<Record>, Refused> {
    let mut records = Vec::with_capacity(events.len());
    let at = deciding.at;
    let was_open = row.outcome.is_none();
    for event in events {
        if row.outcome.is_some() {
            return Err(Refused::Ended(row.run));
        }
        if let Event::RunEnded { outcome } = event {
            (row.outcome, row.ended_at) = (Some(*outcome), Some(at));
        }
        let index = deciding.next();
        let record = Record { format: EVENT_FORMAT, index, at, run: row.run.clone(), event: event.clone() };
        deciding.put(index, &record);
        records.push(record);
    }
    if was_open && row.outcome.is_some() {
        row.revision = deciding.changed(Topic::Runs, &row.run.0);
        deciding.put(number(&row.run)?, &row);
    }
    Ok(records)
}

pub(crate) fn row(deciding: &Deciding<'_>, run: &RunId) -> Result<Option<RunRow>, Refused> {
    match number_of(run) {
        Some(number) => deciding.find(number),
        None => Ok(None),
    }
}

pub(crate) fn number(run: &RunId) -> Result<u64, Refused> {
    number_of(run).ok_or_else(|| Refused::missing(RunRow::KIND, &run.0))
}

/// The number in `r-7`.
pub fn number_of(run: &RunId) -> Option<u64> {
    run.0.strip_prefix("r-").and_then(|number| number.parse().ok())
}
