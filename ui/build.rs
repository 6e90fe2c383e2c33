//! Compresses what `npm run build` put into `web/dist` and lists it for `src/lib.rs`. As long as nothing is there the list is
//! empty: a checkout builds and is tested without Node, and the program says so when a browser asks.
//!
//! What stands in the page itself (`<style>`, `<script>`) is let in by the policy with its digest, which is taken here.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brotli::enc::BrotliEncoderParams;
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
        let gzip = out.join(format!("{number}.gz"));
        fs::write(&gzip, packed.finish()?)?;
        let mut packed = Vec::new();
        let best =
            BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
        brotli::BrotliCompress(&mut bytes.as_slice(), &mut packed, &best)?;
        let brotli = out.join(format!("{number}.br"));
        fs::write(&brotli, packed)?;
        let path = file.strip_prefix(dist).expect("invariant: it was found there");
        let digest = hex::encode(&Sha256::digest(&bytes)[..16]);
        let _ = writeln!(
            list,
            "    Asset {{ path: {:?}, gzip: include_bytes!({gzip:?}), brotli: include_bytes!({brotli:?}), digest: {digest:?} }},",
            path.to_string_lossy(),
        );
    }
    list.push(']');
    let page = fs::read_to_string(dist.join("index.html")).unwrap_or_default();
    println!("cargo::rustc-env=ARMILLA_UI_STYLES={}", sources(&page, "style"));
    println!("cargo::rustc-env=ARMILLA_UI_SCRIPTS={}", sources(&page, "script"));
    fs::write(out.join("assets.rs"), list)
}

/// What stands in the page between this tag and its end, as sources of a policy (CSP 3, section 2.3.1). A tag with attributes names
/// a file.
fn sources(page: &str, tag: &str) -> String {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let inline = page.split(&open).skip(1).filter_map(|rest| rest.split(&close).next());
    inline.fold(String::new(), |sources, text| {
        format!("{sources} 'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
    })
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
