//! Sources that a server has: a file server and Debian's docker-registry, both with TLS of a CA of the test.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(unreachable_pub, reason = "tests of two crates share it")]
#[path = "../../fetch/tests/servers/mod.rs"]
mod servers;

use std::path::PathBuf;
use std::sync::Arc;

use bundles_build::{
    Access, AddonOptions, BuildOptions, Catalog, Given, Lock, build, build_addon, update_lock,
};
use bundles_format::{Arch, Reference, oci};
use bundles_store::{Bundle, KeyPair, Sealed, Trust, keygen};
use serde_json::{Value, json};
use servers::{Files, Registry, Tls, sum};
use tempfile::TempDir;

struct Yard {
    dir: TempDir,
    tls: Tls,
}

impl Yard {
    fn new() -> Yard {
        let dir = tempfile::tempdir().unwrap();
        keygen(&dir.path().join("key")).unwrap();
        let tls = Tls::new(dir.path());
        Yard { dir, tls }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn access(&self) -> Access {
        Access { cas: vec![self.tls.ca.clone()], ..Access::default() }
    }

    fn resolve(&self, catalog: &Catalog) -> Lock {
        update_lock(catalog, Lock::default(), &[], &self.path("cache"), &self.access(), &|_| {}).unwrap()
    }

    fn options(&self, catalog: Catalog, lock: Lock, cache: &str, output: &str) -> BuildOptions {
        BuildOptions {
            catalog,
            lock,
            architectures: Arch::ALL.to_vec(),
            files: Given::new(),
            cache: self.path(cache),
            output: self.path(output),
            key: KeyPair::read(&self.path("key")).unwrap(),
            name: "test".into(),
            version: "1".into(),
            wanted: vec![],
            access: self.access(),
            prove: |_| Vec::new(),
            kubeadm_config: None,
            jobs: 2,
        }
    }

    fn addon(&self, images: Vec<Reference>, access: Access) -> AddonOptions {
        AddonOptions {
            name: "shop".into(),
            version: "1".into(),
            license: "MIT".into(),
            architectures: Arch::ALL.to_vec(),
            archives: vec![],
            images,
            access,
            manifests: vec![],
            elsewhere: vec![],
            cache: self.path("addon"),
            output: self.path("addon.bundle"),
            key: KeyPair::read(&self.path("key")).unwrap(),
        }
    }

    fn open(&self, output: &str) -> Bundle<Sealed> {
        let trust = Trust::read(&self.path("key.pub")).unwrap();
        let bundle = Bundle::open(&self.path(output), &trust).unwrap();
        bundle.verify(2, |_, _| {}).unwrap();
        bundle
    }
}

fn catalog(text: &str) -> Catalog {
    let head = "name: x\nversion: '1.5'\nlicense: MIT\ncost: 1\n";
    Catalog::parse([("x.yaml".to_owned(), format!("{head}{text}"))]).unwrap()
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    format!("{error}{cause}")
}

fn pointer(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sum(bytes), "size": bytes.len() })
}

/// An image for each architecture, as the registry has it: the index's digest, and each manifest's bytes.
fn push(registry: &Registry, architectures: &[&str]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut manifests, mut entries) = (Vec::new(), Vec::new());
    for arch in architectures {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(arch.len() as u64);
        tar.append_data(&mut header, "file", arch.as_bytes()).unwrap();
        let layer = tar.into_inner().unwrap();
        let config = json!({ "os": "linux", "architecture": arch,
            "rootfs": { "type": "layers", "diff_ids": [sum(&layer)] } });
        // Spaces that no serializer of ours would write: only the same bytes have the same digest.
        let config = format!("{config}  ").into_bytes();
        registry.push_blob("shop/front", &layer);
        registry.push_blob("shop/front", &config);
        let manifest = json!({ "schemaVersion": 2, "mediaType": oci::MANIFEST,
            "config": pointer(oci::CONFIG, &config),
            "layers": [pointer("application/vnd.oci.image.layer.v1.tar", &layer)] });
        let manifest = format!(" {manifest}\n").into_bytes();
        registry.push_manifest("shop/front", &sum(&manifest), oci::MANIFEST, &manifest);
        let mut entry = pointer(oci::MANIFEST, &manifest);
        entry["platform"] = json!({ "os": "linux", "architecture": arch });
        entries.push(entry);
        manifests.push(manifest);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": oci::INDEX, "manifests": entries });
    let index = format!("{index}\n\n").into_bytes();
    registry.push_manifest("shop/front", "1.5", oci::INDEX, &index);
    (index, manifests)
}

