//! Files of Kubernetes objects: packed as they are, and read for the images that they name.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use bundles_format::{Arch, Digest, FileArtifact, MANIFESTS, Reference, ReferenceError, oci};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::shelf::Shelf;

/// What `kubectl apply` takes in one piece, and more than people write.
const LIMIT: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("read it")]
    Read(#[source] io::Error),
    #[error("read it: more than 4 MiB")]
    TooLarge,
    #[error("understand it")]
    Parse(#[source] Box<serde_saphyr::Error>),
    #[error("find an object in it: document {0} has no kind")]
    NoKind(usize),
    #[error("understand an image")]
    Image(#[from] ReferenceError),
}

/// The file as the bundle holds it, under a name that keeps the order, and the images that it names.
pub(crate) fn pack(
    path: &Path,
    number: usize,
    shelf: &Shelf,
) -> Result<(FileArtifact, BTreeSet<Reference>), ManifestError> {
    let text = std::fs::read_to_string(path).map_err(ManifestError::Read)?;
    let images = images(&text)?;
    let packed = zstd::encode_all(text.as_bytes(), 9).map_err(ManifestError::Read)?;
    let (digest, size) = shelf.put(&mut packed.as_slice()).map_err(ManifestError::Read)?;
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c.to_ascii_lowercase() } else { '-' }
    };
    let own: String = path.file_name().unwrap_or_default().to_string_lossy().chars().map(plain).collect();
    let file = FileArtifact {
        name: format!("{MANIFESTS}{number:02}-{own}"),
        arch: Arch::ALL[0],
        blob: bundles_format::Blob { digest, size, media_type: oci::FILE_ZSTD.to_owned() },
        content: Digest::from_sha256(Sha256::digest(&text).into()),
        content_size: text.len() as u64,
        mode: 0o644,
    };
    Ok((file, images))
}

/// Every image that an object of the text names, in whatever kind of object.
fn images(text: &str) -> Result<BTreeSet<Reference>, ManifestError> {
    if text.len() > LIMIT {
        return Err(ManifestError::TooLarge);
    }
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| ManifestError::Parse(Box::new(error)))?;
    let mut found = BTreeSet::new();
    for (at, document) in documents.iter().enumerate().filter(|(_, document)| !document.is_null()) {
        if document["kind"].as_str().is_none() {
            return Err(ManifestError::NoKind(at + 1));
        }
        walk(document, &mut found)?;
    }
    Ok(found)
}

fn walk(value: &Value, found: &mut BTreeSet<Reference>) -> Result<(), ManifestError> {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("image", Value::String(name)) => drop(found.insert(name.parse()?)),
                    // An image as a volume.
                    ("image", Value::Object(volume)) => {
                        if let Some(Value::String(name)) = volume.get("reference") {
                            found.insert(name.parse()?);
                        }
                    }
                    _ => walk(value, found)?,
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_in_every_kind_of_object_and_document() {
        let text = "apiVersion: v1\nkind: Pod\nspec:\n  initContainers: [{name: a, image: busybox}]\n  volumes: [{name: v, image: {reference: 'a.b/data:1'}}]\n\
                    ---\napiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{image: 'a.b/c:2'}]}}}}}\n---\n";
        let names: Vec<String> = images(text).unwrap().iter().map(Reference::name).collect();
        assert_eq!(names, ["a.b/c:2", "a.b/data:1", "docker.io/library/busybox:latest"]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(matches!(images("a: 1\n"), Err(ManifestError::NoKind(1))));
        assert!(matches!(images("kind: Pod\nimage: 'A B'\n"), Err(ManifestError::Image(_))));
        assert!(matches!(images("{"), Err(ManifestError::Parse(_))));
    }
}
