//! `armilla hand import`: images out of blobs into containerd, without a second copy on the disk.
//!
//! An OCI image layout is made on the fly and piped into `ctr images import`. Blobs come from the hand's own store or,
//! where containerd has them already, from containerd's.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bundles_format::Digest;
use installer_model::plan::{BlobSpec, ImageSpec};
use serde_json::json;

/// Where things are on this host.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    /// The hand's own root: its blobs are below `blobs/sha256`.
    pub root: PathBuf,
    /// containerd's content store: the folder that holds blobs by their hex digest.
    pub content_store: PathBuf,
    pub ctr: PathBuf,
    /// JSON: a list of [`ImageSpec`].
    pub list: PathBuf,
    /// Whether each image gets its second name too; see [`ImageSpec::kept_name`].
    pub kept: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("read the list of images {path}")]
    List { path: PathBuf, source: io::Error },
    #[error("understand the list of images")]
    Json(#[source] serde_json::Error),
    #[error("find blob {digest} of {image} on this host")]
    Blob { digest: Digest, image: String, source: io::Error },
    #[error("start {path}")]
    Ctr { path: PathBuf, source: io::Error },
    #[error("send an image to ctr")]
    Send(#[source] io::Error),
    #[error("ctr images import ended with {0}")]
    Refused(i32),
}

/// Imports the images one after the other; each is whole or not there. `said` gets a line per image.
pub fn import(job: &Import, mut said: impl Write) -> Result<(), ImportError> {
    let text =
        std::fs::read(&job.list).map_err(|source| ImportError::List { path: job.list.clone(), source })?;
    let images: Vec<ImageSpec> = serde_json::from_slice(&text).map_err(ImportError::Json)?;
    for image in &images {
        import_one(job, image)?;
        // Whoever followed may be gone: the import goes on.
        let _ = writeln!(said, "imported {}", image.reference);
    }
    Ok(())
}

fn import_one(job: &Import, image: &ImageSpec) -> Result<(), ImportError> {
    let mut ctr = Command::new(&job.ctr)
        .args(["-n", "k8s.io", "images", "import", "--digests=false", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|source| ImportError::Ctr { path: job.ctr.clone(), source })?;
    let pipe = ctr.stdin.take().expect("its standard input was asked for as a pipe");
    let sent = send(job, image, pipe);
    let status = ctr.wait().map_err(ImportError::Send)?;
    match (status.success(), sent) {
        // What ctr says of itself explains more than the broken pipe that it leaves.
        (false, Err(ImportError::Send(_)) | Ok(())) => Err(ImportError::Refused(status.code().unwrap_or(-1))),
        (_, sent) => sent,
    }
}

/// Writes the layout: `oci-layout`, `index.json`, each blob once. Sorted so that small ones come first.
fn send(job: &Import, image: &ImageSpec, pipe: impl Write) -> Result<(), ImportError> {
    let mut tar = tar::Builder::new(pipe);
    add_bytes(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#).map_err(ImportError::Send)?;
    add_bytes(&mut tar, "index.json", &index(image, job.kept)).map_err(ImportError::Send)?;
    let mut sent = BTreeSet::new();
    for blob in image.blobs() {
        if sent.insert(&blob.digest) {
            let file = open(job, image, blob)?;
            add_blob(&mut tar, blob, file).map_err(ImportError::Send)?;
        }
    }
    tar.into_inner().and_then(|mut pipe| pipe.flush()).map_err(ImportError::Send)
}

/// Source: OCI image layout; containerd reads the image's full name from `io.containerd.image.name`.
fn index(image: &ImageSpec, kept: bool) -> Vec<u8> {
    let target = image.target();
    let names = [Some(image.reference.clone()), kept.then(|| image.kept_name())];
    let entry = |name: String| {
        json!({
            "mediaType": target.media_type, "digest": target.digest, "size": target.size,
            "annotations": { "io.containerd.image.name": name },
        })
    };
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": names.into_iter().flatten().map(entry).collect::<Vec<_>>(),
    });
    index.to_string().into_bytes()
}

fn open(job: &Import, image: &ImageSpec, blob: &BlobSpec) -> Result<File, ImportError> {
    let hex = blob.digest.hex();
    let whole = |path: &Path| {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        if size == blob.size { Ok(file) } else { Err(io::Error::other(format!("it has {size} bytes"))) }
    };
    whole(&job.root.join("blobs/sha256").join(&hex))
        .or_else(|_| whole(&job.content_store.join(&hex)))
        .map_err(|source| ImportError::Blob {
            digest: blob.digest.clone(),
            image: image.reference.clone(),
            source,
        })
}

fn add_bytes(tar: &mut tar::Builder<impl Write>, path: &str, bytes: &[u8]) -> io::Result<()> {
    tar.append_data(&mut header(bytes.len() as u64), path, bytes)
}

fn add_blob(tar: &mut tar::Builder<impl Write>, blob: &BlobSpec, file: impl Read) -> io::Result<()> {
    let path = format!("blobs/sha256/{}", blob.digest.hex());
    tar.append_data(&mut header(blob.size), path, file)
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest as _;
    use std::os::unix::fs::PermissionsExt;

    fn blob(root: &Path, content: &[u8], media_type: &str) -> BlobSpec {
        let digest = Digest::from_sha256(sha2::Sha256::digest(content).into());
        std::fs::write(root.join(digest.hex()), content).unwrap();
        BlobSpec { digest, size: content.len() as u64, media_type: media_type.to_owned() }
    }

    #[test]
    fn what_ctr_is_given_is_an_image_layout_with_the_full_name() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("blobs/sha256");
        let theirs = dir.path().join("content");
        std::fs::create_dir_all(&own).unwrap();
        std::fs::create_dir_all(&theirs).unwrap();
        let image = ImageSpec {
            reference: "registry.k8s.io/pause:3.10.2".to_owned(),
            index: None,
            manifest: blob(&own, b"{}", "application/vnd.oci.image.manifest.v1+json"),
            config: blob(&own, b"{\"a\":1}", "application/vnd.oci.image.config.v1+json"),
            layers: vec![blob(&theirs, b"layer", "application/vnd.oci.image.layer.v1.tar+zstd")],
        };
        let list = dir.path().join("list.json");
        std::fs::write(&list, serde_json::to_vec(&[&image]).unwrap()).unwrap();
        let ctr = dir.path().join("ctr");
        std::fs::write(&ctr, format!("#!/bin/sh\ncat > {}/sent.tar\n", dir.path().display())).unwrap();
        std::fs::set_permissions(&ctr, std::fs::Permissions::from_mode(0o755)).unwrap();

        let job = Import { root: dir.path().to_owned(), content_store: theirs, ctr, list, kept: false };
        let mut said = Vec::new();
        import(&job, &mut said).unwrap();
        assert_eq!(said, b"imported registry.k8s.io/pause:3.10.2\n");

        let sent = File::open(dir.path().join("sent.tar")).unwrap();
        let mut names = Vec::new();
        for entry in tar::Archive::new(sent).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            if name == "index.json" {
                assert!(
                    text.contains(r#""io.containerd.image.name":"registry.k8s.io/pause:3.10.2""#),
                    "{text}"
                );
            }
            names.push(name);
        }
        assert_eq!(names.len(), 5);
        assert_eq!(names[..2], ["oci-layout", "index.json"]);
    }

    #[test]
    fn a_blob_that_is_nowhere_is_named_with_its_image() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("blobs/sha256")).unwrap();
        let mut image = ImageSpec {
            reference: "a.b/c:1".to_owned(),
            index: None,
            manifest: blob(&dir.path().join("blobs/sha256"), b"{}", "m"),
            config: blob(&dir.path().join("blobs/sha256"), b"x", "c"),
            layers: vec![],
        };
        image.config.digest = Digest::from_sha256([7; 32]);
        let job = Import {
            root: dir.path().to_owned(),
            content_store: dir.path().to_owned(),
            ctr: PathBuf::new(),
            list: PathBuf::new(),
            kept: false,
        };
        let error = send(&job, &image, io::sink()).unwrap_err().to_string();
        assert_eq!(error, format!("find blob sha256:{} of a.b/c:1 on this host", "07".repeat(32)));
    }
}
