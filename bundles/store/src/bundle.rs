//! An open bundle, in two states: what it says of itself, and what a trusted key says of it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bundles_format::{Blob, Digest, FORMAT, Release, ReleaseError, Seal, entry, oci, statement};
use sha2::{Digest as _, Sha256};

use crate::scan::{Place, ScanError, Table, scan};
use crate::{BlobReader, PublicKey, Trust};

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("open {path}")]
    Open { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("read {entry}")]
    Read { entry: &'static str, source: io::Error },
    #[error("read it: the bundle has format {found}, this armilla reads format {FORMAT}")]
    Format { found: u64 },
    #[error("understand {entry}")]
    Parse { entry: &'static str, source: serde_json::Error },
    #[error("accept the index")]
    Index(#[from] ReleaseError),
    #[error("accept the seal: it holds no ed25519 key, or another than it names")]
    SealKey,
    #[error("accept the seal: signed by {signer}, trusted is {}", list(trusted))]
    Foreign { signer: Digest, trusted: Vec<Digest> },
    #[error("accept the seal: the signature by {signer} does not fit")]
    BadSignature { signer: Digest },
    #[error("accept {}: it is not what was sealed ({found}, sealed was {sealed})", entry::INDEX)]
    IndexChanged { found: Digest, sealed: Digest },
    #[error("accept {entry}: it is not written as the format wants it")]
    HeadChanged { entry: &'static str },
    #[error("find blob {digest} of {user}: it is not in the bundle")]
    Missing { digest: Digest, user: String },
    #[error("accept blob {digest} of {user}: {found} bytes, the index says {wanted}")]
    Size { digest: Digest, user: String, found: u64, wanted: u64 },
    #[error("accept blob {digest}: the index does not know it")]
    Unlisted { digest: Digest },
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::to_string).collect::<Vec<_>>().join(", ")
}

/// Nobody has vouched for it: good for showing whose it claims to be, and for nothing else.
#[derive(Debug)]
pub struct Unverified {
    index: Vec<u8>,
    signer: PublicKey,
}

/// A trusted key signed its index, and every blob of the index is there in its size. Contents are checked by
/// [`Bundle::verify`] or by whoever reads them: each has its digest.
#[derive(Debug)]
pub struct Sealed {
    release: Release,
    signer: PublicKey,
}

/// One bundle file.
#[derive(Debug)]
pub struct Bundle<State> {
    path: PathBuf,
    pub(crate) file: Arc<File>,
    pub(crate) table: Table,
    seal: Seal,
    state: State,
}

/// A pipe or a device would keep whoever opens it waiting.
fn open(path: &Path) -> io::Result<File> {
    match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
    }
}

impl Bundle<Unverified> {
    /// Reads the headers and the seal, believes nothing.
    pub fn inspect(path: &Path) -> Result<Bundle<Unverified>, OpenError> {
        let file = open(path).map_err(|source| OpenError::Open { path: path.into(), source })?;
        let table = scan(&file)?;
        let seal = read_head(&file, &table, entry::SEAL)?;
        let index = read_head(&file, &table, entry::INDEX)?;
        known_format(&seal, entry::SEAL)?;
        let written = seal;
        let seal: Seal = parse(&written, entry::SEAL)?;
        // There is one way to write a seal; another spelling of the same is a flipped bit that hit a letter's case.
        if serde_json::to_vec(&seal).ok().as_ref() != Some(&written) {
            return Err(OpenError::HeadChanged { entry: entry::SEAL });
        }
        let signer = PublicKey::from_hex(&seal.public_key)
            .filter(|key| key.fingerprint() == seal.key && key.to_hex() == seal.public_key)
            .ok_or(OpenError::SealKey)?;
        let state = Unverified { index, signer };
        Ok(Bundle { path: path.into(), file: Arc::new(file), table, seal, state })
    }

    /// Whose bundle it claims to be; for the question at first use.
    pub fn signer(&self) -> &PublicKey {
        &self.state.signer
    }

    /// The digest of the index that the seal names; see [`Bundle::<Sealed>::id`].
    pub fn id(&self) -> &Digest {
        &self.seal.index
    }

    /// Bytes of the whole file.
    pub fn size(&self) -> u64 {
        self.table.length
    }

    /// Holds the seal against the trusted keys, then the index against the seal, then the file against the index.
    pub fn seal(self, trust: &Trust) -> Result<Bundle<Sealed>, OpenError> {
        let signer = self.seal.key.clone();
        if !trust.has(&self.state.signer) {
            return Err(OpenError::Foreign { signer, trusted: trust.fingerprints() });
        }
        if !self.state.signer.signed(&statement(self.seal.format, &self.seal.index), &self.seal.signature) {
            return Err(OpenError::BadSignature { signer });
        }
        let found = Digest::from_sha256(Sha256::digest(&self.state.index).into());
        if found != self.seal.index {
            return Err(OpenError::IndexChanged { found, sealed: self.seal.index });
        }
        known_format(&self.state.index, entry::INDEX)?;
        let release: Release = parse(&self.state.index, entry::INDEX)?;
        release.check()?;
        for (name, wanted) in
            [(entry::OCI_LAYOUT, oci::LAYOUT.to_owned()), (entry::OCI_INDEX, oci::index(&release))]
        {
            if read_head(&self.file, &self.table, name)? != wanted.into_bytes() {
                return Err(OpenError::HeadChanged { entry: name });
            }
        }
        every_blob_has_its_place(&release, &self.table)?;
        Ok(Bundle {
            path: self.path,
            file: self.file,
            table: self.table,
            seal: self.seal,
            state: Sealed { release, signer: self.state.signer },
        })
    }
}

impl Bundle<Sealed> {
    /// Opens a bundle that one of the trusted keys sealed.
    pub fn open(path: &Path, trust: &Trust) -> Result<Bundle<Sealed>, OpenError> {
        Bundle::inspect(path)?.seal(trust)
    }

    pub fn release(&self) -> &Release {
        &self.state.release
    }

    /// The name of this very bundle: the digest of its index, which was signed.
    pub fn id(&self) -> &Digest {
        &self.seal.index
    }

    /// Fingerprint of the key that sealed it.
    pub fn signer(&self) -> &Digest {
        &self.seal.key
    }

    /// The key that sealed it, in PEM: to be remembered.
    pub fn signer_pem(&self) -> String {
        self.state.signer.to_pem()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the whole file.
    pub fn size(&self) -> u64 {
        self.table.length
    }

    /// A blob's bytes as stored; `None` for a digest that is not in the bundle. The reader must hold them against
    /// the digest.
    pub fn blob(&self, digest: &Digest) -> Option<BlobReader> {
        self.table.blobs.get(digest).map(|place| BlobReader::new(Arc::clone(&self.file), *place))
    }

    /// A small blob whole (a manifest, a configuration), held against its digest.
    pub fn small(&self, blob: &Blob) -> io::Result<Vec<u8>> {
        let invalid =
            |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("blob {}: {why}", blob.digest));
        let reader = self.blob(&blob.digest).ok_or_else(|| invalid("not in the bundle"))?;
        if reader.size() > entry::HEAD_LIMIT {
            return Err(invalid("too large to be held in memory"));
        }
        let mut bytes = Vec::new();
        reader.take(entry::HEAD_LIMIT).read_to_end(&mut bytes)?;
        if Digest::from_sha256(Sha256::digest(&bytes).into()) != blob.digest {
            return Err(invalid("its content does not have this digest"));
        }
        Ok(bytes)
    }
}

fn every_blob_has_its_place(release: &Release, table: &Table) -> Result<(), OpenError> {
    let blobs = release.blobs();
    let user = |digest: &Digest| release.user_of(digest).unwrap_or_default();
    for blob in &blobs {
        match table.blobs.get(&blob.digest) {
            None => return Err(OpenError::Missing { digest: blob.digest.clone(), user: user(&blob.digest) }),
            Some(place) if place.size != blob.size => {
                return Err(OpenError::Size {
                    digest: blob.digest.clone(),
                    user: user(&blob.digest),
                    found: place.size,
                    wanted: blob.size,
                });
            }
            Some(_) => {}
        }
    }
    // Both are sorted and free of doubles, so the first that differs is the one too many.
    let extra = table.blobs.keys().zip(blobs.iter().map(Some).chain(std::iter::repeat(None)));
    match extra.into_iter().find(|(digest, blob)| blob.is_none_or(|blob| blob.digest != **digest)) {
        Some((digest, _)) => Err(OpenError::Unlisted { digest: digest.clone() }),
        None => Ok(()),
    }
}

fn read_head(file: &File, table: &Table, name: &'static str) -> Result<Vec<u8>, OpenError> {
    let at = entry::HEAD.iter().position(|head| *head == name).expect("only names of HEAD are asked for");
    let Place { offset, size } = table.head[at];
    let mut bytes = vec![0; usize::try_from(size).expect("the scan bounds the head entries")];
    file.read_exact_at(&mut bytes, offset).map_err(|source| OpenError::Read { entry: name, source })?;
    Ok(bytes)
}

/// The version first: what a later format says otherwise, this code need not understand.
fn known_format(bytes: &[u8], entry: &'static str) -> Result<(), OpenError> {
    #[derive(serde::Deserialize)]
    struct Version {
        format: u64,
    }
    let Version { format } = parse(bytes, entry)?;
    if format == u64::from(FORMAT) { Ok(()) } else { Err(OpenError::Format { found: format }) }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], entry: &'static str) -> Result<T, OpenError> {
    serde_json::from_slice(bytes).map_err(|source| OpenError::Parse { entry, source })
}
