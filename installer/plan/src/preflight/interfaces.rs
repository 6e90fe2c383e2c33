//! Interfaces, routes and the settings of the network stack.

use std::collections::BTreeMap;

use installer_model::repair::Repair;
use installer_model::survey::{LinkState, Nic, Route};

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("carrier", ("A cable is plugged in", "网线已连接"),
        ("Nothing is at the other end of the interface that carries the cluster address.", "承载集群地址的网卡另一端没有连接。"),
        Host(carrier)),
    check("link-speed", ("Speed of the interface", "网卡速率"),
        ("Images and volumes pass through this interface; below a gigabit they take minutes.", "镜像与卷都经过此网卡；低于千兆时需要数分钟。"),
        Host(speed)),
    check("link-duplex", ("Full duplex", "全双工"),
        ("At half duplex packets collide and are lost under load: most often the two ends were set differently.", "半双工在负载下会冲突丢包，多因两端设置不一致。"),
        Host(duplex)),
    check("mtu-small", ("MTU leaves room for the pod network", "MTU 足够"),
        ("VXLAN takes 50 bytes of every packet; what is left is less than IPv6 allows and many servers expect.", "VXLAN 占用每个数据包 50 字节，剩余部分低于 IPv6 下限。"),
        Host(mtu)),
    check("dhcp-address", ("The address is fixed", "地址固定"),
        ("The cluster address is leased: when it changes, the node is lost. Certificates and members of etcd name it.", "集群地址由 DHCP 租用：一旦变化节点即失联，证书与 etcd 成员都使用它。"),
        Host(leased)),
    check("same-subnet", ("One interface in each network", "每个网段只有一块网卡"),
        ("Two interfaces in one network answer for each other's addresses; packets come back the other way and are dropped.", "同一网段的两块网卡会互相应答，返回的数据包走另一路而被丢弃。"),
        Host(same_subnet)),
    check("default-route-many", ("One default route", "只有一条默认路由"),
        ("With two equal default routes the kernel picks one of them; after a restart it may be the other.", "存在两条同等的默认路由时，由内核任选其一，重启后可能变化。"),
        Host(default_routes)),
    check("rp-filter", ("Reverse path filter", "反向路径过滤"),
        ("Strict filtering drops packets that come in on another interface than the answer would leave by, as those of pods may.", "严格模式会丢弃来路与回程网卡不同的数据包，Pod 的流量可能如此。"),
        Host(rp_filter)),
    check("ipv6-disabled", ("IPv6", "IPv6"),
        ("Programs in pods that listen on :: do not start where the kernel has no IPv6.", "内核禁用 IPv6 时，监听 :: 的程序无法启动。"),
        Host(ipv6)),
    check("ssh-latency", ("The way to the host", "到主机的延迟"),
        ("Each step waits for a few round trips: the installation takes longer, and nothing else.", "每一步都要等待若干往返：只会延长安装时间。"),
        Host(ssh)),
];

fn cluster_nic<'a>(view: &HostView<'a>) -> Option<&'a Nic> {
    view.facts.nic_of(view.host.cluster_address)
}

fn cluster_link<'a>(view: &HostView<'a>) -> Option<(&'a Nic, &'a LinkState)> {
    let nic = cluster_nic(view)?;
    Some((nic, view.facts.network.links.get(&nic.name)?))
}

/// A host that is alone needs nobody at the other end.
fn carrier(view: &HostView<'_>) -> Vec<Objection> {
    let Some((nic, link)) = cluster_link(view) else { return Vec::new() };
    when(link.carrier == Some(false) && nic.up, || {
        let observed = format!("{} has no carrier", nic.name);
        let objection = match view.site.hosts.len() {
            1 => Objection::warn(observed, "carrier"),
            _ => Objection::refuse(observed, "carrier"),
        };
        objection.fix(
            "check the cable, the switch's port, or the virtual network",
            "检查网线、交换机端口或虚拟网络",
        )
    })
}

fn speed(view: &HostView<'_>) -> Vec<Objection> {
    let Some((nic, link)) = cluster_link(view) else { return Vec::new() };
    let Some(speed) = link.speed_mbps else { return Vec::new() };
    when(speed > 0 && speed < 1000, || {
        Objection::warn(format!("{} runs at {speed} Mb/s", nic.name), "1000 Mb/s")
            .fix("check the cable and the switch's port", "检查网线与交换机端口")
    })
}

fn duplex(view: &HostView<'_>) -> Vec<Objection> {
    let Some((nic, link)) = cluster_link(view) else { return Vec::new() };
    when(link.duplex.as_deref() == Some("half"), || {
        Objection::warn(format!("{} is at half duplex", nic.name), "full")
            .fix("let both ends negotiate", "两端均改为自动协商")
    })
}

/// 1280 bytes of IPv6 (RFC 8200) and 50 of VXLAN.
const SMALLEST_MTU: u32 = 1330;

