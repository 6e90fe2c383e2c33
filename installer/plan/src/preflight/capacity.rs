//! Processors, memory, swap.

use installer_model::repair::Repair;

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, bytes, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("cpus", ("Processors", "处理器数量"),
        ("kubeadm wants two processors for a control plane.", "kubeadm 要求控制平面至少有两个处理器。"),
        Host(cpus)),
    check("memory", ("Memory", "内存"),
        ("With less memory, processes of the cluster are killed.", "内存不足时，集群进程会被杀死。"),
        Host(memory)),
    check("swap", ("Swap is off", "交换分区已关闭"),
        ("The kubelet does not start while swap is on.", "启用交换分区时 kubelet 不会启动。"),
        Host(swap)),
];

/// What kubeadm itself demands of a control plane (`ControlPlaneNumCPU`).
const CONTROL_PLANE_CPUS: u32 = 2;

pub(super) fn cpus(view: &HostView<'_>) -> Vec<Objection> {
    let Some(count) = view.facts.cpu.count else { return Vec::new() };
    when(view.host.roles.control_plane && count < CONTROL_PLANE_CPUS, || {
        Objection::refuse(count.to_string(), format!("{CONTROL_PLANE_CPUS}")).fix(
            "give the host another processor, or the control plane to another host",
            "为主机增加处理器，或将控制平面放到其他主机",
        )
    })
}

/// kubeadm's own floor for a control plane (`ControlPlaneMem`), in its megabytes.
const CONTROL_PLANE_FLOOR: u64 = 1700 << 20;
const CONTROL_PLANE_COMFORT: u64 = 3 << 30;
/// kubelet, containerd, flannel, kube-proxy and the node service take about 400 MiB.
const WORKER_FLOOR: u64 = 700 << 20;
const WORKER_COMFORT: u64 = 1536 << 20;

pub(super) fn memory(view: &HostView<'_>) -> Vec<Objection> {
    let Some(memory) = view.facts.memory else { return Vec::new() };
    let (floor, comfort) = match view.host.roles.control_plane {
        true => (CONTROL_PLANE_FLOOR, CONTROL_PLANE_COMFORT),
        false => (WORKER_FLOOR, WORKER_COMFORT),
    };
    let fix = |objection: Objection| objection.fix("give the host more memory", "为主机增加内存");
    if memory.total < floor {
        return vec![fix(Objection::refuse(bytes(memory.total), bytes(floor)))];
    }
    when(memory.total < comfort, || fix(Objection::warn(bytes(memory.total), bytes(comfort))))
}

pub(super) fn swap(view: &HostView<'_>) -> Vec<Objection> {
    let Some(memory) = view.facts.memory else { return Vec::new() };
    when(memory.swap_total > 0, || {
        Objection::refuse(bytes(memory.swap_total), "0 B")
            .fix(
                "swapoff -a, and take the swap lines out of /etc/fstab",
                "执行 swapoff -a，并从 /etc/fstab 删除 swap 行",
            )
            .repair(Repair::SwapOff)
    })
}
