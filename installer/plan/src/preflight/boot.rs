//! What the next boot brings: today's host passes, tomorrow's would not.

use installer_model::repair::Repair;
use installer_model::survey::{Selinux, SysctlLine};
use installer_render::paths::SYSCTLS as OWN_FILE;

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, is_container, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("restart-wanted", ("No restart is due", "没有待重启"),
        ("Updates wait for a restart. It is cheaper before the host carries a cluster.", "更新等待重启；在承载集群之前重启代价更小。"),
        Host(restart_wanted)),
    check("shutdown-ordered", ("No shutdown is ordered", "没有预定的关机"),
        ("Somebody ordered the host to go down at a time; the installation may be in the middle then.", "有人预定了关机，届时安装可能正在进行。"),
        Host(shutdown_ordered)),
    check("kernel-updated", ("Modules of the running kernel", "当前内核的模块"),
        ("The kernel was updated and the old one's modules are gone: no module can be loaded until the host is restarted.", "内核已更新而旧模块已删除：重启之前无法加载任何模块。"),
        Host(kernel_updated)),
    check("swap-at-boot", ("Swap stays off", "交换分区保持关闭"),
        ("Swap is off now and comes back with the next boot; the kubelet does not start then.", "交换分区现已关闭，但下次启动会恢复，届时 kubelet 无法启动。"),
        Host(swap)),
    check("selinux-at-boot", ("SELinux stays as it is", "SELinux 状态保持"),
        ("It enforces after the next boot, and may then deny what pods do on volumes.", "下次启动后将进入强制模式，可能拒绝 Pod 对卷的操作。"),
        Host(selinux)),
    check("sysctl-files", ("Settings stay as they are set", "内核参数保持"),
        ("A file that is read later sets another value: after the next boot, or a `sysctl --system`, pods are cut off.", "之后读取的文件设置了不同的值：下次启动或执行 sysctl --system 后 Pod 网络会中断。"),
        Host(sysctl_files)),
    check("mount-at-boot", ("Data disks are mounted at boot", "数据盘开机挂载"),
        ("The disk under this folder was mounted by hand: after the next boot the folder is empty.", "该目录的磁盘是手工挂载的：下次启动后目录为空。"),
        Host(mounts)),
];

fn restart_wanted(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.boot.restart_wanted, || {
        Objection::warn("/run/reboot-required", "none").fix("restart the host now", "现在重启主机")
    })
}

fn shutdown_ordered(view: &HostView<'_>) -> Vec<Objection> {
    let Some(mode) = &view.facts.boot.shutdown_ordered else { return Vec::new() };
    vec![Objection::warn(mode, "none").fix("shutdown -c", "shutdown -c")]
}

fn kernel_updated(view: &HostView<'_>) -> Vec<Objection> {
    let trees = &view.facts.kernel.module_trees;
    let Some(release) = &view.facts.kernel_release else { return Vec::new() };
    when(!trees.is_empty() && !trees.contains(release), || {
        let there = trees.iter().cloned().collect::<Vec<_>>().join(", ");
        Objection::warn(format!("running {release}, modules of {there}"), format!("modules of {release}"))
            .fix("restart the host", "重启主机")
    })
}

fn swap(view: &HostView<'_>) -> Vec<Objection> {
    let on_now = view.facts.memory.is_some_and(|memory| memory.swap_total > 0);
    let lines = || view.facts.boot.fstab.iter().flatten().filter(|line| line.fs_type == "swap");
    let at_boot = lines().filter(|line| !line.options.iter().any(|option| option == "noauto"));
    // systemd makes a unit of each line, of one with noauto too: units count where there are no lines.
    let units =
        view.facts.boot.mount_units.iter().filter(|unit| unit.ends_with(".swap") && lines().count() == 0);
    let found: Vec<&str> =
        at_boot.map(|line| line.source.as_str()).chain(units.map(String::as_str)).collect();
    when(!on_now && !found.is_empty(), || {
        Objection::warn(found.join(", "), "none")
            .fix(
                "take the swap lines out of /etc/fstab; systemctl mask UNIT.swap",
                "从 /etc/fstab 删除 swap 行；执行 systemctl mask UNIT.swap",
            )
            .repair(Repair::SwapOff)
    })
}

