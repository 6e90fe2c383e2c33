//! What filesystems and arrays say of themselves.

use std::collections::BTreeMap;

use installer_model::survey::StorageState;

use super::{Root, SystemCalls};

pub(super) fn read(root: &Root, mountinfo: &str, calls: &SystemCalls) -> StorageState {
    StorageState {
        root_shared: root_shared(mountinfo),
        without_entry_types: calls.without_entry_types.clone(),
        filesystem_errors: filesystem_errors(root),
        degraded_arrays: root.text("/proc/mdstat").map(|text| degraded(&text)).unwrap_or_default(),
        missing_devices: calls.missing_devices.clone(),
    }
}

/// The optional fields of the last mount on `/` (proc(5)): `shared:N`.
fn root_shared(mountinfo: &str) -> Option<bool> {
    let mut fields = mountinfo.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let root = fields.rfind(|fields| fields.get(4) == Some(&"/"))?;
    Some(root.iter().skip(6).take_while(|field| **field != "-").any(|field| field.starts_with("shared:")))
}

fn filesystem_errors(root: &Root) -> BTreeMap<String, u64> {
    let devices = root.names("/sys/fs/ext4").into_iter();
    let errors = |device: String| {
        let count: u64 = root.line(&format!("/sys/fs/ext4/{device}/errors_count"))?.parse().ok()?;
        (count > 0).then_some((device, count))
    };
    devices.filter_map(errors).collect()
}

/// `/proc/mdstat`: the line after an array's own ends with `[2/1] [U_]`, a low line for each disk that is missing.
fn degraded(mdstat: &str) -> Vec<String> {
    let mut name = "";
    let mut found = Vec::new();
    for line in mdstat.lines() {
        if let Some((array, _)) = line.split_once(" : ") {
            name = array.trim();
        }
        let disks = line.rsplit_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
        if disks.is_some_and(|disks| disks.contains('_') && disks.chars().all(|c| matches!(c, 'U' | '_'))) {
            found.push(name.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_on_the_root_tells_whether_it_is_shared() {
        let line = |options: &str| format!("27 1 254:0 / / rw,relatime {options}- ext4 /dev/vda rw\n");
        assert_eq!(root_shared(&line("shared:1 ")), Some(true));
        assert_eq!(root_shared(&(line("shared:1 ") + &line(""))), Some(false));
        assert_eq!(root_shared(""), None);
    }

    #[test]
    fn an_array_that_misses_a_disk_is_named() {
        let text = "Personalities : [raid1]\nmd0 : active raid1 sda1[0] sdb1[1]\n      1 blocks [2/2] [UU]\nmd1 : active raid1 sda2[0]\n      1 blocks [2/1] [U_]\n      bitmap: 1/1 pages [4KB]\n";
        assert_eq!(degraded(text), ["md1"]);
    }
}
