//! What a bundle is: its index, its digests, its seal. `bundles/FORMAT.md` is the page for people.

mod arch;
mod check;
mod closure;
mod digest;
pub mod entry;
pub mod oci;
pub mod part;
mod reference;
mod release;
mod seal;

pub use arch::Arch;
pub use check::ReleaseError;
pub use closure::{Gap, gaps};
pub use digest::{Digest, DigestError};
pub use reference::{Reference, ReferenceError};
pub use release::{Blob, Component, FileArtifact, ImageArtifact, MANIFESTS, Release};
pub use seal::{Seal, statement};

/// The version of the format that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
