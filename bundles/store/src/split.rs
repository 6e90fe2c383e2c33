//! A bundle cut into parts for carriers that do not take it whole.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bundles_format::Digest;
use bundles_format::part::{self, HEADER, Part};
use sha2::{Digest as _, Sha256};

use crate::{Bundle, OpenError};

const CHUNK: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(
        "cut it into parts of {most} bytes: want at least {} bytes, and at most {} parts",
        part::LEAST,
        part::MOST
    )]
    Size { most: u64 },
    #[error("read it")]
    Read(#[source] io::Error),
    #[error("write {path}")]
    Write { path: PathBuf, source: io::Error },
}

/// Cuts the bundle at `path` into part files of at most `most` bytes in `folder`; gives their paths in order.
///
/// Nobody need trust the bundle for that: only its form is looked at.
pub fn split(
    path: &Path,
    most: u64,
    folder: &Path,
    progress: impl Fn(u64, u64),
) -> Result<Vec<PathBuf>, SplitError> {
    let bundle = Bundle::inspect(path)?;
    let size = bundle.size();
    let cuts = part::cut(size, most).ok_or(SplitError::Size { most })?;
    let of = u32::try_from(cuts.len()).expect("a cut has no more parts than fit");
    std::fs::create_dir_all(folder).map_err(|source| SplitError::Write { path: folder.into(), source })?;
    let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut made = Vec::new();
    for (number, (offset, length)) in (1..).zip(cuts) {
        let content = Digest::from_sha256([0; 32]);
        let part = Part { bundle: bundle.id().clone(), size, number, of, offset, length, content };
        let to = folder.join(format!("{stem}.part-{number:04}-of-{of:04}"));
        write_part(&bundle.file, part, &to, |done| progress(offset + done, size))?;
        made.push(to);
    }
    Ok(made)
}

/// The sum stands before what it is made of, so the header is written last. A part that is cut off on the way has
/// another name.
fn write_part(bundle: &File, mut part: Part, to: &Path, progress: impl Fn(u64)) -> Result<(), SplitError> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = to.with_file_name(name);
    let at = |source| SplitError::Write { path: to.into(), source };
    let mut out = File::create(&partial).map_err(at)?;
    out.write_all(&[0; HEADER as usize]).map_err(at)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    while done < part.length {
        let take = chunk.len().min(usize::try_from(part.length - done).unwrap_or(usize::MAX));
        bundle.read_exact_at(&mut chunk[..take], part.offset + done).map_err(SplitError::Read)?;
        hash.update(&chunk[..take]);
        out.write_all(&chunk[..take]).map_err(at)?;
        done += take as u64;
        progress(done);
    }
    part.content = Digest::from_sha256(hash.finalize().into());
    out.write_all_at(&part.header(), 0).map_err(at)?;
    out.sync_all().map_err(at)?;
    std::fs::rename(&partial, to).map_err(at)
}
