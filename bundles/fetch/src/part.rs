//! A file that is received in pieces: what is there is not asked for again, and nothing is taken for whole before its
//! digest says so.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bundles_format::Digest;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use oci_client::errors::OciDistributionError;
use sha2::{Digest as _, Sha256};

use crate::{FetchError, Watch};

/// Times in a row that nothing came before it is given up.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// No blob of a bundle is larger: `bundles/FORMAT.md`.
const LIMIT: u64 = 8 << 30;

/// Where a body begins, and its bytes. The error is text: it only ever ends up in one.
pub(crate) struct Body {
    /// From the beginning although another offset was asked for: the server knows no ranges.
    pub(crate) whole: bool,
    pub(crate) bytes: BoxStream<'static, Result<Vec<u8>, String>>,
}

/// Something that can be asked for from an offset on.
pub(crate) trait Source {
    fn what(&self) -> String;
    fn open(&self, offset: u64) -> impl Future<Output = Result<Body, FetchError>>;
}

/// Brings the source to `to`. Of what is not known yet, nothing that lies there is used.
pub(crate) async fn fetch(
    source: &impl Source,
    wanted: Option<(&Digest, u64)>,
    to: &Path,
    watch: &Watch<'_>,
) -> Result<(Digest, u64), FetchError> {
    let limit = wanted.map_or(LIMIT, |(_, size)| size);
    if limit > LIMIT {
        return Err(FetchError::TooLarge { what: source.what(), limit: LIMIT });
    }
    let there = || wanted.filter(|_| to.exists()).map(|(digest, size)| (digest.clone(), size));
    if let Some(there) = there() {
        return Ok(there);
    }
    let mut part = Part::open(to)?;
    // Whoever held the part was at the same work, and may have ended it.
    if let Some(there) = there() {
        return Ok(there);
    }
    if part.size > limit || wanted.is_none() {
        part.cut(0)?;
    }
    receive_all(source, &mut part, wanted.map(|(_, size)| size), limit, watch).await?;
    let found = part.sum()?;
    if let Some((wanted, _)) = wanted.filter(|(wanted, _)| **wanted != found) {
        // To go on from a wrong beginning would never end well.
        part.remove()?;
        return Err(FetchError::Content { what: source.what(), found, wanted: wanted.clone() });
    }
    part.keep(to)?;
    Ok((found, part.size))
}

/// Asks again, from where it was cut, for as long as something comes.
async fn receive_all(
    source: &impl Source,
    part: &mut Part,
    size: Option<u64>,
    limit: u64,
    watch: &Watch<'_>,
) -> Result<(), FetchError> {
    let mut tries = 0;
    while size.is_none_or(|size| part.size < size) {
        let before = part.size;
        // Without a size nothing says that a beginning is of the same: from the first byte each time.
        let from = if size.is_some() { before } else { 0 };
        match receive(source, part, from, limit, watch).await {
            Ok(()) if size.is_none_or(|size| part.size == size) => break,
            // There is nothing from here on: what the server has is shorter.
            Err(FetchError::Status { status: 416, .. }) if before > 0 => {
                part.remove()?;
                return Err(FetchError::Size { what: source.what(), found: before, wanted: limit });
            }
            // What was refused for good is not asked for again; an overloaded server may answer the next time.
            Err(
                error @ (FetchError::Status { status: ..500, .. }
                | FetchError::Registry { source: OciDistributionError::RegistryError { .. }, .. }
                | FetchError::TooLarge { .. }
                | FetchError::Stopped { .. }
                | FetchError::Write { .. }),
            ) => return Err(error),
            outcome => {
                tries = if part.size > before { 1 } else { tries + 1 };
                if tries >= TRIES {
                    let why = outcome.err().map_or("it ended early".to_owned(), |error| chain(&error));
                    return Err(FetchError::Cut { what: source.what(), why, received: part.size });
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    Ok(())
}

async fn receive(
    source: &impl Source,
    part: &mut Part,
    from: u64,
    limit: u64,
    watch: &Watch<'_>,
) -> Result<(), FetchError> {
    let mut body = source.open(from).await?;
    part.cut(if body.whole { 0 } else { from })?;
    while let Some(bytes) = body.bytes.next().await {
        let cut = |why| FetchError::Cut { what: source.what(), why, received: part.size };
        let bytes = bytes.map_err(cut)?;
        if part.size + bytes.len() as u64 > limit {
            return Err(FetchError::TooLarge { what: source.what(), limit });
        }
        part.add(&bytes)?;
        if !watch(part.size) {
            return Err(FetchError::Stopped { what: source.what() });
        }
    }
    Ok(())
}

/// The file in the making, held by one at a time: the lock goes with the file.
struct Part {
    path: PathBuf,
    file: File,
    size: u64,
}

impl Part {
    fn open(to: &Path) -> Result<Part, FetchError> {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let path = to.with_file_name(name);
        let at = |source| FetchError::Write { path: path.clone(), source };
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(at)?;
        file.lock().map_err(at)?;
        let size = file.metadata().map_err(at)?.len();
        Ok(Part { path, file, size })
    }

    /// Keeps the first `size` bytes; the next ones come after them.
    fn cut(&mut self, size: u64) -> Result<(), FetchError> {
        let done = self.file.set_len(size).and_then(|()| self.file.seek(SeekFrom::Start(size)));
        done.map_err(|source| self.error(source))?;
        self.size = size;
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.file.write_all(bytes).map_err(|source| self.error(source))?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn sum(&mut self) -> Result<Digest, FetchError> {
        sum(&mut self.file).map_err(|source| self.error(source))
    }

    fn remove(&self) -> Result<(), FetchError> {
        std::fs::remove_file(&self.path).map_err(|source| self.error(source))
    }

    fn keep(&self, to: &Path) -> Result<(), FetchError> {
        std::fs::rename(&self.path, to).map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> FetchError {
        FetchError::Write { path: self.path.clone(), source }
    }
}

fn sum(file: &mut File) -> io::Result<Digest> {
    file.seek(SeekFrom::Start(0))?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Digest::from_sha256(hash.finalize().into())),
            some => hash.update(&chunk[..some]),
        }
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    format!("{error}{cause}")
}
