//! What a lab remembers: one file, written before anything is made, from which everything is found again.

use crate::file::{self, FileError};
use crate::place::Place;
use crate::process::Process;
use crate::spec::{LabName, Size};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// A lab as it is recorded, and as `-o json` shows it. Holds passwords: the file is for root alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub name: LabName,
    /// The process that the lab ends with, unless it stays. When that process is gone, the lab is left behind.
    pub owner: Option<Process>,
    pub isolated: bool,
    /// The file of the network namespace in which everything runs that talks to the hosts.
    pub namespace: PathBuf,
    pub gateway: Ipv4Addr,
    /// A private key that logs in as root and as `site`.
    pub key: PathBuf,
    /// Host keys in the form of known_hosts(5).
    pub known_hosts: PathBuf,
    pub root_password: String,
    /// Of the ordinary user `site`; sudo asks for the same one.
    pub site_password: String,
    pub disks: PathBuf,
    pub hosts: Vec<HostRecord>,
}

/// One host as it is recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostRecord {
    pub name: String,
    /// Where SSH answers, on the card `host0`.
    pub address: Ipv4Addr,
    /// On the card `cluster0`, when the lab has a second network.
    pub cluster_address: Option<Ipv4Addr>,
    pub disk_size: Size,
    /// `ssh-ed25519 AAAA…`, once the host has been made.
    pub host_key: String,
    /// `SHA256:…` of the host key.
    pub fingerprint: String,
}

/// Why a lab's state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("find a lab named {0}: `lab ls` lists those that there are")]
    NoLab(LabName),
    #[error("find host {host} in lab {lab}")]
    NoHost { lab: LabName, host: String },
    #[error("read the lab's state")]
    Read(#[from] FileError),
    #[error("understand {}", .path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
}

impl Record {
    pub(crate) fn load(name: &LabName) -> Result<Record, StateError> {
        let path = Place::of(name).record();
        if !path.exists() {
            return Err(StateError::NoLab(name.clone()));
        }
        serde_json::from_str(&file::read(&path)?).map_err(|source| StateError::Parse { path, source })
    }

    pub(crate) fn save(&self) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(self).expect("a record is plain data");
        file::write(&Place::of(&self.name).record(), &text, 0o600)
    }

    /// Whether the process that this lab was to end with is gone.
    pub fn is_left_behind(&self) -> bool {
        self.owner.is_some_and(|owner| !owner.is_alive())
    }

    /// The host's place in the list, which decides its addresses.
    pub(crate) fn position(&self, host: &str) -> Result<usize, StateError> {
        let found = self.hosts.iter().position(|one| one.name == host);
        found.ok_or_else(|| StateError::NoHost { lab: self.name.clone(), host: host.to_owned() })
    }
}

/// A file lock that ends with the process that took it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else holds it.
    pub(crate) fn take(path: &Path) -> Result<Lock, FileError> {
        if let Some(directory) = path.parent() {
            file::make_directory(directory)?;
        }
        let take = || {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            file.lock()?;
            Ok(Lock { _file: file })
        };
        take().map_err(FileError::new("lock", path))
    }
}
