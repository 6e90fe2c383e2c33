//! What takes repairs back, as it lies on the host.

use std::path::Path;

use bundles_format::Digest;
use installer_model::names::Cidr;
use installer_model::repair::Firewall;
use installer_wire::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

use crate::failure::io_failure;
use crate::files;

/// How one thing was before the first repair of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub(super) enum Undo {
    /// A kernel setting.
    Sysctl {
        key: String,
        value: String,
    },
    /// A file's text and mode; `content` is `None` where there was no file. It is put back only while the file is what
    /// the last repair wrote (`written`): what somebody wrote since is theirs.
    File {
        path: String,
        content: Option<String>,
        mode: u32,
        written: Digest,
    },
    /// The module was not loaded.
    Module {
        module: String,
    },
    /// This device or file was used for swap.
    Swap {
        device: String,
    },
    /// Whether the unit was started at boot, masked, and ran.
    Unit {
        unit: String,
        enabled: bool,
        active: bool,
    },
    Hostname {
        name: String,
    },
    Mode {
        path: String,
        mode: u32,
    },
    /// There was no such folder.
    Folder {
        path: String,
    },
    /// It is called `to` now.
    Renamed {
        from: String,
        to: String,
    },
    LinkDown {
        interface: String,
    },
    Mtu {
        interface: String,
        mtu: u32,
    },
    /// The mount had this option.
    Mount {
        target: String,
        option: String,
    },
    /// SELinux was enforcing.
    Enforcing,
    /// The firewall did not let these in.
    Firewall {
        firewall: Firewall,
        ports: Vec<String>,
        networks: Vec<Cidr>,
    },
}

impl Undo {
    /// Whether two are about the same thing: then the older one says how it was.
    fn is_about_the_same(&self, other: &Undo) -> bool {
        match (self, other) {
            (Undo::Sysctl { key, .. }, Undo::Sysctl { key: other, .. }) => key == other,
            (Undo::File { path, .. }, Undo::File { path: other, .. })
            | (Undo::Mode { path, .. }, Undo::Mode { path: other, .. }) => path == other,
            (Undo::Unit { unit, .. }, Undo::Unit { unit: other, .. }) => unit == other,
            (Undo::Hostname { .. }, Undo::Hostname { .. }) => true,
            (Undo::Mtu { interface, .. }, Undo::Mtu { interface: other, .. }) => interface == other,
            (one, other) => one == other,
        }
    }
}

/// In the order in which things were done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Record(pub(super) Vec<Undo>);

impl Record {
    pub(super) fn read(path: &Path) -> Result<Record, Failure> {
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| Failure::new(FailureKind::Io, format!("read {}: {error}", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(io_failure(&format!("read {}", path.display()), &error)),
        }
    }

    /// Of what was changed before, how it was at first stays; of a file, what was written last is remembered too.
    pub(super) fn keep(&mut self, undo: Undo) {
        match self.0.iter_mut().find(|held| held.is_about_the_same(&undo)) {
            None => self.0.push(undo),
            Some(Undo::File { written, .. }) => {
                if let Undo::File { written: newer, .. } = undo {
                    *written = newer;
                }
            }
            Some(_) => {}
        }
    }

    /// An empty record is no record.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        if self.0.is_empty() {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(io_failure(&format!("remove {}", path.display()), &error))
                }
                _ => Ok(()),
            };
        }
        let text = serde_json::to_vec_pretty(self).expect("a record is plain data");
        files::write(&path.to_string_lossy(), 0o600, &text)
    }
}
