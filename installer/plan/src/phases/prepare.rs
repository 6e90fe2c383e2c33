//! Prepare: what the host had is remembered; kernel modules and settings; routes for Service and pod addresses.

use std::collections::BTreeMap;

use installer_model::plan::{Action, Phase, ServiceSpec};
use installer_model::site::Host;
use installer_render::{node, paths};

use super::clean;
use crate::draft::{Draft, text};

/// What containerd's overlay snapshots, flannel's vxlan and kube-proxy need, where it is not built in.
const MODULES: [&str; 5] = ["overlay", "br_netfilter", "nf_conntrack", "nf_tables", "vxlan"];

/// Source: Kubernetes' "Container Runtimes" page (forwarding), flannel (bridged packets pass the rules); the inotify
/// limits are those at which a node full of pods stops failing with "too many open files".
const SYSCTLS: [(&str, &str); 5] = [
    ("fs.inotify.max_user_instances", "8192"),
    ("fs.inotify.max_user_watches", "524288"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.ipv4.ip_forward", "1"),
];

/// What the kubelet and kube-proxy set by themselves. Source: `setupKernelTunables` of the kubelet, `options.go` of
/// kube-proxy (connection tracking, localhost NodePorts).
const SET_BY_OTHERS: [&str; 13] = [
    "kernel.keys.root_maxbytes",
    "kernel.keys.root_maxkeys",
    "kernel.panic",
    "kernel.panic_on_oops",
    "net.ipv4.conf.all.route_localnet",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_be_liberal",
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "net.netfilter.nf_conntrack_udp_timeout",
    "net.netfilter.nf_conntrack_udp_timeout_stream",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
];

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host) {
    let paths = clean::footprint(draft);
    let folders = paths::MOUNTED_FROM_HOST.map(str::to_owned).to_vec();
    let before = draft.add(host, Phase::Prepare, "before", Action::Remember { paths, folders }, &[]);

    let names = MODULES.map(str::to_owned).to_vec();
    let modules = Action::Modules { path: paths::MODULES.to_owned(), names };
    let modules = draft.add(host, Phase::Prepare, "modules", modules, &[&before]);

    let values: BTreeMap<String, String> =
        SYSCTLS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let others = SET_BY_OTHERS.map(str::to_owned).to_vec();
    let sysctls = Action::Sysctls { path: paths::SYSCTLS.to_owned(), values, others };
    draft.add(host, Phase::Prepare, "sysctls", sysctls, &[&modules]);

    let servers = &draft.site.time_servers;
    if !servers.is_empty() && draft.host(host).settings.timesyncd {
        let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
        let service = Action::Service(ServiceSpec {
            unit: "systemd-timesyncd.service".to_owned(),
            files: vec![text(paths::TIMESYNCD, format!("[Time]\nNTP={}\n", names.join(" ")))],
            started_from: Vec::new(),
            running: true,
        });
        draft.add(host, Phase::Prepare, "time", service, &[&before]);
    }

    // Without a default route the kernel finds no way to a Service address before kube-proxy's rules apply; with one,
    // what is sent before those rules are there leaves the cluster through it.
    if let Some(interface) = draft.host(host).settings.cluster_interface.clone() {
        let unit = node::route_unit(
            &draft.site.network.service_cidr.to_string(),
            &draft.site.network.pod_cidr.to_string(),
            &interface,
        );
        let service = Action::Service(ServiceSpec {
            unit: "armilla-route.service".to_owned(),
            files: vec![text(format!("{}/armilla-route.service", paths::UNITS), unit)],
            started_from: Vec::new(),
            running: true,
        });
        draft.add(host, Phase::Prepare, "route", service, &[&modules]);
    }
}
