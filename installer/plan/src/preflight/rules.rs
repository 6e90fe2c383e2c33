//! Packet rules that are there already: those of another cluster, and policies that drop what pods send.

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("packet-rules", ("No packet rules of another cluster", "没有其他集群的包过滤规则"),
        ("Rules of a cluster that is gone still send its Service addresses to hosts that are gone.", "已消失集群的规则仍会将其 Service 地址转发到不存在的主机。"),
        Host(chains)),
    check("forward-policy", ("Forwarding is accepted", "允许转发"),
        ("The policy of the FORWARD chain drops what pods send to other hosts, wherever no rule accepts it first.", "FORWARD 链的默认策略会丢弃 Pod 发往其他主机的数据包，除非先有规则放行。"),
        Host(forward)),
    check("legacy-iptables", ("No legacy iptables", "没有旧版 iptables"),
        ("Rules of the legacy tool and of nftables both apply, and each tool shows only its own.", "旧版 iptables 与 nftables 的规则同时生效，而各工具只显示自己的规则。"),
        Host(legacy)),
    check("virtual-servers", ("No IPVS servers", "没有 IPVS 虚拟服务"),
        ("IPVS takes packets to these addresses before kube-proxy's rules see them.", "IPVS 会在 kube-proxy 的规则之前截取发往这些地址的数据包。"),
        Host(virtual_servers)),
];

/// How kube-proxy, the kubelet, Calico, Cilium, flannel, Weave, portmap and kube-router name their chains.
const OF_CLUSTERS: [&str; 8] =
    ["KUBE-", "cali-", "CILIUM_", "FLANNEL-", "WEAVE", "CNI-", "KUBE-ROUTER", "felix-"];

fn chains(view: &HostView<'_>) -> Vec<Objection> {
    let Some(rules) = view.facts.network.packet_rules.as_ref().filter(|_| !view.surveyed.ours) else {
        return Vec::new();
    };
    let chains = rules.chains.iter().filter(|name| OF_CLUSTERS.iter().any(|prefix| name.starts_with(prefix)));
    let tables = rules.tables.iter().filter(|name| name.contains("kube-proxy") || name.contains("flannel"));
    let found: Vec<&str> = chains.chain(tables).map(String::as_str).collect();
    when(!found.is_empty(), || {
        let first = found.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        let more = if found.len() > 3 { format!(" and {} more", found.len() - 3) } else { String::new() };
        Objection::warn(format!("{first}{more}"), "none").fix(
            "restart the host, or let the other cluster's own uninstaller remove them",
            "重启主机，或用原集群的卸载工具清除",
        )
    })
}

fn forward(view: &HostView<'_>) -> Vec<Objection> {
    let rules = view.facts.network.packet_rules.as_ref();
    let policy = rules.and_then(|rules| rules.forward_policy.as_deref());
    when(policy == Some("DROP") && !view.surveyed.ours, || {
        Objection::warn("FORWARD DROP", "ACCEPT")
            .fix("iptables -P FORWARD ACCEPT", "iptables -P FORWARD ACCEPT")
    })
}

fn legacy(view: &HostView<'_>) -> Vec<Objection> {
    let tables = &view.facts.network.legacy_tables;
    when(!tables.is_empty() && !view.surveyed.ours, || {
        Objection::info(tables.iter().cloned().collect::<Vec<_>>().join(" "), "none").fix(
            "iptables-legacy-save shows them; where they are nobody's, restart the host without what loads them",
            "用 iptables-legacy-save 查看；若无人使用，停用加载它们的服务后重启主机",
        )
    })
}

fn virtual_servers(view: &HostView<'_>) -> Vec<Objection> {
    let found = &view.facts.network.virtual_servers;
    when(!found.is_empty() && !view.surveyed.ours, || {
        let first = found.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let more = if found.len() > 3 { format!(" and {} more", found.len() - 3) } else { String::new() };
        Objection::warn(format!("{first}{more}"), "none")
            .fix("ipvsadm --clear, where nobody needs them", "若无人使用，执行 ipvsadm --clear")
    })
}
