//! Builds a bundle from a catalogue: sources, images, closure, seal.

mod addon;
mod build;
mod cache;
mod catalog;
mod command;
mod deb;
mod durations;
mod elf;
mod go;
mod lock;
mod need;
mod pack;
mod progress;
mod remote;
mod unit;

pub use addon::{AddonError, AddonOptions, ArchiveError, BuiltAddon, ImageError, ManifestError, build_addon};
pub use build::{BuildError, BuildOptions, Built, build, default_cache, update_lock};
pub use bundles_fetch::Access;
pub use catalog::{Catalog, CatalogError, ComponentSpec};
pub use lock::{Lock, LockError};
pub use need::{Given, Missing};
pub use progress::Progress;
pub use remote::RemoteError;
