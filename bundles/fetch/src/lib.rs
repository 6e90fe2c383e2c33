//! Brings content from web servers and registries: by digest, going on after a cut.
//!
//! The one place that knows HTTP clients. TLS is OpenSSL's, which is in the binary for SSH anyway.

mod access;
mod error;
mod part;
mod registry;
mod web;

use std::path::Path;

use bundles_format::{Digest, Reference};
use tokio::runtime::Runtime;

pub use access::Access;
pub use error::FetchError;
pub use registry::Document;

/// Told of the bytes that are there; false ends it.
pub type Watch<'a> = dyn Fn(u64) -> bool + Sync + 'a;

/// Fetches; may be used from several threads at once.
pub struct Fetcher {
    runtime: Runtime,
    web: reqwest::Client,
    registries: registry::Registries,
}

impl Fetcher {
    pub fn new(access: &Access) -> Result<Fetcher, FetchError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(FetchError::Start)?;
        Ok(Fetcher { runtime, web: access.web(true)?, registries: registry::Registries::new(access)? })
    }

    /// Downloads `address` to `to`, which must come to have this digest and size. What an earlier call that was cut off
    /// left in `to` + `.part` is not fetched again. `watch` is told the bytes that are there; when it answers false, the
    /// download stops.
    pub fn download(
        &self,
        address: &str,
        wanted: (&Digest, u64),
        to: &Path,
        watch: &Watch<'_>,
    ) -> Result<(), FetchError> {
        let source = web::Web { client: &self.web, address };
        self.runtime.block_on(part::fetch(&source, Some(wanted), to, watch)).map(drop)
    }

    /// Downloads what nothing is known of yet, and says what it is: for a lock.
    pub fn discover(&self, address: &str, to: &Path, watch: &Watch<'_>) -> Result<(Digest, u64), FetchError> {
        let source = web::Web { client: &self.web, address };
        self.runtime.block_on(part::fetch(&source, None, to, watch))
    }

    /// The manifest or index of an image: by its digest when the reference has one, else by its tag.
    pub fn manifest(&self, image: &Reference) -> Result<Document, FetchError> {
        self.runtime.block_on(self.registries.manifest(image))
    }

    /// Fetches a blob of an image to `to`, as [`Fetcher::download`] does.
    pub fn blob(
        &self,
        image: &Reference,
        wanted: (&Digest, u64),
        to: &Path,
        watch: &Watch<'_>,
    ) -> Result<(), FetchError> {
        let source = registry::Blob { registries: &self.registries, image, digest: wanted.0 };
        self.runtime.block_on(part::fetch(&source, Some(wanted), to, watch)).map(drop)
    }
}
