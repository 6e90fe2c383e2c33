//! The host's blob store: files under the name of their content.
//!
//! ```text
//! blobs/partial/<hex> ──all bytes there──▶ hashed ──right──▶ blobs/sha256/<hex>
//!        ▲    │ cut, and gone on with        └────wrong──▶ deleted
//!        └────┘
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use bundles_format::Digest;
use installer_wire::{BlobState, Failure, FailureKind};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use crate::failure::{Doing, io_failure};
use crate::files::{self, NewFile, PIECE};

/// How long somebody who wants to bring a blob waits for another connection that brings it and does not get on.
pub const RECEIVER_PATIENCE: Duration = Duration::from_secs(20);

/// Who waits for a blob says so more often than this.
const WANTED_AGE: Duration = Duration::from_secs(5);

/// The memory that decompressing may take: 8 MiB, the window of what bundles hold. A frame may ask for 2 GiB.
const WINDOW_LOG: u32 = 23;

pub struct Blobs {
    whole: PathBuf,
    partial: PathBuf,
}

impl Blobs {
    /// The store under the hand's root. Touches nothing.
    pub fn at(root: &Path) -> Blobs {
        Blobs { whole: root.join("blobs/sha256"), partial: root.join("blobs/partial") }
    }

    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.whole.join(digest.hex())
    }

    fn partial_path(&self, digest: &Digest) -> PathBuf {
        self.partial.join(digest.hex())
    }

    /// Is touched by those who wait for the partial.
    fn wanted_path(&self, digest: &Digest) -> PathBuf {
        self.partial.join(format!("{}.wanted", digest.hex()))
    }

    pub fn state(&self, digest: &Digest) -> BlobState {
        let length = |path: PathBuf| fs::metadata(path).map(|meta| meta.len()).ok();
        match length(self.path(digest)) {
            Some(bytes) => BlobState { digest: digest.clone(), complete: true, bytes },
            None => {
                let bytes = length(self.partial_path(digest)).unwrap_or(0);
                BlobState { digest: digest.clone(), complete: false, bytes }
            }
        }
    }

    pub fn remove(&self, digests: &[Digest]) -> Result<(), Failure> {
        for digest in digests {
            for path in [self.path(digest), self.partial_path(digest), self.wanted_path(digest)] {
                match fs::remove_file(&path) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(io_failure(&format!("remove blob {digest}"), &error)),
                }
            }
        }
        Ok(())
    }

    /// Opens a blob for writing where its partial ends; nothing when it is here already.
    ///
    /// While another connection brings the same blob this one waits, and lets it be known: a receiver whose connection is
    /// gone hears nothing of that for hours, and steps back when somebody else wants its place. `Busy` after `patience`
    /// without a byte more.
    pub fn receive(
        &self,
        digest: &Digest,
        size: u64,
        patience: Duration,
    ) -> Result<Option<Receiving<'_>>, Failure> {
        let mut since = Instant::now();
        let mut grown = self.state(digest).bytes;
        let mut waited = false;
        let file = loop {
            if self.path(digest).exists() {
                return Ok(None);
            }
            if let Some(file) = self.lock_partial(digest)? {
                break file;
            }
            waited = true;
            // Its age says that somebody waits now, not that somebody once did.
            fs::write(self.wanted_path(digest), "").doing(|| format!("ask for blob {digest}"))?;
            let bytes = self.state(digest).bytes;
            if bytes != grown {
                (since, grown) = (Instant::now(), bytes);
            } else if since.elapsed() > patience {
                let busy = format!("blob {digest} is being received by another connection");
                return Err(Failure::new(FailureKind::Busy, busy));
            }
            thread::sleep(Duration::from_millis(100));
        };
        if waited {
            let _ = fs::remove_file(self.wanted_path(digest));
        }
        self.resume(file, digest, size).map(Some)
    }

    /// The partial, if nobody else has it.
    fn lock_partial(&self, digest: &Digest) -> Result<Option<Locked>, Failure> {
        for folder in [&self.whole, &self.partial] {
            fs::create_dir_all(folder).doing(|| format!("make the folder {}", folder.display()))?;
        }
        let path = self.partial_path(digest);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .doing(|| format!("open blob {digest}"))?;
        let Some(file) = Locked::try_lock(file) else { return Ok(None) };
        // Between the opening and the lock its holder may have renamed or deleted it.
        let ours = file.0.metadata().doing(|| format!("look at blob {digest}"))?.ino();
        Ok(fs::metadata(&path).is_ok_and(|there| there.ino() == ours).then_some(file))
    }

    fn resume(&self, mut file: Locked, digest: &Digest, size: u64) -> Result<Receiving<'_>, Failure> {
        let mut hash = Sha256::new();
        let mut have = hash_into(&mut hash, &mut file.0).doing(|| format!("read blob {digest}"))?;
        if have > size {
            file.0.set_len(0).and_then(|()| file.0.rewind()).doing(|| format!("shorten blob {digest}"))?;
            (hash, have) = (Sha256::new(), 0);
        }
        Ok(Receiving { blobs: self, digest: digest.clone(), size, have, hash, file })
    }

    /// Adds one piece, for connections on which a stream of its own is not to be had. The blob is hashed at the end.
    pub fn put_piece(
        &self,
        digest: &Digest,
        size: u64,
        offset: u64,
        piece: &[u8],
    ) -> Result<BlobState, Failure> {
        let have = self.state(digest);
        if have.complete {
            return Ok(have);
        }
        if offset != have.bytes || offset + piece.len() as u64 > size {
            let wrong = format!("blob {digest} goes on at {} of {size}, not at {offset}", have.bytes);
            return Err(Failure::new(FailureKind::Invalid, wrong));
        }
        if offset + (piece.len() as u64) < size {
            fs::create_dir_all(&self.partial).doing(|| format!("make {}", self.partial.display()))?;
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(self.partial_path(digest))
                .doing(|| format!("open blob {digest}"))?;
            file.write_all(piece).doing(|| format!("write blob {digest}"))?;
        } else if let Some(mut receiving) = self.receive(digest, size, RECEIVER_PATIENCE)? {
            receiving.take(piece)?;
            receiving.finish()?;
        }
        Ok(self.state(digest))
    }

    /// Decompresses a zstd blob to a path, `size` bytes at most, and checks what came out. Says whether anything had to be
    /// done.
    pub fn place(
        &self,
        blob: &Digest,
        path: &str,
        mode: u32,
        content: &Digest,
        size: u64,
    ) -> Result<bool, Failure> {
        let there = files::stat(path, true)?;
        if there.is_some_and(|file| file.digest.as_ref() == Some(content) && file.mode == mode) {
            return Ok(false);
        }
        let compressed = File::open(self.path(blob)).doing(|| format!("open blob {blob}"))?;
        let mut from = zstd::Decoder::new(compressed).doing(|| format!("decompress blob {blob}"))?;
        from.window_log_max(WINDOW_LOG).doing(|| format!("decompress blob {blob}"))?;
        let mut new = NewFile::beside(path)?;
        let mut hash = Sha256::new();
        let (mut piece, mut left) = (vec![0; PIECE], size);
        loop {
            match from.read(&mut piece).doing(|| format!("decompress blob {blob}"))? {
                0 => break,
                read if read as u64 > left => {
                    let long = format!("blob {blob} holds more than the {size} bytes announced for {path}");
                    return Err(Failure::new(FailureKind::Invalid, long));
                }
                read => {
                    left -= read as u64;
                    hash.update(&piece[..read]);
                    new.file.write_all(&piece[..read]).doing(|| format!("write {path}"))?;
                }
            }
        }
        let found = Digest::from_sha256(hash.finalize().into());
        if found != *content {
            return Err(mismatch(&format!("what blob {blob} holds for {path}"), content, &found));
        }
        new.commit(mode)?;
        Ok(true)
    }
}

