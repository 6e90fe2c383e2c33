//! What a hand answers.

use std::fmt;

use bundles_format::Digest;
use installer_model::Utc;
use installer_model::link::{Heard, Probed};
use installer_model::repair::Change;
use installer_model::survey::Protocol;
use serde::{Deserialize, Serialize};

/// An answer; PROTOCOL.md says which request gets which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is")]
pub enum Answer {
    Hello(Hello),
    Done,
    Failed(Failure),
    Facts {
        facts: serde_json::Value,
    },
    FileStat {
        file: Option<FileStat>,
    },
    FileRead {
        size: u64,
    },
    Blobs {
        blobs: Vec<BlobState>,
    },
    BlobPiece {
        have: u64,
        complete: bool,
    },
    Placed {
        changed: bool,
    },
    Output(OutputHead),
    UnitStarted {
        already: bool,
    },
    UnitOutput {
        offset: u64,
        size: u64,
        state: UnitState,
    },
    Unit {
        unit: Unit,
    },
    Units {
        units: Vec<Unit>,
    },
    /// Those of the ports that were free.
    NetListening {
        ports: Vec<(Protocol, u16)>,
    },
    NetProbed(Probed),
    /// Nothing: it was so already.
    Repaired {
        changes: Vec<Change>,
    },
    NetHeard {
        heard: Heard,
    },
    #[serde(other)]
    Unknown,
}

/// The first message of a hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the binary.
    pub version: String,
    /// As `uname -m` prints it.
    pub machine: String,
    pub pid: u32,
    /// `/proc/sys/kernel/random/boot_id`: changes with every boot.
    pub boot_id: String,
    /// The folder the hand keeps its things in.
    pub root: String,
    pub uid: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    File,
    Folder,
    Link,
    /// A socket, a device, a pipe.
    #[serde(other)]
    Other,
}

/// What is at a path; of a link, the link itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    pub kind: FileKind,
    /// Permission bits, without the kind.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Of a file, when asked for.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Of a link.
    #[serde(default)]
    pub target: Option<String>,
}

/// How much of a blob a host has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobState {
    pub digest: Digest,
    /// Whole and checked when it was stored.
    pub complete: bool,
    /// Bytes here, of a blob that is coming.
    pub bytes: u64,
}

/// The head of a command's output: the body is stdout, then stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputHead {
    /// The exit code, or 128 + the signal's number.
    pub code: i32,
    pub stdout: u32,
    pub stderr: u32,
    pub truncated: bool,
}

/// What a command wrote and how it ended. Made by the engine from [`OutputHead`] and the body.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandOutput {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub truncated: bool,
}

impl CommandOutput {
    pub fn ok(&self) -> bool {
        self.code == 0
    }

    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl std::fmt::Debug for CommandOutput {
    /// Lengths only: output may hold what its reader does not want in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {} ({} + {} bytes)", self.code, self.stdout.len(), self.stderr.len())
    }
}

/// How it stands with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitState {
    Running,
    /// The exit code, or 128 + the signal's number.
    Exited(i32),
    /// It is not running and left no exit code: the power went, or somebody killed it with its supervisor.
    Lost,
    /// There is no record of such a unit.
    Absent,
}

impl UnitState {
    pub fn is_over(self) -> bool {
        match self {
            UnitState::Running => false,
            UnitState::Exited(_) | UnitState::Lost | UnitState::Absent => true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    pub name: String,
    pub state: UnitState,
    /// Bytes of output so far.
    pub output: u64,
    pub argv: Vec<String>,
}

/// Who owns a host, as the host remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceRecord {
    pub ledger: String,
    pub term: u64,
    pub run: u64,
    /// Who made the claim, for people; a version that did not say leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Claimant>,
    /// The ledger that the host was taken from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<String>,
}

/// Whoever claims a host: enough to find the process, or the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimant {
    pub user: String,
    pub machine: String,
    pub pid: u32,
    /// The verb, such as `apply`.
    pub command: String,
    /// The state folder on that machine.
    pub folder: String,
    /// Unix time in milliseconds, by that machine's clock.
    pub since: u64,
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Claimant { user, machine, pid, command, folder, since } = self;
        let since = Utc(*since);
        write!(
            f,
            "`armilla {command}` of {user} on {machine} (process {pid}, state folder {folder}, since {since})"
        )
    }
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    pub kind: FailureKind,
    pub detail: String,
    /// What the host holds, of `Fenced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<Box<FenceRecord>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The file, blob, program or unit is not there.
    Missing,
    ReadOnly,
    NoSpace,
    Denied,
    /// The bytes are not what their digest says.
    DigestMismatch,
    /// A unit of that name runs, or ran, another command.
    Exists,
    /// Another ledger or a newer run owns the host.
    Fenced,
    Timeout,
    /// Too many requests at a time.
    Busy,
    /// The request itself makes no sense: a relative path, a bad name.
    Invalid,
    /// The hand does not know the request.
    Unsupported,
    Io,
    #[serde(other)]
    Unknown,
}

impl Failure {
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Failure {
        Failure { kind, detail: detail.into(), fence: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_hand_says_is_unknown_and_not_an_error() {
        assert_eq!(serde_json::from_str::<Answer>(r#"{"is":"Rebooted","at":1}"#).unwrap(), Answer::Unknown);
        let failed = r#"{"is":"Failed","kind":"Quarantined","detail":"x"}"#;
        let Answer::Failed(failure) = serde_json::from_str(failed).unwrap() else { panic!("want Failed") };
        assert_eq!(failure.kind, FailureKind::Unknown);
    }

    #[test]
    fn unit_states_are_written_as_the_protocol_page_says() {
        assert_eq!(serde_json::to_string(&UnitState::Exited(137)).unwrap(), r#"{"exited":137}"#);
        assert_eq!(serde_json::to_string(&UnitState::Running).unwrap(), r#""running""#);
    }

    #[test]
    fn debug_output_of_a_command_never_shows_what_it_wrote() {
        let output = CommandOutput { code: 0, stdout: b"token".to_vec(), stderr: vec![], truncated: false };
        assert_eq!(format!("{output:?}"), "exit 0 (5 + 0 bytes)");
    }
}
