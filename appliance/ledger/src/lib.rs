//! The ledger: the rules of the control plane, pure.
//!
//! ```text
//!  actor, time, Command ─┐
//!                        ├─ decide ─▶ Decided { changes, reply, index }   or   Refused
//!  Reading (what is now)─┘
//! ```
//!
//! No clock, no random, no files: times, ids, hashes and sealed bytes come in with the command. The same commands in the
//! same order give the same tables to the byte, so that several instances may hold them.
//!
//! # How a caller uses it
//!
//! Callers do not call [`decide`]; they hand commands to the store, which decides, writes and syncs in one transaction:
//!
//! ```ignore
//! let actor = Actor::User { name: "anna".into(), via: Via::Session(id) };
//! let command = Command::Users(UserCommand::Add { name: "ben".into(), role: Role::Viewer, password: hash });
//! match store.submit(&actor, &command) {
//!     Ok(committed) => …,                              // committed.reply: Reply::Revision(41); committed.index: 42
//!     Err(StoreError::Refused(refused)) => …,          // nothing changed; match it for the status of the answer
//!     Err(error) => …,                                 // the disk's fault
//! }
//! store.dry_run(&actor, &command)?;                     // the same answer, and nothing is written
//! let user: Option<User> = store.row("ben")?;           // any `Row` by its key
//! let users: Vec<(Key, User)> = store.rows(None, 100)?; // in the order of keys, from one on
//! ```
//!
//! - **Secrets** are sealed before they enter a command: `store.seal(&credential_secret("ops"), bytes)?` gives the [`Sealed`]
//!   of [`CredentialCommand::Put`], and `store.secret(…)?` opens it again. A password enters as [`PasswordHash`] (argon2id), a token or cookie
//!   as the sha256 of its random bytes.
//! - **Logging in**: read [`User`] and [`Password`]; check the password; then submit [`SessionCommand::LogIn`] with the password's
//!   revision, or [`SessionCommand::Failed`]. Both feed the limits on guessing; `Refused::Wait` says how long. To refuse before the
//!   costly hash is computed, `store.may_guess(Some(name), address)`.
//! - **The revision** of a resource is the ledger index of its last change: the ETag. `If-Match` travels as [`Expected::Revision`],
//!   `If-None-Match: *` as [`Expected::Absent`].
//! - **Idempotency-Key**: wrap the command in [`Command::Once`]; a repetition gets the first reply, with `repeated` set.
//! - **Watching**: changes and run events share one sequence; see [`Notice`] and `Store::feed`.
//! - **The audit** is written by [`decide`] in the same transaction; see [`audit`].

mod actor;
pub mod audit;
mod bundles;
mod checks;
mod command;
mod credentials;
mod deciding;
mod drafts;
mod feed;
mod guessing;
mod host_keys;
mod once;
mod plans;
mod reading;
mod refused;
mod requests;
pub mod rules;
mod runs;
mod sealed;
mod sessions;
mod settings;
mod sites;
mod sweep;
mod table;
mod take_over;
mod terminals;
mod tokens;
mod uploads;
mod users;
mod waivers;

pub use actor::{Actor, Via};
pub use audit::{AuditEntry, AuditHead};
pub use bundles::{BundleCommand, BundleRow};
pub use checks::{Check, CheckCommand};
pub use command::{Command, Decided, Reply, decide};
pub use credentials::{Credential, CredentialCommand, CredentialKind, credential_secret};
pub use deciding::{ONLY, last_index};
pub use drafts::{Draft, DraftCommand};
pub use feed::{Became, Notice, Topic};
pub use guessing::{Guesses, may_guess};
pub use host_keys::{BundleKey, HostKeyCommand, PinnedKey};
pub use once::{Keyed, Once, Remembered, answered};
pub use plans::{PlanCommand, PlanRow, Target};
pub use reading::{Memory, Reading, Unreadable};
pub use refused::{Expected, Refused};
pub use requests::{Asked, Request, RequestCommand, RequestState};
pub use runs::{RunCommand, RunRow, number_of};
pub use sealed::{PasswordHash, Sealed};
pub use sessions::{Session, SessionCommand, public_id};
pub use settings::{Oidc, Settings, SettingsCommand};
pub use sites::{Addon, Founded, KeptBundle, SITE_LIMIT, SiteCommand, SiteRow};
pub use table::{Change, Key, Row, Table};
pub use take_over::{Lineage, TakenOver};
pub use terminals::{TerminalCommand, TerminalPlace};
pub use tokens::{Token, TokenCommand};
pub use uploads::{MOST_UPLOADS, Upload, UploadCommand};
pub use users::{External, Password, Role, SetupCode, User, UserCommand};
pub use waivers::{WaiverCommand, Waivers};

#[cfg(test)]
#[path = "ledger_test.rs"]
mod tests;
