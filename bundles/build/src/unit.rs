//! One component for one architecture: its sources, then its files and images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use bundles_format::{Arch, Component, Digest, FileArtifact, ImageArtifact, oci};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::cache::{Cache, CacheError, Hit, recipe};
use crate::catalog::{ComponentSpec, FileSpec, ImageSpec, LayerSpec, OciSpec, SourceSpec};
use crate::deb::DebError;
use crate::elf::{self, ElfError};
use crate::go::{GoBuild, GoError, Toolchain, uses_cgo};
use crate::lock::Lock;
use crate::need::Given;
use crate::pack::{self, Layer, Node, PackError, Packed};
use crate::remote::{Pulled, Remote, RemoteError};

/// Programs that hosts and images start; nothing in a bundle is written to once it is placed.
const PROGRAM: u32 = 0o755;

#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Go(#[from] GoError),
    #[error(transparent)]
    Deb(#[from] DebError),
    #[error(transparent)]
    Elf(#[from] ElfError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error(transparent)]
    Remote(Box<RemoteError>),
    #[error("use {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("find {0} in the lock: renew it with --update-lock")]
    Unlocked(String),
    #[error("use the lock of {0}: the catalogue asks for something else now; renew it with --update-lock")]
    Stale(String),
    #[error("find {path} in what source {name} gave")]
    NotInTree { name: String, path: String },
    #[error("add {path} to a layer that has it already")]
    TwiceInLayer { path: String },
}

impl From<RemoteError> for UnitError {
    fn from(error: RemoteError) -> UnitError {
        UnitError::Remote(Box::new(error))
    }
}

/// What every unit shares.
pub(crate) struct Shop<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) remote: &'a Remote<'a>,
    pub(crate) lock: &'a Lock,
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) given: &'a Given,
    pub(crate) cancel: &'a AtomicBool,
}

/// A source at work: a tree of files under a name that says all about it.
struct Tree {
    root: PathBuf,
    name: Digest,
    /// For people.
    about: String,
}

/// What came of a unit.
pub(crate) struct Made {
    pub(crate) component: Component,
    /// Where each blob lies in the cache.
    pub(crate) blobs: BTreeMap<Digest, PathBuf>,
    /// Nothing had to be made.
    pub(crate) cached: bool,
}

/// One unit at work.
pub(crate) struct Unit<'a> {
    pub(crate) shop: &'a Shop<'a>,
    pub(crate) spec: &'a ComponentSpec,
    pub(crate) arch: Arch,
    pub(crate) say: &'a (dyn Fn(&str) + Sync),
}

