//! Debian packages, unpacked without dpkg and without touching the machine's own package state.
//!
//! Which archives there are and which keys they are trusted by is the machine's word (its apt sources); everything
//! that apt writes goes to a state directory of ours, one per architecture, so that an amd64 machine can fetch arm64
//! packages as it is.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use bundles_format::{Arch, Digest};
use sha2::{Digest as _, Sha256};

use crate::cache::{Cache, CacheError, Hit, recipe};
use crate::catalog::DebSpec;
use crate::command::{CommandError, run};
use crate::lock::Package;

/// What neither a container nor a host needs of a package.
const STRIPPED: &[&str] = &[
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/doc",
    "usr/share/doc-base",
    "usr/share/info",
    "usr/share/initramfs-tools",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
];

#[derive(Debug, thiserror::Error)]
pub enum DebError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("use {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("understand what apt says about {what}")]
    Answer { what: String },
    #[error(
        "fetch {name} {version} ({architecture}): this machine's apt sources do not have it any more; \
         renew the lock with --update-lock"
    )]
    Dropped { name: String, version: String, architecture: String, source: Box<CommandError> },
    #[error("accept {name} {version}: the archive gives {found}, the lock says {locked}")]
    Changed { name: String, version: String, found: Digest, locked: Digest },
    #[error("unpack {package}: {why}")]
    Unpack { package: PathBuf, why: String },
}

/// Names what the catalogue asks for.
pub(crate) fn asked(spec: &DebSpec) -> Digest {
    recipe("deb packages", &(&spec.packages, spec.dependencies))
}

/// Finds the packages and what they depend on in today's archives.
pub(crate) fn resolve(
    spec: &DebSpec,
    arch: Arch,
    cache: &Cache,
    cancel: &AtomicBool,
    mut line: impl FnMut(&str) + Send,
) -> Result<Vec<Package>, DebError> {
    let apt = Apt::ready(cache, arch, true, cancel, &mut line)?;
    let mut install = apt.command("apt-get");
    install.args(["install", "--simulate", "--yes", "--no-install-recommends"]).args(&spec.packages);
    let answer = run(&mut install, cancel, &mut line)?;
    let mut found = installed(&answer).ok_or_else(|| DebError::Answer { what: spec.packages.join(" ") })?;
    if !spec.dependencies {
        found.retain(|(name, _)| spec.packages.contains(name));
    }
    let mut packages = Vec::new();
    for (name, version) in found {
        let mut show = apt.command("apt-cache");
        show.args(["show", "--no-all-versions", &format!("{name}={version}")]);
        let text = run(&mut show, cancel, &mut line)?;
        packages.push(package(&text).ok_or(DebError::Answer { what: name })?);
    }
    packages.sort();
    Ok(packages)
}

/// The packages' content as one tree, as the lock has them.
pub(crate) fn unpack(
    spec: &DebSpec,
    packages: &[Package],
    arch: Arch,
    cache: &Cache,
    cancel: &AtomicBool,
    mut line: impl FnMut(&str) + Send,
) -> Result<(PathBuf, Hit), DebError> {
    cache
        .entry(&recipe_of(spec, packages), |work| {
            let out = work.join("out");
            fs::create_dir(&out).map_err(at(&out))?;
            for package in packages {
                line(&format!("{} {}", package.name, package.version));
                let file = fetch(package, arch, cache, cancel, &mut line)?;
                unpack_one(&file, &out, spec.keep_headers)?;
            }
            Ok(())
        })
        .map(|(path, hit)| (path.join("out"), hit))
}

pub(crate) fn recipe_of(spec: &DebSpec, packages: &[Package]) -> Digest {
    recipe("deb tree", &(packages, spec.keep_headers, STRIPPED))
}

