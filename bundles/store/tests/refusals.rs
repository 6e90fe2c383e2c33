//! A bundle that is not whole, not sealed or sealed by somebody else is refused, and the error names the part.

mod yard;

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bundles_format::{Digest, Release, entry};
use bundles_store::{Bundle, KeyPair, OpenError, ScanError, Trust};
use yard::{file, packed, refusal, sum};

/// What the files hold, and how they are stored: one with padding after it, one without.
fn contents() -> [Vec<u8>; 3] {
    let full = |content: &Vec<u8>| packed(content).len().is_multiple_of(512);
    let long: Vec<u8> = (0..40_u8).flat_map(|at| sum(&[at]).hex().into_bytes()).collect();
    let block = (0..long.len()).map(|length| long[..length].to_vec()).find(full);
    [b"kubelet".to_vec(), block.expect("some length packs to whole blocks"), b"a third file".to_vec()]
}

fn blobs() -> Vec<Vec<u8>> {
    contents().iter().map(|content| packed(content)).collect()
}

fn release() -> Release {
    let contents = contents();
    let file = |at: usize| file(&format!("file-{at}"), &packed(&contents[at]), &contents[at]);
    yard::release("1", (0..contents.len()).map(file).collect())
}

fn written(dir: &Path, release: &Release, key: &KeyPair) -> PathBuf {
    let path = dir.join("test.bundle");
    yard::write(&path, release, key, &blobs());
    path
}

#[test]
fn what_was_written_is_read_and_every_blob_comes_back() {
    use std::io::{Read, Seek, SeekFrom};
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let bundle = Bundle::open(&written(dir.path(), &release(), &key), &Trust::key(key.public())).unwrap();
    bundle.verify(4, |_, _| {}).unwrap();
    assert_eq!(*bundle.release(), release());
    assert_eq!(*bundle.signer(), key.public().fingerprint());
    for stored in blobs() {
        let mut reader = bundle.blob(&sum(&stored)).unwrap();
        let mut read = vec![];
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, stored);
        reader.seek(SeekFrom::Start(3)).unwrap();
        read.clear();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, stored[3..]);
    }
    assert!(bundle.blob(&sum(b"not in it")).is_none());
}

#[test]
fn the_same_release_and_key_give_the_same_bytes() {
    let key = KeyPair::generate().unwrap();
    let [a, b] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let bytes = |dir: &tempfile::TempDir| std::fs::read(written(dir.path(), &release(), &key)).unwrap();
    assert_eq!(bytes(&a), bytes(&b));
}

#[test]
fn a_flip_of_any_bit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let trust = Trust::key(key.public());
    let path = written(dir.path(), &release(), &key);
    let good = std::fs::read(&path).unwrap();
    assert_eq!(refusal(&path, &trust), None);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for (at, byte) in good.iter().enumerate() {
        file.write_all_at(&[byte ^ (1 << (at % 8))], at as u64).unwrap();
        assert!(refusal(&path, &trust).is_some(), "byte {at} was flipped and nobody noticed");
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert_eq!(refusal(&path, &trust), None);
}

#[test]
fn a_flip_in_a_blob_names_the_blob_and_its_user() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let path = written(dir.path(), &release(), &key);
    let mut bytes = std::fs::read(&path).unwrap();
    let stored = &blobs()[2];
    let at = bytes.windows(stored.len()).position(|window| window == stored).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let text = refusal(&path, &Trust::key(key.public())).unwrap();
    assert!(text.contains(&sum(stored).to_string()) && text.contains("file file-2 (amd64)"), "{text}");
}

#[test]
fn a_truncation_at_any_length_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let trust = Trust::key(key.public());
    let path = written(dir.path(), &release(), &key);
    let good = std::fs::read(&path).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for length in (0..good.len() as u64).rev() {
        file.set_len(length).unwrap();
        let text = refusal(&path, &trust).expect("a shorter file is not the bundle");
        assert!(text.contains("truncated"), "{length}: {text}");
    }
}

