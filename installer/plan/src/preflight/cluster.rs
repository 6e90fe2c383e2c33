//! The site as a whole: what the bundle carries, and hosts that must differ or agree.

use std::collections::BTreeMap;

use installer_model::repair::Repair;
use installer_model::site::Host;
use installer_model::survey::HostFacts;

use super::Judge::Site;
use super::registry::check;
use super::{Check, Objection, SiteView, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("host-surveyed", ("Host surveyed", "主机已勘察"),
        ("Nothing is decided about a host that was not looked at.", "未经勘察的主机不做任何决定。"),
        Site(surveyed)),
    check("kubernetes-version", ("Kubernetes version", "Kubernetes 版本"),
        ("The site asks for a version that this bundle does not carry.", "站点要求的版本不在此离线包中。"),
        Site(kubernetes_version)),
    check("addons-in-bundle", ("Add-ons in the bundle", "离线包中的插件"),
        ("An add-on can only be installed from the bundle.", "插件只能从离线包安装。"),
        Site(addons)),
    check("workers", ("Somewhere for pods", "可运行 Pod 的主机"),
        ("No host takes ordinary pods: add-ons and workloads stay pending.", "没有主机承载普通 Pod：插件与工作负载将一直等待。"),
        Site(workers)),
    check("clock-skew", ("Clocks agree", "时钟一致"),
        ("Certificates, leases and etcd need clocks that agree; a certificate from the future is refused.", "证书、租约和 etcd 要求时钟一致；来自未来的证书会被拒绝。"),
        Site(clock_skew)),
    check("hostname-unique", ("Host names differ", "主机名互不相同"),
        ("Hosts that call themselves the same are hard to tell apart in logs. Nodes are named by the site file.", "自称相同名称的主机在日志中难以区分。节点名称取自站点文件。"),
        Site(hostnames)),
    check("machine-id-unique", ("Machine ids differ", "机器标识互不相同"),
        ("Cloned machines share /etc/machine-id; DHCP may then give them the same address.", "克隆的机器共用 /etc/machine-id，DHCP 可能因此分配相同地址。"),
        Site(machine_ids)),
];

pub(super) fn surveyed(view: &SiteView<'_>) -> Vec<Objection> {
    let missing = view.site.hosts.iter().filter(|host| !view.survey.hosts.contains_key(&host.name));
    missing.map(|host| Objection::refuse("no facts", "facts").at(host)).collect()
}

pub(super) fn kubernetes_version(view: &SiteView<'_>) -> Vec<Objection> {
    let carried = view.release.component("kubernetes").map(|component| component.version.as_str());
    let Some(carried) = carried else {
        return vec![Objection::refuse("no component kubernetes in the bundle", "kubernetes")];
    };
    let Some(wanted) = &view.site.kubernetes_version else { return Vec::new() };
    when(wanted.as_str() != carried, || {
        Objection::refuse(carried, wanted.as_str()).fix(
            format!("set kubernetes.version to {carried} in the site file, or use a bundle with {wanted}"),
            format!("将站点文件中的 kubernetes.version 改为 {carried}，或使用包含 {wanted} 的离线包"),
        )
    })
}

pub(super) fn addons(view: &SiteView<'_>) -> Vec<Objection> {
    let wished = [
        (view.site.addons.metrics_server, "metrics-server", "metricsServer"),
        (view.site.addons.local_path, "local-path-provisioner", "localPath"),
    ];
    let absent =
        wished.into_iter().filter(|(on, component, _)| *on && view.release.component(component).is_none());
    absent
        .map(|(_, component, key)| {
            Objection::refuse(format!("no component {component} in the bundle"), component).fix(
                format!("set addons.{key} to false in the site file, or use a bundle that carries it"),
                format!("将站点文件中的 addons.{key} 设为 false，或使用包含它的离线包"),
            )
        })
        .collect()
}

