//! The archive of a support collection: redacted, bounded, with an index that says what is in it and what could not be had.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use installer_model::redact::Redactor;
use serde::{Deserialize, Serialize};

/// The most that one file keeps: of a log, its end is what matters.
pub(super) const FILE_LIMIT: usize = 2 << 20;
/// The most that all files have together, before they are compressed.
const TOTAL_LIMIT: usize = 96 << 20;

/// What is in the archive, and what is not.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Version of this shape.
    pub format: u32,
    pub armilla: String,
    /// Who collected.
    pub by: String,
    /// Unix time in milliseconds.
    pub at: u64,
    pub site: Option<String>,
    pub files: Vec<Entry>,
    pub missing: Vec<Missing>,
    /// How many secrets were taken out.
    pub redacted: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub path: String,
    /// Bytes kept.
    pub bytes: usize,
    /// Bytes from the beginning that were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub what: String,
    pub why: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Files in memory until they are written: they are bounded, and a half-written archive helps nobody.
pub struct Archive {
    redactor: Redactor,
    pub index: Index,
    files: Vec<(String, Vec<u8>)>,
    total: usize,
}

impl Archive {
    pub fn new(redactor: Redactor, index: Index) -> Archive {
        Archive { redactor, index: Index { format: 1, ..index }, files: Vec::new(), total: 0 }
    }

    /// Secrets that became known later than the archive was begun.
    pub fn redact_with(&mut self, redactor: Redactor) {
        self.redactor = redactor;
        let before = std::mem::take(&mut self.files);
        self.total = 0;
        self.index.files.clear();
        for (path, bytes) in before {
            self.put(&path, &bytes);
        }
    }

    /// Takes a file, without its secrets. Of one that is too long the end is kept.
    pub fn put(&mut self, path: &str, content: &[u8]) {
        let cut = content.len().saturating_sub(FILE_LIMIT);
        let (text, redacted) = self.redactor.text(&String::from_utf8_lossy(&content[cut..]));
        if self.total + text.len() > TOTAL_LIMIT {
            return self
                .missing(path, &format!("the archive would have more than {} MiB", TOTAL_LIMIT >> 20));
        }
        self.total += text.len();
        self.index.redacted += redacted;
        self.index.files.push(Entry { path: path.to_owned(), bytes: text.len(), cut });
        self.files.push((path.to_owned(), text.into_bytes()));
    }

    pub fn put_json(&mut self, path: &str, value: &impl Serialize) {
        match serde_json::to_vec_pretty(value) {
            Ok(text) => self.put(path, &text),
            Err(error) => self.missing(path, &error.to_string()),
        }
    }

    /// Notes what could not be had, and why.
    pub fn missing(&mut self, what: &str, why: &str) {
        let (why, _) = self.redactor.text(why.trim());
        self.index.missing.push(Missing { what: what.to_owned(), why });
    }

    /// Writes all of it as `tar.gz`, everything below one folder, readable by its owner alone.
    pub fn write(&self, to: &Path, folder: &str) -> io::Result<()> {
        let partial = to.with_extension("partial");
        let file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        let mut file = self.pack(io::BufWriter::new(file), folder)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&partial, to)
    }

    /// The same in memory.
    pub fn bytes(&self, folder: &str) -> io::Result<Vec<u8>> {
        self.pack(Vec::new(), folder)
    }

    fn pack<W: Write>(&self, to: W, folder: &str) -> io::Result<W> {
        let mut tar = tar::Builder::new(GzEncoder::new(to, Compression::default()));
        let index = serde_json::to_vec_pretty(&self.index)?;
        let files = self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        for (path, bytes) in [("index.json", index.as_slice())].into_iter().chain(files) {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(self.index.at / 1000);
            tar.append_data(&mut header, format!("{folder}/{path}"), bytes)?;
        }
        tar.into_inner()?.finish()
    }
}

#[cfg(test)]
mod tests {
    use installer_model::secret::Secret;

    use super::*;

    #[test]
    fn the_archive_is_whole_redacted_bounded_and_says_what_is_missing() {
        let mut archive = Archive::new(Redactor::default(), Index { at: 5000, ..Index::default() });
        archive.put("early", b"canary-1 was here");
        archive.redact_with(Redactor::new([Secret::new("canary-1")]));
        archive.put("a/b.txt", b"x canary-1 y");
        archive.put("long.log", &[vec![b'x'; FILE_LIMIT], b"the end".to_vec()].concat());
        archive.missing("hosts/h2", "h2 did not answer: canary-1");
        for at in 0..60 {
            archive.put(&format!("more-{at}"), &vec![b'y'; FILE_LIMIT]);
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.tar.gz");
        archive.write(&path, "s").unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap()) & 0o777, 0o600);
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()));
        let mut all = std::collections::BTreeMap::new();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            io::Read::read_to_string(&mut entry, &mut text).unwrap();
            assert!(!text.contains("canary-1"));
            all.insert(entry.path().unwrap().display().to_string(), text);
        }
        assert_eq!(all["s/a/b.txt"], "x [redacted] y");
        assert!(all["s/long.log"].ends_with("the end") && all["s/long.log"].len() == FILE_LIMIT);
        assert!(all["s/index.json"].contains("more than 96 MiB"), "{}", all["s/index.json"]);
        assert!(all["s/index.json"].contains("\"why\": \"h2 did not answer: [redacted]\""));
        assert!(all.values().map(String::len).sum::<usize>() < TOTAL_LIMIT + FILE_LIMIT);
    }
}
