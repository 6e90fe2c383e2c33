//! What the machine must have before a lab can come up: all that is missing is named at once.

use crate::command::{self, CommandError};
use std::path::Path;

/// A command that the lab calls, and the Debian package that brings it.
const COMMANDS: &[(&str, &str)] = &[
    ("apt-get", "apt"),
    ("chroot", "coreutils"),
    ("ip", "iproute2"),
    ("losetup", "mount"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mmdebstrap", "mmdebstrap"),
    ("mount", "mount"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("setsid", "util-linux"),
    ("ssh-keygen", "openssh-client"),
    ("systemd-nspawn", "systemd-container"),
    ("tc", "iproute2"),
    ("unshare", "util-linux"),
];

/// Devices of the kernel, which no package brings.
const DEVICES: &[&str] = &["/dev/loop-control", "/dev/fuse", "/dev/kmsg"];

/// What is missing, all of it.
#[derive(Debug, thiserror::Error)]
pub enum NeedsError {
    #[error("run as anyone but root: a lab makes namespaces, mounts and loop devices")]
    NotRoot,
    #[error("find {}: install with `apt-get install --no-install-recommends {}`", .commands.join(", "), .packages.join(" "))]
    Commands { commands: Vec<String>, packages: Vec<String> },
    #[error("find {}: this machine's kernel lacks what a lab needs", .0.join(", "))]
    Devices(Vec<String>),
    #[error("install the packages that a lab needs")]
    Install(#[source] CommandError),
}

/// Passes when everything is there; with `install`, missing packages are installed first.
pub fn check(install: bool) -> Result<(), NeedsError> {
    if !rustix::process::geteuid().is_root() {
        return Err(NeedsError::NotRoot);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let there = |command: &str| path.split(':').any(|directory| Path::new(directory).join(command).is_file());
    if let Some((commands, packages)) = missing(there) {
        if !install {
            return Err(NeedsError::Commands { commands, packages });
        }
        install_packages(&packages)?;
    }
    let absent: Vec<String> =
        DEVICES.iter().filter(|device| !Path::new(device).exists()).map(ToString::to_string).collect();
    if absent.is_empty() { Ok(()) } else { Err(NeedsError::Devices(absent)) }
}

/// The commands that are not there and the packages that bring them, each once; nothing when all are there.
fn missing(there: impl Fn(&str) -> bool) -> Option<(Vec<String>, Vec<String>)> {
    let absent: Vec<_> = COMMANDS.iter().filter(|(command, _)| !there(command)).collect();
    let commands = absent.iter().map(|(command, _)| command.to_string()).collect();
    let mut packages: Vec<String> = absent.iter().map(|(_, package)| package.to_string()).collect();
    packages.sort();
    packages.dedup();
    (!absent.is_empty()).then_some((commands, packages))
}

fn install_packages(packages: &[String]) -> Result<(), NeedsError> {
    command::run("apt-get", ["update", "-q"]).map_err(NeedsError::Install)?;
    let words = ["install", "-q", "-y", "--no-install-recommends"];
    let all = words.into_iter().chain(packages.iter().map(String::as_str));
    command::run("env", ["DEBIAN_FRONTEND=noninteractive", "apt-get"].into_iter().chain(all))
        .map_err(NeedsError::Install)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_named_at_once_and_each_package_once() {
        assert_eq!(missing(|_| true), None);
        let (commands, packages) = missing(|command| !["ip", "tc", "nft"].contains(&command)).unwrap();
        assert_eq!(commands, ["ip", "nft", "tc"]);
        assert_eq!(packages, ["iproute2", "nftables"]);
        let error = NeedsError::Commands { commands, packages }.to_string();
        assert!(error.ends_with("`apt-get install --no-install-recommends iproute2 nftables`"), "{error}");
    }
}
