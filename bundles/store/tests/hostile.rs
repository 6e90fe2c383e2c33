//! Bundles made by an enemy: each is refused, the bad part is named, and neither time nor memory follows what it claims.

mod yard;

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bundles_format::{FORMAT, Release, Seal, entry, statement};
use bundles_store::{Bundle, KeyPair, Trust, keygen};
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};
use yard::{file, packed, release, sum};

struct Yard {
    dir: tempfile::TempDir,
    key: KeyPair,
}

impl Yard {
    fn new() -> Yard {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (key, _) = keygen(&dir.path().join("key")).expect("a new key");
        Yard { dir, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, release: &Release, blobs: &[Vec<u8>]) -> PathBuf {
        yard::write(&self.path(name), release, &self.key, blobs);
        self.path(name)
    }

    /// The same two files in two versions of a bundle.
    fn versions(&self) -> [PathBuf; 2] {
        ["1", "2"].map(|version| {
            let blobs = ["one", "two"].map(|word| packed(format!("{word} {version}").as_bytes()));
            let contents = ["one", "two"].map(|word| format!("{word} {version}"));
            let files = [0, 1].map(|at| file(&format!("file-{at}"), &blobs[at], contents[at].as_bytes()));
            self.write(version, &release(version, files.to_vec()), &blobs)
        })
    }

    /// Everything that happens before a host is connected to.
    fn refusal(&self, path: &Path) -> String {
        let text = yard::refusal(path, &Trust::key(self.key.public()));
        text.unwrap_or_else(|| panic!("{} was taken", path.display()))
    }
}

/// Name and content of each entry.
fn entries(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).expect("a bundle that was written"));
    let entries = archive.entries().expect("a tar").map(|entry| entry.expect("a whole tar"));
    let read = |mut entry: tar::Entry<'_, std::fs::File>| {
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).expect("a whole tar");
        (entry.path().expect("a path").display().to_string(), content)
    };
    entries.map(read).collect()
}