/// A package file by its digest: from the cache, else from the archive.
fn fetch(
    package: &Package,
    arch: Arch,
    cache: &Cache,
    cancel: &AtomicBool,
    line: &mut (impl FnMut(&str) + Send),
) -> Result<PathBuf, DebError> {
    let store = cache.path("debs");
    let whole = store.join(format!("{}.deb", package.sha256.hex()));
    if whole.exists() {
        return Ok(whole);
    }
    let apt = Apt::ready(cache, arch, false, cancel, line)?;
    let landing = store.join(format!("{}.part", package.sha256.hex()));
    fs::create_dir_all(&landing).map_err(at(&landing))?;
    let mut download = apt.command("apt-get");
    download.current_dir(&landing);
    download.args(["download", &format!("{}={}", package.name, package.version)]);
    run(&mut download, cancel, line).map_err(|source| DebError::Dropped {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        source: Box::new(source),
    })?;
    let mut files = fs::read_dir(&landing).map_err(at(&landing))?;
    let file = files.find_map(|entry| {
        Some(entry.ok()?.path()).filter(|path| path.extension().is_some_and(|e| e == "deb"))
    });
    let file = file.ok_or_else(|| DebError::Answer { what: package.name.clone() })?;
    let found = digest_of(&file)?;
    if found != package.sha256 {
        return Err(DebError::Changed {
            name: package.name.clone(),
            version: package.version.clone(),
            found,
            locked: package.sha256.clone(),
        });
    }
    fs::rename(&file, &whole).map_err(at(&whole))?;
    fs::remove_dir_all(&landing).map_err(at(&landing))?;
    Ok(whole)
}

/// apt with a state of its own.
struct Apt {
    state: PathBuf,
    arch: Arch,
}

impl Apt {
    /// Fetches the archives' lists when there are none yet, or `fresh` ones in any case.
    fn ready(
        cache: &Cache,
        arch: Arch,
        fresh: bool,
        cancel: &AtomicBool,
        line: &mut (impl FnMut(&str) + Send),
    ) -> Result<Apt, DebError> {
        let state = cache.path("apt").join(arch.as_str());
        for directory in ["lists/partial", "cache/archives/partial", "log"] {
            let path = state.join(directory);
            fs::create_dir_all(&path).map_err(at(&path))?;
        }
        let lock = state.join("lock");
        let _held = File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(at(&lock))?;
        let status = state.join("status");
        fs::write(&status, "").map_err(at(&status))?;
        let apt = Apt { state, arch };
        // Several sources of one build ask one after the other: lists of this hour are fresh.
        let stamp = apt.state.join("updated");
        let age =
            fs::metadata(&stamp).and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        let wanted = if fresh { age.is_none_or(|age| age.as_secs() > 3600) } else { age.is_none() };
        if wanted {
            run(apt.command("apt-get").args(["update", "-q"]), cancel, line)?;
            fs::write(&stamp, "").map_err(at(&stamp))?;
        }
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut set = |name: &str, value: &Path| {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        };
        set("APT::Architecture", Path::new(self.arch.as_str()));
        set("APT::Architectures", Path::new(self.arch.as_str()));
        set("Dir::State", &self.state);
        set("Dir::State::lists", &self.state.join("lists"));
        set("Dir::State::status", &self.state.join("status"));
        set("Dir::Cache", &self.state.join("cache"));
        set("Dir::Log", &self.state.join("log"));
        // The user that apt would fetch as cannot write into a state of ours.
        set("APT::Sandbox::User", Path::new("root"));
        set("Acquire::Languages", Path::new("none"));
        command.env("LC_ALL", "C.UTF-8");
        command
    }
}

/// (name, version) of every `Inst name (version …)` line of a simulated installation.
fn installed(answer: &str) -> Option<Vec<(String, String)>> {
    let of = |line: &str| {
        let (name, rest) = line.split_once(" (")?;
        let version = rest.split([' ', ')']).next()?;
        // `name:arch` for another architecture than the one asked for, which `name [old]` never is here.
        Some((name.split(':').next()?.to_owned(), version.to_owned()))
    };
    answer.lines().filter_map(|line| line.strip_prefix("Inst ")).map(of).collect()
}

/// One stanza of `apt-cache show`.
fn package(stanza: &str) -> Option<Package> {
    let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some(Package {
        name: field("Package")?.to_owned(),
        version: field("Version")?.to_owned(),
        architecture: field("Architecture")?.to_owned(),
        sha256: format!("sha256:{}", field("SHA256")?).parse().ok()?,
    })
}

