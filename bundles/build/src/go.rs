//! Programs from Go modules, through a wrapper module of ours.
//!
//! `go install module@version` refuses modules whose go.mod replaces or excludes something, and asks for a list of
//! versions that a registry may not have. A go.mod that requires the module works in every case, and gives the
//! place to restate the replacements: Go reads those from the main module alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use bundles_format::{Arch, Digest};
use serde::Serialize;

use crate::cache::{Cache, CacheError, Hit, recipe};
use crate::catalog::GoSpec;
use crate::command::{CommandError, run};
use crate::lock::LockedModules;

/// The language version of the wrapper; go raises it when a module wants more.
const LANGUAGE: &str = "1.26.0";

#[derive(Debug, thiserror::Error)]
pub enum GoError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("use {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("understand what go says about {module}")]
    Answer { module: String, source: serde_json::Error },
    #[error("find the hash of {module} in go.sum")]
    NoHash { module: String },
}

/// The tools that shape the bytes; part of every recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Toolchain {
    /// As `go env GOVERSION` prints it.
    pub(crate) go: String,
    /// As `gcc -dumpfullversion` prints it, per compiler; only those that are needed.
    pub(crate) compilers: BTreeMap<String, String>,
}

/// Names what the catalogue asks for, as far as it decides which modules take part.
pub(crate) fn asked(spec: &GoSpec) -> Digest {
    let cgo = spec.cgo.as_ref().map(|cgo| &cgo.architectures);
    let what = (&spec.module, &spec.version, &spec.packages, &spec.require, &spec.replace, &spec.staging);
    recipe("go modules", &(what, &spec.tags, cgo))
}

/// The C compiler for an architecture: the machine's own, or Debian's cross compiler.
pub(crate) fn compiler(arch: Arch) -> String {
    if std::env::consts::ARCH == arch.machine() {
        "gcc".to_owned()
    } else {
        format!("{}-linux-gnu-gcc", arch.machine())
    }
}

pub(crate) fn uses_cgo(spec: &GoSpec, arch: Arch) -> bool {
    spec.cgo.as_ref().is_some_and(|cgo| cgo.architectures.contains(&arch))
}

/// Decides on a version of every module that takes part, for all architectures, and notes their hashes.
pub(crate) fn resolve(
    spec: &GoSpec,
    work: &Path,
    cancel: &AtomicBool,
    mut line: impl FnMut(&str) + Send,
) -> Result<LockedModules, GoError> {
    let mut replace = spec.replace.clone();
    if let Some(version) = &spec.staging {
        let mut download = go(work, "mod");
        download.args(["mod", "download", "-json", &format!("{}@{}", spec.module, spec.version)]);
        let text = run(&mut download, cancel, &mut line)?;
        #[derive(serde::Deserialize)]
        struct Module {
            #[serde(rename = "GoMod")]
            go_mod: PathBuf,
        }
        let module: Module = serde_json::from_str(&text)
            .map_err(|source| GoError::Answer { module: spec.module.clone(), source })?;
        let theirs = fs::read_to_string(&module.go_mod).map_err(at(&module.go_mod))?;
        replace.extend(staged(&theirs).map(|name| (name.to_owned(), format!("{name} {version}"))));
    }
    let go_mod = work.join("go.mod");
    fs::write(&go_mod, wrapper(spec, &replace)).map_err(at(&go_mod))?;
    for arch in Arch::ALL {
        let mut list = go(work, "mod");
        target(&mut list, spec, arch);
        list.args(["list", "-deps", "-f", "", "-tags", &spec.tags.join(",")]).args(&spec.packages);
        run(&mut list, cancel, &mut line)?;
    }
    let go_sum = work.join("go.sum");
    let lines = |path: &Path| -> Result<Vec<String>, GoError> {
        Ok(fs::read_to_string(path).map_err(at(path))?.lines().map(str::to_owned).collect())
    };
    let (go_mod, go_sum) = (lines(&go_mod)?, lines(&go_sum)?);
    let h1 = hash_of(&go_sum, &spec.module, &spec.version)
        .ok_or_else(|| GoError::NoHash { module: spec.module.clone() })?;
    Ok(LockedModules { asked: asked(spec), h1, go_mod, go_sum })
}

/// What a build needs beside the catalogue's word.
pub(crate) struct GoBuild<'a> {
    pub(crate) spec: &'a GoSpec,
    pub(crate) locked: &'a LockedModules,
    pub(crate) arch: Arch,
    pub(crate) toolchain: &'a Toolchain,
    /// A tree with headers and libraries for the C part, and the hash that names it.
    pub(crate) headers: Option<(&'a Path, &'a Digest)>,
}

