//! Names of images: what people write, in the one full form in which containerd keeps them.
//!
//! Source: the distribution project's `reference/normalize.go`; a short name is one of Docker Hub.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, ImageArtifact, Release};

/// A full name: registry, path, and a tag, a digest, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Such as `docker.io`, `registry.example:5000`.
    pub registry: String,
    /// Such as `library/busybox`.
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of an image")]
pub struct ReferenceError(pub String);

impl Reference {
    /// Registry and path, such as `docker.io/library/busybox`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// The name that a node keeps the image under: with the tag where there is one, else with the digest.
    pub fn name(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => format!("{}:{tag}", self.repository()),
            (None, Some(digest)) => format!("{}@{digest}", self.repository()),
            (None, None) => format!("{}:latest", self.repository()),
        }
    }

    /// Whether a pod that asks for this is given it by such an image. A digest decides alone, as for containerd.
    pub fn is_met_by(&self, image: &ImageArtifact) -> bool {
        match &self.digest {
            None => image.reference == self.name(),
            Some(digest) => {
                let same = image
                    .reference
                    .parse()
                    .is_ok_and(|other: Reference| other.repository() == self.repository());
                same && (*digest == image.manifest.digest
                    || image.index.as_ref().is_some_and(|index| index.digest == *digest))
            }
        }
    }

    /// Whether every architecture of the release has it.
    pub fn is_met_everywhere(&self, release: &Release) -> bool {
        release.architectures.iter().all(|arch| release.images(*arch).any(|image| self.is_met_by(image)))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.tag, &self.digest) {
            (Some(tag), Some(digest)) => write!(f, "{}:{tag}@{digest}", self.repository()),
            _ => f.write_str(&self.name()),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Reference, ReferenceError> {
        let bad = || ReferenceError(text.to_owned());
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        // A colon after the last slash is a tag's, one before it a port's.
        let tag_at = rest.rfind(':').filter(|at| !rest[*at..].contains('/'));
        let (rest, tag) = match tag_at {
            Some(at) => (&rest[..at], Some(rest[at + 1..].to_owned())),
            None => (rest, None),
        };
        let is_registry = |word: &str| word.contains(['.', ':']) || word == "localhost";
        let (registry, path) = match rest.split_once('/') {
            Some((first, path)) if is_registry(first) => (first.to_owned(), path.to_owned()),
            Some(_) => ("docker.io".to_owned(), rest.to_owned()),
            None => ("docker.io".to_owned(), format!("library/{rest}")),
        };
        let registry = if registry == "index.docker.io" { "docker.io".to_owned() } else { registry };
        let sound = is_host(&registry) && is_path(&path) && tag.as_deref().is_none_or(is_tag);
        if sound { Ok(Reference { registry, path, tag, digest }) } else { Err(bad()) }
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "1"));
    let label = |label: &str| {
        let plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    name.split('.').all(label) && port.parse::<u16>().is_ok()
}

fn is_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let whole = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next()) && edge(part.chars().last()) && part.chars().all(plain)
    };
    path.len() <= 255 && path.split('/').all(whole)
}

fn is_tag(tag: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=128).contains(&tag.len()) && !tag.starts_with(['.', '-']) && tag.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_become_the_full_ones_that_containerd_keeps() {
        for (text, wanted) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.37", "docker.io/library/busybox:1.37"),
            ("rancher/local-path:v1", "docker.io/rancher/local-path:v1"),
            ("localhost/x:1", "localhost/x:1"),
            ("registry.example:5000/a/b:1", "registry.example:5000/a/b:1"),
            ("index.docker.io/library/a:1", "docker.io/library/a:1"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().name(), wanted, "{text}");
        }
        let digest = format!("sha256:{}", "0a".repeat(32));
        let both: Reference = format!("a.b/c:1@{digest}").parse().unwrap();
        assert_eq!((both.name(), both.to_string()), ("a.b/c:1".to_owned(), format!("a.b/c:1@{digest}")));
        let alone: Reference = format!("a.b/c@{digest}").parse().unwrap();
        assert_eq!(alone.name(), format!("a.b/c@{digest}"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in
            ["", "A", "a//b", "../etc", "a/../b", "a b", "a:", "a@sha256:00", "a.b:x/c", "-a", "a\n", "a.b/"]
        {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?}");
        }
    }
}
