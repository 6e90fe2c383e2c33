//! Images in a file: what `docker save`, `podman save`, `skopeo copy` and `ctr images export` write.
//!
//! Names in an archive are only looked up, never opened on a disk: there is nothing for one that climbs to climb to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use bundles_format::{Blob, Digest, ImageArtifact, Reference, oci};
use serde::Deserialize;

use super::image::{self, Config, Descriptor, ImageError, Index};
use super::shelf::Shelf;
use crate::cache::{Cache, CacheError, recipe};
use crate::pack::{self, Packed};

/// More entries than any archive of images has.
const ENTRIES_LIMIT: usize = 100_000;

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("read it")]
    Read(#[source] io::Error),
    #[error("find an image in it: it has neither index.json nor manifest.json")]
    NoImages,
    #[error("understand {name}")]
    Parse { name: &'static str, source: serde_json::Error },
    #[error("find {name} in it, which {user} names")]
    Missing { name: String, user: &'static str },
    #[error("read it: more than {ENTRIES_LIMIT} entries")]
    TooMany,
    #[error("name an image in it: the archive says no full name; give NAME=FILE")]
    Nameless,
    #[error("name its images {0}: there are several")]
    Several(String),
    #[error("use a layer")]
    Layer(#[source] io::Error),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// The names in an archive, and what each stands for on the shelf.
struct Listing(BTreeMap<String, (Digest, u64)>);

/// Every image of the archive, one for each of its platforms that can be installed on.
pub(crate) fn images(
    path: &Path,
    name: Option<&Reference>,
    shelf: &Shelf,
    cache: &Cache,
) -> Result<Vec<ImageArtifact>, ArchiveError> {
    let listing = unpack(path, shelf)?;
    if listing.0.contains_key("index.json") {
        return of_layout(&listing, name, shelf);
    }
    if listing.0.contains_key("manifest.json") {
        return of_docker(&listing, name, shelf, cache);
    }
    Err(ArchiveError::NoImages)
}

fn unpack(path: &Path, shelf: &Shelf) -> Result<Listing, ArchiveError> {
    let mut archive = tar::Archive::new(plain(path).map_err(ArchiveError::Read)?);
    let mut files = BTreeMap::new();
    let mut links = Vec::new();
    for entry in archive.entries().map_err(ArchiveError::Read)? {
        let mut entry = entry.map_err(ArchiveError::Read)?;
        if files.len() + links.len() >= ENTRIES_LIMIT {
            return Err(ArchiveError::TooMany);
        }
        let name = clean(&String::from_utf8_lossy(&entry.path_bytes()));
        match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                let stored = shelf.put(&mut entry).map_err(ArchiveError::Read)?;
                files.insert(name, stored);
            }
            kind @ (tar::EntryType::Symlink | tar::EntryType::Link) => {
                let to = entry.link_name_bytes().map(|to| String::from_utf8_lossy(&to).into_owned());
                let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                let to = to.unwrap_or_default();
                let to = if kind.is_symlink() { clean(&format!("{folder}/{to}")) } else { clean(&to) };
                links.push((name, to));
            }
            _ => {}
        }
    }
    // Docker's old archives say with a link that two images share a layer.
    for (name, to) in links {
        if let Some(stored) = files.get(&to).cloned() {
            files.entry(name).or_insert(stored);
        }
    }
    Ok(Listing(files))
}

/// `a/./b/../c` is `a/c`; what climbs out names nothing.
fn clean(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The archive without its compression.
fn plain(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    (&file).take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    decoded(magic.as_slice(), file)
}

fn decoded(magic: &[u8], file: File) -> io::Result<Box<dyn Read>> {
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(BufReader::with_capacity(1 << 20, file)),
    })
}

impl Listing {
    fn find(&self, name: &str, user: &'static str) -> Result<&(Digest, u64), ArchiveError> {
        self.0.get(&clean(name)).ok_or_else(|| ArchiveError::Missing { name: name.to_owned(), user })
    }

    fn document<T: serde::de::DeserializeOwned>(
        &self,
        name: &'static str,
        shelf: &Shelf,
    ) -> Result<T, ArchiveError> {
        let (digest, _) = self.find(name, "the format")?;
        let bytes = shelf.document(digest).map_err(ArchiveError::Read)?;
        serde_json::from_slice(&bytes).map_err(|source| ArchiveError::Parse { name, source })
    }
}

/// An OCI image layout: manifests and layers are kept as they are.
fn of_layout(
    listing: &Listing,
    name: Option<&Reference>,
    shelf: &Shelf,
) -> Result<Vec<ImageArtifact>, ArchiveError> {
    let index: Index = listing.document("index.json", shelf)?;
    if let Some(name) = name.filter(|_| index.manifests.len() > 1) {
        return Err(ArchiveError::Several(name.name()));
    }
    let mut images = Vec::new();
    for top in &index.manifests {
        let reference = name.map(Reference::name).or_else(|| full_name(top)).ok_or(ArchiveError::Nameless)?;
        if !top.is_index() {
            images.push(image::image(shelf, &reference, None, top)?);
            continue;
        }
        let platforms: Index = image::parse(shelf, &reference, &top.digest)?;
        let ours = |manifest: &&Descriptor| {
            let known = manifest.platform.as_ref().is_some_and(|platform| platform.arch().is_some());
            // `docker save` of an image that was pulled for one platform lists them all and holds that one.
            known && shelf.has(&manifest.digest, manifest.size)
        };
        for manifest in platforms.manifests.iter().filter(ours) {
            images.push(image::image(shelf, &reference, Some(top.blob()), manifest)?);
        }
    }
    Ok(images)
}

/// containerd and Docker write the full name into an annotation of their own; podman and skopeo into OCI's, where others
/// have just the tag.
fn full_name(top: &Descriptor) -> Option<String> {
    let annotation = |key: &str| top.annotations.get(key).cloned();
    let full = annotation("io.containerd.image.name")
        .or_else(|| annotation("org.opencontainers.image.ref.name").filter(|name| name.contains('/')))?;
    full.parse().ok().map(|reference: Reference| reference.name())
}

/// An image of Docker's own archive: no manifest, so none is to be kept.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Layers lie there as plain tars: they are compressed, and a manifest is made over them. The configuration, whose
/// digest is the image's id, stays as it is.
fn of_docker(
    listing: &Listing,
    name: Option<&Reference>,
    shelf: &Shelf,
    cache: &Cache,
) -> Result<Vec<ImageArtifact>, ArchiveError> {
    let saved: Vec<Saved> = listing.document("manifest.json", shelf)?;
    if let Some(name) = name.filter(|_| saved.len() > 1) {
        return Err(ArchiveError::Several(name.name()));
    }
    let mut images = Vec::new();
    for one in saved {
        let tags = one.repo_tags.clone().unwrap_or_default();
        let names: Vec<String> = match name {
            Some(name) => vec![name.name()],
            None => {
                tags.iter().filter_map(|tag| tag.parse().ok()).map(|name: Reference| name.name()).collect()
            }
        };
        let first = names.first().ok_or(ArchiveError::Nameless)?;
        let mut layers = Vec::new();
        for layer in &one.layers {
            let (digest, _) = listing.find(layer, "manifest.json")?;
            layers.push(compressed(digest, shelf, cache)?.blob);
        }
        let (config, size) = listing.find(&one.config, "manifest.json")?.clone();
        let config = Blob { digest: config, size, media_type: oci::CONFIG.to_owned() };
        let _: Config = image::parse(shelf, first, &config.digest)?;
        let text = oci::manifest(&config, &layers);
        let manifest = shelf.put_text(&text, oci::MANIFEST).map_err(ArchiveError::Layer)?;
        let Blob { digest, size, media_type } = manifest;
        let top = Descriptor { media_type, digest, size, platform: None, annotations: BTreeMap::new() };
        for name in &names {
            images.push(image::image(shelf, name, None, &top)?);
        }
    }
    Ok(images)
}

fn compressed(digest: &Digest, shelf: &Shelf, cache: &Cache) -> Result<Packed, ArchiveError> {
    let (path, _) = cache.entry(&recipe("saved layer", digest), |work| {
        let from = plain(&shelf.path(digest)).map_err(ArchiveError::Layer)?;
        let fill = |out: &mut dyn io::Write| io::copy(&mut { from }, out).map(drop);
        pack::pack(work, oci::LAYER_ZSTD, fill).map(drop).map_err(ArchiveError::Layer)
    })?;
    let packed = pack::packed(&path).map_err(ArchiveError::Layer)?;
    if !shelf.has(&packed.blob.digest, packed.blob.size) {
        let mut file = File::open(path.join("blob")).map_err(ArchiveError::Layer)?;
        shelf.put(&mut file).map_err(ArchiveError::Layer)?;
    }
    Ok(packed)
}
