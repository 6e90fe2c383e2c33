//! What this machine knows: the site, its plan, runs with events and output, the last check.

use appliance_store::ledger::{AuditEntry, BundleRow, Key};
use appliance_store::{Store, StoreError};
use installer_model::chain;
use installer_model::event::{Event, Record};
use installer_model::plan::StepId;
use installer_run::query::{Answer, Request};
use installer_run::reader::{ReadError, Reader};

use super::archive::{Archive, FILE_LIMIT};

/// Runs whose events and output are taken: the newest.
const RUNS: usize = 5;
/// Entries of the audit that are taken: the newest.
const AUDIT: usize = 500;

/// Everything that the state folder says about the site, whoever has it open.
pub(super) fn collect(reader: &Reader, site: &str, archive: &mut Archive) {
    let runs = match reader.runs() {
        Ok(runs) => runs,
        Err(error) => return archive.missing("state", &chain(&error)),
    };
    archive.put_json("state/runs.json", &runs);
    put(archive, "state/check.json", reader.json(&Request::Check { site: site.to_owned() }));
    put(archive, "state/site.json", reader.json(&Request::Site { name: site.to_owned() }));
    put(archive, "state/plan.json", reader.target(site));
    for row in runs.iter().rev().filter(|row| row.site == site).take(RUNS) {
        let folder = format!("state/{}", row.run);
        let records = match records(reader, row) {
            Ok(records) => records,
            Err(error) => {
                archive.missing(&folder, &chain(&error));
                continue;
            }
        };
        let lines: Vec<String> =
            records.iter().filter_map(|record| serde_json::to_string(record).ok()).collect();
        archive.put(&format!("{folder}/events.jsonl"), lines.join("\n").as_bytes());
        for (step, attempt) in attempts(&records) {
            let name = step.0.replace('/', "-");
            let path = format!("{folder}/output/{name}-{attempt}.txt");
            match output(reader, row, step, attempt) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => archive.put(&path, text.as_bytes()),
                Err(error) => archive.missing(&path, &chain(&error)),
            }
        }
    }
}

/// What else an instance knows: its bundles, and who did what before.
pub(crate) fn of_instance(store: &Store, archive: &mut Archive) {
    match store.rows::<BundleRow>(None, usize::MAX) {
        Ok(rows) => {
            archive.put_json("state/bundles.json", &rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>())
        }
        Err(error) => archive.missing("state/bundles.json", &chain(&error)),
    }
    match last_of_audit(store) {
        Ok(lines) => archive.put("state/audit.jsonl", lines.join("\n").as_bytes()),
        Err(error) => archive.missing("state/audit.jsonl", &chain(&error)),
    }
}

fn last_of_audit(store: &Store) -> Result<Vec<String>, StoreError> {
    let last = store.last_row::<AuditEntry>()?.map_or(0, |(_, entry)| entry.said.number);
    let from = last.saturating_sub(AUDIT as u64 - 1).max(1);
    let entries = store.rows::<AuditEntry>(Some(&Key::Number(from)), AUDIT)?;
    Ok(entries.iter().filter_map(|(_, entry)| serde_json::to_string(&entry.said).ok()).collect())
}

fn put(archive: &mut Archive, path: &str, found: Result<impl serde::Serialize, ReadError>) {
    match found {
        Ok(value) => archive.put_json(path, &value),
        Err(error) => archive.missing(path, &chain(&error)),
    }
}

/// The events up to now: one that is being performed would be followed to its end, and its view says where that is.
fn records(reader: &Reader, row: &appliance_store::RunRow) -> Result<Vec<Record>, ReadError> {
    let (_, view) = reader.run(&row.run)?;
    let mut records = Vec::new();
    for answer in reader.follow(&row.run, 0)? {
        match answer? {
            Answer::Record { record } => {
                let last = record.index >= view.index;
                records.push(record);
                if last {
                    break;
                }
            }
            Answer::End | Answer::Refused { .. } => break,
            Answer::Runs { .. }
            | Answer::Run { .. }
            | Answer::Progress { .. }
            | Answer::Plan { .. }
            | Answer::Json { .. }
            | Answer::Output { .. }
            | Answer::Unknown => {}
        }
    }
    Ok(records)
}

/// Every attempt of every step, in the order in which they started.
fn attempts(records: &[Record]) -> Vec<(&StepId, u32)> {
    let started = records.iter().filter_map(|record| match &record.event {
        Event::StepStarted { step, attempt } => Some((step, *attempt)),
        Event::RunStarted { .. }
        | Event::FindingWaived { .. }
        | Event::RunResumed
        | Event::StepMet { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::HostDropped { .. }
        | Event::HostRetried { .. }
        | Event::RunCancelled
        | Event::RunEnded { .. }
        | Event::Unknown => None,
    });
    started.collect()
}

fn output(
    reader: &Reader,
    row: &appliance_store::RunRow,
    step: &StepId,
    attempt: u32,
) -> Result<String, ReadError> {
    let (mut text, mut offset) = (String::new(), 0);
    while text.len() < FILE_LIMIT {
        let (more, next) = reader.output(&row.run, step, attempt, offset)?;
        if next == offset {
            break;
        }
        text.push_str(&more);
        offset = next;
    }
    Ok(text)
}
