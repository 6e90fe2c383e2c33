//! What the kernel is, can do and may be told.

use installer_model::site::KubeProxyChoice;
use installer_model::survey::{KernelFeature, Presence, SYSCTLS};

use super::{HostView, Objection, when};
use crate::decide;

/// The oldest long-term kernel in the distributions we serve; kubeadm's own list begins there too.
const OLDEST: (u32, u32) = (4, 19);

pub(super) fn version(view: &HostView<'_>) -> Vec<Objection> {
    let release = view.facts.kernel_release.as_deref().unwrap_or("unknown");
    let wanted = format!("{}.{}", OLDEST.0, OLDEST.1);
    match view.facts.kernel_version() {
        None => vec![Objection::warn(release, wanted)],
        Some(version) => when(version < OLDEST, || {
            Objection::refuse(release, wanted)
                .fix("install a newer kernel of the distribution", "安装发行版的更新内核")
        }),
    }
}

/// `ip_tables` is not among them: in iptables mode, too, the tools that come along speak nf_tables.
pub(super) fn features(view: &HostView<'_>) -> Vec<Objection> {
    let needed = KernelFeature::ALL.into_iter().filter(|feature| *feature != KernelFeature::IpTables);
    let (mut missing, mut unknown) = (Vec::new(), Vec::new());
    for feature in needed {
        match view.facts.feature(feature) {
            Presence::Usable | Presence::Loadable => {}
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
    objections.extend(when(!unknown.is_empty(), || {
        let modules = unknown.join(" ");
        Objection::warn(format!("cannot tell: {modules}"), "present").fix(
            format!("for m in {modules}; do modprobe $m; done"),
            format!("for m in {modules}; do modprobe $m; done"),
        )
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