fn bytes_of(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in entries {
        out.extend(entry::header(name, content.len() as u64).expect("it fits a header"));
        out.extend(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

#[test]
fn parts_of_two_bundles_of_one_key_do_not_mix() {
    let yard = Yard::new();
    let [one, two] = yard.versions().map(|path| entries(&path));
    let swap = |at: usize| {
        let mut mixed = one.clone();
        mixed[at] = two[at].clone();
        mixed
    };
    let mut blobs = one[..4].to_vec();
    blobs.extend_from_slice(&two[4..]);
    let cases = [
        ("an older index under a newer seal", swap(0), "it is not what was sealed"),
        ("a newer index under an older seal", swap(1), "it is not what was sealed"),
        (
            "the other's list of images",
            {
                let mut m = one.clone();
                m[3].1.push(b' ');
                m
            },
            "index.json",
        ),
        ("the other's blobs", blobs, "it is not in the bundle"),
    ];
    for (what, mixed, wanted) in cases {
        std::fs::write(yard.path("mixed"), bytes_of(&mixed)).unwrap();
        let text = yard.refusal(&yard.path("mixed"));
        assert!(text.contains(wanted), "{what}: {text}");
    }
    assert!(Bundle::open(&yard.path("1"), &Trust::key(yard.key.public())).is_ok());
}

#[test]
fn what_is_not_a_plain_file_is_refused_by_its_kind() {
    let yard = Yard::new();
    let good = std::fs::read(&yard.versions()[0]).unwrap();
    // Hard link, symbolic link, character and block device, directory, pipe; pax and GNU extensions, GNU sparse.
    for kind in *b"123456xgLKS" {
        let mut header = entry::header("blobs/thing", 0).unwrap();
        header[156] = kind;
        header[157..157 + 11].copy_from_slice(b"/etc/shadow");
        header[148..156].fill(b' ');
        let total: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{total:06o}\0 ").as_bytes());
        let mut bad = good.clone();
        let end = bad.len() - 1024;
        bad.splice(end..end, header);
        std::fs::write(yard.path("bad"), bad).unwrap();
        let text = yard.refusal(&yard.path("bad"));
        assert!(text.contains("blobs/thing: a link or another thing"), "{}: {text}", kind as char);
    }
}

#[test]
fn anything_after_the_end_is_refused() {
    let yard = Yard::new();
    let good = std::fs::read(&yard.versions()[0]).unwrap();
    for tail in [&[0u8][..], &[0; 512], b"x", &good] {
        std::fs::write(yard.path("bad"), [&good[..], tail].concat()).unwrap();
        assert!(yard.refusal(&yard.path("bad")).contains("something follows the last entry"));
    }
}

/// An index as an enemy with the trusted key could write it, behind a seal that fits.
fn sealed(yard: &Yard, change: impl Fn(&str) -> String) -> String {
    let mut all = entries(&yard.versions()[0]);
    all[1].1 = change(&String::from_utf8(all[1].1.clone()).expect("JSON")).into_bytes();
    let mut seal: Seal = serde_json::from_slice(&all[0].1).expect("a seal");
    seal.index = sum(&all[1].1);
    let pem = std::fs::read_to_string(yard.path("key")).expect("the key that was made");
    let key = SigningKey::from_pkcs8_pem(&pem).expect("an ed25519 key");
    seal.signature = hex::encode(key.sign(&statement(FORMAT, &seal.index)).to_bytes());
    all[0].1 = serde_json::to_vec(&seal).expect("plain data");
    std::fs::write(yard.path("sealed"), bytes_of(&all)).expect("a directory of our own");
    yard.refusal(&yard.path("sealed"))
}

#[test]
fn an_index_that_says_a_thing_twice_or_nests_without_end_is_refused() {
    let yard = Yard::new();
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let cases: [(&str, String, &str); 5] = [
        ("\"name\":\"test\"", "\"name\":\"test\",\"name\":\"other\"".into(), "duplicate field `name`"),
        ("\"format\":1", "\"format\":1,\"format\":1".into(), "duplicate field `format`"),
        ("\"name\":\"test\"", format!("\"name\":\"test\",\"x\":{deep}"), "armilla/release.json"),
        ("\"file-1\"", "\"file-0\"".into(), "two files are named file-0"),
        ("\"mode\":493", "\"mode\":-1".into(), "invalid value"),
    ];
    for (from, to, wanted) in cases {
        let begun = Instant::now();
        let text = sealed(&yard, |index| index.replacen(from, &to, 1));
        assert!(text.contains(wanted), "wanted {wanted}: {}", &text[..text.len().min(300)]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{wanted} took {:?}", begun.elapsed());
    }
}

#[test]
fn a_bomb_that_owns_up_to_it_is_refused_by_its_index() {
    let yard = Yard::new();
    let zeros = vec![0; 64 << 20];
    let bomb = packed(&zeros);
    let path = yard.write("bomb", &release("1", vec![file("x", &bomb, &zeros)]), &[bomb]);
    let text = yard.refusal(&path);
    assert!(text.contains("x (amd64) unpacks from") && text.contains("which no program does"), "{text}");
}

#[test]
fn a_frame_gives_no_more_than_was_said_and_takes_no_more_memory_than_ours() {
    let yard = Yard::new();
    let zeros = vec![0; 256 << 20];
    let bomb = packed(&zeros);
    let mut wide = zstd::Encoder::new(Vec::new(), 3).unwrap();
    wide.window_log(27).unwrap();
    wide.include_contentsize(false).unwrap();
    wide.write_all(&zeros).unwrap();
    let wide = wide.finish().unwrap();
    drop(zeros);
    let before = peak();
    for (blob, wanted) in [(bomb, "more bytes than the index says"), (wide, "Frame requires too much memory")]
    {
        let said = file("x", &blob, b"content");
        let path = yard.write("bomb", &release("1", vec![said.clone()]), &[blob]);
        let bundle = Bundle::open(&path, &Trust::key(yard.key.public())).unwrap();
        let begun = Instant::now();
        let content = bundle.content(&said).unwrap();
        let read = content.and_then(|mut content| std::io::copy(&mut content, &mut std::io::sink()));
        let text = read.unwrap_err().to_string();
        assert!(text.contains(wanted), "{text}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{wanted} took {:?}", begun.elapsed());
    }
    let more = peak().saturating_sub(before);
    assert!(more < 32 << 10, "{more} KiB more at the peak");
}

#[test]
fn a_hundred_thousand_entries_and_a_sparse_giant_cost_neither_time_nor_memory() {
    let yard = Yard::new();
    let good = entries(&yard.versions()[0]);
    let mut many = good[..4].to_vec();
    let name = |at: u32| entry::blob_name(&sum(&at.to_be_bytes()));
    let mut names: Vec<String> = (0..100_001).map(name).collect();
    names.sort();
    many.extend(names.into_iter().map(|name| (name, Vec::new())));
    std::fs::write(yard.path("many"), bytes_of(&many)).unwrap();

    // 8 GiB less one byte, of which nothing is on the disk; the seal is a stranger's, so nobody reads them.
    let giant = yard.path("giant");
    let head = bytes_of(&good[..4]);
    std::fs::write(&giant, &head[..head.len() - 1024]).unwrap();
    let out = std::fs::OpenOptions::new().write(true).open(&giant).unwrap();
    let at = (head.len() - 1024) as u64;
    out.write_all_at(&entry::header(&good[4].0, entry::ENTRY_LIMIT).unwrap(), at).unwrap();
    out.set_len(at + 512 + entry::ENTRY_LIMIT.next_multiple_of(512) + 1024).unwrap();

    let before = peak();
    for (path, wanted) in [("many", "more than 100000 entries"), ("giant", "the index says")] {
        let begun = Instant::now();
        let text = yard.refusal(&yard.path(path));
        assert!(text.contains(wanted), "{path}: {text}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{path} took {:?}", begun.elapsed());
    }
    let more = peak().saturating_sub(before);
    assert!(more < 64 << 10, "{more} KiB more at the peak");
}

/// The most memory that this process has held, KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line of every process");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
