//! Found: the first control plane comes up, `kubeadm init` phase by phase.

use installer_model::plan::{Action, Condition, FileSource, FileSpec, InitPhase, Phase, StepId};
use installer_model::site::Host;
use installer_render::kubeadm::{self, Cluster, Member};

use crate::digest::digest_of;
use crate::draft::Draft;

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host) {
    let cluster = cluster(draft);
    let member = member(draft, host);
    let config = kubeadm::init(&cluster, &member);
    let digest = digest_of(config.as_bytes());
    let path = kubeadm::path("init.yaml");
    let file = FileSpec { path: path.clone(), mode: 0o600, source: FileSource::Text(config) };

    let ready = [
        draft.find(host, Phase::Start, "node"),
        draft.find(host, Phase::Start, "kubelet"),
        draft.find(host, Phase::Import, "control-plane"),
        draft.find(host, Phase::Import, "base"),
    ];
    let ready: Vec<&StepId> = ready.iter().collect();
    let mut last = draft.files(host, Phase::Found, "config", "kubeadm's configuration", vec![file], &ready);
    for phase in InitPhase::ALL {
        let action = Action::Init { phase, config: path.clone(), config_digest: digest.clone() };
        last = draft.add(host, Phase::Found, phase.as_str(), action, &[&last]);
        if phase == InitPhase::KubeletStart {
            let condition = Condition::ApiReady;
            let wait = Action::Await { condition, timeout_seconds: draft.site.slowness.seconds(600) };
            last = draft.add(host, Phase::Found, "api-ready", wait, &[&last]);
        }
    }
    draft.add(host, Phase::Found, "node", super::join::node_action(host), &[&last]);
}

pub(crate) fn cluster(draft: &mut Draft<'_>) -> Cluster {
    let site = draft.site;
    let etcd = draft.image_of("registry.k8s.io/etcd");
    let range = site.network.node_ports;
    Cluster {
        name: site.name.to_string(),
        kubernetes: format!("v{}", draft.version_of("kubernetes")),
        etcd_tag: etcd.rsplit_once(':').map_or(String::new(), |(_, tag)| tag.to_owned()),
        pod_cidr: site.network.pod_cidr.to_string(),
        service_cidr: site.network.service_cidr.to_string(),
        dns_domain: site.network.cluster_domain.to_string(),
        dns_address: site.cluster_dns().to_string(),
        api_port: site.api.port,
        api_names: site.api_certificate_names().iter().map(ToString::to_string).collect(),
        api_args: site.api_server_extra_args.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
        node_port_range: range.to_string(),
        proxy_mode: draft.shared.kube_proxy_mode.as_str().to_owned(),
        conntrack_unsettable: draft.shared.conntrack_unsettable,
        oom_score_fixed: draft.shared.restrict_oom_score_adj,
        accept_cgroup_v1: draft.accept_cgroup_v1(),
        slowness: site.slowness.factor(),
        data: draft.data.clone(),
    }
}

pub(crate) fn member(draft: &Draft<'_>, host: &Host) -> Member {
    let args = draft.site.kubelet_extra_args.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    Member { node: host.name.to_string(), address: host.cluster_address.to_string(), kubelet_args: args }
}