impl Unit<'_> {
    pub(crate) fn make(&self) -> Result<Made, UnitError> {
        let mut cached = true;
        let (mut trees, mut kept, mut abouts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        // Sources that others need (headers) first: they are never Go programs themselves.
        let (go, plain): (Vec<_>, Vec<_>) =
            self.spec.sources.iter().partition(|(_, source)| matches!(source, SourceSpec::Go(_)));
        for (name, source) in plain.into_iter().chain(go) {
            if let SourceSpec::Oci(spec) = source {
                let pulled = self.pull(name, spec)?;
                cached &= pulled.cached;
                abouts.insert(name, spec.image.clone());
                kept.insert(name.as_str(), pulled);
                continue;
            }
            let (tree, hit) = self.source(name, source, &trees)?;
            cached &= hit == Hit::Cached;
            abouts.insert(name, tree.about.clone());
            trees.insert(name.as_str(), tree);
        }
        let mut blobs = BTreeMap::new();
        let mut take = |(packed, path, hit): (Packed, PathBuf, Hit)| {
            cached &= hit == Hit::Cached;
            blobs.insert(packed.blob.digest.clone(), path);
            packed
        };
        let mut files = Vec::new();
        for file in &self.spec.files {
            for (name, path) in self.programs(file, &trees)? {
                (self.say)(&name);
                let source = file.from.split('/').next().unwrap_or_default();
                let packed = take(self.pack_file(&path, &trees[source])?);
                files.push(FileArtifact {
                    name,
                    arch: self.arch,
                    blob: packed.blob,
                    content: packed.content,
                    content_size: packed.content_size,
                    mode: PROGRAM,
                });
            }
        }
        let mut images = Vec::new();
        for image in &self.spec.images {
            (self.say)(&image.reference);
            if image.from.is_none() {
                images.push(self.image(image, &trees, &mut take)?);
            }
        }
        for image in &self.spec.images {
            let pulled = image.from.as_deref().and_then(|from| kept.get(from));
            for found in pulled.into_iter().flat_map(|pulled: &Pulled| &pulled.images) {
                let place = |blob: &bundles_format::Blob| {
                    (blob.digest.clone(), self.shop.remote.shelf.path(&blob.digest))
                };
                blobs.extend(found.blobs().map(place));
                images.push(ImageArtifact { reference: image.reference.clone(), ..found.clone() });
            }
        }
        let component = Component {
            name: self.spec.name.clone(),
            version: self.spec.version.clone(),
            license: self.spec.license.clone(),
            source: abouts.into_values().collect::<Vec<_>>().join("; "),
            files,
            images,
        };
        Ok(Made { component, blobs, cached })
    }

    /// Whether everything that takes long is in the cache: for the estimate only.
    pub(crate) fn is_quick(&self) -> bool {
        let Shop { cache, lock, toolchain, .. } = self.shop;
        self.spec.sources.iter().all(|(name, source)| {
            let packages = |name: &str| {
                lock.packages.get(&format!("{}/{name}", self.spec.name))?.packages.get(&self.arch)
            };
            match source {
                SourceSpec::Go(spec) => {
                    let headers = spec.cgo.as_ref().and_then(|cgo| cgo.headers.as_deref());
                    let headers = headers.filter(|_| uses_cgo(spec, self.arch)).and_then(|name| {
                        match self.spec.sources.get(name)? {
                            SourceSpec::Deb(spec) => Some(crate::deb::recipe_of(spec, packages(name)?)),
                            SourceSpec::Go(_)
                            | SourceSpec::File(_)
                            | SourceSpec::Url(_)
                            | SourceSpec::Oci(_) => None,
                        }
                    });
                    let headers = headers.as_ref().map(|name| (Path::new(""), name));
                    lock.modules.get(&format!("{}/{name}", self.spec.name)).is_some_and(|locked| {
                        cache.has(&GoBuild { spec, locked, arch: self.arch, toolchain, headers }.recipe())
                    })
                }
                SourceSpec::Deb(spec) => {
                    packages(name).is_some_and(|packages| cache.has(&crate::deb::recipe_of(spec, packages)))
                }
                SourceSpec::Url(_) => {
                    let files = lock.downloads.get(&format!("{}/{name}", self.spec.name));
                    let file = files.and_then(|files| files.files.get(&self.arch));
                    file.is_some_and(|file| self.shop.remote.has(file))
                }
                SourceSpec::Oci(_) => {
                    let image = lock.images.get(&format!("{}/{name}", self.spec.name));
                    image.is_some_and(|image| self.shop.remote.shelf.path(&image.digest).exists())
                }
                SourceSpec::File(_) => true,
            }
        })
    }

    fn source(
        &self,
        name: &str,
        source: &SourceSpec,
        trees: &BTreeMap<&str, Tree>,
    ) -> Result<(Tree, Hit), UnitError> {
        let Shop { cache, remote, lock, toolchain, given, cancel } = self.shop;
        let key = format!("{}/{name}", self.spec.name);
        match source {
            SourceSpec::Go(spec) => {
                let locked = lock.modules.get(&key).ok_or_else(|| UnitError::Unlocked(key.clone()))?;
                if locked.asked != crate::go::asked(spec) {
                    return Err(UnitError::Stale(key));
                }
                let headers = spec.cgo.as_ref().and_then(|cgo| cgo.headers.as_deref());
                let headers = headers.filter(|_| uses_cgo(spec, self.arch)).map(|name| &trees[name]);
                let headers = headers.map(|tree| (tree.root.as_path(), &tree.name));
                let build = GoBuild { spec, locked, arch: self.arch, toolchain, headers };
                let (root, hit) = build.build(cache, cancel, |line| (self.say)(line))?;
                let about = format!("{}@{}", spec.module, spec.version);
                Ok((Tree { root, name: build.recipe(), about }, hit))
            }
            SourceSpec::Deb(spec) => {
                let locked = lock.packages.get(&key).ok_or_else(|| UnitError::Unlocked(key.clone()))?;
                if locked.asked != crate::deb::asked(spec) {
                    return Err(UnitError::Stale(key));
                }
                let packages =
                    locked.packages.get(&self.arch).ok_or_else(|| UnitError::Unlocked(key.clone()))?;
                let (root, hit) =
                    crate::deb::unpack(spec, packages, self.arch, cache, cancel, |line| (self.say)(line))?;
                let list: Vec<String> =
                    packages.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
                let about = format!("Debian packages {}", list.join(", "));
                Ok((Tree { root, name: crate::deb::recipe_of(spec, packages), about }, hit))
            }
            SourceSpec::File(variable) => {
                let path = given.get(&(variable.clone(), self.arch)).expect("the check of needs came first");
                let at = |source| UnitError::File { path: path.clone(), source };
                let bytes = std::fs::read(path).map_err(at)?;
                let name = recipe("file", &(variable, Digest::from_sha256(Sha256::digest(&bytes).into())));
                let (root, hit) =
                    cache.entry(&name, |work| std::fs::write(work.join(variable), &bytes).map_err(at))?;
                Ok((Tree { root, name, about: "of this release".to_owned() }, hit))
            }
            SourceSpec::Url(spec) => {
                let locked = lock.downloads.get(&key).ok_or_else(|| UnitError::Unlocked(key.clone()))?;
                if locked.asked != crate::remote::asked_url(spec) {
                    return Err(UnitError::Stale(key));
                }
                let file = locked.files.get(&self.arch).ok_or_else(|| UnitError::Unlocked(key.clone()))?;
                let name = recipe("url", &(&spec.name, &file.sha256));
                let (root, hit) = cache.entry(&name, |work| {
                    let from = remote.download(spec, self.arch, file, cancel, self.say)?;
                    let to = work.join(&spec.name);
                    let copied =
                        std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(drop));
                    copied.map_err(|source| UnitError::File { path: from, source })
                })?;
                Ok((Tree { root, name, about: spec.address(self.arch) }, hit))
            }
            SourceSpec::Oci(_) => unreachable!("invariant: `make` takes images apart from trees"),
        }
    }

    /// The image that an `oci` source has for this architecture.
    fn pull(&self, name: &str, spec: &OciSpec) -> Result<Pulled, UnitError> {
        let key = format!("{}/{name}", self.spec.name);
        let locked = self.shop.lock.images.get(&key).ok_or_else(|| UnitError::Unlocked(key.clone()))?;
        if locked.asked != crate::remote::asked_oci(spec) {
            return Err(UnitError::Stale(key));
        }
        let pull = self.shop.remote.pull(self.shop.cancel, self.say);
        Ok(pull.images(&crate::remote::pinned(spec, locked), &spec.image, &[self.arch])?)
    }

    /// The files that a spec stands for: one, or a program with its loader and libraries.
    fn programs(
        &self,
        spec: &FileSpec,
        trees: &BTreeMap<&str, Tree>,
    ) -> Result<BTreeMap<String, PathBuf>, UnitError> {
        let path = find(&spec.from, trees)?;
        let mut found = BTreeMap::new();
        if let Some(directory) = &spec.libraries {
            let source = spec.from.split('/').next().unwrap_or_default();
            for (name, library) in elf::closure(&trees[source].root, &path, self.arch.machine())? {
                found.insert(format!("{directory}/{name}"), library);
            }
        }
        found.insert(spec.name.clone(), path);
        Ok(found)
    }

    fn pack_file(&self, path: &Path, tree: &Tree) -> Result<(Packed, PathBuf, Hit), UnitError> {
        let inside = path.strip_prefix(&tree.root).unwrap_or(path);
        self.pack(&recipe("packed file", &(&tree.name, inside)), oci::FILE_ZSTD, |out| {
            pack::copy_file(path, out)
        })
    }

    fn image(
        &self,
        spec: &ImageSpec,
        trees: &BTreeMap<&str, Tree>,
        take: &mut impl FnMut((Packed, PathBuf, Hit)) -> Packed,
    ) -> Result<ImageArtifact, UnitError> {
        let base = pack::base();
        let named: Vec<String> = base.iter().map(|(path, node)| format!("{path} {node:?}")).collect();
        let mut layers = vec![take(self.pack_layer(&recipe("base layer", &named), base)?)];
        for layer in &spec.layers {
            let (name, content) = self.layer(layer, trees)?;
            layers.push(take(self.pack_layer(&name, content)?));
        }
        let start = oci::Start {
            entrypoint: spec.entrypoint.clone(),
            command: spec.command.clone(),
            environment: [PATH.to_owned()].into_iter().chain(spec.environment.clone()).collect(),
            user: spec.user.clone(),
            directory: spec.directory.clone(),
        };
        let contents: Vec<Digest> = layers.iter().map(|layer| layer.content.clone()).collect();
        let config = take(self.plain(oci::CONFIG, oci::config(self.arch, &start, &contents))?).blob;
        let unpacked_size = layers.iter().map(|layer| layer.content_size).sum();
        let layers: Vec<_> = layers.into_iter().map(|layer| layer.blob).collect();
        let manifest = take(self.plain(oci::MANIFEST, oci::manifest(&config, &layers))?).blob;
        let reference = spec.reference.clone();
        Ok(ImageArtifact { reference, arch: self.arch, index: None, manifest, config, layers, unpacked_size })
    }

    /// What is in a layer, and the recipe that names it.
    fn layer(&self, spec: &LayerSpec, trees: &BTreeMap<&str, Tree>) -> Result<(Digest, Layer), UnitError> {
        #[derive(Serialize)]
        struct Recipe<'a> {
            spec: &'a LayerSpec,
            /// By what they are, not by what this component calls them: equal layers of two images are one.
            sources: Vec<&'a Digest>,
        }
        let froms = spec.put.values().map(|from| from.split('/').next().unwrap_or_default());
        let sources = spec.tree.as_deref().into_iter().chain(froms).map(|name| &trees[name].name).collect();
        let name = recipe("layer", &Recipe { spec, sources });
        let mut layer = match &spec.tree {
            Some(tree) => pack::tree(&trees[tree.as_str()].root)?,
            None => Layer::new(),
        };
        let mut add = |path: &str, node: Node| {
            let path = path.trim_start_matches('/').to_owned();
            match layer.insert(path.clone(), node) {
                None => Ok(()),
                Some(_) => Err(UnitError::TwiceInLayer { path }),
            }
        };
        for (path, from) in &spec.put {
            add(path, Node::File { from: find(from, trees)?, mode: PROGRAM })?;
        }
        for (path, to) in &spec.links {
            add(path, Node::Link(to.clone()))?;
        }
        for (path, text) in &spec.texts {
            add(path, Node::Text(text.clone()))?;
        }
        if let Some(applets) = &spec.applets {
            let (directory, program) = applets.of.rsplit_once('/').unwrap_or(("", &applets.of));
            for name in &applets.names {
                add(&format!("{directory}/{name}"), Node::Link(program.to_owned()))?;
            }
        }
        Ok((name, layer))
    }

    fn pack_layer(&self, name: &Digest, layer: Layer) -> Result<(Packed, PathBuf, Hit), UnitError> {
        self.pack(name, oci::LAYER_ZSTD, |out| pack::write_layer(layer, out))
    }

    fn pack(
        &self,
        name: &Digest,
        media_type: &str,
        fill: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
    ) -> Result<(Packed, PathBuf, Hit), UnitError> {
        let (path, hit) = self.shop.cache.entry(name, |work| {
            let packed = pack::pack(work, media_type, fill);
            packed.map(|_| ()).map_err(|source| UnitError::File { path: work.into(), source })
        })?;
        let packed = pack::packed(&path).map_err(|source| UnitError::File { path: path.clone(), source })?;
        Ok((packed, path.join("blob"), hit))
    }

    /// A small document as a blob, stored as it is.
    fn plain(&self, media_type: &str, text: String) -> Result<(Packed, PathBuf, Hit), UnitError> {
        let name = recipe("document", &(media_type, &text));
        let digest = Digest::from_sha256(Sha256::digest(&text).into());
        let size = text.len() as u64;
        let (path, hit) = self.shop.cache.entry(&name, |work| {
            std::fs::write(work.join("blob"), &text)
                .map_err(|source| UnitError::File { path: work.into(), source })
        })?;
        let blob = bundles_format::Blob { digest: digest.clone(), size, media_type: media_type.to_owned() };
        Ok((Packed { blob, content: digest, content_size: size }, path.join("blob"), hit))
    }
}

/// Where programs are looked for in our images: a manifest may name them without a path.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin";

/// The file that `source/path` means.
fn find(from: &str, trees: &BTreeMap<&str, Tree>) -> Result<PathBuf, UnitError> {
    let (source, path) = from.split_once('/').expect("the catalogue checks the form of places");
    elf::resolve(&trees[source].root, Path::new(path))
        .ok_or_else(|| UnitError::NotInTree { name: source.to_owned(), path: path.to_owned() })
}
