//! What earlier clusters and other container runtimes left on the host, or still run.

use std::collections::BTreeSet;

use installer_model::survey::{Holder, Leftover, LeftoverKind};

use super::Root;

/// Directories that a cluster fills, beside the data directories that the site names.
const PATHS: &[&str] = &[
    "/etc/kubernetes",
    "/var/lib/kubelet",
    "/var/lib/etcd",
    "/var/lib/containerd",
    "/etc/cni/net.d",
    "/var/lib/cni",
    "/run/flannel",
    "/etc/rancher/k3s",
    "/etc/rancher/rke2",
    "/var/lib/rancher",
    "/var/lib/k0s",
    "/etc/k0s",
    "/var/snap/microk8s",
    "/etc/kubekey",
    "/etc/calico",
    "/run/calico",
    "/run/cilium",
    "/var/lib/calico",
    "/var/lib/weave",
];

const UNIT_FOLDERS: &[&str] = &["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

const UNITS: &[&str] = &[
    "containerd.service",
    "crio.service",
    "cri-docker.service",
    "docker.service",
    "etcd.service",
    "flanneld.service",
    "k0scontroller.service",
    "k0sworker.service",
    "k3s-agent.service",
    "k3s.service",
    "kube-apiserver.service",
    "kube-controller-manager.service",
    "kube-proxy.service",
    "kube-scheduler.service",
    "kubelet.service",
    "rke2-agent.service",
    "rke2-server.service",
    "snap.microk8s.daemon-kubelite.service",
];

const LINKS: &[&str] = &[
    "antrea-gw0",
    "cilium_host",
    "cilium_net",
    "cilium_vxlan",
    "cni0",
    "flannel.1",
    "kube-bridge",
    "kube-ipvs0",
    "nodelocaldns",
    "ovn0",
    "vxlan.calico",
    "weave",
];

/// The host's ends of pods' links: `cali` and eleven hexadecimal digits.
const LINK_PREFIXES: &[&str] = &["cali"];

/// As `comm` shows them: cut after 15 bytes.
const PROCESSES: &[&str] = &[
    "containerd",
    "cri-dockerd",
    "crio",
    "dockerd",
    "etcd",
    "k0s",
    "k3s",
    "k3s-agent",
    "k3s-server",
    "kube-apiserver",
    "kube-controller",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
    "kubelite",
    "rke2",
];

pub(super) fn read(root: &Root, processes: &[Holder], data_dirs: &[String]) -> Vec<Leftover> {
    let found = |kind, name: &str| Leftover { kind, name: name.to_owned() };
    let own: Vec<&str> = data_dirs.iter().map(String::as_str).filter(|path| is_runtime_data(path)).collect();
    let paths = PATHS.iter().copied().chain(own).filter(|path| is_filled(root, path));
    let has_unit = |unit: &&str| UNIT_FOLDERS.iter().any(|folder| root.exists(&format!("{folder}/{unit}")));
    let units = UNITS.iter().copied().filter(has_unit);
    let there = root.names("/sys/class/net").into_iter();
    let links = there.filter(|link| {
        let of_a_pod = LINK_PREFIXES.iter().any(|prefix| link.len() == 15 && link.starts_with(prefix));
        LINKS.contains(&link.as_str()) || of_a_pod
    });
    let running = processes.iter().map(|process| process.command.as_str());
    let running = running.filter(|command| PROCESSES.contains(command));
    let all: BTreeSet<Leftover> = paths
        .map(|name| found(LeftoverKind::Path, name))
        .chain(units.map(|name| found(LeftoverKind::Unit, name)))
        .chain(links.map(|name| found(LeftoverKind::Link, &name)))
        .chain(running.map(|name| found(LeftoverKind::Process, name)))
        .collect();
    all.into_iter().collect()
}

/// Of the directories that the site names, those that a runtime, the kubelet or etcd would fill.
fn is_runtime_data(path: &str) -> bool {
    ["/containerd", "/kubelet", "/etcd"].iter().any(|name| path.ends_with(name))
}

/// Holds anything beyond what a fresh filesystem or an empty skeleton of folders has.
fn is_filled(root: &Root, path: &str) -> bool {
    fn any_file(root: &Root, path: &str, depth: u32) -> bool {
        root.names(path).into_iter().filter(|name| name != "lost+found").any(|name| {
            let inner = format!("{path}/{name}");
            // Deeper than a skeleton goes: somebody was here.
            !root.is_dir(&inner) || depth == 0 || any_file(root, &inner, depth - 1)
        })
    }
    if root.exists(path) && !root.is_dir(path) {
        return true;
    }
    any_file(root, path, 2)
}
