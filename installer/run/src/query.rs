//! What can be asked about the store, and the answers: the same whether they come through the socket of the process
//! that runs the engine or from the database itself.
//!
//! On the socket each is one line of JSON. A connection carries one request and its answers:
//!
//! ```text
//!  {"get":"runs"}                                             ▶ {"is":"runs","runs":[…]}
//!  {"get":"run","id":"r-7"}                                   ▶ {"is":"run","row":{…},"view":{…}}
//!  {"get":"follow","id":"r-7","from":0}                       ▶ {"is":"record","record":{…}} …
//!                                                               {"is":"progress","progress":{…}} …
//!                                                               {"is":"end"}
//!  {"get":"plan","id":"<64 digits>"}, {"get":"target","site":"demo"}    ▶ {"is":"plan","plan":{…}}
//!  {"get":"output","id":"r-7","step":"a/found/certs","attempt":1,"offset":0}
//!                                                             ▶ {"is":"output","next":812,"text":"…"}
//!  anything that is not there, or not understood              ▶ {"is":"refused","why":"…"}
//! ```

use appliance_store::{RunRow, Store, StoreError};
use installer_model::event::{Record, RunId};
use installer_model::plan::{Plan, PlanId, StepId};
use installer_model::view::View;
use serde::{Deserialize, Serialize};

use crate::observe::Progress;

/// Bytes of output in one answer, about.
const OUTPUT_PAGE: usize = 256 << 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "get")]
pub enum Request {
    /// Every run, oldest first.
    Runs,
    /// One run and its view.
    Run { id: RunId },
    /// The events of a run from an index on, then, while it is being performed, those that come and its progress.
    Follow {
        id: RunId,
        #[serde(default)]
        from: u64,
    },
    /// A plan that was a site's target once.
    Plan { id: PlanId },
    /// The plan that a site follows now.
    Target { site: String },
    /// The validated site.
    Site { name: String },
    /// Findings and survey of a site's last check.
    Check { site: String },
    /// The keys of hosts that were trusted, by where they are reached.
    HostKeys,
    /// The id of the ledger.
    Ledger,
    /// What an attempt of a step said, from a byte offset on.
    Output {
        id: RunId,
        step: StepId,
        attempt: u32,
        #[serde(default)]
        offset: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Answer {
    Runs {
        runs: Vec<RunRow>,
    },
    Run {
        row: RunRow,
        view: View,
    },
    Record {
        record: Record,
    },
    Progress {
        progress: Progress,
    },
    Plan {
        plan: Plan,
    },
    Json {
        value: serde_json::Value,
    },
    /// `next` is the offset to ask from next; equal to the one asked from when there is nothing more yet.
    Output {
        next: u64,
        text: String,
    },
    /// Nothing more follows.
    End,
    Refused {
        why: String,
    },
    /// Said by a newer version.
    #[serde(other)]
    Unknown,
}

/// Answers from the store. What is answered by more than one line ends with [`Answer::End`].
pub fn answer(store: &Store, request: &Request) -> Vec<Answer> {
    found(store, request).unwrap_or_else(|error| vec![Answer::Refused { why: format!("failed to {error}") }])
}

fn found(store: &Store, request: &Request) -> Result<Vec<Answer>, StoreError> {
    let missing = |what: String| StoreError::Missing(what);
    Ok(match request {
        Request::Runs => vec![Answer::Runs { runs: store.runs()? }],
        Request::Run { id } => {
            let row = store.run(id)?.ok_or_else(|| missing(format!("run {id}")))?;
            vec![Answer::Run { row, view: store.view(id)? }]
        }
        Request::Follow { id, from } => {
            store.run(id)?.ok_or_else(|| missing(format!("run {id}")))?;
            let records = store.records(id, *from, usize::MAX)?;
            records.into_iter().map(|record| Answer::Record { record }).chain([Answer::End]).collect()
        }
        Request::Plan { id } => {
            let plan = store.plan(id)?.ok_or_else(|| missing(format!("plan {id}")))?;
            vec![Answer::Plan { plan }]
        }
        Request::Target { site } => {
            let plan = store.target(site)?.ok_or_else(|| missing(format!("a plan of site {site}")))?;
            vec![Answer::Plan { plan: (*plan).clone() }]
        }
        Request::Site { name } => {
            let value = store.site(name)?.ok_or_else(|| missing(format!("site {name}")))?;
            vec![Answer::Json { value }]
        }
        Request::HostKeys => {
            let keys: std::collections::BTreeMap<_, _> = store.host_keys()?.into_iter().collect();
            vec![Answer::Json { value: serde_json::json!(keys) }]
        }
        Request::Ledger => vec![Answer::Json { value: store.ledger().into() }],
        Request::Check { site } => {
            let value = store.check(site)?.ok_or_else(|| missing(format!("a check of site {site}")))?;
            vec![Answer::Json { value }]
        }
        Request::Output { id, step, attempt, offset } => {
            let (text, next) = store.output_text(id, step, *attempt, *offset, OUTPUT_PAGE)?;
            vec![Answer::Output { next, text }]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_as_the_page_above_says() {
        let lines = [
            (r#"{"get":"runs"}"#, Request::Runs),
            (r#"{"get":"follow","id":"r-7"}"#, Request::Follow { id: RunId("r-7".into()), from: 0 }),
            (r#"{"get":"target","site":"demo"}"#, Request::Target { site: "demo".into() }),
        ];
        for (line, request) in lines {
            assert_eq!(serde_json::from_str::<Request>(line).unwrap(), request);
        }
        assert_eq!(serde_json::to_string(&Answer::End).unwrap(), r#"{"is":"end"}"#);
    }

    #[test]
    fn an_answer_of_a_newer_version_is_known_as_such() {
        assert_eq!(serde_json::from_str::<Answer>(r#"{"is":"later","x":1}"#).unwrap(), Answer::Unknown);
    }
}
