//! systemd as a whole, and services beside the cluster.

use installer_model::repair::Repair;

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("systemd-state", ("systemd is at rest", "systemd 状态正常"),
        ("A host that starts or stops changes under the installation; units that failed may be ones that it needs.", "正在启动或关闭的主机会在安装中途变化；失败的单元可能是其所需。"),
        Host(state)),
    check("unit-drop-ins", ("Units without drop-ins", "单元没有附加配置"),
        ("What lies in these folders is laid over the units that Armilla places, and may start another program.", "这些目录中的内容会叠加在 Armilla 的单元上，可能启动其他程序。"),
        Host(drop_ins)),
    check("other-programs", ("Programs of Kubernetes", "Kubernetes 程序"),
        ("Another version is installed beside ours, which comes first in the path. Its package may be updated or started by others.", "系统中另有一份程序，路径中以我们的优先；其软件包可能被他人升级或启动。"),
        Host(programs)),
    check("config-management", ("Configuration management", "配置管理"),
        ("An agent that keeps the host as it once was may undo settings, modules and units.", "配置管理代理可能撤销内核参数、模块和单元的更改。"),
        Host(config_management)),
    check("automatic-updates", ("Automatic updates", "自动更新"),
        ("Updates that come by themselves may replace the kernel and restart all hosts in one night.", "自动更新可能替换内核，并在同一夜重启所有主机。"),
        Host(automatic_updates)),
    check("nm-cloud-setup", ("nm-cloud-setup", "nm-cloud-setup"),
        ("It adds routing rules of its own for every address and cuts pods off from the network.", "它为每个地址添加路由规则，会切断 Pod 网络。"),
        Host(nm_cloud_setup)),
    check("sshd-dns", ("sshd looks nobody up", "sshd 不做反向解析"),
        ("With UseDNS each login waits for name servers, a minute where none answers. Armilla keeps one login open.", "启用 UseDNS 时每次登录都等待域名服务器，无响应时可达一分钟。Armilla 只保持一个登录。"),
        Host(sshd_dns)),
    check("journal", ("The journal is kept", "日志持久保存"),
        ("The journal lies in memory: after a power cut nothing says what happened before.", "日志只在内存中：断电后无从查起。"),
        Host(journal)),
];

fn state(view: &HostView<'_>) -> Vec<Objection> {
    let Some(state) = view.facts.services.system.as_deref() else { return Vec::new() };
    match state {
        "stopping" => vec![
            Objection::refuse("stopping", "running").fix("wait until the host is back", "等待主机重新启动"),
        ],
        "starting" | "initializing" | "maintenance" => {
            vec![Objection::warn(state, "running").fix(
                "systemctl list-jobs shows what it waits for",
                "用 systemctl list-jobs 查看其等待的任务",
            )]
        }
        "degraded" => {
            let failed: Vec<&str> = view.facts.services.failed_units.iter().map(String::as_str).collect();
            let command = format!("systemctl status {0}; systemctl reset-failed {0}", failed.join(" "));
            vec![
                Objection::info(format!("degraded: {}", failed.join(", ")), "running")
                    .fix(command.clone(), command),
            ]
        }
        _ => Vec::new(),
    }
}

/// One that changes the environment or a limit may be meant; one that starts another program never fits, unless somebody
/// laid it over a cluster of ours since.
fn drop_ins(view: &HostView<'_>) -> Vec<Objection> {
    let found = &view.facts.services.drop_ins;
    when(!found.is_empty(), || {
        let paths: Vec<&str> = found.iter().map(|drop_in| drop_in.path.as_str()).collect();
        let observed = paths.join(", ");
        let starts_another = found.iter().any(|drop_in| drop_in.starts_another);
        let objection = match starts_another && !view.surveyed.ours {
            true => Objection::refuse(observed, "none with ExecStart"),
            false => Objection::warn(observed, "none"),
        };
        let objection = objection.fix(
            "remove the package that brought them, or the files; then systemctl daemon-reload",
            "卸载带来它们的软件包或删除文件，再执行 systemctl daemon-reload",
        );
        paths.iter().fold(objection, |objection, path| {
            objection.repair(Repair::SetAside { path: (*path).to_owned(), data: false })
        })
    })
}

fn programs(view: &HostView<'_>) -> Vec<Objection> {
    let found = &view.facts.services.programs;
    when(!found.is_empty(), || {
        Objection::info(found.join(", "), "none").fix(
            "remove the packages kubelet, kubeadm, kubectl, containerd and runc where nobody needs them",
            "若无人使用，卸载 kubelet、kubeadm、kubectl、containerd 与 runc 软件包",
        )
    })
}

fn config_management(view: &HostView<'_>) -> Vec<Objection> {
    const AGENTS: [&str; 8] = [
        "puppet",
        "chef-client",
        "salt-minion",
        "cf-execd",
        "cf-serverd",
        "rudder",
        "rhsmcertd-worke",
        "ansible-pull",
    ];
    let found = view.running(&AGENTS);
    when(!found.is_empty(), || {
        Objection::info(found.join(", "), "none").fix(
            "tell it about /etc/sysctl.d/90-armilla.conf, /etc/modules-load.d/armilla.conf and the units of Armilla",
            "让其保留 /etc/sysctl.d/90-armilla.conf、/etc/modules-load.d/armilla.conf 与 Armilla 的单元",
        )
    })
}

fn automatic_updates(view: &HostView<'_>) -> Vec<Objection> {
    const UNITS: [&str; 5] = [
        "dnf-automatic-install.timer",
        "dnf-automatic.timer",
        "transactional-update.timer",
        "unattended-upgrades.service",
        "yum-cron.service",
    ];
    let found = view.enabled(&UNITS);
    when(!found.is_empty(), || {
        let command = format!("systemctl disable --now {}", found.join(" "));
        let objection = Objection::info(found.join(", "), "none").fix(command.clone(), command);
        found.iter().fold(objection, |objection, unit| {
            objection.repair(Repair::StopUnit { unit: (*unit).to_owned() })
        })
    })
}

fn nm_cloud_setup(view: &HostView<'_>) -> Vec<Objection> {
    let found = view.enabled(&["nm-cloud-setup.service", "nm-cloud-setup.timer"]);
    when(!found.is_empty(), || {
        let command = "systemctl disable --now nm-cloud-setup.service nm-cloud-setup.timer";
        let objection = Objection::warn(found.join(", "), "none")
            .fix(format!("{command}, and restart the host"), format!("执行 {command}，然后重启主机"));
        found.iter().fold(objection, |objection, unit| {
            objection.repair(Repair::StopUnit { unit: (*unit).to_owned() })
        })
    })
}

fn sshd_dns(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.services.sshd_asks_dns == Some(true), || {
        Objection::info("UseDNS yes", "UseDNS no").fix(
            "set UseDNS no in /etc/ssh/sshd_config, then systemctl reload sshd",
            "在 /etc/ssh/sshd_config 中设 UseDNS no，再执行 systemctl reload sshd",
        )
    })
}

fn journal(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.services.journal_volatile == Some(true), || {
        Objection::info("/run/log/journal", "/var/log/journal")
            .fix(
                "mkdir /var/log/journal, then systemctl restart systemd-journald",
                "执行 mkdir /var/log/journal，再 systemctl restart systemd-journald",
            )
            .repair(Repair::MakeFolder { path: "/var/log/journal".to_owned(), mode: 0o2755 })
    })
}
