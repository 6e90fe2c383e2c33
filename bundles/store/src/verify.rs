//! Holding every byte of a bundle against its digest.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bundles_format::{Digest, entry};
use sha2::{Digest as _, Sha256};

use crate::scan::Place;
use crate::{Bundle, Sealed};

/// Bytes read at a time, per thread.
const CHUNK: usize = 1 << 20;

/// A part of the bundle that is not what was sealed.
#[derive(Debug, thiserror::Error)]
pub enum BadBlob {
    #[error("blob {digest} of {user}: its content is {found}")]
    Content { digest: Digest, user: String, found: Digest },
    #[error("blob {digest} of {user}: {source}")]
    Read { digest: Digest, user: String, source: io::Error },
    #[error("the padding after {entry} is not empty")]
    Padding { entry: String },
}

#[derive(Debug, thiserror::Error)]
#[error("verify the bundle: {}", .bad.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct VerifyError {
    /// In the order of the file.
    pub bad: Vec<BadBlob>,
}

impl Bundle<Sealed> {
    /// Reads the whole file on `threads` threads and names every bad part.
    ///
    /// `progress` is told the bytes read so far and in all, from whichever thread read them.
    pub fn verify(&self, threads: usize, progress: impl Fn(u64, u64) + Sync) -> Result<(), VerifyError> {
        let blobs: Vec<(&Digest, &Place)> = self.table.blobs.iter().collect();
        let total = blobs.iter().map(|(_, place)| place.size).sum();
        let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
        let bad = Mutex::new(Vec::new());
        let work = || {
            let mut chunk = vec![0; CHUNK];
            while let Some((at, (digest, place))) = take(&blobs, &next) {
                let found = self.hash(place, &mut chunk, |bytes| {
                    progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
                });
                let user = || self.release().user_of(digest).unwrap_or_default();
                let fault = match found {
                    Ok(found) if found == **digest => continue,
                    Ok(found) => BadBlob::Content { digest: (*digest).clone(), user: user(), found },
                    Err(source) => BadBlob::Read { digest: (*digest).clone(), user: user(), source },
                };
                bad.lock().expect("no thread panics while it holds the list").push((at, fault));
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, blobs.len().max(1)) {
                scope.spawn(work);
            }
        });
        let mut bad = bad.into_inner().expect("no thread panics while it holds the list");
        bad.sort_by_key(|(at, _)| *at);
        let mut bad: Vec<BadBlob> = bad.into_iter().map(|(_, fault)| fault).collect();
        bad.extend(self.bad_padding());
        if bad.is_empty() { Ok(()) } else { Err(VerifyError { bad }) }
    }

    fn hash(&self, place: &Place, chunk: &mut [u8], read: impl Fn(u64)) -> io::Result<Digest> {
        let mut hash = Sha256::new();
        let mut at = 0;
        while at < place.size {
            let take = chunk.len().min(usize::try_from(place.size - at).unwrap_or(usize::MAX));
            self.file.read_exact_at(&mut chunk[..take], place.offset + at)?;
            hash.update(&chunk[..take]);
            at += take as u64;
            read(take as u64);
        }
        Ok(Digest::from_sha256(hash.finalize().into()))
    }

    fn bad_padding(&self) -> Vec<BadBlob> {
        let head = entry::HEAD.iter().map(|name| (*name).to_owned()).zip(&self.table.head);
        let blobs = self.table.blobs.iter().map(|(digest, place)| (entry::blob_name(digest), place));
        head.chain(blobs)
            .filter(|(_, place)| {
                let mut block =
                    vec![0; usize::try_from(entry::padding(place.size)).expect("less than a block")];
                let read = self.file.read_exact_at(&mut block, place.offset + place.size);
                read.is_err() || block.iter().any(|byte| *byte != 0)
            })
            .map(|(entry, _)| BadBlob::Padding { entry })
            .collect()
    }
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    items.get(at).map(|item| (at, item))
}
