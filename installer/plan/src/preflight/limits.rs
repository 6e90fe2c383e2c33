//! How much of everything the kernel hands out.

use installer_model::repair::Repair;

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("open-files", ("Open files", "打开文件数"),
        ("etcd, containerd and the API server hold thousands of files and connections; a unit that asks for more than the kernel allows does not start.", "etcd、containerd 与 API 服务器会打开数千个文件与连接；单元请求超过内核上限时无法启动。"),
        Host(open_files)),
    check("process-ids", ("Process ids", "进程号上限"),
        ("A node runs a hundred pods with a hundred threads each; without ids nothing starts any more.", "一个节点可运行上百个 Pod，每个上百线程；进程号耗尽后无法再启动程序。"),
        Host(process_ids)),
    check("map-count", ("Memory maps of a process", "进程内存映射数"),
        ("Databases and search engines in pods end when they may not map enough files.", "Pod 中的数据库与搜索引擎会因映射数不足而退出。"),
        Host(map_count)),
    check("neighbours", ("Neighbour table", "邻居表"),
        ("When the table of neighbours is full, packets to other hosts and pods are dropped.", "邻居表满后，发往其他主机与 Pod 的数据包会被丢弃。"),
        Host(neighbours)),
    check("local-ports", ("Ports of outgoing connections", "本地端口范围"),
        ("A connection that goes out may be given a port that a process of the cluster or a NodePort needs.", "外出连接可能占用集群进程或 NodePort 所需的端口。"),
        Host(local_ports)),
    check("entropy", ("Entropy", "熵"),
        ("Making keys waits until the kernel has gathered randomness; on old kernels that takes minutes.", "生成密钥需等待内核收集随机数，旧内核上可能需要数分钟。"),
        Host(entropy)),
    check("modules-disabled", ("Modules may be loaded", "允许加载模块"),
        ("A module that a node needs is not loaded, and the kernel was told to load none until the next boot.", "节点所需的模块尚未加载，而内核被设置为下次启动前禁止加载模块。"),
        Host(modules_disabled)),
];

/// `LimitNOFILE` of armilla-node.service: nobody, root included, may raise a limit above `fs.nr_open` (setrlimit(2)).
const UNITS_ASK_FOR: u64 = 8192;
/// etcd, the API server and containerd hold some thousands each.
const FILES_COMFORT: u64 = 16_384;

fn open_files(view: &HostView<'_>) -> Vec<Objection> {
    let kernel = ["fs.nr_open", "fs.file-max"].map(|key| (key, view.number(key)));
    let low: Vec<(&str, u64)> = kernel
        .into_iter()
        .filter_map(|(key, count)| Some((key, count.filter(|count| *count < FILES_COMFORT)?)))
        .collect();
    if !low.is_empty() {
        let observed: Vec<String> = low.iter().map(|(key, count)| format!("{key} {count}")).collect();
        let commands: Vec<String> = low.iter().map(|(key, _)| format!("sysctl -w {key}=1048576")).collect();
        let objection = match low.iter().any(|(key, count)| *key == "fs.nr_open" && *count < UNITS_ASK_FOR) {
            true => Objection::refuse(observed.join(", "), FILES_COMFORT.to_string()),
            false => Objection::warn(observed.join(", "), FILES_COMFORT.to_string()),
        };
        let objection = objection.fix(commands.join("; "), commands.join("; "));
        return vec![low.iter().fold(objection, |objection, (key, _)| {
            objection.repair(Repair::SetSysctl { key: (*key).to_owned(), value: "1048576".to_owned() })
        })];
    }
    let Some(limit) = view.facts.services.open_files.filter(|limit| *limit < FILES_COMFORT) else {
        return Vec::new();
    };
    let command = "DefaultLimitNOFILE=1024:524288 in /etc/systemd/system.conf, then systemctl daemon-reexec";
    vec![Objection::warn(format!("hard limit of process 1 {limit}"), FILES_COMFORT.to_string()).fix(
        command,
        "在 /etc/systemd/system.conf 中设 DefaultLimitNOFILE=1024:524288，再执行 systemctl daemon-reexec",
    )]
}

const IDS: u64 = 32_768;

fn process_ids(view: &HostView<'_>) -> Vec<Objection> {
    let low = |key: &'static str| Some((key, view.number(key).filter(|count| *count < IDS)?));
    let low: Vec<(&str, u64)> =
        ["kernel.pid_max", "kernel.threads-max"].into_iter().filter_map(low).collect();
    when(!low.is_empty(), || {
        let observed: Vec<String> = low.iter().map(|(key, count)| format!("{key} {count}")).collect();
        let commands: Vec<String> = low.iter().map(|(key, _)| format!("sysctl -w {key}=4194303")).collect();
        let objection = Objection::warn(observed.join(", "), IDS.to_string())
            .fix(commands.join("; "), commands.join("; "));
        low.iter().fold(objection, |objection, (key, _)| {
            objection.repair(Repair::SetSysctl { key: (*key).to_owned(), value: "4194303".to_owned() })
        })
    })
}

