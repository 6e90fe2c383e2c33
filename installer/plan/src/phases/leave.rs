//! Leave: a node's pods move off it and it leaves the cluster.

use installer_model::plan::{Action, Phase, StepId};
use installer_model::site::Host;

use crate::draft::Draft;

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host) -> StepId {
    let node = host.name.to_string();
    let drain = Action::Drain { node: node.clone(), timeout_seconds: draft.site.slowness.seconds(300) };
    let drained = draft.add(host, Phase::Leave, "drain", drain, &[]);
    draft.add(host, Phase::Leave, "delete", Action::DeleteNode { node }, &[&drained])
}

/// Of a host that no longer answers: its node is deleted by the founder. Nothing is drained, since no kubelet is there to
/// end a pod; the cluster forgets its pods with the node.
pub(crate) fn forget(draft: &mut Draft<'_>, host: &Host, founder: &Host) {
    let node = host.name.to_string();
    draft.add(founder, Phase::Leave, &format!("delete-{node}"), Action::DeleteNode { node }, &[]);
}
