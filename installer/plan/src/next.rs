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
//!
//! [`Order`] keeps how every step stands and takes one event at a time, so that a run over thousands of steps pays for
//! what changed and not for the whole plan. It holds nothing that the plan and the events do not say: made anew at any
//! moment it answers the same, and a test compares the two after every event.

use std::collections::BTreeSet;
use std::fmt;

use installer_model::event::Outcome;
use installer_model::plan::{Plan, StepId};
use installer_model::view::View;
use serde::{Deserialize, Serialize};

use crate::order::Order;

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
        // A second apply is made of waiting for answers: 150 hosts at a time wait as long as 10. What must not grow with the
        // hosts, the sending of blobs, has a limit of its own.
        Limits { steps_per_host: 4, hosts: 256 }
    }
}

/// What an engine does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Start these, in this order.
    Perform(Vec<StepId>),
    /// Nothing can start until something in flight ends; [`waiting`] says what each step waits for.
    Wait,
    /// Nothing starts any more; what is in flight is let end.
    Halt { why: HaltReason },
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
    Order::of(plan, view, in_flight).next(limits)
}

/// Every step that has not succeeded, and why: what a status display shows.
pub fn waiting(plan: &Plan, view: &View, in_flight: &BTreeSet<StepId>, limits: Limits) -> Vec<Waiting> {
    Order::of(plan, view, in_flight).waiting(limits)
}

#[cfg(test)]
#[path = "next_test.rs"]
mod tests;
