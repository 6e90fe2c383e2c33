//! How the host and its pods look names up, and what proxies stand in between.

use std::net::IpAddr;

use installer_model::names::Cidr;
use installer_model::repair::Repair;
use installer_model::survey::HostsLine;

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("hostname-valid", ("Host name", "主机名"),
        ("Names with other letters than a-z, 0-9 and - are no DNS names. Nodes are named by the site file; agents and logs take the host's own.", "主机名只能含 a-z、0-9 与 -。节点名称取自站点文件，而代理与日志使用主机名。"),
        Host(hostname)),
    check("hostname-loopback", ("The host's name is not loopback", "主机名不指向回环地址"),
        ("Programs that look up their own host's name find an address that nobody else can reach. Armilla names addresses itself.", "程序查询本机名称时会得到他人无法访问的地址。Armilla 直接使用地址。"),
        Host(loopback)),
    check("localhost", ("localhost", "localhost"),
        ("Programs of Kubernetes talk to each other over localhost, and some of them ask only /etc/hosts for it.", "Kubernetes 各组件通过 localhost 通信，有的只查询 /etc/hosts。"),
        Host(localhost)),
    check("hosts-file", ("/etc/hosts and the site file agree", "/etc/hosts 与站点文件一致"),
        ("A name of this site stands for another address here.", "站点内的名称在此指向了其他地址。"),
        Host(hosts_file)),
    check("resolv-conf", ("resolv.conf", "resolv.conf"),
        ("The kubelet gives this file to pods, and starts none without it.", "kubelet 会将此文件提供给 Pod，缺少时无法启动任何 Pod。"),
        Host(resolv_conf)),
    check("name-servers-many", ("At most three name servers", "最多三个域名服务器"),
        ("The C library and the kubelet take the first three, and the kubelet complains at every pod.", "C 库与 kubelet 只使用前三个，且 kubelet 会对每个 Pod 告警。"),
        Host(many_name_servers)),
    check("search-domains", ("Search domains", "搜索域"),
        ("Every name that a pod looks up is tried with each of them first; more than the kubelet takes are dropped.", "Pod 查询的每个名称都会先逐一尝试搜索域；超出上限的会被丢弃。"),
        Host(search_domains)),
    check("dns-loop", ("Name servers outside of the cluster", "域名服务器在集群之外"),
        ("The host asks the cluster's own DNS, which asks the host's name servers: they ask each other until one ends.", "主机查询集群 DNS，而集群 DNS 又查询主机的域名服务器，形成循环。"),
        Host(dns_loop)),
    check("proxy", ("No proxy in the way", "没有代理干扰"),
        ("What is meant for Services and hosts would go to the proxy. kubeadm hands the proxy of its surroundings on to the control plane.", "发往 Service 与主机的请求会被送往代理；kubeadm 还会将环境中的代理传给控制平面。"),
        Host(proxy)),
];

/// RFC 1123, in small letters as Kubernetes wants them.
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        plain && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn hostname(view: &HostView<'_>) -> Vec<Objection> {
    let Some(name) = view.facts.hostname.as_deref() else { return Vec::new() };
    let fits = is_dns_name(name) && name != "localhost";
    when(!fits, || {
        let command = format!("hostnamectl set-hostname {}", view.host.name);
        Objection::warn(name, "a DNS name in small letters")
            .fix(command.clone(), command)
            .repair(Repair::SetHostname { name: view.host.name.to_string() })
    })
}

fn lines<'a>(view: &HostView<'a>) -> impl Iterator<Item = &'a HostsLine> {
    view.facts.network.hosts_file.iter().flatten()
}

fn loopback(view: &HostView<'_>) -> Vec<Objection> {
    let Some(name) = view.facts.hostname.as_deref().filter(|name| *name != "localhost") else {
        return Vec::new();
    };
    let line = lines(view).find(|line| line.names.iter().any(|other| other == name));
    let line = line.filter(|line| line.address.is_loopback());
    line.map(|line| {
        let wanted = view.host.cluster_address;
        Objection::info(format!("{} {name}", line.address), format!("{wanted} {name}")).fix(
            format!("write {wanted} in place of {} in /etc/hosts", line.address),
            format!("在 /etc/hosts 中将 {} 改为 {wanted}", line.address),
        )
    })
    .into_iter()
    .collect()
}

fn localhost(view: &HostView<'_>) -> Vec<Objection> {
    let Some(lines) = &view.facts.network.hosts_file else { return Vec::new() };
    let named =
        |line: &&HostsLine| line.address.is_ipv4() && line.names.iter().any(|name| name == "localhost");
    let first = lines.iter().find(named);
    when(!first.is_some_and(|line| line.address.is_loopback()), || {
        let observed = first.map_or("not in /etc/hosts".to_owned(), |line| line.address.to_string());
        Objection::warn(observed, "127.0.0.1")
            .fix("echo '127.0.0.1 localhost' >> /etc/hosts", "echo '127.0.0.1 localhost' >> /etc/hosts")
            .repair(Repair::HostsLine { address: "127.0.0.1".to_owned(), name: "localhost".to_owned() })
    })
}

