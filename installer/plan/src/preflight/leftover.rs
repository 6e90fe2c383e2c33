//! What other clusters and runtimes left. On a host that is ours already, what Kubernetes leaves is ours.

use installer_model::finding::Severity;
use installer_model::repair::Repair;
use installer_model::survey::{Leftover, LeftoverKind};

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("leftovers", ("No other cluster", "没有其他集群的残留"),
        ("What another cluster left changes how this one behaves, or still runs.", "其他集群的残留会影响新集群，或仍在运行。"),
        Host(cluster)),
    check("leftovers-k3s", ("No k3s", "没有 k3s"),
        ("k3s brings its own kubelet, containerd and packet rules, on the same ports.", "k3s 自带 kubelet、containerd 与包过滤规则，并占用相同端口。"),
        Host(k3s)),
    check("leftovers-rke2", ("No RKE2", "没有 RKE2"),
        ("RKE2 brings its own kubelet, containerd and etcd, on the same ports.", "RKE2 自带 kubelet、containerd 与 etcd，并占用相同端口。"),
        Host(rke2)),
    check("leftovers-k0s", ("No k0s", "没有 k0s"),
        ("k0s brings its own kubelet, containerd and etcd, on the same ports.", "k0s 自带 kubelet、containerd 与 etcd，并占用相同端口。"),
        Host(k0s)),
    check("leftovers-microk8s", ("No MicroK8s", "没有 MicroK8s"),
        ("MicroK8s brings its own kubelet and containerd, on the same ports.", "MicroK8s 自带 kubelet 与 containerd，并占用相同端口。"),
        Host(microk8s)),
    check("leftovers-etcd", ("No other etcd", "没有其他 etcd"),
        ("Somebody's data lies where etcd would keep ours, or an etcd runs on its ports.", "etcd 的数据目录中已有他人的数据，或已有 etcd 占用其端口。"),
        Host(etcd)),
    check("leftovers-network", ("No other pod network", "没有其他 Pod 网络的残留"),
        ("The kubelet takes the first CNI configuration that it finds, and old links carry old addresses.", "kubelet 使用找到的第一个 CNI 配置，旧网卡仍带有旧地址。"),
        Host(pod_network)),
    check("leftovers-mounts", ("No mounts of other containers", "没有其他容器的挂载"),
        ("Mounts of containers that are gone keep their folders busy and disks full.", "已消失容器的挂载会占用目录与磁盘。"),
        Host(mounts)),
    check("container-runtime", ("No other container runtime", "没有其他容器运行时"),
        ("Another runtime shares sockets, directories and packet rules with ours.", "其他运行时会与我们的套接字、目录和包过滤规则冲突。"),
        Host(runtime)),
];

/// Whose it is: what removes it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Runtime,
    K3s,
    Rke2,
    K0s,
    Microk8s,
    Etcd,
    PodNetwork,
    /// Kubernetes itself, as kubeadm or binaries leave it.
    Kubernetes,
}

fn owner(leftover: &Leftover) -> Owner {
    let name = leftover.name.as_str();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let network = ["cni", "calico", "cilium", "flannel", "weave"];
    match leftover.kind {
        _ if has(&["containerd", "docker", "crio", "cri-o"]) => Owner::Runtime,
        _ if has(&["rke2"]) => Owner::Rke2,
        _ if has(&["k3s"]) => Owner::K3s,
        _ if name == "/var/lib/rancher" => Owner::K3s,
        _ if has(&["k0s"]) => Owner::K0s,
        _ if has(&["microk8s", "kubelite"]) => Owner::Microk8s,
        _ if has(&["etcd"]) => Owner::Etcd,
        LeftoverKind::Link => Owner::PodNetwork,
        _ if has(&network) => Owner::PodNetwork,
        LeftoverKind::Path | LeftoverKind::Unit | LeftoverKind::Process => Owner::Kubernetes,
    }
}

/// What others may still need: an etcd, volumes, images. Everything else is configuration that a rename keeps safe.
fn holds_data(path: &str) -> bool {
    (path.starts_with("/var/lib/") && path != "/var/lib/cni")
        || path.starts_with("/var/snap/")
        || path.ends_with("/etcd")
}

/// A process ends with its unit; one without a unit is left to its owner.
fn repair(leftover: &Leftover) -> Option<Repair> {
    let name = leftover.name.clone();
    match leftover.kind {
        LeftoverKind::Path => Some(Repair::SetAside { data: holds_data(&name), path: name }),
        LeftoverKind::Unit => Some(Repair::SetUnitAside { unit: name }),
        LeftoverKind::Link => Some(Repair::RemoveLink { link: name }),
        LeftoverKind::Process => None,
    }
}

/// Units first: what runs would make its files anew.
fn repaired<'a>(objection: Objection, leftovers: impl Iterator<Item = &'a Leftover>) -> Objection {
    let mut repairs: Vec<(bool, Repair)> = leftovers
        .filter_map(|leftover| Some((leftover.kind != LeftoverKind::Unit, repair(leftover)?)))
        .collect();
    repairs.sort();
    repairs.into_iter().fold(objection, |objection, (_, repair)| objection.repair(repair))
}

fn cluster(view: &HostView<'_>) -> Vec<Objection> {
    refused(
        view,
        Owner::Kubernetes,
        "remove the other cluster with its own uninstaller (kubeadm reset -f), delete what is listed, and restart the host",
        "用原集群的卸载工具清除（kubeadm reset -f），删除所列内容并重启主机",
    )
}

