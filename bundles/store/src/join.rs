//! Parts back to a bundle: in any order, from several places, going on where an earlier join was cut off.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bundles_format::Digest;
use bundles_format::part::{self, HEADER, Part, Problem};
use sha2::{Digest as _, Sha256};

use crate::{Bundle, OpenError};

const CHUNK: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("find a part of a bundle in {0}")]
    NoParts(String),
    #[error("join the parts:\n{}", lines(.0))]
    Parts(Vec<BadPart>),
    #[error("write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("accept what the parts make")]
    Open(#[from] OpenError),
    #[error("accept what the parts make: it is bundle {found}, the parts said {wanted}")]
    Other { found: Digest, wanted: Digest },
}

/// What is wrong with a part, or with the parts together.
#[derive(Debug, thiserror::Error)]
pub enum BadPart {
    #[error("{} is no part of a bundle", .0.display())]
    NotAPart(PathBuf),
    #[error("{} is damaged: its header does not fit its own sum", .0.display())]
    Header(PathBuf),
    #[error("{} is damaged: it has {found} bytes, wanted {wanted}", .path.display())]
    Length { path: PathBuf, found: u64, wanted: u64 },
    #[error("{} is damaged: its content is {found}, wanted {wanted}", .path.display())]
    Content { path: PathBuf, found: Digest, wanted: Digest },
    #[error(transparent)]
    Together(#[from] Problem),
}

fn lines(problems: &[BadPart]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

/// What was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// See [`Bundle::id`].
    pub id: Digest,
    /// Bytes of the bundle.
    pub size: u64,
    pub parts: usize,
    /// Bytes that an earlier join had written already.
    pub resumed: u64,
}

/// The parts that were found, held against each other by their headers.
#[derive(Debug)]
pub struct Parts(Vec<(PathBuf, Part)>);

impl Parts {
    /// Reads the headers of these files, and of every part in these folders; other files in a folder are passed over.
    pub fn find(paths: &[PathBuf]) -> Result<Parts, JoinError> {
        let mut found = Vec::new();
        let mut bad = Vec::new();
        for path in paths {
            let named = !path.is_dir();
            let files = if named { vec![path.clone()] } else { files_of(path)? };
            for file in files {
                match header(&file)? {
                    Ok(part) => found.push((file, part)),
                    Err(BadPart::NotAPart(_)) if !named => {}
                    Err(problem) => bad.push(problem),
                }
            }
        }
        let named: Vec<_> =
            found.iter().map(|(path, part)| (path.display().to_string(), part.clone())).collect();
        if named.is_empty() && bad.is_empty() {
            let places: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            return Err(JoinError::NoParts(places.join(", ")));
        }
        let order = match part::arrange(&named) {
            Ok(order) => order,
            // With a damaged header it is not known which parts are there: only what is sure is said.
            Err(_) if named.is_empty() => Vec::new(),
            Err(problems) => {
                bad.extend(problems.into_iter().map(BadPart::Together));
                Vec::new()
            }
        };
        if !bad.is_empty() {
            return Err(JoinError::Parts(bad));
        }
        Ok(Parts(order.into_iter().map(|at| found[at].clone()).collect()))
    }

    /// Which bundle they are parts of.
    pub fn bundle(&self) -> &Digest {
        &self.first().bundle
    }

    /// Bytes of the whole bundle.
    pub fn size(&self) -> u64 {
        self.first().size
    }

    fn first(&self) -> &Part {
        &self.0.first().expect("a bundle has parts").1
    }

