//! Takes repairs back, the last one first.

use installer_model::repair::{Change, Firewall};
use installer_wire::{Failure, FailureKind};

use super::Host;
use super::act::{mode_of, remounted, set_mode};
use super::record::{Record, Undo};
use crate::failure::Doing;
use crate::files::digest_of;

/// Everything that can be taken back is; what could not stays in the record and is named.
pub(super) fn all(host: &Host<'_>) -> Result<Vec<Change>, Failure> {
    let mut record = Record::read(&host.record)?;
    let mut changes = Vec::new();
    let mut failed = Vec::new();
    let mut left = Record::default();
    while let Some(undo) = record.0.pop() {
        match one(host, &undo) {
            Ok(change) => changes.extend(change),
            Err(failure) => {
                failed.push(failure.detail);
                left.0.insert(0, undo);
            }
        }
        let all: Vec<Undo> = record.0.iter().chain(&left.0).cloned().collect();
        Record(all).write(&host.record)?;
    }
    match failed.is_empty() {
        true => Ok(changes),
        false => Err(Failure::new(FailureKind::Io, failed.join("; "))),
    }
}

/// What is gone since, or was changed by somebody else, is left as it is.
fn one(host: &Host<'_>, undo: &Undo) -> Result<Option<Change>, Failure> {
    let changed = |what: &str, before: &str, after: &str| {
        Ok(Some(Change { what: what.to_owned(), before: before.to_owned(), after: after.to_owned() }))
    };
    match undo {
        Undo::Sysctl { key, value } => {
            let path = format!("/proc/sys/{}", key.replace('.', "/"));
            let Some(now) = host.text(&path) else { return Ok(None) };
            host.tell_kernel(&path, value)?;
            changed(key, now.trim(), value)
        }
        Undo::File { path, content, mode, written } => file(host, path, content.as_deref(), *mode, written),
        Undo::Module { module } => match host.ask(&["modprobe", "-r", module]) {
            Some(_) => changed(&format!("module {module}"), "loaded", "not loaded"),
            // In use by others by now.
            None => Ok(None),
        },
        Undo::Swap { device } => {
            if !host.path(device).exists() {
                return Ok(None);
            }
            host.must(&["swapon", device])?;
            changed(&format!("swap on {device}"), "off", "on")
        }
        Undo::Unit { unit, enabled, active } => {
            host.must(&["systemctl", "daemon-reload"])?;
            host.must(&["systemctl", if *enabled { "enable" } else { "disable" }, unit])?;
            host.must(&["systemctl", if *active { "start" } else { "stop" }, unit])?;
            changed(unit, "as repaired", if *active { "running" } else { "stopped" })
        }
        Undo::Hostname { name } => {
            host.tell_kernel("/proc/sys/kernel/hostname", name)?;
            changed("host name", "as repaired", name)
        }
        Undo::Mode { path, mode } => {
            let at = host.path(path);
            let Some(now) = mode_of(&at) else { return Ok(None) };
            set_mode(&at, *mode)?;
            changed(path, &format!("{now:04o}"), &format!("{mode:04o}"))
        }
        // What somebody put into it since is theirs.
        Undo::Folder { path } => match std::fs::remove_dir(host.path(path)) {
            Ok(()) => changed(path, "a folder", "not there"),
            Err(_) => Ok(None),
        },
        Undo::Renamed { from, to } => {
            let (was, now) = (host.path(from), host.path(to));
            if now.symlink_metadata().is_err() {
                return Ok(None);
            }
            if was.is_dir() {
                // An empty folder in its place is nobody's loss.
                let _ = std::fs::remove_dir(&was);
            }
            if was.symlink_metadata().is_ok() {
                let taken = format!("rename {to} back: there is a new {from}");
                return Err(Failure::new(FailureKind::Exists, taken));
            }
            std::fs::rename(&now, &was).doing(|| format!("rename {to} back"))?;
            changed(from, &format!("renamed to {to}"), "there")
        }
        Undo::LinkDown { interface } => {
            if !host.path(&format!("/sys/class/net/{interface}")).exists() {
                return Ok(None);
            }
            host.must(&["ip", "link", "set", interface, "down"])?;
            changed(&format!("interface {interface}"), "up", "down")
        }
        Undo::Mtu { interface, mtu } => {
            if !host.path(&format!("/sys/class/net/{interface}")).exists() {
                return Ok(None);
            }
            host.must(&["ip", "link", "set", interface, "mtu", &mtu.to_string()])?;
            changed(&format!("MTU of {interface}"), "as repaired", &mtu.to_string())
        }
        Undo::Mount { target, option } => {
            if !host.path(target).exists() {
                return Ok(None);
            }
            remounted(host, target, &format!("remount,bind,{option}"), option)?;
            changed(&format!("mount {target}"), "as repaired", option)
        }
        Undo::Enforcing => {
            host.tell_kernel("/sys/fs/selinux/enforce", "1")?;
            changed("SELinux", "permissive", "enforcing")
        }
        Undo::Firewall { firewall: name, ports, networks } => {
            let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
            firewall(host, *name, ports, &networks, false)?;
            changed(name.as_str(), "as repaired", "as it was")
        }
    }
}

/// Only a file that is still what a repair wrote is put back.
fn file(
    host: &Host<'_>,
    path: &str,
    content: Option<&str>,
    mode: u32,
    written: &bundles_format::Digest,
) -> Result<Option<Change>, Failure> {
    let now = host.text(path);
    let digest = now.as_ref().map(|text| digest_of(text.as_bytes())).transpose();
    if digest.doing(|| format!("hash {path}"))?.as_ref() != Some(written) {
        let told = "changed by somebody since; left as it is";
        return Ok(Some(Change { what: path.to_owned(), before: told.to_owned(), after: told.to_owned() }));
    }
    match content {
        Some(content) => host.write(path, mode, content)?,
        None => std::fs::remove_file(host.path(path)).doing(|| format!("remove {path}"))?,
    }
    let after = if content.is_some() { "as it was" } else { "not there" };
    Ok(Some(Change { what: path.to_owned(), before: "as repaired".to_owned(), after: after.to_owned() }))
}

/// Lets in, or no longer: now and at boot. firewalld keeps networks in its zone `trusted`; ufw has a rule for each.
pub(super) fn firewall(
    host: &Host<'_>,
    firewall: Firewall,
    ports: &[String],
    networks: &[String],
    open: bool,
) -> Result<(), Failure> {
    match firewall {
        Firewall::Firewalld => {
            let verb = if open { "add" } else { "remove" };
            for permanent in [&["--permanent"][..], &[]] {
                for port in ports {
                    let word = format!("--{verb}-port={port}");
                    host.must(&[&["firewall-cmd"], permanent, &[&word]].concat())?;
                }
                for network in networks {
                    let word = format!("--{verb}-source={network}");
                    host.must(&[&["firewall-cmd"], permanent, &["--zone=trusted", &word]].concat())?;
                }
            }
        }
        Firewall::Ufw => {
            let delete: &[&str] = if open { &[] } else { &["delete"] };
            for port in ports {
                host.must(&[&["ufw"], delete, &["allow", port]].concat())?;
            }
            for network in networks {
                host.must(&[&["ufw"], delete, &["allow", "from", network]].concat())?;
                // `route` stands before the verb, and `delete` after it.
                host.must(&[&["ufw", "route"], delete, &["allow", "from", network]].concat())?;
                host.must(&[&["ufw", "route"], delete, &["allow", "to", network]].concat())?;
            }
        }
    }
    Ok(())
}
