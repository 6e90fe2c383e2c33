//! What happened in a run: past tense, few, durable, versioned.

use std::fmt;

use bundles_format::Digest;
use serde::{Deserialize, Serialize};

use crate::plain;
use crate::plan::{PlanId, StepId};
use crate::waiver::KeptWaiver;

/// Version of the stored shape of [`Record`].
pub const EVENT_FORMAT: u32 = 1;

/// One execution of one plan, such as `r-7`: counted by the ledger, so that no two runs of any site share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An event as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub format: u32,
    /// The ledger's number: one sequence for everything an instance keeps.
    pub index: u64,
    /// Unix time in milliseconds, by the clock of the machine that wrote it.
    pub at: u64,
    pub run: RunId,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Event {
    RunStarted {
        plan: PlanId,
    },
    /// The run goes on in spite of a finding, because somebody decided so.
    FindingWaived {
        /// What was found.
        observed: String,
        waiver: KeptWaiver,
        /// The host it was found on; `None`: the site as a whole.
        host: Option<String>,
    },
    /// Another process took the run up again after its engine had ended.
    RunResumed,
    /// Committed before the step's host is touched: the fencing token.
    StepStarted {
        step: StepId,
        attempt: u32,
    },
    /// The probe said that there was nothing to do.
    StepMet {
        step: StepId,
        attempt: u32,
    },
    /// The act was done and the probe confirmed it.
    StepDone {
        step: StepId,
        attempt: u32,
        /// What the act said, if it said anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<OutputSeal>,
    },
    StepFailed {
        step: StepId,
        attempt: u32,
        failure: Failure,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<OutputSeal>,
    },
    /// After a failed step its host does nothing more in this run.
    HostDropped {
        host: String,
        step: StepId,
    },
    /// Asked by an operator: a host that dropped out takes part again, and these steps of it that failed are tried again.
    HostRetried {
        host: String,
        steps: Vec<StepId>,
    },
    /// Asked by an operator; what had started was let end.
    RunCancelled,
    RunEnded {
        outcome: Outcome,
    },
    /// Written by a newer version: kept, not understood.
    #[serde(other)]
    Unknown,
}

/// The output of one attempt of a step, closed: what is read later must have this digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSeal {
    /// Bytes kept.
    pub length: u64,
    /// Bytes that came after the limit and were not kept.
    #[serde(default)]
    pub dropped: u64,
    /// sha256 of the bytes kept.
    pub digest: Digest,
}

/// Why a step failed, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What did not work, in lower case, fit to follow "failed to".
    pub what: String,
    /// The last lines that the host said about it.
    pub evidence: Vec<String>,
    /// What to do next, where it is known.
    pub hint: Option<String>,
    /// The documented exit code that this failure ends the command with.
    pub exit_code: u8,
}

impl Failure {
    /// With [`plain`] text: what is kept of it is shown on terminals.
    pub fn plain(self) -> Failure {
        let Failure { what, evidence, hint, exit_code } = self;
        let evidence = evidence.iter().map(|line| plain(line).into_owned()).collect();
        Failure { what: plain(&what).into_owned(), evidence, hint, exit_code }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Every step succeeded.
    Healthy,
    /// Some hosts dropped out, the others are as planned.
    Degraded,
    /// A quorum-critical step failed, or every host dropped out.
    Failed,
    Cancelled,
    /// A later run took the site before this one was taken up again.
    Abandoned,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Healthy => "healthy",
            Outcome::Degraded => "degraded",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
            Outcome::Abandoned => "abandoned",
        })
    }
}
