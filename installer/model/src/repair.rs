//! What a check may do about what it objects to: a closed list of small changes of one host, each of which says what it
//! changed and can be taken back.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::finding::Text;
use crate::names::Cidr;

/// One change of one host. It is a probe and an act like a step: done where it is so already, nothing happens. What was
/// there before is kept on the host, and `reset` puts it back. Closed: a new repair does not compile until the hand
/// knows how to do it and people can read what it does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Repair {
    /// The kernel setting has this value, now and at boot.
    SetSysctl { key: String, value: String },
    /// The kernel module is loaded, now and at boot.
    LoadModule { module: String },
    /// No swap is in use, now and at boot (its lines of /etc/fstab are commented out).
    SwapOff,
    /// The unit does not run and is not started at boot.
    StopUnit { unit: String },
    /// As [`Repair::StopUnit`], and its file is set aside: systemd no longer knows it.
    SetUnitAside { unit: String },
    /// The first of these units that is installed runs and is started at boot.
    StartUnit { units: Vec<String> },
    /// The host's own name, now and at boot.
    SetHostname { name: String },
    /// `/etc/machine-id` is a new one.
    NewMachineId,
    /// The clock is right: by the host's own time service where it can say so, else by this much. Positive: the host
    /// is ahead.
    SetClock { ahead_ms: i64 },
    /// The folder is there.
    MakeFolder { path: String, mode: u32 },
    /// The permission bits of a file or folder.
    SetMode { path: String, mode: u32 },
    /// A file or folder is renamed to `PATH.armilla-aside`. `data`: it holds what somebody may miss, and is touched
    /// only when that was asked for by a word of its own.
    SetAside { path: String, data: bool },
    /// The network link is gone. It is not made again by `reset`: what made it would make it.
    RemoveLink { link: String },
    /// The network interface is up.
    LinkUp { interface: String },
    /// The interface's MTU, until the next boot.
    SetMtu { interface: String, mtu: u32 },
    /// firewalld or ufw lets these ports (`6443/tcp`) and networks in, now and at boot.
    OpenFirewall { firewall: Firewall, ports: Vec<String>, networks: Vec<Cidr> },
    /// The mount that a path lies on has this option, until the next boot.
    Remount { path: String, option: MountOption },
    /// SELinux is permissive, now and at boot.
    SelinuxPermissive,
    /// `/etc/hosts` gives this address to this name.
    HostsLine { address: String, name: String },
    /// This line of a file is commented out.
    CommentOut { path: String, line: String },
    /// The file has this content.
    WriteFile { path: String, mode: u32, content: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firewall {
    Firewalld,
    Ufw,
}

impl Firewall {
    pub fn as_str(self) -> &'static str {
        match self {
            Firewall::Firewalld => "firewalld",
            Firewall::Ufw => "ufw",
        }
    }
}

/// What a mount is given, in place of its opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountOption {
    Rw,
    Exec,
    Suid,
    Dev,
}

impl MountOption {
    pub fn as_str(self) -> &'static str {
        match self {
            MountOption::Rw => "rw",
            MountOption::Exec => "exec",
            MountOption::Suid => "suid",
            MountOption::Dev => "dev",
        }
    }

    pub fn opposite(self) -> &'static str {
        match self {
            MountOption::Rw => "ro",
            MountOption::Exec => "noexec",
            MountOption::Suid => "nosuid",
            MountOption::Dev => "nodev",
        }
    }
}

impl Repair {
    /// Moves what somebody may miss: done only when asked for by a word of its own.
    pub fn touches_data(&self) -> bool {
        matches!(self, Repair::SetAside { data: true, .. })
    }

