//! From trees of files to blobs: compressed files, image layers.
//!
//! Everything that could vary is fixed: order, owners, times, the compressor's level and its single frame.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use bundles_format::{Blob, Digest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Smaller by a tenth than level 3, and a window (8 MiB) that a host has memory for.
const LEVEL: i32 = 9;

#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("pack {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("pack the layer: {0}")]
    Layer(String),
}

/// A blob as it lies in the cache, with what it is when unpacked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) blob: Blob,
    pub(crate) content: Digest,
    pub(crate) content_size: u64,
}

/// One thing in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Directory { mode: u32 },
    File { from: PathBuf, mode: u32 },
    Text(String),
    Link(String),
}

/// A layer: path without the leading slash to what is there. Parents are added when it is packed.
pub(crate) type Layer = BTreeMap<String, Node>;

/// Writes `content` as one zstd frame to `directory/blob` and says what it became.
pub(crate) fn pack(
    directory: &Path,
    media_type: &str,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Packed> {
    let path = directory.join("blob");
    let stored = Hashing::new(BufWriter::new(File::create(&path)?));
    let mut content = Hashing::new(zstd::Encoder::new(stored, LEVEL)?);
    fill(&mut content)?;
    let (encoder, content, content_size) = content.done();
    let (mut file, digest, size) = encoder.finish()?.done();
    file.flush()?;
    let packed =
        Packed { blob: Blob { digest, size, media_type: media_type.to_owned() }, content, content_size };
    fs::write(directory.join("packed.json"), serde_json::to_vec(&packed)?)?;
    Ok(packed)
}

/// What [`pack`] noted.
pub(crate) fn packed(directory: &Path) -> io::Result<Packed> {
    Ok(serde_json::from_slice(&fs::read(directory.join("packed.json"))?)?)
}

pub(crate) fn copy_file(from: &Path, to: &mut dyn Write) -> io::Result<()> {
    io::copy(&mut BufReader::with_capacity(1 << 20, File::open(from)?), to).map(|_| ())
}

/// Every file, directory and link of an unpacked tree, and the links that make its root a merged one.
pub(crate) fn tree(root: &Path) -> Result<Layer, PackError> {
    let mut layer = Layer::new();
    walk(root, "", &mut layer)?;
    for name in ["bin", "sbin", "lib", "lib64"] {
        if layer.contains_key(&format!("usr/{name}")) {
            layer.insert(name.to_owned(), Node::Link(format!("usr/{name}")));
        }
    }
    Ok(layer)
}

fn walk(directory: &Path, name: &str, layer: &mut Layer) -> Result<(), PackError> {
    use std::os::unix::fs::PermissionsExt;
    let at = |source| PackError::File { path: directory.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let meta = entry.metadata().map_err(at)?;
        let own = entry.file_name();
        let own = own.to_str().ok_or_else(|| PackError::Layer(format!("the name {own:?} is not UTF-8")))?;
        let inside = if name.is_empty() { own.to_owned() } else { format!("{name}/{own}") };
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_dir() {
            walk(&entry.path(), &inside, layer)?;
            layer.insert(inside, Node::Directory { mode: 0o755 });
        } else if meta.is_symlink() {
            let to = fs::read_link(entry.path()).map_err(at)?;
            let to = to.to_str().ok_or_else(|| PackError::Layer(format!("the link {to:?} is not UTF-8")))?;
            layer.insert(inside, Node::Link(to.to_owned()));
        } else {
            layer.insert(inside, Node::File { from: entry.path(), mode });
        }
    }
    Ok(())
}

/// Names that programs look up, and a place for temporary files; under every image.
pub(crate) fn base() -> Layer {
    let text = |text: &str| Node::Text(text.to_owned());
    [
        ("etc/group", text("root:x:0:\nnogroup:x:65534:\n")),
        ("etc/nsswitch.conf", text("passwd: files\ngroup: files\nhosts: files dns\n")),
        (
            "etc/passwd",
            text("root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"),
        ),
        ("root", Node::Directory { mode: 0o700 }),
        ("run", Node::Directory { mode: 0o755 }),
        ("tmp", Node::Directory { mode: 0o1777 }),
        ("var/run", Node::Link("../run".to_owned())),
    ]
    .into_iter()
    .map(|(path, node)| (path.to_owned(), node))
    .collect()
}

/// Writes a layer as a tar: sorted, root's, without times.
pub(crate) fn write_layer(mut layer: Layer, out: &mut dyn Write) -> io::Result<()> {
    let parents: Vec<String> = layer.keys().flat_map(|path| parents(path).map(str::to_owned)).collect();
    for parent in parents {
        layer.entry(parent).or_insert(Node::Directory { mode: 0o755 });
    }
    let mut tar = tar::Builder::new(out);
    for (path, node) in layer {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        match node {
            Node::Directory { mode } => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(mode);
                tar.append_data(&mut header, format!("{path}/"), io::empty())?;
            }
            Node::Link(to) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                tar.append_link(&mut header, path, to)?;
            }
            Node::Text(text) => {
                header.set_mode(0o644);
                header.set_size(text.len() as u64);
                tar.append_data(&mut header, path, text.as_bytes())?;
            }
            Node::File { from, mode } => {
                let file = File::open(&from)?;
                let size = file.metadata()?.len();
                header.set_mode(mode);
                header.set_size(size);
                tar.append_data(&mut header, path, BufReader::with_capacity(1 << 20, file).take(size))?;
            }
        }
    }
    tar.finish()
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Hashing<W> {
        Hashing { inner, hash: Sha256::new(), size: 0 }
    }

    fn done(self) -> (W, Digest, u64) {
        (self.inner, Digest::from_sha256(self.hash.finalize().into()), self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_of(layer: Layer) -> Vec<u8> {
        let mut out = Vec::new();
        write_layer(layer, &mut out).unwrap();
        out
    }

    #[test]
    fn a_layer_lists_parents_before_children_and_nobody_but_root() {
        let layer = Layer::from([("opt/bin/x".to_owned(), Node::Text("x".into()))]);
        let bytes = tar_of(layer);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut names = vec![];
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
            names.push(entry.path().unwrap().display().to_string());
        }
        assert_eq!(names, ["opt/", "opt/bin/", "opt/bin/x"]);
    }

    #[test]
    fn a_tree_gives_the_same_layer_wherever_and_whenever_it_lies() {
        use std::os::unix::fs::symlink;
        let make = |order: [&str; 2]| {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("usr/bin")).unwrap();
            for name in order {
                fs::write(dir.path().join("usr/bin").join(name), name).unwrap();
            }
            symlink("a", dir.path().join("usr/bin/c")).unwrap();
            tar_of(tree(dir.path()).unwrap())
        };
        let one = make(["a", "b"]);
        assert_eq!(one, make(["b", "a"]));
        assert!(String::from_utf8_lossy(&one).contains("usr/bin/c"));
    }

    #[test]
    fn what_was_packed_unpacks_to_its_digest() {
        let dir = tempfile::tempdir().unwrap();
        let made = pack(dir.path(), "x", |out| out.write_all(b"content")).unwrap();
        let read = packed(dir.path()).unwrap();
        assert_eq!((read.blob.digest, read.content_size), (made.blob.digest, 7));
        let content = zstd::decode_all(File::open(dir.path().join("blob")).unwrap()).unwrap();
        assert_eq!(content, b"content");
        assert_eq!(read.content, Digest::from_sha256(Sha256::digest(b"content").into()));
    }
}
