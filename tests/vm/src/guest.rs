//! What is a host's own in its file system: names, addresses, keys, passwords. Decided here, put there by `host`.

use crate::address::{GATEWAY, NAME_SERVER, PREFIX_LENGTH};
use std::fmt::Write;
use std::net::Ipv4Addr;

/// Everything that makes one host different from the next.
pub(crate) struct Guest<'a> {
    pub(crate) name: &'a str,
    pub(crate) address: Ipv4Addr,
    pub(crate) cluster_address: Option<Ipv4Addr>,
    pub(crate) isolated: bool,
    pub(crate) machine_id: &'a str,
    pub(crate) os_release: Option<&'a str>,
    pub(crate) sshd: &'a [String],
    /// The public key that may log in.
    pub(crate) authorized: &'a str,
}

/// A file of a host: its path below the root, its text, its permissions.
#[derive(Debug)]
pub(crate) struct GuestFile {
    pub(crate) path: &'static str,
    pub(crate) text: String,
    pub(crate) mode: u32,
}

impl Guest<'_> {
    pub(crate) fn files(&self) -> Vec<GuestFile> {
        let file = |path, mode, text: String| GuestFile { path, text, mode };
        let mut files = vec![
            file("etc/hostname", 0o644, format!("{}\n", self.name)),
            file("etc/hosts", 0o644, self.hosts()),
            file("etc/machine-id", 0o444, format!("{}\n", self.machine_id)),
            file("etc/resolv.conf", 0o644, self.resolv_conf()),
            file("root/.ssh/authorized_keys", 0o600, self.authorized.to_owned()),
            // The first value of a keyword wins, and files are read in the order of their names.
            file("etc/ssh/sshd_config.d/10-asked.conf", 0o644, lines(self.sshd)),
            file("etc/ssh/sshd_config.d/20-lab.conf", 0o644, SSHD.to_owned()),
            file("usr/local/lib/lab-network", 0o755, self.network_script()),
            file("etc/systemd/system/lab-network.service", 0o644, NETWORK_UNIT.to_owned()),
            file("etc/systemd/system/sysinit.target.d/lab-network.conf", 0o644, WANTED.to_owned()),
        ];
        if let Some(text) = self.os_release {
            files.push(file("etc/os-release", 0o644, text.to_owned()));
            files.push(file("usr/lib/os-release", 0o644, text.to_owned()));
        }
        files
    }

    fn hosts(&self) -> String {
        format!(
            "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{} {}\n",
            self.address, self.name
        )
    }

    fn resolv_conf(&self) -> String {
        if self.isolated { String::new() } else { format!("nameserver {NAME_SERVER}\n") }
    }

    /// In place of systemd-networkd, which fails when /sys is writable. It also makes the host fit for containers:
    /// their cgroups must be writable, and mounts in their volumes must be seen by them.
    fn network_script(&self) -> String {
        let mut script = String::from("#!/bin/sh\nset -e\n");
        let cards = [("host0", Some(self.address)), ("cluster0", self.cluster_address)];
        for (card, address) in cards.iter().filter_map(|(card, address)| Some((card, (*address)?))) {
            let _ = writeln!(script, "ip address replace {address}/{PREFIX_LENGTH} dev {card}");
            let _ = writeln!(script, "ip link set {card} up");
        }
        if !self.isolated {
            let _ = writeln!(script, "ip route replace default via {GATEWAY} dev host0");
        }
        script.push_str(
            "for directory in /sys/fs/cgroup /sys/fs/cgroup/*/; do\n  \
               mountpoint -q \"$directory\" && mount -o remount,rw,bind \"$directory\"\n\
             done\n\
             mount --make-rshared /\n",
        );
        script
    }
}

/// UseDNS is off by default in OpenSSH; it is said here so that a test which turns it on overrides something.
const SSHD: &str = "PermitRootLogin yes\nPasswordAuthentication yes\nUseDNS no\n\
                    HostKey /etc/ssh/ssh_host_ed25519_key\n";

const NETWORK_UNIT: &str = "[Unit]\nDescription=Addresses and mounts of a lab host\nDefaultDependencies=no\n\
    Before=network-pre.target sysinit.target\nWants=network-pre.target\n\n\
    [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/local/lib/lab-network\n";

/// In place of a symbolic link in sysinit.target.wants: everything here is a plain file.
const WANTED: &str = "[Unit]\nWants=lab-network.service\nAfter=lab-network.service\n";

fn lines(settings: &[String]) -> String {
    settings.iter().map(|setting| format!("{setting}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(isolated: bool) -> Vec<GuestFile> {
        Guest {
            name: "h1",
            address: Ipv4Addr::new(10, 77, 0, 11),
            cluster_address: Some(Ipv4Addr::new(10, 78, 0, 11)),
            isolated,
            machine_id: "0",
            os_release: None,
            sshd: &["UseDNS yes".into()],
            authorized: "key",
        }
        .files()
    }

    fn text<'a>(files: &'a [GuestFile], path: &str) -> &'a str {
        &files.iter().find(|file| file.path == path).unwrap().text
    }

    #[test]
    fn an_isolated_host_has_neither_route_nor_name_server() {
        let (open, isolated) = (guest(false), guest(true));
        assert!(text(&open, "usr/local/lib/lab-network").contains("default via 10.77.0.1"));
        assert!(!text(&isolated, "usr/local/lib/lab-network").contains("default"));
        assert_eq!(text(&open, "etc/resolv.conf"), "nameserver 192.0.2.53\n");
        assert_eq!(text(&isolated, "etc/resolv.conf"), "");
    }

    #[test]
    fn a_second_network_is_a_second_card() {
        let files = guest(false);
        assert!(text(&files, "usr/local/lib/lab-network").contains("replace 10.78.0.11/24 dev cluster0"));
    }
}
