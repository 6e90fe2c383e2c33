//! `armilla hand differ A B`: what `kubectl diff` calls, so that no host needs a `diff`. Ends with 0 when the folders
//! hold the same, 1 when they do not; prints the names that differ.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// The names of files that are not the same in both folders, sorted.
pub fn differing(a: &Path, b: &Path) -> io::Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for folder in [a, b] {
        for entry in std::fs::read_dir(folder)? {
            names.insert(entry?.file_name());
        }
    }
    let same = |name: &std::ffi::OsString| {
        let read = |folder: &Path| std::fs::read(folder.join(name)).ok();
        read(a).is_some() && read(a) == read(b)
    };
    Ok(names.iter().filter(|name| !same(name)).map(|name| name.to_string_lossy().into_owned()).collect())
}

/// As a command: the exit code that `kubectl diff` passes on.
pub fn differ(a: &Path, b: &Path, mut said: impl Write) -> i32 {
    match differing(a, b) {
        Ok(names) if names.is_empty() => 0,
        Ok(names) => {
            for name in names {
                let _ = writeln!(said, "{name}");
            }
            1
        }
        Err(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_and_missing_files_differ() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, left, right) in
            [("same", "x", Some("x")), ("changed", "x", Some("y")), ("gone", "x", None)]
        {
            std::fs::write(a.path().join(name), left).unwrap();
            if let Some(right) = right {
                std::fs::write(b.path().join(name), right).unwrap();
            }
        }
        assert_eq!(differing(a.path(), b.path()).unwrap(), ["changed", "gone"]);
        assert_eq!(differ(a.path(), a.path(), io::sink()), 0);
    }
}
