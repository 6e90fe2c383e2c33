//! Join: the other hosts become nodes.

use std::collections::BTreeMap;

use installer_model::plan::{Action, FileSource, FileSpec, InitPhase, Phase, StepId, Taint};
use installer_model::site::Host;
use installer_render::kubeadm;

use super::found;
use crate::digest::digest_of;
use crate::draft::Draft;

/// Label and taint that keep ordinary pods off a control plane. Source: Kubernetes, well-known labels.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";
const WORKER: &str = "node-role.kubernetes.io/worker";

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host, founder: &Host) {
    let cluster = found::cluster(draft);
    let member = found::member(draft, host);
    let config = kubeadm::join(&cluster, &member);
    let config_digest = digest_of(config.as_bytes());
    let path = kubeadm::path("join.yaml");
    let file = FileSpec { path: path.clone(), mode: 0o600, source: FileSource::Text(config) };

    let ready = [
        draft.find(host, Phase::Start, "node"),
        draft.find(host, Phase::Start, "kubelet"),
        draft.find(host, Phase::Import, "base"),
    ];
    let ready: Vec<&StepId> = ready.iter().collect();
    let config = draft.files(host, Phase::Join, "config", "kubeadm's configuration", vec![file], &ready);
    let founded = draft.find(founder, Phase::Found, InitPhase::KubeProxy.as_str());
    let action = Action::JoinWorker {
        founder: founder.name.to_string(),
        node: host.name.to_string(),
        config: path,
        config_digest,
    };
    let joined = draft.add(host, Phase::Join, "join", action, &[&config, &founded]);
    draft.add(host, Phase::Join, "node", node_action(host), &[&joined]);
}

/// Labels and taints of a host's node.
pub(crate) fn node_action(host: &Host) -> Action {
    let mut labels: BTreeMap<String, String> =
        host.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    if host.roles.worker {
        labels.insert(WORKER.to_owned(), String::new());
    }
    let mut taints: Vec<Taint> = host
        .taints
        .iter()
        .map(|taint| Taint {
            key: taint.key.to_string(),
            value: taint.value.to_string(),
            effect: taint.effect.as_str().to_owned(),
        })
        .collect();
    if host.roles.control_plane && !host.roles.worker {
        let effect = "NoSchedule".to_owned();
        taints.push(Taint { key: CONTROL_PLANE.to_owned(), value: String::new(), effect });
    }
    Action::Node { node: host.name.to_string(), labels, taints, control_plane: host.roles.control_plane }
}
