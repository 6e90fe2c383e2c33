//! Ports that the cluster's processes will listen on, and who holds them now.

use std::net::IpAddr;

use installer_model::node::{BALANCER_PORT, MIRROR_PORT};
use installer_model::repair::Repair;
use installer_model::survey::{Listener, Protocol};

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("ports", ("Ports are free", "端口空闲"),
        ("A process of the cluster must listen here.", "集群进程必须监听此端口。"),
        Host(free)),
];

/// A process of the cluster and where it will listen.
struct Wanted {
    protocol: Protocol,
    port: u16,
    by: &'static str,
}

const fn tcp(port: u16, by: &'static str) -> Wanted {
    Wanted { protocol: Protocol::Tcp, port, by }
}

/// <https://kubernetes.io/docs/reference/networking/ports-and-protocols/>, with the loopback ports that it leaves out.
const EVERY_HOST: &[Wanted] = &[
    tcp(BALANCER_PORT, "the API balancer"),
    tcp(MIRROR_PORT, "the image mirror"),
    tcp(10248, "kubelet health"),
    tcp(10249, "kube-proxy metrics"),
    tcp(10250, "kubelet"),
    tcp(10256, "kube-proxy health"),
    Wanted { protocol: Protocol::Udp, port: 8472, by: "the pod network" },
];

const CONTROL_PLANE: &[Wanted] = &[
    tcp(2379, "etcd"),
    tcp(2380, "etcd peers"),
    tcp(2381, "etcd metrics"),
    tcp(10257, "kube-controller-manager"),
    tcp(10259, "kube-scheduler"),
];

/// What a cluster of ours listens with, as `comm` shows it (15 bytes).
const OURS: &[&str] = &[
    "armilla",
    "etcd",
    "kube-apiserver",
    "kube-controller",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
    "flanneld",
];

pub(super) fn free(view: &HostView<'_>) -> Vec<Objection> {
    let Some(listeners) = &view.facts.listeners else {
        return vec![Objection::warn("cannot tell", "free")];
    };
    let api = [tcp(view.site.api.port, "kube-apiserver")];
    let (control_plane, api): (&[Wanted], &[Wanted]) =
        if view.host.roles.control_plane { (CONTROL_PLANE, &api) } else { (&[], &[]) };
    let wanted = api.iter().chain(control_plane).chain(EVERY_HOST);
    let taken = wanted.filter_map(|wanted| {
        let in_the_way = |listener: &&Listener| {
            listener.protocol == wanted.protocol
                && listener.port == wanted.port
                && conflicts(listener.address, view.host.cluster_address)
                && !(view.surveyed.ours && is_ours(listener))
        };
        Some((wanted, listeners.iter().find(in_the_way)?))
    });
    taken.map(|(wanted, listener)| objection(wanted, listener)).collect()
}

/// A listener on one other address of the host leaves the port free where we need it.
fn conflicts(listener: IpAddr, cluster_address: IpAddr) -> bool {
    listener.is_unspecified() || listener.is_loopback() || listener == cluster_address
}

/// Nobody is seen to hold the kernel's own sockets, such as that of vxlan.
fn is_ours(listener: &Listener) -> bool {
    listener.holders.iter().all(|holder| OURS.contains(&holder.command.as_str()))
}

fn objection(wanted: &Wanted, listener: &Listener) -> Objection {
    let protocol = match wanted.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let holder = |holder: &installer_model::survey::Holder| match &holder.unit {
        Some(unit) => format!("{} (pid {}, {unit})", holder.command, holder.pid),
        None => format!("{} (pid {})", holder.command, holder.pid),
    };
    let holders: Vec<String> = listener.holders.iter().map(holder).collect();
    let by = if holders.is_empty() { "the kernel".to_owned() } else { holders.join(", ") };
    let objection = Objection::refuse(
        format!("{}/{protocol} is held by {by}", wanted.port),
        format!("free for {}", wanted.by),
    );
    match listener
        .holders
        .iter()
        .find_map(|holder| holder.unit.clone())
        .filter(|unit| unit.ends_with(".service"))
    {
        Some(unit) => {
            let command = format!("systemctl disable --now {unit}");
            objection.fix(command.clone(), command).repair(Repair::StopUnit { unit })
        }
        None => objection.fix("stop what holds the port", "停止占用该端口的进程"),
    }
}