/// The kernel's own default.
const MAPS: u64 = 65_530;

fn map_count(view: &HostView<'_>) -> Vec<Objection> {
    let Some(count) = view.number("vm.max_map_count") else { return Vec::new() };
    when(count < MAPS, || {
        Objection::warn(count.to_string(), MAPS.to_string())
            .fix("sysctl -w vm.max_map_count=262144", "sysctl -w vm.max_map_count=262144")
            .repair(Repair::SetSysctl { key: "vm.max_map_count".to_owned(), value: "262144".to_owned() })
    })
}

/// Two for every host (its interface and its end of the pod network) and the pods of this one.
fn neighbours(view: &HostView<'_>) -> Vec<Objection> {
    const OWN: u64 = 256;
    const KEY: &str = "net.ipv4.neigh.default.gc_thresh3";
    let Some(room) = view.number(KEY) else { return Vec::new() };
    let needed = OWN + 2 * u64::try_from(view.site.hosts.len()).unwrap_or(u64::MAX / 4);
    when(room < needed, || {
        let wanted = needed.next_power_of_two().max(1024).to_string();
        Objection::warn(room.to_string(), needed.to_string())
            .fix(format!("sysctl -w {KEY}={wanted}"), format!("sysctl -w {KEY}={wanted}"))
            .repair(Repair::SetSysctl { key: KEY.to_owned(), value: wanted })
    })
}

/// What must not be given away: the API server's port, etcd's, the kubelet's, and the range of NodePorts.
fn local_ports(view: &HostView<'_>) -> Vec<Objection> {
    let Some(range) = view.setting("net.ipv4.ip_local_port_range") else { return Vec::new() };
    let mut ends = range.split_whitespace().filter_map(|word| word.parse::<u16>().ok());
    let (Some(first), Some(last)) = (ends.next(), ends.next()) else { return Vec::new() };
    let reserved = reserved(view.setting("net.ipv4.ip_local_reserved_ports").unwrap_or_default());
    let node_ports = view.site.network.node_ports;
    let api = view.site.api.port;
    let needed =
        [(api, api), (2379, 2381), (7443, 7444), (10248, 10259), (node_ports.first, node_ports.last)];
    let open: Vec<(u16, u16)> = needed
        .into_iter()
        .filter(|(from, to)| *from <= last && *to >= first)
        .filter(|(from, to)| !reserved.iter().any(|(low, high)| low <= from && to <= high))
        .collect();
    when(!open.is_empty(), || {
        let written =
            |(from, to): &(u16, u16)| if from == to { from.to_string() } else { format!("{from}-{to}") };
        let open: Vec<String> = open.iter().map(written).collect();
        let all: Vec<String> = reserved.iter().map(written).chain(open.iter().cloned()).collect();
        let key = "net.ipv4.ip_local_reserved_ports";
        let command = format!("sysctl -w {key}={}", all.join(","));
        Objection::warn(format!("{first}-{last} takes in {}", open.join(", ")), "these reserved")
            .fix(command.clone(), command)
            .repair(Repair::SetSysctl { key: key.to_owned(), value: all.join(",") })
    })
}

/// `8080,30000-32767`.
fn reserved(text: &str) -> Vec<(u16, u16)> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
    };
    text.split(',').filter_map(range).collect()
}

/// Kernels from 5.18 on always tell 256.
fn entropy(view: &HostView<'_>) -> Vec<Objection> {
    const ENOUGH: u64 = 128;
    let Some(bits) = view.number("kernel.random.entropy_avail") else { return Vec::new() };
    when(bits < ENOUGH, || {
        Objection::warn(format!("{bits} bits"), format!("{ENOUGH} bits")).fix(
            "install haveged or rng-tools, or give the virtual machine a virtio-rng device",
            "安装 haveged 或 rng-tools，或为虚拟机添加 virtio-rng 设备",
        )
    })
}

fn modules_disabled(view: &HostView<'_>) -> Vec<Objection> {
    let waiting: Vec<&str> = view
        .facts
        .features
        .iter()
        .filter(|(_, presence)| **presence == installer_model::survey::Presence::Loadable)
        .map(|(feature, _)| feature.module())
        .collect();
    let disabled = view.setting("kernel.modules_disabled") == Some("1");
    when(disabled && !waiting.is_empty(), || {
        Objection::refuse(format!("kernel.modules_disabled=1; not loaded: {}", waiting.join(" ")), "0").fix(
            "take the setting out of /etc/sysctl.d, name the modules in /etc/modules-load.d, restart the host",
            "从 /etc/sysctl.d 删除该设置，在 /etc/modules-load.d 列出模块，并重启主机",
        )
    })
}
