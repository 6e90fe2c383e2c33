//! Reading and writing files with errors that name the file.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A file or directory that could not be handled.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}", .path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FileError {
        let path = path.to_owned();
        move |source| FileError { action, path, source }
    }
}

pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(FileError::new("read", path))
}

pub(crate) fn make_directory(path: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(path).map_err(FileError::new("make directory", path))
}

/// A directory that only root looks into.
pub(crate) fn make_private_directory(path: &Path) -> Result<(), FileError> {
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path).map_err(FileError::new("make directory", path))
}

/// Puts `text` at `path` whole or not at all, with these permissions from the first byte on. What is replaced may be
/// a symbolic link: the link is replaced, not what it points to.
pub(crate) fn write(path: &Path, text: &str, mode: u32) -> Result<(), FileError> {
    let fresh = path.with_file_name(format!(
        ".{}.fresh",
        path.file_name().expect("only named files are written").to_string_lossy()
    ));
    let put = || {
        let _ = std::fs::remove_file(&fresh);
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.write(true).create_new(true).open(&fresh)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        std::fs::rename(&fresh, path)
    };
    put().map_err(FileError::new("write", path))
}

/// Removes a tree, if it is there. The caller has seen to it that nothing is mounted in it.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::new("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The names in a directory, sorted; none when there is no such directory.
pub(crate) fn names_in(path: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}
