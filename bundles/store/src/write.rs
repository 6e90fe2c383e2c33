//! Writing a bundle: one pass, beside its place, then renamed into it.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use bundles_format::{Blob, Digest, FORMAT, Release, Seal, entry, oci, statement};
use sha2::{Digest as _, Sha256};

use crate::KeyPair;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The digest of the index; see [`crate::Bundle::id`].
    pub id: Digest,
    /// Bytes of the file.
    pub size: u64,
}

/// Writes `release` to `path`, sealed by `key`. `open` gives each blob's bytes; they are held against the digest.
///
/// The same release, blobs and key give the same bytes. Until all is written, the file at `path` is the old one.
pub fn write<R: Read>(
    path: &Path,
    release: &Release,
    key: &KeyPair,
    open: impl Fn(&Blob) -> io::Result<R>,
    progress: impl Fn(u64, u64),
) -> io::Result<Written> {
    let index = serde_json::to_string(release)?;
    let id = Digest::from_sha256(Sha256::digest(&index).into());
    let public = key.public();
    let seal = Seal {
        format: FORMAT,
        index: id.clone(),
        key: public.fingerprint(),
        public_key: public.to_hex(),
        signature: key.sign(&statement(FORMAT, &id)),
    };
    let head = [serde_json::to_string(&seal)?, index, oci::LAYOUT.to_owned(), oci::index(release)];
    let part = part_path(path);
    let mut out = Counting { inner: BufWriter::with_capacity(1 << 20, File::create(&part)?), written: 0 };
    for (name, content) in entry::HEAD.iter().zip(&head) {
        if content.len() as u64 > entry::HEAD_LIMIT {
            return Err(invalid(format!("{name} would be too large for a reader")));
        }
        put(&mut out, name, content.len() as u64, &mut content.as_bytes())?;
    }
    let blobs = release.blobs();
    let total = blobs.iter().map(|blob| blob.size).sum();
    let mut done = 0;
    for blob in blobs {
        let mut content = Hashing { inner: open(blob)?, hash: Sha256::new() };
        put(&mut out, &entry::blob_name(&blob.digest), blob.size, &mut content)?;
        if Digest::from_sha256(content.hash.finalize().into()) != blob.digest {
            return Err(invalid(format!("blob {} changed since it was made", blob.digest)));
        }
        done += blob.size;
        progress(done, total);
    }
    out.write_all(&[0; 2 * entry::BLOCK as usize])?;
    let size = out.written;
    let file = out.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    Ok(Written { id, size })
}

fn put(out: &mut impl Write, name: &str, size: u64, content: &mut impl Read) -> io::Result<()> {
    let header = entry::header(name, size).ok_or_else(|| invalid(format!("{name} does not fit a bundle")))?;
    out.write_all(&header)?;
    let copied = io::copy(&mut content.take(size), out)?;
    if copied != size {
        return Err(invalid(format!("{name} is {copied} bytes, not {size}")));
    }
    out.write_all(&[0; entry::BLOCK as usize][..entry::padding(size) as usize])
}

fn part_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

struct Counting<W> {
    inner: W,
    written: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
