//! Image names, in the one spelling under which they are looked up: pure.

use std::collections::BTreeMap;

use installer_model::node::{ImageEntry, ImageMap};

/// Docker Hub under the names that clients use for it.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The full name of a repository, such as `docker.io/library/busybox`.
///
/// `registry` is what containerd sends as `ns`. A client that addresses the mirror directly sends none: then the name
/// must be a full one, as it is in the image map.
pub(crate) fn repository_name(registry: Option<&str>, name: &str) -> String {
    let (registry, name) = match registry {
        Some(registry) => (registry, name),
        None => split_registry(name),
    };
    let registry = if DOCKER_HUB.contains(&registry) { DOCKER_HUB[0] } else { registry };
    if registry == DOCKER_HUB[0] && !name.contains('/') {
        return format!("{registry}/library/{name}");
    }
    format!("{registry}/{name}")
}

/// The registry of a name: its first part when that looks like a host, else Docker Hub, as the distribution
/// reference grammar has it.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        Some(_) | None => (DOCKER_HUB[0], name),
    }
}

/// The image map by repository and tag.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    repositories: BTreeMap<String, Vec<Named>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Named {
    /// None for an image that is known by its digest alone.
    tag: Option<String>,
    entry: ImageEntry,
}

impl Names {
    pub(crate) fn new(map: ImageMap) -> Names {
        let mut names = Names::default();
        for (reference, entry) in map.images {
            let (repository, tag) = split_reference(&reference);
            let named = Named { tag: tag.map(str::to_owned), entry };
            names.repositories.entry(repository_name(None, repository)).or_default().push(named);
        }
        names
    }

    pub(crate) fn tagged(&self, repository: &str, tag: &str) -> Option<&ImageEntry> {
        self.named(repository).find(|named| named.tag.as_deref() == Some(tag)).map(|named| &named.entry)
    }

    /// Every image of a repository: what its blobs may belong to.
    pub(crate) fn entries(&self, repository: &str) -> impl Iterator<Item = &ImageEntry> {
        self.named(repository).map(|named| &named.entry)
    }

    fn named(&self, repository: &str) -> impl Iterator<Item = &Named> {
        self.repositories.get(repository).into_iter().flatten()
    }
}

/// `name:tag@digest`, each of the last two optional.
fn split_reference(reference: &str) -> (&str, Option<&str>) {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        Some(_) | None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_has_one_name_and_a_library() {
        for (registry, name) in [
            (Some("docker.io"), "busybox"),
            (Some("docker.io"), "library/busybox"),
            (Some("registry-1.docker.io"), "busybox"),
            (Some("index.docker.io"), "library/busybox"),
            (None, "docker.io/busybox"),
            (None, "docker.io/library/busybox"),
            (None, "busybox"),
        ] {
            assert_eq!(repository_name(registry, name), "docker.io/library/busybox");
        }
        assert_eq!(repository_name(None, "rancher/local-path"), "docker.io/rancher/local-path");
    }

    #[test]
    fn other_registries_have_no_library() {
        assert_eq!(repository_name(Some("registry.k8s.io"), "pause"), "registry.k8s.io/pause");
        assert_eq!(repository_name(None, "localhost/app"), "localhost/app");
        assert_eq!(repository_name(None, "r.example:5000/a/b"), "r.example:5000/a/b");
    }

    #[test]
    fn a_reference_is_split_at_its_tag_and_not_at_its_port() {
        assert_eq!(split_reference("registry.k8s.io/pause:3.10"), ("registry.k8s.io/pause", Some("3.10")));
        assert_eq!(split_reference("r.example:5000/a"), ("r.example:5000/a", None));
        assert_eq!(split_reference("r.example:5000/a:v1@sha256:00"), ("r.example:5000/a", Some("v1")));
        assert_eq!(split_reference("r.example/a@sha256:00"), ("r.example/a", None));
    }

    #[test]
    fn names_are_found_by_repository_and_tag() {
        let entry = |byte: u8| ImageEntry {
            digest: bundles_format::Digest::from_sha256([byte; 32]),
            media_type: "m".to_owned(),
            size: 1,
        };
        let names = Names::new(ImageMap::new(BTreeMap::from([
            ("docker.io/busybox:1.37".to_owned(), entry(1)),
            ("registry.k8s.io/pause:3.10".to_owned(), entry(2)),
            ("registry.k8s.io/pause:3.9".to_owned(), entry(3)),
        ])));
        assert_eq!(names.tagged("docker.io/library/busybox", "1.37"), Some(&entry(1)));
        assert_eq!(names.tagged("registry.k8s.io/pause", "3.9"), Some(&entry(3)));
        assert_eq!(names.tagged("registry.k8s.io/pause", "3"), None);
        assert_eq!(names.entries("registry.k8s.io/pause").count(), 2);
        assert_eq!(names.entries("registry.k8s.io/absent").count(), 0);
    }
}
