//! Prove: every node is Ready and everything that the cluster was given answers.

use installer_model::plan::{Action, Condition, Phase, StepId};
use installer_model::site::Host;

use crate::draft::Draft;

const SECONDS: u32 = 600;

pub(crate) fn host(draft: &mut Draft<'_>, host: &Host, founder: &Host) {
    let phase = if host.name == founder.name { Phase::Found } else { Phase::Join };
    let node = draft.find(host, phase, "node");
    let network = draft.find(founder, Phase::Equip, "flannel");
    let condition = Condition::NodeReady(host.name.to_string());
    wait(draft, host, "ready", condition, &[&node, &network]);
}

pub(crate) fn cluster(draft: &mut Draft<'_>, founder: &Host) {
    let ready = draft.find(founder, Phase::Prove, "ready");
    // The network's DaemonSet is not among them: it would wait for hosts that joined and died. A node is Ready only with
    // its network, and what follows here runs over it.
    let mut workloads = vec![("coredns", "deployment", "kube-system", "coredns")];
    if draft.site.addons.metrics_server {
        workloads.push(("metrics-server", "deployment", "kube-system", "metrics-server"));
    }
    if draft.site.addons.local_path {
        workloads.push(("local-path", "deployment", "local-path-storage", "local-path-provisioner"));
    }
    for (name, kind, namespace, object) in workloads {
        let applied = draft.find(founder, Phase::Equip, name);
        let condition =
            Condition::RolledOut { kind: kind.into(), namespace: namespace.into(), name: object.into() };
        let rolled_out = wait(draft, founder, name, condition, &[&ready, &applied]);
        if name == "metrics-server" {
            let condition = Condition::ApiServiceAvailable("v1beta1.metrics.k8s.io".to_owned());
            wait(draft, founder, "metrics-api", condition, &[&rolled_out]);
        }
    }
}

fn wait(draft: &mut Draft<'_>, host: &Host, word: &str, condition: Condition, after: &[&StepId]) -> StepId {
    let timeout_seconds = draft.site.slowness.seconds(SECONDS);
    draft.add(host, Phase::Prove, word, Action::Await { condition, timeout_seconds }, after)
}
