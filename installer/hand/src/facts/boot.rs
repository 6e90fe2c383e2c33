//! What the next boot brings: mounts, settings, units, a restart that somebody ordered.

use std::collections::{BTreeMap, BTreeSet};

use installer_model::survey::{BootState, FstabLine, SYSCTLS, SysctlLine};

use super::Root;

pub(super) fn read(root: &Root) -> BootState {
    let restart = ["/run/reboot-required", "/var/run/reboot-required"];
    BootState {
        restart_wanted: restart.iter().any(|path| root.exists(path)),
        shutdown_ordered: root.text("/run/systemd/shutdown/scheduled").map(|text| shutdown_mode(&text)),
        fstab: root.text("/etc/fstab").map(|text| fstab(&text)),
        mount_units: mount_units(root),
        selinux: root.text("/etc/selinux/config").and_then(|text| selinux(&text)),
        sysctl_lines: sysctl_lines(root),
        enabled_units: enabled_units(root),
        nftables_flushes: nftables_flushes(root),
    }
}

/// systemd-logind writes `USEC=`, `WARN_WALL=`, `MODE=`.
fn shutdown_mode(text: &str) -> String {
    let mode = text.lines().find_map(|line| line.strip_prefix("MODE="));
    mode.unwrap_or("shutdown").trim().to_owned()
}

/// fstab(5).
fn fstab(text: &str) -> Vec<FstabLine> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let (source, target, fs_type) = (fields.next()?, fields.next()?, fields.next()?);
        let options = fields.next().unwrap_or("defaults").split(',').map(str::to_owned).collect();
        Some(FstabLine { source: source.into(), target: target.into(), fs_type: fs_type.into(), options })
    };
    lines.filter_map(line).collect()
}

const UNIT_FOLDERS: [&str; 3] = ["/etc/systemd/system", "/run/systemd/generator", "/usr/lib/systemd/system"];

fn mount_units(root: &Root) -> BTreeSet<String> {
    let names = UNIT_FOLDERS.iter().flat_map(|folder| root.names(folder));
    names.filter(|name| name.ends_with(".mount") || name.ends_with(".swap")).collect()
}

/// Links in the folders of targets: `multi-user.target.wants/nftables.service`.
fn enabled_units(root: &Root) -> BTreeSet<String> {
    const FOLDER: &str = "/etc/systemd/system";
    let targets = root.names(FOLDER).into_iter();
    let targets = targets.filter(|name| name.ends_with(".wants") || name.ends_with(".requires"));
    targets.flat_map(|target| root.names(&format!("{FOLDER}/{target}"))).collect()
}

fn selinux(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("SELINUX="))?;
    Some(value.trim().to_lowercase())
}

fn nftables_flushes(root: &Root) -> Option<bool> {
    let text =
        ["/etc/nftables.conf", "/etc/sysconfig/nftables.conf"].iter().find_map(|path| root.text(path))?;
    Some(text.lines().any(|line| line.trim_start().starts_with("flush ruleset")))
}

/// sysctl.d(5): files are ordered by their names whatever folder they are in, a name in an earlier folder hides the
/// same name in a later one; `/etc/sysctl.conf` comes last (sysctl(8), `--system`).
fn sysctl_lines(root: &Root) -> Vec<SysctlLine> {
    const FOLDERS: [&str; 4] =
        ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for folder in FOLDERS {
        for name in root.names(folder).into_iter().filter(|name| name.ends_with(".conf")) {
            files.entry(name.clone()).or_insert_with(|| format!("{folder}/{name}"));
        }
    }
    let last = "/etc/sysctl.conf".to_owned();
    let read = |file: String| {
        let text = root.text(&file).unwrap_or_default();
        let line = move |(line, name, value)| SysctlLine { file: file.clone(), line, name, value };
        sysctl_file(&text).into_iter().map(line)
    };
    files.into_values().chain([last]).flat_map(read).collect()
}

/// Lines that name a setting which a node needs, with the name and the value.
fn sysctl_file(text: &str) -> Vec<(String, String, String)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
    let parts = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim().trim_start_matches('-').replace('/', ".");
        let needed = SYSCTLS.iter().any(|(wanted, _)| *wanted == name);
        needed.then(|| (line.to_owned(), name, value.trim().to_owned()))
    };
    lines.filter_map(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::root::tree;

    #[test]
    fn the_setting_that_wins_comes_last() {
        let (_folder, root) = tree(&[
            ("usr/lib/sysctl.d/99-late.conf", "net/ipv4/ip_forward=0\n"),
            ("usr/lib/sysctl.d/50-hidden.conf", "net.ipv4.ip_forward = 7\n"),
            (
                "etc/sysctl.d/50-hidden.conf",
                "# net.ipv4.ip_forward = 8\n-net.ipv4.ip_forward = 1\nkernel.x = 1\n",
            ),
            ("etc/sysctl.conf", "kernel.panic=0\n"),
        ]);
        let lines = sysctl_lines(&root);
        let seen: Vec<(&str, &str)> =
            lines.iter().map(|line| (line.file.as_str(), line.value.as_str())).collect();
        let wanted = [
            ("/etc/sysctl.d/50-hidden.conf", "1"),
            ("/usr/lib/sysctl.d/99-late.conf", "0"),
            ("/etc/sysctl.conf", "0"),
        ];
        assert_eq!(seen, wanted);
    }

    #[test]
    fn what_starts_with_the_host_is_linked_from_a_target() {
        let (_folder, root) = tree(&[
            ("etc/systemd/system/multi-user.target.wants/nftables.service", ""),
            ("etc/systemd/system/data.mount", ""),
            ("etc/nftables.conf", "#!/usr/sbin/nft -f\nflush ruleset\n"),
            ("etc/selinux/config", "# SELINUX= can be\nSELINUX=Enforcing\n"),
            ("run/systemd/shutdown/scheduled", "USEC=1\nMODE=reboot\n"),
        ]);
        let boot = read(&root);
        assert!(boot.enabled_units.contains("nftables.service") && boot.mount_units.contains("data.mount"));
        assert_eq!((boot.nftables_flushes, boot.selinux.as_deref()), (Some(true), Some("enforcing")));
        assert_eq!((boot.shutdown_ordered.as_deref(), boot.fstab), (Some("reboot"), None));
    }

    #[test]
    fn comments_of_fstab_are_no_mounts() {
        let lines =
            fstab("# /dev/sda1 / ext4\nUUID=x /data xfs noexec,nofail 0 2\n/swap.img none swap sw\nbroken\n");
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].target.as_str(), lines[0].options[0].as_str()), ("/data", "noexec"));
        assert_eq!(lines[1].fs_type, "swap");
    }
}
