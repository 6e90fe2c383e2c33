//! The whole build: every component for every architecture, proved closed, sealed.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bundles_fetch::{Access, FetchError, Fetcher};
use bundles_format::{Arch, Component, Digest, FORMAT, Release, ReleaseError, gaps};
use bundles_store::{KeyPair, Written};

use crate::Progress;
use crate::cache::{Cache, CacheError};
use crate::catalog::{Catalog, ComponentSpec, SourceSpec};
use crate::command::{self, CommandError};
use crate::deb::{self, DebError};
use crate::durations::Durations;
use crate::go::{self, GoError};
use crate::lock::{Lock, LockedPackages};
use crate::need::{self, Given, Missing};
use crate::remote::{Remote, RemoteError};
use crate::unit::{Made, Shop, Unit, UnitError};

/// What to build, from what, and where to.
#[derive(Debug)]
pub struct BuildOptions {
    pub catalog: Catalog,
    pub lock: Lock,
    pub architectures: Vec<Arch>,
    /// What `file` sources stand for.
    pub files: Given,
    /// See [`default_cache`].
    pub cache: PathBuf,
    pub output: PathBuf,
    pub key: KeyPair,
    /// Of the release.
    pub name: String,
    pub version: String,
    /// Images that somebody will ask for: those of every manifest that is rendered.
    pub wanted: Vec<String>,
    /// How web servers and registries are reached.
    pub access: Access,
    /// A kubeadm configuration: the kubeadm that was built says which images it wants for it.
    pub kubeadm_config: Option<String>,
    /// Says what a release lacks for the plans that will be made from it, a line each. The planner is not ours to know.
    pub prove: fn(&Release) -> Vec<String>,
    /// Components built at a time; each Go build uses every processor by itself.
    pub jobs: usize,
}

