//! A bundle for a site that is there already: an application's own images and manifests.
//!
//! Images come from registries and from archives, and stay byte for byte what they were wherever they had a digest to
//! be kept: a pull by digest finds on the nodes what its author published.

mod archive;
pub(crate) mod image;
mod manifests;
pub(crate) mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use bundles_fetch::{Access, FetchError, Fetcher};
use bundles_format::{
    Arch, Component, FORMAT, FileArtifact, ImageArtifact, Reference, Release, ReleaseError,
};
use bundles_store::{KeyPair, Written};

use crate::Progress;
use crate::cache::{Cache, CacheError};
use crate::remote::{Pull, RemoteError};

pub use archive::ArchiveError;
pub use image::ImageError;
pub use manifests::ManifestError;

/// What an add-on is made of, and where it goes.
#[derive(Debug)]
pub struct AddonOptions {
    /// Known to a site by this name: a later bundle of the same name takes its place.
    pub name: String,
    pub version: String,
    /// SPDX expression.
    pub license: String,
    pub architectures: Vec<Arch>,
    /// Archives as `docker save` writes them, or with an OCI image layout, compressed or not; the name is for one that
    /// says none.
    pub archives: Vec<(Option<Reference>, PathBuf)>,
    /// Images that a registry has, each by its digest.
    pub images: Vec<Reference>,
    pub access: Access,
    /// Files of Kubernetes objects, applied in this order.
    pub manifests: Vec<PathBuf>,
    /// Images that manifests name and that nodes have from elsewhere.
    pub elsewhere: Vec<Reference>,
    /// See [`crate::default_cache`].
    pub cache: PathBuf,
    pub output: PathBuf,
    pub key: KeyPair,
}

