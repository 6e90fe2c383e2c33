//! The catalogue: what a release is made of, as data.
//!
//! One YAML file per component. In a file, `$version` stands for the component's version, so that a new version is
//! one line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bundles_format::{Arch, Reference};
use serde::{Deserialize, Serialize};

/// The catalogue that this build of armilla knows.
const BUILT_IN: &[(&str, &str)] = &[
    ("armilla.yaml", include_str!("../../catalog/armilla.yaml")),
    ("busybox.yaml", include_str!("../../catalog/busybox.yaml")),
    ("cni-flannel.yaml", include_str!("../../catalog/cni-flannel.yaml")),
    ("cni-plugins.yaml", include_str!("../../catalog/cni-plugins.yaml")),
    ("containerd.yaml", include_str!("../../catalog/containerd.yaml")),
    ("coredns.yaml", include_str!("../../catalog/coredns.yaml")),
    ("crictl.yaml", include_str!("../../catalog/crictl.yaml")),
    ("demo.yaml", include_str!("../../catalog/demo.yaml")),
    ("etcd.yaml", include_str!("../../catalog/etcd.yaml")),
    ("flannel.yaml", include_str!("../../catalog/flannel.yaml")),
    ("kubernetes.yaml", include_str!("../../catalog/kubernetes.yaml")),
    ("local-path-provisioner.yaml", include_str!("../../catalog/local-path-provisioner.yaml")),
    ("metrics-server.yaml", include_str!("../../catalog/metrics-server.yaml")),
    ("nftables.yaml", include_str!("../../catalog/nftables.yaml")),
    ("pause.yaml", include_str!("../../catalog/pause.yaml")),
    ("runc.yaml", include_str!("../../catalog/runc.yaml")),
];

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("read the catalogue {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("find a component in the catalogue {path}: no file ends in .yaml")]
    Empty { path: PathBuf },
    #[error("understand {file}")]
    Parse { file: String, source: Box<serde_saphyr::Error> },
    #[error("accept {file}: {why}")]
    Refused { file: String, why: String },
}

/// All components, by name.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub components: Vec<ComponentSpec>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentSpec {
    pub name: String,
    pub version: String,
    /// SPDX expression.
    pub license: String,
    /// Seconds of one processor that the first build takes, roughly: the time left until one was measured.
    pub cost: u32,
    pub sources: BTreeMap<String, SourceSpec>,
    #[serde(default)]
    pub files: Vec<FileSpec>,
    #[serde(default)]
    pub images: Vec<ImageSpec>,
}

/// Where content comes from. Each gives a tree of files that the rest of the component takes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceSpec {
    Go(GoSpec),
    Deb(DebSpec),
    /// A file given by the caller under this name, per architecture.
    File(String),
    /// A file from a web server. The tree holds it under its name.
    Url(UrlSpec),
    /// An image from a registry, which stays byte for byte what it is; no tree to take files from.
    Oci(OciSpec),
}

/// Programs built from Go modules. The tree holds each under the last element of its package.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoSpec {
    pub module: String,
    pub version: String,
    /// Main packages.
    pub packages: Vec<String>,
    /// More modules whose packages are built: module to version.
    #[serde(default)]
    pub require: BTreeMap<String, String>,
    /// Module to `module version`: what Go reads from the main module alone, and ours is the main one.
    #[serde(default)]
    pub replace: BTreeMap<String, String>,
    /// The version under which the directories are published that the module's own go.mod replaces modules by.
    #[serde(default)]
    pub staging: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub ldflags: Vec<String>,
    #[serde(default)]
    pub cgo: Option<CgoSpec>,
}

/// C in a Go program; it is linked statically.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CgoSpec {
    pub architectures: Vec<Arch>,
    /// The source with the headers and libraries that the C compiler itself lacks.
    #[serde(default)]
    pub headers: Option<String>,
}

/// Packages of the suite that the machine's own apt sources name, unpacked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebSpec {
    pub packages: Vec<String>,
    /// Whether what the packages depend on comes along.
    #[serde(default = "yes")]
    pub dependencies: bool,
    /// Headers and static libraries stay: for a compiler, not for an image.
    #[serde(default)]
    pub keep_headers: bool,
}

fn yes() -> bool {
    true
}

/// A file that a web server has for each architecture, or one for all.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlSpec {
    /// `https://…`; `$arch` stands for the architecture (`amd64`), `$machine` for what the kernel calls it (`x86_64`).
    pub address: String,
    /// What it is called in the tree.
    pub name: String,
}

