//! How the kernel was built and set, beyond the features that a node needs.

use std::collections::BTreeMap;

use installer_model::survey::{KERNEL_OPTIONS, KernelState, WATCHED_SYSCTLS};

use super::{Root, features, sysctl_path};

pub(super) fn read(root: &Root, release: Option<&str>) -> KernelState {
    KernelState {
        options: options(&features::config(root, release).unwrap_or_default()),
        settings: settings(root),
        module_trees: module_trees(root),
        security_modules: words(root, "/sys/kernel/security/lsm", ','),
        lockdown: root.line("/sys/kernel/security/lockdown").and_then(|text| chosen(&text)),
        clock_source: root.line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        memory_errors: memory_errors(root),
        user_namespace: root.text("/proc/self/uid_map").map(|map| !maps_everything(&map)),
        huge_pages_bytes: root.text("/proc/meminfo").map_or(0, |text| huge_pages(&text)),
    }
}

/// Of what the kernel's configuration says. An option that it does not mention is left out: it may be one that this
/// kernel does not know by that name.
fn options(config: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in config.lines() {
        let (name, value) = match line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set")) {
            Some(name) => (name, "n"),
            None => line.split_once('=').unwrap_or((line, "")),
        };
        if KERNEL_OPTIONS.contains(&name) {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

fn settings(root: &Root) -> BTreeMap<String, String> {
    let value = |name: &&str| Some(((*name).to_owned(), root.line(&sysctl_path(name))?));
    WATCHED_SYSCTLS.iter().filter_map(value).collect()
}

/// Folders with a list of modules: an empty one is what a removed kernel left.
fn module_trees(root: &Root) -> std::collections::BTreeSet<String> {
    let trees = ["/lib/modules", "/usr/lib/modules"].into_iter();
    let named = trees.flat_map(|tree| root.names(tree).into_iter().map(move |name| (tree, name)));
    let filled = named.filter(|(tree, name)| root.exists(&format!("{tree}/{name}/modules.dep")));
    filled.map(|(_, name)| name).collect()
}

fn words(root: &Root, path: &str, separator: char) -> std::collections::BTreeSet<String> {
    let text = root.line(path).unwrap_or_default();
    text.split(separator).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// `none [integrity] confidentiality`.
fn chosen(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

/// Of EDAC, <https://docs.kernel.org/admin-guide/ras.html>.
fn memory_errors(root: &Root) -> Option<u64> {
    const CONTROLLERS: &str = "/sys/devices/system/edac/mc";
    let controllers = root.names(CONTROLLERS).into_iter().filter(|name| name.starts_with("mc"));
    let counts: Vec<u64> = controllers
        .filter_map(|name| root.line(&format!("{CONTROLLERS}/{name}/ue_count"))?.parse().ok())
        .collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

/// user_namespaces(7): the first one maps all ids onto themselves.
fn maps_everything(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

fn huge_pages(meminfo: &str) -> u64 {
    let kib = |key: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    // `Hugetlb` counts all sizes and came with 4.20; before, only those of the default size are told.
    let before = || Some(kib("HugePages_Total:")?.saturating_mul(kib("Hugepagesize:")?));
    kib("Hugetlb:").or_else(before).unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_counts_as_off_only_where_the_kernel_says_so() {
        let found = options("CONFIG_MEMCG=y\n# CONFIG_SECCOMP is not set\nCONFIG_OTHER=y\n");
        assert_eq!(found.get("CONFIG_MEMCG").map(String::as_str), Some("y"));
        assert_eq!(found.get("CONFIG_SECCOMP").map(String::as_str), Some("n"));
        assert_eq!(found.len(), 2, "what is not mentioned is not known");
    }

    #[test]
    fn huge_pages_are_counted_on_new_and_old_kernels() {
        assert_eq!(
            huge_pages("HugePages_Total: 3\nHugepagesize: 2048 kB\nHugetlb: 1054720 kB\n"),
            1054720 << 10
        );
        assert_eq!(huge_pages("HugePages_Total: 3\nHugepagesize: 2048 kB\n"), 6 << 20);
        assert_eq!(huge_pages("MemTotal: 1 kB\n"), 0);
    }

    #[test]
    fn only_the_first_user_namespace_maps_everything() {
        assert!(maps_everything("         0          0 4294967295\n"));
        assert!(!maps_everything("         0     100000      65536\n"));
    }

    #[test]
    fn the_chosen_word_stands_in_brackets() {
        assert_eq!(chosen("none [integrity] confidentiality").as_deref(), Some("integrity"));
        assert_eq!(chosen("none"), None);
    }
}
