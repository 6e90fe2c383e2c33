//! What the kernel is, can do and may be told.

use installer_model::repair::Repair;
use installer_model::site::KubeProxyChoice;
use installer_model::survey::{KernelFeature, Presence, SYSCTLS};

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};
use crate::decide;

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("kernel", ("Kernel version", "内核版本"),
        ("Kubernetes and containerd are not tested on older kernels.", "Kubernetes 与 containerd 未在更旧的内核上测试。"),
        Host(version)),
    check("kernel-features", ("Kernel features", "内核特性"),
        ("Containers, Services and the pod network need these of the kernel.", "容器、Service 与 Pod 网络需要这些内核特性。"),
        Host(features)),
    check("kube-proxy-mode", ("kube-proxy's mode", "kube-proxy 模式"),
        ("nftables mode needs kernel 5.13 or newer with nf_tables; otherwise the whole cluster uses iptables mode.", "nftables 模式需要 5.13 以上并带 nf_tables 的内核；否则整个集群使用 iptables 模式。"),
        Host(proxy_mode)),
    check("cgroup-version", ("cgroup version", "cgroup 版本"),
        ("The kubelet is told to accept cgroup v1, which upstream no longer develops; memory QoS and in-place resize are not available.", "将允许 kubelet 使用 cgroup v1；上游已停止开发，内存 QoS 与原地扩缩不可用。"),
        Host(cgroup_version)),
    check("cgroup-controllers", ("cgroup controllers", "cgroup 控制器"),
        ("The kubelet does not start without them.", "缺少它们 kubelet 不会启动。"),
        Host(cgroup_controllers)),
    check("oom-score", ("OOM scores", "OOM 评分"),
        ("oom_score_adj cannot be lowered here: containerd, kubelet and kube-proxy are told not to try. Under memory pressure the kernel may choose them.", "此处无法降低 oom_score_adj：containerd、kubelet 与 kube-proxy 将不再尝试；内存紧张时内核可能选中它们。"),
        Host(oom_score)),
    check("conntrack", ("Connection tracking limits", "连接跟踪上限"),
        ("nf_conntrack_max cannot be set here: kube-proxy is told to leave it alone.", "此处无法设置 nf_conntrack_max：kube-proxy 将保持原值。"),
        Host(conntrack)),
    check("sysctls", ("Kernel settings", "内核参数"),
        ("Routing and the kubelet need these values, and they cannot be set on this host.", "路由与 kubelet 需要这些值，而此主机无法设置。"),
        Host(sysctls)),
];

/// The oldest long-term kernel in the distributions we serve.
const OLDEST: (u32, u32) = (4, 19);

/// Of what kubeadm 1.37 verifies (`DefaultSysSpec` of k8s.io/system-validators 1.12): these, and 6 and newer.
const VERIFIED: [(u32, u32); 3] = [(5, 4), (5, 10), (5, 15)];

pub(super) fn version(view: &HostView<'_>) -> Vec<Objection> {
    let release = view.facts.kernel_release.as_deref().unwrap_or("unknown");
    let wanted = format!("{}.{}", OLDEST.0, OLDEST.1);
    match view.facts.kernel_version() {
        None => vec![Objection::warn(release, wanted)],
        Some(version) if version < OLDEST && !is_el8(release) => vec![
            Objection::refuse(release, wanted)
                .fix("install a newer kernel of the distribution", "安装发行版的更新内核"),
        ],
        Some(version) => when(version < (6, 0) && !VERIFIED.contains(&version), || {
            Objection::info(release, "5.4, 5.10, 5.15 or 6 and newer, which upstream verifies")
        }),
    }
}

/// The kernel of RHEL 8 and its kin says 4.18 and carries what containers need from later ones.
fn is_el8(release: &str) -> bool {
    release.starts_with("4.18.0-") && release.split('.').any(|part| part.starts_with("el8"))
}

