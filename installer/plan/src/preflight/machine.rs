//! What the machine is: its distribution, how its kernel was built, and what a container lets through.

use std::collections::BTreeMap;

use installer_model::survey::{CgroupVersion, Mount};

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("os", ("Distribution", "操作系统发行版"),
        ("Armilla is not tried on this distribution. What it needs of a host is checked one by one.", "Armilla 未在此发行版上试用；对主机的要求会逐项检查。"),
        Host(distribution)),
    check("virtualization", ("A machine, or a container that passes for one", "主机或等效的容器"),
        ("In such surroundings the kernel is somebody else's, and nodes are known to fail there.", "此类环境的内核归他人所有，已知节点无法正常运行。"),
        Host(virtualization)),
    check("user-namespace", ("Root is root", "root 即 root"),
        ("The host's root is an ordinary user of the machine below: the kubelet may not set what it must.", "此主机的 root 只是宿主机上的普通用户：kubelet 无法完成必要的设置。"),
        Host(user_namespace)),
    check("devices", ("Device nodes", "设备节点"),
        ("The kubelet opens these and ends without them.", "kubelet 需打开这些设备，缺少则退出。"),
        Host(devices)),
    check("cgroup-writable", ("cgroups may be made", "可创建 cgroup"),
        ("The kubelet makes a group for every pod; here the tree is mounted read-only.", "kubelet 为每个 Pod 创建 cgroup，而此处以只读方式挂载。"),
        Host(cgroup_writable)),
    check("kernel-config", ("The kernel is built for containers", "内核支持容器"),
        ("No container starts on a kernel that was built without these.", "内核缺少这些选项时无法启动任何容器。"),
        Host(config)),
    check("kernel-options", ("Limits and filters of the kernel", "内核的限制与过滤"),
        ("Pods that ask for what these carry are not limited, or do not start.", "依赖这些选项的 Pod 不受限制或无法启动。"),
        Host(options)),
];

/// `ID` of `/etc/os-release`, in small letters.
const TRIED: [&str; 18] = [
    "almalinux",
    "alinux",
    "anolis",
    "centos",
    "debian",
    "kylin",
    "kylinos",
    "ol",
    "openeuler",
    "opensuse-leap",
    "rhel",
    "rocky",
    "sles",
    "tencentos",
    "ubuntu",
    "uos",
    "uniontech",
    "fedora",
];

fn distribution(view: &HostView<'_>) -> Vec<Objection> {
    let Some(os) = &view.facts.os else { return Vec::new() };
    let known = TRIED.contains(&os.id.to_lowercase().as_str());
    when(!known, || {
        let name = if os.pretty_name.is_empty() { &os.id } else { &os.pretty_name };
        Objection::info(name.clone(), "Kylin, openEuler, UOS, Anolis, Ubuntu, Debian, Rocky and their kin")
    })
}

fn virtualization(view: &HostView<'_>) -> Vec<Objection> {
    let Some(kind) = view.facts.virtualization.as_deref() else { return Vec::new() };
    when(matches!(kind, "openvz" | "wsl" | "proot" | "uml"), || {
        Objection::warn(kind, "a machine, KVM, VMware, Hyper-V, Xen")
            .fix("use a virtual machine with a kernel of its own", "使用拥有独立内核的虚拟机")
    })
}

fn user_namespace(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.kernel.user_namespace == Some(true), || {
        Objection::warn("mapped to another user", "not mapped").fix(
            "run the container privileged (LXC: security.privileged=true)",
            "以特权方式运行容器（LXC：security.privileged=true）",
        )
    })
}

fn devices(view: &HostView<'_>) -> Vec<Objection> {
    let missing = &view.facts.storage.missing_devices;
    when(!missing.is_empty(), || {
        Objection::refuse(format!("missing: {}", missing.join(", ")), "present").fix(
            "hand them to the container: --device /dev/kmsg, or lxc.mount.entry = /dev/kmsg dev/kmsg none bind,create=file",
            "将设备传入容器：--device /dev/kmsg，或 lxc.mount.entry = /dev/kmsg dev/kmsg none bind,create=file",
        )
    })
}

