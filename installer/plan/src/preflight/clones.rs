//! Machines that were cloned, and clocks against the machine that looks at them.

use installer_model::repair::Repair;
use installer_model::site::Host as SiteHost;
use installer_model::survey::HostFacts;

use super::Judge::{Host, Site};
use super::cluster::shared;
use super::registry::check;
use super::{Check, HostView, Objection, SiteView, is_container, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("same-machine", ("Each host is a machine of its own", "每台主机各不相同"),
        ("Two entries of the site file lead to one and the same machine: the second would be installed over the first.", "站点文件中的两个条目指向同一台机器：后者会覆盖前者。"),
        Site(same_machine)),
    check("product-uuid-unique", ("Machine UUIDs differ", "机器 UUID 互不相同"),
        ("Cloned virtual machines share the firmware's UUID; storage and cloud drivers tell nodes apart by it.", "克隆的虚拟机共用固件 UUID，存储与云驱动以此区分节点。"),
        Site(product_uuids)),
    check("ssh-host-key-unique", ("SSH host keys differ", "SSH 主机密钥互不相同"),
        ("Cloned hosts have one SSH key: whoever holds one of them can pose as the other.", "克隆的主机共用 SSH 密钥：持有其一即可冒充另一台。"),
        Site(host_keys)),
    check("clock-here", ("Clocks agree with this machine's", "与本机时钟一致"),
        ("Certificates are made by the hosts' clocks and judged by this machine's, and by those of everybody who uses the cluster.", "证书按主机时钟签发，而由本机及集群使用者的时钟判断。"),
        Site(clock_here)),
    check("time-zone", ("One time zone", "时区一致"),
        ("Hosts in different zones write logs that are hard to hold against each other. The cluster itself counts in UTC.", "时区不同时日志难以对照。集群自身使用 UTC。"),
        Site(time_zones)),
    check("machine-id", ("Machine id", "机器标识"),
        ("Without /etc/machine-id the journal keeps nothing, and the node has no identity of its own.", "缺少 /etc/machine-id 时日志无法保存，节点也没有自己的标识。"),
        Host(machine_id)),
];

/// A container has the boot id of the machine below it; the machine's own id it has not.
fn same_machine(view: &SiteView<'_>) -> Vec<Objection> {
    let both = |_: &SiteHost, facts: &HostFacts| {
        Some(format!("{} {}", facts.machine_id.as_deref()?, facts.boot_id.as_deref()?))
    };
    let twice = shared(view, both).into_iter();
    twice
        .map(|(host, _, others)| {
            Objection::refuse(format!("the machine of {others}"), "a machine of its own")
                .fix("take one of the entries out of the site file", "从站点文件中删除其中一个条目")
                .at(host)
        })
        .collect()
}

fn product_uuids(view: &SiteView<'_>) -> Vec<Objection> {
    let uuid = |_: &SiteHost, facts: &HostFacts| {
        facts.identity.product_uuid.clone().filter(|_| !is_container(facts))
    };
    let twice = shared(view, uuid).into_iter();
    twice
        .map(|(host, uuid, others)| {
            Objection::warn(format!("{uuid}, as on {others}"), "an UUID of its own")
                .fix(
                    "give the cloned machine a new UUID in its hypervisor",
                    "在虚拟化平台中为克隆机生成新的 UUID",
                )
                .at(host)
        })
        .collect()
}

fn host_keys(view: &SiteView<'_>) -> Vec<Objection> {
    let keys = |_: &SiteHost, facts: &HostFacts| facts.identity.ssh_host_keys.first().cloned();
    let twice = shared(view, keys).into_iter();
    twice
        .map(|(host, key, others)| {
            let shown: String = key.chars().take(40).collect();
            Objection::warn(format!("{shown}…, as on {others}"), "keys of its own")
                .fix(
                    "rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart sshd",
                    "执行 rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart sshd",
                )
                .at(host)
        })
        .collect()
}

const HERE_MS: u64 = 60_000;

/// One finding for all: who is wrong cannot be told from here. A host that is alone is judged by `clock-skew`.
fn clock_here(view: &SiteView<'_>) -> Vec<Objection> {
    let mut skews: Vec<i64> = view.hosts().filter_map(|(_, surveyed)| surveyed.clock_skew_ms).collect();
    skews.sort_unstable();
    if skews.len() < 2 {
        return Vec::new();
    }
    let median = skews[(skews.len() - 1) / 2];
    let off = median.unsigned_abs();
    when(off > HERE_MS, || {
        let off = off / 1000;
        let observed = match median > 0 {
            true => format!("{off} s ahead of this machine"),
            false => format!("{off} s behind this machine"),
        };
        Objection::warn(observed, "60 s at most").fix(
            "set this machine's clock, or the hosts' time servers, right",
            "校准本机时钟，或各主机的时间服务器",
        )
    })
}

fn time_zones(view: &SiteView<'_>) -> Vec<Objection> {
    let zone = |(host, surveyed): (&SiteHost, &installer_model::survey::SurveyedHost)| {
        Some((host.name.to_string(), surveyed.facts.clock.time_zone.clone()?))
    };
    let zones: Vec<(String, String)> = view.hosts().filter_map(zone).collect();
    let differ = zones.iter().any(|(_, zone)| *zone != zones[0].1);
    when(differ, || {
        let observed: Vec<String> = zones.iter().map(|(name, zone)| format!("{name} {zone}")).collect();
        let command = format!("timedatectl set-timezone {}", zones[0].1);
        Objection::info(observed.join(", "), "one zone").fix(command.clone(), command)
    })
}

fn machine_id(view: &HostView<'_>) -> Vec<Objection> {
    let id = view.facts.machine_id.as_deref().unwrap_or_default();
    let observed = if id.is_empty() { "none" } else { id };
    when(id.is_empty() || id == "uninitialized", || {
        Objection::warn(observed, "32 hexadecimal digits")
            .fix(
                "rm -f /etc/machine-id && systemd-machine-id-setup",
                "执行 rm -f /etc/machine-id && systemd-machine-id-setup",
            )
            .repair(Repair::NewMachineId)
    })
}
