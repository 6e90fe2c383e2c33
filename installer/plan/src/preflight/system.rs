//! What the host is and runs.

use bundles_format::Arch;
use installer_model::names::Cidr;
use installer_model::repair::{Firewall, Repair};
use installer_model::survey::{Capabilities, Presence, Selinux};

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, is_container, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("architecture", ("Processor architecture", "处理器架构"),
        ("The bundle must carry files and images for the processor of the host.", "离线包必须包含该主机处理器架构的文件和镜像。"),
        Host(architecture)),
    check("root", ("Root", "root 权限"),
        ("Installing needs root, by login or by sudo.", "安装需要 root 权限（直接登录或通过 sudo）。"),
        Host(root)),
    check("systemd", ("systemd", "systemd"),
        ("Services run as systemd units.", "各服务以 systemd 单元运行。"),
        Host(systemd)),
    check("capabilities", ("Capabilities of root", "root 的能力集"),
        ("Root lacks rights that containers need; this is often so inside of another container.", "root 缺少容器所需的权限；嵌套容器中常见。"),
        Host(capabilities)),
    check("commands", ("Commands of the host", "主机命令"),
        ("kubeadm, the kubelet and Armilla call these; nothing else is needed and no package is installed.", "kubeadm、kubelet 和 Armilla 会调用这些命令；此外不需要任何软件包。"),
        Host(commands)),
    check("x86-64-v2", ("x86-64-v2", "x86-64-v2"),
        ("Many images of today's distributions are built for x86-64-v2 and end with an illegal instruction here.", "许多新发行版镜像按 x86-64-v2 构建，在此会因非法指令退出。"),
        Host(x86_64_v2)),
    check("page-size", ("Page size", "内存页大小"),
        ("Programs built for 4 KiB pages alone may fail. What Armilla installs works with any.", "只支持 4 KiB 页的程序可能失败。Armilla 安装的内容不受影响。"),
        Host(page_size)),
    check("selinux", ("SELinux", "SELinux"),
        ("Without a policy for containers an enforcing SELinux may deny what pods do on volumes.", "缺少容器策略时，强制模式的 SELinux 可能拒绝 Pod 对卷的操作。"),
        Host(selinux)),
    check("firewall", ("Firewall", "防火墙"),
        ("An active firewall drops what nodes and pods send each other.", "启用的防火墙会丢弃节点和 Pod 之间的流量。"),
        Host(firewall)),
    check("time-service", ("Time service", "时间服务"),
        ("Nothing keeps the clock: it will drift until certificates and leases fail.", "没有服务校准时钟，漂移最终会导致证书和租约失效。"),
        Host(time_service)),
    check("time-servers", ("Time servers of the site", "站点的时间服务器"),
        ("The site file names time servers; only systemd-timesyncd is told them.", "站点文件指定了时间服务器，但只会配置到 systemd-timesyncd。"),
        Host(time_servers)),
    check("accelerators", ("Accelerators", "加速卡"),
        ("Accelerators were found. Their drivers and plugins are not installed yet.", "发现加速卡。其驱动与插件暂不安装。"),
        Host(accelerators)),
];

pub(super) fn architecture(view: &HostView<'_>) -> Vec<Objection> {
    let carried: Vec<&str> = view.release.architectures.iter().map(|arch| arch.as_str()).collect();
    let machine = view.facts.machine.as_deref().unwrap_or("unknown");
    let covered = view.arch().is_some_and(|arch| view.release.architectures.contains(&arch));
    when(!covered, || {
        Objection::refuse(machine, carried.join(" or "))
            .fix("use a bundle that was built for this architecture too", "使用同时包含此架构的离线包")
    })
}

pub(super) fn root(view: &HostView<'_>) -> Vec<Objection> {
    let Some(id) = view.facts.user_id else { return Vec::new() };
    when(id != 0, || Objection::refuse(format!("user id {id}"), "0"))
}

/// The oldest systemd of a distribution that we serve (CentOS 7 and its kin); transient units need about as much.
const OLDEST_SYSTEMD: u32 = 219;

pub(super) fn systemd(view: &HostView<'_>) -> Vec<Objection> {
    let init = &view.facts.init;
    if !init.systemd {
        let process = init.process.as_deref().unwrap_or("unknown");
        return vec![Objection::refuse(format!("process 1 is {process}"), "systemd")];
    }
    let Some(version) = init.systemd_version else { return Vec::new() };
    when(version < OLDEST_SYSTEMD, || Objection::refuse(version.to_string(), OLDEST_SYSTEMD.to_string()))
}

pub(super) fn capabilities(view: &HostView<'_>) -> Vec<Objection> {
    let Some(held) = view.facts.capabilities else { return Vec::new() };
    let needed = [("CAP_NET_ADMIN", Capabilities::NET_ADMIN), ("CAP_SYS_ADMIN", Capabilities::SYS_ADMIN)];
    let missing: Vec<&str> =
        needed.into_iter().filter(|(_, number)| !held.has(*number)).map(|(name, _)| name).collect();
    when(!missing.is_empty(), || {
        Objection::refuse(format!("missing: {}", missing.join(" ")), "CAP_NET_ADMIN CAP_SYS_ADMIN").fix(
            "run the host as a machine or as a privileged container",
            "以虚拟机、物理机或特权容器方式运行此主机",
        )
    })
}

pub(super) fn commands(view: &HostView<'_>) -> Vec<Objection> {
    let to_load = view.facts.features.values().any(|presence| *presence == Presence::Loadable);
    let needed = |name: &str| name != "modprobe" || to_load;
    let missing: Vec<&str> = view
        .facts
        .commands
        .iter()
        .filter(|(name, found)| found.is_none() && needed(name))
        .map(|(name, _)| name.as_str())
        .collect();
    when(!missing.is_empty(), || {
        Objection::refuse(format!("missing: {}", missing.join(" ")), "present").fix(
            "install the distribution's coreutils, util-linux (mount) and kmod (modprobe)",
            "安装发行版的 coreutils、util-linux（mount）与 kmod（modprobe）",
        )
    })
}

