//! An application's own bundle from archives: what is kept as it was, and what is refused by name.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use bundles_build::{Access, AddonError, AddonOptions, build_addon};
use bundles_format::{Arch, Digest, oci};
use bundles_store::{Bundle, KeyPair, Sealed, Trust};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

fn sum(bytes: &[u8]) -> String {
    Digest::from_sha256(Sha256::digest(bytes).into()).to_string()
}

/// A tar of these files; a name that ends in `->TARGET` is a link.
fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        if let Some((name, to)) = name.split_once("->") {
            header.set_size(0);
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, name, to).expect("a name that fits");
        } else {
            header.set_size(content.len() as u64);
            // Past the checks that `append_data` makes of names: some are meant to be bad.
            let field = &mut header.as_old_mut().name;
            field[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, content.as_slice()).expect("memory takes it");
        }
    }
    tar.into_inner().expect("memory takes it")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).expect("memory takes it");
    gzip.finish().expect("memory takes it")
}

fn config(arch: &str, layer: &[u8]) -> Vec<u8> {
    json!({ "os": "linux", "architecture": arch, "config": { "Cmd": ["/x"] },
            "rootfs": { "type": "layers", "diff_ids": [sum(layer)] } })
    .to_string()
    .into_bytes()
}

fn pointer(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sum(bytes), "size": bytes.len() })
}

fn layer_of(text: &str) -> Vec<u8> {
    tar(&[("file".to_owned(), text.as_bytes().to_vec())])
}

const GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// An image layout: one image for both architectures, with layers as Docker compresses them.
struct Layout {
    blobs: Vec<Vec<u8>>,
    index: Vec<u8>,
}

impl Layout {
    fn new() -> Layout {
        let mut blobs = Vec::new();
        let mut manifests = Vec::new();
        for arch in ["amd64", "arm64"] {
            let layer = layer_of(arch);
            let (packed, config) = (gzip(&layer), config(arch, &layer));
            let manifest = json!({ "schemaVersion": 2, "mediaType": oci::DOCKER_MANIFEST,
                "config": pointer(oci::CONFIG, &config), "layers": [pointer(GZIP, &packed)] })
            .to_string()
            .into_bytes();
            let mut entry = pointer(oci::DOCKER_MANIFEST, &manifest);
            entry["platform"] = json!({ "os": "linux", "architecture": arch });
            manifests.push(entry);
            blobs.extend([packed, config, manifest]);
        }
        // What BuildKit adds, and nobody runs.
        let mut attestation = pointer(oci::MANIFEST, b"not here");
        attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        manifests.push(attestation);
        let index = json!({ "schemaVersion": 2, "mediaType": oci::INDEX, "manifests": manifests });
        Layout { blobs, index: index.to_string().into_bytes() }
    }

    fn archive(&self, name: Option<&str>) -> Vec<u8> {
        let mut top = pointer(oci::INDEX, &self.index);
        if let Some(name) = name {
            top["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        }
        let top = json!({ "schemaVersion": 2, "manifests": [top] }).to_string().into_bytes();
        let mut files = vec![("./index.json".to_owned(), top)];
        let blob = |bytes: &Vec<u8>| (format!("blobs/sha256/{}", &sum(bytes)[7..]), bytes.clone());
        files.extend(self.blobs.iter().chain([&self.index]).map(blob));
        tar(&files)
    }
}

/// What `docker save` wrote until version 25.
fn saved(tags: &[&str], layer_name: &str) -> Vec<u8> {
    let layer = layer_of("saved");
    let list = json!([{ "Config": "c.json", "RepoTags": tags, "Layers": ["a/layer.tar", layer_name] }]);
    let config = json!({ "os": "linux", "architecture": "amd64",
        "rootfs": { "type": "layers", "diff_ids": [sum(&layer), sum(&layer)] } });
    tar(&[
        ("manifest.json".to_owned(), list.to_string().into_bytes()),
        ("c.json".to_owned(), config.to_string().into_bytes()),
        ("a/layer.tar".to_owned(), layer),
        ("b/layer.tar->../a/layer.tar".to_owned(), Vec::new()),
        // Never opened on a disk, so there is nothing to climb to.
        ("../../etc/cron.d/x".to_owned(), b"* * * * * root true".to_vec()),
    ])
}

struct Yard(TempDir);

impl Yard {
    fn new() -> Yard {
        let dir = tempfile::tempdir().expect("a temporary directory");
        bundles_store::keygen(&dir.path().join("key")).expect("a new key");
        Yard(dir)
    }

    fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a file of our own");
        path
    }

    fn options(&self, archives: &[(Option<&str>, &Path)], manifests: &[&Path]) -> AddonOptions {
        let named = |name: &str| name.parse().expect("the name of an image");
        AddonOptions {
            name: "shop".into(),
            version: "2".into(),
            license: "MIT".into(),
            architectures: vec![Arch::Amd64],
            archives: archives.iter().map(|(name, path)| (name.map(named), path.to_path_buf())).collect(),
            images: vec![],
            access: Access::default(),
            manifests: manifests.iter().map(|path| path.to_path_buf()).collect(),
            elsewhere: vec![named("registry.k8s.io/pause:3.10")],
            cache: self.0.path().join("cache"),
            output: self.0.path().join("out"),
            key: KeyPair::read(&self.0.path().join("key")).expect("the key that was made"),
        }
    }

    fn open(&self) -> Bundle<Sealed> {
        let trust = Trust::read(&self.0.path().join("key.pub")).expect("the key that was made");
        let bundle = Bundle::open(&self.0.path().join("out"), &trust).expect("the bundle that was built");
        bundle.verify(1, |_, _| {}).expect("a whole bundle");
        bundle
    }
}

fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    format!("{error}{cause}")
}

