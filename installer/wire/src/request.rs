//! What an engine asks of a hand.

use std::collections::BTreeMap;

use bundles_format::Digest;
use installer_model::link::{Listening, Probing};
use installer_model::repair::Repair;
use serde::{Deserialize, Serialize};

use crate::answer::Claimant;

/// A request; PROTOCOL.md says what each one's body is and which answer it gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is")]
pub enum Request {
    Ping,
    /// What the host is. `options` and the facts belong to the survey and are opaque here.
    Facts {
        #[serde(default)]
        options: serde_json::Value,
    },
    FileStat {
        path: String,
        /// Read the whole file and give its digest.
        digest: bool,
    },
    FileRead {
        path: String,
        /// Bytes; a longer file gives its beginning and its size.
        max: u64,
    },
    FileWrite {
        path: String,
        mode: u32,
    },
    /// Files, links and whole folders; what is not there is as wanted.
    Remove {
        paths: Vec<String>,
    },
    MakeFolder {
        path: String,
        mode: u32,
    },
    /// Makes or replaces the link at `path`.
    Symlink {
        path: String,
        target: String,
    },
    BlobStat {
        blobs: Vec<Digest>,
    },
    BlobPiece {
        digest: Digest,
        size: u64,
        offset: u64,
    },
    BlobRemove {
        blobs: Vec<Digest>,
    },
    PlaceFile {
        blob: Digest,
        path: String,
        mode: u32,
        /// The digest of the decompressed content.
        content: Digest,
        /// Bytes of the decompressed content: no more are written.
        size: u64,
    },
    Command(Command),
    UnitStart(UnitCommand),
    UnitFollow {
        name: String,
        offset: u64,
        /// Bytes of output in one answer.
        max: u32,
        /// How long to wait for something to report.
        wait_ms: u32,
    },
    UnitStop {
        name: String,
    },
    UnitList,
    /// Deletes the record and the output of units that are over.
    UnitForget {
        names: Vec<String>,
    },
    Fence {
        ledger: String,
        term: u64,
        run: u64,
        /// Take the host over from another ledger.
        #[serde(default)]
        take_over: bool,
        /// Who asks, for whoever is refused later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Claimant>,
    },
    /// Listen for a moment on ports that the cluster will use, for the other hosts' hands to probe.
    NetListen(Listening),
    /// Find out about the way to one other host.
    NetProbe(Probing),
    /// End what `NetListen` began.
    NetEnd {
        nonce: String,
    },
    /// One of the repairs that checks name; a dry one says what it would change.
    Repair {
        repair: Repair,
        #[serde(default)]
        dry: bool,
    },
    /// Takes every repair back, the last one first.
    UndoRepairs,
    #[serde(other)]
    Unknown,
}

/// A short command. What is secret goes into its standard input (the body), never here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub argv: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub workdir: Option<String>,
    pub timeout_ms: u64,
    /// Bytes kept of each output stream.
    pub max_output: u32,
}

impl Command {
    /// A command with half a minute and a mebibyte of output.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Command {
        Command {
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            workdir: None,
            timeout_ms: 30_000,
            max_output: 1024 * 1024,
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Command {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn timeout_ms(mut self, timeout_ms: u64) -> Command {
        self.timeout_ms = timeout_ms;
        self
    }
}

/// A command that outlives its connection, under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitCommand {
    pub name: String,
    pub argv: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub workdir: Option<String>,
    /// Seconds after which it is killed with all that it started, and ends with [`TIMED_OUT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_seconds: Option<u32>,
}

/// How a unit ends that ran into its limit, as timeout(1) has it.
pub const TIMED_OUT: i32 = 124;

impl UnitCommand {
    pub fn new<S: Into<String>>(name: &str, argv: impl IntoIterator<Item = S>) -> UnitCommand {
        UnitCommand {
            name: name.to_owned(),
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            workdir: None,
            limit_seconds: None,
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> UnitCommand {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn limit(mut self, limit: std::time::Duration) -> UnitCommand {
        self.limit_seconds = Some(u32::try_from(limit.as_secs()).unwrap_or(u32::MAX));
        self
    }
}

impl Request {
    /// Whether the request changes the host, and so is for the holder of the fence alone.
    ///
    /// Blobs are left out: they are addressed by their content, and any instance may add one.
    pub fn changes_host(&self) -> bool {
        match self {
            Request::FileWrite { .. }
            | Request::Remove { .. }
            | Request::MakeFolder { .. }
            | Request::Symlink { .. }
            | Request::PlaceFile { .. }
            | Request::Command(_)
            | Request::UnitStart(_)
            | Request::UnitStop { .. }
            | Request::UnitForget { .. }
            | Request::Repair { .. }
            | Request::UndoRepairs => true,
            Request::Ping
            | Request::Facts { .. }
            | Request::FileStat { .. }
            | Request::FileRead { .. }
            | Request::BlobStat { .. }
            | Request::BlobPiece { .. }
            | Request::BlobRemove { .. }
            | Request::UnitFollow { .. }
            | Request::UnitList
            | Request::Fence { .. }
            | Request::NetListen(_)
            | Request::NetProbe(_)
            | Request::NetEnd { .. }
            | Request::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_a_newer_engine_is_unknown() {
        let newer = r#"{"is": "Reboot", "delay": 3}"#;
        assert_eq!(serde_json::from_str::<Request>(newer).unwrap(), Request::Unknown);
    }

    #[test]
    fn a_field_of_a_newer_engine_is_ignored() {
        let newer = r#"{"is": "FileStat", "path": "/etc", "digest": false, "follow": true}"#;
        let read: Request = serde_json::from_str(newer).unwrap();
        assert_eq!(read, Request::FileStat { path: "/etc".into(), digest: false });
    }

    #[test]
    fn commands_are_written_as_the_protocol_page_says() {
        let text = serde_json::to_string(&Request::UnitStart(UnitCommand::new("u1", ["true"]))).unwrap();
        assert_eq!(text, r#"{"is":"UnitStart","name":"u1","argv":["true"],"env":{},"workdir":null}"#);
    }
}
