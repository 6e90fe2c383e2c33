//! Files, folders and links of the host.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bundles_format::Digest;
use installer_wire::exchange::MAX_BODY;
use installer_wire::{Failure, FailureKind, FileKind, FileStat};
use sha2::{Digest as _, Sha256};

use crate::failure::{Doing, io_failure};

/// The size of the pieces in which files are read and written, so that memory does not follow their size.
pub const PIECE: usize = 256 * 1024;

/// A path that may be acted on: absolute, and without `..`.
pub fn checked(path: &str) -> Result<&Path, Failure> {
    let checked = Path::new(path);
    let climbs = checked.components().any(|part| part == Component::ParentDir);
    if !checked.is_absolute() || climbs || path.contains('\0') {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!("{path:?} is not an absolute path without .."),
        ));
    }
    Ok(checked)
}

/// What is at a path, without following a link at its last part; nothing when nothing is there.
pub fn stat(path: &str, digest: bool) -> Result<Option<FileStat>, Failure> {
    let at = checked(path)?;
    let meta = match fs::symlink_metadata(at) {
        Ok(meta) => meta,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(io_failure(&format!("look at {path}"), &error)),
    };
    let kind = if meta.is_file() {
        FileKind::File
    } else if meta.is_dir() {
        FileKind::Folder
    } else if meta.is_symlink() {
        FileKind::Link
    } else {
        FileKind::Other
    };
    let digest = if digest && kind == FileKind::File {
        let file = File::open(at).doing(|| format!("open {path}"))?;
        Some(digest_of(file).doing(|| format!("read {path}"))?)
    } else {
        None
    };
    let target = if kind == FileKind::Link {
        let target = fs::read_link(at).doing(|| format!("read the link {path}"))?;
        Some(target.to_string_lossy().into_owned())
    } else {
        None
    };
    let mode = meta.mode() & 0o7777;
    Ok(Some(FileStat { kind, mode, uid: meta.uid(), gid: meta.gid(), size: meta.len(), digest, target }))
}

/// A parent that is a file means the path is as absent as when the parent is missing.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The sha256 digest of everything that `from` gives.
pub fn digest_of(mut from: impl Read) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(Digest::from_sha256(hash.finalize().into())),
            read => hash.update(&piece[..read]),
        }
    }
}

/// The size of a file and its first `max` bytes. Files of /proc and /sys say 0 and are read all the same.
pub fn read(path: &str, max: u64) -> Result<(u64, Vec<u8>), Failure> {
    let at = checked(path)?;
    if max > MAX_BODY as u64 {
        return Err(Failure::new(FailureKind::Invalid, format!("read more than {MAX_BODY} bytes at once")));
    }
    let file = File::open(at).doing(|| format!("open {path}"))?;
    let meta = file.metadata().doing(|| format!("look at {path}"))?;
    if meta.is_dir() {
        return Err(Failure::new(FailureKind::Invalid, format!("read {path}: it is a folder")));
    }
    let mut content = Vec::new();
    file.take(max).read_to_end(&mut content).doing(|| format!("read {path}"))?;
    Ok((meta.len().max(content.len() as u64), content))
}

/// Puts `content` at a path, whole or not at all.
pub fn write(path: &str, mode: u32, content: &[u8]) -> Result<(), Failure> {
    let mut new = NewFile::beside(path)?;
    new.file.write_all(content).doing(|| format!("write {path}"))?;
    new.commit(mode)
}

/// A file that is being written beside its target and takes its place in one rename.
///
/// Dropped before that, it leaves nothing behind. The rename replaces a link at the target instead of following it, and leaves a
/// program that runs from the target alone.
pub struct NewFile {
    pub file: File,
    temporary: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl NewFile {
    pub fn beside(path: &str) -> Result<NewFile, Failure> {
        let target = checked(path)?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Failure::new(FailureKind::Invalid, format!("{path:?} names no file")));
        };
        if target.is_dir() && !target.is_symlink() {
            return Err(Failure::new(FailureKind::Invalid, format!("write {path}: it is a folder")));
        }
        make_parents(parent)?;
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let temporary =
            parent.join(format!(".{}.armilla-{}-{serial}", name.to_string_lossy(), std::process::id()));
        // 0600 until the content is whole: what is being written may be secret.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&temporary)
            .doing(|| format!("create a file in {}", parent.display()))?;
        Ok(NewFile { file, temporary, target: target.to_owned(), committed: false })
    }

    pub fn commit(mut self, mode: u32) -> Result<(), Failure> {
        let target = self.target.display().to_string();
        self.file
            .set_permissions(Permissions::from_mode(mode & 0o7777))
            .doing(|| format!("set the mode of {target}"))?;
        self.file.sync_all().doing(|| format!("sync {target}"))?;
        fs::rename(&self.temporary, &self.target).doing(|| format!("rename to {target}"))?;
        self.committed = true;
        sync_folder_of(&self.target)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn make_parents(folder: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)
        .doing(|| format!("make the folder {}", folder.display()))
}

/// Makes a rename or a removal in the folder of `path` survive a power cut.
pub fn sync_folder_of(path: &Path) -> Result<(), Failure> {
    let Some(parent) = path.parent() else { return Ok(()) };
    File::open(parent).and_then(|folder| folder.sync_all()).doing(|| format!("sync {}", parent.display()))
}

/// Removes files, links and whole folders; mount points inside a folder make it fail, what is not there does not.
pub fn remove(paths: &[String]) -> Result<(), Failure> {
    let all = paths.iter().map(|path| checked(path)).collect::<Result<Vec<_>, _>>()?;
    if let Some(root) = all.iter().find(|path| path.parent().is_none()) {
        return Err(Failure::new(FailureKind::Invalid, format!("{} is not to be removed", root.display())));
    }
    for path in all {
        let removed = match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        match removed {
            Ok(()) => sync_folder_of(path)?,
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(io_failure(&format!("remove {}", path.display()), &error)),
        }
    }
    Ok(())
}

/// Makes a folder with its parents, or sets the mode of the one that is there.
pub fn make_folder(path: &str, mode: u32) -> Result<(), Failure> {
    let folder = checked(path)?;
    make_parents(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(mode & 0o7777))
        .doing(|| format!("set the mode of {path}"))
}

/// Makes or replaces a link in one rename.
pub fn make_link(path: &str, target: &str) -> Result<(), Failure> {
    let at = checked(path)?;
    let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else {
        return Err(Failure::new(FailureKind::Invalid, format!("{path:?} names no link")));
    };
    make_parents(parent)?;
    let temporary = parent.join(format!(".{}.armilla-{}", name.to_string_lossy(), std::process::id()));
    let _ = fs::remove_file(&temporary);
    symlink(target, &temporary).doing(|| format!("make a link in {}", parent.display()))?;
    fs::rename(&temporary, at).doing(|| format!("rename to {path}")).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })?;
    sync_folder_of(at)
}

#[cfg(test)]
#[path = "files_test.rs"]
mod tests;
