//! Sources that a server has: files from web servers, images from registries. Both lie in the cache under their digest,
//! whole or as a beginning that the next build goes on from.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use bundles_fetch::{Document, FetchError, Fetcher};
use bundles_format::{Arch, Digest, ImageArtifact, Reference};

use crate::addon::ImageError;
use crate::addon::image::{self, Config, Descriptor, Index, Manifest};
use crate::addon::shelf::Shelf;
use crate::cache::{Cache, recipe};
use crate::catalog::{OciSpec, UrlSpec};
use crate::lock::{Download, LockedDownloads, LockedImage};

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(
        "use {reference}: it names no digest, so nobody knows what it will be tomorrow; give NAME@sha256:…"
    )]
    NoDigest { reference: Reference },
    #[error("use {reference}: it is not there for {arch}")]
    NoPlatform { reference: Reference, arch: Arch },
    #[error("keep {digest}")]
    Keep { digest: Digest, source: io::Error },
}

pub(crate) fn asked_url(spec: &UrlSpec) -> Digest {
    recipe("url source", &spec.address)
}

pub(crate) fn asked_oci(spec: &OciSpec) -> Digest {
    recipe("oci source", &spec.image)
}

/// The image of the spec by the digest that the lock has for it.
pub(crate) fn pinned(spec: &OciSpec, locked: &LockedImage) -> Reference {
    let named: Reference = spec.image.parse().expect("invariant: the catalogue checks names of images");
    Reference { digest: Some(locked.digest.clone()), ..named }
}

/// The way to servers, and the places where what they have is kept.
pub(crate) struct Remote<'a> {
    fetcher: &'a Fetcher,
    downloads: PathBuf,
    pub(crate) shelf: Shelf,
}

impl<'a> Remote<'a> {
    pub(crate) fn open(fetcher: &'a Fetcher, cache: &Cache) -> io::Result<Remote<'a>> {
        let downloads = cache.path("downloads");
        std::fs::create_dir_all(&downloads)?;
        Ok(Remote { fetcher, downloads, shelf: Shelf::open(&cache.path("images"))? })
    }

    pub(crate) fn has(&self, file: &Download) -> bool {
        self.downloads.join(file.sha256.hex()).exists()
    }

    /// The file of one architecture as the lock has it.
    pub(crate) fn download(
        &self,
        spec: &UrlSpec,
        arch: Arch,
        file: &Download,
        cancel: &AtomicBool,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<PathBuf, RemoteError> {
        let (to, address) = (self.downloads.join(file.sha256.hex()), spec.address(arch));
        say(&address);
        let watch = |_| !cancel.load(Ordering::Relaxed);
        self.fetcher.download(&address, (&file.sha256, file.size), &to, &watch)?;
        Ok(to)
    }

    /// Downloads what the addresses give today.
    pub(crate) fn resolve_url(
        &self,
        spec: &UrlSpec,
        say: &dyn Fn(&str),
    ) -> Result<LockedDownloads, RemoteError> {
        let mut locked = LockedDownloads { asked: asked_url(spec), files: Default::default() };
        for arch in Arch::ALL {
            let address = spec.address(arch);
            say(&address);
            let new = self.downloads.join(format!("new-{}", recipe("address", &address).hex()));
            let (sha256, size) = self.fetcher.discover(&address, &new, &|_| true)?;
            let keep = |source| RemoteError::Keep { digest: sha256.clone(), source };
            std::fs::rename(&new, self.downloads.join(sha256.hex())).map_err(keep)?;
            locked.files.insert(arch, Download { sha256, size });
        }
        Ok(locked)
    }

    /// Asks the registry what the name stands for today.
    pub(crate) fn resolve_oci(&self, spec: &OciSpec) -> Result<LockedImage, RemoteError> {
        let named = spec.image.parse().expect("invariant: the catalogue checks names of images");
        let found = self.fetcher.manifest(&named)?;
        Ok(LockedImage { asked: asked_oci(spec), digest: found.digest })
    }

    pub(crate) fn pull<'b>(&'b self, cancel: &'b AtomicBool, say: &'b (dyn Fn(&str) + Sync)) -> Pull<'b> {
        Pull { fetcher: self.fetcher, shelf: &self.shelf, cancel, say }
    }
}

