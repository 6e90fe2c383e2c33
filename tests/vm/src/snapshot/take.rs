//! Takes a snapshot of a host that runs. Where it can, from the machine, so that the host lends no program to it.

use super::{Area, Snapshot, filter, tree};
use crate::command::{self, CommandError};
use crate::host::{Host, HostError};
use crate::place::namespace_file;
use serde_json::Value;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("take a snapshot of {0}: it is off")]
    Off(String),
    #[error("read the files of {host}")]
    Files { host: String, source: std::io::Error },
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("ask the host's network")]
    Network(#[from] CommandError),
    #[error("understand {what}: {text}")]
    Answer { what: &'static str, text: String },
}

/// Kernel settings of the host's own namespaces; what is shared with the machine would show other people's changes. A
/// count is no setting.
const SYSCTLS: &str = "cd /proc/sys && find net fs/mqueue kernel/hostname kernel/domainname kernel/sem kernel/msgm* \
    kernel/shm* -type f ! -name nf_conntrack_count ! -name '*_secret' ! -name flush \
    -exec grep -H '' {} + 2>/dev/null; true";
const UNIT_FILES: &str = "systemctl list-unit-files --no-legend --no-pager --plain";
const ACTIVE: &str = "systemctl list-units --no-legend --no-pager --plain";
const CGROUPS: &str = "cd /sys/fs/cgroup && find . -mindepth 1 -type d 2>/dev/null; true";
const LISTENERS: &str = "ss -H -l -n -t -u -w -x";
const PROCESSES: &str = "cat /proc/[0-9]*/comm 2>/dev/null; true";
const MODULES: &str = "if [ -r /proc/modules ]; then cut -d' ' -f1 /proc/modules; fi; ls /sys/module";
/// Tables of the older packet filter, which `nft` does not show.
const LEGACY: &str = "cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null; true";

/// A little after the boot is over, an IPv6 address has been tried out and gets its route, and the console's getty makes
/// the file by which it is told to read its texts again.
const AT_REST: &str = "systemctl is-system-running --wait || true
for i in $(seq 100); do
    [ -e /run/agetty.reload ] && ! ip -6 -o address show tentative | grep -q . && break; sleep 0.2; done";

impl Host {
    /// Waits, some 20 s at the most, until what a boot brings about by itself is there: a snapshot from before would differ
    /// from a later one.
    pub fn come_to_rest(&self) -> Result<(), SnapshotError> {
        self.shell(AT_REST)?;
        Ok(())
    }

    /// What the host looks like now: some ten thousand entries, in a second or two.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        let leader = self.leader().ok_or_else(|| SnapshotError::Off(self.name().to_owned()))?;
        let mut seen = Snapshot::default();
        tree::add(&mut seen, format!("/proc/{}/root", leader.pid).as_ref())
            .map_err(|source| SnapshotError::Files { host: self.name().to_owned(), source })?;
        mounts(&mut seen, &self.shell("cat /proc/self/mountinfo")?);
        self.network(&mut seen)?;
        settings(&mut seen, &self.shell(SYSCTLS)?);
        for line in self.shell(UNIT_FILES)?.lines() {
            if let [unit, state, ..] = line.split_whitespace().collect::<Vec<_>>()[..] {
                seen.add(Area::Unit, unit, state);
            }
        }
        for line in self.shell(ACTIVE)?.lines() {
            if let [unit, _, active, ..] = line.split_whitespace().collect::<Vec<_>>()[..] {
                seen.add(Area::Unit, format!("{unit} is"), active);
            }
        }
        accounts(&mut seen, Area::User, &self.shell("cat /etc/passwd")?);
        accounts(&mut seen, Area::Group, &self.shell("cat /etc/group")?);
        self.names(&mut seen, Area::Module, MODULES)?;
        self.names(&mut seen, Area::Cgroup, CGROUPS)?;
        self.names(&mut seen, Area::Process, PROCESSES)?;
        listeners(&mut seen, &self.shell(LISTENERS)?);
        Ok(seen)
    }

    /// A name each line.
    fn names(&self, seen: &mut Snapshot, area: Area, line: &str) -> Result<(), SnapshotError> {
        let text = self.shell(line)?;
        let mut names: Vec<&str> = text.lines().map(|name| name.trim_start_matches("./")).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().for_each(|name| seen.add(area, name, ""));
        Ok(())
    }

    fn network(&self, seen: &mut Snapshot) -> Result<(), SnapshotError> {
        let ip = |words: &[&str]| -> Result<Vec<Value>, SnapshotError> {
            let text = command::run("ip", [&["-n", self.namespace(), "-j"], words].concat())?;
            let wrong = || SnapshotError::Answer { what: "ip", text: text.clone() };
            // Nothing to show is shown as nothing, not as an empty list.
            let value = if text.trim().is_empty() { "[]" } else { text.trim() };
            let value: Value = serde_json::from_str(value).map_err(|_| wrong())?;
            value.as_array().cloned().ok_or_else(wrong)
        };
        links(seen, &ip(&["-d", "address", "show"])?);
        for family in ["-4", "-6"] {
            routes(seen, family, &ip(&[family, "route", "show", "table", "all"])?);
            rules(seen, family, &ip(&[family, "rule", "show"])?);
        }
        let network = format!("--net={}", namespace_file(self.namespace()).display());
        filter::add(seen, &command::run("nsenter", [&network, "nft", "-s", "list", "ruleset"])?);
        for table in self.shell(LEGACY)?.lines() {
            seen.add(Area::Filter, format!("legacy {table}"), "table");
        }
        Ok(())
    }
}

