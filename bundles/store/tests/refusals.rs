//! A bundle that is not whole, not sealed or sealed by somebody else is refused, and the error names the part.

use std::io::Cursor;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bundles_format::{Arch, Blob, Component, Digest, FORMAT, FileArtifact, Release, entry, oci};
use bundles_store::{Bundle, KeyPair, OpenError, ScanError, Trust, write};
use sha2::{Digest as _, Sha256};

/// Odd sizes on purpose: one with padding, one without.
const CONTENTS: [&[u8]; 3] = [b"kubelet", &[b'x'; 512], b"a third file"];

fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

fn release() -> Release {
    let file = |(at, content): (usize, &&[u8])| FileArtifact {
        name: format!("file-{at}"),
        arch: Arch::Amd64,
        blob: Blob { digest: sha256(content), size: content.len() as u64, media_type: oci::FILE_ZSTD.into() },
        content: sha256(content),
        content_size: content.len() as u64,
        mode: 0o755,
    };
    Release {
        format: FORMAT,
        name: "test".into(),
        version: "1".into(),
        architectures: vec![Arch::Amd64],
        components: vec![Component {
            name: "files".into(),
            version: "1".into(),
            license: "Apache-2.0".into(),
            source: "here".into(),
            files: CONTENTS.iter().enumerate().map(file).collect(),
            images: vec![],
        }],
    }
}

fn written(dir: &Path, release: &Release, key: &KeyPair) -> PathBuf {
    let path = dir.join("test.bundle");
    let content = |blob: &Blob| {
        let content = CONTENTS.iter().find(|content| sha256(content) == blob.digest);
        let content = content.expect("the release lists nothing else");
        Ok(Cursor::new(content.to_vec()))
    };
    write(&path, release, key, content, |_, _| {}).expect("a directory of our own takes a file");
    path
}

/// Everything a reader does before it relies on a bundle; the text of the whole error.
fn refusal(path: &Path, trust: &Trust) -> Option<String> {
    let chain = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut at = error.source();
        while let Some(source) = at {
            text += &format!(": {source}");
            at = source.source();
        }
        text
    };
    match Bundle::open(path, trust) {
        Err(error) => Some(chain(&error)),
        Ok(bundle) => bundle.verify(1, |_, _| {}).err().map(|error| chain(&error)),
    }
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
    for content in CONTENTS {
        let mut reader = bundle.blob(&sha256(content)).unwrap();
        let mut read = vec![];
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, content);
        reader.seek(SeekFrom::Start(3)).unwrap();
        read.clear();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, content[3..]);
    }
    assert!(bundle.blob(&sha256(b"not in it")).is_none());
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
    let at = bytes.windows(CONTENTS[2].len()).position(|window| window == CONTENTS[2]).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let text = refusal(&path, &Trust::key(key.public())).unwrap();
    assert!(
        text.contains(&sha256(CONTENTS[2]).to_string()) && text.contains("file file-2 (amd64)"),
        "{text}"
    );
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
    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    // Same lengths, so the headers still fit.
    let (from, to) = (theirs.public().fingerprint().to_string(), ours.public().fingerprint().to_string());
    assert!(text.contains(&from));
    std::fs::write(&path, text.replace(&from, &to)).unwrap();
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
