//! What runs on a host: facts, files, blobs, commands, units.
//!
//! The same static binary as everything else, started over SSH for the length of one connection. Threads and blocking
//! calls, no async: a hand waits most of its life. PROTOCOL.md of `installer-wire` says what it understands.

pub mod blobs;
pub mod command;
pub mod dial;
pub mod differ;
pub mod facts;
pub mod failure;
pub mod fence;
pub mod files;
pub mod import;
pub mod jobs;
pub mod matrix;
pub mod patient;
pub mod receive;
pub mod repair;
pub mod serve;
pub mod terminal;
pub mod transient;
pub mod unit_exec;
pub mod units;

pub use jobs::main;
pub use serve::serve;

/// Where a hand keeps its things unless told otherwise.
pub const DEFAULT_ROOT: &str = "/var/lib/armilla";
