//! What was asked of the engines: to start a run, to cancel one, to take up a host again. Asked is written down before
//! anything happens, so that a start survives the server that was asked.
//!
//! ```text
//!  Ask ──▶ waiting ──▶ taken (its run is named)
//!                └───▶ failed (and why)
//! ```

use std::collections::BTreeSet;

use installer_model::event::RunId;
use installer_model::plan::PlanId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::plans::PlanRow;
use crate::refused::Refused;
use crate::rules::BeginRefused;
use crate::runs::{self, RunRow};
use crate::table::{Row, Table};

/// Something that was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub id: String,
    pub site: String,
    pub asked: Asked,
    pub by: String,
    /// Unix time in milliseconds.
    pub at: u64,
    pub state: RequestState,
    pub revision: u64,
}

impl Row for Request {
    const TABLE: Table = Table::Requests;
    const KIND: &'static str = "request";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Asked {
    /// `options`: what the caller wants the engine to know, such as how many hosts at once.
    Start { plan: PlanId, options: Value },
    /// At the next safe point.
    Cancel { run: RunId },
    /// A host that dropped out.
    Retry { run: RunId, host: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RequestState {
    Waiting,
    Taken { run: Option<RunId> },
    Failed { why: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RequestCommand {
    /// Refused when another start of the site waits or a run of it is live; when a run to cancel has ended. A cancel that
    /// was asked already is not asked twice. `live` are runs that an engine performs now.
    Ask { id: String, site: String, asked: Asked, live: BTreeSet<RunId> },
    /// What became of it.
    Answer { id: String, state: RequestState },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &RequestCommand) -> Result<Reply, Refused> {
    match command {
        RequestCommand::Ask { id, site, asked, live } => ask(deciding, id, site, asked, live),
        RequestCommand::Answer { id, state } => {
            let request: Request = deciding.wanted(id)?;
            let revision = deciding.changed(Topic::Requests, id);
            deciding.put(id.as_str(), &Request { state: state.clone(), revision, ..request });
            Ok(Reply::Revision(revision))
        }
    }
}

fn ask(
    deciding: &mut Deciding<'_>,
    id: &str,
    site: &str,
    asked: &Asked,
    live: &BTreeSet<RunId>,
) -> Result<Reply, Refused> {
    if deciding.find::<Request>(id)?.is_some() {
        return Err(Refused::Exists { kind: Request::KIND, id: id.to_owned() });
    }
    let (action, detail) = match asked {
        Asked::Start { plan, .. } => {
            may_start(deciding, site, plan, live)?;
            ("run.start", plan.0.clone())
        }
        Asked::Cancel { run } => {
            is_open(deciding, run)?;
            if let Some(there) = waiting(deciding)?.into_iter().find(|request| request.asked == *asked) {
                return Ok(Reply::Made { id: there.id, revision: there.revision });
            }
            ("run.cancel", run.0.clone())
        }
        Asked::Retry { run, host } => {
            runs::row(deciding, run)?.ok_or_else(|| Refused::missing(RunRow::KIND, &run.0))?;
            ("run.retry", format!("{run} {host}"))
        }
    };
    let revision = deciding.changed(Topic::Requests, id);
    let request = Request {
        id: id.to_owned(),
        site: site.to_owned(),
        asked: asked.clone(),
        by: deciding.actor.name(),
        at: deciding.at,
        state: RequestState::Waiting,
        revision,
    };
    deciding.put(id, &request);
    deciding.say(action, site, &[("of", detail), ("request", id.to_owned())]);
    Ok(Reply::Made { id: id.to_owned(), revision })
}

fn may_start(
    deciding: &Deciding<'_>,
    site: &str,
    plan: &PlanId,
    live: &BTreeSet<RunId>,
) -> Result<(), Refused> {
    let row: PlanRow = deciding.wanted(&plan.0)?;
    if row.site != site {
        let detail = format!("plan {} is one of site {}", plan.short(), row.site);
        return Err(Refused::Invalid { pointer: "/plan", detail });
    }
    for run in live {
        let going_on = runs::row(deciding, run)?.filter(|row| row.site == site && row.outcome.is_none());
        if let Some(row) = going_on {
            return Err(BeginRefused::Running { site: site.to_owned(), run: row.run }.into());
        }
    }
    let starts = |request: &Request| request.site == site && matches!(request.asked, Asked::Start { .. });
    match waiting(deciding)?.into_iter().find(starts) {
        Some(other) => {
            let by = format!("request {}, which waits to start a run", other.id);
            Err(Refused::InUse { kind: "site", id: site.to_owned(), by })
        }
        None => Ok(()),
    }
}

fn is_open(deciding: &Deciding<'_>, run: &RunId) -> Result<(), Refused> {
    let row = runs::row(deciding, run)?.ok_or_else(|| Refused::missing(RunRow::KIND, &run.0))?;
    if row.outcome.is_some() { Err(Refused::Ended(run.clone())) } else { Ok(()) }
}

fn waiting(deciding: &Deciding<'_>) -> Result<Vec<Request>, Refused> {
    let all = deciding.all::<Request>()?.into_iter().map(|(_, request)| request);
    Ok(all.filter(|request| request.state == RequestState::Waiting).collect())
}
