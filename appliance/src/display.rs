//! How a run is shown while it goes on.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use appliance_control::words::waived_line;
use installer_model::event::{Event, Record};
use installer_model::plan::{Plan, Step, StepId};
use installer_model::view::{View, WaivedView};
use installer_run::{Observer, Progress};

/// One line per change of state, on standard error.
#[derive(Default)]
pub(crate) struct Lines {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    steps: BTreeMap<StepId, Step>,
    started: BTreeMap<StepId, u64>,
    total: usize,
    done: usize,
}

impl Observer for Lines {
    fn began(&self, plan: &Plan, view: &View) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.total = plan.steps.len();
        state.done = view.steps.values().filter(|step| step.state.succeeded()).count();
        state.steps = plan.steps.iter().map(|step| (step.id.clone(), step.clone())).collect();
    }

    fn record(&self, record: &Record) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(line) = state.line(record) {
            // Who reads along may be gone; the run goes on.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    fn progress(&self, _: &Progress) {}
}

impl State {
    fn line(&mut self, record: &Record) -> Option<String> {
        match &record.event {
            Event::RunStarted { plan } => Some(format!("run {} of plan {}", record.run, plan.short())),
            Event::FindingWaived { .. } => WaivedView::of(&record.event).as_ref().map(waived_line),
            Event::RunResumed => Some(format!("run {} goes on", record.run)),
            Event::StepStarted { step, .. } => {
                self.started.insert(step.clone(), record.at);
                None
            }
            Event::StepMet { step, .. } => {
                self.done += 1;
                Some(self.step_line(step, record.at, "already so"))
            }
            Event::StepDone { step, .. } => {
                self.done += 1;
                Some(self.step_line(step, record.at, "done"))
            }
            Event::StepFailed { step, failure, .. } => {
                let mut line = self.step_line(step, record.at, "FAILED");
                line.push_str(&format!("\n    failed to {}", failure.what));
                for evidence in &failure.evidence {
                    line.push_str(&format!("\n    | {evidence}"));
                }
                if let Some(hint) = &failure.hint {
                    line.push_str(&format!("\n    hint: {hint}"));
                }
                Some(line)
            }
            Event::HostDropped { host, step } => {
                Some(format!("host {host} does nothing more in this run: {step} failed"))
            }
            Event::HostRetried { host, .. } => Some(format!("host {host} is tried again")),
            Event::RunCancelled => Some("cancelled: what has started is let end".to_owned()),
            Event::RunEnded { outcome } => Some(format!("run {} ended: {outcome}", record.run)),
            Event::Unknown => None,
        }
    }

    fn step_line(&self, id: &StepId, at: u64, state: &str) -> String {
        let label = self.steps.get(id).map(|step| step.action.label()).unwrap_or_default();
        let host = self.steps.get(id).map_or("", |step| step.host.as_str());
        let phase = self.steps.get(id).map(|step| step.phase.as_str()).unwrap_or_default();
        let took = at.saturating_sub(self.started.get(id).copied().unwrap_or(at));
        let width = self.total.to_string().len();
        format!(
            "[{:>width$}/{}] {host:<10} {phase:<8} {label}: {state} ({})",
            self.done,
            self.total,
            seconds(took)
        )
    }
}

/// Events as NDJSON on standard output.
pub(crate) struct Json;

impl Observer for Json {
    fn record(&self, record: &Record) {
        if let Ok(line) = serde_json::to_string(record) {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    fn progress(&self, _: &Progress) {}
}

/// `950 ms`, `3.2 s`, `3 min 12 s`.
pub(crate) fn seconds(ms: u64) -> String {
    let took = Duration::from_millis(ms);
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{:.1} s", took.as_secs_f64()),
        _ => format!("{} min {} s", took.as_secs() / 60, took.as_secs() % 60),
    }
}
