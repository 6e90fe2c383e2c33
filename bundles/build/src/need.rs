//! What a build needs on the machine, all of it named before anything is built.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use bundles_format::Arch;

use crate::catalog::{Catalog, GoSpec, SourceSpec};
use crate::command::{on_path, run};
use crate::elf;
use crate::go::{self, Toolchain};
use crate::lock::Lock;

/// Something that is not there, and how to get it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    pub what: String,
    pub fix: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.fix)
    }
}

/// Files that the caller gives: by name and architecture.
pub type Given = BTreeMap<(String, Arch), PathBuf>;

/// Looks for every tool that this catalogue needs for these architectures; gives them, or all that is missing.
pub(crate) fn check(
    catalog: &Catalog,
    lock: &Lock,
    architectures: &[Arch],
    given: &Given,
) -> Result<Toolchain, Vec<Missing>> {
    let mut missing = BTreeSet::new();
    let mut need = |what: String, fix: String| {
        missing.insert(Missing { what, fix });
    };
    let sources: Vec<&SourceSpec> = catalog.components.iter().flat_map(|c| c.sources.values()).collect();
    let mut toolchain = Toolchain { go: String::new(), compilers: BTreeMap::new() };
    let modules: Vec<&GoSpec> = sources.iter().filter_map(|source| as_go(source)).collect();
    if !modules.is_empty() {
        match output(Command::new("go").args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local")) {
            None => need("go".into(), "install Go from https://go.dev/dl/ and put it on PATH".into()),
            Some(version) => {
                let wanted = go::wanted_version(lock.modules.values());
                if let (Some(wanted), found) = (wanted, go::parse_version(&version))
                    && found.is_none_or(|found| found < wanted)
                {
                    let (major, minor, patch) = wanted;
                    need(
                        format!("go {major}.{minor}.{patch} (found {version})"),
                        "https://go.dev/dl/".into(),
                    );
                }
                toolchain.go = version;
            }
        }
    }
    for arch in architectures {
        if !modules.iter().any(|spec| go::uses_cgo(spec, *arch)) {
            continue;
        }
        let compiler = go::compiler(*arch);
        match output(Command::new(&compiler).arg("-dumpfullversion")) {
            Some(version) => {
                toolchain.compilers.insert(compiler, version);
            }
            None => {
                let package = format!("gcc-{}-linux-gnu", arch.machine().replace('_', "-"));
                let package = if compiler == "gcc" { "gcc libc6-dev".to_owned() } else { package };
                need(compiler, format!("apt-get install {package}"));
            }
        }
        let headers = |spec: &&&GoSpec| spec.cgo.as_ref().is_some_and(|cgo| cgo.headers.is_some());
        if modules.iter().any(|spec| headers(&spec)) && !on_path("pkg-config") {
            need("pkg-config".into(), "apt-get install pkg-config".into());
        }
    }
    if sources.iter().any(|source| matches!(source, SourceSpec::Deb(_))) {
        for (program, package) in [("apt-get", "apt"), ("apt-cache", "apt"), ("dpkg-deb", "dpkg")] {
            if !on_path(program) {
                need(program.into(), format!("build on Debian or install its package {package}"));
            }
        }
    }
    for name in sources.iter().filter_map(|source| as_file(source)) {
        for arch in architectures {
            let what = || format!("the file {name} for {arch}");
            let Some(path) = given.get(&(name.to_owned(), *arch)) else {
                need(what(), format!("give --file {name}:{arch}=PATH"));
                continue;
            };
            match elf::unfit(path, *arch) {
                Ok(None) => {}
                Ok(Some(why)) => need(what(), format!("{}: {why}", path.display())),
                Err(error) => need(what(), format!("{}: {error}", path.display())),
            }
        }
    }
    if missing.is_empty() { Ok(toolchain) } else { Err(missing.into_iter().collect()) }
}

fn as_go(source: &SourceSpec) -> Option<&GoSpec> {
    match source {
        SourceSpec::Go(spec) => Some(spec),
        SourceSpec::Deb(_) | SourceSpec::File(_) | SourceSpec::Url(_) | SourceSpec::Oci(_) => None,
    }
}

fn as_file(source: &SourceSpec) -> Option<&str> {
    match source {
        SourceSpec::File(name) => Some(name),
        SourceSpec::Go(_) | SourceSpec::Deb(_) | SourceSpec::Url(_) | SourceSpec::Oci(_) => None,
    }
}

/// What a tool says about itself; `None` when it is not there or fails.
fn output(command: &mut Command) -> Option<String> {
    run(command, &AtomicBool::new(false), |_| {}).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_listed_at_once() {
        let text =
            "name: x\nversion: '1'\nlicense: MIT\ncost: 1\nsources: {a: {file: one}, b: {file: two}}\n";
        let catalog = Catalog::parse([("x.yaml".to_owned(), text.to_owned())]).unwrap();
        let given = Given::from([(("two".to_owned(), Arch::Arm64), PathBuf::from("/nowhere/two"))]);
        let missing = check(&catalog, &Lock::default(), &[Arch::Amd64, Arch::Arm64], &given).unwrap_err();
        let text: Vec<String> = missing.iter().map(Missing::to_string).collect();
        assert_eq!(
            text,
            [
                "the file one for amd64: give --file one:amd64=PATH",
                "the file one for arm64: give --file one:arm64=PATH",
                "the file two for amd64: give --file two:amd64=PATH",
                "the file two for arm64: /nowhere/two: No such file or directory (os error 2)",
            ]
        );
    }
}
