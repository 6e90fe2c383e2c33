//! What can go wrong between an engine and a host, each with what to do about it.

use bundles_format::Arch;
use installer_wire::{Failure, FailureKind};

use crate::host_key::Fingerprint;

/// An error of a connection or of a request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HandError {
    #[error("reach {address}: {reason}")]
    Unreachable { address: String, reason: String },
    /// Something answers there, and it is no SSH server, or one that turns us away at once.
    #[error("greet the SSH server at {address}: {reason}")]
    NotGreeted { address: String, reason: String },
    #[error("trust {address}: its host key was {old} and is now {new}")]
    HostKeyChanged { address: String, old: Fingerprint, new: Fingerprint },
    #[error("trust {address}: nobody vouched for its host key {fingerprint}")]
    HostKeyUnknown { address: String, fingerprint: Fingerprint },
    #[error("log in to {address} as {user}: {reason}")]
    AuthFailed { address: String, user: String, reason: String },
    #[error("use the key {path}: {reason}")]
    KeyUnusable { path: String, reason: String },
    /// Logged in, but the login shell runs no commands: `nologin`, or a password that must be changed first.
    #[error("run commands on {address} as {user}: {reason}")]
    NoShell { address: String, user: String, reason: String },
    #[error("become root on {address}: the sudo password of {user} is wrong")]
    WrongSudoPassword { address: String, user: String },
    #[error("become root on {address}: {reason}")]
    SudoRefused { address: String, user: String, reason: String },
    #[error(
        "put a hand on {address}: it is {machine}, and there is no program for that (only for {})",
        in_words(have)
    )]
    WrongArch { address: String, machine: String, have: Vec<Arch> },
    #[error("write {path} on {address}: the file system is read-only")]
    ReadOnly { address: String, path: String },
    #[error("write {path} on {address}: no space left")]
    NoSpace { address: String, path: String },
    #[error("put a hand on {address}: {reason}")]
    NotPlaced { address: String, reason: String },
    #[error("open another channel to {address}: {reason}")]
    ChannelRefused { address: String, reason: String },
    #[error("keep the connection to {address}: {reason}")]
    Lost { address: String, reason: String },
    #[error("understand {address}: {reason}")]
    Protocol { address: String, reason: String },
    /// The host answered that a request failed.
    #[error("{failure}")]
    Failed {
        address: String,
        #[source]
        failure: Failure,
    },
    /// Something on this machine, such as a file to send.
    #[error("{0}")]
    Here(String),
}

