//! Files and folders with a given content.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundles_format::Digest;
use futures_util::future::try_join_all;
use installer_model::event::Failure;
use installer_model::plan::{BASIC, FileSource, FileSpec, FolderSpec};
use installer_model::site::SecretRef;
use installer_wire::{FileKind, FileStat};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::host_port::HostPort;
use crate::world::{Probe, StepContext};

pub(super) async fn probe(
    port: &HostPort<'_>,
    folders: &[FolderSpec],
    files: &[FileSpec],
) -> Result<Probe, Failure> {
    for folder in folders {
        let found = port.stat(&folder.path, false).await?;
        if !found.is_some_and(|stat| stat.kind == FileKind::Folder && stat.mode == folder.mode) {
            return Ok(Probe::NotMet(format!("folder {} is not as planned", folder.path)));
        }
    }
    Ok(match differing(port, files).await?.first() {
        None => Probe::Met,
        Some(file) => Probe::NotMet(format!("{} is not as planned", file.path)),
    })
}

/// The files that are not there as planned.
pub(super) async fn differing<'f>(
    port: &HostPort<'_>,
    files: &'f [FileSpec],
) -> Result<Vec<&'f FileSpec>, Failure> {
    let stats = try_join_all(files.iter().map(|file| port.stat(&file.path, true))).await?;
    let mut differing = Vec::new();
    for (file, stat) in files.iter().zip(stats) {
        if !is_as_planned(port, file, stat.as_ref())? {
            differing.push(file);
        }
    }
    Ok(differing)
}

/// Content, kind and permission bits; of a link, where it points.
fn is_as_planned(port: &HostPort<'_>, file: &FileSpec, found: Option<&FileStat>) -> Result<bool, Failure> {
    let Some(found) = found else { return Ok(false) };
    Ok(match &file.source {
        FileSource::Text(text) => same_file(found, file.mode, &digest_of(text.as_bytes())),
        FileSource::Blob { content, .. } => same_file(found, file.mode, content),
        FileSource::Link(target) => {
            found.kind == FileKind::Link && found.target.as_deref() == Some(target.as_str())
        }
        FileSource::Login { template, username, password } => {
            let text = login_text(port, template, username, password)?;
            same_file(found, file.mode, &digest_of(text.as_bytes()))
        }
    })
}

/// The template with its credentials; nothing of it is logged or kept.
fn login_text(
    port: &HostPort<'_>,
    template: &str,
    username: &str,
    password: &SecretRef,
) -> Result<Zeroizing<String>, Failure> {
    let password = port.secret(password)?;
    let login = Zeroizing::new(format!("{username}:{}", password.expose()));
    Ok(Zeroizing::new(template.replace(BASIC, &STANDARD.encode(login.as_bytes()))))
}

fn same_file(found: &FileStat, mode: u32, digest: &Digest) -> bool {
    found.kind == FileKind::File && found.mode == mode && found.digest.as_ref() == Some(digest)
}

pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

pub(super) async fn act(
    port: &HostPort<'_>,
    ctx: &StepContext,
    folders: &[FolderSpec],
    files: &[FileSpec],
) -> Result<(), Failure> {
    for folder in folders {
        port.folder(&folder.path, folder.mode).await?;
    }
    let differing = differing(port, files).await?;
    let blobs: Vec<(Digest, u64)> = differing.iter().filter_map(|file| blob_of(file)).collect();
    port.put_blobs(ctx, &blobs).await?;
    for file in &differing {
        write(port, file).await?;
    }
    // A host keeps what it was given once, in its place; what an attempt before this one left goes with it.
    port.remove_blobs(files.iter().filter_map(blob_of).map(|(digest, _)| digest).collect()).await
}

fn blob_of(file: &FileSpec) -> Option<(Digest, u64)> {
    match &file.source {
        FileSource::Blob { blob, blob_size, .. } => Some((blob.clone(), *blob_size)),
        FileSource::Text(_) | FileSource::Link(_) | FileSource::Login { .. } => None,
    }
}

async fn write(port: &HostPort<'_>, file: &FileSpec) -> Result<(), Failure> {
    match &file.source {
        FileSource::Text(text) => port.write(&file.path, file.mode, text.as_bytes()).await,
        FileSource::Blob { blob, content, content_size, .. } => {
            port.place(blob, &file.path, file.mode, content, *content_size).await
        }
        FileSource::Link(target) => port.link(&file.path, target).await,
        FileSource::Login { template, username, password } => {
            let text = login_text(port, template, username, password)?;
            port.write(&file.path, file.mode, text.as_bytes()).await
        }
    }
}
