//! A small catalogue, built whole: the same steps as the real one, without a network.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bundles_build::{Access, BuildError, BuildOptions, Catalog, Given, Lock, Progress, build, update_lock};
use bundles_format::Arch;
use bundles_store::{Bundle, KeyPair, Sealed, Trust, keygen};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const TOOL: &str = r#"
name: tool
version: 1.2.3
license: Apache-2.0
cost: 1
sources:
  bin: { file: tool }
files:
  - { name: tools/tool, from: bin/tool }
images:
  - reference: example.org/tool:v$version
    layers:
      - put: { /usr/bin/tool: bin/tool }
        links: { /usr/bin/alias: tool }
        texts: { /etc/tool.conf: "a = 1\n" }
    entrypoint: [tool]
    user: "65534"
  - reference: example.org/same:1
    layers:
      - put: { /usr/bin/tool: bin/tool }
        links: { /usr/bin/alias: tool }
        texts: { /etc/tool.conf: "a = 1\n" }
"#;

struct Yard {
    dir: TempDir,
    key: PathBuf,
}

impl Yard {
    fn new() -> Yard {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let key = dir.path().join("key");
        keygen(&key).expect("a new key");
        std::fs::write(dir.path().join("tool"), "#!/bin/sh\necho tool\n").expect("a file of our own");
        Yard { dir, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn options(&self, catalog: &str, cache: &str, output: &str) -> BuildOptions {
        BuildOptions {
            catalog: Catalog::parse([("tool.yaml".to_owned(), catalog.to_owned())])
                .expect("the catalogue is good"),
            lock: Lock::default(),
            architectures: Arch::ALL.to_vec(),
            files: Arch::ALL.map(|arch| (("tool".to_owned(), arch), self.path("tool"))).into_iter().collect(),
            cache: self.path(cache),
            output: self.path(output),
            key: KeyPair::read(&self.key).expect("the key that was made"),
            name: "test".into(),
            version: "1".into(),
            wanted: vec![],
            access: Access::default(),
            prove: |_| Vec::new(),
            kubeadm_config: None,
            jobs: 2,
        }
    }

    fn trust(&self) -> Trust {
        Trust::read(&self.path("key.pub")).expect("the key that was made")
    }

    fn open(&self, output: &str) -> Bundle<Sealed> {
        Bundle::open(&self.path(output), &self.trust()).expect("the bundle that was built")
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(source) = at {
        text += &format!(": {source}");
        at = source.source();
    }
    text
}

#[test]
fn a_small_catalogue_becomes_a_sealed_bundle_for_both_architectures() {
    let yard = Yard::new();
    let built = build(&yard.options(TOOL, "cache", "out"), &|_| {}).unwrap();
    let bundle = yard.open("out");
    bundle.verify(2, |_, _| {}).unwrap();
    assert_eq!(*bundle.release(), built.release);
    for arch in Arch::ALL {
        let file = bundle.release().file("tools/tool", arch).unwrap();
        let mut content = Vec::new();
        std::io::copy(&mut bundle.content(file).unwrap().unwrap(), &mut content).unwrap();
        assert_eq!(content, std::fs::read(yard.path("tool")).unwrap());
        assert_eq!(Sha256::digest(&content).as_slice(), file.content.as_bytes());
        let image = bundle.release().image("example.org/tool:v1.2.3", arch).unwrap();
        let same = bundle.release().image("example.org/same:1", arch).unwrap();
        assert_eq!(image.layers, same.layers, "equal layers are one blob");
        let config: serde_json::Value =
            serde_json::from_slice(&bundle.small(&image.config).unwrap()).unwrap();
        assert_eq!(config["architecture"], arch.as_str());
        assert_eq!(config["config"]["Entrypoint"][0], "tool");
        assert_eq!(config["config"]["User"], "65534");
        assert_eq!(layer(&bundle, &image.layers[1])["usr/bin/alias"], "-> tool");
        assert_eq!(layer(&bundle, &image.layers[1])["etc/tool.conf"], "a = 1\n");
        assert!(layer(&bundle, &image.layers[0])["etc/passwd"].contains("nobody"));
    }
}

/// Path to content, or to `-> target` for a link.
fn layer(bundle: &Bundle<Sealed>, blob: &bundles_format::Blob) -> BTreeMap<String, String> {
    let tar =
        zstd::decode_all(bundle.blob(&blob.digest).expect("a layer of the bundle")).expect("a zstd frame");
    let mut archive = tar::Archive::new(tar.as_slice());
    let entries = archive.entries().expect("a tar").map(|entry| entry.expect("a whole tar"));
    entries
        .map(|mut entry| {
            let path = entry.path().expect("a path").display().to_string();
            let link = entry.link_name().expect("a name").map(|to| format!("-> {}", to.display()));
            let content = link.unwrap_or_else(|| {
                let mut text = String::new();
                std::io::Read::read_to_string(&mut entry, &mut text).expect("our files are text");
                text
            });
            (path, content)
        })
        .collect()
}

#[test]
fn a_second_build_gives_the_same_bytes_with_and_without_the_cache() {
    let yard = Yard::new();
    let first = build(&yard.options(TOOL, "one", "a"), &|_| {}).unwrap();
    let warm = build(&yard.options(TOOL, "one", "b"), &|_| {}).unwrap();
    let cold = build(&yard.options(TOOL, "two", "c"), &|_| {}).unwrap();
    assert_eq!([first.cached, warm.cached, cold.cached], [0, 2, 0]);
    let read = |name| std::fs::read(yard.path(name)).unwrap();
    assert_eq!(read("a"), read("b"));
    assert_eq!(read("a"), read("c"));
}

#[test]
fn a_changed_file_is_built_anew() {
    let yard = Yard::new();
    let first = build(&yard.options(TOOL, "cache", "a"), &|_| {}).unwrap();
    std::fs::write(yard.path("tool"), "#!/bin/sh\necho another\n").unwrap();
    let second = build(&yard.options(TOOL, "cache", "b"), &|_| {}).unwrap();
    assert_eq!(second.cached, 0);
    assert_ne!(first.written.id, second.written.id);
}

#[test]
fn an_image_that_somebody_wants_and_nobody_made_fails_the_build() {
    let yard = Yard::new();
    let mut options = yard.options(TOOL, "cache", "out");
    options.wanted = vec!["example.org/tool:v1.2.3".into(), "example.org/other:2".into()];
    options.prove = |_| vec!["a plan's file".into()];
    let error = build(&options, &|_| {}).unwrap_err();
    let BuildError::Open(gaps) = &error else { panic!("{error}") };
    let named =
        ["a plan's file", "image example.org/other:2 for amd64", "image example.org/other:2 for arm64"];
    assert_eq!(*gaps, named);
    assert!(!yard.path("out").exists(), "no bundle is left that looks whole");
}

#[test]
fn files_that_were_not_given_are_named_before_anything_is_built() {
    let yard = Yard::new();
    let mut options = yard.options(TOOL, "cache", "out");
    options.files = Given::new();
    let BuildError::Missing(missing) = build(&options, &|_| {}).unwrap_err() else { panic!("it went on") };
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(!yard.path("cache").exists());
}

#[test]
fn what_a_component_asks_for_and_does_not_get_is_named_with_it() {
    let yard = Yard::new();
    let catalog = TOOL.replace("from: bin/tool", "from: bin/other");
    let text = chain(&build(&yard.options(&catalog, "cache", "out"), &|_| {}).unwrap_err());
    assert!(
        text.starts_with("build tool for a") && text.contains("find other in what source bin gave"),
        "{text}"
    );
}

#[test]
fn renewing_the_lock_drops_what_the_catalogue_no_longer_has() {
    let yard = Yard::new();
    let catalog = yard.options(TOOL, "cache", "out").catalog;
    let stale =
        r#"{"modules": {"gone/bin": {"asked": "sha256:SUM", "h1": "h1:x", "go_mod": [], "go_sum": []}}}"#;
    let old: Lock = serde_json::from_str(&stale.replace("SUM", &"00".repeat(32))).unwrap();
    let renew = |names: &[String]| {
        update_lock(&catalog, old.clone(), names, &yard.path("cache"), &Access::default(), &|_| {})
    };
    assert_eq!(renew(&["tool".into()]).unwrap(), Lock::default());
    assert!(matches!(renew(&["other".into()]), Err(BuildError::Unknown(name)) if name == "other"));
}

#[test]
fn progress_tells_of_every_component_once() {
    let yard = Yard::new();
    let heard = Mutex::new(Vec::new());
    build(&yard.options(TOOL, "cache", "out"), &|event| heard.lock().unwrap().push(event)).unwrap();
    let heard = heard.into_inner().unwrap();
    assert!(matches!(heard.first(), Some(Progress::Planned { units: 2, .. })));
    let finished: Vec<usize> = heard
        .iter()
        .filter_map(|event| match event {
            Progress::Finished { done, .. } => Some(*done),
            _ => None,
        })
        .collect();
    assert_eq!(finished, [1, 2]);
    assert!(matches!(heard.last(), Some(Progress::Writing { done, total }) if done == total));
}

/// A program without a module to fetch: go needs no network for it.
#[test]
fn a_go_program_is_built_from_its_lock_the_same_each_time() {
    let yard = Yard::new();
    let module = yard.path("module");
    std::fs::create_dir_all(module.join("cmd/hello")).unwrap();
    std::fs::write(module.join("go.mod"), "module example.org/hello\n\ngo 1.24\n").unwrap();
    let main = "package main\n\nvar version = \"none\"\n\nfunc main() { print(version) }\n";
    std::fs::write(module.join("cmd/hello/main.go"), main).unwrap();
    let proxy = serve_module(&yard, &module);
    let catalog = r#"
name: hello
version: 1.0.0
license: Apache-2.0
cost: 1
sources:
  bin:
    go:
      module: example.org/hello
      version: v$version
      packages: [example.org/hello/cmd/hello]
      ldflags: ["-X main.version=v$version"]
files:
  - { name: hello, from: bin/hello }
"#;
    // The catalogue has no place for a registry's address, so the test sets it where go looks.
    let built = |cache: &str, output: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "go_child", "--ignored", "--nocapture"]);
        command.env("GOPROXY", &proxy).env("GOSUMDB", "off").env("GOMODCACHE", yard.path("modcache"));
        command.env("CHILD_YARD", yard.dir.path()).env("CHILD_CACHE", cache).env("CHILD_OUTPUT", output);
        command.env("CHILD_CATALOG", catalog);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    built("one", "a");
    built("two", "b");
    let read = |name| std::fs::read(yard.path(name)).unwrap();
    assert_eq!(read("a"), read("b"));
    let bundle = yard.open("a");
    let own = Arch::from_machine(std::env::consts::ARCH).unwrap();
    let file = bundle.release().file("hello", own).unwrap();
    let program = yard.path("hello");
    let mut out = std::fs::File::create(&program).unwrap();
    std::io::copy(&mut bundle.content(file).unwrap().unwrap(), &mut out).unwrap();
    drop(out);
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(file.mode)).unwrap();
    let said = std::process::Command::new(&program).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stderr), "v1.0.0");
    // Go leaves its module cache read-only, which would keep the directory from going away.
    let mut clean = std::process::Command::new("go");
    clean.args(["clean", "-modcache"]).env("GOMODCACHE", yard.path("modcache"));
    assert!(clean.status().unwrap().success());
}

