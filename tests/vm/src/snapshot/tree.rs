//! The file system of a host, read from the machine through `/proc/<its first process>/root`: in the host's own mounts,
//! and without a program on the host.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Area, Snapshot};

/// The kernel's own, seen elsewhere or of no interest here.
const LEFT_OUT: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Files up to this size are known by their content; larger ones by size and time of change, which no program of ours
/// sets.
const HASHED: u64 = 256 << 10;

pub(super) fn add(snapshot: &mut Snapshot, root: &Path) -> io::Result<()> {
    let mut folders = vec!["/".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in below(root, &folder)? {
            let path = format!("{}/{entry}", folder.trim_end_matches('/'));
            let at = on_machine(root, &path);
            // What is gone again in the meantime was never a part of the host.
            let Ok(metadata) = fs::symlink_metadata(&at) else { continue };
            if let Ok(value) = describe(&at, &metadata) {
                snapshot.add(Area::File, &path, value);
            }
            if metadata.is_dir() && !LEFT_OUT.contains(&path.as_str()) {
                folders.push(path);
            }
        }
    }
    Ok(())
}

fn on_machine(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn below(root: &Path, folder: &str) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(on_machine(root, folder)) {
        Ok(entries) => entries,
        // A FUSE mount of somebody else, or a folder that has just gone.
        Err(_) if folder != "/" => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn describe(at: &Path, metadata: &Metadata) -> io::Result<String> {
    let kind = metadata.file_type();
    let owner = format!("{:04o} {}:{}", metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
    Ok(if kind.is_dir() {
        format!("folder {owner}")
    } else if kind.is_symlink() {
        // A link's own mode means nothing.
        let (uid, gid) = (metadata.uid(), metadata.gid());
        format!("link {uid}:{gid} to {}", String::from_utf8_lossy(fs::read_link(at)?.as_os_str().as_bytes()))
    } else if kind.is_file() && metadata.len() <= HASHED {
        format!("file {owner} {}", digest(at)?)
    } else if kind.is_file() {
        format!("file {owner} {} bytes of {}", metadata.len(), metadata.mtime())
    } else if kind.is_fifo() {
        format!("fifo {owner}")
    } else if kind.is_socket() {
        format!("socket {owner}")
    } else {
        format!("device {owner} {:x}", metadata.rdev())
    })
}

fn digest(at: &Path) -> io::Result<String> {
    let hash = Sha256::digest(fs::read(at)?);
    Ok(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn seen(root: &Path) -> Snapshot {
        let mut snapshot = Snapshot::default();
        add(&mut snapshot, root).unwrap();
        snapshot
    }

    #[test]
    fn content_mode_and_target_are_seen() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("etc")).unwrap();
        fs::write(at("etc/a"), "one").unwrap();
        symlink("/nowhere", at("etc/link")).unwrap();
        let before = seen(root.path());
        assert!(before.get(Area::File, "/etc/link").unwrap().ends_with("to /nowhere"));

        fs::write(at("etc/a"), "two").unwrap();
        assert_eq!(before.diff(&seen(root.path())).len(), 1, "a file's content");
        fs::write(at("etc/a"), "one").unwrap();
        assert_eq!(before.diff(&seen(root.path())), [], "a file that was written again is the same");
        fs::set_permissions(at("etc/a"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(before.diff(&seen(root.path())).len(), 1, "a file's mode");
    }

    #[test]
    fn the_kernels_own_folders_are_entries_and_what_is_in_them_is_not() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/1")).unwrap();
        fs::create_dir_all(root.path().join("srv/proc/1")).unwrap();
        let seen = seen(root.path());
        assert!(seen.get(Area::File, "/proc").is_some() && seen.get(Area::File, "/proc/1").is_none());
        assert!(seen.get(Area::File, "/srv/proc/1").is_some());
    }
}