impl UrlSpec {
    pub(crate) fn address(&self, arch: Arch) -> String {
        self.address.replace("$arch", arch.as_str()).replace("$machine", arch.machine())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OciSpec {
    /// By tag, which the lock pins, or by digest.
    pub image: String,
}

/// A file for hosts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    pub name: String,
    /// `source/path in its tree`.
    pub from: String,
    /// A directory for the loader and the libraries that the program needs, found in the same tree.
    #[serde(default)]
    pub libraries: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    pub reference: String,
    /// An `oci` source: the image is that one, and there is nothing more to say of it.
    #[serde(default)]
    pub from: Option<String>,
    #[serde(default)]
    pub layers: Vec<LayerSpec>,
    #[serde(default)]
    pub entrypoint: Vec<String>,
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub environment: Vec<String>,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub directory: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSpec {
    /// A source whose whole tree is the layer's base.
    #[serde(default)]
    pub tree: Option<String>,
    /// Path in the image to `source/path`; programs, mode 0755.
    #[serde(default)]
    pub put: BTreeMap<String, String>,
    /// Path in the image to what the symbolic link says.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    #[serde(default)]
    pub applets: Option<AppletSpec>,
    /// Path in the image to content, mode 0644.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
}

/// Names beside a program that is told by its name what to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppletSpec {
    /// Path of the program in the image.
    pub of: String,
    pub names: Vec<String>,
}

impl Catalog {
    pub fn built_in() -> Catalog {
        let files = BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Catalog::parse(files).expect("the catalogue in this binary is read by its tests")
    }

    /// The names of the files that the caller gives, per architecture.
    pub fn given(&self) -> BTreeSet<String> {
        let sources = self.components.iter().flat_map(|component| component.sources.values());
        sources
            .filter_map(|source| match source {
                SourceSpec::File(name) => Some(name.clone()),
                SourceSpec::Go(_) | SourceSpec::Deb(_) | SourceSpec::Url(_) | SourceSpec::Oci(_) => None,
            })
            .collect()
    }

    /// Every `*.yaml` of a directory.
    pub fn read(directory: &Path) -> Result<Catalog, CatalogError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| CatalogError::Read { path, source }
        };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(directory).map_err(at(directory))? {
            let path = entry.map_err(at(directory))?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = std::fs::read_to_string(&path).map_err(at(&path))?;
                files.insert(path.display().to_string(), text);
            }
        }
        if files.is_empty() {
            return Err(CatalogError::Empty { path: directory.into() });
        }
        Catalog::parse(files)
    }

    /// From (name, text) of each file.
    pub fn parse(files: impl IntoIterator<Item = (String, String)>) -> Result<Catalog, CatalogError> {
        let mut components: Vec<ComponentSpec> = Vec::new();
        for (file, text) in files {
            let refused = |why: String| CatalogError::Refused { file: file.clone(), why };
            let component = parse_component(&file, &text)?;
            check(&component).map_err(refused)?;
            if components.iter().any(|other| other.name == component.name) {
                return Err(refused(format!("a component named {} is there already", component.name)));
            }
            components.push(component);
        }
        components.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Catalog { components })
    }
}

fn parse_component(file: &str, text: &str) -> Result<ComponentSpec, CatalogError> {
    let parse = |source| CatalogError::Parse { file: file.into(), source: Box::new(source) };
    #[derive(Deserialize)]
    struct Version {
        version: String,
    }
    let Version { version } = serde_saphyr::from_str(text).map_err(parse)?;
    serde_saphyr::from_str(&text.replace("$version", &version)).map_err(parse)
}

