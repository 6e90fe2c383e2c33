//! What each repair looks at and does.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use installer_model::repair::{ASIDE, Change, Firewall, MountOption, Repair};
use installer_wire::{Failure, FailureKind};

use super::record::Undo;
use super::{Work, edit};
use crate::failure::Doing;
use crate::files::digest_of;

const SYSCTLS: &str = "/etc/sysctl.d/99-armilla-repairs.conf";
const MODULES: &str = "/etc/modules-load.d/armilla-repairs.conf";

/// Without these nobody gets at the host any more, or it is another host: no repair stops them.
const NEVER_STOPPED: &[&str] =
    &["ssh", "sshd", "systemd-", "dbus", "network", "NetworkManager", "armilla", "getty", "user@"];

impl Work<'_, '_> {
    pub(super) fn act(mut self, repair: &Repair) -> Result<Vec<Change>, Failure> {
        match repair {
            Repair::SetSysctl { key, value } => self.sysctl(key, value)?,
            Repair::LoadModule { module } => self.module(module)?,
            Repair::SwapOff => self.swap_off()?,
            Repair::StopUnit { unit } => self.stop(unit)?,
            Repair::SetUnitAside { unit } => self.set_unit_aside(unit)?,
            Repair::StartUnit { units } => self.start(units)?,
            Repair::SetHostname { name } => self.hostname(name)?,
            Repair::NewMachineId => self.machine_id()?,
            Repair::SetClock { ahead_ms } => self.clock(*ahead_ms)?,
            Repair::MakeFolder { path, mode } => self.folder(path, *mode)?,
            Repair::SetMode { path, mode } => self.mode(path, *mode)?,
            Repair::SetAside { path, .. } => self.set_aside(path)?,
            Repair::RemoveLink { link } => self.remove_link(link)?,
            Repair::LinkUp { interface } => self.link_up(interface)?,
            Repair::SetMtu { interface, mtu } => self.mtu(interface, *mtu)?,
            Repair::OpenFirewall { firewall, ports, networks } => {
                self.open(*firewall, ports, &networks.iter().map(ToString::to_string).collect::<Vec<_>>())?;
            }
            Repair::Remount { path, option } => self.remount(path, *option)?,
            Repair::SelinuxPermissive => self.permissive()?,
            Repair::HostsLine { address, name } => {
                self.edit("/etc/hosts", |text| edit::with_host(text, address, name))?;
            }
            Repair::CommentOut { path, line } => {
                self.edit(path, |text| edit::without_line(text, line))?;
            }
            Repair::WriteFile { path, mode, content } => self.file(path, *mode, content)?,
        }
        Ok(self.changes)
    }

    /// Changes a text file; one that stays as it is is not written.
    fn edit(&mut self, path: &str, change: impl FnOnce(&str) -> String) -> Result<(), Failure> {
        let before = self.host.text(path);
        let after = change(before.as_deref().unwrap_or_default());
        let mode = mode_of(&self.host.path(path)).unwrap_or(0o644);
        if before.as_deref() == Some(after.as_str()) || (before.is_none() && after.is_empty()) {
            return Ok(());
        }
        self.file(path, mode, &after)
    }

    fn file(&mut self, path: &str, mode: u32, content: &str) -> Result<(), Failure> {
        crate::files::checked(path)?;
        let before = self.host.text(path);
        if before.as_deref() == Some(content) {
            return Ok(());
        }
        if before.is_none() && self.host.path(path).exists() {
            return Err(Failure::new(FailureKind::Invalid, format!("change {path}: it is not text")));
        }
        let written = digest_of(content.as_bytes()).doing(|| format!("hash {path}"))?;
        let told = shown(before.as_deref(), content);
        let old_mode = mode_of(&self.host.path(path)).unwrap_or(mode);
        let undo = Undo::File { path: path.to_owned(), content: before, mode: old_mode, written };
        self.change(path, told.0, told.1, Some(undo), |host| host.write(path, mode, content))
    }

    fn sysctl(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        let Some(now) = self.host.text(&path) else {
            return Err(Failure::new(
                FailureKind::Missing,
                format!("set {key}: the kernel has no such setting"),
            ));
        };
        let now = now.trim().to_owned();
        if now != value {
            let undo = Undo::Sysctl { key: key.to_owned(), value: now.clone() };
            self.change(key, now, value, Some(undo), |host| host.tell_kernel(&path, value))?;
        }
        self.edit(SYSCTLS, |text| edit::with_setting(text, key, value))
    }

