//! Disks, mounts and what lies on which.

use installer_model::survey::{DataDir, Disk, Mount};

use super::Root;

/// `/proc/self/mountinfo` (proc(5)): fields, optional ones, a dash, then type, source and options of the filesystem.
pub(super) fn mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let before: Vec<&str> = before.split(' ').collect();
    let after: Vec<&str> = after.split(' ').collect();
    let options = before.get(5)?.split(',').map(str::to_owned).collect();
    Some(Mount {
        target: unescape(before.get(4)?),
        fs_type: (*after.first()?).to_owned(),
        source: unescape(after.get(1)?),
        options,
    })
}

/// The kernel writes blanks, tabs, line breaks and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        let octal = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok();
        let escaped = (*first == b'\\').then(|| octal(rest.get(..3)?)).flatten();
        (bytes, _) = match escaped {
            Some(byte) => (&rest[3..], out.push(byte)),
            None => (rest, out.push(*first)),
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Notes the mount that a directory lies on: the longest target above it, the last one mounted there.
pub(super) fn name_the_mount(dir: &mut DataDir, mounts: &[Mount]) {
    let above = |mount: &&Mount| {
        let target = mount.target.trim_end_matches('/');
        dir.path == target || dir.path.strip_prefix(target).is_some_and(|rest| rest.starts_with('/'))
    };
    if let Some(mount) = mounts.iter().filter(above).max_by_key(|mount| mount.target.len()) {
        dir.mount_target = Some(mount.target.clone());
        dir.fs_type = Some(mount.fs_type.clone());
    }
}

/// Of `/sys/block`, without what is no disk: loop devices, RAM disks, empty card readers.
pub(super) fn disks(root: &Root) -> Vec<Disk> {
    const NOT_DISKS: [&str; 5] = ["loop", "ram", "zram", "sr", "fd"];
    let names = root.names("/sys/block").into_iter();
    let disk = |name: String| {
        // Always in units of 512 bytes, whatever the disk's own.
        let sectors: u64 = root.line(&format!("/sys/block/{name}/size"))?.parse().ok()?;
        let rotational = root.line(&format!("/sys/block/{name}/queue/rotational")).map(|text| text == "1");
        (sectors > 0).then(|| Disk { name, bytes: sectors.saturating_mul(512), rotational })
    };
    names.filter(|name| !NOT_DISKS.iter().any(|prefix| name.starts_with(prefix))).filter_map(disk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 254:16 / /var/lib rw,noexec shared:3 master:1 - xfs /dev/vdb rw
41 27 0:30 / /mnt/two\\040words rw - tmpfs none rw
42 27 0:31 / /var/lib rw - ext4 /dev/vdc rw
";

    fn on(path: &str) -> DataDir {
        let mut dir = DataDir { path: path.into(), ..DataDir::default() };
        name_the_mount(&mut dir, &mounts(MOUNTINFO));
        dir
    }

    #[test]
    fn optional_fields_and_escapes_are_understood() {
        let mounts = mounts(MOUNTINFO);
        assert_eq!(mounts.len(), 4);
        assert_eq!((mounts[1].fs_type.as_str(), mounts[1].options[1].as_str()), ("xfs", "noexec"));
        assert_eq!(mounts[2].target, "/mnt/two words");
        assert_eq!(super::mounts("garbage\n\n1 2 3 - x\n"), []);
        assert_eq!(unescape("a\\0"), "a\\0");
    }

    #[test]
    fn a_directory_lies_on_the_longest_target_above_it_and_the_last_mount_wins() {
        assert_eq!(on("/var/lib/etcd").fs_type.as_deref(), Some("ext4"));
        assert_eq!(on("/var/library").mount_target.as_deref(), Some("/"));
        assert_eq!(on("/var/lib").mount_target.as_deref(), Some("/var/lib"));
    }
}