fn k3s(view: &HostView<'_>) -> Vec<Objection> {
    refused(
        view,
        Owner::K3s,
        "k3s-uninstall.sh on a server, k3s-agent-uninstall.sh on an agent",
        "服务端执行 k3s-uninstall.sh，节点执行 k3s-agent-uninstall.sh",
    )
}

fn rke2(view: &HostView<'_>) -> Vec<Objection> {
    refused(view, Owner::Rke2, "rke2-uninstall.sh", "执行 rke2-uninstall.sh")
}

fn k0s(view: &HostView<'_>) -> Vec<Objection> {
    refused(
        view,
        Owner::K0s,
        "k0s stop; k0s reset, and restart the host",
        "执行 k0s stop; k0s reset，然后重启主机",
    )
}

fn microk8s(view: &HostView<'_>) -> Vec<Objection> {
    refused(view, Owner::Microk8s, "snap remove --purge microk8s", "执行 snap remove --purge microk8s")
}

/// On a worker an etcd is in nobody's way, but it says that the host was something else.
fn etcd(view: &HostView<'_>) -> Vec<Objection> {
    let mut objections = refused(
        view,
        Owner::Etcd,
        "keep a copy if somebody needs it, then systemctl disable --now etcd and remove its data",
        "如有需要先备份，再执行 systemctl disable --now etcd 并删除其数据",
    );
    if !view.host.roles.control_plane {
        objections.iter_mut().for_each(|objection| objection.severity = Severity::Warn);
    }
    objections
}

fn pod_network(view: &HostView<'_>) -> Vec<Objection> {
    refused(
        view,
        Owner::PodNetwork,
        "remove the files in /etc/cni/net.d and the links that are listed (ip link delete), and restart the host",
        "删除 /etc/cni/net.d 中的文件与所列网卡（ip link delete），并重启主机",
    )
}

fn refused(view: &HostView<'_>, whose: Owner, en: &str, zh: &str) -> Vec<Objection> {
    if view.surveyed.ours {
        return Vec::new();
    }
    // k3s and RKE2 share a folder; what else there is says which of them it was.
    let is_rke2 = view.facts.leftovers.iter().any(|leftover| owner(leftover) == Owner::Rke2);
    let owner = move |leftover: &Leftover| match owner(leftover) {
        Owner::K3s if is_rke2 && leftover.name == "/var/lib/rancher" => Owner::Rke2,
        other => other,
    };
    let leftovers = || view.facts.leftovers.iter().filter(move |leftover| owner(leftover) == whose);
    let found: Vec<String> = leftovers()
        .map(|leftover| match leftover.kind {
            LeftoverKind::Path => leftover.name.clone(),
            LeftoverKind::Unit => format!("unit {}", leftover.name),
            LeftoverKind::Link => format!("link {}", leftover.name),
            LeftoverKind::Process => format!("process {}", leftover.name),
        })
        .collect();
    when(!found.is_empty(), || repaired(Objection::refuse(found.join(", "), "none").fix(en, zh), leftovers()))
}

/// Below these, mounts are made for containers alone.
const CONTAINER_MOUNTS: [&str; 7] = [
    "/run/containerd/io.containerd",
    "/run/k3s/",
    "/run/netns/cni-",
    "/var/lib/docker/",
    "/var/lib/k0s/",
    "/var/lib/kubelet/p",
    "/var/lib/rancher/",
];

fn mounts(view: &HostView<'_>) -> Vec<Objection> {
    if view.surveyed.ours {
        return Vec::new();
    }
    let of_containers = |target: &str| CONTAINER_MOUNTS.iter().any(|folder| target.starts_with(folder));
    let targets = view.facts.mounts.iter().map(|mount| mount.target.as_str());
    let found: Vec<&str> = targets.filter(|target| of_containers(target)).collect();
    when(!found.is_empty(), || {
        let more = if found.len() > 3 { format!(" and {} more", found.len() - 3) } else { String::new() };
        let first = found.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        Objection::warn(format!("{first}{more}"), "none").fix(
            "stop what runs in them, umount what is listed, or restart the host",
            "停止相关容器并 umount 所列挂载，或重启主机",
        )
    })
}

/// A runtime that runs, or left data where ours would be, is refused; one that is only installed is pointed out.
pub(super) fn runtime(view: &HostView<'_>) -> Vec<Objection> {
    if view.surveyed.ours {
        return Vec::new();
    }
    let runtimes = || view.facts.leftovers.iter().filter(|leftover| owner(leftover) == Owner::Runtime);
    let names: Vec<&str> = runtimes().map(|leftover| leftover.name.as_str()).collect();
    let in_the_way = runtimes().any(|leftover| match leftover.kind {
        LeftoverKind::Path | LeftoverKind::Process => true,
        LeftoverKind::Unit | LeftoverKind::Link => false,
    });
    let fix = |objection: Objection| {
        let objection = objection.fix(
            "systemctl disable --now docker.socket docker containerd; remove the packages and /var/lib/containerd",
            "执行 systemctl disable --now docker.socket docker containerd；卸载软件包并删除 /var/lib/containerd",
        );
        repaired(objection, runtimes())
    };
    match (names.is_empty(), in_the_way) {
        (true, _) => Vec::new(),
        (false, true) => vec![fix(Objection::refuse(names.join(", "), "none"))],
        (false, false) => {
            vec![fix(Objection::warn(format!("installed, not running: {}", names.join(", ")), "none"))]
        }
    }
}
