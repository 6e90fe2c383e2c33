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
        let read = |folder: &Path| std::fs::read_to_string(folder.join(name)).ok();
        matches!((read(a), read(b)), (Some(a), Some(b)) if wanted(&a).eq(wanted(&b)))
    };
    Ok(names.iter().filter(|name| !same(name)).map(|name| name.to_string_lossy().into_owned()).collect())
}

/// The lines of an object that somebody can want. The rest is what controllers write: between the reading of an object
/// and the dry run on it, a roll-out that goes on changes its status and counts its versions.
fn wanted(object: &str) -> impl Iterator<Item = &str> {
    const COUNTED: [&str; 4] =
        ["  resourceVersion:", "  generation:", "    deployment.kubernetes.io/revision:", "  annotations:"];
    let mut in_status = false;
    object.lines().filter(move |line| {
        if !line.starts_with([' ', '-']) {
            in_status = line.starts_with("status:");
        }
        !in_status && !COUNTED.iter().any(|counted| line.starts_with(counted))
    })
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
    fn what_controllers_write_meanwhile_is_no_difference() {
        let object = |annotations: &str, version: u8, replicas: u8, ready: u8| {
            format!(
                "kind: Deployment\nmetadata:\n{annotations}  generation: {version}\n  name: x\n  resourceVersion: \"{version}\"\nspec:\n  replicas: {replicas}\nstatus:\n  conditions:\n  - type: Available\n  readyReplicas: {ready}\n"
            )
        };
        let revision = "  annotations:\n    deployment.kubernetes.io/revision: \"1\"\n";
        let ours = "  annotations:\n    example.com/ours: \"1\"\n";
        let same = |a: &str, b: &str| wanted(a).eq(wanted(b));
        assert!(same(&object("", 1, 2, 0), &object(revision, 7, 2, 1)));
        assert!(!same(&object("", 1, 2, 0), &object("", 1, 3, 0)));
        assert!(!same(&object("", 1, 2, 0), &object(ours, 1, 2, 0)));
    }

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
