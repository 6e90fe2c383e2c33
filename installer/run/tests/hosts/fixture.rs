//! Hosts as files. `NAME.host` says what a host is and where that is known from:
//!
//! ```text
//!  source: https://…                     os-release and kernel were seen together there; or
//!  synthetic: why                        nobody showed this very host
//!  kernel: 4.19.90-25.29.v2101.ky10.x86_64
//!  machine: x86_64
//!  pages: 4096                           bytes
//!  parts: with/server os/kylin-v10-sp2   of parts/, later ones over earlier ones
//!  -- /etc/os-release --                 a file; a name that ends in / is a folder; A -> B is a link;
//!  -- said systemctl --version --        what a command says. In all of them @kernel@ is the kernel's release.
//! ```
//!
//! A part begins with its own `source:` or `synthetic:` line and goes on with entries. All of it is unpacked into a folder,
//! over which the hand's own reading of facts runs, as it runs over `/` on a host.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use installer_hand::facts::{Root, SystemCalls, assemble};
use installer_model::survey::{DataDir, FsyncLatency, HostFacts, NicAddress, Questions};

/// Where a fixture's content is known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The address of what shows it.
    Public(String),
    /// Put together here, and why it is believed to be so.
    Synthetic(String),
}

pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    kernel: String,
    machine: String,
    page_size: u64,
    pub(crate) parts: Vec<String>,
    entries: String,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts")
}

/// Every host, by name.
pub(crate) fn all() -> Vec<Fixture> {
    let files = fs::read_dir(folder()).expect("the folder of hosts");
    let mut paths: Vec<PathBuf> = files
        .map(|file| file.expect("an entry of the folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "host"))
        .collect();
    paths.sort();
    paths.iter().map(|path| Fixture::read(path)).collect()
}

/// The first line of a part.
pub(crate) fn origin_of_part(part: &str) -> Origin {
    origin(&part_text(part))
}

fn part_text(part: &str) -> String {
    let path = folder().join("parts").join(format!("{part}.txt"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn origin(text: &str) -> Origin {
    let first = text.lines().next().unwrap_or_default();
    match first.split_once(": ") {
        Some(("source", url)) if url.starts_with("https://") => Origin::Public(url.to_owned()),
        Some(("synthetic", why)) if !why.is_empty() => Origin::Synthetic(why.to_owned()),
        _ => panic!("{first:?} names no origin"),
    }
}

impl Fixture {
    fn read(path: &Path) -> Fixture {
        let text = fs::read_to_string(path).expect("a host");
        let name = path.file_stem().expect("a file's name").to_string_lossy().into_owned();
        let (head, entries) = match text.split_once("\n-- ") {
            Some((head, entries)) => (head, format!("-- {entries}")),
            None => (text.as_str(), String::new()),
        };
        let value = |key: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("{name} has no {key}")).to_owned()
        };
        Fixture {
            origin: origin(&text),
            kernel: value("kernel"),
            machine: value("machine"),
            page_size: value("pages").parse().expect("a number of bytes"),
            parts: value("parts").split(' ').map(str::to_owned).collect(),
            entries: entries.replace("@kernel@", &value("kernel")),
            name,
        }
    }

    /// What the hand reads on this host, with a quick disk for etcd.
    pub(crate) fn facts(&self, questions: &Questions) -> HostFacts {
        let root = tempfile::tempdir().expect("a folder of our own");
        let mut said = BTreeMap::new();
        for part in &self.parts {
            let text = part_text(part).replace("@kernel@", &self.kernel);
            let (_, entries) = text.split_once('\n').expect("a part has more than its origin");
            unpack(root.path(), entries, &mut said);
        }
        unpack(root.path(), &self.entries, &mut said);
        let calls = SystemCalls { said, ..self.calls(&questions.data_dirs) };
        let mut facts = assemble(&Root::new(root.path()), &questions.data_dirs, calls);
        facts.fsync = questions.fsync_dir.as_ref().map(|directory| FsyncLatency {
            directory: directory.clone(),
            writes: 500,
            p50_us: 600,
            p99_us: 2000,
            max_us: 4000,
        });
        facts
    }

    fn calls(&self, data_dirs: &[String]) -> SystemCalls {
        let dir = |path: &String| DataDir {
            path: path.clone(),
            filesystem: 1,
            total_bytes: 200 << 30,
            free_bytes: 150 << 30,
            total_inodes: 13_000_000,
            free_inodes: 12_000_000,
            ..DataDir::default()
        };
        let address = NicAddress { address: "10.0.0.1".parse().expect("an address"), prefix: 24 };
        SystemCalls {
            hostname: Some("one".into()),
            kernel_release: Some(self.kernel.clone()),
            machine: Some(self.machine.clone()),
            page_size: Some(self.page_size),
            online_cpus: Some(16),
            clock_unix_ns: Some(1_790_000_000_000_000_000),
            user_id: Some(0),
            addresses: vec![("eth0".into(), address)],
            data_dirs: data_dirs.iter().map(dir).collect(),
            oom_score_adj_lowers: Some(true),
            ..SystemCalls::default()
        }
    }
}

fn unpack(root: &Path, entries: &str, said: &mut BTreeMap<String, String>) {
    let inside = |path: &str| root.join(path.trim_start_matches('/'));
    let parent = |path: &Path| fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
    for entry in format!("\n{entries}").split("\n-- ").skip(1) {
        let (line, text) = entry.split_once('\n').unwrap_or((entry, ""));
        let head = line.strip_suffix(" --").expect("an entry's head ends with --");
        let text = format!("{}\n", text.trim_end_matches('\n'));
        if let Some(command) = head.strip_prefix("said ") {
            said.insert(command.to_owned(), text);
        } else if let Some((path, target)) = head.split_once(" -> ") {
            parent(&inside(path));
            symlink(target, inside(path)).expect("a link");
        } else if head.ends_with('/') {
            fs::create_dir_all(inside(head)).expect("a folder");
        } else {
            parent(&inside(head));
            fs::write(inside(head), text).expect("a file");
        }
    }
}
