//! What runs the host: init, firewalls, time, SELinux, and the shell's commands.

use std::collections::BTreeMap;

use installer_model::names::Cidr;
use installer_model::survey::{Holder, Init, Selinux};

use super::{Root, programs};
use crate::transient::version_of;

pub(super) fn init(root: &Root, said: &BTreeMap<String, String>) -> Init {
    Init {
        process: root.line("/proc/1/comm"),
        // sd_booted(3) asks the same.
        systemd: root.is_dir("/run/systemd/system"),
        systemd_version: said
            .get(programs::SYSTEMD)
            .and_then(|text| version_of(text))
            .or_else(|| systemd_version(root)),
    }
}

/// systemd's own library carries its version in its name, wherever the distribution keeps it; before 230 there is none.
fn systemd_version(root: &Root) -> Option<u32> {
    let mut folders =
        vec!["/usr/lib/systemd".to_owned(), "/lib/systemd".to_owned(), "/usr/lib64/systemd".to_owned()];
    folders
        .extend(["x86_64-linux-gnu", "aarch64-linux-gnu"].map(|triple| format!("/usr/lib/{triple}/systemd")));
    let names = folders.iter().flat_map(|folder| root.names(folder));
    let version = |name: String| {
        let rest = name.strip_prefix("libsystemd-shared-")?.to_owned();
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    names.filter_map(version).next()
}

/// Active ones. firewalld is a process; ufw is rules and a word in its configuration.
pub(super) fn firewalls(root: &Root, processes: &[Holder]) -> Vec<String> {
    let firewalld = processes.iter().any(|process| process.command == "firewalld");
    let ufw = root
        .text("/etc/ufw/ufw.conf")
        .is_some_and(|text| text.lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes")));
    let mut active = Vec::new();
    if firewalld {
        active.push("firewalld".to_owned());
    }
    if ufw {
        active.push("ufw".to_owned());
    }
    active
}

/// Sources of firewalld's zone `trusted` (firewalld.zone(5)), and of ufw's rules that let everything in from somewhere
/// (`### tuple ### ACTION PROTOCOL DPORT DST SPORT SRC DIRECTION`, src/backend_iptables.py of ufw).
pub(super) fn firewall_trusts(root: &Root) -> Vec<Cidr> {
    let zone = root.text("/etc/firewalld/zones/trusted.xml").unwrap_or_default();
    let sources = zone.split("<source ").skip(1).filter_map(|rest| {
        let rest = rest.split('>').next()?.split("address=\"").nth(1)?;
        rest.split('"').next()
    });
    let rules = root.text("/etc/ufw/user.rules").unwrap_or_default();
    let allowed = rules.lines().filter_map(|line| {
        let words: Vec<&str> = line.strip_prefix("### tuple ### ")?.split_whitespace().collect();
        match words.as_slice() {
            ["allow", "any", "any", _, "any", source, "in"] => Some(*source),
            _ => None,
        }
    });
    let mut trusted: Vec<Cidr> = sources.chain(allowed).filter_map(network).collect();
    trusted.sort();
    trusted.dedup();
    trusted
}

/// A network, or an address by itself.
fn network(text: &str) -> Option<Cidr> {
    let alone = || Cidr::containing(text.parse().ok()?, 32);
    text.parse().ok().or_else(alone)
}

pub(super) fn selinux(root: &Root) -> Option<Selinux> {
    match root.line("/sys/fs/selinux/enforce").as_deref() {
        Some("1") => Some(Selinux::Enforcing),
        Some("0") => Some(Selinux::Permissive),
        Some(_) => None,
        None => Some(Selinux::Disabled),
    }
}

/// Programs that keep the clock right, as `comm` shows them.
const TIME_SERVICES: &[&str] =
    &["chronyd", "ntpd", "ntpd-rs", "ntp-daemon", "openntpd", "phc2sys", "systemd-timesyn"];

pub(super) fn time_services(processes: &[Holder]) -> Vec<String> {
    let mut active: Vec<String> = processes
        .iter()
        .filter(|process| TIME_SERVICES.contains(&process.command.as_str()))
        .map(|process| process.command.clone())
        .collect();
    active.sort();
    active.dedup();
    active
}

/// Containers first, since they see the machine below them.
pub(super) fn virtualization(root: &Root) -> Option<String> {
    if let Some(container) = root.line("/run/systemd/container") {
        return Some(container);
    }
    for (path, kind) in [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")] {
        if root.exists(path) {
            return Some(kind.to_owned());
        }
    }
    let dmi = |file: &str| root.line(&format!("/sys/class/dmi/id/{file}")).unwrap_or_default();
    let words =
        format!("{} {} {}", dmi("sys_vendor"), dmi("product_name"), dmi("bios_vendor")).to_lowercase();
    const SIGNS: &[(&str, &str)] = &[
        ("vmware", "vmware"),
        ("virtualbox", "oracle"),
        ("innotek", "oracle"),
        ("xen", "xen"),
        ("microsoft corporation virtual machine", "microsoft"),
        ("qemu", "kvm"),
        ("kvm", "kvm"),
        ("amazon ec2", "amazon"),
        ("google compute", "google"),
        ("openstack", "kvm"),
        ("alibaba cloud", "kvm"),
        ("firecracker", "kvm"),
    ];
    let named = SIGNS.iter().find(|(sign, _)| words.contains(sign)).map(|(_, kind)| (*kind).to_owned());
    // The processor itself says that a hypervisor is below, though not which.
    let cpuinfo = || root.text("/proc/cpuinfo").unwrap_or_default();
    let flagged =
        || cpuinfo().lines().any(|l| l.starts_with("flags") && l.split(' ').any(|f| f == "hypervisor"));
    named.or_else(|| flagged().then(|| "vm-other".to_owned()))
}

/// The first place where a login of root would find a command.
pub(super) fn find_command(root: &Root, name: &str) -> Option<String> {
    const FOLDERS: [&str; 6] =
        ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    FOLDERS.iter().map(|folder| format!("{folder}/{name}")).find(|path| root.exists(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_firewall_lets_in_is_read_from_its_own_files() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "etc/firewalld/zones/trusted.xml",
            "<zone target=\"ACCEPT\">\n  <source address=\"10.244.0.0/16\"/>\n  <source mac=\"00:11:22:33:44:55\"/>\n</zone>",
        );
        write(
            "etc/ufw/user.rules",
            "### tuple ### allow any any 0.0.0.0/0 any 10.0.0.2 in\n### tuple ### allow tcp 22 0.0.0.0/0 any 10.9.0.0/16 in\n### tuple ### deny any any 0.0.0.0/0 any 10.8.0.0/16 in\n",
        );
        let trusted: Vec<String> =
            firewall_trusts(&Root::new(dir.path())).iter().map(ToString::to_string).collect();
        assert_eq!(trusted, ["10.0.0.2/32", "10.244.0.0/16"]);
    }
}