/// `ip_tables` is not among them: in iptables mode, too, the tools that come along speak nf_tables.
pub(super) fn features(view: &HostView<'_>) -> Vec<Objection> {
    let needed = KernelFeature::ALL.into_iter().filter(|feature| *feature != KernelFeature::IpTables);
    let (mut missing, mut blocked, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for feature in needed {
        match view.facts.feature(feature) {
            Presence::Usable | Presence::Loadable => {}
            Presence::Blocked => blocked.push(feature.module()),
            Presence::Missing => missing.push(feature.module()),
            Presence::Unknown => unknown.push(feature.module()),
        }
    }
    let mut objections = when(!missing.is_empty(), || {
        let modules = missing.join(" ");
        Objection::refuse(format!("missing: {modules}"), "present").fix(
            "install the package with the kernel's extra modules, or another kernel",
            "安装内核附加模块包，或更换内核",
        )
    });
    objections.extend(when(!blocked.is_empty(), || {
        let modules = blocked.join(" ");
        let lines = format!("`grep -rE '{}' /etc/modprobe.d /usr/lib/modprobe.d`", blocked.join("|"));
        Objection::refuse(format!("blocked by modprobe.d: {modules}"), "present").fix(
            format!("take out the lines that {lines} shows (blacklist, or install with false or true)"),
            format!("删除 {lines} 所列的行（blacklist，或 install 后接 false 或 true）"),
        )
    }));
    objections.extend(when(!unknown.is_empty(), || {
        let modules = unknown.join(" ");
        let objection = Objection::warn(format!("cannot tell: {modules}"), "present").fix(
            format!("for m in {modules}; do modprobe $m; done"),
            format!("for m in {modules}; do modprobe $m; done"),
        );
        let load = |objection: Objection, module: &&str| {
            objection.repair(Repair::LoadModule { module: (*module).to_owned() })
        };
        unknown.iter().fold(objection, load)
    }));
    objections
}

pub(super) fn proxy_mode(view: &HostView<'_>) -> Vec<Objection> {
    let carries = decide::carries_nftables(view.facts);
    let release = view.facts.kernel_release.as_deref().unwrap_or("unknown kernel");
    match view.site.kube_proxy_mode {
        KubeProxyChoice::Iptables => Vec::new(),
        KubeProxyChoice::Auto => when(!carries, || Objection::info(release, "5.13 for nftables mode")),
        KubeProxyChoice::Nftables => when(!carries, || {
            Objection::refuse(release, "5.13 with nf_tables").fix(
                "set kubeProxy.mode to auto or iptables in the site file",
                "将站点文件中的 kubeProxy.mode 设为 auto 或 iptables",
            )
        }),
    }
}

pub(super) fn cgroup_version(view: &HostView<'_>) -> Vec<Objection> {
    when(decide::runs_cgroup_v1(view.facts), || {
        Objection::info("v1", "v2").fix(
            "where the kernel can: boot with systemd.unified_cgroup_hierarchy=1",
            "若内核支持：启动参数加 systemd.unified_cgroup_hierarchy=1",
        )
    })
}

pub(super) fn cgroup_controllers(view: &HostView<'_>) -> Vec<Objection> {
    let Some(cgroup) = &view.facts.cgroup else {
        return vec![Objection::warn("cannot tell", "cpu cpuset memory pids")];
    };
    let needed = ["cpu", "cpuset", "memory", "pids"];
    let missing: Vec<&str> = needed.into_iter().filter(|name| !cgroup.controllers.contains(*name)).collect();
    when(!missing.is_empty(), || {
        Objection::refuse(format!("missing: {}", missing.join(" ")), needed.join(" ")).fix(
            "take cgroup_disable= out of the kernel's command line (on some boards add cgroup_enable=memory)",
            "从内核启动参数中去掉 cgroup_disable=（部分板卡需加 cgroup_enable=memory）",
        )
    })
}

pub(super) fn oom_score(view: &HostView<'_>) -> Vec<Objection> {
    match view.facts.oom_score_adj_lowers {
        Some(true) => Vec::new(),
        Some(false) => vec![Objection::info("cannot be lowered", "can be lowered")],
        None => vec![Objection::info("cannot tell", "can be lowered")],
    }
}

const CONNTRACK_MAX: &str = "net.netfilter.nf_conntrack_max";

pub(super) fn conntrack(view: &HostView<'_>) -> Vec<Objection> {
    let Some(sysctl) = view.facts.sysctls.get(CONNTRACK_MAX) else { return Vec::new() };
    when(!sysctl.settable, || Objection::info(format!("stays {}", sysctl.value), "settable"))
}

pub(super) fn sysctls(view: &HostView<'_>) -> Vec<Objection> {
    let stuck: Vec<String> = SYSCTLS
        .iter()
        .filter(|(_, wanted)| !wanted.is_empty())
        .filter_map(|(name, wanted)| {
            let sysctl = view.facts.sysctls.get(*name)?;
            (!sysctl.settable && sysctl.value != *wanted)
                .then(|| format!("{name} stays {}, not {wanted}", sysctl.value))
        })
        .collect();
    when(!stuck.is_empty(), || {
        Objection::refuse(stuck.join("; "), "settable").fix(
            "set them on the machine below, or run the host with the right to (not in an unprivileged container)",
            "在宿主机上设置，或以有权限的方式运行此主机（非无特权容器）",
        )
    })
}
