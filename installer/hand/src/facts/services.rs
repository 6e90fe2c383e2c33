//! What runs on the host beside the cluster, and what is laid over the units that Armilla places.

use std::collections::{BTreeMap, BTreeSet};

use installer_model::survey::{DropIn, Holder, ServiceState};

use super::{Root, programs};

pub(super) fn read(root: &Root, processes: &[Holder], said: &BTreeMap<String, String>) -> ServiceState {
    ServiceState {
        system: said.get(programs::SYSTEM).map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()),
        failed_units: said.get(programs::FAILED).map(|text| failed_units(text)).unwrap_or_default(),
        drop_ins: drop_ins(root),
        processes: one_of_each(root, processes),
        journal_volatile: journal_volatile(root),
        programs: programs(root),
        sshd_asks_dns: sshd_asks_dns(root),
        open_files: root.text("/proc/1/limits").and_then(|text| hard_limit(&text, "Max open files")),
    }
}

fn failed_units(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Units that Armilla places whole; what lies in these folders is laid over them.
const UNITS: [&str; 3] = ["armilla-node.service", "containerd.service", "kubelet.service"];

fn drop_ins(root: &Root) -> Vec<DropIn> {
    // Where the directories are merged, the older path is a link to the newer one.
    let old = (!root.is_dir("/lib") || root.link("/lib").is_none()).then_some("/lib/systemd/system");
    let folders = ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"];
    let folders = folders.into_iter().chain(old);
    let folders = folders.flat_map(|folder| UNITS.map(|unit| format!("{folder}/{unit}.d")));
    let paths = folders.flat_map(|folder| {
        let names = root.names(&folder).into_iter().filter(|name| name.ends_with(".conf"));
        names.map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
    });
    let drop_in = |path: String| {
        let text = root.text(&path)?;
        let starts_another = text.lines().any(|line| line.trim().starts_with("ExecStart="));
        Some(DropIn { path, starts_another })
    };
    paths.filter_map(drop_in).collect()
}

/// The first process of each program. A kernel thread has an empty command line.
fn one_of_each(root: &Root, processes: &[Holder]) -> Vec<Holder> {
    let mut seen = BTreeSet::new();
    let has_program =
        |pid: u32| root.bytes(&format!("/proc/{pid}/cmdline")).is_none_or(|line| !line.is_empty());
    let first = |process: &&Holder| has_program(process.pid) && seen.insert(process.command.clone());
    processes.iter().filter(first).cloned().collect()
}

/// journald.conf(5): without `/var/log/journal` it keeps its files below `/run`.
fn journal_volatile(root: &Root) -> Option<bool> {
    if root.is_dir("/var/log/journal") {
        return Some(false);
    }
    root.is_dir("/run/log/journal").then_some(true)
}

fn programs(root: &Root) -> Vec<String> {
    const NAMES: [&str; 7] = ["containerd", "crictl", "etcd", "kubeadm", "kubectl", "kubelet", "runc"];
    let folders = ["/usr/bin", "/usr/sbin", "/opt/bin"];
    let paths = folders.into_iter().flat_map(|folder| NAMES.map(|name| format!("{folder}/{name}")));
    paths.filter(|path| root.exists(path)).collect()
}

/// sshd_config(5): the first value counts, and the files of the folder are read where `Include` stands, which is at the
/// top wherever a distribution has it. The default is no.
fn sshd_asks_dns(root: &Root) -> Option<bool> {
    const FOLDER: &str = "/etc/ssh/sshd_config.d";
    let main = root.text("/etc/ssh/sshd_config")?;
    let included = root.names(FOLDER).into_iter().filter(|name| name.ends_with(".conf"));
    let texts = included.filter_map(|name| root.text(&format!("{FOLDER}/{name}"))).chain([main]);
    let value = |text: String| {
        let words =
            text.lines().map(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>());
        let mut lines = words.filter(|words| words.first().is_some_and(|word| word == "usedns"));
        lines.next().and_then(|words| words.get(1).cloned())
    };
    let first = texts.into_iter().find_map(value);
    Some(first.is_some_and(|value| value == "yes"))
}

/// `/proc/PID/limits`: name, soft, hard, unit, in columns.
fn hard_limit(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::root::tree;

    #[test]
    fn a_drop_in_that_starts_another_program_is_told_from_one_that_does_not() {
        let (_folder, root) = tree(&[
            (
                "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
                "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet\n",
            ),
            ("etc/systemd/system/containerd.service.d/proxy.conf", "[Service]\nEnvironment=A=b\n"),
            ("etc/systemd/system/containerd.service.d/notes.txt", "ExecStart=\n"),
        ]);
        let found: Vec<(String, bool)> =
            drop_ins(&root).into_iter().map(|found| (found.path, found.starts_another)).collect();
        let wanted = [
            ("/etc/systemd/system/containerd.service.d/proxy.conf".to_owned(), false),
            ("/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf".to_owned(), true),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn kernel_threads_are_no_programs_and_each_program_counts_once() {
        let (_folder, root) = tree(&[("proc/2/cmdline", ""), ("proc/7/cmdline", "sh\0")]);
        let holder = |pid, command: &str| Holder { pid, command: command.into(), unit: None };
        let all = [holder(2, "kthreadd"), holder(7, "sh"), holder(8, "sh"), holder(9, "fixture")];
        let pids: Vec<u32> = one_of_each(&root, &all).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [7, 9]);
    }

    #[test]
    fn the_first_word_on_dns_counts() {
        let (_folder, root) = tree(&[
            ("etc/ssh/sshd_config", "#UseDNS yes\nUseDNS no\n"),
            ("etc/ssh/sshd_config.d/50-site.conf", "usedns yes\n"),
        ]);
        assert_eq!(sshd_asks_dns(&root), Some(true));
        let (_folder, root) = tree(&[("etc/ssh/sshd_config", "#UseDNS yes\n")]);
        assert_eq!(sshd_asks_dns(&root), Some(false));
    }

    #[test]
    fn no_limit_is_no_number() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \nMax processes             unlimited            unlimited            processes \nMax open files            1024                 524288               files     \n";
        assert_eq!(hard_limit(text, "Max open files"), Some(524_288));
        assert_eq!(hard_limit(text, "Max processes"), None);
    }
}
