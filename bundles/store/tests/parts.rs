//! A bundle is split and joined again; a part that is missing, foreign or damaged is named.

mod yard;

use std::path::{Path, PathBuf};

use bundles_store::{JoinError, KeyPair, Parts, Trust, split};
use yard::{file, packed, release, sum};

/// A bundle of `files` files that take some 3000 bytes each.
fn bundle(path: &Path, key: &KeyPair, files: usize) {
    let contents: Vec<Vec<u8>> = (0..files).map(|at| noise(at as u8)).collect();
    let blobs: Vec<Vec<u8>> = contents.iter().map(|content| packed(content)).collect();
    let file = |at: usize| file(&format!("file-{at}"), &blobs[at], &contents[at]);
    yard::write(path, &release("1", (0..files).map(file).collect()), key, &blobs);
}

/// 3008 bytes that no compression makes fewer of.
fn noise(seed: u8) -> Vec<u8> {
    (0..94_u8).flat_map(|at| hex::decode(sum(&[seed, at]).hex()).expect("hex digits")).collect()
}

struct Yard {
    dir: tempfile::TempDir,
    key: KeyPair,
    parts: Vec<PathBuf>,
}

impl Yard {
    fn new() -> Yard {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let key = KeyPair::generate().expect("the system gives randomness");
        bundle(&dir.path().join("whole"), &key, 20);
        let parts = split(&dir.path().join("whole"), 8192, &dir.path().join("parts"), |_, _| {});
        let parts = parts.expect("a bundle can be split");
        assert!(parts.len() > 5);
        Yard { dir, key, parts }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn join(&self, parts: &[PathBuf]) -> Result<bundles_store::Joined, JoinError> {
        Parts::find(parts)?.join(&self.path("again"), |_, _| {})
    }

    fn refusal(&self, parts: &[PathBuf]) -> String {
        let text = self.join(parts).expect_err("such parts make no bundle").to_string();
        assert!(!self.path("again").exists(), "nothing is left that looks whole");
        text
    }
}

#[test]
fn parts_in_any_order_and_from_a_folder_make_the_same_bundle() {
    let yard = Yard::new();
    let whole = std::fs::read(yard.path("whole")).unwrap();
    for part in &yard.parts {
        assert!(std::fs::metadata(part).unwrap().len() <= 8192);
    }
    let mut backwards = yard.parts.clone();
    backwards.reverse();
    std::fs::write(yard.path("parts/README"), "carried by hand").unwrap();
    for parts in [backwards, vec![yard.path("parts")]] {
        let joined = yard.join(&parts).unwrap();
        assert_eq!((joined.parts, joined.resumed), (yard.parts.len(), 0));
        assert_eq!(std::fs::read(yard.path("again")).unwrap(), whole);
        assert_eq!(yard::refusal(&yard.path("again"), &Trust::key(yard.key.public())), None);
        std::fs::remove_file(yard.path("again")).unwrap();
    }
}

#[test]
fn a_missing_part_is_named_by_its_number() {
    let yard = Yard::new();
    let parts: Vec<PathBuf> = yard.parts.iter().filter(|path| **path != yard.parts[2]).cloned().collect();
    let text = yard.refusal(&parts);
    assert!(text.contains(&format!("part 3 of {} is missing", yard.parts.len())), "{text}");
}

#[test]
fn a_part_of_another_bundle_is_named() {
    let yard = Yard::new();
    bundle(&yard.path("other"), &yard.key, 21);
    let foreign = split(&yard.path("other"), 8192, &yard.path("others"), |_, _| {}).unwrap();
    let mut parts = yard.parts.clone();
    parts[1] = foreign[1].clone();
    let text = yard.refusal(&parts);
    assert!(text.contains("other.part-0002") && text.contains("belongs to bundle"), "{text}");
    assert!(text.contains("part 2 of"), "{text}");
}

#[test]
fn damage_anywhere_in_a_part_names_that_part() {
    let yard = Yard::new();
    let good = std::fs::read(&yard.parts[3]).unwrap();
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Damage); 5] = [
        ("header does not fit", |bytes: &mut Vec<u8>| bytes[60] ^= 1),
        ("its content is", |bytes: &mut Vec<u8>| bytes[600] ^= 1),
        ("bytes, wanted", |bytes: &mut Vec<u8>| bytes.truncate(700)),
        ("bytes, wanted", |bytes: &mut Vec<u8>| bytes.push(0)),
        ("is no part of a bundle", |bytes: &mut Vec<u8>| bytes.truncate(100)),
    ];
    for (wanted, damage) in cases {
        let mut bad = good.clone();
        damage(&mut bad);
        std::fs::write(&yard.parts[3], bad).unwrap();
        let text = yard.refusal(&yard.parts);
        assert!(text.contains(wanted) && text.contains("part-0004"), "{wanted}: {text}");
        assert!(!text.contains("part-0003"), "only what is bad is named: {text}");
    }
}

#[test]
fn every_damaged_part_is_named_and_joining_goes_on_with_the_others_once_they_are_right() {
    let yard = Yard::new();
    let good: Vec<Vec<u8>> = yard.parts.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for at in [1, 4] {
        let mut bad = good[at].clone();
        bad[2000] ^= 0x80;
        std::fs::write(&yard.parts[at], bad).unwrap();
    }
    let text = yard.refusal(&yard.parts);
    assert!(text.contains("part-0002") && text.contains("part-0005"), "{text}");
    for at in [1, 4] {
        std::fs::write(&yard.parts[at], &good[at]).unwrap();
    }
    let joined = yard.join(&yard.parts).unwrap();
    let again = [1, 4].map(|at: usize| good[at].len() as u64 - 512).iter().sum::<u64>();
    assert_eq!(joined.resumed, joined.size - again, "only the two bad parts were read from their carrier");
    assert_eq!(std::fs::read(yard.path("again")).unwrap(), std::fs::read(yard.path("whole")).unwrap());
}

#[test]
fn parts_that_were_all_forged_make_no_bundle_that_opens() {
    use bundles_format::part::Part;
    let yard = Yard::new();
    // A forger fills in sums that fit: the parts join, and the seal finds what was changed.
    let mut bytes = std::fs::read(&yard.parts[5]).unwrap();
    let mut part = Part::parse(bytes[..512].try_into().unwrap()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    part.content = sum(&bytes[512..]);
    bytes[..512].copy_from_slice(&part.header());
    std::fs::write(&yard.parts[5], bytes).unwrap();
    yard.join(&yard.parts).unwrap();
    assert!(yard::refusal(&yard.path("again"), &Trust::key(yard.key.public())).is_some());
}

#[test]
fn what_is_not_a_bundle_is_not_split_and_sizes_have_bounds() {
    let yard = Yard::new();
    std::fs::write(yard.path("x"), [b'#'; 4096]).unwrap();
    assert!(split(&yard.path("x"), 8192, &yard.path("y"), |_, _| {}).is_err());
    let text = split(&yard.path("whole"), 1, &yard.path("y"), |_, _| {}).unwrap_err().to_string();
    assert!(text.contains("at least 4096"), "{text}");
    assert!(!yard.path("y").exists());
    let text = Parts::find(&[yard.path("nowhere")]).unwrap_err().to_string();
    assert!(text.contains("nowhere"), "{text}");
}
