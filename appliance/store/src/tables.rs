//! The tables and their version. Values are JSON unless a line says otherwise.

use redb::TableDefinition;

/// Version of the tables below: 2 since events and output are sealed (see `vault`). A binary refuses a database with a higher one.
pub(crate) const SCHEMA: u64 = 2;

/// `schema` → [`SCHEMA`] as decimal text; `ledger` → the ledger's id as text; `key` → what the sealing key is
/// called; `taken_from/<site>` → ledgers that the site was taken from, the last one first, separated by spaces.
pub(crate) const META: TableDefinition<&str, &str> = TableDefinition::new("meta");
/// Site name → the validated site.
pub(crate) const SITES: TableDefinition<&str, &[u8]> = TableDefinition::new("sites");
/// What a host is reached at → `PinnedKey`.
pub(crate) const HOST_KEYS: TableDefinition<&str, &[u8]> = TableDefinition::new("host_keys");
/// Fingerprint of a bundle key → `PinnedKey`.
pub(crate) const BUNDLE_KEYS: TableDefinition<&str, &[u8]> = TableDefinition::new("bundle_keys");
/// Site name → the bundle that it was installed from: `KeptBundle`.
pub(crate) const BASES: TableDefinition<&str, &[u8]> = TableDefinition::new("bases");
/// Site name, a slash, add-on name → the add-on bundle that was brought to the site.
pub(crate) const ADDONS: TableDefinition<&str, &[u8]> = TableDefinition::new("addons");
/// Id of a bundle → `FileStamp` of the file in which every byte was found right.
pub(crate) const VERIFIED: TableDefinition<&str, &[u8]> = TableDefinition::new("verified");
/// Plan id → `Plan`.
pub(crate) const PLANS: TableDefinition<&str, &[u8]> = TableDefinition::new("plans");
/// Site name → id of the site's target plan, as text.
pub(crate) const TARGETS: TableDefinition<&str, &str> = TableDefinition::new("targets");
/// Run number → `RunRow`.
pub(crate) const RUNS: TableDefinition<u64, &[u8]> = TableDefinition::new("runs");
/// Ledger index → `Record`, sealed. One sequence for all runs.
pub(crate) const EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("events");
/// (run number, ledger index) → nothing: the events of one run.
pub(crate) const RUN_EVENTS: TableDefinition<(u64, u64), ()> = TableDefinition::new("run_events");
/// (run number, step, attempt, offset) → the bytes from that offset on, sealed.
pub(crate) const OUTPUT: TableDefinition<(u64, &str, u32, u64), &[u8]> = TableDefinition::new("output");
/// (run number, step, attempt) → `OutputSeal`.
pub(crate) const SEALS: TableDefinition<(u64, &str, u32), &[u8]> = TableDefinition::new("seals");
/// Site name → its `KeptWaiver`s.
pub(crate) const WAIVERS: TableDefinition<&str, &[u8]> = TableDefinition::new("waivers");
/// Site name → findings and survey of its last check.
pub(crate) const CHECKS: TableDefinition<&str, &[u8]> = TableDefinition::new("checks");
