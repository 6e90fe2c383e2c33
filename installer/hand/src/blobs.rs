//! The host's blob store: files under the name of their content.
//!
//! ```text
//! blobs/partial/<hex> ──all bytes there──▶ hashed ──right──▶ blobs/sha256/<hex>
//!        ▲    │ cut, and gone on with        └────wrong──▶ deleted
//!        └────┘
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bundles_format::Digest;
use installer_wire::{BlobState, Failure, FailureKind};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use crate::failure::{Doing, io_failure};
use crate::files::{self, NewFile, PIECE};

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
            for path in [self.path(digest), self.partial_path(digest)] {
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
    pub fn receive(&self, digest: &Digest, size: u64) -> Result<Option<Receiving<'_>>, Failure> {
        if self.path(digest).exists() {
            return Ok(None);
        }
        for folder in [&self.whole, &self.partial] {
            fs::create_dir_all(folder).doing(|| format!("make the folder {}", folder.display()))?;
        }
        let path = self.partial_path(digest);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .doing(|| format!("open blob {digest}"))?;
        // Two connections may bring the same blob; the second one waits its turn elsewhere.
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Failure::new(FailureKind::Busy, format!("blob {digest} is being received by another connection"))
        })?;
        let mut hash = Sha256::new();
        let mut have = hash_into(&mut hash, &mut file).doing(|| format!("read blob {digest}"))?;
        if have > size {
            file.set_len(0).and_then(|()| file.rewind()).doing(|| format!("shorten blob {digest}"))?;
            (hash, have) = (Sha256::new(), 0);
        }
        Ok(Some(Receiving { blobs: self, digest: digest.clone(), size, have, hash, file }))
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
        } else if let Some(mut receiving) = self.receive(digest, size)? {
            receiving.take(piece)?;
            receiving.finish()?;
        }
        Ok(self.state(digest))
    }

    /// Decompresses a zstd blob to a path and checks what came out. Says whether anything had to be done.
    pub fn place(&self, blob: &Digest, path: &str, mode: u32, content: &Digest) -> Result<bool, Failure> {
        let there = files::stat(path, true)?;
        if there.is_some_and(|file| file.digest.as_ref() == Some(content) && file.mode == mode) {
            return Ok(false);
        }
        let compressed = File::open(self.path(blob)).doing(|| format!("open blob {blob}"))?;
        let mut from = zstd::Decoder::new(compressed).doing(|| format!("decompress blob {blob}"))?;
        let mut new = NewFile::beside(path)?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            match from.read(&mut piece).doing(|| format!("decompress blob {blob}"))? {
                0 => break,
                read => {
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
    file: File,
}

impl Receiving<'_> {
    /// Where to go on: this many bytes are here.
    pub fn offset(&self) -> u64 {
        self.have
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
        self.file.write_all(piece).doing(|| format!("write blob {}", self.digest))?;
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
        self.file.sync_all().doing(|| format!("sync blob {}", self.digest))?;
        let target = self.blobs.path(&self.digest);
        fs::rename(&partial, &target).doing(|| format!("rename blob {}", self.digest))?;
        files::sync_folder_of(&target)
    }
}

#[cfg(test)]
#[path = "blobs_test.rs"]
mod tests;
