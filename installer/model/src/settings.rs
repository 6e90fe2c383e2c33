//! What differs between hosts, decided from their facts. The decisions are in `installer_plan::decide`.

use serde::{Deserialize, Serialize};

/// Of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostSettings {
    /// The kubelet's `failCgroupV1`: false where cgroup v1 is all there is.
    pub fail_cgroup_v1: bool,
    /// containerd's `restrict_oom_score_adj`, and with it `oomScoreAdj: 0` for kubelet and kube-proxy: true where
    /// `oom_score_adj` cannot be lowered.
    pub restrict_oom_score_adj: bool,
    /// kube-proxy must leave conntrack's limits alone: they cannot be set here.
    pub conntrack_unsettable: bool,
    /// The interface that carries the cluster address; `None` when no interface does (a preflight refusal).
    pub cluster_interface: Option<String>,
    /// systemd-timesyncd keeps the time, and can be told the site's time servers.
    pub timesyncd: bool,
}

/// Of the cluster as a whole, where the weakest host decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteSettings {
    pub kube_proxy_mode: KubeProxyMode,
    /// kube-proxy is one DaemonSet with one configuration: true when any host needs it.
    pub conntrack_unsettable: bool,
    /// As `conntrack_unsettable`: kube-proxy's `oomScoreAdj` is 0.
    pub restrict_oom_score_adj: bool,
    /// flannel must be told its interface on hosts without a default route: true when any host lacks one.
    pub cluster_interface_needed: bool,
    /// CoreDNS has somewhere to forward to: the site names upstreams, or every host has name servers.
    pub upstream_dns_present: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KubeProxyMode {
    Nftables,
    Iptables,
}

impl KubeProxyMode {
    pub fn as_str(self) -> &'static str {
        match self {
            KubeProxyMode::Nftables => "nftables",
            KubeProxyMode::Iptables => "iptables",
        }
    }
}