#[test]
fn a_bundle_sealed_by_another_key_is_refused_with_both_fingerprints() {
    let dir = tempfile::tempdir().unwrap();
    let [ours, theirs] = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    let path = written(dir.path(), &release(), &theirs);
    let text = refusal(&path, &Trust::key(ours.public())).unwrap();
    for key in [&ours, &theirs] {
        assert!(text.contains(&key.public().fingerprint().to_string()), "{text}");
    }
}

#[test]
fn another_key_under_the_trusted_fingerprint_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let [ours, theirs] = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    let path = written(dir.path(), &release(), &theirs);
    let mut bytes = std::fs::read(&path).unwrap();
    // Same lengths, so the headers still fit.
    let (from, to) = (theirs.public().fingerprint().to_string(), ours.public().fingerprint().to_string());
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(Bundle::open(&path, &Trust::key(ours.public())), Err(OpenError::SealKey)));
}

#[test]
fn a_bundle_without_a_seal_is_called_unsigned() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let path = written(dir.path(), &release(), &key);
    let bytes = std::fs::read(&path).unwrap();
    // The seal is the first entry, and it takes one header and less than three blocks.
    let index =
        (1..8).map(|block| block * 512).find(|at| bytes[*at..].starts_with(entry::INDEX.as_bytes())).unwrap();
    std::fs::write(&path, &bytes[index..]).unwrap();
    assert!(matches!(
        Bundle::open(&path, &Trust::key(key.public())),
        Err(OpenError::Scan(ScanError::Unsigned))
    ));
}

#[test]
fn a_later_format_is_named_not_misread() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let path = written(dir.path(), &release(), &key);
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(10).position(|window| window == b"\"format\":1").unwrap();
    let mut later = bytes;
    later[at + 9] = b'2';
    std::fs::write(&path, later).unwrap();
    assert!(matches!(Bundle::open(&path, &Trust::key(key.public())), Err(OpenError::Format { found: 2 })));
}

#[test]
fn entries_that_climb_link_repeat_or_stand_in_the_way_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let path = written(dir.path(), &release(), &key);
    let good = std::fs::read(&path).unwrap();
    let end = good.len() - 1024;
    let last = entry::blob_name(&release().blobs().last().unwrap().digest);
    let with_link = {
        let mut header = entry::header("link", 0).unwrap();
        header[156] = b'2';
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header
    };
    for (header, wanted) in [
        (entry::header("../../etc/cron.d/x", 0).unwrap(), "climbs"),
        (entry::header("/etc/cron.d/x", 0).unwrap(), "climbs"),
        (with_link, "a link"),
        (entry::header(&last, 0).unwrap(), "twice"),
        (entry::header(entry::SEAL, 0).unwrap(), "twice"),
        (entry::header("extra", 0).unwrap(), "no place"),
        (entry::header("extra", entry::HEAD_LIMIT + 1).unwrap(), "more than"),
        (entry::header(&entry::blob_name(&Digest::from_sha256([0xff; 32])), 0).unwrap(), "does not know"),
    ] {
        let mut bad = good.clone();
        bad.splice(end..end, header);
        std::fs::write(&path, bad).unwrap();
        let text = refusal(&path, &Trust::key(key.public())).unwrap();
        assert!(text.contains(wanted), "wanted {wanted:?}: {text}");
    }
}

#[test]
fn a_signed_index_with_names_that_climb_is_refused_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut release = release();
    release.components[0].files[0].name = "../../etc/passwd".into();
    let path = written(dir.path(), &release, &key);
    assert!(matches!(Bundle::open(&path, &Trust::key(key.public())), Err(OpenError::Index(_))));
}

#[test]
fn anything_else_is_not_a_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    std::fs::write(&path, [b'#'; 2048]).unwrap();
    let trust = Trust::key(KeyPair::generate().unwrap().public());
    assert!(matches!(Bundle::open(&path, &trust), Err(OpenError::Scan(ScanError::NotABundle))));
}
