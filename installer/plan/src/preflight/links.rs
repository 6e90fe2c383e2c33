//! The network between every two hosts, as they measured it.

use installer_model::link::{Link, PathMtu, Reach};
use installer_model::names::HostName;
use installer_model::repair::Repair;
use installer_model::site::Host;
use installer_model::survey::Protocol;

use super::Judge::Site;
use super::registry::check;
use super::{Check, Objection, SiteView};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("link-tcp", ("Hosts reach each other over TCP", "主机间 TCP 互通"),
        ("The API server, etcd and the kubelets talk over these ports; where one is blocked, a join or a node fails half-way.", "API Server、etcd 与 kubelet 通过这些端口通信；端口被阻断会使加入或节点中途失败。"),
        Site(tcp)),
    check("link-udp", ("Hosts reach each other over UDP", "主机间 UDP 互通"),
        ("The pod network is VXLAN over UDP: where it is blocked, pods on different hosts do not reach each other while everything seems healthy.", "Pod 网络基于 UDP 的 VXLAN：被阻断时，一切看似正常，但不同主机上的 Pod 无法互通。"),
        Site(udp)),
    check("link-one-way", ("The network works both ways", "网络双向一致"),
        ("What passes one way and not the other is a filter on one of the two hosts, or a route that differs.", "单向可达说明其中一台主机有过滤规则，或两侧路由不同。"),
        Site(one_way)),
    check("link-mtu", ("Large packets pass between hosts", "主机间大包可通"),
        ("The pod network fills packets up to the interface's MTU. Where the path carries less, large answers hang while pings work.", "Pod 网络会按网卡 MTU 填满数据包；若路径承载能力更小，小包正常而大响应会卡住。"),
        Site(mtu)),
    check("link-loss", ("No packets are lost between hosts", "主机间无丢包"),
        ("etcd elects anew when messages are lost; pods see timeouts.", "丢包会使 etcd 重新选举，Pod 出现超时。"),
        Site(loss)),
    check("link-latency", ("Hosts are near each other", "主机间延迟"),
        ("etcd's heartbeat is 100 ms: members that are farther apart lose their leader again and again.", "etcd 心跳为 100 ms：距离更远的成员会反复失去领导者。"),
        Site(latency)),
];

/// A direction with the two hosts it lies between.
struct Way<'a> {
    link: &'a Link,
    from: &'a Host,
    to: &'a Host,
}

fn ways<'a>(view: &'a SiteView<'a>) -> impl Iterator<Item = Way<'a>> {
    let host = |name: &HostName| view.site.host(name);
    view.survey
        .links
        .iter()
        .filter_map(move |link| Some(Way { link, from: host(&link.from)?, to: host(&link.to)? }))
}

fn tcp(view: &SiteView<'_>) -> Vec<Objection> {
    blocked(view, Protocol::Tcp)
}

fn udp(view: &SiteView<'_>) -> Vec<Objection> {
    blocked(view, Protocol::Udp)
}

/// One objection for each direction, with all of its ports: a firewall rarely drops just one.
fn blocked(view: &SiteView<'_>, protocol: Protocol) -> Vec<Objection> {
    ways(view)
        .filter_map(|way| {
            let stuck: Vec<(u16, &Reach)> = way
                .link
                .ports
                .iter()
                .filter(|seen| seen.protocol == protocol && seen.reach.is_blocked())
                .map(|seen| (seen.port, &seen.reach))
                .collect();
            let told: Vec<String> = stuck.iter().map(|(port, reach)| told(*port, protocol, reach)).collect();
            let (_, first) = stuck.first()?;
            let observed = format!("{}: {}", direction(way.link), told.join(", "));
            let (en, zh) = suspects(view, &way, first);
            Some(Objection::refuse(observed, "open").fix(en, zh).at(way.to))
        })
        .collect()
}

fn direction(link: &Link) -> String {
    format!("{} → {}", link.from, link.to)
}

fn told(port: u16, protocol: Protocol, reach: &Reach) -> String {
    let protocol = match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    match reach {
        Reach::Silent => format!("{port}/{protocol} no answer"),
        Reach::Rejected { error } => format!("{port}/{protocol} {error}"),
        Reach::Stranger => format!("{port}/{protocol} answered by somebody else"),
        Reach::Open => format!("{port}/{protocol} open"),
        Reach::Untested => format!("{port}/{protocol} not tested"),
    }
}

/// Where the block likely is: the receiving host's own firewall when it has one, else rules on either host, else what
/// lies between.
fn suspects(view: &SiteView<'_>, way: &Way<'_>, reach: &Reach) -> (String, String) {
    let (from, to) = (&way.link.from, &way.link.to);
    let active = |name: &HostName| {
        view.survey.facts(name).map(|facts| facts.firewalls.join(", ")).filter(|names| !names.is_empty())
    };
    if let Some(names) = active(to) {
        return (
            format!("{names} runs on {to}: let the hosts of the site in, or stop it"),
            format!("{to} 上运行着 {names}：放行本站点主机，或停用"),
        );
    }
    if let Some(names) = active(from) {
        return (
            format!("{names} runs on {from}: let it out to the hosts of the site"),
            format!("{from} 上运行着 {names}：允许其访问本站点主机"),
        );
    }
    match reach {
        Reach::Rejected { .. } => (
            format!(
                "something rejects it: look at nft list ruleset and iptables -S on {to}, then at switches and security groups between the two"
            ),
            format!(
                "被明确拒绝：检查 {to} 的 nft list ruleset 与 iptables -S，再检查两者之间的交换机与安全组"
            ),
        ),
        Reach::Stranger => (
            format!(
                "a proxy between {from} and {to} takes the connection, or a rule sends it elsewhere (nft list ruleset)"
            ),
            format!("{from} 与 {to} 之间有代理截获连接，或规则将其转走（nft list ruleset）"),
        ),
        Reach::Silent | Reach::Open | Reach::Untested => (
            format!(
                "no firewall service runs on {to}: look at nft list ruleset and iptables -S there and on {from}, then at security groups or switches between the two"
            ),
            format!(
                "{to} 未运行防火墙服务：检查两台主机的 nft list ruleset 与 iptables -S，再检查两者之间的安全组或交换机"
            ),
        ),
    }
}

