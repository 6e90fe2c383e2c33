//! Canaries in every secret that a site has: they are found nowhere but where they must be, in no file, in no command line
//! and in no environment, on the machine and on the hosts, while an installation runs and after it.

use crate::installation::{Installation, SHARED_DISK};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What must be found nowhere.
struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    /// Their names, of those that these bytes hold.
    fn in_bytes(&self, bytes: &[u8]) -> Vec<&'static str> {
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        self.0.iter().filter(|(_, text)| holds(text)).map(|(name, _)| *name).collect()
    }

    fn get(&self, name: &str) -> &str {
        &self.0.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// The files below these folders that hold one.
    fn in_files(&self, folders: &[PathBuf]) -> BTreeSet<PathBuf> {
        let mut grep = Command::new("grep");
        grep.args(["-rlaF", "--devices=skip"]);
        for (_, text) in &self.0 {
            grep.arg("-e").arg(text);
        }
        let found = grep.arg("--").args(folders).stderr(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&found.stdout).lines().map(PathBuf::from).collect()
    }
}

#[test]
#[ignore = "needs root"]
fn secrets_are_found_nowhere_but_where_they_must_be() {
    let site = Installation::begin("secrets", 2, |_| {});
    let canaries = plant(&site);
    let (samples, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (found, archive) = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(&canaries, &samples, &stop));
        site.armilla("apply", &["--log-level", "debug"]).healthy("apply with canaries");
        site.armilla("apply", &[]).healthy("apply again");
        let archive = support(&site);
        stop.store(true, Ordering::Relaxed);
        (sampler.join().unwrap(), archive)
    });
    let samples = samples.into_inner();
    println!("{samples} samples of command lines, environments and limits");
    assert!(samples > 1000, "the sampler hardly ran: {samples}");
    assert!(found.is_empty(), "{found:#?}");

    let secrets = site.folder.path().join("secrets");
    let ours: Vec<PathBuf> = canaries
        .in_files(&[site.folder.path().to_owned()])
        .into_iter()
        .filter(|path| !path.starts_with(&secrets) && *path != site.folder.site())
        .collect();
    assert!(ours.is_empty(), "on the machine: {ours:#?}");
    nothing_but_the_registry_login_on_hosts(&site, &canaries);
    assert_eq!(canaries.in_files(&[archive]), BTreeSet::new(), "in the support archive");
}

