//! From a file to a table of its entries, by its headers alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bundles_format::Digest;
use bundles_format::entry::{self, BLOCK, HEAD, HEAD_LIMIT};

/// More entries than any bundle has: the bound on a reader's memory.
const ENTRIES_LIMIT: usize = 100_000;

#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("read the file")]
    Read(#[source] io::Error),
    #[error("find a bundle in it: the file begins otherwise")]
    NotABundle,
    #[error("find a seal: the bundle is unsigned")]
    Unsigned,
    #[error("read {entry}: the file is truncated there")]
    Truncated { entry: String },
    #[error("read the header after {after}: it is damaged")]
    DamagedHeader { after: String },
    #[error("read {entry}: its header is not the one that its name and size give")]
    OddHeader { entry: String },
    #[error("read {entry}: a link or another thing that is not a file")]
    NotAFile { entry: String },
    #[error("read {entry}: the name climbs out of the bundle")]
    Climbs { entry: String },
    #[error("read {entry}: it has no place in a bundle or stands in the wrong one")]
    Misplaced { entry: String },
    #[error("read {entry}: it is there twice")]
    Twice { entry: String },
    #[error("read {entry}: {size} bytes are more than it may have")]
    Oversize { entry: String, size: u64 },
    #[error("read it: more than {ENTRIES_LIMIT} entries")]
    TooMany,
    #[error("read the end: something follows the last entry")]
    Tail,
}

/// Where something lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// What a file holds: the entries before the blobs in their order, and the blobs.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) head: [Place; HEAD.len()],
    pub(crate) blobs: BTreeMap<Digest, Place>,
    pub(crate) length: u64,
}

/// Reads every header; content is skipped, so this costs one small read per entry.
pub(crate) fn scan(file: &File) -> Result<Table, ScanError> {
    let length = file.metadata().map_err(ScanError::Read)?.len();
    let mut head = Vec::new();
    let mut blobs = BTreeMap::new();
    let mut at = 0;
    let mut before = "the beginning".to_owned();
    loop {
        let block = block_at(file, at, length, || format!("what follows {before}"))?;
        if block == [0; BLOCK as usize] {
            end(file, at, length)?;
            break;
        }
        let claims = match entry::claims(&block) {
            Some(claims) => claims,
            None if at == 0 => return Err(ScanError::NotABundle),
            None => return Err(ScanError::DamagedHeader { after: before }),
        };
        let name = claims.name;
        if at == 0 && name == HEAD[1] {
            return Err(ScanError::Unsigned);
        }
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            return Err(ScanError::Climbs { entry: name });
        }
        if !claims.regular {
            return Err(ScanError::NotAFile { entry: name });
        }
        let blob = entry::blob_digest(&name);
        if blob.as_ref().is_some_and(|digest| blobs.contains_key(digest))
            || HEAD[..head.len().min(HEAD.len())].contains(&name.as_str())
        {
            return Err(ScanError::Twice { entry: name });
        }
        let limit = if blob.is_some() { entry::ENTRY_LIMIT } else { HEAD_LIMIT };
        if claims.size > limit {
            return Err(ScanError::Oversize { entry: name, size: claims.size });
        }
        if entry::header(&name, claims.size) != Some(block) {
            return Err(ScanError::OddHeader { entry: name });
        }
        let place = Place { offset: at + BLOCK, size: claims.size };
        match blob {
            // Blobs stand in the order of their digests, after all else.
            Some(digest)
                if head.len() == HEAD.len()
                    && blobs.last_key_value().is_none_or(|(last, _)| *last < digest) =>
            {
                blobs.insert(digest, place);
            }
            None if HEAD.get(head.len()).is_some_and(|wanted| *wanted == name) => head.push(place),
            Some(_) | None => return Err(ScanError::Misplaced { entry: name }),
        }
        if blobs.len() > ENTRIES_LIMIT {
            return Err(ScanError::TooMany);
        }
        at = place.offset + place.size + entry::padding(place.size);
        if at > length {
            return Err(ScanError::Truncated { entry: name });
        }
        before = name;
    }
    let head =
        head.try_into().map_err(|_| ScanError::Truncated { entry: "the entries before the blobs".into() })?;
    Ok(Table { head, blobs, length })
}

/// The file ends with two empty blocks and nothing after them.
fn end(file: &File, at: u64, length: u64) -> Result<(), ScanError> {
    let last = block_at(file, at + BLOCK, length, || "the end".to_owned())?;
    if last != [0; BLOCK as usize] || length != at + 2 * BLOCK {
        return Err(ScanError::Tail);
    }
    Ok(())
}

fn block_at(
    file: &File,
    at: u64,
    length: u64,
    entry: impl Fn() -> String,
) -> Result<[u8; BLOCK as usize], ScanError> {
    let mut block = [0; BLOCK as usize];
    if at + BLOCK > length {
        return Err(ScanError::Truncated { entry: entry() });
    }
    file.read_exact_at(&mut block, at).map_err(ScanError::Read)?;
    Ok(block)
}