pub(super) fn workers(view: &SiteView<'_>) -> Vec<Objection> {
    when(!view.site.hosts.iter().any(|host| host.roles.worker), || {
        Objection::warn("none", "one").fix(
            "add worker to the roles of a host; a control plane may carry both",
            "为某台主机的 roles 添加 worker；控制平面可同时担任",
        )
    })
}

const SKEW_WARN_MS: u64 = 5_000;
const SKEW_REFUSE_MS: u64 = 30_000;

/// Against the median of the hosts, not against the machine that Armilla runs on: the hosts must agree among
/// themselves. Of an even number, the lower one of the middle counts.
pub(super) fn clock_skew(view: &SiteView<'_>) -> Vec<Objection> {
    let skews: Vec<(&Host, i64)> =
        view.hosts().filter_map(|(host, surveyed)| Some((host, surveyed.clock_skew_ms?))).collect();
    // The checking machine, which skews are counted from, has a voice too: of two clocks nobody knows which one is wrong.
    let mut sorted: Vec<i64> = skews.iter().map(|(_, skew)| *skew).chain([0]).collect();
    sorted.sort_unstable();
    let (median, others) = match skews.len() {
        0 => return Vec::new(),
        1 => (0, "the machine that runs Armilla"),
        _ => (sorted[(sorted.len() - 1) / 2], "the other hosts"),
    };
    let judge = |(host, skew): (&Host, i64)| {
        let off = skew.abs_diff(median);
        let observed = format!("{}.{} s from {others}", off / 1000, off % 1000 / 100);
        let objection = match off {
            _ if off > SKEW_REFUSE_MS => Objection::refuse(observed, "30 s at most"),
            _ if off > SKEW_WARN_MS => Objection::warn(observed, "5 s at most"),
            _ => return None,
        };
        let fix = objection.fix(
            "start the host's time service (chronyd, systemd-timesyncd), or set the clock with `date -s`",
            "启动主机的时间服务（chronyd、systemd-timesyncd），或用 date -s 校准",
        );
        Some(fix.repair(Repair::SetClock { ahead_ms: skew - median }).at(host))
    };
    skews.into_iter().filter_map(judge).collect()
}

pub(super) fn hostnames(view: &SiteView<'_>) -> Vec<Objection> {
    shared(view, |_, facts| facts.hostname.clone())
        .into_iter()
        .map(|(host, name, others)| {
            Objection::warn(format!("{name}, as on {others}"), "a name of its own")
                .fix(
                    format!("hostnamectl set-hostname {}", host.name),
                    format!("hostnamectl set-hostname {}", host.name),
                )
                .repair(Repair::SetHostname { name: host.name.to_string() })
                .at(host)
        })
        .collect()
}

pub(super) fn machine_ids(view: &SiteView<'_>) -> Vec<Objection> {
    shared(view, |_, facts| facts.machine_id.clone())
        .into_iter()
        .map(|(host, id, others)| {
            Objection::warn(format!("{id}, as on {others}"), "an id of its own")
                .fix(
                    "rm /etc/machine-id && systemd-machine-id-setup, then restart the host",
                    "执行 rm /etc/machine-id && systemd-machine-id-setup，然后重启主机",
                )
                .repair(Repair::NewMachineId)
                .at(host)
        })
        .collect()
}

/// Hosts after the first that share a fact, with it and the names of the others.
pub(super) fn shared<'a>(
    view: &SiteView<'a>,
    fact: impl Fn(&Host, &HostFacts) -> Option<String>,
) -> Vec<(&'a Host, String, String)> {
    let mut by_value: BTreeMap<String, Vec<&'a Host>> = BTreeMap::new();
    for (host, surveyed) in view.hosts() {
        if let Some(value) = fact(host, &surveyed.facts) {
            by_value.entry(value).or_default().push(host);
        }
    }
    let mut found = Vec::new();
    for (value, hosts) in by_value {
        for host in hosts.iter().skip(1) {
            let others =
                hosts.iter().filter(|other| other.name != host.name).map(|other| other.name.as_str());
            found.push((*host, value.clone(), others.collect::<Vec<_>>().join(", ")));
        }
    }
    found
}
