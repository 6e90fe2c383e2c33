//! The view: the fold of a run's events. One `apply` for leader, recovery, UI and tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Failure, Outcome, Record, RunId};
use crate::plan::{PlanId, StepId};
use crate::waiver::KeptWaiver;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub run: RunId,
    pub plan: Option<PlanId>,
    /// Index of the last event folded in.
    pub index: u64,
    pub started_at: Option<u64>,
    pub ended_at: Option<u64>,
    pub outcome: Option<Outcome>,
    /// Only steps that something happened to; the others wait.
    pub steps: BTreeMap<StepId, StepView>,
    /// The last attempt of each step that ever started: an attempt's number is never used twice in a run, because it
    /// names the unit on the host and the output kept here.
    #[serde(default)]
    pub attempts: BTreeMap<StepId, u32>,
    /// Hosts that dropped out, with the step that failed.
    pub dropped: BTreeMap<String, StepId>,
    pub cancelled: bool,
    /// What the run went on in spite of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<WaivedView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaivedView {
    pub host: Option<String>,
    pub observed: String,
    pub waiver: KeptWaiver,
}

impl WaivedView {
    /// Of the event that says so.
    pub fn of(event: &Event) -> Option<WaivedView> {
        let Event::FindingWaived { observed, waiver, host } = event else { return None };
        Some(WaivedView { host: host.clone(), observed: observed.clone(), waiver: waiver.clone() })
    }

    pub fn event(&self) -> Event {
        let WaivedView { host, observed, waiver } = self.clone();
        Event::FindingWaived { observed, waiver, host }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    pub state: StepState,
    /// Counted from 1.
    pub attempt: u32,
    pub started_at: u64,
    pub ended_at: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepState {
    /// Begun; whether it ended is not known if the engine that began it is gone.
    Started,
    Met,
    Done,
    Failed(Failure),
}

impl StepState {
    pub fn succeeded(&self) -> bool {
        matches!(self, StepState::Met | StepState::Done)
    }
}

impl View {
    pub fn new(run: RunId) -> View {
        View {
            run,
            plan: None,
            index: 0,
            started_at: None,
            ended_at: None,
            outcome: None,
            steps: BTreeMap::new(),
            attempts: BTreeMap::new(),
            dropped: BTreeMap::new(),
            cancelled: false,
            waived: Vec::new(),
        }
    }

    pub fn fold<'a>(run: RunId, records: impl IntoIterator<Item = &'a Record>) -> View {
        let mut view = View::new(run);
        for record in records {
            view.apply(record);
        }
        view
    }

    /// Steps that were acted, that is, not found met.
    pub fn acts(&self) -> usize {
        self.steps.values().filter(|step| step.state == StepState::Done).count()
    }

    /// The exit code of the command that had it run: of the first failure where there is one.
    pub fn exit_code(&self) -> u8 {
        match self.outcome {
            Some(Outcome::Healthy) => 0,
            Some(Outcome::Cancelled) => 130,
            Some(Outcome::Abandoned) => 4,
            Some(Outcome::Degraded | Outcome::Failed) | None => {
                let first = self.steps.values().filter_map(|step| match &step.state {
                    StepState::Failed(failure) => Some((step.ended_at, failure.exit_code)),
                    StepState::Started | StepState::Met | StepState::Done => None,
                });
                first.min().map_or(1, |(_, code)| code.max(1))
            }
        }
    }

    /// Takes one event in. Events of other runs and those already taken in change nothing.
    pub fn apply(&mut self, record: &Record) {
        if record.run != self.run || record.index <= self.index {
            return;
        }
        self.index = record.index;
        match &record.event {
            Event::RunStarted { plan } => {
                self.plan = Some(plan.clone());
                self.started_at = Some(record.at);
            }
            Event::FindingWaived { observed, waiver, host } => self.waived.push(WaivedView {
                host: host.clone(),
                observed: observed.clone(),
                waiver: waiver.clone(),
            }),
            Event::RunResumed => {
                // What failed is tried again, and with it the hosts that dropped out.
                self.outcome = None;
                self.ended_at = None;
                self.cancelled = false;
                self.dropped.clear();
                self.steps.retain(|_, step| !matches!(step.state, StepState::Failed(_)));
            }
            Event::StepStarted { step, attempt } => {
                let view = StepView {
                    state: StepState::Started,
                    attempt: *attempt,
                    started_at: record.at,
                    ended_at: None,
                };
                self.steps.insert(step.clone(), view);
                self.attempts.insert(step.clone(), *attempt);
            }
            Event::StepMet { step, attempt } => self.end(step, *attempt, record.at, StepState::Met),
            Event::StepDone { step, attempt, .. } => self.end(step, *attempt, record.at, StepState::Done),
            Event::StepFailed { step, attempt, failure, .. } => {
                self.end(step, *attempt, record.at, StepState::Failed(failure.clone()));
            }
            Event::HostDropped { host, step } => {
                self.dropped.insert(host.clone(), step.clone());
            }
            Event::HostRetried { host, steps } => {
                self.dropped.remove(host);
                self.steps
                    .retain(|id, step| !(matches!(step.state, StepState::Failed(_)) && steps.contains(id)));
            }
            Event::RunCancelled => self.cancelled = true,
            Event::RunEnded { outcome } => {
                self.outcome = Some(*outcome);
                self.ended_at = Some(record.at);
            }
            Event::Unknown => {}
        }
    }

    fn end(&mut self, step: &StepId, attempt: u32, at: u64, state: StepState) {
        let started_at = self.steps.get(step).map_or(at, |step| step.started_at);
        let view = StepView { state, attempt, started_at, ended_at: Some(at) };
        self.steps.insert(step.clone(), view);
    }

    pub fn succeeded(&self, step: &StepId) -> bool {
        self.steps.get(step).is_some_and(|step| step.state.succeeded())
    }

    /// The attempt that the next start of this step is.
    pub fn next_attempt(&self, step: &StepId) -> u32 {
        self.attempts.get(step).map_or(1, |attempt| attempt.saturating_add(1))
    }
}
