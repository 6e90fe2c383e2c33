//! Where the database lies: a file whose room is its own, and what to do when the disk fails under it.
//!
//! ```text
//!  write ─ no room? ─▶ refused as Full, and redb never hears of it
//!    │
//!    └ the disk fails inside a commit ─▶ redb takes no more reads or writes
//!                                        ─▶ closed and opened again: the last commit is there, reads go on
//! ```

use std::fs;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{BackendError, Database, DatabaseError, StorageBackend};
use rustix::fs::FallocateFlags;

/// Memory for cached pages. The whole database of a site of 150 hosts is some tens of MiB.
pub(crate) const CACHE_BYTES: usize = 16 << 20;
/// A write begins only with so much room on the disk, in bytes: the largest commit and a growth of the file fit.
const RESERVE: u64 = 8 << 20;

/// A place that a database can be opened at, and opened again after it failed.
pub(crate) trait Disk: Send + Sync {
    fn open(&self) -> Result<Database, DatabaseError>;

    /// Whether there is room for a write.
    fn has_room(&self) -> bool;
}

/// A file on a real disk.
pub(crate) struct FileDisk {
    pub(crate) path: PathBuf,
}

impl Disk for FileDisk {
    fn open(&self) -> Result<Database, DatabaseError> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)
            .map_err(|error| DatabaseError::Storage(redb::StorageError::Io(error)))?;
        let twin = file.try_clone().map_err(|error| DatabaseError::Storage(redb::StorageError::Io(error)))?;
        let backend = Owned { file: twin, inner: FileBackend::new(file)? };
        Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend)
    }

    /// A file system that does not say is taken to have room.
    fn has_room(&self) -> bool {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        match rustix::fs::statvfs(folder) {
            Ok(found) => found.f_bavail.saturating_mul(found.f_frsize) >= RESERVE,
            Err(_) => true,
        }
    }
}

/// A file that owns the blocks of its whole length, so that only growing it can find the disk full, and no commit half way.
#[derive(Debug)]
struct Owned {
    inner: FileBackend,
    file: fs::File,
}

impl StorageBackend for Owned {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let before = self.inner.len()?;
        if len > before {
            match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), before, len - before) {
                // Not every file system can: there a commit may find the disk full.
                Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

#[cfg(test)]
#[path = "crash_test.rs"]
mod tests;
