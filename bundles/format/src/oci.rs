//! The parts of an OCI image that the release does not spell out: media types and the layout's own files.
//!
//! Source: the OCI image specification 1.1, `image-layout.md`, `image-index.md`, `manifest.md`, `config.md`.

use serde_json::{Value, json};

use crate::{Arch, Blob, Release};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's own manifest and list of manifests, which registries still hold. Source: docker/distribution, `manifest-v2-2.md`.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// A file for a host: its content in one zstd frame.
pub const FILE_ZSTD: &str = "application/vnd.armilla.file.v1+zstd";

/// The content of `oci-layout`.
pub const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// The content of `index.json`: every image of the release under its full name.
///
/// It follows from the release alone, so the seal covers it without naming it.
pub fn index(release: &Release) -> String {
    let manifests: Vec<Value> = release
        .components
        .iter()
        .flat_map(|component| &component.images)
        .map(|image| {
            let mut entry = descriptor(image.target());
            entry["platform"] = json!({ "architecture": image.arch.as_str(), "os": "linux" });
            entry["annotations"] = json!({
                "io.containerd.image.name": image.reference,
                "org.opencontainers.image.ref.name": image.reference,
            });
            entry
        })
        .collect();
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }).to_string()
}

/// An image manifest over these blobs.
pub fn manifest(config: &Blob, layers: &[Blob]) -> String {
    let layers: Vec<Value> = layers.iter().map(descriptor).collect();
    json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(config), "layers": layers })
        .to_string()
}

/// What a container of the image starts with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    pub user: String,
    pub directory: String,
}

/// An image configuration. `layers` are the digests of the layers' uncompressed tars.
pub fn config(arch: Arch, start: &Start, layers: &[crate::Digest]) -> String {
    let mut run = serde_json::Map::new();
    if !start.user.is_empty() {
        run.insert("User".into(), json!(start.user));
    }
    run.insert("Env".into(), json!(start.environment));
    if !start.entrypoint.is_empty() {
        run.insert("Entrypoint".into(), json!(start.entrypoint));
    }
    if !start.command.is_empty() {
        run.insert("Cmd".into(), json!(start.command));
    }
    if !start.directory.is_empty() {
        run.insert("WorkingDir".into(), json!(start.directory));
    }
    let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
    json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": arch.as_str(),
        "os": "linux",
        "config": run,
        "rootfs": { "type": "layers", "diff_ids": layers },
    })
    .to_string()
}

fn descriptor(blob: &Blob) -> Value {
    json!({ "mediaType": blob.media_type, "digest": blob.digest, "size": blob.size })
}