fn refusal(options: &AddonOptions) -> String {
    let error = build_addon(options, &|_| {}).expect_err("such a bundle cannot be built");
    assert!(!options.output.exists(), "nothing is left that looks whole");
    chain(&error)
}

#[test]
fn a_layout_keeps_every_byte_and_with_it_every_digest() {
    let (yard, layout) = (Yard::new(), Layout::new());
    let archive = yard.put("layout.tar", &layout.archive(Some("registry.example/shop/front:2")));
    let mut options = yard.options(&[(None, &archive)], &[]);
    options.architectures = Arch::ALL.to_vec();
    build_addon(&options, &|_| {}).unwrap();
    let bundle = yard.open();
    for (at, arch) in Arch::ALL.into_iter().enumerate() {
        let image = bundle.release().image("registry.example/shop/front:2", arch).unwrap();
        assert_eq!(image.index.as_ref().unwrap().digest.to_string(), sum(&layout.index));
        assert_eq!(image.manifest.media_type, oci::DOCKER_MANIFEST);
        assert_eq!(image.layers[0].media_type, GZIP);
        assert_eq!(image.unpacked_size, layer_of("amd64").len() as u64);
        for (blob, wanted) in
            [&image.layers[0], &image.config, &image.manifest].iter().zip(&layout.blobs[3 * at..])
        {
            assert_eq!(&bundle.small(blob).unwrap(), wanted);
        }
    }
}

#[test]
fn what_docker_saves_gets_a_manifest_and_layers_that_are_shared_by_links() {
    let yard = Yard::new();
    let plain = saved(&["shop/back:1", "shop/back:latest"], "b/layer.tar");
    for archive in [plain.clone(), gzip(&plain), zstd::encode_all(plain.as_slice(), 3).unwrap()] {
        let archive = yard.put("saved.tar", &archive);
        build_addon(&yard.options(&[(None, &archive)], &[]), &|_| {}).unwrap();
        let bundle = yard.open();
        let image = bundle.release().image("docker.io/shop/back:1", Arch::Amd64).unwrap();
        assert!(bundle.release().image("docker.io/shop/back:latest", Arch::Amd64).is_some());
        assert_eq!(image.layers[0], image.layers[1]);
        let content = zstd::decode_all(bundle.blob(&image.layers[0].digest).unwrap()).unwrap();
        assert_eq!(content, layer_of("saved"));
    }
}

#[test]
fn a_second_build_gives_the_same_bytes() {
    let yard = Yard::new();
    let archive = yard.put("saved.tar", &saved(&["shop/back:1"], "b/layer.tar"));
    let manifest = yard.put("a b.yaml", b"kind: Pod\nspec: {containers: [{image: 'shop/back:1'}]}\n");
    let mut built = Vec::new();
    for cache in ["one", "two"] {
        let mut options = yard.options(&[(None, &archive)], &[&manifest]);
        options.cache = yard.0.path().join(cache);
        build_addon(&options, &|_| {}).unwrap();
        built.push(std::fs::read(&options.output).unwrap());
    }
    assert!(built[0] == built[1]);
    let release = yard.open().release().clone();
    let names: Vec<&str> = release.manifests().iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["manifests/01-a-b.yaml"]);
}

