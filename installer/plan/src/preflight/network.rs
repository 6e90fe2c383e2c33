//! Addresses, routes, name servers, MTUs.

use std::collections::BTreeSet;

use installer_model::names::Cidr;
use installer_model::repair::Repair;
use installer_model::site::Host;
use installer_model::survey::{HostFacts, SurveyedHost};

use super::cluster::shared;
use super::registry::check;
use super::{Check, HostView, Judge, Objection, SiteView, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("mac-unique", ("Network hardware addresses differ", "网卡硬件地址互不相同"),
        ("Two hosts with one hardware address on a network lose each other's packets.", "同一网络中硬件地址相同的两台主机会互相丢失数据包。"),
        Judge::Site(macs)),
    check("address-unique", ("Cluster addresses belong to one host", "集群地址唯一"),
        ("Another host of the site carries this cluster address: the same machine twice, or a conflict.", "站点内另一台主机也有此集群地址：同一台机器被写了两次，或地址冲突。"),
        Judge::Site(addresses)),
    check("mtu", ("MTU of the cluster's interfaces", "集群网卡的 MTU"),
        ("Where MTUs differ, large packets between pods are lost while small ones pass.", "MTU 不一致时，Pod 之间的大包会丢失而小包正常。"),
        Judge::Site(mtu)),
    check("cluster-address", ("Cluster address", "集群地址"),
        ("The other hosts reach this one at its cluster address; an interface that is up must carry it.", "其他主机通过集群地址访问本机；必须有启用的网卡持有该地址。"),
        Judge::Host(cluster_address)),
    check("network-overlap", ("Networks apart", "网段不重叠"),
        ("What the host reaches in an overlapping network would be lost to pods or Services.", "重叠网段中原本可达的目标会被 Pod 或 Service 网络遮蔽。"),
        Judge::Host(overlap)),
    check("default-route", ("Default route", "默认路由"),
        ("A closed room: a route for Services is added, and the pod network is told its interface.", "封闭网络：将为 Service 添加路由，并为 Pod 网络指定网卡。"),
        Judge::Host(default_route)),
    check("name-servers", ("Name servers", "域名服务器"),
        ("Names outside of the cluster will not resolve in pods, until the site file names dns.upstreams.", "在站点文件写明 dns.upstreams 之前，Pod 无法解析集群外的域名。"),
        Judge::Host(name_servers)),
];

pub(super) fn cluster_address(view: &HostView<'_>) -> Vec<Objection> {
    let address = view.host.cluster_address;
    let Some(nic) = view.facts.nic_of(address) else {
        let own = view.facts.nics.iter().filter(|nic| nic.name != "lo").flat_map(|nic| &nic.addresses);
        let own: Vec<String> = own.map(|own| own.address.to_string()).collect();
        return vec![Objection::refuse(format!("{address} on no interface; there: {}", own.join(" ")), address.to_string()).fix(
            "name one of the host's own addresses in clusterAddress (an address that is translated on the way is not one)",
            "在 clusterAddress 中填写主机自身的地址（经转换的地址不算）",
        )];
    };
    when(!nic.up, || {
        Objection::refuse(format!("{} is down", nic.name), "up")
            .fix(format!("ip link set {} up", nic.name), format!("ip link set {} up", nic.name))
            .repair(Repair::LinkUp { interface: nic.name.clone() })
    })
}

/// Interfaces that a cluster of ours makes; on a host of ours they lie in the cluster's networks rightly.
fn is_made_by_us(interface: &str) -> bool {
    matches!(interface, "cni0" | "flannel.1" | "kube-ipvs0" | "nodelocaldns") || interface.starts_with("veth")
}

