//! What the unit says, and whether one that is there may be replaced: pure.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The program of the unit. Not where a cluster host has its own: a reset takes that one away.
pub(crate) const PROGRAM: &str = "/usr/local/sbin/armilla";
pub(crate) const USER: &str = "armilla";
pub(crate) const SYSUSERS: &str = "u armilla - \"Armilla server\" /var/lib/armilla-server\n";
/// Below /var/lib: `StateDirectory=`.
const STATE_NAME: &str = "armilla-server";
const MARK: &str = "# Written by `armilla serve --install`; change it with `systemctl edit armilla`. sha256 ";
/// Folders that the unit's sandbox hides or replaces.
const HIDDEN: [&str; 7] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp", "/dev", "/proc"];

/// A server that systemd keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Absolute; without it `/var/lib/armilla-server`.
    pub(crate) state: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    /// Further words of the command line.
    pub(crate) options: Vec<String>,
}

/// What may be done about the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is none.
    Missing,
    /// It is as it should be.
    Same,
    /// It is of an earlier installation, untouched.
    Earlier,
    /// Somebody changed it by hand.
    Edited,
    /// It is somebody else's.
    Foreign,
}

impl Service {
    pub(crate) fn state(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| Path::new("/var/lib").join(STATE_NAME))
    }

    /// Why the server could not work with this state folder; `None` when it can.
    pub(crate) fn state_fault(&self) -> Option<String> {
        let state = self.state.as_ref()?;
        if !state.is_absolute() {
            return Some(format!("{} is no absolute path", state.display()));
        }
        if state.to_str().is_none_or(|text| text.chars().any(char::is_control)) {
            return Some("a unit cannot name that path".to_owned());
        }
        let hidden = HIDDEN.iter().find(|hidden| state.starts_with(hidden))?;
        Some(format!("the service does not see {hidden}"))
    }

    /// The unit file.
    pub(crate) fn unit(&self) -> String {
        let body = self.body();
        format!("{MARK}{}\n{body}", digest(&body))
    }

    fn body(&self) -> String {
        let listen = self.listen.to_string();
        let words = [PROGRAM, "serve", "--state", &self.state().to_string_lossy(), "--listen", &listen]
            .map(str::to_owned)
            .into_iter()
            .chain(self.options.iter().cloned());
        let words: Vec<String> = words.map(|word| quoted(&word)).collect();
        let command = words.join(" ");
        let state = match &self.state {
            None => format!("StateDirectory={STATE_NAME}\nStateDirectoryMode=0700"),
            Some(state) => format!("ReadWritePaths={}", quoted(&state.to_string_lossy())),
        };
        // A port below 1024 takes a capability, and that counts in the machine's own user namespace only.
        let (capability, users) =
            if self.listen.port() < 1024 { ("CAP_NET_BIND_SERVICE", "no") } else { ("", "yes") };
        format!(
            "[Unit]
Description=Armilla: installs and keeps Kubernetes sites
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
Restart=on-failure
RestartSec=2
# A store that is migrated or a run that is taken up again takes its time at the start.
TimeoutStartSec=300
TimeoutStopSec=60
TimeoutAbortSec=10
WatchdogSec=30
User={USER}
Group={USER}
{state}
UMask=0077
LimitCORE=0
LimitNOFILE=65536
AmbientCapabilities={capability}
CapabilityBoundingSet={capability}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers={users}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
KeyringMode=private

[Install]
WantedBy=multi-user.target
"
        )
    }

    /// What `there`, the unit file of now, means for writing this one.
    pub(crate) fn judge(&self, there: Option<&str>) -> Verdict {
        let Some(there) = there else { return Verdict::Missing };
        if there == self.unit() {
            return Verdict::Same;
        }
        let Some((head, body)) = there.split_once('\n') else { return Verdict::Foreign };
        match head.strip_prefix(MARK) {
            None => Verdict::Foreign,
            Some(said) if said == digest(body) => Verdict::Earlier,
            Some(_) => Verdict::Edited,
        }
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A word of a unit's command line or path list: `systemd.service(5)`, "Command lines"; `systemd.unit(5)`, "Specifiers".
fn quoted(word: &str) -> String {
    let escaped = word.replace('%', "%%").replace('$', "$$").replace('\\', "\\\\").replace('"', "\\\"");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.:%$[]".contains(c);
    if !word.is_empty() && escaped.chars().all(plain) { escaped } else { format!("\"{escaped}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(state: Option<&str>, listen: &str) -> Service {
        Service { state: state.map(PathBuf::from), listen: listen.parse().unwrap(), options: Vec::new() }
    }

    #[test]
    fn the_unit_starts_the_copied_program_on_its_own_state_folder() {
        let unit = service(None, "0.0.0.0:9443").unit();
        let line =
            "ExecStart=/usr/local/sbin/armilla serve --state /var/lib/armilla-server --listen 0.0.0.0:9443\n";
        assert!(unit.contains(line), "{unit}");
        assert!(unit.contains("\nStateDirectory=armilla-server\n") && !unit.contains("ReadWritePaths"));
        assert!(unit.contains("\nCapabilityBoundingSet=\n") && unit.contains("\nPrivateUsers=yes\n"));
        let unit = service(Some("/srv/a b%\"c"), "[::]:443").unit();
        assert!(unit.contains(r#"--state "/srv/a b%%\"c" --listen [::]:443"#), "{unit}");
        assert!(unit.contains("\nReadWritePaths=\"/srv/a b%%\\\"c\"\n") && !unit.contains("StateDirectory"));
        assert!(unit.contains("\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n"));
    }

    #[test]
    fn only_an_untouched_unit_of_ours_is_replaced() {
        let (old, new) = (service(None, "0.0.0.0:9443"), service(None, "0.0.0.0:443"));
        assert_eq!(new.judge(None), Verdict::Missing);
        assert_eq!(old.judge(Some(&old.unit())), Verdict::Same);
        assert_eq!(new.judge(Some(&old.unit())), Verdict::Earlier);
        let edited = old.unit().replace("WatchdogSec=30", "WatchdogSec=90");
        assert_eq!(new.judge(Some(&edited)), Verdict::Edited);
        assert_eq!(old.judge(Some(&edited)), Verdict::Edited);
        assert_eq!(new.judge(Some("[Service]\nExecStart=/bin/true\n")), Verdict::Foreign);
        assert_eq!(new.judge(Some("")), Verdict::Foreign);
    }

    #[test]
    fn a_state_folder_that_the_sandbox_hides_is_refused() {
        for state in ["/root/.local/state/armilla", "/tmp/x", "/home/anna/state", "relative", "/srv/a\nb"] {
            assert!(service(Some(state), "0.0.0.0:9443").state_fault().is_some(), "{state:?}");
        }
        for state in [None, Some("/srv/armilla"), Some("/homes/armilla"), Some("/var/lib/armilla-server")] {
            assert_eq!(service(state, "0.0.0.0:9443").state_fault(), None, "{state:?}");
        }
    }
}
