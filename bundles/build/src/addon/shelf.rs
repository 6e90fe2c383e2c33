//! Blobs of images in the cache, by digest: what was brought once is there for the next build.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bundles_format::{Blob, Digest};
use sha2::{Digest as _, Sha256};

/// More than any manifest or configuration has (registries refuse manifests over 4 MiB).
const DOCUMENT_LIMIT: u64 = 4 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    root: PathBuf,
}

impl Shelf {
    pub(crate) fn open(root: &Path) -> io::Result<Shelf> {
        fs::create_dir_all(root)?;
        Ok(Shelf { root: root.to_owned() })
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(digest.hex())
    }

    /// Whether a blob lies here in its size. What lies here was held against its digest when it came.
    pub(crate) fn has(&self, digest: &Digest, size: u64) -> bool {
        fs::metadata(self.path(digest)).is_ok_and(|found| found.len() == size)
    }

    /// Keeps all that `content` gives, and says what it was.
    pub(crate) fn put(&self, content: &mut dyn Read) -> io::Result<(Digest, u64)> {
        let part = self.root.join(format!("part-{}-{:?}", std::process::id(), std::thread::current().id()));
        let mut out = io::BufWriter::with_capacity(1 << 20, File::create(&part)?);
        let (mut hash, mut size, mut chunk) = (Sha256::new(), 0, vec![0; 1 << 16]);
        loop {
            let read = content.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
            out.write_all(&chunk[..read])?;
            size += read as u64;
        }
        out.flush()?;
        let digest = Digest::from_sha256(hash.finalize().into());
        fs::rename(&part, self.path(&digest))?;
        Ok((digest, size))
    }

    /// A small document that was made here.
    pub(crate) fn put_text(&self, text: &str, media_type: &str) -> io::Result<Blob> {
        let (digest, size) = self.put(&mut text.as_bytes())?;
        Ok(Blob { digest, size, media_type: media_type.to_owned() })
    }

    /// A small document.
    pub(crate) fn document(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(digest))?.take(DOCUMENT_LIMIT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > DOCUMENT_LIMIT {
            return Err(io::Error::other(format!("{digest} is larger than any manifest")));
        }
        Ok(bytes)
    }
}
