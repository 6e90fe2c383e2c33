//! What a program needs to start: its loader and its shared libraries.
//!
//! Source: the ELF specification, `elf(5)`. 64 bits, little endian: both our architectures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use bundles_format::Arch;

#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    #[error("read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("understand {path}: not a 64-bit little-endian ELF file")]
    NotElf { path: PathBuf },
    #[error("find {library}, which {of} needs, among the packages")]
    Missing { library: String, of: PathBuf },
}

/// What one file asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The loader's path, of a program.
    pub(crate) loader: Option<String>,
    /// Names of libraries.
    pub(crate) libraries: Vec<String>,
}

/// Why a program would not start on a host of this architecture; `None` when it would, or when it is no ELF file at all.
///
/// What is placed on hosts must be static: nobody knows their C library.
pub(crate) fn unfit(path: &Path, arch: Arch) -> Result<Option<String>, std::io::Error> {
    let bytes = std::fs::read(path)?;
    let Some(needs) = parse(&bytes) else { return Ok(None) };
    // e_machine, elf(5).
    let wanted = match arch {
        Arch::Amd64 => 62,
        Arch::Arm64 => 183,
    };
    Ok(match (u16_at(&bytes, 18) == Some(wanted), needs.loader) {
        (false, _) => Some(format!("it is not a program for {}", arch.machine())),
        (true, Some(loader)) => Some(format!("it is not static: it asks for {loader}")),
        (true, None) => None,
    })
}

/// The loader and every library, direct or not, of a program in an unpacked tree: name to file.
///
/// Libraries lie where Debian's loader looks: `usr/lib/<triplet>` (the tree is merged) and `usr/lib`.
pub(crate) fn closure(
    tree: &Path,
    program: &Path,
    machine: &str,
) -> Result<BTreeMap<String, PathBuf>, ElfError> {
    let directories = [format!("usr/lib/{machine}-linux-gnu"), "usr/lib".to_owned(), "usr/lib64".to_owned()];
    let find = |library: &str, of: &Path| {
        let candidates = directories.iter().map(|directory| Path::new(directory).join(library));
        candidates
            .into_iter()
            .find_map(|path| resolve(tree, &path))
            .ok_or_else(|| ElfError::Missing { library: library.to_owned(), of: of.to_owned() })
    };
    let mut found = BTreeMap::new();
    let mut open = vec![program.to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|source| ElfError::Read { path: path.clone(), source })?;
        let needs = parse(&bytes).ok_or_else(|| ElfError::NotElf { path: path.clone() })?;
        let loader = needs.loader.iter().filter_map(|path| path.rsplit('/').next().map(str::to_owned));
        for library in loader.chain(needs.libraries) {
            let file = find(&library, &path)?;
            open.push(file.clone());
            found.insert(library, file);
        }
    }
    Ok(found)
}

/// Follows symbolic links as if `tree` were the root. `None` when there is nothing.
pub(crate) fn resolve(tree: &Path, path: &Path) -> Option<PathBuf> {
    let mut inside = path.to_owned();
    // As many links as the kernel follows.
    for _ in 0..40 {
        let full = tree.join(merged(&inside));
        match std::fs::read_link(&full) {
            Ok(link) if link.is_absolute() => inside = link.strip_prefix("/").ok()?.to_owned(),
            Ok(link) => inside = normal(&merged(&inside).parent()?.join(link)),
            Err(_) => return full.is_file().then_some(full),
        }
    }
    None
}

/// `lib/x` is `usr/lib/x` in a merged tree.
fn merged(path: &Path) -> PathBuf {
    let first = path.components().next().map(|part| part.as_os_str().to_owned()).unwrap_or_default();
    let moved = ["bin", "sbin", "lib", "lib64"].iter().any(|name| first == *name);
    if moved { Path::new("usr").join(path) } else { path.to_owned() }
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::Normal(name) => normal.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    normal
}

