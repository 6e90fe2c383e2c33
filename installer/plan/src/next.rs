//! What may start now: the only place that decides order.
//!
//! ```text
//!            every `after` succeeded, host up, limits allow
//!  waiting ────────────────────────────────────────────────▶ performed ──▶ met | done
//!     │                                                          │
//!     │ a step it comes after failed, or cannot run              ▼
//!     └──────────────────────▶ blocked  ◀────── host dropped ◀─ failed ──▶ halt, if quorum-critical
//! ```
//!
//! A step whose engine died is `Started` in the view and not in flight: it is performed again. That is all there is
//! to resuming a run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use installer_model::event::Outcome;
use installer_model::plan::{Plan, Step, StepId};
use installer_model::view::{StepState, View};
use serde::{Deserialize, Serialize};

/// How much may be in flight at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps of one host. Edges decide what may overlap; this bounds what a host and its one connection carry.
    pub steps_per_host: usize,
    /// Hosts with a step in flight.
    pub hosts: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { steps_per_host: 4, hosts: 32 }
    }
}

/// What an engine does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Start these, in this order.
    Perform(Vec<StepId>),
    /// Nothing can start until something in flight ends.
    Wait(Vec<Waiting>),
    /// Nothing starts any more; what is in flight is let end.
    Halt { why: HaltReason, in_flight: Vec<StepId> },
    /// Nothing is in flight and nothing more can start.
    Complete { outcome: Outcome },
}

/// A step that has not ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    pub step: StepId,
    pub reason: Reason,
}

/// Why a step does not run, or has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Reason {
    /// It is being performed.
    InFlight,
    /// These steps, which it comes after, have not ended.
    After { steps: Vec<StepId> },
    /// Its host already performs as many steps as it may.
    HostBusy { steps: Vec<StepId> },
    /// As many hosts as the limit allows are at work.
    HostLimit { hosts: usize },
    /// It failed.
    Failed,
    /// The run starts nothing more.
    Halted { why: HaltReason },
    /// Its host dropped out when this step failed. It does not run in this run.
    HostDropped { failed: StepId },
    /// This step failed, and it comes after it, perhaps by way of others. It does not run in this run.
    Blocked { failed: StepId },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::InFlight => f.write_str("running"),
            Reason::After { steps } => write!(f, "waits for {}", listed(steps)),
            Reason::HostBusy { steps } => write!(f, "its host is busy with {}", listed(steps)),
            Reason::HostLimit { hosts } => write!(f, "{hosts} hosts are at work, the most allowed at a time"),
            Reason::Failed => f.write_str("it failed"),
            Reason::Halted { why } => write!(f, "the run was halted: {why}"),
            Reason::HostDropped { failed } => write!(f, "its host dropped out when {failed} failed"),
            Reason::Blocked { failed } => write!(f, "comes after {failed}, which failed"),
        }
    }
}

/// The first three names and how many more.
fn listed(steps: &[StepId]) -> String {
    let names: Vec<&str> = steps.iter().take(3).map(|step| step.0.as_str()).collect();
    match steps.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum HaltReason {
    /// A step failed that the cluster cannot do without.
    QuorumCritical { step: StepId },
    /// An operator asked for it.
    Cancelled,
}

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HaltReason::QuorumCritical { step } => {
                write!(f, "{step} failed, which the cluster cannot do without")
            }
            HaltReason::Cancelled => f.write_str("an operator cancelled it"),
        }
    }
}

/// Decides what may start, over `after` edges, failures, cancellation and limits.
///
/// `in_flight` are the steps that this engine is performing right now. The plan has passed [`crate::lint`]; in a plan
/// with a cycle the steps of the cycle never start and the outcome is `Failed`.
pub fn next(plan: &Plan, view: &View, in_flight: &BTreeSet<StepId>, limits: Limits) -> Next {
    let standing = Standing::of(plan, view, in_flight);
    if let Some(why) = halt(plan, view) {
        return match in_flight.is_empty() {
            true => Next::Complete { outcome: standing.outcome(plan, view) },
            false => Next::Halt { why, in_flight: in_flight.iter().cloned().collect() },
        };
    }
    let (start, waiting) = standing.choose(plan, limits, None);
    if !start.is_empty() {
        Next::Perform(start)
    } else if in_flight.is_empty() {
        Next::Complete { outcome: standing.outcome(plan, view) }
    } else {
        Next::Wait(waiting)
    }
}