/// Each pair once. The way over UDP is judged by what arrived, so that lost answers do not hide that questions came.
fn one_way(view: &SiteView<'_>) -> Vec<Objection> {
    let mut objections = Vec::new();
    for way in ways(view).filter(|way| way.link.from < way.link.to) {
        let Some(back) = view.survey.links.iter().find(|l| l.from == way.link.to && l.to == way.link.from)
        else {
            continue;
        };
        let (good, bad) = match (passes(way.link), passes(back)) {
            (true, false) => (way.link, back),
            (false, true) => (back, way.link),
            (true, true) | (false, false) => continue,
        };
        let Some(host) = view.site.host(&bad.to) else { continue };
        let observed = format!("{} works, {} does not", direction(good), direction(bad));
        objections.push(
            Objection::warn(observed, "both ways")
                .fix(
                    format!("look at the rules for what comes in on {} and for what goes out on {}, and at their routes", bad.to, bad.from),
                    format!("检查 {} 的入站规则、{} 的出站规则以及两者的路由", bad.to, bad.from),
                )
                .at(host),
        );
    }
    objections
}

/// Whether packets of this direction arrive, by every port that was tested.
fn passes(link: &Link) -> bool {
    link.ports.iter().all(|seen| match seen.protocol {
        Protocol::Tcp => !seen.reach.is_blocked(),
        Protocol::Udp => !seen.reach.is_blocked() || link.heard.is_some_and(|heard| heard > 0),
    })
}

fn mtu(view: &SiteView<'_>) -> Vec<Objection> {
    ways(view)
        .filter_map(|way| {
            let PathMtu { wanted, passes } = way.link.mtu.filter(|mtu| mtu.passes < mtu.wanted)?;
            let nic = view.survey.facts(&way.link.from)?.nic_of(way.from.cluster_address)?;
            let observed = format!("{}: {passes} bytes pass", direction(way.link));
            let objection = Objection::refuse(observed, format!("{wanted} bytes, the MTU of {}", nic.name))
                .fix(
                    format!("ip link set {} mtu {passes} on {} (for good in the network configuration), or let the network between the hosts carry {wanted}", nic.name, way.link.from),
                    format!("在 {} 上执行 ip link set {} mtu {passes}（并写入网络配置），或让两者之间的网络承载 {wanted} 字节", way.link.from, nic.name),
                )
                .at(way.from);
            Some(match passes >= LEAST_MTU {
                true => objection.repair(Repair::SetMtu { interface: nic.name.clone(), mtu: passes }),
                false => objection,
            })
        })
        .collect()
}

/// IPv6's least, which any network carries: below it something is wrong that a smaller MTU does not mend.
const LEAST_MTU: u32 = 1280;

/// What two control planes, or any other two hosts, may have between them. The OpenShift assisted installer asks for the same.
struct Limits {
    lost_permille: u32,
    round_trip_ms: u64,
}

fn limits(way: &Way<'_>) -> Limits {
    match way.from.roles.control_plane && way.to.roles.control_plane {
        true => Limits { lost_permille: 0, round_trip_ms: 100 },
        false => Limits { lost_permille: 100, round_trip_ms: 1000 },
    }
}

/// Below the limit, losses are worth a look; a single one of a hundred datagrams is not between workers.
const WORTH_A_LOOK_PERMILLE: u32 = 10;

fn loss(view: &SiteView<'_>) -> Vec<Objection> {
    ways(view)
        .filter_map(|way| {
            let echo = way.link.echo?;
            let (lost, limits) = (echo.lost_permille(), limits(&way));
            let observed = format!(
                "{}: {}.{} % of {} lost",
                direction(way.link),
                lost / 10,
                lost % 10,
                echo.sent
            );
            let wanted = format!("{} % at most", limits.lost_permille / 10);
            let objection = match lost {
                0 => return None,
                // One datagram of hundreds may be a busy host's own.
                _ if lost > limits.lost_permille.max(WORTH_A_LOOK_PERMILLE) => Objection::refuse(observed, wanted),
                _ if lost > limits.lost_permille || lost > WORTH_A_LOOK_PERMILLE => {
                    Objection::warn(observed, wanted)
                }
                _ => return None,
            };
            Some(
                objection
                    .fix(
                        "look at cables, at the duplex and errors of the interfaces (ip -s link), at what else fills the network",
                        "检查网线、网卡双工与错误计数（ip -s link）以及占用网络的其他流量",
                    )
                    .at(way.from),
            )
        })
        .collect()
}

fn latency(view: &SiteView<'_>) -> Vec<Objection> {
    ways(view)
        .filter_map(|way| {
            let echo = way.link.echo.filter(|echo| echo.answered > 0)?;
            let limit = limits(&way).round_trip_ms;
            (echo.median_us > limit * 1000).then(|| {
                let observed = format!("{}: round trip {} ms", direction(way.link), echo.median_us / 1000);
                Objection::refuse(observed, format!("{limit} ms at most"))
                    .fix(
                        "put the hosts of one cluster near each other, or mend what slows the network between them",
                        "将同一集群的主机放在相近的网络中，或排除两者之间的网络拥塞",
                    )
                    .at(way.from)
            })
        })
        .collect()
}
