//! A sealed bundle that is small enough to be made for every test.

use std::io::Cursor;
use std::path::Path;

use bundles_format::{Arch, Blob, Component, Digest, FORMAT, FileArtifact, Release, oci};
use bundles_store::{keygen, write};
use sha2::{Digest as _, Sha256};

/// The content of its only file.
pub(crate) const CONTENT: &[u8] = b"what kubelet would be";

/// Writes a bundle with one file into the folder, sealed by a key of this name, which is made when it is not there.
pub(crate) fn seal(folder: &Path, name: &str, key: &str) {
    let (key, _) = keygen(&folder.join(key)).unwrap();
    let digest = |bytes: &[u8]| Digest::from_sha256(Sha256::digest(bytes).into());
    let packed = zstd::encode_all(CONTENT, 0).unwrap();
    let blob = Blob { digest: digest(&packed), size: packed.len() as u64, media_type: oci::FILE_ZSTD.into() };
    let file = FileArtifact {
        name: "kubelet".into(),
        arch: Arch::Amd64,
        blob,
        content: digest(CONTENT),
        content_size: CONTENT.len() as u64,
        mode: 0o755,
    };
    let component = Component {
        name: "kubernetes".into(),
        version: "1.37.1".into(),
        license: "Apache-2.0".into(),
        source: "here".into(),
        files: vec![file],
        images: vec![],
    };
    let release = Release {
        format: FORMAT,
        name: "test".into(),
        version: "1".into(),
        architectures: vec![Arch::Amd64],
        components: vec![component],
    };
    let content = |_: &Blob| Ok(Cursor::new(packed.clone()));
    write(&folder.join(name), &release, &key, content, |_, _| {}).unwrap();
}
