//! What is told to those who watch.

use serde::{Deserialize, Serialize};

use crate::table::{Row, Table};

/// What a watcher may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Topic {
    Users,
    Sessions,
    Tokens,
    Settings,
    Credentials,
    Secrets,
    Sites,
    Drafts,
    HostKeys,
    Bundles,
    Uploads,
    Waivers,
    Checks,
    Plans,
    /// Runs as a list shows them.
    Runs,
    /// What happens in runs: `Record`s, never [`Notice`]s.
    Events,
    Requests,
    Audit,
}

impl Topic {
    pub const ALL: [Topic; 18] = [
        Topic::Users,
        Topic::Sessions,
        Topic::Tokens,
        Topic::Settings,
        Topic::Credentials,
        Topic::Secrets,
        Topic::Sites,
        Topic::Drafts,
        Topic::HostKeys,
        Topic::Bundles,
        Topic::Uploads,
        Topic::Waivers,
        Topic::Checks,
        Topic::Plans,
        Topic::Runs,
        Topic::Events,
        Topic::Requests,
        Topic::Audit,
    ];
}

/// Whether a resource is there after the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Became {
    /// New, or other than before.
    Changed,
    Removed,
}

/// A resource changed. It says which, not how: who wants to know reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    pub topic: Topic,
    /// Such as the name of a site; `site/add-on` style paths where one name is not enough.
    pub id: String,
    pub became: Became,
    /// Unix time in milliseconds.
    pub at: u64,
}

impl Row for Notice {
    const TABLE: Table = Table::Feed;
    const KIND: &'static str = "change";
}