/// Images on their way from a registry to the shelf.
pub(crate) struct Pull<'a> {
    pub(crate) fetcher: &'a Fetcher,
    pub(crate) shelf: &'a Shelf,
    pub(crate) cancel: &'a AtomicBool,
    pub(crate) say: &'a (dyn Fn(&str) + Sync),
}

/// What a pull gave.
pub(crate) struct Pulled {
    pub(crate) images: Vec<ImageArtifact>,
    /// Nothing had to be fetched.
    pub(crate) cached: bool,
}

impl Pull<'_> {
    /// The image of each architecture, called `name`. The index, if there is one, is kept too: it is what the digest
    /// names that people pull by.
    pub(crate) fn images(
        &self,
        reference: &Reference,
        name: &str,
        architectures: &[Arch],
    ) -> Result<Pulled, RemoteError> {
        let digest = reference.digest.as_ref();
        let digest = digest.ok_or_else(|| RemoteError::NoDigest { reference: reference.clone() })?.clone();
        let mut pulled = Pulled { images: Vec::new(), cached: true };
        let top = self.document(reference, &digest, &mut pulled.cached)?;
        if !top.is_index() {
            pulled.images.push(self.image(reference, name, None, &top, &mut pulled.cached)?);
        }
        for arch in architectures {
            let lacks = || RemoteError::NoPlatform { reference: reference.clone(), arch: *arch };
            if !top.is_index() {
                pulled.images.iter().find(|image| image.arch == *arch).ok_or_else(lacks)?;
                continue;
            }
            let index: Index = image::parse(self.shelf, name, &top.digest)?;
            let ours = |entry: &&Descriptor| {
                entry.platform.as_ref().is_some_and(|platform| platform.arch() == Some(*arch))
            };
            let entry = index.manifests.iter().find(ours).ok_or_else(lacks)?;
            let manifest = self.document(reference, &entry.digest, &mut pulled.cached)?;
            let image = self.image(reference, name, Some(&top), &manifest, &mut pulled.cached)?;
            if image.arch != *arch {
                return Err(lacks());
            }
            pulled.images.push(image);
        }
        Ok(pulled)
    }

    /// Brings a manifest or an index to the shelf.
    fn document(
        &self,
        image: &Reference,
        digest: &Digest,
        cached: &mut bool,
    ) -> Result<Descriptor, RemoteError> {
        let keep = |source| RemoteError::Keep { digest: digest.clone(), source };
        let document = match self.shelf.path(digest).exists() {
            true => Document::new(self.shelf.document(digest).map_err(keep)?),
            false => {
                *cached = false;
                let found =
                    self.fetcher.manifest(&Reference { digest: Some(digest.clone()), ..image.clone() })?;
                self.shelf.put(&mut found.bytes.as_slice()).map_err(keep)?;
                found
            }
        };
        Ok(Descriptor {
            media_type: document.media_type,
            digest: document.digest,
            size: document.bytes.len() as u64,
            platform: None,
            annotations: Default::default(),
        })
    }

    /// Brings what a manifest names, and holds it against what the configuration says.
    fn image(
        &self,
        reference: &Reference,
        name: &str,
        index: Option<&Descriptor>,
        manifest: &Descriptor,
        cached: &mut bool,
    ) -> Result<ImageArtifact, RemoteError> {
        let parsed: Manifest = image::parse(self.shelf, name, &manifest.digest)?;
        self.blob(reference, &parsed.config, cached)?;
        // An image for another platform is refused before its layers are brought.
        let config: Config = image::parse(self.shelf, name, &parsed.config.digest)?;
        image::arch_of(name, &config)?;
        for layer in &parsed.layers {
            self.blob(reference, layer, cached)?;
        }
        Ok(image::image(self.shelf, name, index.map(Descriptor::blob), manifest)?)
    }

    fn blob(&self, image: &Reference, wanted: &Descriptor, cached: &mut bool) -> Result<(), RemoteError> {
        if self.shelf.has(&wanted.digest, wanted.size) {
            return Ok(());
        }
        *cached = false;
        (self.say)(&format!("{image}: {}", wanted.digest.short()));
        let watch = |_| !self.cancel.load(Ordering::Relaxed);
        let to = self.shelf.path(&wanted.digest);
        Ok(self.fetcher.blob(image, (&wanted.digest, wanted.size), &to, &watch)?)
    }
}
