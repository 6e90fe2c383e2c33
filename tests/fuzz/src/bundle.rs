//! The bundle's file.
//!
//! Blind bytes never get past the checksum of the first header, so the first byte chooses how far the input is helped:
//!
//! | first byte | the rest is |
//! |---|---|
//! | even | the file as it is, sealed by whomever it names |
//! | 1, 5, 9 … | entries, each with a right header: a byte for the name, two for the size, then the content |
//! | 3, 7, 11 … | the text of an index, sealed by a trusted key, with the blobs that a second part spells out |

use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

use bundles_format::{Digest, FORMAT, Release, Seal, entry, oci, statement};
use bundles_store::{Bundle, PublicKey, Trust};
use ed25519_dalek::pkcs8::EncodePublicKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signer, SigningKey};
use rustix::fd::AsRawFd;
use rustix::fs::{MemfdFlags, memfd_create};
use sha2::{Digest as _, Sha256};

/// Ends the index and begins the blobs in the third kind of input.
const BLOBS: u8 = 0;

/// A file is refused or it is a bundle: then its release is within what the format allows, every blob that it names can
/// be read in its size, and reading it whole ends in a verdict.
pub fn bundle(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 4 {
        0 | 2 => open(rest, None),
        1 => open(&entries(rest), None),
        _ => open(&sealed(rest), Some(&key().1)),
    }
}

/// Always the same, so that an input of the corpus keeps its meaning.
fn key() -> &'static (SigningKey, PublicKey) {
    static KEY: OnceLock<(SigningKey, PublicKey)> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = SigningKey::from_bytes(&[7; 32]);
        let pem = key.verifying_key().to_public_key_pem(LineEnding::LF).expect("a public key has a text");
        let public = PublicKey::from_pem(&pem).expect("what was written as a key is one");
        (key, public)
    })
}

fn open(file: &[u8], key: Option<&PublicKey>) {
    let fd = memfd_create("bundle", MemfdFlags::CLOEXEC).expect("a file in memory");
    let path = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    let mut memory = std::fs::File::from(fd);
    memory.write_all(file).expect("memory takes what is written");
    let Ok(claimed) = Bundle::inspect(&path) else { return };
    let trust = Trust::key(key.unwrap_or_else(|| claimed.signer()).clone());
    let Ok(bundle) = claimed.seal(&trust) else { return };
    assert_eq!(bundle.size(), file.len() as u64, "bytes that belong to nothing");
    bundle.release().check().expect("an open bundle's release was checked");
    super::keeps_through_json(bundle.release());
    for blob in bundle.release().blobs() {
        let reader = bundle.blob(&blob.digest).expect("every blob has its place");
        assert_eq!(reader.size(), blob.size);
        let _ = bundle.small(blob);
    }
    let _ = bundle.verify(1, |read, all| assert!(read <= all));
}

/// A file of well-formed entries in whatever order, with whatever names and sizes the input asks for.
fn entries(mut input: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    while let [name, high, low, rest @ ..] = input {
        let size = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (content, after) = rest.split_at(size);
        put(&mut file, &name_of(*name, content), content);
        input = after;
    }
    file.extend([0; 2 * entry::BLOCK as usize]);
    file
}

fn name_of(choice: u8, content: &[u8]) -> String {
    match usize::from(choice) {
        at if at < entry::HEAD.len() => entry::HEAD[at].to_owned(),
        4..=127 => entry::blob_name(&Digest::from_sha256(Sha256::digest(content).into())),
        128..=191 => entry::blob_name(&Digest::from_sha256([choice; 32])),
        _ => String::from_utf8_lossy(&content[..content.len().min(60)]).into_owned(),
    }
}

fn put(file: &mut Vec<u8>, name: &str, content: &[u8]) {
    let Some(header) = entry::header(name, content.len() as u64) else { return };
    file.extend(header);
    file.extend(content);
    file.resize(file.len() + entry::padding(content.len() as u64) as usize, 0);
}

/// A file whose seal is right for an index that is anything.
fn sealed(input: &[u8]) -> Vec<u8> {
    let (index, blobs) = match input.iter().position(|byte| *byte == BLOBS) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[][..]),
    };
    let id = Digest::from_sha256(Sha256::digest(index).into());
    let (signing, public) = key();
    let seal = Seal {
        format: FORMAT,
        index: id.clone(),
        key: public.fingerprint(),
        public_key: hex::encode(signing.verifying_key().to_bytes()),
        signature: hex::encode(signing.sign(&statement(FORMAT, &id)).to_bytes()),
    };
    let layout = serde_json::from_slice::<Release>(index)
        .map_or_else(|_| String::new(), |release| oci::index(&release));
    let mut file = Vec::new();
    let seal = serde_json::to_vec(&seal).expect("a seal is JSON");
    for (name, content) in
        entry::HEAD.iter().zip([&seal[..], index, oci::LAYOUT.as_bytes(), layout.as_bytes()])
    {
        put(&mut file, name, content);
    }
    let mut contents: Vec<(Digest, &[u8])> = blobs
        .split(|byte| *byte == BLOBS)
        .map(|content| (Digest::from_sha256(Sha256::digest(content).into()), content))
        .collect();
    contents.sort();
    contents.dedup();
    for (digest, content) in contents {
        put(&mut file, &entry::blob_name(&digest), content);
    }
    file.extend([0; 2 * entry::BLOCK as usize]);
    file
}