    fn module(&mut self, module: &str) -> Result<(), Failure> {
        if !self.host.path(&format!("/sys/module/{module}")).exists() {
            let undo = Undo::Module { module: module.to_owned() };
            let what = format!("module {module}");
            self.change(&what, "not loaded", "loaded", Some(undo), |host| {
                host.must(&["modprobe", module]).map(drop)
            })?;
        }
        self.edit(MODULES, |text| edit::with_line(text, module))
    }

    fn swap_off(&mut self) -> Result<(), Failure> {
        for device in edit::swaps(&self.host.text("/proc/swaps").unwrap_or_default()) {
            let what = format!("swap on {device}");
            let undo = Undo::Swap { device: device.clone() };
            self.change(&what, "on", "off", Some(undo), |host| host.must(&["swapoff", &device]).map(drop))?;
        }
        if self.host.text("/etc/fstab").is_some() {
            self.edit("/etc/fstab", edit::without_swap)?;
        }
        Ok(())
    }

    /// `enabled` and `active` of a unit, as systemctl says; nothing when there is no such unit.
    fn unit_state(&self, unit: &str) -> Option<(bool, bool)> {
        let known = self.host.ask(&["systemctl", "show", "-p", "LoadState", "--value", unit])?;
        if known == "not-found" || known.is_empty() {
            return None;
        }
        let is = |what: &str| (self.host.run)(&["systemctl", what, unit]).map(|output| output.stdout_text());
        let enabled = is("is-enabled").is_ok_and(|said| said.trim() == "enabled");
        let active =
            is("is-active").is_ok_and(|said| ["active", "activating", "reloading"].contains(&said.trim()));
        Some((enabled, active))
    }

    fn stop(&mut self, unit: &str) -> Result<(), Failure> {
        if NEVER_STOPPED.iter().any(|name| unit.starts_with(name)) {
            return Err(Failure::new(FailureKind::Invalid, format!("stop {unit}: the host needs it")));
        }
        let Some((enabled, active)) = self.unit_state(unit) else { return Ok(()) };
        if !enabled && !active {
            return Ok(());
        }
        let undo = Undo::Unit { unit: unit.to_owned(), enabled, active };
        self.change(unit, told(enabled, active), told(false, false), Some(undo), |host| {
            if enabled {
                host.must(&["systemctl", "disable", unit])?;
            }
            if active {
                host.must(&["systemctl", "stop", unit])?;
            }
            Ok(())
        })
    }

