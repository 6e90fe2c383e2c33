//! The embedded database of one instance: sites, pinned keys, plans, runs, events, output.
//!
//! One process has it open at a time; whoever runs the engine also answers others through a socket.
//!
//! ```text
//!  adopt(plan) ──▶ target of the site ──▶ begin(run) ──▶ append(events …) ──▶ append(RunEnded)
//!                  compare-and-set        one open run    each commit is
//!                  on the parent          per site        durable: the fence
//! ```
//!
//! [`rules`] decides, the other modules keep.

pub mod holder;
mod notes;
mod output;
mod plans;
pub mod rules;
mod runs;
mod site_copy;
mod store;
mod tables;
mod take_over;
mod vault;

pub use holder::Holder;
pub use notes::{FileStamp, KeptBundle, PinnedKey};
pub use output::{OUTPUT_LIMIT, OutputChunk};
pub use plans::AdoptedPlan;
pub use runs::{Begun, RunRow};
pub use site_copy::{COPY_LIMIT, CopyError, SiteCopy, newest};
pub use store::{Store, StoreError};
pub use vault::VaultError;