fn mtu(view: &HostView<'_>) -> Vec<Objection> {
    let Some((nic, mtu)) = cluster_nic(view).and_then(|nic| Some((nic, nic.mtu?))) else { return Vec::new() };
    when(mtu < SMALLEST_MTU, || {
        let command = format!("ip link set {} mtu 1500", nic.name);
        Objection::warn(format!("{} of {}", mtu, nic.name), SMALLEST_MTU.to_string())
            .fix(format!("{command}, where the network carries it"), format!("若网络支持，执行 {command}"))
    })
}

fn leased(view: &HostView<'_>) -> Vec<Objection> {
    let address = view.host.cluster_address;
    when(view.facts.network.leases.contains(&address), || {
        Objection::warn(format!("{address} from DHCP"), "configured").fix(
            "configure the address on the host, or reserve it for this host in the DHCP server",
            "在主机上配置静态地址，或在 DHCP 服务器中为其保留",
        )
    })
}

/// Interfaces of people's own: not loopback, and not what containers made.
fn own_nics<'a>(view: &HostView<'a>) -> impl Iterator<Item = &'a Nic> {
    const MADE: [&str; 7] = ["br-", "cali", "cni", "docker", "flannel", "veth", "virbr"];
    let made = |name: &str| name == "lo" || MADE.iter().any(|prefix| name.starts_with(prefix));
    view.facts.nics.iter().filter(move |nic| nic.up && !made(&nic.name))
}

fn same_subnet(view: &HostView<'_>) -> Vec<Objection> {
    let mut carriers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for nic in own_nics(view) {
        let networks = nic.addresses.iter().filter(|own| own.address.is_ipv4() && own.prefix < 31);
        let mut networks: Vec<String> =
            networks.filter_map(|own| own.network()).map(|network| network.to_string()).collect();
        networks.sort();
        networks.dedup();
        for network in networks {
            carriers.entry(network).or_default().push(&nic.name);
        }
    }
    let found: Vec<String> = carriers
        .iter()
        .filter(|(_, names)| names.len() > 1)
        .map(|(network, names)| format!("{network} on {}", names.join(" and ")))
        .collect();
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "one interface").fix(
            "bond the interfaces, or take the address off one of them",
            "将网卡做绑定，或移除其中一块的地址",
        )
    })
}

fn default_routes(view: &HostView<'_>) -> Vec<Objection> {
    let is_default = |route: &&Route| route.destination.is_default() && route.destination.is_ipv4();
    let all: Vec<&Route> = view.facts.routes.iter().filter(is_default).collect();
    let Some(best) = all.iter().map(|route| route.metric).min() else { return Vec::new() };
    let equal: Vec<&&Route> = all.iter().filter(|route| route.metric == best).collect();
    when(equal.len() > 1, || {
        let one = |route: &&&Route| {
            let gateway = route.gateway.map_or(String::new(), |gateway| format!(" via {gateway}"));
            format!("{}{gateway}", route.interface.as_deref().unwrap_or("?"))
        };
        let observed: Vec<String> = equal.iter().map(one).collect();
        Objection::warn(observed.join(", "), "one with the lowest metric")
            .fix("give one of them a higher metric", "为其中一条设置更大的 metric")
    })
}

fn rp_filter(view: &HostView<'_>) -> Vec<Objection> {
    const KEY: &str = "net.ipv4.conf.all.rp_filter";
    let with_address = |nic: &&Nic| nic.addresses.iter().any(|own| own.address.is_ipv4());
    let several = own_nics(view).filter(with_address).count() > 1;
    when(several && view.setting(KEY) == Some("1"), || {
        Objection::warn("1 with several interfaces", "0 or 2")
            .fix(format!("sysctl -w {KEY}=2"), format!("sysctl -w {KEY}=2"))
            .repair(Repair::SetSysctl { key: KEY.to_owned(), value: "2".to_owned() })
    })
}

fn ipv6(view: &HostView<'_>) -> Vec<Objection> {
    const KEY: &str = "net.ipv6.conf.all.disable_ipv6";
    when(view.setting(KEY) == Some("1"), || {
        Objection::info("disabled", "enabled")
            .fix(format!("sysctl -w {KEY}=0"), format!("sysctl -w {KEY}=0"))
            .repair(Repair::SetSysctl { key: KEY.to_owned(), value: "0".to_owned() })
    })
}

const FAR_US: u64 = 200_000;

fn ssh(view: &HostView<'_>) -> Vec<Objection> {
    let Some(rtt) = view.surveyed.ssh_rtt_us else { return Vec::new() };
    when(rtt > FAR_US, || {
        Objection::info(format!("{} ms", rtt / 1000), format!("{} ms", FAR_US / 1000))
            .fix("run Armilla on a machine near the hosts", "在靠近主机的机器上运行 Armilla")
    })
}