    /// Writes the bundle to `path`. What an earlier join that was cut off had written and is right stays.
    ///
    /// The seal is not looked at: that is for whoever opens the bundle, with a key.
    pub fn join(&self, path: &Path, progress: impl Fn(u64, u64)) -> Result<Joined, JoinError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".joining");
        let partial = path.with_file_name(name);
        let at = |source| JoinError::Write { path: partial.clone(), source };
        let mut options = File::options();
        let out = options.read(true).write(true).create(true).truncate(false).open(&partial).map_err(at)?;
        out.set_len(self.size()).map_err(at)?;
        let mut resumed = 0;
        let mut bad = Vec::new();
        for (from, part) in &self.0 {
            // Reading what lies here is cheaper than reading the carrier, and says for sure what is right.
            if sum(&out, part.offset, part.length).map_err(at)? == part.content {
                resumed += part.length;
            } else if let Err(problem) = copy(from, part, &out).map_err(|error| error.at(from, &partial))? {
                bad.push(problem);
            }
            progress(part.offset + part.length, self.size());
        }
        if !bad.is_empty() {
            return Err(JoinError::Parts(bad));
        }
        out.sync_all().map_err(at)?;
        let bundle = Bundle::inspect(&partial)?;
        if bundle.id() != self.bundle() {
            return Err(JoinError::Other { found: bundle.id().clone(), wanted: self.bundle().clone() });
        }
        std::fs::rename(&partial, path).map_err(at)?;
        Ok(Joined { id: bundle.id().clone(), size: self.size(), parts: self.0.len(), resumed })
    }
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, JoinError> {
    let at = |source| JoinError::Read { path: folder.into(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        // A part that is still being written, by a split or by a copy of ours, says so with its name.
        if path.is_file() && path.extension().is_none_or(|extension| extension != "partial") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn header(path: &Path) -> Result<Result<Part, BadPart>, JoinError> {
    let at = |source| JoinError::Read { path: path.into(), source };
    let file = File::open(path).map_err(at)?;
    let length = file.metadata().map_err(at)?.len();
    let mut block = [0; HEADER as usize];
    if length < HEADER {
        return Ok(Err(BadPart::NotAPart(path.into())));
    }
    file.read_exact_at(&mut block, 0).map_err(at)?;
    Ok(match Part::parse(&block) {
        Some(part) if length == HEADER + part.length => Ok(part),
        Some(part) => Err(BadPart::Length { path: path.into(), found: length, wanted: HEADER + part.length }),
        None if Part::is_meant(&block) => Err(BadPart::Header(path.into())),
        None => Err(BadPart::NotAPart(path.into())),
    })
}

fn sum(file: &File, offset: u64, length: u64) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    each_chunk(file, offset, length, |_, bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    Ok(Digest::from_sha256(hash.finalize().into()))
}

/// Which side of a copy failed.
enum Side {
    From(io::Error),
    To(io::Error),
}

impl Side {
    fn at(self, from: &Path, to: &Path) -> JoinError {
        match self {
            Side::From(source) => JoinError::Read { path: from.into(), source },
            Side::To(source) => JoinError::Write { path: to.into(), source },
        }
    }
}

fn copy(from: &Path, part: &Part, out: &File) -> Result<Result<(), BadPart>, Side> {
    let file = File::open(from).map_err(Side::From)?;
    let mut hash = Sha256::new();
    let mut written = Ok(());
    let read = each_chunk(&file, HEADER, part.length, |at, bytes| {
        hash.update(bytes);
        written = out.write_all_at(bytes, part.offset + at);
        // Any error ends the reading; which one it was is known by `written`.
        if written.is_ok() { Ok(()) } else { Err(io::Error::other("the other side failed")) }
    });
    written.map_err(Side::To)?;
    read.map_err(Side::From)?;
    let found = Digest::from_sha256(hash.finalize().into());
    if found == part.content {
        return Ok(Ok(()));
    }
    Ok(Err(BadPart::Content { path: from.into(), found, wanted: part.content.clone() }))
}

fn each_chunk(
    file: &File,
    offset: u64,
    length: u64,
    mut take: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK.min(usize::try_from(length).unwrap_or(CHUNK))];
    let mut at = 0;
    while at < length {
        let some = chunk.len().min(usize::try_from(length - at).unwrap_or(usize::MAX));
        file.read_exact_at(&mut chunk[..some], offset + at)?;
        take(at, &chunk[..some])?;
        at += some as u64;
    }
    Ok(())
}
