//! Holding every byte of a bundle against its digest, and what blobs unpack to against the index.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bundles_format::{Digest, FileArtifact, ImageArtifact, entry};
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
    #[error("blob {digest} of {user}: {source}")]
    Unpack { digest: Digest, user: String, source: io::Error },
    #[error("blob {digest} of {user}: it unpacks to {found}, the index says {wanted}")]
    Holds { digest: Digest, user: String, found: Digest, wanted: Digest },
    #[error("{user}: it unpacks to {found} bytes, the index says {wanted}")]
    Size { user: String, found: u64, wanted: u64 },
    #[error("the padding after {entry} is not empty")]
    Padding { entry: String },
}

#[derive(Debug, thiserror::Error)]
#[error("verify the bundle: {}", .bad.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct VerifyError {
    /// In the order of the file; then files and images that unpack to something else than the index says.
    pub bad: Vec<BadBlob>,
}

impl VerifyError {
    /// Whether it was sealed like this: another copy of the file would be no better.
    pub fn was_sealed_so(&self) -> bool {
        self.bad.iter().all(|bad| match bad {
            BadBlob::Unpack { .. } | BadBlob::Holds { .. } | BadBlob::Size { .. } => true,
            BadBlob::Content { .. } | BadBlob::Read { .. } | BadBlob::Padding { .. } => false,
        })
    }
}

impl Bundle<Sealed> {
    /// Reads the whole file on `threads` threads, unpacks what is in it, keeps nothing, and names every bad part.
    ///
    /// `progress` is told the bytes read so far and in all, from whichever thread read them.
    pub fn verify(&self, threads: usize, progress: impl Fn(u64, u64) + Sync) -> Result<(), VerifyError> {
        let blobs: Vec<(&Digest, &Place)> = self.table.blobs.iter().collect();
        let claims = self.claims();
        let stored: u64 = blobs.iter().map(|(_, place)| place.size).sum();
        let total = stored + claims.iter().map(Claim::stored).sum::<u64>();
        let done = AtomicU64::new(0);
        let read = |bytes| progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);

        let mut bad: Vec<BadBlob> = on_threads(threads, &blobs, |(digest, place)| {
            let user = || self.release().user_of(digest).unwrap_or_default();
            match self.hash(place, read) {
                Ok(found) if found == **digest => None,
                Ok(found) => Some(BadBlob::Content { digest: (*digest).clone(), user: user(), found }),
                Err(source) => Some(BadBlob::Read { digest: (*digest).clone(), user: user(), source }),
            }
        });
        bad.extend(self.bad_padding());
        // What is damaged unpacks to anything, and is named already.
        if bad.is_empty() {
            bad = on_threads(threads, &claims, |claim| {
                let lie = match claim {
                    Claim::File(file) => self.lie_of_file(file),
                    Claim::Image(image) => self.lie_of_image(image),
                };
                read(claim.stored());
                lie
            });
        }
        if bad.is_empty() { Ok(()) } else { Err(VerifyError { bad }) }
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        let components = &self.release().components;
        let files = components.iter().flat_map(|component| &component.files).map(Claim::File);
        files.chain(components.iter().flat_map(|component| &component.images).map(Claim::Image)).collect()
    }

    fn hash(&self, place: &Place, read: impl Fn(u64)) -> io::Result<Digest> {
        let mut chunk = vec![0; CHUNK.min(usize::try_from(place.size).unwrap_or(CHUNK))];
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

/// Something of which the index says how large it is when it is unpacked.
enum Claim<'a> {
    File(&'a FileArtifact),
    Image(&'a ImageArtifact),
}

impl Claim<'_> {
    /// Bytes to be read for it.
    fn stored(&self) -> u64 {
        match self {
            Claim::File(file) => file.blob.size,
            Claim::Image(image) => image.layers.iter().map(|layer| layer.size).sum(),
        }
    }
}

/// What is found at the items, in their order; each thread takes the next one that nobody has.
fn on_threads<T: Sync, Found: Send>(
    threads: usize,
    items: &[T],
    look: impl Fn(&T) -> Option<Found> + Sync,
) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let work = || {
        while let Some((at, item)) = take(items, &next) {
            if let Some(one) = look(item) {
                found.lock().expect("no thread panics while it holds the list").push((at, one));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().expect("no thread panics while it holds the list");
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, one)| one).collect()
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    items.get(at).map(|item| (at, item))
}