#[test]
fn an_image_that_a_manifest_names_and_nobody_gave_fails_the_build() {
    let (yard, layout) = (Yard::new(), Layout::new());
    let archive = yard.put("layout.tar", &layout.archive(Some("registry.example/shop/front:2")));
    let pod = |image: &str| format!("kind: Pod\nspec: {{containers: [{{image: '{image}'}}]}}\n");
    let by_digest = format!("registry.example/shop/front@{}", sum(&layout.index));
    for good in ["registry.example/shop/front:2", &by_digest, "registry.k8s.io/pause:3.10"] {
        let manifest = yard.put("good.yaml", pod(good).as_bytes());
        build_addon(&yard.options(&[(None, &archive)], &[&manifest]), &|_| {}).unwrap();
        std::fs::remove_file(yard.0.path().join("out")).unwrap();
    }
    for bad in ["registry.example/shop/front:3", "registry.example/shop/other:2", "front:2"] {
        let manifest = yard.put("bad.yaml", pod(bad).as_bytes());
        let text = refusal(&yard.options(&[(None, &archive)], &[&manifest]));
        assert!(text.contains(bad) && text.contains("which a manifest names"), "{text}");
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let (yard, layout) = (Yard::new(), Layout::new());
    let nameless = yard.put("nameless.tar", &layout.archive(None));
    let short = yard.put("short.tar", &layout.archive(Some("2")));
    let empty = yard.put("empty.tar", &tar(&[("x".into(), vec![1])]));
    let cut = yard.put("cut.tar", &layout.archive(Some("a.b/c:1"))[..3000]);
    let missing = yard.put("missing.tar", &saved(&["shop/back:1"], "../../etc/passwd"));
    let one_arch = yard.put("saved.tar", &saved(&["shop/back:1"], "b/layer.tar"));
    let mut broken = Layout::new();
    broken.blobs[0][20] ^= 1;
    let broken = yard.put("broken.tar", &broken.archive(Some("a.b/c:1")));
    for (archive, wanted) in [
        (&nameless, "give NAME=FILE"),
        (&short, "give NAME=FILE"),
        (&empty, "neither index.json"),
        (&cut, "cut.tar"),
        (&missing, "etc/passwd in it, which manifest.json names"),
        (&broken, "find layer"),
    ] {
        let mut options = yard.options(&[(None, archive)], &[]);
        // What an earlier archive brought would be found in the cache: the same bytes, by their digest.
        options.cache = yard.0.path().join(wanted.replace('/', "-"));
        let text = refusal(&options);
        assert!(text.contains(wanted), "wanted {wanted:?}: {text}");
    }
    let mut both = yard.options(&[(None, &one_arch)], &[]);
    both.architectures = Arch::ALL.to_vec();
    assert!(refusal(&both).contains("image docker.io/shop/back:1 for arm64"));
    assert!(matches!(build_addon(&yard.options(&[], &[]), &|_| {}), Err(AddonError::Nothing)));
    let named = yard.options(&[(Some("a.b/c:1"), &nameless)], &[]);
    build_addon(&named, &|_| {}).unwrap();
    assert!(yard.open().release().image("a.b/c:1", Arch::Amd64).is_some());
}

#[test]
fn a_layer_that_is_not_what_its_configuration_says_is_refused() {
    let yard = Yard::new();
    let (layer, other) = (layer_of("layer"), layer_of("other"));
    let (packed, config) = (gzip(&layer), config("amd64", &other));
    let manifest = json!({ "schemaVersion": 2, "config": pointer(oci::CONFIG, &config), "layers": [pointer(GZIP, &packed)] });
    let manifest = manifest.to_string().into_bytes();
    let mut top = pointer(oci::MANIFEST, &manifest);
    top["annotations"] = json!({ "io.containerd.image.name": "a.b/c:1" });
    let top = json!({ "manifests": [top] }).to_string().into_bytes();
    let mut files = vec![("index.json".to_owned(), top)];
    files.extend([packed, config, manifest].map(|blob| (format!("blobs/sha256/{}", &sum(&blob)[7..]), blob)));
    let archive = yard.put("odd.tar", &tar(&files));
    let text = refusal(&yard.options(&[(None, &archive)], &[]));
    assert!(text.contains("it unpacks to") && text.contains(&sum(&other)), "{text}");
}