impl GoBuild<'_> {
    pub(crate) fn recipe(&self) -> Digest {
        let cgo = uses_cgo(self.spec, self.arch);
        let compiler = cgo.then(|| self.toolchain.compilers.get(&compiler(self.arch)));
        let headers = self.headers.map(|(_, hash)| hash);
        recipe("go", &(self.spec, self.locked, self.arch, &self.toolchain.go, compiler, headers))
    }

    /// The directory with the programs.
    pub(crate) fn build(
        &self,
        cache: &Cache,
        cancel: &AtomicBool,
        line: impl FnMut(&str) + Send,
    ) -> Result<(PathBuf, Hit), GoError> {
        cache
            .entry(&self.recipe(), |work| {
                let put = |name: &str, lines: &[String]| {
                    let path = work.join(name);
                    fs::write(&path, lines.join("\n") + "\n").map_err(at(&path))
                };
                put("go.mod", &self.locked.go_mod)?;
                put("go.sum", &self.locked.go_sum)?;
                let mut build = go(work, "readonly");
                target(&mut build, self.spec, self.arch);
                if let Some((headers, _)) = self.headers {
                    let libraries = headers.join(format!("usr/lib/{}-linux-gnu", self.arch.machine()));
                    build.env("PKG_CONFIG_LIBDIR", libraries.join("pkgconfig"));
                    build.env("PKG_CONFIG_SYSROOT_DIR", headers);
                }
                // -v names each package as it is compiled: the only sign of life in ten minutes.
                build.args([
                    "build",
                    "-v",
                    "-trimpath",
                    "-buildvcs=false",
                    "-tags",
                    &self.spec.tags.join(","),
                ]);
                build
                    .args(["-ldflags", &self.ldflags(), "-o"])
                    .arg(format!("{}/", work.join("out").display()));
                build.args(&self.spec.packages);
                fs::create_dir(work.join("out")).map_err(at(work))?;
                run(&mut build, cancel, line)?;
                Ok(())
            })
            .map(|(path, hit)| (path.join("out"), hit))
    }

    fn ldflags(&self) -> String {
        let mut flags = vec!["-s -w -buildid="];
        flags.extend(self.spec.ldflags.iter().map(String::as_str));
        if uses_cgo(self.spec, self.arch) {
            // The linker's own build id would be made of the C objects' temporary names.
            flags.push("-linkmode external -extldflags \"-static -Wl,--build-id=none\"");
        }
        flags.join(" ")
    }
}

/// `go` in a directory, deaf to whatever the user's own settings would change in the bytes.
fn go(work: &Path, modules: &str) -> Command {
    let mut command = Command::new("go");
    command.current_dir(work);
    command.env("GOFLAGS", format!("-mod={modules}"));
    command.env("GOTOOLCHAIN", "local").env("GOWORK", "off").env("GO111MODULE", "on");
    command.env("GOAMD64", "v1").env("GOARM64", "v8.0").env_remove("GOEXPERIMENT");
    command
}

fn target(command: &mut Command, spec: &GoSpec, arch: Arch) {
    command.env("GOOS", "linux").env("GOARCH", arch.as_str());
    if uses_cgo(spec, arch) {
        command.env("CGO_ENABLED", "1").env("CC", compiler(arch));
    } else {
        command.env("CGO_ENABLED", "0");
    }
}

fn wrapper(spec: &GoSpec, replace: &BTreeMap<String, String>) -> String {
    let mut text =
        format!("module armilla.local/build\n\ngo {LANGUAGE}\n\nrequire {} {}\n", spec.module, spec.version);
    for (module, version) in &spec.require {
        text += &format!("require {module} {version}\n");
    }
    for (module, by) in replace {
        text += &format!("replace {module} => {by}\n");
    }
    text
}

/// The modules that a go.mod replaces by directories under `./staging/`.
fn staged(go_mod: &str) -> impl Iterator<Item = &str> {
    go_mod.lines().filter_map(|line| {
        let (name, by) = line.split_once("=>")?;
        let name = name.trim().trim_start_matches("replace").trim();
        by.trim().starts_with("./staging/").then_some(name)
    })
}

fn hash_of(go_sum: &[String], module: &str, version: &str) -> Option<String> {
    let start = format!("{module} {version} ");
    go_sum.iter().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
}

/// The highest language version that any wrapper asks for: what the machine's go must be.
pub(crate) fn wanted_version<'a>(locked: impl Iterator<Item = &'a LockedModules>) -> Option<(u32, u32, u32)> {
    let versions: BTreeSet<(u32, u32, u32)> = locked
        .flat_map(|locked| &locked.go_mod)
        .filter_map(|line| parse_version(line.strip_prefix("go ")?))
        .collect();
    versions.last().copied()
}

/// `1.26.8` or `go1.26.8`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.trim().trim_start_matches("go").split('.');
    let mut next = || parts.next().map(str::parse::<u32>);
    Some((next()?.ok()?, next()?.ok()?, next().unwrap_or(Ok(0)).ok()?))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> GoError {
    let path = path.to_owned();
    move |source| GoError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_modules_are_found_in_a_block_and_on_a_line_of_their_own() {
        let text = "replace k8s.io/one => ./staging/src/k8s.io/one\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\
                    \tgithub.com/x/y => github.com/x/z v1.0.0\n)\n";
        assert_eq!(staged(text).collect::<Vec<_>>(), ["k8s.io/one", "k8s.io/api"]);
    }

    #[test]
    fn the_main_modules_hash_is_not_that_of_its_go_mod() {
        let sum = ["a/b v1.0.0/go.mod h1:mod=".to_owned(), "a/b v1.0.0 h1:zip=".to_owned()];
        assert_eq!(hash_of(&sum, "a/b", "v1.0.0").as_deref(), Some("h1:zip="));
        assert_eq!(hash_of(&sum, "a/b", "v1.0"), None);
    }

    #[test]
    fn go_versions_compare_as_numbers() {
        assert!(parse_version("go1.26.10") > parse_version("1.26.9"));
        assert_eq!(parse_version("1.26"), Some((1, 26, 0)));
        assert_eq!(parse_version("devel"), None);
    }
}