/// What serde cannot say: that every source named is there, and that paths stay in their tree.
fn check(component: &ComponentSpec) -> Result<(), String> {
    let names: BTreeSet<&str> = component.sources.keys().map(String::as_str).collect();
    let known = |source: &str| match names.contains(source) {
        true => Ok(()),
        false => Err(format!("there is no source {source:?} (there are: {names:?})")),
    };
    for (name, source) in &component.sources {
        match source {
            SourceSpec::Url(url) => {
                if !url.address.starts_with("https://") {
                    return Err(format!("source {name}: {:?} is no https:// address", url.address));
                }
                if !is_plain(&url.name) || url.name.contains('/') {
                    return Err(format!("source {name}: {:?} is no name of a file", url.name));
                }
            }
            SourceSpec::Oci(oci) => {
                oci.image.parse::<Reference>().map_err(|error| format!("source {name}: {error}"))?;
            }
            SourceSpec::Go(go) => {
                let headers = go.cgo.as_ref().and_then(|cgo| cgo.headers.as_deref());
                headers.map_or(Ok(()), known)?;
            }
            SourceSpec::Deb(_) | SourceSpec::File(_) => {}
        }
    }
    let is_image = |source: &str| matches!(component.sources.get(source), Some(SourceSpec::Oci(_)));
    let tree = |source: &str| match is_image(source) {
        true => Err(format!("source {source:?} is an image and no tree: name it by an image's `from`")),
        false => known(source),
    };
    let place = |from: &str| {
        let (source, path) = from.split_once('/').ok_or_else(|| format!("{from:?} is not source/path"))?;
        tree(source)?;
        match is_plain(path) {
            true => Ok(()),
            false => Err(format!("{from:?} is not a plain path in its source")),
        }
    };
    for file in &component.files {
        place(&file.from)?;
    }
    for image in &component.images {
        let lists = [&image.entrypoint, &image.command, &image.environment];
        let bare = lists.iter().all(|list| list.is_empty());
        let bare = bare && image.layers.is_empty() && image.user.is_empty() && image.directory.is_empty();
        match &image.from {
            Some(source) if !is_image(source) => {
                return Err(format!("image {}: {source:?} is no oci source", image.reference));
            }
            Some(_) if !bare => {
                return Err(format!("image {}: it comes as it is; only `from` may be said", image.reference));
            }
            None if image.layers.is_empty() => {
                return Err(format!("image {}: it has neither layers nor `from`", image.reference));
            }
            Some(_) | None => {}
        }
    }
    for layer in component.images.iter().flat_map(|image| &image.layers) {
        layer.tree.as_deref().map_or(Ok(()), tree)?;
        for from in layer.put.values() {
            place(from)?;
        }
        let paths = layer.put.keys().chain(layer.links.keys()).chain(layer.texts.keys());
        for path in paths {
            let inside = path.strip_prefix('/').unwrap_or_default();
            if !is_plain(inside) {
                return Err(format!("{path:?} is not a plain absolute path"));
            }
        }
    }
    Ok(())
}

fn is_plain(path: &str) -> bool {
    !path.split('/').any(|part| part.is_empty() || part == "." || part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Catalog, CatalogError> {
        Catalog::parse([("x.yaml".to_owned(), text.to_owned())])
    }

    #[test]
    fn the_catalogue_in_the_binary_is_the_one_in_the_tree() {
        let built_in = Catalog::built_in();
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog");
        let read = Catalog::read(&directory).unwrap();
        let names = |catalog: &Catalog| catalog.components.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&built_in), names(&read), "a file of catalog/ is missing from BUILT_IN");
    }

    #[test]
    fn armilla_carries_itself_in_its_own_version() {
        let catalog = Catalog::built_in();
        let armilla = catalog.components.iter().find(|component| component.name == "armilla").unwrap();
        assert_eq!(armilla.version, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_version_is_written_once() {
        let text = "name: x\nversion: 1.2.3\nlicense: MIT\ncost: 1\nsources: {f: {file: x}}\n\
                    images: [{reference: 'example.org/x:v$version', layers: [{put: {/x: f/x}}]}]\n";
        assert_eq!(one(text).unwrap().components[0].images[0].reference, "example.org/x:v1.2.3");
    }

    #[test]
    fn what_is_wrong_or_nowhere_is_refused_by_name() {
        let with = |rest: &str| one(&format!("name: x\nversion: '1'\nlicense: MIT\ncost: 1\n{rest}"));
        for (rest, wanted) in [
            ("sources: {a: {url: {address: 'http://b.c/d', name: d}}}", "no https:// address"),
            ("sources: {a: {url: {address: 'https://b.c/d', name: ../d}}}", "no name of a file"),
            ("sources: {a: {oci: {image: 'A B'}}}", "not the name of an image"),
            ("sources: {a: {oci: {image: b.c/d}}}\nfiles: [{name: x, from: a/x}]", "no tree"),
            ("sources: {a: {file: x}}\nimages: [{reference: x, from: a}]", "no oci source"),
            ("sources: {}\nimages: [{reference: x}]", "neither layers nor"),
            (
                "sources: {a: {oci: {image: b.c/d}}}\nimages: [{reference: x, from: a, user: root}]",
                "it comes as it is",
            ),
            ("sources: {a: {file: x}}\nfiles: [{name: x, from: b/x}]", "no source \"b\""),
            ("sources: {a: {file: x}}\nfiles: [{name: x, from: a/../x}]", "not a plain path"),
            (
                "sources: {a: {file: x}}\nimages: [{reference: x, layers: [{put: {x: a/x}}]}]",
                "not a plain absolute",
            ),
        ] {
            let text = with(rest).unwrap_err().to_string();
            assert!(text.contains(wanted), "{rest}: {text}");
        }
        assert!(matches!(with("sources: {}\ncolour: red"), Err(CatalogError::Parse { .. })));
    }
}
