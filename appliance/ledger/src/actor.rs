//! Who gives a command.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who gives a command. The door has checked that they may; the ledger writes down who it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// A user of this instance.
    User { name: String, via: Via },
    /// Somebody on the machine itself: through the unix socket, or running the engine in their own process.
    Local { name: String },
    /// The instance, of its own accord.
    Instance,
    /// Nobody yet: somebody who logs in.
    Nobody { address: String },
}

/// What a user came in with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// Id of a session.
    Session(String),
    /// Id of an API token.
    Token(String),
}

impl Actor {
    /// Without what they came in with: `anna`, `local root`, `instance`.
    pub fn name(&self) -> String {
        match self {
            Actor::User { name, .. } => name.clone(),
            Actor::Local { name } => format!("local {name}"),
            Actor::Instance => "instance".to_owned(),
            Actor::Nobody { .. } => "nobody".to_owned(),
        }
    }

    /// What they came in with: `session 1f…`, `token 2e…`, an address; empty on the machine itself.
    pub fn via(&self) -> String {
        match self {
            Actor::User { via: Via::Session(id), .. } => format!("session {id}"),
            Actor::User { via: Via::Token(id), .. } => format!("token {id}"),
            Actor::Nobody { address } => address.clone(),
            Actor::Local { .. } | Actor::Instance => String::new(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}