fn selinux(view: &HostView<'_>) -> Vec<Objection> {
    let configured = view.facts.boot.selinux.as_deref() == Some("enforcing");
    // A kernel without it does not mind what is configured; one that has it permissive will.
    when(configured && view.facts.selinux == Some(Selinux::Permissive), || {
        Objection::warn("SELINUX=enforcing", "SELINUX=permissive")
            .fix(
                "set SELINUX=permissive in /etc/selinux/config",
                "在 /etc/selinux/config 中设 SELINUX=permissive",
            )
            .repair(Repair::SelinuxPermissive)
    })
}

/// Settings that Armilla writes to its own file; the kubelet sets the others whenever it starts.
fn wanted(name: &str) -> Option<&'static str> {
    let all = installer_model::survey::SYSCTLS.iter();
    let mut own = all.filter(|(key, _)| key.starts_with("net.") || key.starts_with("fs.inotify."));
    own.find(|(key, wanted)| *key == name && !wanted.is_empty()).map(|(_, wanted)| *wanted)
}

fn suffices(line: &SysctlLine, wanted: &str) -> bool {
    let more = line.name.starts_with("fs.inotify.");
    let numbers = line.value.parse::<u64>().ok().zip(wanted.parse::<u64>().ok());
    line.value == wanted || (more && numbers.is_some_and(|(value, wanted)| value >= wanted))
}

/// Of the lines for each setting the last one wins; Armilla's own file takes its place by its name (sysctl.d(5)).
fn sysctl_files(view: &HostView<'_>) -> Vec<Objection> {
    let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let after_ours =
        |line: &&SysctlLine| line.file == "/etc/sysctl.conf" || base(&line.file) > base(OWN_FILE);
    let later: Vec<&SysctlLine> =
        view.facts.boot.sysctl_lines.iter().filter(|line| line.file != OWN_FILE).filter(after_ours).collect();
    let wins =
        |position: usize| !later[position + 1..].iter().any(|other| other.name == later[position].name);
    let spoil = later.iter().enumerate().filter(|(position, line)| {
        wins(*position) && wanted(&line.name).is_some_and(|wanted| !suffices(line, wanted))
    });
    let found: Vec<&SysctlLine> = spoil.map(|(_, line)| *line).collect();
    when(!found.is_empty(), || {
        let observed: Vec<String> =
            found.iter().map(|line| format!("{}={} in {}", line.name, line.value, line.file)).collect();
        let objection = Objection::warn(observed.join(", "), "no other value")
            .fix("take these lines out, or give them the wanted value", "删除这些行，或改为所需的值");
        let in_etc = found.iter().filter(|line| line.file.starts_with("/etc/"));
        in_etc.fold(objection, |objection, line| {
            objection.repair(Repair::CommentOut { path: line.file.clone(), line: line.line.clone() })
        })
    })
}

/// Mounts of a container are made by the machine below it.
fn mounts(view: &HostView<'_>) -> Vec<Objection> {
    let Some(fstab) = &view.facts.boot.fstab else { return Vec::new() };
    if is_container(view.facts) {
        return Vec::new();
    }
    let by_hand = |target: &&str| {
        let unit = format!("{}.mount", target.trim_matches('/').replace('-', "\\x2d").replace('/', "-"));
        let lines = fstab.iter().map(|line| line.target.trim_end_matches('/'));
        *target != "/"
            && !lines.into_iter().any(|line| line == *target)
            && !view.facts.boot.mount_units.contains(&unit)
    };
    let on_disk = |dir: &&installer_model::survey::DataDir| {
        !matches!(dir.fs_type.as_deref(), None | Some("tmpfs" | "ramfs" | "overlay" | "devtmpfs"))
    };
    let dirs = view.facts.data_dirs.iter().filter(on_disk);
    let mut found: Vec<&str> = dirs.filter_map(|dir| dir.mount_target.as_deref()).filter(by_hand).collect();
    found.sort_unstable();
    found.dedup();
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "in /etc/fstab").fix(
            "add a line for it to /etc/fstab (findmnt shows what is mounted), then findmnt --verify",
            "在 /etc/fstab 中添加对应行（用 findmnt 查看），再执行 findmnt --verify",
        )
    })
}
