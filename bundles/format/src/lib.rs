//! What a bundle is: its index, its digests, its seal. `bundles/FORMAT.md` is the page for people.

mod arch;
mod digest;
mod release;

pub use arch::Arch;
pub use digest::{Digest, DigestError};
pub use release::{Blob, Component, FileArtifact, ImageArtifact, Release};