fn mismatch(what: &str, wanted: &Digest, found: &Digest) -> Failure {
    Failure::new(FailureKind::DigestMismatch, format!("{what} has digest {found}, not {wanted}"))
}

/// Hashes a file from its beginning to its end and leaves it there; gives its length.
fn hash_into(hash: &mut Sha256, file: &mut File) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut piece = vec![0; PIECE];
    let mut length = 0;
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(length),
            read => {
                hash.update(&piece[..read]);
                length += read as u64;
            }
        }
    }
}

/// A blob on its way in.
pub struct Receiving<'a> {
    blobs: &'a Blobs,
    digest: Digest,
    size: u64,
    have: u64,
    hash: Sha256,
    file: Locked,
}

/// A file under an exclusive lock that ends with it. Closing the file alone would not end it: a child that another thread is
/// just starting has a copy of every descriptor until it executes its program.
struct Locked(File);

impl Locked {
    fn try_lock(file: File) -> Option<Locked> {
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok().map(|()| Locked(file))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Receiving<'_> {
    /// Where to go on: this many bytes are here.
    pub fn offset(&self) -> u64 {
        self.have
    }

    /// Whether another connection waits to bring this blob.
    pub fn is_wanted_by_another(&self) -> bool {
        let asked = fs::metadata(self.blobs.wanted_path(&self.digest)).and_then(|meta| meta.modified());
        asked.is_ok_and(|asked| asked.elapsed().is_ok_and(|age| age < WANTED_AGE))
    }

    /// How many bytes are still wanted.
    pub fn wanted(&self) -> u64 {
        self.size - self.have
    }

    pub fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        if piece.len() as u64 > self.wanted() {
            let long = format!("blob {} is longer than the {} bytes announced", self.digest, self.size);
            return Err(Failure::new(FailureKind::Invalid, long));
        }
        self.file.0.write_all(piece).doing(|| format!("write blob {}", self.digest))?;
        self.hash.update(piece);
        self.have += piece.len() as u64;
        Ok(())
    }

    /// Checks the digest and gives the blob its final name.
    pub fn finish(self) -> Result<(), Failure> {
        let partial = self.blobs.partial_path(&self.digest);
        let found = Digest::from_sha256(self.hash.finalize().into());
        if found != self.digest {
            let _ = fs::remove_file(&partial);
            return Err(mismatch("the received blob", &self.digest, &found));
        }
        self.file.0.sync_all().doing(|| format!("sync blob {}", self.digest))?;
        let target = self.blobs.path(&self.digest);
        fs::rename(&partial, &target).doing(|| format!("rename blob {}", self.digest))?;
        files::sync_folder_of(&target)
    }
}

#[cfg(test)]
#[path = "blobs_test.rs"]
mod tests;
