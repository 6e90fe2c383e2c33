//! Why something could not be fetched.

use std::path::PathBuf;

use bundles_format::Digest;

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("start the client")]
    Start(#[source] std::io::Error),
    #[error("set up the client")]
    Client(#[source] reqwest::Error),
    #[error("set up the client for registries")]
    Registries(#[source] oci_client::errors::OciDistributionError),
    #[error("read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("use the certificates in {path}: {why}")]
    Certificates { path: PathBuf, why: String },
    #[error("ask for {what}")]
    Ask { what: String, source: reqwest::Error },
    #[error("ask for {what}: the server says {status}")]
    Status { what: String, status: u16 },
    #[error("ask for {what}")]
    Registry { what: String, source: oci_client::errors::OciDistributionError },
    #[error("receive {what}: {why}; {received} bytes are kept for the next time")]
    Cut { what: String, why: String, received: u64 },
    #[error("accept {what}: it has {found} bytes, wanted {wanted}")]
    Size { what: String, found: u64, wanted: u64 },
    #[error("accept {what}: its content is {found}, wanted {wanted}")]
    Content { what: String, found: Digest, wanted: Digest },
    #[error("accept {what}: it has more than {limit} bytes")]
    TooLarge { what: String, limit: u64 },
    #[error("receive {what}: stopped, because another part of the build failed")]
    Stopped { what: String },
    #[error("write {path}")]
    Write { path: PathBuf, source: std::io::Error },
}
