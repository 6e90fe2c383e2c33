//! An image as its manifest says: every blob there, every layer what the configuration says that it unpacks to.

use std::fs::File;
use std::io::{self, BufReader, Read};

use bundles_format::{Arch, Blob, Digest, ImageArtifact, oci};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::shelf::Shelf;

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("read {digest} of {reference}")]
    Read { reference: String, digest: Digest, source: io::Error },
    #[error("understand {digest} of {reference}")]
    Parse { reference: String, digest: Digest, source: serde_json::Error },
    #[error("find {what} {digest} of {reference}")]
    Missing { reference: String, what: &'static str, digest: Digest },
    #[error("use {reference}: it is for {os}/{architecture}")]
    Platform { reference: String, os: String, architecture: String },
    #[error("use layer {digest} of {reference}: its kind is {media_type}")]
    LayerKind { reference: String, digest: Digest, media_type: String },
    #[error("use {reference}: it has {layers} layers and its configuration names {named}")]
    LayerCount { reference: String, layers: usize, named: usize },
    #[error("use layer {digest} of {reference}: it unpacks to {found}, its configuration says {wanted}")]
    LayerContent { reference: String, digest: Digest, found: Digest, wanted: Digest },
}

/// A pointer to content, as OCI and Docker both write it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
    #[serde(default)]
    pub(crate) annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Platform {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
}

impl Platform {
    /// `None` for a platform that Armilla does not install on, an attestation's `unknown/unknown` among them.
    pub(crate) fn arch(&self) -> Option<Arch> {
        Arch::ALL.into_iter().find(|arch| self.os == "linux" && self.architecture == arch.as_str())
    }
}

impl Descriptor {
    pub(crate) fn blob(&self) -> Blob {
        Blob { digest: self.digest.clone(), size: self.size, media_type: self.media_type.clone() }
    }

    pub(crate) fn is_index(&self) -> bool {
        [oci::INDEX, oci::DOCKER_INDEX].contains(&self.media_type.as_str())
    }
}

/// An index: the same image for several platforms.
#[derive(Debug, Deserialize)]
pub(crate) struct Index {
    pub(crate) manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
    pub(crate) rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RootFs {
    #[serde(default)]
    pub(crate) diff_ids: Vec<Digest>,
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    shelf: &Shelf,
    reference: &str,
    digest: &Digest,
) -> Result<T, ImageError> {
    let bytes = shelf.document(digest).map_err(|source| ImageError::Read {
        reference: reference.to_owned(),
        digest: digest.clone(),
        source,
    })?;
    serde_json::from_slice(&bytes).map_err(|source| ImageError::Parse {
        reference: reference.to_owned(),
        digest: digest.clone(),
        source,
    })
}

/// The image behind a manifest whose blobs lie on the shelf, just as they are.
pub(crate) fn image(
    shelf: &Shelf,
    reference: &str,
    index: Option<Blob>,
    manifest: &Descriptor,
) -> Result<ImageArtifact, ImageError> {
    let missing = |what, digest: &Digest| ImageError::Missing {
        reference: reference.to_owned(),
        what,
        digest: digest.clone(),
    };
    let parsed: Manifest = parse(shelf, reference, &manifest.digest)?;
    if !shelf.has(&parsed.config.digest, parsed.config.size) {
        return Err(missing("the configuration", &parsed.config.digest));
    }
    let config: Config = parse(shelf, reference, &parsed.config.digest)?;
    let arch = arch_of(reference, &config)?;
    if config.rootfs.diff_ids.len() != parsed.layers.len() {
        let (layers, named) = (parsed.layers.len(), config.rootfs.diff_ids.len());
        return Err(ImageError::LayerCount { reference: reference.to_owned(), layers, named });
    }
    let mut unpacked_size = 0;
    for (layer, wanted) in parsed.layers.iter().zip(&config.rootfs.diff_ids) {
        if !shelf.has(&layer.digest, layer.size) {
            return Err(missing("layer", &layer.digest));
        }
        let (found, size) = unpack(shelf, reference, layer)?;
        if found != *wanted {
            let (digest, wanted) = (layer.digest.clone(), wanted.clone());
            return Err(ImageError::LayerContent { reference: reference.to_owned(), digest, found, wanted });
        }
        unpacked_size += size;
    }
    Ok(ImageArtifact {
        reference: reference.to_owned(),
        arch,
        index,
        manifest: manifest.blob(),
        config: parsed.config.blob(),
        layers: parsed.layers.iter().map(Descriptor::blob).collect(),
        unpacked_size,
    })
}

pub(crate) fn arch_of(reference: &str, config: &Config) -> Result<Arch, ImageError> {
    let Config { os, architecture, .. } = config;
    let platform = Platform { os: os.clone(), architecture: architecture.clone() };
    platform.arch().ok_or_else(|| ImageError::Platform {
        reference: reference.to_owned(),
        os: platform.os.clone(),
        architecture: platform.architecture.clone(),
    })
}

/// What a layer unpacks to, and how many bytes that is. Nothing is kept of it.
fn unpack(shelf: &Shelf, reference: &str, layer: &Descriptor) -> Result<(Digest, u64), ImageError> {
    let read =
        |source| ImageError::Read { reference: reference.to_owned(), digest: layer.digest.clone(), source };
    let file = File::open(shelf.path(&layer.digest)).map_err(read)?;
    let kind = layer.media_type.as_str();
    let is_layer = kind.starts_with("application/vnd.oci.image.layer.v1.tar")
        || kind.starts_with("application/vnd.docker.image.rootfs.diff.tar");
    let mut content: Box<dyn Read> = match kind {
        _ if !is_layer => {
            return Err(ImageError::LayerKind {
                reference: reference.to_owned(),
                digest: layer.digest.clone(),
                media_type: layer.media_type.clone(),
            });
        }
        _ if kind.ends_with("gzip") => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
        _ if kind.ends_with("+zstd") => Box::new(zstd::Decoder::new(file).map_err(read)?),
        _ => Box::new(file),
    };
    let (mut hash, mut size, mut chunk) = (Sha256::new(), 0, vec![0; 1 << 18]);
    loop {
        match content.read(&mut chunk).map_err(read)? {
            0 => break,
            some => {
                hash.update(&chunk[..some]);
                size += some as u64;
            }
        }
    }
    Ok((Digest::from_sha256(hash.finalize().into()), size))
}