fn unpack_one(package: &Path, out: &Path, keep_headers: bool) -> Result<(), DebError> {
    let failed = |why: String| DebError::Unpack { package: package.into(), why };
    let mut child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let mut archive = tar::Archive::new(child.stdout.take().expect("stdout is piped"));
    for entry in archive.entries().map_err(|error| failed(error.to_string()))? {
        let mut entry = entry.map_err(|error| failed(error.to_string()))?;
        let path = entry.path().map_err(|error| failed(error.to_string()))?.into_owned();
        let Some(name) = place(&path, keep_headers) else { continue };
        write_entry(&mut entry, &out.join(&name), out).map_err(|error| failed(format!("{name}: {error}")))?;
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

/// Where an entry of a package goes: under `usr`, as a merged root has it, or nowhere.
fn place(path: &Path, keep_headers: bool) -> Option<String> {
    let name = path.to_str()?.trim_start_matches("./").trim_matches('/');
    if name.is_empty() || name.split('/').any(|part| part == "..") {
        return None;
    }
    let merged = ["bin", "sbin", "lib", "lib64"].contains(&name.split('/').next()?);
    let name = if merged { format!("usr/{name}") } else { name.to_owned() };
    let under =
        |prefix: &str| name == prefix || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    let header = under("usr/include") || name.ends_with(".a") || name.ends_with(".pc");
    let dropped = STRIPPED.iter().any(|prefix| under(prefix))
        // Character sets that glibc can convert; no program here asks for any.
        || name.contains("/gconv")
        || (header && !keep_headers);
    (!dropped).then_some(name)
}

fn write_entry(entry: &mut tar::Entry<'_, impl Read>, target: &Path, out: &Path) -> io::Result<()> {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let kind = entry.header().entry_type();
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let replace = |target: &Path| match fs::remove_file(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    let link_name = entry.link_name()?.map(std::borrow::Cow::into_owned);
    if kind.is_dir() {
        fs::create_dir_all(target)
    } else if kind.is_file() {
        replace(target)?;
        io::copy(entry, &mut File::create(target)?)?;
        fs::set_permissions(target, fs::Permissions::from_mode(entry.header().mode()? & 0o7777))
    } else if kind.is_symlink() {
        replace(target)?;
        symlink(link_name.ok_or_else(|| io::Error::other("a link to nothing"))?, target)
    } else if kind.is_hard_link() {
        let of = link_name
            .and_then(|name| place(&name, true))
            .ok_or_else(|| io::Error::other("a link to nothing"))?;
        replace(target)?;
        fs::copy(out.join(of), target).map(|_| ())
    } else {
        Err(io::Error::other("neither a file, a directory nor a link"))
    }
}

fn digest_of(path: &Path) -> Result<Digest, DebError> {
    let mut hash = Sha256::new();
    File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash)).map_err(at(path))?;
    Ok(Digest::from_sha256(hash.finalize().into()))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DebError {
    let path = path.to_owned();
    move |source| DebError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_installation_lists_names_and_versions() {
        let answer = "Reading package lists...\nInst gcc-12-base (12.2.0-14 Debian:12.7/stable [amd64])\n\
                      Inst libc6 (2.36-9 Debian:12.7/stable [amd64]) []\nConf libc6 (2.36-9 Debian:12.7/stable [amd64])\n";
        let wanted =
            [("gcc-12-base", "12.2.0-14"), ("libc6", "2.36-9")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(installed(answer).unwrap(), wanted);
    }

    #[test]
    fn a_package_is_read_from_its_stanza() {
        let sum = "ab".repeat(32);
        let stanza =
            format!("Package: nftables\nArchitecture: amd64\nVersion: 1.0.6-2\nSHA256: {sum}\nSize: 1\n");
        let package = package(&stanza).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("nftables", "1.0.6-2"));
        assert_eq!(package.sha256.hex(), sum);
    }

    #[test]
    fn entries_land_under_usr_and_papers_nowhere() {
        let place = |path: &str| place(Path::new(path), false);
        assert_eq!(
            place("./lib/x86_64-linux-gnu/libc.so.6").as_deref(),
            Some("usr/lib/x86_64-linux-gnu/libc.so.6")
        );
        assert_eq!(place("./usr/sbin/nft").as_deref(), Some("usr/sbin/nft"));
        assert_eq!(place("./etc/gai.conf").as_deref(), Some("etc/gai.conf"));
        for gone in ["./", "./usr/share/man/man8/nft.8.gz", "./usr/share/doc", "./usr/include/x.h", "./../x"]
        {
            assert_eq!(place(gone), None, "{gone}");
        }
    }
}