#[test]
fn a_file_of_a_web_server_is_pinned_by_the_lock_and_refused_when_it_changes() {
    let yard = Yard::new();
    let files = Arc::new(Files::default());
    let address = files.start(&yard.tls);
    let put = |name: &str, text: &str| {
        files.files.lock().unwrap().insert(name.to_owned(), text.as_bytes().to_vec());
    };
    put("/1.5/tool-amd64", "for amd64");
    put("/1.5/tool-arm64", "for arm64");
    let catalog = catalog(&format!(
        "sources: {{bin: {{url: {{address: '{address}/$version/tool-$arch', name: tool}}}}}}\n\
         files: [{{name: tool, from: bin/tool}}]\n"
    ));
    let lock = yard.resolve(&catalog);
    build(&yard.options(catalog.clone(), lock.clone(), "cold", "a"), &|_| {}).unwrap();
    let bundle = yard.open("a");
    for arch in Arch::ALL {
        let mut content = Vec::new();
        let file = bundle.release().file("tool", arch).unwrap();
        std::io::copy(&mut bundle.content(file).unwrap().unwrap(), &mut content).unwrap();
        assert_eq!(content, format!("for {arch}").into_bytes());
    }
    put("/1.5/tool-amd64", "FOR AMD64");
    let refused = build(&yard.options(catalog.clone(), lock.clone(), "colder", "b"), &|_| {}).unwrap_err();
    let text = chain(&refused);
    assert!(text.contains("tool-amd64: its content is sha256:"), "{text}");
    assert!(!yard.path("b").exists());
    // What was fetched once needs no server.
    files.files.lock().unwrap().clear();
    let built = build(&yard.options(catalog.clone(), lock, "cold", "c"), &|_| {}).unwrap();
    assert_eq!(built.cached, 2);
    let stale = build(&yard.options(catalog, Lock::default(), "cold", "d"), &|_| {}).unwrap_err();
    assert!(chain(&stale).contains("find x/bin in the lock"), "{}", chain(&stale));
}

#[test]
fn an_image_of_a_registry_is_kept_byte_for_byte_for_both_architectures() {
    let yard = Yard::new();
    let registry = Registry::start(yard.dir.path(), Some(&yard.tls));
    let (index, manifests) = push(&registry, &["amd64", "arm64"]);
    let catalog = catalog(&format!(
        "sources: {{front: {{oci: {{image: '{}/shop/front:$version'}}}}}}\n\
         images: [{{reference: 'example.org/front:$version', from: front}}]\n",
        registry.host
    ));
    let lock = yard.resolve(&catalog);
    assert_eq!(lock.images["x/front"].digest.to_string(), sum(&index));
    build(&yard.options(catalog.clone(), lock.clone(), "cache", "a"), &|_| {}).unwrap();
    let bundle = yard.open("a");
    for (arch, manifest) in Arch::ALL.into_iter().zip(&manifests) {
        let image = bundle.release().image("example.org/front:1.5", arch).unwrap();
        assert_eq!(bundle.small(&image.manifest).unwrap(), *manifest);
        assert_eq!(bundle.small(image.index.as_ref().unwrap()).unwrap(), index);
        let by_digest: Reference = format!("example.org/front@{}", sum(&index)).parse().unwrap();
        assert!(by_digest.is_met_by(image), "a pull by digest finds it");
    }
    // The tag moves on; the lock does not. And the second time no registry is needed.
    push(&registry, &["amd64"]);
    let cold = build(&yard.options(catalog.clone(), lock.clone(), "cold", "b"), &|_| {}).unwrap();
    assert_eq!(cold.cached, 0);
    drop(registry);
    let warm = build(&yard.options(catalog, lock, "cold", "c"), &|_| {}).unwrap();
    assert_eq!(warm.cached, 2);
    let read = |name| std::fs::read(yard.path(name)).unwrap();
    assert!(read("a") == read("b") && read("b") == read("c"), "the same bytes each time");
}

#[test]
fn an_add_on_takes_images_from_a_registry_by_digest_alone() {
    let yard = Yard::new();
    let registry = Registry::start(yard.dir.path(), None);
    let (index, _) = push(&registry, &["amd64", "arm64"]);
    let access = Access { plain: vec![registry.host.clone()], ..Access::default() };
    let name = format!("{}/shop/front:1.5", registry.host);
    let pinned: Reference = format!("{name}@{}", sum(&index)).parse().unwrap();
    build_addon(&yard.addon(vec![pinned.clone()], access.clone()), &|_| {}).unwrap();
    let bundle = yard.open("addon.bundle");
    assert_eq!(bundle.release().components[0].images.len(), 2);
    assert_eq!(bundle.release().components[0].images[0].reference, name);
    let refused = |reference: Reference, access: &Access| {
        chain(&build_addon(&yard.addon(vec![reference], access.clone()), &|_| {}).unwrap_err())
    };
    let text = refused(name.parse().unwrap(), &access);
    assert!(text.contains("it names no digest"), "{text}");
    let (one, _) = push(&registry, &["amd64"]);
    let text = refused(format!("{name}@{}", sum(&one)).parse().unwrap(), &access);
    assert!(text.contains("it is not there for arm64"), "{text}");
    let text = refused(format!("{name}@{}", sum(b"nothing")).parse().unwrap(), &access);
    assert!(text.contains("the server says 404"), "{text}");
}
