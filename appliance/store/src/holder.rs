//! Who has the store open: written beside the database, so that the next process can say whom it waits for.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use installer_model::Utc;
use serde::{Deserialize, Serialize};

/// A process that has the store open. The file only names it: what keeps others out is the database's own lock, so a
/// file left behind by a killed process does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who started it; empty when an older version wrote the file.
    #[serde(default)]
    pub user: String,
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
        let user = this_user();
        Holder { user, pid: std::process::id(), command: command.to_owned(), started_at: now, host }
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
        let user = if self.user.is_empty() { "somebody" } else { &self.user };
        let Holder { command, host, pid, started_at, .. } = self;
        write!(f, "`armilla {command}` of {user} on {host} (process {pid}, since {})", Utc(*started_at))
    }
}

/// Who runs this process: the name of its user and, behind sudo, whose it is.
fn this_user() -> String {
    let uid = rustix::process::getuid().as_raw();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = user_name(&accounts, uid).map_or_else(|| format!("user {uid}"), str::to_owned);
    match std::env::var("SUDO_USER") {
        Ok(behind) if behind != name && !behind.is_empty() => format!("{name} (sudo of {behind})"),
        Ok(_) | Err(_) => name,
    }
}

/// The name of a user id in the text of `/etc/passwd`: `name:password:uid:…`.
fn user_name(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut words = line.split(':');
        let name = words.next()?;
        (words.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_list_of_accounts() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbroken\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        assert_eq!(user_name(accounts, 1000), Some("anna"));
        assert_eq!(user_name(accounts, 1001), None);
    }
}