pub(super) fn x86_64_v2(view: &HostView<'_>) -> Vec<Objection> {
    let lacks = view.arch() == Some(Arch::Amd64) && view.facts.cpu.is_x86_64_v2() == Some(false);
    let model = view.facts.cpu.model.as_deref().unwrap_or("this processor");
    when(lacks, || {
        Objection::warn(format!("{model} lacks it"), "x86-64-v2").fix(
            "on a virtual machine: choose the processor type `host` or a newer model",
            "虚拟机：将处理器类型设为 host 或更新的型号",
        )
    })
}

pub(super) fn page_size(view: &HostView<'_>) -> Vec<Objection> {
    let Some(size) = view.facts.page_size else { return Vec::new() };
    when(size != 4096, || Objection::info(format!("{} KiB", size / 1024), "4 KiB"))
}

pub(super) fn selinux(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.selinux == Some(Selinux::Enforcing), || {
        Objection::warn("enforcing", "permissive")
            .fix(
                "setenforce 0, and SELINUX=permissive in /etc/selinux/config",
                "执行 setenforce 0，并在 /etc/selinux/config 中设 SELINUX=permissive",
            )
            .repair(Repair::SelinuxPermissive)
    })
}

/// The other hosts, pods and Services: what a firewall on this host must let in.
fn cluster_networks(view: &HostView<'_>) -> Vec<Cidr> {
    let others = view.site.hosts.iter().filter(|host| host.name != view.host.name);
    let hosts = others.filter_map(|host| Cidr::containing(host.cluster_address, 32));
    hosts.chain([view.site.network.pod_cidr, view.site.network.service_cidr]).collect()
}

/// Refused before the installation, which it would break half-way, unless it lets the cluster in. On a host of ours
/// somebody may have opened what is needed in another way since.
pub(super) fn firewall(view: &HostView<'_>) -> Vec<Objection> {
    let active = &view.facts.firewalls;
    let networks = cluster_networks(view);
    let covered = |network: &Cidr| {
        let wider = |trusted: &Cidr| trusted.prefix() <= network.prefix() && trusted.overlaps(network);
        view.facts.firewall_trusts.iter().any(wider)
    };
    if !active.is_empty() && networks.iter().all(covered) {
        return vec![Objection::info(
            format!("{}, which lets the cluster in", active.join(", ")),
            "none active",
        )];
    }
    when(!active.is_empty(), || {
        let names = active.join(", ");
        let objection = match view.surveyed.ours {
            true => Objection::warn(names, "none active, or one that lets the cluster in"),
            false => Objection::refuse(names, "none active, or one that lets the cluster in"),
        };
        let ports = match view.host.roles.control_plane {
            true => vec![format!("{}/tcp", view.site.api.port)],
            false => Vec::new(),
        };
        let open = |objection: Objection, name: &String| {
            let firewall = if name == "ufw" { Firewall::Ufw } else { Firewall::Firewalld };
            let (ports, networks) = (ports.clone(), networks.clone());
            objection.repair(Repair::OpenFirewall { firewall, ports, networks })
        };
        let objection = active.iter().fold(objection, open);
        let commands = active.iter().map(|name| match name.as_str() {
            "ufw" => "ufw disable".to_owned(),
            other => format!("systemctl disable --now {other}"),
        });
        let command = commands.collect::<Vec<_>>().join("; ");
        objection.fix(command.clone(), command)
    })
}

/// The better one first, under every name that distributions give it.
const TIME_UNITS: [&str; 5] =
    ["chronyd.service", "chrony.service", "systemd-timesyncd.service", "ntpd.service", "ntp.service"];

pub(super) fn time_service(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.time_services.is_empty() && !is_container(view.facts), || {
        Objection::warn("none", "chronyd, systemd-timesyncd or ntpd")
            .fix(
                "systemctl enable --now chronyd (or systemd-timesyncd)",
                "执行 systemctl enable --now chronyd（或 systemd-timesyncd）",
            )
            .repair(Repair::StartUnit { units: TIME_UNITS.map(str::to_owned).into() })
    })
}

/// Time servers of the site file reach the hosts through systemd-timesyncd; other services are left to their owner.
pub(super) fn time_servers(view: &HostView<'_>) -> Vec<Objection> {
    let named = !view.site.time_servers.is_empty();
    let told = view.facts.time_services.iter().any(|name| name == "systemd-timesyn");
    when(named && !told && !is_container(view.facts), || {
        let running = if view.facts.time_services.is_empty() { "none" } else { &view.facts.time_services[0] };
        Objection::warn(running, "systemd-timesyncd").fix(
            "name the time servers in this service's own configuration, or use systemd-timesyncd",
            "在该服务自己的配置中填写时间服务器，或改用 systemd-timesyncd",
        )
    })
}

pub(super) fn accelerators(view: &HostView<'_>) -> Vec<Objection> {
    let cards = view.facts.accelerators.iter().filter(|card| !card.virtual_function);
    // Integrated graphics and the consoles of servers are displays, not accelerators.
    let cards: Vec<String> = cards
        .filter(|card| !(card.class == 0x0300 && matches!(card.vendor, 0x8086 | 0x1002)))
        .map(|card| format!("{:04x}:{:04x} at {}", card.vendor, card.device, card.address))
        .collect();
    when(!cards.is_empty(), || Objection::info(cards.join(", "), "known"))
}
