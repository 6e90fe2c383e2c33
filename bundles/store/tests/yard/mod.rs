//! Small bundles of one component with files, for tests of what a reader takes and refuses.

use std::error::Error;
use std::io::Cursor;
use std::path::Path;

use bundles_format::{Arch, Blob, Component, Digest, FORMAT, FileArtifact, Release, oci};
use bundles_store::{Bundle, KeyPair, Trust};
use sha2::{Digest as _, Sha256};

pub(crate) fn sum(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

/// A file's content as a bundle stores it.
pub(crate) fn packed(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 9).expect("memory takes it")
}

/// A file that claims to be `content` and is stored as `stored`.
pub(crate) fn file(name: &str, stored: &[u8], content: &[u8]) -> FileArtifact {
    FileArtifact {
        name: name.into(),
        arch: Arch::Amd64,
        blob: Blob { digest: sum(stored), size: stored.len() as u64, media_type: oci::FILE_ZSTD.into() },
        content: sum(content),
        content_size: content.len() as u64,
        mode: 0o755,
    }
}

pub(crate) fn release(version: &str, files: Vec<FileArtifact>) -> Release {
    Release {
        format: FORMAT,
        name: "test".into(),
        version: version.into(),
        architectures: vec![Arch::Amd64],
        components: vec![Component {
            name: "files".into(),
            version: version.into(),
            license: "Apache-2.0".into(),
            source: "here".into(),
            files,
            images: vec![],
        }],
    }
}

/// Writes the bundle of a release whose blobs are among `blobs`.
pub(crate) fn write(path: &Path, release: &Release, key: &KeyPair, blobs: &[Vec<u8>]) {
    let open = |blob: &Blob| {
        let found = blobs.iter().find(|bytes| sum(bytes) == blob.digest);
        Ok(Cursor::new(found.expect("the release lists nothing else").clone()))
    };
    bundles_store::write(path, release, key, open, |_, _| {}).expect("a directory of our own takes a file");
}

/// Everything that a reader does before a host is connected to; the text of the whole error.
pub(crate) fn refusal(path: &Path, trust: &Trust) -> Option<String> {
    let error: Box<dyn Error> = match Bundle::open(path, trust) {
        Err(error) => Box::new(error),
        Ok(bundle) => Box::new(bundle.verify(1, |_, _| {}).err()?),
    };
    let (mut text, mut at) = (error.to_string(), error.source());
    while let Some(source) = at {
        text += &format!(": {source}");
        at = source.source();
    }
    Some(text)
}