/// A host may know itself by loopback: that has its own check.
fn hosts_file(view: &HostView<'_>) -> Vec<Objection> {
    let mut found = Vec::new();
    for line in lines(view).filter(|line| line.address.is_ipv4()) {
        for host in
            view.site.hosts.iter().filter(|host| line.names.iter().any(|name| *name == host.name.as_str()))
        {
            let own = host.name == view.host.name && line.address.is_loopback();
            let ssh =
                matches!(&host.address, installer_model::names::HostAddress::Ip(ip) if *ip == line.address);
            if line.address != host.cluster_address && !own && !ssh {
                found.push(format!("{} {}", line.address, host.name));
            }
        }
    }
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "the addresses of the site file")
            .fix("correct or remove these lines of /etc/hosts", "更正或删除 /etc/hosts 中的这些行")
    })
}

fn resolv_conf(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.resolv_conf.is_none(), || {
        Objection::warn("cannot be read", "/etc/resolv.conf").fix(
            "where no name servers are needed: touch /etc/resolv.conf",
            "无需域名服务器时执行 touch /etc/resolv.conf",
        )
    })
}

fn many_name_servers(view: &HostView<'_>) -> Vec<Objection> {
    let servers = view.facts.name_servers.as_deref().unwrap_or_default();
    when(servers.len() > 3, || {
        let file = view.facts.resolv_conf.as_deref().unwrap_or("/etc/resolv.conf");
        Objection::warn(format!("{} in {file}", servers.len()), "3")
            .fix("keep the three best ones", "只保留三个最合适的服务器")
    })
}

/// 32 in all, of which the cluster brings three; 2048 bytes (`pkg/apis/core/validation`, MaxDNSSearchPaths).
fn search_domains(view: &HostView<'_>) -> Vec<Objection> {
    let domains = &view.facts.network.search_domains;
    let bytes: usize = domains.iter().map(|domain| domain.len() + 1).sum();
    when(domains.len() > 29 || bytes > 1900, || {
        Objection::warn(format!("{} of {bytes} bytes", domains.len()), "29 of 1900 bytes at most")
            .fix("take search domains out of resolv.conf", "从 resolv.conf 中删除部分搜索域")
    })
}

fn dns_loop(view: &HostView<'_>) -> Vec<Objection> {
    if !view.site.dns_upstreams.is_empty() {
        return Vec::new();
    }
    let network = &view.site.network;
    let inside = |server: &&IpAddr| {
        let one = Cidr::containing(**server, if server.is_ipv4() { 32 } else { 128 });
        one.is_some_and(|one| network.pod_cidr.overlaps(&one) || network.service_cidr.overlaps(&one))
    };
    let servers = view.facts.name_servers.iter().flatten();
    let found: Vec<String> = servers.filter(inside).map(ToString::to_string).collect();
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "outside of podCIDR and serviceCIDR").fix(
            "name the site's own name servers in resolv.conf, or in dns.upstreams of the site file",
            "在 resolv.conf 或站点文件的 dns.upstreams 中填写站点自己的域名服务器",
        )
    })
}

/// systemd's own environment reaches every unit, and kubeadm's is one; that of logins reaches people alone.
fn proxy(view: &HostView<'_>) -> Vec<Objection> {
    let network = &view.site.network;
    let wanted = [network.pod_cidr, network.service_cidr];
    let excepted = |no_proxy: &Option<String>| {
        let text = no_proxy.as_deref().unwrap_or_default();
        let named: Vec<Cidr> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
        let covers = |other: &Cidr, cidr: &Cidr| other.prefix() <= cidr.prefix() && other.overlaps(cidr);
        wanted.iter().all(|cidr| named.iter().any(|other| covers(other, cidr)))
    };
    let found: Vec<_> =
        view.facts.network.proxies.iter().filter(|setting| !excepted(&setting.no_proxy)).collect();
    when(!found.is_empty(), || {
        let observed: Vec<String> =
            found.iter().map(|setting| format!("{} in {}", setting.variable, setting.file)).collect();
        let of_units = found.iter().any(|setting| setting.file.starts_with("/etc/systemd/"));
        let objection = match of_units {
            true => Objection::warn(observed.join(", "), "none, or the cluster in NO_PROXY"),
            false => Objection::info(observed.join(", "), "none, or the cluster in NO_PROXY"),
        };
        let exceptions = format!("{},{},.svc,.{}", wanted[0], wanted[1], network.cluster_domain);
        objection.fix(
            format!("add {exceptions} and the hosts to NO_PROXY there"),
            format!("在该处的 NO_PROXY 中添加 {exceptions} 与各主机地址"),
        )
    })
}
