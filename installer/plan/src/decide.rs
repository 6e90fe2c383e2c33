//! What differs between hosts is decided here, from facts and the site file, never assumed.
//!
//! A fact that could not be read is taken for the ordinary case of a bare server, and a check of the preflight says
//! so; the exception is what would break every pod when guessed wrong (`oom_score_adj`), where the careful setting
//! costs little.

use std::net::IpAddr;

use installer_model::settings::{HostSettings, KubeProxyMode, SiteSettings};
use installer_model::site::{Host, KubeProxyChoice, Site};
use installer_model::survey::{CgroupVersion, HostFacts, KernelFeature, Presence, Survey};

/// The first kernel whose nf_tables carries kube-proxy's nftables mode
/// (<https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-nftables>).
pub const NFTABLES_KERNEL: (u32, u32) = (5, 13);

/// Of one host. Its cluster-wide counterpart is [`site_settings`].
pub fn host_settings(host: &Host, facts: &HostFacts) -> HostSettings {
    let cgroup_v1 = runs_cgroup_v1(facts);
    HostSettings {
        fail_cgroup_v1: !cgroup_v1,
        restrict_oom_score_adj: facts.oom_score_adj_lowers != Some(true),
        conntrack_unsettable: conntrack_unsettable(facts),
        service_cidr_route_needed: !facts.has_default_route_v4(),
        cluster_interface: facts.nic_of(host.cluster_address).map(|nic| nic.name.clone()),
        ignore_system_verification: cgroup_v1,
    }
}

/// Of the cluster: hosts of the site that the survey holds decide, the weakest one wins.
pub fn site_settings(site: &Site, survey: &Survey) -> SiteSettings {
    let facts = || site.hosts.iter().filter_map(|host| survey.facts(&host.name));
    SiteSettings {
        kube_proxy_mode: match site.kube_proxy_mode {
            KubeProxyChoice::Nftables => KubeProxyMode::Nftables,
            KubeProxyChoice::Iptables => KubeProxyMode::Iptables,
            KubeProxyChoice::Auto if facts().all(carries_nftables) => KubeProxyMode::Nftables,
            KubeProxyChoice::Auto => KubeProxyMode::Iptables,
        },
        conntrack_unsettable: facts().any(conntrack_unsettable),
        restrict_oom_score_adj: facts().any(|facts| facts.oom_score_adj_lowers != Some(true)),
        cluster_interface_needed: facts().any(|facts| !facts.has_default_route_v4()),
        upstream_dns_present: !site.dns_upstreams.is_empty() || facts().all(has_name_servers),
    }
}

/// To the kubelet a hybrid tree is v1: the controllers are there.
pub fn runs_cgroup_v1(facts: &HostFacts) -> bool {
    facts.cgroup.as_ref().is_some_and(|cgroup| match cgroup.version {
        CgroupVersion::V1 | CgroupVersion::Hybrid => true,
        CgroupVersion::V2 => false,
    })
}

/// Whether kube-proxy's nftables mode works on this kernel; an unknown kernel does not count as able.
pub fn carries_nftables(facts: &HostFacts) -> bool {
    let new_enough = facts.kernel_version().is_some_and(|version| version >= NFTABLES_KERNEL);
    new_enough && facts.feature(KernelFeature::NfTables) != Presence::Missing
}

/// The sysctl is there and refuses to be written. Absent (the module is not loaded yet) counts as settable.
fn conntrack_unsettable(facts: &HostFacts) -> bool {
    facts.sysctls.get("net.netfilter.nf_conntrack_max").is_some_and(|sysctl| !sysctl.settable)
}

/// A name server that pods can ask: not on the host's loopback, where a stub of systemd-resolved may listen.
fn has_name_servers(facts: &HostFacts) -> bool {
    facts.name_servers.iter().flatten().any(|server: &IpAddr| !server.is_loopback())
}