/// What was built.
#[derive(Debug)]
pub struct BuiltAddon {
    pub release: Release,
    pub written: Written,
    pub took: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum AddonError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("take images from {path}")]
    Archive { path: PathBuf, source: Box<ArchiveError> },
    #[error("reach registries")]
    Access(#[source] FetchError),
    #[error("take the image {reference}")]
    Image { reference: Reference, source: Box<RemoteError> },
    #[error("read the manifests {path}")]
    Manifests { path: PathBuf, source: Box<ManifestError> },
    #[error("take {reference} for {arch} twice: two sources give it different content")]
    TwoContents { reference: String, arch: Arch },
    #[error("find an image: none was given")]
    Nothing,
    #[error("close the bundle; what is not in it:\n{}", .0.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))]
    Open(Vec<String>),
    #[error("accept the release")]
    Release(#[from] ReleaseError),
    #[error("use {path}")]
    File { path: PathBuf, source: io::Error },
}

/// Gathers the images, proves that the manifests name no other, writes and seals the bundle.
pub fn build_addon(
    options: &AddonOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<BuiltAddon, AddonError> {
    let start = Instant::now();
    let cache = Cache::open(&options.cache)?;
    let shelf = shelf::Shelf::open(&cache.path("images"))
        .map_err(|source| AddonError::File { path: cache.path("images"), source })?;
    let say = |what: &str| {
        progress(Progress::At { component: options.name.clone(), arch: Arch::ALL[0], what: what.to_owned() });
    };
    let mut images: BTreeMap<(String, Arch), ImageArtifact> = BTreeMap::new();
    let mut sources = Vec::new();
    for (name, path) in &options.archives {
        say(&path.display().to_string());
        let found = archive::images(path, name.as_ref(), &shelf, &cache);
        let found =
            found.map_err(|source| AddonError::Archive { path: path.clone(), source: Box::new(source) })?;
        sources.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        add(&mut images, found)?;
    }
    if !options.images.is_empty() {
        let fetcher = Fetcher::new(&options.access).map_err(AddonError::Access)?;
        let pull = Pull { fetcher: &fetcher, shelf: &shelf, cancel: &AtomicBool::new(false), say: &say };
        for reference in &options.images {
            let found = pull.images(reference, &reference.name(), &options.architectures);
            let found = found.map_err(|source| AddonError::Image {
                reference: reference.clone(),
                source: Box::new(source),
            })?;
            sources.push(reference.to_string());
            add(&mut images, found.images)?;
        }
    }
    let mut files = Vec::new();
    let mut wanted = BTreeSet::new();
    for (number, path) in (1..).zip(&options.manifests) {
        let at = |source| AddonError::Manifests { path: path.clone(), source: Box::new(source) };
        let (file, named) = manifests::pack(path, number, &shelf).map_err(at)?;
        files.push(file);
        wanted.extend(named);
    }
    let release = release(options, images, files, sources.join(", "))?;
    let open = |blob: &bundles_format::Blob| File::open(shelf.path(&blob.digest));
    let writing = |done, total| progress(Progress::Writing { done, total });
    close(&release, &wanted, &options.elsewhere)?;
    let written = bundles_store::write(&options.output, &release, &options.key, open, writing)
        .map_err(|source| AddonError::File { path: options.output.clone(), source })?;
    Ok(BuiltAddon { release, written, took: start.elapsed() })
}

fn add(
    images: &mut BTreeMap<(String, Arch), ImageArtifact>,
    found: Vec<ImageArtifact>,
) -> Result<(), AddonError> {
    for image in found {
        let key = (image.reference.clone(), image.arch);
        match images.get(&key) {
            Some(there) if there.manifest.digest != image.manifest.digest => {
                return Err(AddonError::TwoContents { reference: key.0, arch: key.1 });
            }
            Some(_) => {}
            None => drop(images.insert(key, image)),
        }
    }
    Ok(())
}

/// A manifest is a file of each architecture: the format has no files without one.
fn release(
    options: &AddonOptions,
    images: BTreeMap<(String, Arch), ImageArtifact>,
    manifests: Vec<FileArtifact>,
    source: String,
) -> Result<Release, AddonError> {
    let mut architectures = options.architectures.clone();
    architectures.sort();
    architectures.dedup();
    if images.is_empty() {
        return Err(AddonError::Nothing);
    }
    let names: BTreeSet<&String> = images.keys().map(|(name, _)| name).collect();
    let lacking = names.iter().flat_map(|name| {
        let lacks = |arch: &&Arch| !images.contains_key(&((**name).clone(), **arch));
        architectures.iter().filter(lacks).map(move |arch| format!("image {name} for {arch}"))
    });
    let lacking: Vec<String> = lacking.collect();
    if !lacking.is_empty() {
        return Err(AddonError::Open(lacking));
    }
    let of_arch = |arch: Arch| {
        let own = move |file: &FileArtifact| FileArtifact { arch, ..file.clone() };
        manifests.iter().map(own).collect::<Vec<_>>()
    };
    let files = architectures.iter().flat_map(|arch| of_arch(*arch)).collect();
    let images = images.into_values().filter(|image| architectures.contains(&image.arch)).collect();
    let component = Component {
        name: options.name.clone(),
        version: options.version.clone(),
        license: options.license.clone(),
        source,
        files,
        images,
    };
    let (name, version) = (options.name.clone(), options.version.clone());
    let release = Release { format: FORMAT, name, version, architectures, components: vec![component] };
    release.check()?;
    Ok(release)
}

fn close(release: &Release, wanted: &BTreeSet<Reference>, elsewhere: &[Reference]) -> Result<(), AddonError> {
    let given = |image: &&Reference| {
        image.is_met_everywhere(release) || elsewhere.iter().any(|other| other.name() == image.name())
    };
    let open: Vec<String> = wanted
        .iter()
        .filter(|image| !given(image))
        .map(|image| format!("image {image}, which a manifest names"))
        .collect();
    if open.is_empty() { Ok(()) } else { Err(AddonError::Open(open)) }
}