/// Every step that has not succeeded, and why: what a status display shows.
pub fn waiting(plan: &Plan, view: &View, in_flight: &BTreeSet<StepId>, limits: Limits) -> Vec<Waiting> {
    let standing = Standing::of(plan, view, in_flight);
    standing.choose(plan, limits, halt(plan, view)).1
}

fn halt(plan: &Plan, view: &View) -> Option<HaltReason> {
    let critical = plan.steps.iter().find(|step| step.quorum_critical && failed(view, &step.id));
    match critical {
        Some(step) => Some(HaltReason::QuorumCritical { step: step.id.clone() }),
        None => view.cancelled.then_some(HaltReason::Cancelled),
    }
}

fn failed(view: &View, step: &StepId) -> bool {
    view.steps.get(step).is_some_and(|step| matches!(step.state, StepState::Failed(_)))
}

/// How each step of a plan stands, in plan order.
struct Standing<'a> {
    steps: Vec<Stand<'a>>,
    /// Hosts that dropped out, with the step that failed.
    dropped: BTreeMap<&'a str, &'a StepId>,
    /// Hosts at work, with what they perform.
    busy: BTreeMap<&'a str, Vec<&'a StepId>>,
}

#[derive(Clone)]
enum Stand<'a> {
    Succeeded,
    InFlight,
    /// It failed, or it can no longer run; the step whose failure did it.
    Out(Reason),
    After(Vec<&'a StepId>),
    Ready,
}

impl<'a> Standing<'a> {
    fn of(plan: &'a Plan, view: &'a View, in_flight: &BTreeSet<StepId>) -> Standing<'a> {
        let by_id: HashMap<&StepId, usize> =
            plan.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let dropped = dropped_hosts(plan, view);
        let out = out_of_reach(plan, view, in_flight, &by_id, &dropped);
        let mut busy: BTreeMap<&str, Vec<&StepId>> = BTreeMap::new();
        let mut steps = Vec::with_capacity(plan.steps.len());
        for (step, out) in plan.steps.iter().zip(out) {
            let stand = if view.succeeded(&step.id) {
                Stand::Succeeded
            } else if in_flight.contains(&step.id) {
                busy.entry(&step.host).or_default().push(&step.id);
                Stand::InFlight
            } else if let Some(reason) = out {
                Stand::Out(reason)
            } else {
                let open: Vec<&StepId> = step.after.iter().filter(|id| !view.succeeded(id)).collect();
                if open.is_empty() { Stand::Ready } else { Stand::After(open) }
            };
            steps.push(stand);
        }
        Standing { steps, dropped, busy }
    }

    /// The steps that start now, and the reason of every other step that has not succeeded.
    fn choose(&self, plan: &Plan, limits: Limits, halted: Option<HaltReason>) -> (Vec<StepId>, Vec<Waiting>) {
        let mut busy = self.busy.clone();
        let (mut start, mut waiting) = (Vec::new(), Vec::new());
        for (step, stand) in plan.steps.iter().zip(&self.steps) {
            let reason = match (stand, &halted) {
                (Stand::Succeeded, _) => continue,
                (Stand::InFlight, _) => Reason::InFlight,
                (Stand::Out(reason), _) => reason.clone(),
                (Stand::After(_) | Stand::Ready, Some(why)) => Reason::Halted { why: why.clone() },
                (Stand::After(open), None) => {
                    Reason::After { steps: open.iter().map(|id| (*id).clone()).collect() }
                }
                (Stand::Ready, None) => match room(step, &busy, limits) {
                    Some(reason) => reason,
                    None => {
                        // Chosen steps take room from those after them.
                        let entry = busy.entry(step.host.as_str()).or_default();
                        entry.push(&step.id);
                        start.push(step.id.clone());
                        continue;
                    }
                },
            };
            waiting.push(Waiting { step: step.id.clone(), reason });
        }
        (start, waiting)
    }

    fn outcome(&self, plan: &Plan, view: &View) -> Outcome {
        // Without one of these there is no cluster, whether it failed or could not be tried.
        let critical = plan
            .steps
            .iter()
            .zip(&self.steps)
            .any(|(step, stand)| step.quorum_critical && matches!(stand, Stand::Out(_)));
        let all_out = plan.steps.iter().all(|step| self.dropped.contains_key(step.host.as_str()));
        if self.steps.iter().all(|stand| matches!(stand, Stand::Succeeded)) {
            Outcome::Healthy
        } else if critical || all_out {
            Outcome::Failed
        } else if view.cancelled {
            Outcome::Cancelled
        } else if self.steps.iter().any(|stand| matches!(stand, Stand::After(_) | Stand::Ready)) {
            // Nothing failed that they wait for: a cycle, which lint refuses.
            Outcome::Failed
        } else {
            Outcome::Degraded
        }
    }
}

