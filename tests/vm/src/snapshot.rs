//! What a host looks like, as text: taken before an installation and after its removal, it shows what was left behind.
//!
//! A snapshot is a list of entries, each with a value. Two snapshots differ where an entry is in only one of them or
//! has another value. What a host changes by itself all the time (its journal, a lease) is excused by pattern, in a file
//! that gives a reason for each.

mod excuse;
mod filter;
mod take;
mod tree;

pub use excuse::{Excuse, ExcuseError, Excuses, Judged};
pub use take::SnapshotError;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Anything in the file system: kind, mode, owner, and what it holds.
    File,
    Mount,
    Link,
    Address,
    /// A route of any table, IPv4 or IPv6.
    Route,
    /// A rule that chooses a table of routes.
    Rule,
    /// A line of the packet filter.
    Filter,
    /// A kernel setting of the host's own namespaces.
    Sysctl,
    /// A unit file's state, or that a unit is active.
    Unit,
    User,
    Group,
    /// A part of the kernel that is loaded or built in; the machine's, where hosts share its kernel.
    Module,
    Cgroup,
    /// A socket that somebody listens on.
    Listener,
    /// The name of a program that runs.
    Process,
}

impl Area {
    const ALL: [Area; 15] = [
        Area::File,
        Area::Mount,
        Area::Link,
        Area::Address,
        Area::Route,
        Area::Rule,
        Area::Filter,
        Area::Sysctl,
        Area::Unit,
        Area::User,
        Area::Group,
        Area::Module,
        Area::Cgroup,
        Area::Listener,
        Area::Process,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Area::File => "file",
            Area::Mount => "mount",
            Area::Link => "link",
            Area::Address => "address",
            Area::Route => "route",
            Area::Rule => "rule",
            Area::Filter => "filter",
            Area::Sysctl => "sysctl",
            Area::Unit => "unit",
            Area::User => "user",
            Area::Group => "group",
            Area::Module => "module",
            Area::Cgroup => "cgroup",
            Area::Listener => "listener",
            Area::Process => "process",
        }
    }
}

impl FromStr for Area {
    type Err = ();
    fn from_str(word: &str) -> Result<Area, ()> {
        Area::ALL.into_iter().find(|area| area.as_str() == word).ok_or(())
    }
}

/// Everything that was seen of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    entries: BTreeMap<(Area, String), String>,
}

/// An entry that is not the same in two snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub area: Area,
    pub name: String,
    /// None: it was not there.
    pub before: Option<String>,
    /// None: it is gone.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (area, name) = (self.area.as_str(), &self.name);
        match (&self.before, &self.after) {
            (None, Some(now)) => write!(f, "+ {area} {name}: {now}"),
            (Some(was), None) => write!(f, "- {area} {name}: {was}"),
            (was, now) => {
                let text = |value: &Option<String>| value.clone().unwrap_or_default();
                write!(f, "~ {area} {name}: was {}, is {}", text(was), text(now))
            }
        }
    }
}

impl Snapshot {
    /// Adds an entry. What is there several times (two equal lines of a chain) counts up.
    fn add(&mut self, area: Area, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        let mut key = (area, name.clone());
        let mut times = 1;
        while self.entries.contains_key(&key) {
            times += 1;
            key.1 = format!("{name} ({times})");
        }
        self.entries.insert(key, value);
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, area: Area, name: &str) -> Option<&str> {
        self.entries.get(&(area, name.to_owned())).map(String::as_str)
    }

    /// How many entries of each area there are.
    pub fn counts(&self) -> Vec<(Area, usize)> {
        let count = |area: Area| self.entries.keys().filter(|(of, _)| *of == area).count();
        Area::ALL.into_iter().map(|area| (area, count(area))).collect()
    }

    /// What is not the same afterwards, in order of area and name.
    pub fn diff(&self, after: &Snapshot) -> Vec<Difference> {
        let mut names: Vec<&(Area, String)> = self.entries.keys().chain(after.entries.keys()).collect();
        names.sort();
        names.dedup();
        let differs = |key: &(Area, String)| {
            let (was, is) = (self.entries.get(key), after.entries.get(key));
            let (area, name) = (key.0, key.1.clone());
            (was != is).then(|| Difference { area, name, before: was.cloned(), after: is.cloned() })
        };
        names.into_iter().filter_map(differs).collect()
    }

    /// One entry a line: area, name, tab, value. Other bytes than printable ones are escaped as Rust does it.
    pub fn to_text(&self) -> String {
        let line = |((area, name), value): (&(Area, String), &String)| {
            format!("{} {}\t{}\n", area.as_str(), name.escape_debug(), value.escape_debug())
        };
        self.entries.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(entries: &[(Area, &str, &str)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        entries.iter().for_each(|&(area, name, value)| snapshot.add(area, name, value));
        snapshot
    }

    #[test]
    fn what_came_went_and_changed_is_told_and_nothing_else() {
        let before = snapshot(&[
            (Area::File, "/etc/hosts", "a"),
            (Area::File, "/etc/motd", "same"),
            (Area::Link, "eth0", "up"),
        ]);
        let after = snapshot(&[
            (Area::File, "/etc/hosts", "b"),
            (Area::File, "/etc/motd", "same"),
            (Area::Route, "eth0", "up"),
        ]);
        let told: Vec<String> = before.diff(&after).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["~ file /etc/hosts: was a, is b", "- link eth0: up", "+ route eth0: up"],
            "an area is part of an entry's name"
        );
        assert_eq!(before.diff(&before), []);
    }

    #[test]
    fn one_of_two_equal_lines_that_goes_is_seen() {
        let line = (Area::Filter, "ip t/c accept", "");
        let (two, one) = (snapshot(&[line, line]), snapshot(&[line]));
        assert_eq!(two.len(), 2);
        assert_eq!(two.diff(&one).len(), 1);
    }

    #[test]
    fn a_line_is_one_entry_whatever_its_name_holds() {
        let odd = snapshot(&[(Area::File, "/tmp/a\nb\tc", "folder")]);
        assert_eq!(odd.to_text(), "file /tmp/a\\nb\\tc\tfolder\n");
    }

    #[test]
    fn every_area_has_a_word_of_its_own() {
        for area in Area::ALL {
            assert_eq!(area.as_str().parse(), Ok(area));
        }
    }
}
