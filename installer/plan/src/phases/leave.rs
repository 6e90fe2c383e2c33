//! Leave: a node's pods move off it and it leaves the cluster.

use installer_model::plan::{Action, Phase, StepId};
use installer_model::site::Host;

use crate::draft::Draft;

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host) -> StepId {
    let node = host.name.to_string();
    let drain = Action::Drain { node: node.clone(), timeout_seconds: 300 };
    let drained = draft.add(host, Phase::Leave, "drain", drain, &[]);
    draft.add(host, Phase::Leave, "delete", Action::DeleteNode { node }, &[&drained])
}
