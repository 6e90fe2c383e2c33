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
//! The ledger (`appliance-ledger`) decides, this crate keeps. [`Store::submit`] is the one way in which control-plane state is
//! written. What is written beside it is no business of a ledger: output of steps, and what this machine knows of its files.

mod backup;
mod disk;
pub mod holder;
mod migrate;
mod notes;
mod output;
mod pages;
mod passphrase;
mod plans;
mod runs;
mod site_copy;
mod store;
mod submit;
mod tables;
mod take_over;
mod vault;
mod watch;
mod writings;

pub use appliance_ledger as ledger;
pub use appliance_ledger::{KeptBundle, PinnedKey, RunRow, rules};
pub use backup::{About, BackupError, Snapshot, about_backup, restore};
pub use holder::Holder;
pub use notes::{By, FileStamp};
pub use output::{OUTPUT_LIMIT, OutputChunk};
pub use pages::{Page, Unread, Way};
pub use passphrase::{PASSPHRASE_FILE, Passphrase, PassphraseError};
pub use plans::AdoptedPlan;
pub use runs::Begun;
pub use site_copy::{COPY_LIMIT, CopyError, SiteCopy, newest};
pub use store::{Store, StoreError, is_of_full_disk};
pub use submit::Committed;
pub use vault::VaultError;
pub use watch::{Fed, FeedItem};