/// What was built.
#[derive(Debug)]
pub struct Built {
    pub release: Release,
    pub written: Written,
    /// Components of an architecture that came from the cache, and all of them.
    pub cached: usize,
    pub units: usize,
    pub took: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("start the build; missing:\n{}", lines(.0))]
    Missing(Vec<Missing>),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("build {component} for {arch}")]
    Unit { component: String, arch: Arch, source: Box<UnitError> },
    #[error("renew the lock of {0}: there is no such component")]
    Unknown(String),
    #[error("resolve {0}")]
    ResolveGo(String, #[source] Box<GoError>),
    #[error("resolve {0}")]
    ResolveDeb(String, #[source] Box<DebError>),
    #[error("reach servers")]
    Access(#[source] FetchError),
    #[error("resolve {0}")]
    ResolveRemote(String, #[source] Box<RemoteError>),
    #[error("accept the release")]
    Release(#[from] ReleaseError),
    #[error("close the bundle; a cluster will ask for what is not in it:\n{}", lines(.0))]
    Open(Vec<String>),
    #[error("ask kubeadm which images it wants")]
    Kubeadm(#[source] CommandError),
    #[error("use {path}")]
    File { path: PathBuf, source: io::Error },
}

fn lines(items: &[impl ToString]) -> String {
    items.iter().map(|item| format!("  {}", item.to_string())).collect::<Vec<_>>().join("\n")
}

/// `$ARMILLA_CACHE`, else `~/.cache/armilla`; bundles have a directory of their own in it.
pub fn default_cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = set("ARMILLA_CACHE").or_else(|| Some(set("HOME")?.join(".cache/armilla")));
    root.unwrap_or_else(|| PathBuf::from("/var/cache/armilla")).join("bundle")
}

/// Builds what is not in the cache, proves that nothing is missing, writes and seals the bundle.
pub fn build(options: &BuildOptions, progress: &(dyn Fn(Progress) + Sync)) -> Result<Built, BuildError> {
    let start = Instant::now();
    let BuildOptions { catalog, lock, architectures, files, .. } = options;
    let toolchain = need::check(catalog, lock, architectures, files).map_err(BuildError::Missing)?;
    let cache = Cache::open(&options.cache)?;
    let cancel = AtomicBool::new(false);
    let fetcher = Fetcher::new(&options.access).map_err(BuildError::Access)?;
    let remote = Remote::open(&fetcher, &cache)
        .map_err(|source| BuildError::File { path: options.cache.clone(), source })?;
    let shop =
        Shop { cache: &cache, remote: &remote, lock, toolchain: &toolchain, given: files, cancel: &cancel };
    let made = make_all(options, &shop, progress)?;
    let (units, cached) = (made.len(), made.iter().filter(|made| made.cached).count());
    let (release, blobs) = assemble(options, made)?;
    let mut wanted = options.wanted.clone();
    if let Some(config) = &options.kubeadm_config {
        wanted.extend(kubeadm_images(&release, &blobs, &cache, config)?);
    }
    let gaps = gaps(&release, wanted.iter().map(String::as_str));
    let mut open: Vec<String> =
        gaps.iter().map(|gap| format!("image {} for {}", gap.reference, gap.arch)).collect();
    open.extend((options.prove)(&release));
    open.sort();
    open.dedup();
    if !open.is_empty() {
        return Err(BuildError::Open(open));
    }
    let open = |blob: &bundles_format::Blob| File::open(&blobs[&blob.digest]);
    let writing = |done, total| progress(Progress::Writing { done, total });
    let written = bundles_store::write(&options.output, &release, &options.key, open, writing)
        .map_err(|source| BuildError::File { path: options.output.clone(), source })?;
    Ok(Built { release, written, cached, units, took: start.elapsed() })
}

/// Resolves the sources of the components of these names anew, of all when there are none, for every architecture,
/// from today's registries and archives. The rest of `lock` stays; what the catalogue no longer has goes.
pub fn update_lock(
    catalog: &Catalog,
    mut lock: Lock,
    names: &[String],
    cache: &Path,
    access: &Access,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Lock, BuildError> {
    let fetcher = Fetcher::new(access).map_err(BuildError::Access)?;
    let path = cache;
    let cache = Cache::open(path)?;
    let remote =
        Remote::open(&fetcher, &cache).map_err(|source| BuildError::File { path: path.into(), source })?;
    let go_on = AtomicBool::new(false);
    let sources = |key: &str| {
        let (component, source) = key.split_once('/').unwrap_or_default();
        let found = catalog.components.iter().find(|found| found.name == component);
        found.is_some_and(|found| found.sources.contains_key(source))
    };
    lock.modules.retain(|key, _| sources(key));
    lock.packages.retain(|key, _| sources(key));
    lock.downloads.retain(|key, _| sources(key));
    lock.images.retain(|key, _| sources(key));
    if let Some(unknown) = names.iter().find(|name| !catalog.components.iter().any(|c| c.name == **name)) {
        return Err(BuildError::Unknown(unknown.clone()));
    }
    for component in &catalog.components {
        if !names.is_empty() && !names.contains(&component.name) {
            continue;
        }
        let say = |what: &str| {
            let what = what.to_owned();
            progress(Progress::At { component: component.name.clone(), arch: Arch::ALL[0], what });
        };
        for (name, source) in &component.sources {
            let key = format!("{}/{name}", component.name);
            match source {
                SourceSpec::Go(spec) => {
                    let work = cache.path("resolve").join(&component.name).join(name);
                    let fresh = std::fs::remove_dir_all(&work).or_else(|error| match error.kind() {
                        io::ErrorKind::NotFound => Ok(()),
                        _ => Err(error),
                    });
                    fresh
                        .and_then(|()| std::fs::create_dir_all(&work))
                        .map_err(|source| BuildError::File { path: work.clone(), source })?;
                    let locked = go::resolve(spec, &work, &go_on, say);
                    lock.modules.insert(
                        key.clone(),
                        locked.map_err(|error| BuildError::ResolveGo(key, Box::new(error)))?,
                    );
                }
                SourceSpec::Deb(spec) => {
                    let mut packages = BTreeMap::new();
                    for arch in Arch::ALL {
                        let found = deb::resolve(spec, arch, &cache, &go_on, say);
                        packages.insert(
                            arch,
                            found.map_err(|error| BuildError::ResolveDeb(key.clone(), Box::new(error)))?,
                        );
                    }
                    lock.packages.insert(key, LockedPackages { asked: deb::asked(spec), packages });
                }
                SourceSpec::Url(spec) => {
                    let found = remote.resolve_url(spec, &say);
                    let failed = |error| BuildError::ResolveRemote(key.clone(), Box::new(error));
                    lock.downloads.insert(key.clone(), found.map_err(failed)?);
                }
                SourceSpec::Oci(spec) => {
                    let found = remote.resolve_oci(spec);
                    let failed = |error| BuildError::ResolveRemote(key.clone(), Box::new(error));
                    lock.images.insert(key.clone(), found.map_err(failed)?);
                }
                SourceSpec::File(_) => {}
            }
        }
    }
    Ok(lock)
}

/// Every component for every architecture, several at a time, the longest first.
fn make_all(
    options: &BuildOptions,
    shop: &Shop<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<Made>, BuildError> {
    let jobs = options.jobs.max(1);
    let mut durations = Durations::read(&shop.cache.path("durations.json"), jobs);
    let mut units: Vec<(&ComponentSpec, Arch)> = Vec::new();
    for arch in &options.architectures {
        units.extend(options.catalog.components.iter().map(|component| (component, *arch)));
    }
    for (spec, arch) in &units {
        if (Unit { shop, spec, arch: *arch, say: &|_| {} }).is_quick() {
            durations.quick(spec, *arch);
        }
    }
    units.sort_by_key(|(component, arch)| std::cmp::Reverse(durations.of(component, *arch)));
    let count = units.len();
    let fresh = units.iter().map(|(component, arch)| (*component, *arch, Duration::ZERO));
    progress(Progress::Planned { units: count, left: durations.left(fresh) });
    let state = Mutex::new(State {
        waiting: units.iter().copied().collect(),
        at_work: Vec::new(),
        made: Vec::new(),
        failed: None,
        durations,
    });
    // A function, because a guard in the head of a loop is held through its body.
    let next = || state.lock().expect(UNPOISONED).next();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((spec, arch)) = next() {
                    let component = spec.name.clone();
                    progress(Progress::Started { component: component.clone(), arch });
                    let say = |what: &str| {
                        progress(Progress::At { component: component.clone(), arch, what: what.to_owned() });
                    };
                    let start = Instant::now();
                    let made = Unit { shop, spec, arch, say: &say }.make();
                    let mut state = state.lock().expect(UNPOISONED);
                    match made {
                        Ok(made) => progress(state.finish(spec, arch, made, start.elapsed(), count)),
                        Err(source) => {
                            shop.cancel.store(true, Ordering::Relaxed);
                            // The first is the cause; those that were stopped for its sake come after it.
                            state.failed.get_or_insert(BuildError::Unit {
                                component,
                                arch,
                                source: Box::new(source),
                            });
                        }
                    }
                }
            });
        }
    });
    let state = state.into_inner().expect(UNPOISONED);
    // A lost estimate costs nothing but the next estimate.
    let _ = state.durations.write(&shop.cache.path("durations.json"));
    state.failed.map_or(Ok(state.made), Err)
}

const UNPOISONED: &str = "no thread panics while it holds the state";

struct State<'a> {
    waiting: VecDeque<(&'a ComponentSpec, Arch)>,
    at_work: Vec<(&'a ComponentSpec, Arch, Instant)>,
    made: Vec<Made>,
    failed: Option<BuildError>,
    durations: Durations,
}

impl<'a> State<'a> {
    fn next(&mut self) -> Option<(&'a ComponentSpec, Arch)> {
        if self.failed.is_some() {
            return None;
        }
        let (spec, arch) = self.waiting.pop_front()?;
        self.at_work.push((spec, arch, Instant::now()));
        Some((spec, arch))
    }

    fn finish(
        &mut self,
        spec: &ComponentSpec,
        arch: Arch,
        made: Made,
        took: Duration,
        units: usize,
    ) -> Progress {
        self.at_work.retain(|(other, of, _)| (&other.name, *of) != (&spec.name, arch));
        let cached = made.cached;
        if !cached {
            self.durations.note(spec, arch, took);
        }
        self.made.push(made);
        let waiting = self.waiting.iter().map(|(spec, arch)| (*spec, *arch, Duration::ZERO));
        let at_work = self.at_work.iter().map(|(spec, arch, since)| (*spec, *arch, since.elapsed()));
        let left = self.durations.left(waiting.chain(at_work));
        Progress::Finished {
            component: spec.name.clone(),
            arch,
            cached,
            took,
            done: self.made.len(),
            units,
            left,
        }
    }
}

/// One release of all that was made, and where its blobs lie.
fn assemble(
    options: &BuildOptions,
    made: Vec<Made>,
) -> Result<(Release, BTreeMap<Digest, PathBuf>), BuildError> {
    let mut components: BTreeMap<String, Component> = BTreeMap::new();
    let mut blobs = BTreeMap::new();
    for made in made {
        blobs.extend(made.blobs);
        let Component { name, version, license, source, files, images } = made.component;
        let whole = components.entry(name.clone()).or_insert_with(|| Component {
            name,
            version,
            license,
            source: source.clone(),
            files: Vec::new(),
            images: Vec::new(),
        });
        // Packages differ between architectures; the text must not depend on which was ready first.
        whole.source = std::mem::take(&mut whole.source).max(source);
        whole.files.extend(files);
        whole.images.extend(images);
    }
    for component in components.values_mut() {
        component.files.sort_by(|a, b| (&a.name, a.arch).cmp(&(&b.name, b.arch)));
        component.images.sort_by(|a, b| (&a.reference, a.arch).cmp(&(&b.reference, b.arch)));
    }
    let mut architectures = options.architectures.clone();
    architectures.sort();
    architectures.dedup();
    let release = Release {
        format: FORMAT,
        name: options.name.clone(),
        version: options.version.clone(),
        architectures,
        components: components.into_values().collect(),
    };
    release.check()?;
    Ok((release, blobs))
}

/// Asks the kubeadm of the release, if one of its architectures is this machine's.
fn kubeadm_images(
    release: &Release,
    blobs: &BTreeMap<Digest, PathBuf>,
    cache: &Cache,
    config: &str,
) -> Result<Vec<String>, BuildError> {
    use std::os::unix::fs::PermissionsExt;
    let own = Arch::from_machine(std::env::consts::ARCH);
    let Some(file) = own.and_then(|arch| release.file("kubeadm", arch)) else { return Ok(Vec::new()) };
    let directory = cache.path("kubeadm").join(file.content.hex());
    let (program, settings) = (directory.join("kubeadm"), directory.join("config.yaml"));
    let at = |source| BuildError::File { path: directory.clone(), source };
    std::fs::create_dir_all(&directory).map_err(at)?;
    if !program.exists() {
        let part = directory.join("kubeadm.part");
        let mut content =
            zstd::Decoder::new(File::open(&blobs[&file.blob.digest]).map_err(at)?).map_err(at)?;
        io::copy(&mut content, &mut File::create(&part).map_err(at)?).map_err(at)?;
        std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o755)).map_err(at)?;
        std::fs::rename(&part, &program).map_err(at)?;
    }
    std::fs::write(&settings, config).map_err(at)?;
    let mut list = Command::new(&program);
    list.args(["config", "images", "list", "--config"]).arg(&settings);
    let answer = command::run(&mut list, &AtomicBool::new(false), |_| {}).map_err(BuildError::Kubeadm)?;
    Ok(answer.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
