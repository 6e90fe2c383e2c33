//! An application's own images: built into a bundle from an archive, brought to a living site, there for pods that always
//! pull, by tag and by either digest, and on a host that joins later.

use crate::installation::{Installation, done};
use lab::proofs::{self, Seen};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const TAGGED: &str = "registry.example/shop/front:1";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(crate) fn an_applications_own_images_come_to_every_node(site: &Installation) {
    bring_and_run(site);
    every_node_holds_them(site);
    let again = site.armilla("apply", &[]).healthy("apply after an import");
    assert_eq!(again.acts(), [""; 0], "what was imported is a part of the site");
}

/// Builds the application's bundle.
pub(crate) fn build(site: &Installation) -> PathBuf {
    let begun = Instant::now();
    let at = |name: &str| site.folder.path().join(name).display().to_string();
    std::fs::write(at("front.tar"), Image::of_pause().archive()).unwrap();
    std::fs::write(at("front.yaml"), manifests()).unwrap();
    let mut build = Command::new(site.folder.program());
    build.args(["bundle", "build", &at("front.bundle"), "--name", "shop", "--key"]).arg(site.folder.key());
    build.args(["--archive", &at("front.tar"), "--manifest", &at("front.yaml")]);
    said(build.output().unwrap(), "bundle build");
    done("an application's bundle", begun);
    at("front.bundle").into()
}

/// Imports the application's bundle with its manifests and waits for its pods.
pub(crate) fn bring_and_run(site: &Installation) {
    let bundle = build(site).display().to_string();
    let imported = site.armilla("bundle import", &[&bundle, "--apply"]).healthy("bundle import");
    let hosts = site.lab.hosts().len();
    assert_eq!(imported.acts().iter().filter(|step| step.contains("/import/bundle-shop")).count(), hosts);
    assert_eq!(imported.acts().len(), hosts + 1, "only images and manifests: {:?}", imported.acts());
    let begun = Instant::now();
    let seen = proofs::wait("a pod of the application on every node", Duration::from_secs(60), || {
        let pods = site.cluster().list(&["pods", "--namespace", "shop"])?;
        let ready = |pod: &&Value| {
            let all = pod["status"]["containerStatuses"].as_array();
            all.is_some_and(|all| all.len() == 3 && all.iter().all(|one| one["ready"] == true))
        };
        let ready = pods.iter().filter(ready).count();
        Ok(if ready == hosts { Seen::Yes(()) } else { Seen::NotYet(format!("{ready} of {hosts}")) })
    });
    seen.unwrap();
    done("its pods on every node", begun);
}

/// What pods call the image: by its tag, by the digest of the list and by that of this machine's manifest.
pub(crate) fn names() -> [String; 3] {
    let image = Image::of_pause();
    let repository = TAGGED.rsplit_once(':').unwrap().0;
    let by = |bytes: &[u8]| format!("{repository}@{}", sum(bytes));
    [TAGGED.to_owned(), by(&image.index), by(&image.manifest)]
}

pub(crate) fn every_node_holds_them(site: &Installation) {
    let mut list = site.folder.armilla(&site.lab, "image ls");
    let listed = said(list.args(["-o", "json"]).output().unwrap(), "image ls");
    let rows: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let ours: Vec<&Value> = rows.iter().filter(|row| row["bundle"] == "shop").collect();
    let names: Vec<&str> = site.lab.hosts().iter().map(|host| host.name()).collect();
    assert_eq!(ours.len(), 1, "{listed}");
    assert_eq!((&ours[0]["image"], &ours[0]["heldBy"]), (&json!(TAGGED), &json!(names)), "{listed}");
}

fn said(output: Output, what: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{what}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// An image of two platforms, of which the archive holds this machine's: what `docker save` leaves of most images.
struct Image {
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Vec<u8>,
    index: Vec<u8>,
}

impl Image {
    /// Its one program does nothing for ever; the bundle's own pause is such a one.
    fn of_pause() -> Image {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist").join(std::env::consts::ARCH);
        let pause = std::fs::read(programs.join("pause")).unwrap();
        let layer = tar(&[("pause".to_owned(), pause.as_slice()), ("shop".to_owned(), b"front")]);
        let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
        let config = json!({ "os": "linux", "architecture": arch, "config": { "Entrypoint": ["/pause"] },
            "rootfs": { "type": "layers", "diff_ids": [sum(&layer)] } });
        let config = config.to_string().into_bytes();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST,
            "config": pointer("application/vnd.oci.image.config.v1+json", &config),
            "layers": [pointer("application/vnd.oci.image.layer.v1.tar", &layer)] });
        let manifest = manifest.to_string().into_bytes();
        let mut here = pointer(MANIFEST, &manifest);
        here["platform"] = json!({ "os": "linux", "architecture": arch });
        let mut elsewhere = pointer(MANIFEST, b"not in the archive");
        elsewhere["platform"] = json!({ "os": "linux", "architecture": "s390x" });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [here, elsewhere] });
        Image { layer, config, manifest, index: index.to_string().into_bytes() }
    }

    fn archive(&self) -> Vec<u8> {
        let mut top = pointer(INDEX, &self.index);
        top["annotations"] = json!({ "io.containerd.image.name": TAGGED });
        let top = json!({ "schemaVersion": 2, "manifests": [top] }).to_string();
        let name = |blob: &[u8]| format!("blobs/sha256/{}", &sum(blob)["sha256:".len()..]);
        let blobs = [&self.layer, &self.config, &self.manifest, &self.index];
        let mut files = vec![("index.json".to_owned(), top.as_bytes())];
        files.extend(blobs.map(|blob| (name(blob), blob.as_slice())));
        tar(&files)
    }
}

fn manifests() -> String {
    let [tag, index, manifest] = names();
    format!(
        "apiVersion: v1
kind: Namespace
metadata: {{name: shop}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: front, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: front}}}}
  template:
    metadata: {{labels: {{app: front}}}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: [{{operator: Exists}}]
      containers:
      - {{name: by-tag, image: '{tag}', imagePullPolicy: Always}}
      - {{name: by-index, image: '{index}', imagePullPolicy: Always}}
      - {{name: by-manifest, image: '{manifest}', imagePullPolicy: Always}}
"
    )
}

fn tar(files: &[(String, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

fn sum(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn pointer(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sum(bytes), "size": bytes.len() })
}
