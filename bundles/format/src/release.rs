//! What a bundle offers: components, versions, digests, per architecture.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Arch, Digest};

/// The index of a bundle, after its seal was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Version of this index's shape; see `FORMAT.md`.
    pub format: u32,
    pub name: String,
    /// Of the release as a whole, such as `0.1.0+k8s1.37.1`.
    pub version: String,
    pub architectures: Vec<Arch>,
    pub components: Vec<Component>,
}

/// One upstream project (or one of ours) at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Such as `kubernetes`, `containerd`, `flannel`.
    pub name: String,
    /// Upstream's version without a leading `v`.
    pub version: String,
    /// SPDX expression.
    pub license: String,
    /// Where it came from, for people: module and version, packages.
    pub source: String,
    #[serde(default)]
    pub files: Vec<FileArtifact>,
    #[serde(default)]
    pub images: Vec<ImageArtifact>,
}

/// A content-addressed piece of the bundle, as stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    pub digest: Digest,
    /// Bytes as stored (compressed where the kind says so).
    pub size: u64,
    pub media_type: String,
}

/// A file to be placed on a host. Its blob is the content in one zstd frame sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileArtifact {
    /// Unique within the release and architecture: `kubelet`, `cni/bridge`, `nftables/lib/libnftables.so.1`.
    pub name: String,
    pub arch: Arch,
    pub blob: Blob,
    /// sha256 of the uncompressed content.
    pub content: Digest,
    /// Uncompressed bytes.
    pub content_size: u64,
    /// Permission bits, such as 0o755.
    pub mode: u32,
}

/// A container image for one architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageArtifact {
    /// The full name, such as `registry.k8s.io/kube-apiserver:v1.37.1`.
    pub reference: String,
    pub arch: Arch,
    /// What the name stood for where it listed several platforms: kept, so that a pull by its digest is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Blob>,
    /// The OCI (or Docker) image manifest of this architecture.
    pub manifest: Blob,
    pub config: Blob,
    pub layers: Vec<Blob>,
    /// Uncompressed bytes of all layers: what the image takes on a disk.
    pub unpacked_size: u64,
}

impl ImageArtifact {
    /// Every blob that a container runtime needs to hold the image.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.index.iter().chain([&self.manifest, &self.config]).chain(&self.layers)
    }

    /// What the name stands for.
    pub fn target(&self) -> &Blob {
        self.index.as_ref().unwrap_or(&self.manifest)
    }
}

/// Files of a release below this name are manifests of Kubernetes: not for hosts but for the cluster, in their order,
/// when the operator asks. They are the same for every architecture.
pub const MANIFESTS: &str = "manifests/";

impl Release {
    /// The manifests, in the order in which they are applied, each once.
    pub fn manifests(&self) -> Vec<&FileArtifact> {
        let mut found: BTreeMap<&str, &FileArtifact> = BTreeMap::new();
        for file in self.components.iter().flat_map(|component| &component.files) {
            if file.name.starts_with(MANIFESTS) {
                found.entry(&file.name).or_insert(file);
            }
        }
        found.into_values().collect()
    }

    /// Whether a site can be installed from it. The others bring images and manifests to a site that is.
    pub fn is_base(&self) -> bool {
        self.components.iter().flat_map(|component| &component.files).any(|file| file.name == "kubelet")
    }

    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.name == name)
    }

    pub fn file(&self, name: &str, arch: Arch) -> Option<&FileArtifact> {
        self.files(arch).find(|file| file.name == name)
    }

    pub fn files(&self, arch: Arch) -> impl Iterator<Item = &FileArtifact> {
        self.components.iter().flat_map(|c| &c.files).filter(move |file| file.arch == arch)
    }

    pub fn image(&self, reference: &str, arch: Arch) -> Option<&ImageArtifact> {
        self.images(arch).find(|image| image.reference == reference)
    }

    pub fn images(&self, arch: Arch) -> impl Iterator<Item = &ImageArtifact> {
        self.components.iter().flat_map(|c| &c.images).filter(move |image| image.arch == arch)
    }
}