/// `None` when the bytes are no such ELF file.
pub(crate) fn parse(bytes: &[u8]) -> Option<Needs> {
    const LOAD: u32 = 1;
    const DYNAMIC: u32 = 2;
    const INTERPRETER: u32 = 3;
    const NEEDED: u64 = 1;
    const STRING_TABLE: u64 = 5;
    if bytes.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, size, count) = (usize(bytes, 32)?, u16_at(bytes, 54)?, u16_at(bytes, 56)?);
    let mut loads = Vec::new();
    let mut dynamic = None;
    let mut needs = Needs::default();
    for at in (0..count).map(|number| table + number * size) {
        let (offset, address, length) =
            (usize(bytes, at + 8)?, usize(bytes, at + 16)?, usize(bytes, at + 32)?);
        match u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) {
            LOAD => loads.push((address, offset, length)),
            DYNAMIC => dynamic = Some(bytes.get(offset..offset.checked_add(length)?)?),
            INTERPRETER => needs.loader = Some(text(bytes, offset)?),
            _ => {}
        }
    }
    let Some(dynamic) = dynamic else { return Some(needs) };
    let entries: Vec<(u64, usize)> = dynamic
        .chunks_exact(16)
        .filter_map(|entry| Some((usize(entry, 0)? as u64, usize(entry, 8)?)))
        .collect();
    let strings = entries.iter().find(|(tag, _)| *tag == STRING_TABLE)?.1;
    let (address, offset, _) =
        loads.iter().find(|(address, _, length)| (*address..address + length).contains(&strings))?;
    for (_, name) in entries.iter().filter(|(tag, _)| *tag == NEEDED) {
        needs.libraries.push(text(bytes, strings - address + offset + name)?);
    }
    Some(needs)
}

fn usize(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?)).ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?).into())
}

fn text(bytes: &[u8], at: usize) -> Option<String> {
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_needs_the_c_library() {
        // The test binary is a program like any other: dynamic on the gnu target, static on musl.
        let needs = parse(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
        if cfg!(target_env = "gnu") {
            assert!(needs.libraries.iter().any(|name| name.starts_with("libc.so")), "{needs:?}");
            assert!(needs.loader.is_some_and(|path| path.contains("ld-linux")));
        }
    }

    #[test]
    fn a_program_for_another_machine_or_another_c_library_is_unfit() {
        let own = std::env::current_exe().unwrap();
        let machine = Arch::from_machine(std::env::consts::ARCH).unwrap();
        let other = Arch::ALL.into_iter().find(|arch| *arch != machine).unwrap();
        assert!(unfit(&own, other).unwrap().unwrap().contains("not a program for"));
        if cfg!(target_env = "gnu") {
            assert!(unfit(&own, machine).unwrap().unwrap().contains("not static"));
        }
        assert_eq!(unfit(Path::new("/proc/version"), machine).unwrap(), None);
    }

    #[test]
    fn a_cut_file_is_no_program_and_no_panic() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for length in (0..512).chain([1000, 4096, bytes.len() / 2]) {
            let _ = parse(&bytes[..length]);
        }
        assert_eq!(parse(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn links_are_followed_inside_the_tree() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let lib = dir.path().join("usr/lib");
        std::fs::create_dir_all(dir.path().join("usr/lib64")).unwrap();
        std::fs::create_dir_all(&lib).unwrap();
        std::fs::write(lib.join("ld-2.36.so"), "x").unwrap();
        symlink("/lib/ld-2.36.so", dir.path().join("usr/lib64/ld.so")).unwrap();
        symlink("../lib/ld-2.36.so", dir.path().join("usr/lib64/rel.so")).unwrap();
        symlink("loop.so", dir.path().join("usr/lib64/loop.so")).unwrap();
        for name in ["ld.so", "rel.so"] {
            assert_eq!(resolve(dir.path(), &Path::new("lib64").join(name)), Some(lib.join("ld-2.36.so")));
        }
        assert_eq!(resolve(dir.path(), Path::new("lib64/loop.so")), None);
        assert_eq!(resolve(dir.path(), Path::new("lib64/none.so")), None);
    }
}
