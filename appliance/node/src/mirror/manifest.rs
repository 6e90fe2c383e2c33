//! What a manifest refers to: pure.

use bundles_format::Digest;
use serde::Deserialize;

/// A piece of content as a manifest, or the image map, describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) size: u64,
}

/// An image index and an image manifest, of OCI or of Docker: either has only its own fields. (OCI image
/// specification, `image-index.md` and `manifest.md`.)
#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Everything that the manifest names, in its order. Content that names nothing (a layer, say) gives nothing.
pub(crate) fn children(manifest: &[u8]) -> Vec<Descriptor> {
    let Ok(document) = serde_json::from_slice::<Document>(manifest) else {
        return Vec::new();
    };
    document.manifests.into_iter().chain(document.config).chain(document.layers).collect()
}

/// Whether content of this type names other content.
pub(crate) fn is_manifest(media_type: &str) -> bool {
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
    .contains(&media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::from_sha256([byte; 32])
    }

    #[test]
    fn a_manifest_names_its_config_and_layers() {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"c","digest":"{}","size":3}},"layers":[{{"mediaType":"l","digest":"{}","size":4,"annotations":{{}}}}]}}"#,
            digest(1),
            digest(2)
        );
        let found: Vec<_> =
            children(text.as_bytes()).into_iter().map(|child| (child.digest, child.size)).collect();
        assert_eq!(found, [(digest(1), 3), (digest(2), 4)]);
    }

    #[test]
    fn an_index_names_its_manifests() {
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"m","digest":"{}","size":5,"platform":{{"architecture":"arm64","os":"linux"}}}}]}}"#,
            digest(3)
        );
        assert_eq!(children(text.as_bytes())[0].digest, digest(3));
    }

    #[test]
    fn what_is_no_manifest_names_nothing() {
        assert!(children(b"\x28\xb5\x2f\xfd").is_empty());
        assert!(children(b"{}").is_empty());
        assert!(children(br#"{"layers":[{"digest":"sha256:..","mediaType":"l","size":1}]}"#).is_empty());
    }
}
