//! What an index may not say, whoever signed it.

use std::collections::BTreeSet;

use crate::Release;

/// Why a release is not one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReleaseError {
    #[error("the name {0:?} is not made of lower-case letters, digits, dots and hyphens")]
    Name(String),
    #[error("two components are named {0}")]
    TwoComponents(String),
    #[error("two files are named {0}")]
    TwoFiles(String),
    #[error("two images are named {0}")]
    TwoImages(String),
    #[error("the file name {0:?} could leave the directory that it is placed in")]
    Climbs(String),
    #[error("{0} is for an architecture that the release does not list")]
    ArchUnlisted(String),
    #[error("{name} unpacks from {stored} to {unpacked} bytes, which no program does")]
    Bomb { name: String, stored: u64, unpacked: u64 },
    #[error("blob {0} has two sizes")]
    TwoSizes(crate::Digest),
}

impl Release {
    /// Refuses what a reader could be hurt by: names that collide or climb out of their directory.
    pub fn check(&self) -> Result<(), ReleaseError> {
        if !is_name(&self.name) {
            return Err(ReleaseError::Name(self.name.clone()));
        }
        let mut names = BTreeSet::new();
        let mut files = BTreeSet::new();
        let mut images = BTreeSet::new();
        let mut sizes = std::collections::BTreeMap::new();
        for component in &self.components {
            if !names.insert(&component.name) {
                return Err(ReleaseError::TwoComponents(component.name.clone()));
            }
            for file in &component.files {
                let title = format!("{} ({})", file.name, file.arch);
                if !stays_inside(&file.name) {
                    return Err(ReleaseError::Climbs(file.name.clone()));
                }
                if !self.architectures.contains(&file.arch) {
                    return Err(ReleaseError::ArchUnlisted(title));
                }
                if file.content_size / RATIO > file.blob.size {
                    let (stored, unpacked) = (file.blob.size, file.content_size);
                    return Err(ReleaseError::Bomb { name: title, stored, unpacked });
                }
                if !files.insert((&file.name, file.arch)) {
                    return Err(ReleaseError::TwoFiles(title));
                }
            }
            for image in &component.images {
                let title = format!("{} ({})", image.reference, image.arch);
                if !self.architectures.contains(&image.arch) {
                    return Err(ReleaseError::ArchUnlisted(title));
                }
                if !images.insert((&image.reference, image.arch)) {
                    return Err(ReleaseError::TwoImages(title));
                }
            }
            let blobs = component.files.iter().map(|file| &file.blob);
            for blob in blobs.chain(component.images.iter().flat_map(|image| image.blobs())) {
                if *sizes.entry(&blob.digest).or_insert(blob.size) != blob.size {
                    return Err(ReleaseError::TwoSizes(blob.digest.clone()));
                }
            }
        }
        Ok(())
    }
}

/// Programs shrink to a third or a fifth; zeros, which a bomb is made of, to a ten-thousandth.
const RATIO: u64 = 1000;

/// Names become parts of steps and of commands.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !name.is_empty() && name.len() <= 63 && name.chars().all(plain)
}

/// A relative path of plain components, without control characters.
fn stays_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(|c: char| c.is_control() || c == '\\')
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_climb_out_are_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\nb"] {
            assert!(!stays_inside(bad), "{bad:?}");
        }
        for good in ["kubelet", "cni/bridge", "nftables/lib/libnftables.so.1", "..a"] {
            assert!(stays_inside(good), "{good:?}");
        }
    }
}