/// A user's password, an encrypted key's passphrase, a registry's password, and a comment in the site file.
fn plant(site: &Installation) -> Canaries {
    let record = site.lab.record();
    let registry = format!("canary-registry-{}", std::process::id());
    let canaries = Canaries(vec![
        // As containerd is told it: `printf puller:PASSWORD | base64`.
        ("registry login", base64(&format!("puller:{registry}"))),
        ("login and sudo password", record.site_password.clone()),
        ("passphrase", format!("canary-passphrase-{}", std::process::id())),
        ("registry password", registry),
        ("comment", format!("canary-comment-{}", std::process::id())),
    ]);
    let secrets = site.folder.path().join("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    let put = |name: &str, text: &str| std::fs::write(secrets.join(name), text).unwrap();
    put("password", canaries.get("login and sudo password"));
    put("passphrase", canaries.get("passphrase"));
    put("registry", canaries.get("registry password"));
    let key = secrets.join("key");
    std::fs::copy(&record.key, &key).unwrap();
    let mut encrypt = Command::new("ssh-keygen");
    encrypt.args(["-q", "-p", "-P", "", "-N", canaries.get("passphrase"), "-f"]).arg(&key);
    assert!(encrypt.status().unwrap().success());
    let secrets = secrets.display();
    let (one, two) = (site.host("h1").address(), site.host("h2").address());
    let text = format!(
        "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: secrets}}  # {comment}\n\
         ssh: {{user: site, keyFile: {secrets}/key, passphrase: {{file: {secrets}/passphrase}}}}\n\
         sudo: {{password: {{file: {secrets}/password}}}}\n\
         hosts:\n  - {{name: h1, address: {one}, roles: [control-plane, worker]}}\n  \
         - {{name: h2, address: {two}, ssh: {{password: {{file: {secrets}/password}}, agent: false}}}}\n\
         registries:\n  - {{host: \"registry.example:5000\", username: puller, password: {{file: {secrets}/registry}}}}\n\
         {SHARED_DISK}",
        comment = canaries.get("comment"),
    );
    std::fs::write(site.folder.site(), text).unwrap();
    canaries
}

fn base64(text: &str) -> String {
    let line = format!("printf %s '{text}' | base64 -w0");
    let encoded = Command::new("sh").args(["-c", &line]).output().unwrap();
    String::from_utf8(encoded.stdout).unwrap()
}

/// Looks at every process again and again: the hosts' are among the machine's. Gives what was found.
fn sample(canaries: &Canaries, samples: &AtomicU64, stop: &AtomicBool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            if !pid.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            let comm = String::from_utf8_lossy(&read("comm")).trim().to_owned();
            for name in ["cmdline", "environ"] {
                for canary in canaries.in_bytes(&read(name)) {
                    found.insert(format!("{canary} in {name} of {comm}"));
                }
            }
            if comm == "armilla" {
                let limits = String::from_utf8_lossy(&read("limits")).into_owned();
                let core = limits.lines().find(|line| line.starts_with("Max core file size"));
                let zero = core.is_none_or(|line| line.split_whitespace().nth(4) == Some("0"));
                // A process between fork and its first line has the limits of whoever started it.
                if !zero && young(&entry.path()).is_none_or(|age| age > Duration::from_secs(1)) {
                    found.insert(format!("{comm} may write a core: {core:?}"));
                }
            }
            samples.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    found
}

/// How long ago the kernel made a process's folder; none when it is gone.
fn young(process: &Path) -> Option<Duration> {
    std::fs::metadata(process).ok()?.modified().ok()?.elapsed().ok()
}

fn nothing_but_the_registry_login_on_hosts(site: &Installation, canaries: &Canaries) {
    for host in site.lab.hosts() {
        let root = host.root();
        let folders =
            ["etc", "root", "home", "opt", "run", "tmp", "usr/local", "var"].map(|name| root.join(name));
        let found = canaries.in_files(&folders);
        let found: Vec<PathBuf> =
            found.iter().map(|path| Path::new("/").join(path.strip_prefix(&root).unwrap())).collect();
        let login = Path::new("/etc/containerd/certs.d/registry.example:5000/hosts.toml");
        let wrong: Vec<&PathBuf> = found.iter().filter(|path| *path != login).collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", host.name());
        let mode = host.shell(&format!("stat -c '%a %U' {}", login.display())).unwrap();
        assert_eq!(mode.trim(), "600 root", "{}", host.name());
        // Journals compress what is long: they are read as people read them.
        let journal = host.shell("journalctl --no-pager -o cat").unwrap();
        assert_eq!(canaries.in_bytes(journal.as_bytes()), [""; 0], "in the journal of {}", host.name());
    }
}

/// Collects, and unpacks into a folder.
fn support(site: &Installation) -> PathBuf {
    let archive = site.folder.path().join("support.tar.gz");
    let mut collect = site.lab.command([site.folder.program()]);
    collect
        .args(["support", "collect", "-s"])
        .arg(site.folder.site())
        .arg("--state")
        .arg(site.folder.state());
    collect.arg("--out").arg(&archive).stdin(Stdio::null());
    let said = collect.output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr);
    println!("{}", text.lines().last().unwrap_or_default());
    assert!(said.status.success(), "{text}");
    let unpacked = site.folder.path().join("support");
    std::fs::create_dir_all(&unpacked).unwrap();
    let tar = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&unpacked).status().unwrap();
    assert!(tar.success());
    let list = Command::new("find").arg(&unpacked).args(["-type", "f"]).output().unwrap();
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    for file in
        ["index.json", "state/check.json", "events.jsonl", "hosts/h2/kubelet.log", "hosts/h1/containers.txt"]
    {
        assert!(list.contains(file), "{file} is not in\n{list}");
    }
    unpacked
}
