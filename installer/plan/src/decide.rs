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
    HostSettings {
        fail_cgroup_v1: !runs_cgroup_v1(facts),
        restrict_oom_score_adj: facts.oom_score_adj_lowers != Some(true),
        conntrack_unsettable: conntrack_unsettable(facts),
        cluster_interface: facts.nic_of(host.cluster_address).map(|nic| nic.name.clone()),
        // The kernel keeps 15 letters of a process's name.
        timesyncd: facts.time_services.iter().any(|name| name == "systemd-timesyn"),
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
    new_enough && !matches!(facts.feature(KernelFeature::NfTables), Presence::Missing | Presence::Blocked)
}

/// The sysctl is there and refuses to be written. Absent (the module is not loaded yet) counts as settable.
fn conntrack_unsettable(facts: &HostFacts) -> bool {
    facts.sysctls.get("net.netfilter.nf_conntrack_max").is_some_and(|sysctl| !sysctl.settable)
}

/// A name server that pods can ask: not on the host's loopback, where a stub of systemd-resolved may listen.
fn has_name_servers(facts: &HostFacts) -> bool {
    facts.name_servers.iter().flatten().any(|server: &IpAddr| !server.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use installer_model::survey::{Cgroup, Nic, NicAddress, Route, SurveyedHost, Sysctl};

    use super::*;

    fn site(more: &str) -> Site {
        let head = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: demo}\n";
        let hosts = "hosts:\n  - {name: a, address: 10.0.0.1, roles: [control-plane]}\n  - {name: b, address: 10.0.0.2}\n";
        Site::parse(&format!("{head}{hosts}{more}")).unwrap()
    }

    /// An ordinary server of today.
    fn server() -> HostFacts {
        HostFacts {
            kernel_release: Some("6.6.0".into()),
            cgroup: Some(Cgroup { version: CgroupVersion::V2, controllers: BTreeSet::new() }),
            oom_score_adj_lowers: Some(true),
            routes: vec![Route {
                destination: "0.0.0.0/0".parse().unwrap(),
                gateway: None,
                interface: Some("eth0".into()),
                metric: 0,
            }],
            nics: vec![Nic {
                name: "eth0".into(),
                mac: None,
                mtu: Some(1500),
                up: true,
                addresses: vec![NicAddress { address: "10.0.0.1".parse().unwrap(), prefix: 24 }],
            }],
            name_servers: Some(vec!["10.0.0.254".parse().unwrap()]),
            ..HostFacts::default()
        }
    }

    fn survey(hosts: [HostFacts; 2]) -> Survey {
        let host = |facts| SurveyedHost {
            facts,
            surveyed_unix_ns: 0,
            ssh_rtt_us: None,
            clock_skew_ms: None,
            ours: false,
        };
        let names = ["a", "b"].map(|name| name.parse().unwrap());
        Survey { hosts: BTreeMap::from_iter(names.into_iter().zip(hosts.map(host))), ..Survey::default() }
    }

    #[test]
    fn an_ordinary_server_keeps_the_defaults_of_upstream() {
        let settings = host_settings(&site("").hosts[0], &server());
        let wanted = HostSettings {
            fail_cgroup_v1: true,
            restrict_oom_score_adj: false,
            conntrack_unsettable: false,
            cluster_interface: Some("eth0".into()),
            timesyncd: false,
        };
        assert_eq!(settings, wanted);
        let shared = site_settings(&site(""), &survey([server(), server()]));
        assert_eq!(shared.kube_proxy_mode, KubeProxyMode::Nftables);
        assert!(
            shared.upstream_dns_present && !shared.conntrack_unsettable && !shared.cluster_interface_needed
        );
    }

    #[test]
    fn a_host_like_the_labs_gets_what_makes_it_work() {
        let mut facts = server();
        facts.cgroup.as_mut().unwrap().version = CgroupVersion::Hybrid;
        facts.oom_score_adj_lowers = Some(false);
        let frozen = Sysctl { value: "262144".into(), settable: false };
        facts.sysctls.insert("net.netfilter.nf_conntrack_max".into(), frozen);
        facts.routes.clear();
        let settings = host_settings(&site("").hosts[0], &facts);
        assert!(!settings.fail_cgroup_v1);
        assert!(settings.restrict_oom_score_adj && settings.conntrack_unsettable);
    }

    #[test]
    fn the_weakest_host_decides_for_the_cluster() {
        let mut old = server();
        old.kernel_release = Some("5.10.0-60.oe2203.aarch64".into());
        old.name_servers = Some(vec!["127.0.0.53".parse().unwrap()]);
        old.oom_score_adj_lowers = None;
        let shared = site_settings(&site(""), &survey([server(), old.clone()]));
        assert_eq!(shared.kube_proxy_mode, KubeProxyMode::Iptables);
        assert!(!shared.upstream_dns_present, "one host's pods would loop or fail");
        assert!(shared.restrict_oom_score_adj, "what is not known is taken with care");
        // What the site file says wins over what was seen.
        let wish = "kubeProxy: {mode: nftables}\ndns: {upstreams: [10.0.0.254]}\n";
        let shared = site_settings(&site(wish), &survey([server(), old]));
        assert_eq!(shared.kube_proxy_mode, KubeProxyMode::Nftables);
        assert!(shared.upstream_dns_present);
    }

    #[test]
    fn a_kernel_without_nf_tables_does_not_get_nftables_however_new() {
        let mut facts = server();
        assert!(carries_nftables(&facts));
        facts.features.insert(KernelFeature::NfTables, Presence::Missing);
        assert!(!carries_nftables(&facts));
        facts.features.clear();
        facts.kernel_release = Some("5.12.19".into());
        assert!(!carries_nftables(&facts));
        facts.kernel_release = Some("5.13.0".into());
        assert!(carries_nftables(&facts));
    }

    #[test]
    fn an_address_on_no_interface_leaves_the_interface_open() {
        assert_eq!(host_settings(&site("").hosts[1], &server()).cluster_interface, None);
    }
}