impl HandError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            HandError::Unreachable { .. } => {
                "is the host up, the address right, and its SSH port open from this machine?"
            }
            HandError::NotGreeted { .. } => {
                "is the port the one that sshd listens on? if it is, see its log: MaxStartups and firewalls turn connections away"
            }
            HandError::HostKeyChanged { .. } => {
                "if the host was installed anew, put the new fingerprint into the site file as hostKey; otherwise somebody may stand in between"
            }
            HandError::HostKeyUnknown { .. } => {
                "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host and put it into the site file"
            }
            HandError::AuthFailed { .. } => {
                "check user, and ssh.keyFile, ssh.agent or ssh.password in the site file; `ssh` with the same ones must get in"
            }
            HandError::KeyUnusable { .. } => {
                "check ssh.keyFile and ssh.passphrase in the site file; `ssh-keygen -yf FILE` must read it"
            }
            HandError::NoShell { .. } => {
                "`ssh` with the same user must run a command such as `uname -m`: give the user a POSIX shell and a valid password"
            }
            HandError::WrongSudoPassword { .. } => {
                "give the password that sudo asks this user for on the host as sudo.password in the site file"
            }
            HandError::SudoRefused { .. } => {
                "let the user run any command as root with sudo (give sudo.password in the site file if it asks), or log in as root"
            }
            HandError::WrongArch { .. } => {
                "build the bundle for this architecture too (armilla bundle build --arch), or take the host out of the site file"
            }
            HandError::ReadOnly { .. } => {
                "look for disk errors on the host (dmesg), then mount it writable; nothing was changed there"
            }
            HandError::NoSpace { .. } => {
                "free some space there (df -h shows where); nothing was changed there"
            }
            HandError::NotPlaced { .. } => {
                "/var/lib/armilla on the host must be writable by root and not mounted noexec"
            }
            HandError::ChannelRefused { .. } => {
                "allow ten sessions on a connection (MaxSessions in the host's sshd_config, ten unless set)"
            }
            HandError::Lost { .. } => "what runs on the host goes on; the same command again picks it up",
            HandError::Protocol { .. } => "does the login shell of the user run commands unchanged?",
            HandError::Failed { failure, .. } => match failure.kind {
                FailureKind::ReadOnly => {
                    "look for disk errors on the host (dmesg), then mount it writable, or name another disk in dataRoot"
                }
                FailureKind::NoSpace => "free some space there, or name another disk in dataRoot",
                FailureKind::Fenced => {
                    "another run or another owner has this host; take it over by name if that is meant"
                }
                FailureKind::DigestMismatch => {
                    "the bytes changed on the way or on the disk; the same command again sends them anew"
                }
                FailureKind::Missing => {
                    "look on the host whether it is there (ls -l); the same command again puts back what is Armilla's"
                }
                FailureKind::Denied => {
                    "something keeps even root out: `journalctl -k` and `ausearch -m avc` on the host name SELinux and other guards, `lsattr` a file that is fixed"
                }
                FailureKind::Exists | FailureKind::Invalid => {
                    "if something else is in this place on the host, move it away and run the same command again; otherwise report it with what `armilla support collect` gathers"
                }
                FailureKind::Busy => {
                    "something on the host uses it (fuser -v shows what); when that has ended, run the same command again"
                }
                FailureKind::Timeout => {
                    "`journalctl -k` on the host names disks and file systems that hang; the same command again goes on"
                }
                FailureKind::Io => {
                    "`journalctl -k -p err` on the host names disks and file systems that fail; the same command again goes on"
                }
                FailureKind::Unsupported | FailureKind::Unknown => {
                    "use one version of armilla for the whole site; `armilla support collect` gathers what a report needs"
                }
            },
            HandError::Here(_) => "check the file on this machine",
        }
    }

    /// The exit code of a command that ends with this error: 7 not let in, 8 not reached, 5 a host that will not do as it
    /// is, 4 held by somebody else, else 1.
    pub fn exit_code(&self) -> i32 {
        match self {
            HandError::HostKeyChanged { .. }
            | HandError::HostKeyUnknown { .. }
            | HandError::AuthFailed { .. }
            | HandError::KeyUnusable { .. }
            | HandError::NoShell { .. }
            | HandError::WrongSudoPassword { .. }
            | HandError::SudoRefused { .. } => 7,
            HandError::Unreachable { .. } | HandError::NotGreeted { .. } | HandError::Lost { .. } => 8,
            HandError::WrongArch { .. }
            | HandError::ReadOnly { .. }
            | HandError::NoSpace { .. }
            | HandError::NotPlaced { .. } => 5,
            HandError::Failed { failure, .. } if failure.kind == FailureKind::Fenced => 4,
            HandError::ChannelRefused { .. }
            | HandError::Protocol { .. }
            | HandError::Failed { .. }
            | HandError::Here(_) => 1,
        }
    }

    /// Whether connecting again may be all it takes.
    pub fn is_lost_connection(&self) -> bool {
        matches!(self, HandError::Unreachable { .. } | HandError::NotGreeted { .. } | HandError::Lost { .. })
    }

    /// The kind of failure that the host told, if it was the host.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            HandError::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }
}

fn in_words(have: &[Arch]) -> String {
    have.iter().map(|arch| arch.as_str()).collect::<Vec<_>>().join(", ")
}
