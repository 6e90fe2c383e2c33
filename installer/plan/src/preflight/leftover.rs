//! What other clusters and runtimes left. On a host that is ours already, what Kubernetes leaves is ours.

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
    check("container-runtime", ("No other container runtime", "没有其他容器运行时"),
        ("Another runtime shares sockets, directories and packet rules with ours.", "其他运行时会与我们的套接字、目录和包过滤规则冲突。"),
        Host(runtime)),
];

/// Runtimes and their data are judged by a check of their own, since what mends them differs.
fn is_runtime(name: &str) -> bool {
    const WORDS: [&str; 5] = ["containerd", "docker", "crio", "cri-docker", "cri-o"];
    WORDS.iter().any(|word| name.contains(word))
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

pub(super) fn cluster(view: &HostView<'_>) -> Vec<Objection> {
    if view.surveyed.ours {
        return Vec::new();
    }
    let leftovers = || view.facts.leftovers.iter().filter(|leftover| !is_runtime(&leftover.name));
    let found: Vec<String> = leftovers()
        .map(|leftover| match leftover.kind {
            LeftoverKind::Path => leftover.name.clone(),
            LeftoverKind::Unit => format!("unit {}", leftover.name),
            LeftoverKind::Link => format!("link {}", leftover.name),
            LeftoverKind::Process => format!("process {}", leftover.name),
        })
        .collect();
    when(!found.is_empty(), || {
        let objection = Objection::refuse(found.join(", "), "none").fix(
            "remove the other cluster with its own uninstaller (kubeadm reset -f, k3s-uninstall.sh, …), delete what is listed, and restart the host",
            "用原集群的卸载工具清除（kubeadm reset -f、k3s-uninstall.sh 等），删除所列内容并重启主机",
        );
        repaired(objection, leftovers())
    })
}

/// A runtime that runs, or left data where ours would be, is refused; one that is only installed is pointed out.
pub(super) fn runtime(view: &HostView<'_>) -> Vec<Objection> {
    if view.surveyed.ours {
        return Vec::new();
    }
    let runtimes = || view.facts.leftovers.iter().filter(|leftover| is_runtime(&leftover.name));
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
