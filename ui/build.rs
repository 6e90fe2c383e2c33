//! Compresses what `npm run build` put into `web/dist` and lists it for `src/lib.rs`. As long as nothing is there the list is
//! empty: a checkout builds and is tested without Node, and the program says so when a browser asks.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let dist = Path::new("web/dist");
    // The folder is always there (its `.gitignore` is committed): cargo takes a path that is missing for one that changed.
    println!("cargo::rerun-if-changed=web/dist");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("invariant: cargo sets it for build scripts"));
    let mut list = String::from("[\n");
    let mut files = Vec::new();
    collect(dist, &mut files)?;
    files.sort();
    for (number, file) in files.iter().enumerate() {
        let bytes = fs::read(file)?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&bytes)?;
        let place = out.join(format!("{number}.gz"));
        fs::write(&place, packed.finish()?)?;
        let path = file.strip_prefix(dist).expect("invariant: it was found there");
        let digest = hex::encode(&Sha256::digest(&bytes)[..16]);
        let _ = writeln!(
            list,
            "    Asset {{ path: {:?}, gzip: include_bytes!({:?}), digest: {digest:?} }},",
            path.to_string_lossy(),
            place
        );
    }
    list.push(']');
    fs::write(out.join("assets.rs"), list)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
