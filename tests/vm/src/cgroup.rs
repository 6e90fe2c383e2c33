//! A cgroup per host in every hierarchy, so that a host sees itself as the root of its own and two hosts' kubelets never
//! meet in the same `/kubepods`. Works with version 1, hybrid and version 2.

use crate::file::{self, FileError};
use std::path::{Path, PathBuf};

/// The roots of all mounted hierarchies, from `/proc/self/mountinfo`.
fn hierarchies() -> Result<Vec<PathBuf>, FileError> {
    Ok(mounted_hierarchies(&file::read(Path::new("/proc/self/mountinfo"))?))
}

/// proc_pid_mountinfo(5): the mount point is the fifth field, the type the first after the lone hyphen.
fn mounted_hierarchies(mountinfo: &str) -> Vec<PathBuf> {
    let point = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        matches!(after.split(' ').next()?, "cgroup" | "cgroup2").then_some(())?;
        Some(PathBuf::from(before.split(' ').nth(4)?))
    };
    mountinfo.lines().filter_map(point).collect()
}

/// Makes `group` in every hierarchy; the files into which a process writes its number to move there.
pub(crate) fn make(group: &str) -> Result<Vec<PathBuf>, FileError> {
    let roots = hierarchies()?;
    let version_2_only = roots.len() == 1;
    for root in &roots {
        let mut path = root.clone();
        for part in group.split('/') {
            if version_2_only {
                hand_down_controllers(&path);
            }
            let parent = path.clone();
            path.push(part);
            file::make_directory(&path)?;
            hand_down_cpuset(&parent, &path);
        }
    }
    Ok(roots.iter().map(|root| root.join(group).join("cgroup.procs")).collect())
}

/// A version 1 cpuset begins without CPUs and memory, and then takes no process.
fn hand_down_cpuset(parent: &Path, child: &Path) {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        if let Ok(own) = std::fs::read_to_string(child.join(name))
            && own.trim().is_empty()
            && let Ok(value) = std::fs::read_to_string(parent.join(name))
        {
            // Refused on version 2, where an empty set means the parent's.
            let _ = std::fs::write(child.join(name), value.trim());
        }
    }
}

/// In version 2 a group has the controllers that its parent hands down. One that cannot be handed down (cpu, while
/// real-time processes run) must not keep the others back, hence one write each.
fn hand_down_controllers(group: &Path) {
    let available = std::fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
    for controller in available.split_whitespace() {
        let _ = std::fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

/// The numbers of all processes in `group` and below, in any hierarchy.
pub(crate) fn processes(group: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for root in hierarchies().unwrap_or_default() {
        visit(&root.join(group), &mut |directory| {
            let text = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        });
    }
    found.sort_unstable();
    found.dedup();
    // 0 stands for a process of another process namespace, which is none of ours.
    found.retain(|pid| *pid != 0);
    found
}

/// Removes `group` everywhere, and its parent when that was the last in it. A group that still holds a process stays.
pub(crate) fn remove(group: &str) {
    for root in hierarchies().unwrap_or_default() {
        visit(&root.join(group), &mut |directory| {
            let _ = std::fs::remove_dir(directory);
        });
        if let Some((parent, _)) = group.split_once('/') {
            let _ = std::fs::remove_dir(root.join(parent));
        }
    }
}

/// Calls `act` on every directory of the tree, children first.
fn visit(directory: &Path, act: &mut dyn FnMut(&Path)) {
    for name in file::names_in(directory) {
        let path = directory.join(name);
        if path.is_dir() {
            visit(&path, act);
        }
    }
    if directory.is_dir() {
        act(directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_hierarchy_is_found_in_mountinfo() {
        let text = "1 2 0:3 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                    4 1 0:5 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
                    6 1 0:7 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(
            mounted_hierarchies(text),
            [Path::new("/sys/fs/cgroup/memory"), Path::new("/sys/fs/cgroup/unified")]
        );
    }
}
