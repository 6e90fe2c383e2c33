//! Modules that the host forbids to load: modprobe.d(5).
//!
//! `blacklist` keeps a module from being loaded by its aliases, which is how the kernel asks for most of them, and from
//! modules-load.d(5) at boot. `install` with a program that does nothing keeps it from `modprobe` as well; hardening guides
//! write `/bin/true` or `/bin/false` there.

use std::collections::{BTreeMap, BTreeSet};

use super::Root;

/// In the order in which a file hides those of the same name in the folders after it.
const FOLDERS: [&str; 5] = [
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
];

/// Names of modules, with underscores.
pub(super) fn blocked(root: &Root) -> BTreeSet<String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for folder in FOLDERS {
        for name in root.names(folder).into_iter().filter(|name| name.ends_with(".conf")) {
            files.entry(name.clone()).or_insert_with(|| format!("{folder}/{name}"));
        }
    }
    let text: String = files.values().filter_map(|file| Some(root.text(file)? + "\n")).collect();
    let command_line = root.text("/proc/cmdline").unwrap_or_default();
    of_files(&text).chain(of_command_line(&command_line)).collect()
}

/// A line that ends with a backslash goes on with the next.
fn of_files(text: &str) -> impl Iterator<Item = String> {
    let text = text.replace("\\\n", " ");
    let lines: Vec<String> = text.lines().filter_map(forbidden).collect();
    lines.into_iter()
}

fn forbidden(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    match (words.next()?, words.next()?, words.next()) {
        ("blacklist", module, _) => Some(name(module)),
        ("install", module, Some(program)) if does_nothing(program) => Some(name(module)),
        (_, _, _) => None,
    }
}

fn does_nothing(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("false" | "true" | "nologin" | ":"))
}

/// `modprobe.blacklist=a,b`, which libkmod reads, as often as it is there.
fn of_command_line(text: &str) -> impl Iterator<Item = String> {
    let lists = text.split_whitespace().filter_map(|word| word.strip_prefix("modprobe.blacklist="));
    lists.flat_map(|list| list.split(',')).map(name)
}

/// Dashes and underscores are the same to modprobe.
fn name(module: &str) -> String {
    module.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::root::tree;

    #[test]
    fn a_module_is_blocked_by_either_line_and_not_by_a_program_that_may_load_it() {
        let text = "# blacklist overlay\nblacklist  br-netfilter # hardening\ninstall vxlan /bin/false\n\
                    install veth \\\n  /usr/bin/true\ninstall bridge /sbin/modprobe --ignore-install bridge\n\
                    options nf_tables x=1\ninstall\nblacklist\n";
        let found: Vec<String> = of_files(text).collect();
        assert_eq!(found, ["br_netfilter", "vxlan", "veth"]);
    }

    #[test]
    fn a_file_hides_one_of_its_name_and_the_command_line_counts() {
        let (_folder, root) = tree(&[
            ("etc/modprobe.d/site.conf", "# empty on purpose\n"),
            ("usr/lib/modprobe.d/site.conf", "blacklist overlay\n"),
            ("usr/lib/modprobe.d/notes.txt", "blacklist bridge\n"),
            ("usr/lib/modprobe.d/more.conf", "blacklist vxlan"),
            ("proc/cmdline", "quiet modprobe.blacklist=veth,nf-tables ro\n"),
        ]);
        assert_eq!(blocked(&root), ["nf_tables", "veth", "vxlan"].map(str::to_owned).into());
    }
}