/// mountinfo(5): what, where, how. Its numbers are new for every mount.
fn mounts(seen: &mut Snapshot, text: &str) {
    for line in text.lines() {
        let Some((own, shared)) = line.split_once(" - ") else { continue };
        let [_, _, _, part, point, ..] = own.split(' ').collect::<Vec<_>>()[..] else { continue };
        // What the container manager mounts from a file that it has deleted since has a random name.
        let part = if part.ends_with("//deleted") { "a deleted file" } else { part };
        let options = own.split(' ').nth(5).unwrap_or_default();
        seen.add(Area::Mount, point, format!("{part} {options} {shared}"));
    }
}

fn links(seen: &mut Snapshot, links: &[Value]) {
    for link in links {
        let name = link["ifname"].as_str().unwrap_or_default();
        let kind = &link["linkinfo"]["info_kind"];
        let state = format!("{kind} {} {} {}", link["flags"], link["mtu"], link["master"]);
        seen.add(Area::Link, name, state);
        for address in link["addr_info"].as_array().into_iter().flatten() {
            let (local, length) = (address["local"].as_str().unwrap_or_default(), &address["prefixlen"]);
            seen.add(Area::Address, format!("{name} {local}/{length}"), address["scope"].to_string());
        }
    }
}

fn routes(seen: &mut Snapshot, family: &str, routes: &[Value]) {
    for route in routes {
        let word = |key: &str| route[key].as_str().unwrap_or("-").to_owned();
        let (table, kind, to, via, device) =
            (word("table"), word("type"), word("dst"), word("gateway"), word("dev"));
        let name = format!("{family} table {table} {kind} {to} via {via} dev {device}");
        seen.add(Area::Route, name, format!("metric {} {}", route["metric"], word("protocol")));
    }
}

fn rules(seen: &mut Snapshot, family: &str, rules: &[Value]) {
    for rule in rules {
        seen.add(Area::Rule, format!("{family} {}", rule["priority"]), rule.to_string());
    }
}

/// `net/ipv4/ip_forward:1`; a file of several lines is an entry each.
fn settings(seen: &mut Snapshot, text: &str) {
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(':') {
            seen.add(Area::Sysctl, name, value);
        }
    }
}

fn accounts(seen: &mut Snapshot, area: Area, text: &str) {
    for line in text.lines() {
        if let Some((name, rest)) = line.split_once(':') {
            seen.add(area, name, rest);
        }
    }
}

/// ss(8): protocol, state, two queues, the local address.
fn listeners(seen: &mut Snapshot, text: &str) {
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [protocol, _, _, _, local, ..] = words[..] {
            seen.add(Area::Listener, format!("{protocol} {local}"), "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mount_is_known_by_where_and_what_it_is_not_by_its_number() {
        let line =
            |number: u32| format!("{number} 1 0:4{number} /a /mnt rw,nosuid shared:7 - tmpfs tmpfs rw\n");
        let (mut one, mut two) = (Snapshot::default(), Snapshot::default());
        mounts(&mut one, &line(5));
        mounts(&mut two, &line(6));
        assert_eq!(one, two);
        assert_eq!(one.get(Area::Mount, "/mnt"), Some("/a rw,nosuid tmpfs tmpfs rw"));
    }

    #[test]
    fn routes_of_every_table_are_apart() {
        let mut seen = Snapshot::default();
        let route = json!({ "type": "unreachable", "dst": "10.244.0.0/16", "metric": 9, "flags": [] });
        let other = json!({ "type": "unreachable", "dst": "10.244.0.0/16", "table": "100", "flags": [] });
        routes(&mut seen, "-4", &[route, other]);
        assert_eq!(seen.len(), 2);
        let name = "-4 table - unreachable 10.244.0.0/16 via - dev -";
        assert_eq!(seen.get(Area::Route, name), Some("metric 9 -"));
    }

    #[test]
    fn an_address_is_an_entry_beside_its_link() {
        let mut seen = Snapshot::default();
        let address =
            json!({ "local": "10.77.0.11", "prefixlen": 24, "scope": "global", "valid_life_time": 9 });
        links(
            &mut seen,
            &[json!({ "ifname": "host0", "flags": ["UP"], "mtu": 1500, "addr_info": [address] })],
        );
        assert_eq!(seen.get(Area::Address, "host0 10.77.0.11/24"), Some("\"global\""));
        assert_eq!(seen.get(Area::Link, "host0"), Some("null [\"UP\"] 1500 null"));
    }
}
