//! The web UI's files, as the server hands them out: compressed when the binary was built, never again.
//!
//! Files under `assets/` carry a hash of their content in their names, so that a browser may keep them for ever; the others
//! are asked for again with their digest.

use std::io::Read;

use flate2::read::GzDecoder;

/// One file of the UI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Relative to the site's root, such as `assets/index-1a2b3c.js`.
    pub path: &'static str,
    /// The content, compressed by gzip.
    pub gzip: &'static [u8],
    /// The same, compressed by brotli: a sixth smaller.
    pub brotli: &'static [u8],
    /// 32 hex digits of the content's SHA-256.
    pub digest: &'static str,
}

/// In order of their paths.
static ASSETS: &[Asset] = &include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The page that every path of the application begins with.
pub const PAGE: &str = "index.html";

/// What a browser may do on our pages: load what comes from the same server, and nothing else. No inline script or style but
/// those that [`PAGE`] was built with, no frame around us.
pub const CONTENT_SECURITY_POLICY: &str = concat!(
    "default-src 'none'; script-src 'self'",
    env!("ARMILLA_UI_SCRIPTS"),
    "; style-src 'self'",
    env!("ARMILLA_UI_STYLES"),
    "; img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; ",
    "frame-ancestors 'none'"
);

impl Asset {
    /// What goes into `Content-Type`.
    pub fn media_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("json") => "application/json",
            Some("woff2") => "font/woff2",
            _ => "application/octet-stream",
        }
    }

    /// Whether its name changes with its content.
    pub fn is_immutable(&self) -> bool {
        self.path.starts_with("assets/")
    }

    /// The content for those who read neither: a tool in a shell, never a browser.
    pub fn unpacked(&self) -> Vec<u8> {
        let mut whole = Vec::new();
        GzDecoder::new(self.gzip).read_to_end(&mut whole).expect("invariant: build.rs packed it");
        whole
    }
}

/// Whether this binary was built with the UI in it.
pub fn is_there() -> bool {
    !ASSETS.is_empty()
}

/// The file at this path, without its leading slash.
pub fn asset(path: &str) -> Option<Asset> {
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().map(|at| ASSETS[at])
}

/// The content of [`PAGE`].
pub fn page() -> Option<Asset> {
    asset(PAGE)
}

/// Bytes of all files together, compressed by gzip.
pub fn size() -> usize {
    ASSETS.iter().map(|asset| asset.gzip.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_paths_and_unpack() {
        for known in ASSETS {
            assert_eq!(asset(known.path), Some(*known));
            assert!(known.gzip.is_empty() || !known.unpacked().is_empty(), "{}", known.path);
            let mut packed_otherwise = Vec::new();
            brotli::BrotliDecompress(&mut &*known.brotli, &mut packed_otherwise).unwrap();
            assert_eq!(packed_otherwise, known.unpacked(), "{}", known.path);
            assert_ne!(known.media_type(), "application/octet-stream", "{}", known.path);
        }
        assert_eq!(asset("../Cargo.toml"), None);
    }

    #[test]
    fn a_page_is_there_when_anything_is() {
        assert_eq!(page().is_some(), is_there());
    }

    #[test]
    fn what_stands_in_the_page_is_in_the_policy_and_nothing_else() {
        let page = page().map(|page| String::from_utf8(page.unpacked()).unwrap()).unwrap_or_default();
        let inline = page.matches("<style>").count() + page.matches("<script>").count();
        assert_eq!(CONTENT_SECURITY_POLICY.matches("'sha256-").count(), inline);
        assert!(!CONTENT_SECURITY_POLICY.contains("unsafe"));
    }

    #[test]
    fn all_files_together_are_small() {
        assert!(size() <= 1_500_000, "{} bytes", size());
    }
}