    fn set_unit_aside(&mut self, unit: &str) -> Result<(), Failure> {
        self.stop(unit)?;
        for folder in ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"] {
            self.set_aside(&format!("{folder}/{unit}"))?;
        }
        if !self.dry {
            self.host.must(&["systemctl", "daemon-reload"])?;
        }
        Ok(())
    }

    fn start(&mut self, units: &[String]) -> Result<(), Failure> {
        let installed = units.iter().find_map(|unit| Some((unit, self.unit_state(unit)?)));
        let Some((unit, (enabled, active))) = installed else {
            let missing = format!("start one of {}: none is installed", units.join(", "));
            return Err(Failure::new(FailureKind::Missing, missing));
        };
        if enabled && active {
            return Ok(());
        }
        let undo = Undo::Unit { unit: unit.clone(), enabled, active };
        self.change(unit, told(enabled, active), told(true, true), Some(undo), |host| {
            host.must(&["systemctl", "enable", "--now", unit]).map(drop)
        })
    }

    fn hostname(&mut self, name: &str) -> Result<(), Failure> {
        let now = self.host.text("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
        if now != name {
            let undo = Undo::Hostname { name: now.clone() };
            self.change("host name", now, name, Some(undo), |host| {
                host.tell_kernel("/proc/sys/kernel/hostname", name)
            })?;
        }
        self.edit("/etc/hostname", |_| format!("{name}\n"))
    }

    fn machine_id(&mut self) -> Result<(), Failure> {
        let random = self.host.text("/proc/sys/kernel/random/uuid").unwrap_or_default();
        let id: String = random.chars().filter(char::is_ascii_hexdigit).collect();
        if id.len() != 32 {
            return Err(Failure::new(FailureKind::Io, "get a random number from the kernel"));
        }
        self.file("/etc/machine-id", 0o444, &format!("{id}\n"))
    }

    /// chrony steps the clock when asked; systemd-timesyncd and ntpd do when they start. Without any of them, and
    /// when they could not, it is set by what the hosts' clocks differ.
    fn clock(&mut self, ahead_ms: i64) -> Result<(), Failure> {
        let off = ahead_ms.unsigned_abs();
        let before = if ahead_ms > 0 { format!("{off} ms ahead") } else { format!("{off} ms behind") };
        self.change("clock", before, "set", None, |host| {
            // Only a service that has found its servers knows the time.
            if host.ask(&["chronyc", "-n", "waitsync", "1", "0", "0", "1"]).is_some()
                && host.ask(&["chronyc", "makestep"]).is_some()
            {
                return Ok(());
            }
            let synchronized =
                host.ask(&["timedatectl", "show", "-p", "NTPSynchronized", "--value"]).as_deref()
                    == Some("yes");
            if synchronized && host.ask(&["systemctl", "restart", "systemd-timesyncd.service"]).is_some() {
                return Ok(());
            }
            let now = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_err(|_| Failure::new(FailureKind::Io, "read the clock: it is before 1970"))?;
            let right = i128::try_from(now.as_millis()).unwrap_or(0) - i128::from(ahead_ms);
            let stamp = format!("@{}.{:03}", right.div_euclid(1000), right.rem_euclid(1000));
            host.must(&["date", "-s", &stamp]).map(drop)
        })
    }

    fn folder(&mut self, path: &str, mode: u32) -> Result<(), Failure> {
        crate::files::checked(path)?;
        if self.host.path(path).is_dir() {
            return Ok(());
        }
        let undo = Undo::Folder { path: path.to_owned() };
        self.change(path, "not there", format!("a folder, {mode:04o}"), Some(undo), |host| {
            crate::files::make_folder(&host.path(path).to_string_lossy(), mode)
        })
    }

    fn mode(&mut self, path: &str, mode: u32) -> Result<(), Failure> {
        crate::files::checked(path)?;
        let Some(now) = mode_of(&self.host.path(path)) else {
            return Err(Failure::new(
                FailureKind::Missing,
                format!("set the mode of {path}: it is not there"),
            ));
        };
        if now == mode {
            return Ok(());
        }
        let undo = Undo::Mode { path: path.to_owned(), mode: now };
        self.change(path, format!("{now:04o}"), format!("{mode:04o}"), Some(undo), |host| {
            set_mode(&host.path(path), mode)
        })
    }

    /// A rename in the same folder: nothing is copied and nothing is lost.
    fn set_aside(&mut self, path: &str) -> Result<(), Failure> {
        crate::files::checked(path)?;
        let from = self.host.path(path);
        if from.symlink_metadata().is_err() {
            return Ok(());
        }
        let aside = format!("{}{ASIDE}", path.trim_end_matches('/'));
        if self.host.path(&aside).symlink_metadata().is_ok() {
            let taken = format!("set {path} aside: {aside} is there already");
            return Err(Failure::new(FailureKind::Exists, taken));
        }
        let undo = Undo::Renamed { from: path.to_owned(), to: aside.clone() };
        self.change(path, "there", format!("renamed to {aside}"), Some(undo), |host| {
            std::fs::rename(&from, host.path(&aside)).doing(|| format!("rename {path}"))
        })
    }

    fn remove_link(&mut self, link: &str) -> Result<(), Failure> {
        if !self.host.path(&format!("/sys/class/net/{link}")).exists() {
            return Ok(());
        }
        self.change(&format!("link {link}"), "there", "deleted", None, |host| {
            host.must(&["ip", "link", "delete", link]).map(drop)
        })
    }

    fn link_up(&mut self, interface: &str) -> Result<(), Failure> {
        let flags = self.host.text(&format!("/sys/class/net/{interface}/flags")).unwrap_or_default();
        let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).unwrap_or(0);
        // IFF_UP of linux/if.h
        if flags & 1 == 1 {
            return Ok(());
        }
        let undo = Undo::LinkDown { interface: interface.to_owned() };
        self.change(&format!("interface {interface}"), "down", "up", Some(undo), |host| {
            host.must(&["ip", "link", "set", interface, "up"]).map(drop)
        })
    }

    fn mtu(&mut self, interface: &str, mtu: u32) -> Result<(), Failure> {
        let now = self.host.text(&format!("/sys/class/net/{interface}/mtu")).unwrap_or_default();
        let Ok(now) = now.trim().parse::<u32>() else {
            return Err(Failure::new(
                FailureKind::Missing,
                format!("set the MTU of {interface}: it is not there"),
            ));
        };
        if now == mtu {
            return Ok(());
        }
        let undo = Undo::Mtu { interface: interface.to_owned(), mtu: now };
        self.change(&format!("MTU of {interface}"), now.to_string(), mtu.to_string(), Some(undo), |host| {
            host.must(&["ip", "link", "set", interface, "mtu", &mtu.to_string()]).map(drop)
        })
    }

    fn open(&mut self, firewall: Firewall, ports: &[String], networks: &[String]) -> Result<(), Failure> {
        let parsed = networks.iter().filter_map(|network| network.parse().ok()).collect();
        let undo = Undo::Firewall { firewall, ports: ports.to_vec(), networks: parsed };
        let after = format!("lets in {}", [ports, networks].concat().join(" "));
        self.change(firewall.as_str(), "as it was", after, Some(undo), |host| {
            super::undo::firewall(host, firewall, ports, networks, true)
        })
    }

    fn remount(&mut self, path: &str, option: MountOption) -> Result<(), Failure> {
        let table = self.host.text("/proc/self/mountinfo").unwrap_or_default();
        let Some((target, options)) = edit::mount_of(&table, path) else {
            return Err(Failure::new(FailureKind::Missing, format!("find the mount that {path} lies on")));
        };
        let opposite = option.opposite();
        if !options.iter().any(|held| held == opposite) {
            return Ok(());
        }
        let undo = Undo::Mount { target: target.clone(), option: opposite.to_owned() };
        let what = format!("mount {target}");
        let words = format!("remount,bind,{}", with_option(&options, option.as_str(), opposite));
        self.change(&what, opposite, option.as_str(), Some(undo), |host| {
            remounted(host, &target, &words, option.as_str())
        })
    }

    fn permissive(&mut self) -> Result<(), Failure> {
        if self.host.text("/sys/fs/selinux/enforce").is_some_and(|text| text.trim() == "1") {
            self.change("SELinux", "enforcing", "permissive", Some(Undo::Enforcing), |host| {
                host.tell_kernel("/sys/fs/selinux/enforce", "0")
            })?;
        }
        if self.host.text("/etc/selinux/config").is_some() {
            self.edit("/etc/selinux/config", edit::permissive)?;
        }
        Ok(())
    }
}

