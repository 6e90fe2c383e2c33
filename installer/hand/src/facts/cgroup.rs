//! Which cgroup tree the host has, and which capabilities root has here.

use std::collections::BTreeSet;

use installer_model::survey::{Capabilities, Cgroup, CgroupVersion};

use super::Root;

/// The same sign that the kubelet and runc go by: `cgroup.controllers` at the root is v2.
pub(super) fn read(root: &Root) -> Option<Cgroup> {
    if let Some(text) = root.text("/sys/fs/cgroup/cgroup.controllers") {
        let controllers = text.split_whitespace().map(str::to_owned).collect();
        return Some(Cgroup { version: CgroupVersion::V2, controllers });
    }
    let controllers = v1_controllers(&root.text("/proc/cgroups")?);
    let hybrid = root.exists("/sys/fs/cgroup/unified/cgroup.controllers");
    let version = if hybrid { CgroupVersion::Hybrid } else { CgroupVersion::V1 };
    Some(Cgroup { version, controllers })
}

/// `/proc/cgroups`: name, hierarchy, groups, enabled. Hierarchy 0 is mounted nowhere.
fn v1_controllers(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| matches!(row.as_slice(), [_, hierarchy, _, "1"] if *hierarchy != "0"))
        .map(|row| row[0].to_owned())
        .collect()
}

/// `CapEff` of `/proc/self/status`.
pub(super) fn capabilities(status: &str) -> Option<Capabilities> {
    let hex = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(hex.trim(), 16).ok().map(Capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_that_are_off_or_mounted_nowhere_do_not_count() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nnet_cls\t0\t1\t1\nmemory\t4\t16\t0\n";
        assert_eq!(v1_controllers(text), BTreeSet::from(["cpu".to_owned()]));
    }

    #[test]
    fn capabilities_are_bits_by_number() {
        let caps = capabilities("Name:\tx\nCapPrm:\t0\nCapEff:\t000001fffeffffff\n").unwrap();
        assert!(!caps.has(Capabilities::SYS_RESOURCE));
        assert!(caps.has(Capabilities::NET_ADMIN) && caps.has(Capabilities::SYS_ADMIN));
        assert_eq!(capabilities("CapEff:\tnonsense\n"), None);
    }
}
