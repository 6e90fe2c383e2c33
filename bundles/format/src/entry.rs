//! The outer file: a plain POSIX tar whose every byte follows from its entries.
//!
//! Names, sizes and order say all; owner, time and mode are constants. So a reader can make the header that it
//! expects and compare: a flipped bit in a header or in padding is found like one in a blob.

use crate::{Blob, Digest, Release};

/// A tar block. Headers take one, content is padded to the next.
pub const BLOCK: u64 = 512;

/// The seal over the index: first in the file, so that a reader knows at once whose bundle it holds.
pub const SEAL: &str = "armilla/seal.json";
/// The index: a [`Release`] in JSON.
pub const INDEX: &str = "armilla/release.json";
/// Marks an OCI image layout.
pub const OCI_LAYOUT: &str = "oci-layout";
/// The list of images for tools that know OCI and not Armilla.
pub const OCI_INDEX: &str = "index.json";

/// Entries before the blobs, in their order.
pub const HEAD: [&str; 4] = [SEAL, INDEX, OCI_LAYOUT, OCI_INDEX];

/// The most that each entry before the blobs may take: a reader holds them in memory.
pub const HEAD_LIMIT: u64 = 16 << 20;

/// The largest size that eleven octal digits can say.
pub const ENTRY_LIMIT: u64 = (8 << 30) - 1;

const BLOBS: &str = "blobs/sha256/";

/// Where a blob lies in the file, as the OCI image layout wants it.
pub fn blob_name(digest: &Digest) -> String {
    format!("{BLOBS}{}", digest.hex())
}

/// The digest that an entry's name promises, if it is the name of a blob.
pub fn blob_digest(name: &str) -> Option<Digest> {
    format!("sha256:{}", name.strip_prefix(BLOBS)?).parse().ok()
}

/// Bytes from the end of a content of `size` to the next header.
pub fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

/// The one header that an entry of this name and size may have: ustar, a regular file, mode 0644, owner 0, time 0.
///
/// `None` when the name takes more than 100 bytes or the size more than [`ENTRY_LIMIT`].
pub fn header(name: &str, size: u64) -> Option<[u8; BLOCK as usize]> {
    if name.len() > 100 || size > ENTRY_LIMIT {
        return None;
    }
    let mut block = [0; BLOCK as usize];
    let mut put = |at: usize, field: &[u8]| block[at..at + field.len()].copy_from_slice(field);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\0");
    put(337, b"0000000\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

/// What a header says about itself, as far as an error needs it: its name, its size, its kind.
///
/// `None` when the checksum does not fit or a field is not what tar allows.
pub fn claims(block: &[u8; BLOCK as usize]) -> Option<Claims> {
    let octal = |field: &[u8]| {
        let text = std::str::from_utf8(field).ok()?;
        u64::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
    };
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
        .sum();
    if octal(&block[148..156])? != sum {
        return None;
    }
    let end = block[..100].iter().position(|byte| *byte == 0).unwrap_or(100);
    Some(Claims {
        name: std::str::from_utf8(&block[..end]).ok()?.to_owned(),
        size: octal(&block[124..136])?,
        regular: matches!(block[156], b'0' | 0),
    })
}

/// See [`claims`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub name: String,
    pub size: u64,
    /// Neither link, directory, device nor an extension of somebody's.
    pub regular: bool,
}

impl Release {
    /// Every blob of the release, each once, in the order in which the file holds them.
    pub fn blobs(&self) -> Vec<&Blob> {
        let files = self.components.iter().flat_map(|c| &c.files).map(|file| &file.blob);
        let images = self.components.iter().flat_map(|c| &c.images).flat_map(|image| image.blobs());
        let mut blobs: Vec<&Blob> = files.chain(images).collect();
        blobs.sort_by(|a, b| a.digest.cmp(&b.digest));
        blobs.dedup_by(|a, b| a.digest == b.digest);
        blobs
    }

    /// What needs this blob, for people: `kubelet (amd64)`, `registry.k8s.io/pause:3.10.2 (arm64)`.
    pub fn user_of(&self, digest: &Digest) -> Option<String> {
        let file = |c: &crate::Component| {
            let file = c.files.iter().find(|file| file.blob.digest == *digest)?;
            Some(format!("file {} ({})", file.name, file.arch))
        };
        let image = |c: &crate::Component| {
            let image = c.images.iter().find(|image| image.blobs().any(|blob| blob.digest == *digest))?;
            Some(format!("image {} ({})", image.reference, image.arch))
        };
        self.components.iter().find_map(|c| file(c).or_else(|| image(c)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_it_was_made_of() {
        let block = header("index.json", 1234).unwrap();
        let claims = claims(&block).unwrap();
        assert_eq!(claims, Claims { name: "index.json".into(), size: 1234, regular: true });
    }

    #[test]
    fn a_header_with_a_flipped_bit_claims_nothing() {
        let good = header("index.json", 1234).unwrap();
        for at in [0, 99, 124, 130, 156, 257, 511] {
            let mut bad = good;
            bad[at] ^= 1;
            assert_eq!(claims(&bad), None, "byte {at}");
        }
    }

    #[test]
    fn what_ustar_cannot_say_has_no_header() {
        assert!(header(&"x".repeat(101), 0).is_none());
        assert!(header("x", ENTRY_LIMIT + 1).is_none());
        assert!(header("x", ENTRY_LIMIT).is_some());
    }

    #[test]
    fn only_the_name_of_a_blob_has_a_digest() {
        let digest = Digest::from_sha256([7; 32]);
        assert_eq!(blob_digest(&blob_name(&digest)), Some(digest));
        for other in ["index.json", "blobs/sha256/../../etc/passwd", "blobs/sha256/", "blobs/sha512/00"] {
            assert_eq!(blob_digest(other), None, "{other}");
        }
    }
}
