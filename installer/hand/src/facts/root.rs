//! Reading files under a root, `/` on a host and a directory in tests. All misses are `None`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// No file that is read here is larger on a sane host; a larger one is cut.
const MOST_BYTES: u64 = 32 << 20;

/// Where `/` is.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    pub fn new(path: &Path) -> Root {
        Root(path.to_owned())
    }

    /// The file of this root behind an absolute path.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    pub(super) fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(self.path(path)).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Bytes that are not UTF-8 become the replacement character.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The text without white space around it; `None` when nothing is left.
    pub(super) fn line(&self, path: &str) -> Option<String> {
        self.text(path).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    pub(super) fn is_dir(&self, path: &str) -> bool {
        self.path(path).is_dir()
    }

    /// What a symbolic link says.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        fs::read_link(self.path(path)).ok().map(|target| target.to_string_lossy().into_owned())
    }

    /// Names in a directory, sorted; empty when there is none.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(path)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A root that holds these files and nothing else; it goes with the folder.
#[cfg(test)]
pub(super) fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a path below the folder")).expect("a folder of our own");
        fs::write(path, text).expect("a folder of our own");
    }
    let root = Root::new(folder.path());
    (folder, root)
}
