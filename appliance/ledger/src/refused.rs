//! Why a command is not carried out, and what a caller may expect beforehand.

use installer_model::event::RunId;
use serde::{Deserialize, Serialize};

use crate::reading::Unreadable;
use crate::rules::{AdoptRefused, BeginRefused};

/// Why a command is not carried out. Nothing has changed then. Each is fit to follow "failed to …:" in a problem document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is no {kind} {id}")]
    Missing { kind: &'static str, id: String },
    #[error("{kind} {id} is there already")]
    Exists { kind: &'static str, id: String },
    /// Compare-and-set: `found` is its revision now.
    #[error("{kind} {id} was changed meanwhile: its revision is {found}, not {expected}")]
    Changed { kind: &'static str, id: String, expected: u64, found: u64 },
    /// `pointer` is a JSON pointer into what the caller sent, such as `/name`.
    #[error("{pointer}: {detail}")]
    Invalid { pointer: &'static str, detail: String },
    #[error("{kind} {id} is in use by {by}")]
    InUse { kind: &'static str, id: String, by: String },
    #[error("user {0} is disabled")]
    Disabled(String),
    #[error("user {0} is the last administrator that can log in")]
    LastAdministrator(String),
    /// Too many wrong guesses: `until` in Unix milliseconds.
    #[error("there were too many wrong guesses; the next is heard in {} s", .wait_ms.div_ceil(1000))]
    Wait { until: u64, wait_ms: u64 },
    #[error("{kind} {id} has expired")]
    Expired { kind: &'static str, id: String },
    #[error("the idempotency key {0} was used for another request")]
    KeyReused(String),
    #[error("{0} has ended")]
    Ended(RunId),
    #[error("{limit} {what} are the most at a time")]
    TooMany { what: &'static str, limit: u64 },
    #[error(transparent)]
    Adopt(#[from] AdoptRefused),
    #[error(transparent)]
    Begin(#[from] BeginRefused),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Refused {
    pub(crate) fn missing(kind: &'static str, id: &str) -> Refused {
        Refused::Missing { kind, id: id.to_owned() }
    }
}

/// What must be there before a resource is written: the `If-Match` and `If-None-Match` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expected {
    /// Whatever is there, or nothing.
    #[default]
    Any,
    /// Nothing.
    Absent,
    /// The resource at this revision.
    Revision(u64),
}

impl Expected {
    /// Holds it against the revision that is there.
    pub(crate) fn check(self, kind: &'static str, id: &str, found: Option<u64>) -> Result<(), Refused> {
        match (self, found) {
            (Expected::Any, _) | (Expected::Absent, None) => Ok(()),
            (Expected::Absent, Some(_)) => Err(Refused::Exists { kind, id: id.to_owned() }),
            (Expected::Revision(_), None) => Err(Refused::missing(kind, id)),
            (Expected::Revision(expected), Some(found)) if expected == found => Ok(()),
            (Expected::Revision(expected), Some(found)) => {
                Err(Refused::Changed { kind, id: id.to_owned(), expected, found })
            }
        }
    }
}