/// Not a test: the part of the one above that runs with an environment of its own.
#[test]
#[ignore = "started by the test above"]
fn go_child() {
    let var = |name: &str| std::env::var(name).expect("the test above sets it");
    let dir = PathBuf::from(var("CHILD_YARD"));
    let catalog = Catalog::parse([("hello.yaml".to_owned(), var("CHILD_CATALOG"))]).unwrap();
    let cache = dir.join(var("CHILD_CACHE"));
    let lock = update_lock(&catalog, Lock::default(), &[], &cache, &Access::default(), &|_| {}).unwrap();
    let options = BuildOptions {
        catalog,
        lock,
        architectures: Arch::ALL.to_vec(),
        files: Given::new(),
        cache,
        output: dir.join(var("CHILD_OUTPUT")),
        key: KeyPair::read(&dir.join("key")).unwrap(),
        name: "test".into(),
        version: "1".into(),
        wanted: vec![],
        access: Access::default(),
        prove: |_| Vec::new(),
        kubeadm_config: None,
        jobs: 1,
    };
    build(&options, &|_| {}).unwrap();
}

/// A module registry as files, as `go help goproxy` describes it.
fn serve_module(yard: &Yard, module: &Path) -> String {
    let versions = yard.path("proxy/example.org/hello/@v");
    std::fs::create_dir_all(&versions).expect("a directory of our own");
    let put = |name: &str, text: &str| std::fs::write(versions.join(name), text).expect("a file of our own");
    put("list", "v1.0.0\n");
    put("v1.0.0.info", r#"{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}"#);
    std::fs::copy(module.join("go.mod"), versions.join("v1.0.0.mod")).expect("a file of our own");
    let mut zip = Zip::default();
    for name in ["go.mod", "cmd/hello/main.go"] {
        let content = std::fs::read(module.join(name)).expect("a file of our own");
        zip.add(&format!("example.org/hello@v1.0.0/{name}"), &content);
    }
    std::fs::write(versions.join("v1.0.0.zip"), zip.finish()).expect("a file of our own");
    format!("file://{}", yard.path("proxy").display())
}

/// A zip archive whose entries are stored as they are (APPNOTE 4.3.7, 4.3.12, 4.3.16).
#[derive(Default)]
struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl Zip {
    fn add(&mut self, name: &str, content: &[u8]) {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let (offset, size) = (self.bytes.len() as u32, content.len() as u32);
        // From the version to the length of the extra field: the same in both headers.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        for number in [crc.sum(), size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&common);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(content);
        self.directory.extend(b"PK\x01\x02\x14\x00");
        self.directory.extend(&common);
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries += 1;
    }

    fn finish(mut self) -> Vec<u8> {
        let offset = self.bytes.len() as u32;
        self.bytes.extend(&self.directory);
        self.bytes.extend(b"PK\x05\x06\0\0\0\0");
        for number in [self.entries, self.entries] {
            self.bytes.extend(number.to_le_bytes());
        }
        self.bytes.extend((self.directory.len() as u32).to_le_bytes());
        self.bytes.extend(offset.to_le_bytes());
        self.bytes.extend([0, 0]);
        self.bytes
    }
}