/// Routes and interfaces in a network of the cluster. The route for Services that we add in a closed room is ours.
pub(super) fn overlap(view: &HostView<'_>) -> Vec<Objection> {
    let network = &view.site.network;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (cidr, key) in [(network.pod_cidr, "podCIDR"), (network.service_cidr, "serviceCIDR")] {
        for (other, what, interface) in reached(view.facts) {
            let ours = view.surveyed.ours && (is_made_by_us(interface) || other == network.service_cidr);
            if cidr.overlaps(&other) && !ours {
                seen.insert(format!("{what} {other} ({interface}) overlaps {key} {cidr}"));
            }
        }
    }
    when(!seen.is_empty(), || {
        let observed = seen.into_iter().collect::<Vec<_>>().join("; ");
        Objection::refuse(observed, "no overlap").fix(
            "choose other networks for network.podCIDR and network.serviceCIDR in the site file",
            "在站点文件中为 network.podCIDR 与 network.serviceCIDR 选择其他网段",
        )
    })
}

/// Networks that the host reaches, beside everything at once: a VPN's two halves of the world count as default too.
fn reached(facts: &HostFacts) -> Vec<(Cidr, &'static str, &str)> {
    let mut found = Vec::new();
    for nic in facts.nics.iter().filter(|nic| nic.name != "lo") {
        for network in nic.addresses.iter().filter_map(|address| address.network()) {
            found.push((network, "interface", nic.name.as_str()));
        }
    }
    for route in facts.routes.iter().filter(|route| route.destination.prefix() > 1) {
        let interface = route.interface.as_deref().unwrap_or("?");
        if !found.iter().any(|(network, _, name)| *network == route.destination && *name == interface) {
            found.push((route.destination, "route", interface));
        }
    }
    found
}

pub(super) fn default_route(view: &HostView<'_>) -> Vec<Objection> {
    when(!view.facts.has_default_route_v4(), || Objection::info("none", "one"))
}

pub(super) fn name_servers(view: &HostView<'_>) -> Vec<Objection> {
    let servers = view.facts.name_servers.as_deref().unwrap_or_default();
    let reachable = servers.iter().any(|server| !server.is_loopback());
    when(view.site.dns_upstreams.is_empty() && !reachable, || {
        Objection::info("none", "one that pods can reach")
    })
}

pub(super) fn macs(view: &SiteView<'_>) -> Vec<Objection> {
    let cluster_mac = |host: &Host, facts: &HostFacts| facts.nic_of(host.cluster_address)?.mac.clone();
    let twice = shared(view, cluster_mac).into_iter().filter(|(_, mac, _)| mac != "00:00:00:00:00:00");
    twice
        .map(|(host, mac, others)| {
            Objection::refuse(format!("{mac}, as on {others}"), "an address of its own")
                .fix(
                    "give the cloned machine's interface a new hardware address",
                    "为克隆机器的网卡设置新的硬件地址",
                )
                .at(host)
        })
        .collect()
}

pub(super) fn addresses(view: &SiteView<'_>) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (host, _) in view.hosts() {
        let carriers = view.hosts().filter(|(other, surveyed)| {
            other.name != host.name && surveyed.facts.nic_of(host.cluster_address).is_some()
        });
        for (other, _) in carriers {
            let observed = format!("{} is the cluster address of {}", host.cluster_address, host.name);
            let objection = Objection::refuse(observed, "on one host").fix(
                "take the address off this host, or take the second entry out of the site file",
                "从此主机移除该地址，或删除站点文件中的重复条目",
            );
            objections.push(objection.at(other));
        }
    }
    objections
}

pub(super) fn mtu(view: &SiteView<'_>) -> Vec<Objection> {
    let of = |(host, surveyed): (&Host, &SurveyedHost)| {
        let mtu = surveyed.facts.nic_of(host.cluster_address)?.mtu?;
        Some((host.name.to_string(), mtu))
    };
    let mtus: Vec<(String, u32)> = view.hosts().filter_map(of).collect();
    let different: BTreeSet<u32> = mtus.iter().map(|(_, mtu)| *mtu).collect();
    when(different.len() > 1, || {
        let observed: Vec<String> = mtus.iter().map(|(name, mtu)| format!("{name} {mtu}")).collect();
        Objection::warn(observed.join(", "), "one MTU").fix(
            "set the same MTU on the cluster's interfaces of all hosts",
            "将所有主机的集群网卡设为相同的 MTU",
        )
    })
}