/// The flags of the mount point itself, with one in place of its opposite.
fn with_option(options: &[String], option: &str, opposite: &str) -> String {
    let kept = options.iter().map(String::as_str).filter(|held| *held != opposite && *held != option);
    kept.chain([option]).collect::<Vec<_>>().join(",")
}

/// A flag may be the mount point's (then a bind remount changes it) or the filesystem's.
pub(super) fn remounted(
    host: &super::Host<'_>,
    target: &str,
    bind_words: &str,
    option: &str,
) -> Result<(), Failure> {
    host.must(&["mount", "-o", &format!("remount,{option}"), target])
        .or_else(|_| host.must(&["mount", "-o", bind_words, target]))
        .map(drop)
}

fn told(enabled: bool, active: bool) -> String {
    let enabled = if enabled { "enabled" } else { "disabled" };
    let active = if active { "running" } else { "stopped" };
    format!("{enabled}, {active}")
}

/// What differs of two texts, short: the lines that went and that came.
fn shown(before: Option<&str>, after: &str) -> (String, String) {
    let Some(before) = before else { return ("not there".to_owned(), quoted(after.lines())) };
    let gone = before.lines().filter(|line| !after.lines().any(|other| other == *line));
    let come = after.lines().filter(|line| !before.lines().any(|other| other == *line));
    (quoted(gone), quoted(come))
}

fn quoted<'l>(lines: impl Iterator<Item = &'l str>) -> String {
    let lines: Vec<&str> = lines.collect();
    match lines.as_slice() {
        [] => "nothing".to_owned(),
        [one] => format!("{one:?}"),
        [one, more @ ..] => format!("{one:?} and {} lines", more.len()),
    }
}

pub(super) fn mode_of(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o7777)
}

pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), Failure> {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).doing(|| format!("set the mode of {}", path.display()))
}