/// The last mount on a target is the one that counts.
fn cgroup_writable(view: &HostView<'_>) -> Vec<Objection> {
    let mut last: BTreeMap<&str, &Mount> = BTreeMap::new();
    for mount in view.facts.mounts.iter().filter(|mount| mount.target.starts_with("/sys/fs/cgroup")) {
        last.insert(&mount.target, mount);
    }
    let of_the_kubelet = |mount: &&&Mount| {
        let controllers = mount.target.trim_start_matches("/sys/fs/cgroup").trim_matches('/');
        let needed = ["cpu", "cpuset", "memory", "pids", "systemd"];
        match mount.fs_type.as_str() {
            "cgroup2" => controllers.is_empty(),
            "cgroup" => controllers.split(',').any(|name| needed.contains(&name)),
            _ => false,
        }
    };
    let found: Vec<&str> = last
        .values()
        .filter(of_the_kubelet)
        .filter(|mount| mount.options.iter().any(|option| option == "ro"))
        .map(|mount| mount.target.as_str())
        .collect();
    when(!found.is_empty(), || {
        let commands: Vec<String> =
            found.iter().map(|target| format!("mount -o remount,rw,bind {target}")).collect();
        Objection::refuse(format!("read-only: {}", found.join(", ")), "writable").fix(
            format!("{}; in a container: run it privileged", commands.join("; ")),
            format!("{}；容器须以特权方式运行", commands.join("; ")),
        )
    })
}

/// What runc and the kubelet cannot do without, whichever cgroup tree there is; then what each tree needs.
const CONTAINERS: [&str; 12] = [
    "CONFIG_NAMESPACES",
    "CONFIG_NET_NS",
    "CONFIG_PID_NS",
    "CONFIG_IPC_NS",
    "CONFIG_UTS_NS",
    "CONFIG_CGROUPS",
    "CONFIG_CGROUP_PIDS",
    "CONFIG_CGROUP_SCHED",
    "CONFIG_CPUSETS",
    "CONFIG_MEMCG",
    "CONFIG_INET",
    "CONFIG_POSIX_MQUEUE",
];
const ON_V1: [&str; 2] = ["CONFIG_CGROUP_DEVICE", "CONFIG_CGROUP_FREEZER"];
const ON_V2: [&str; 1] = ["CONFIG_CGROUP_BPF"];

const LIMITS: [&str; 7] = [
    "CONFIG_FAIR_GROUP_SCHED",
    "CONFIG_CFS_BANDWIDTH",
    "CONFIG_BLK_CGROUP",
    "CONFIG_CGROUP_HUGETLB",
    "CONFIG_SECCOMP",
    "CONFIG_SECCOMP_FILTER",
    "CONFIG_KEYS",
];

/// Only what the kernel itself says is not set counts as missing.
fn unset<'o>(view: &HostView<'_>, options: &[&'o str]) -> Vec<&'o str> {
    let is_off = |name: &&str| view.facts.kernel.options.get(*name).is_some_and(|value| value == "n");
    options.iter().copied().filter(is_off).collect()
}

fn config(view: &HostView<'_>) -> Vec<Objection> {
    let mut missing = unset(view, &CONTAINERS);
    missing.extend(match view.facts.cgroup.as_ref().map(|cgroup| cgroup.version) {
        Some(CgroupVersion::V2) => unset(view, &ON_V2),
        Some(CgroupVersion::V1 | CgroupVersion::Hybrid) => unset(view, &ON_V1),
        None => Vec::new(),
    });
    when(!missing.is_empty(), || {
        Objection::refuse(format!("not set: {}", missing.join(" ")), "set")
            .fix("boot the distribution's own kernel", "使用发行版自带的内核启动")
    })
}

fn options(view: &HostView<'_>) -> Vec<Objection> {
    let missing = unset(view, &LIMITS);
    when(!missing.is_empty(), || {
        Objection::warn(format!("not set: {}", missing.join(" ")), "set")
            .fix("boot the distribution's own kernel", "使用发行版自带的内核启动")
    })
}
