//! The images that this host holds: the installer's list of names over containerd's own content store.
//!
//! Nothing is copied and nothing is written. containerd keeps each piece of content in a file that is named by its
//! sha256 (`core/content`, `plugins/content/local` in its source); the installer's list says which manifest a name
//! stands for, and the manifest says the rest. Only content that a listed image refers to is given out: images that
//! a pod pulled from a site's own registry with a password lie in the same store, and stay private.
//!
//! Everything here blocks on the disk; the server calls it off its own thread.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bundles_format::Digest;
use installer_model::node::{ImageEntry, ImageMap, MirrorConfig};
use sha2::{Digest as _, Sha256};

use super::manifest::{self, Descriptor};
use super::name::Names;
use super::request::Reference;
use crate::watch::Stamp;

/// As much as containerd reads of a manifest (`MaxManifestSize` in its resolver).
const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

/// An index may name manifests, which name blobs. Deeper nesting is allowed by the specification and used by nobody.
const DEPTH_LIMIT: u8 = 3;

pub(crate) struct Library {
    blobs: PathBuf,
    images: PathBuf,
    names: Mutex<(Option<Stamp>, Arc<Names>)>,
}

/// Content that is there, in full length.
pub(crate) struct Content {
    pub(crate) descriptor: Descriptor,
    pub(crate) file: File,
}

impl Library {
    pub(crate) fn new(config: &MirrorConfig) -> Library {
        Library {
            blobs: config.containerd_root.join("io.containerd.content.v1.content/blobs/sha256"),
            images: config.images.clone(),
            names: Mutex::default(),
        }
    }

    pub(crate) fn manifest(&self, repository: &str, reference: &Reference) -> Option<(Descriptor, Vec<u8>)> {
        let descriptor = match reference {
            Reference::Tag(tag) => self.names().tagged(repository, tag).map(descriptor)?,
            Reference::Digest(digest) => {
                self.find(repository, digest).filter(|found| manifest::is_manifest(&found.media_type))?
            }
        };
        let bytes = self.read(&descriptor)?;
        Some((descriptor, bytes))
    }

    pub(crate) fn blob(&self, repository: &str, digest: &Digest) -> Option<Content> {
        let descriptor = self.find(repository, digest)?;
        let file = self.open(&descriptor)?;
        Some(Content { descriptor, file })
    }

    /// The description of a digest that some image of the repository is, or refers to.
    fn find(&self, repository: &str, digest: &Digest) -> Option<Descriptor> {
        let names = self.names();
        names.entries(repository).map(descriptor).find_map(|root| self.find_under(root, digest, DEPTH_LIMIT))
    }

    fn find_under(&self, root: Descriptor, digest: &Digest, depth: u8) -> Option<Descriptor> {
        if root.digest == *digest {
            return Some(root);
        }
        if depth == 0 || !manifest::is_manifest(&root.media_type) {
            return None;
        }
        // An index may name manifests of other architectures, which are not here: they are passed over.
        let bytes = self.read(&root)?;
        manifest::children(&bytes).into_iter().find_map(|child| self.find_under(child, digest, depth - 1))
    }

    /// A manifest, whole and with the digest that it should have.
    fn read(&self, descriptor: &Descriptor) -> Option<Vec<u8>> {
        if descriptor.size > MANIFEST_LIMIT {
            tracing::warn!(digest = %descriptor.digest, size = descriptor.size, "a manifest this large is not read");
            return None;
        }
        let mut bytes = Vec::new();
        if let Err(error) = self.open(descriptor)?.take(MANIFEST_LIMIT).read_to_end(&mut bytes) {
            tracing::warn!(digest = %descriptor.digest, %error, "failed to read a manifest");
            return None;
        }
        let found = Digest::from_sha256(Sha256::digest(&bytes).into());
        if found != descriptor.digest {
            tracing::error!(digest = %descriptor.digest, %found, "a manifest in the content store is damaged");
            return None;
        }
        Some(bytes)
    }

    /// The file of a piece of content, if it is there and as long as it should be.
    fn open(&self, descriptor: &Descriptor) -> Option<File> {
        let path = self.blobs.join(descriptor.digest.hex());
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((size, file)) if size == descriptor.size => Some(file),
            Ok((size, _)) => {
                let wanted = descriptor.size;
                tracing::error!(path = %path.display(), size, wanted, "content has the wrong size");
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "failed to open content");
                None
            }
        }
    }

    /// The installer's list as it is now. A list that cannot be read leaves the last good one in force.
    fn names(&self) -> Arc<Names> {
        let mut cached = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&self.images);
        if cached.0 != stamp {
            match read_names(&self.images) {
                Ok(names) => cached.1 = Arc::new(names),
                Err(error) => {
                    tracing::error!(path = %self.images.display(), error, "keeping the last list of images");
                }
            }
            cached.0 = stamp;
        }
        Arc::clone(&cached.1)
    }
}

/// No file means no images: the installer has not come that far.
fn read_names(path: &Path) -> Result<Names, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => ImageMap::from_json(&text).map(Names::new).map_err(|error| crate::chain(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Names::default()),
        Err(error) => Err(error.to_string()),
    }
}

fn descriptor(entry: &ImageEntry) -> Descriptor {
    Descriptor { digest: entry.digest.clone(), media_type: entry.media_type.clone(), size: entry.size }
}