/// Why a ready step must wait for room, if it must.
fn room(step: &Step, busy: &BTreeMap<&str, Vec<&StepId>>, limits: Limits) -> Option<Reason> {
    match busy.get(step.host.as_str()) {
        Some(steps) if steps.len() >= limits.steps_per_host => {
            Some(Reason::HostBusy { steps: steps.iter().map(|id| (*id).clone()).collect() })
        }
        None if busy.len() >= limits.hosts => Some(Reason::HostLimit { hosts: limits.hosts }),
        Some(_) | None => None,
    }
}

/// Hosts that dropped out. A failed step drops its host even when the power went between the two events.
fn dropped_hosts<'a>(plan: &'a Plan, view: &'a View) -> BTreeMap<&'a str, &'a StepId> {
    let mut dropped: BTreeMap<&str, &StepId> =
        view.dropped.iter().map(|(host, step)| (host.as_str(), step)).collect();
    for step in plan.steps.iter().filter(|step| failed(view, &step.id)) {
        dropped.entry(&step.host).or_insert(&step.id);
    }
    dropped
}

/// For each step in plan order: why it can no longer run, if so. Plan order need not follow the edges, so this
/// spreads from what is out to what comes after it until nothing changes.
fn out_of_reach(
    plan: &Plan,
    view: &View,
    in_flight: &BTreeSet<StepId>,
    by_id: &HashMap<&StepId, usize>,
    dropped: &BTreeMap<&str, &StepId>,
) -> Vec<Option<Reason>> {
    let mut out: Vec<Option<Reason>> = vec![None; plan.steps.len()];
    if dropped.is_empty() {
        return out;
    }
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); plan.steps.len()];
    let mut queue = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        for before in step.after.iter().filter_map(|id| by_id.get(id)) {
            followers[*before].push(at);
        }
        if view.succeeded(&step.id) || in_flight.contains(&step.id) {
            continue;
        }
        if let Some(failed) = dropped.get(step.host.as_str()) {
            let reason = match self::failed(view, &step.id) {
                true => Reason::Failed,
                false => Reason::HostDropped { failed: (*failed).clone() },
            };
            out[at] = Some(reason);
            queue.push((at, *failed));
        }
    }
    while let Some((at, failed)) = queue.pop() {
        for follower in followers[at].iter().copied() {
            let step = &plan.steps[follower];
            if out[follower].is_none() && !view.succeeded(&step.id) && !in_flight.contains(&step.id) {
                out[follower] = Some(Reason::Blocked { failed: failed.clone() });
                queue.push((follower, failed));
            }
        }
    }
    out
}

#[cfg(test)]
#[path = "next_test.rs"]
mod tests;
