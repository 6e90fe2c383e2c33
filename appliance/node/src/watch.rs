//! Tells whether a file has been replaced.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What changes when a file is written again or another one is renamed over it. Looked at now and then, which sees
/// every way in which a file can be replaced, and costs one system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// None when there is no such file.
    pub(crate) fn of(path: &Path) -> Option<Stamp> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_over_a_file_of_the_same_length_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let (path, next) = (directory.path().join("a"), directory.path().join("b"));
        assert_eq!(Stamp::of(&path), None);
        std::fs::write(&path, "one").unwrap();
        let before = Stamp::of(&path);
        assert_eq!(before, Stamp::of(&path));
        std::fs::write(&next, "two").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert_ne!(before, Stamp::of(&path));
    }
}