    /// What it does, for people.
    pub fn text(&self) -> Text {
        let both = |en: String, zh: String| Text { en, zh };
        match self {
            Repair::SetSysctl { key, value } => {
                both(format!("set {key} to {value}"), format!("将 {key} 设为 {value}"))
            }
            Repair::LoadModule { module } => {
                both(format!("load kernel module {module}"), format!("加载内核模块 {module}"))
            }
            Repair::SwapOff => {
                Text::new("switch swap off, in /etc/fstab too", "关闭交换分区，包括 /etc/fstab 中的条目")
            }
            Repair::StopUnit { unit } => {
                both(format!("stop and disable {unit}"), format!("停止并禁用 {unit}"))
            }
            Repair::SetUnitAside { unit } => {
                both(format!("stop {unit} and set its file aside"), format!("停止 {unit} 并移开其单元文件"))
            }
            Repair::StartUnit { units } => {
                let units = units.join(", ");
                both(format!("enable and start {units}"), format!("启用并启动 {units}"))
            }
            Repair::SetHostname { name } => {
                both(format!("name the host {name}"), format!("将主机名设为 {name}"))
            }
            Repair::NewMachineId => Text::new("make a new /etc/machine-id", "生成新的 /etc/machine-id"),
            Repair::SetClock { ahead_ms } => both(
                format!("set the clock by the host's time service, else by {} ms", -ahead_ms),
                format!("由主机的时间服务校准时钟，否则调整 {} 毫秒", -ahead_ms),
            ),
            Repair::MakeFolder { path, mode } => {
                both(format!("make folder {path} ({mode:04o})"), format!("创建目录 {path}（{mode:04o}）"))
            }
            Repair::SetMode { path, mode } => both(
                format!("set the mode of {path} to {mode:04o}"),
                format!("将 {path} 的权限设为 {mode:04o}"),
            ),
            Repair::SetAside { path, .. } => {
                both(format!("rename {path} to {path}{ASIDE}"), format!("将 {path} 重命名为 {path}{ASIDE}"))
            }
            Repair::RemoveLink { link } => {
                both(format!("delete network link {link}"), format!("删除网络接口 {link}"))
            }
            Repair::LinkUp { interface } => {
                both(format!("switch interface {interface} on"), format!("启用网卡 {interface}"))
            }
            Repair::SetMtu { interface, mtu } => both(
                format!("set the MTU of {interface} to {mtu}"),
                format!("将 {interface} 的 MTU 设为 {mtu}"),
            ),
            Repair::OpenFirewall { firewall, ports, networks } => {
                let networks = networks.iter().map(Cidr::to_string);
                let all: Vec<String> = ports.iter().cloned().chain(networks).collect();
                let (all, name) = (all.join(" "), firewall.as_str());
                both(format!("let {name} take in {all}"), format!("在 {name} 中放行 {all}"))
            }
            Repair::Remount { path, option } => {
                let option = option.as_str();
                both(format!("remount {path} with {option}"), format!("以 {option} 重新挂载 {path}"))
            }
            Repair::SelinuxPermissive => {
                Text::new("make SELinux permissive, at boot too", "将 SELinux 设为宽容模式，重启后仍有效")
            }
            Repair::HostsLine { address, name } => both(
                format!("name {address} {name} in /etc/hosts"),
                format!("在 /etc/hosts 中将 {address} 指为 {name}"),
            ),
            Repair::CommentOut { path, line } => {
                both(format!("comment out {line:?} in {path}"), format!("注释掉 {path} 中的 {line:?}"))
            }
            Repair::WriteFile { path, .. } => both(format!("write {path}"), format!("写入 {path}")),
        }
    }
}

/// What a path that was set aside ends with.
pub const ASIDE: &str = ".armilla-aside";

/// One thing that a repair, or taking it back, changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Such as `net.ipv4.ip_forward`, `/etc/fstab`, `docker.service`.
    pub what: String,
    pub before: String,
    pub after: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.what, self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_are_written_with_their_kind() {
        let repair = Repair::SetAside { path: "/etc/kubernetes".into(), data: false };
        let text = serde_json::to_string(&repair).unwrap();
        assert_eq!(text, r#"{"kind":"setAside","path":"/etc/kubernetes","data":false}"#);
        assert_eq!(serde_json::from_str::<Repair>(&text).unwrap(), repair);
        let clock = serde_json::to_string(&Repair::SetClock { ahead_ms: -3 }).unwrap();
        assert_eq!(clock, r#"{"kind":"setClock","aheadMs":-3}"#);
    }

    #[test]
    fn only_what_holds_data_needs_a_word_of_its_own() {
        assert!(Repair::SetAside { path: "/var/lib/etcd".into(), data: true }.touches_data());
        assert!(!Repair::SwapOff.touches_data());
    }
}
