//! What only programs of the host tell. Each is asked for at most two seconds, all at once; one that is not there or
//! does not answer leaves its fact unknown.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use installer_wire::Command;

use crate::command::Commands;

pub(super) const SYSTEM: &str = "systemctl is-system-running";
pub(super) const FAILED: &str = "systemctl list-units --failed --plain --no-legend --no-pager";
pub(super) const IPTABLES: &str = "iptables-save";
pub(super) const NFTABLES: &str = "nft list tables";
pub(super) const SYSTEMD: &str = "systemctl --version";

const ALL: [&str; 5] = [SYSTEM, FAILED, IPTABLES, NFTABLES, SYSTEMD];

const LIMIT_MS: u64 = 2000;
/// A host with ten thousand Services has rules of several mebibytes; the chains come first.
const MOST_OUTPUT: u32 = 1 << 20;

/// What each said on its standard output, by command line.
pub(super) fn ask() -> BTreeMap<String, String> {
    thread::scope(|scope| {
        let asked: Vec<_> = ALL
            .into_iter()
            .filter(|line| is_there(line))
            .map(|line| (line, scope.spawn(move || answer(line))))
            .collect();
        asked.into_iter().filter_map(|(line, thread)| Some((line.to_owned(), thread.join().ok()??))).collect()
    })
}

/// To ask for packet rules may load the modules that carry them, and a look changes nothing: where none of them is
/// loaded there are no rules either.
fn is_there(line: &str) -> bool {
    let name = line.split(' ').next().unwrap_or(line);
    let found = crate::command::PATH.split(':').any(|folder| Path::new(folder).join(name).exists());
    let loaded = ["/sys/module/nf_tables", "/sys/module/ip_tables", "/proc/net/ip_tables_names"];
    // A kernel without modules loads none.
    let changes_nothing =
        || loaded.iter().any(|path| Path::new(path).exists()) || !Path::new("/proc/modules").exists();
    found && (!matches!(line, IPTABLES | NFTABLES) || changes_nothing())
}

/// The status does not matter: `is-system-running` fails where the host is degraded, and says so.
fn answer(line: &str) -> Option<String> {
    let mut command = Command::new(line.split(' '));
    command.timeout_ms = LIMIT_MS;
    command.max_output = MOST_OUTPUT;
    let output = Commands::default().run(&command, Vec::new()).ok()?;
    Some(output.stdout_text())
}
