//! Does a release hold every image that a cluster will ask for?

use std::collections::BTreeSet;
use std::fmt;

use crate::{Arch, Release};

/// An image that somebody will ask for and the release does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    pub reference: String,
    pub arch: Arch,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reference, self.arch)
    }
}

/// What is missing, for every architecture of the release, each once.
pub fn gaps<'a>(release: &Release, wanted: impl IntoIterator<Item = &'a str>) -> Vec<Gap> {
    let wanted: BTreeSet<&str> = wanted.into_iter().collect();
    let of = |arch: Arch| {
        wanted
            .iter()
            .filter(move |reference| release.image(reference, arch).is_none())
            .map(move |reference| Gap { reference: (*reference).to_owned(), arch })
    };
    release.architectures.iter().flat_map(|arch| of(*arch)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Blob, Component, Digest, ImageArtifact};

    #[test]
    fn an_image_for_one_architecture_leaves_a_gap_for_the_other() {
        let blob = Blob { digest: Digest::from_sha256([0; 32]), size: 0, media_type: String::new() };
        let image = ImageArtifact {
            reference: "registry.k8s.io/pause:3.10.2".into(),
            arch: Arch::Amd64,
            index: None,
            manifest: blob.clone(),
            config: blob,
            layers: vec![],
            unpacked_size: 0,
        };
        let release = Release {
            format: crate::FORMAT,
            name: "test".into(),
            version: "1".into(),
            architectures: Arch::ALL.to_vec(),
            components: vec![Component {
                name: "pause".into(),
                version: "3.10.2".into(),
                license: "Apache-2.0".into(),
                source: String::new(),
                files: vec![],
                images: vec![image],
            }],
        };
        let wanted = "registry.k8s.io/pause:3.10.2";
        assert_eq!(gaps(&release, [wanted, wanted]), [Gap { reference: wanted.into(), arch: Arch::Arm64 }]);
        let named: Vec<String> = gaps(&release, ["quay.io/x:1"]).iter().map(Gap::to_string).collect();
        assert_eq!(named, ["quay.io/x:1 (amd64)", "quay.io/x:1 (arm64)"]);
    }
}
