//! The tables that the ledger decides about, and what a change of them is.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Every table of the ledger. A row is the JSON of one noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Table {
    Users,
    Passwords,
    Setup,
    Sessions,
    Tokens,
    Guesses,
    Settings,
    Secrets,
    Credentials,
    SiteFiles,
    /// Site name → the site as its cluster was founded.
    Sites,
    Bases,
    Addons,
    Drafts,
    HostKeys,
    BundleKeys,
    Bundles,
    Uploads,
    Waivers,
    Checks,
    Plans,
    PlanRows,
    Targets,
    Lineage,
    Requests,
    Once,
    Runs,
    /// Ledger index → `Record`. The store seals these rows: they hold words of other programs.
    Events,
    /// Ledger index → [`crate::Notice`].
    Feed,
    /// Number → [`crate::AuditEntry`].
    Audit,
    /// The last entry of the audit, so that a cut tail is seen.
    AuditHead,
}

impl Table {
    pub const ALL: [Table; 31] = [
        Table::Users,
        Table::Passwords,
        Table::Setup,
        Table::Sessions,
        Table::Tokens,
        Table::Guesses,
        Table::Settings,
        Table::Secrets,
        Table::Credentials,
        Table::SiteFiles,
        Table::Sites,
        Table::Bases,
        Table::Addons,
        Table::Drafts,
        Table::HostKeys,
        Table::BundleKeys,
        Table::Bundles,
        Table::Uploads,
        Table::Waivers,
        Table::Checks,
        Table::Plans,
        Table::PlanRows,
        Table::Targets,
        Table::Lineage,
        Table::Requests,
        Table::Once,
        Table::Runs,
        Table::Events,
        Table::Feed,
        Table::Audit,
        Table::AuditHead,
    ];

    /// What the table is called in the database.
    pub fn name(self) -> &'static str {
        match self {
            Table::Users => "users",
            Table::Passwords => "passwords",
            Table::Setup => "setup",
            Table::Sessions => "sessions",
            Table::Tokens => "tokens",
            Table::Guesses => "guesses",
            Table::Settings => "settings",
            Table::Secrets => "secrets",
            Table::Credentials => "credentials",
            Table::SiteFiles => "site_files",
            Table::Sites => "sites",
            Table::Bases => "bases",
            Table::Addons => "addons",
            Table::Drafts => "drafts",
            Table::HostKeys => "host_keys",
            Table::BundleKeys => "bundle_keys",
            Table::Bundles => "bundles",
            Table::Uploads => "uploads",
            Table::Waivers => "waivers",
            Table::Checks => "checks",
            Table::Plans => "plans",
            Table::PlanRows => "plan_rows",
            Table::Targets => "site_targets",
            Table::Lineage => "lineage",
            Table::Requests => "requests",
            Table::Once => "once",
            Table::Runs => "runs",
            Table::Events => "events",
            Table::Feed => "feed",
            Table::Audit => "audit",
            Table::AuditHead => "audit_head",
        }
    }

    /// Whether its keys are numbers, which stay in the order of counting.
    pub fn is_numbered(self) -> bool {
        matches!(self, Table::Runs | Table::Events | Table::Feed | Table::Audit)
    }
}

/// The key of a row: text, or a number in the tables that count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Key {
    Text(String),
    Number(u64),
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::Text(text.to_owned())
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Key {
        Key::Number(number)
    }
}

/// One row put or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    Put { table: Table, key: Key, value: Vec<u8> },
    Remove { table: Table, key: Key },
}

/// A noun that has a table of its own.
pub trait Row: Serialize + DeserializeOwned {
    const TABLE: Table;
    /// What one of them is called in a message, such as `user`.
    const KIND: &'static str;
}

/// The JSON of a row.
pub(crate) fn encoded<T: Serialize>(row: &T) -> Vec<u8> {
    serde_json::to_vec(row).expect("invariant: a row has text keys and no fallible serializer")
}
