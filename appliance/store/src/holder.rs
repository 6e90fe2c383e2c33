//! Who has the store open: written beside the database, so that the next process can say whom it waits for.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A process that has the store open. The file only names it: what keeps others out is the database's own lock, so a
/// file left behind by a killed process does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    /// The verb, such as `apply`.
    pub command: String,
    /// Unix time in milliseconds.
    pub started_at: u64,
    /// Name of the machine.
    pub host: String,
}

impl Holder {
    /// This process.
    pub fn this_process(command: &str, now: u64) -> Holder {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Holder { pid: std::process::id(), command: command.to_owned(), started_at: now, host }
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(&text)
    }

    /// `None` when there is no such file or it is being written.
    pub(crate) fn read(path: &Path) -> Option<Holder> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`armilla {}` (process {} on {}, ", self.command, self.pid, self.host)?;
        // Days are left out: whoever waits for a process looks at the clock.
        let seconds = self.started_at / 1000 % 86_400;
        write!(f, "since {:02}:{:02}:{:02} UTC)", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}
