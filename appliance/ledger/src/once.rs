//! Idempotency keys: a command that comes twice is carried out once, and answered twice.

use serde::{Deserialize, Serialize};

use crate::command::{Command, Reply};
use crate::deciding::Deciding;
use crate::refused::Refused;
use crate::table::{Row, Table};

/// A command under an idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Once {
    /// What the caller sent; each actor has keys of their own.
    pub key: String,
    /// sha256 of the request as 64 hex digits: the same key with another request is refused.
    pub request: String,
    /// Unix time in milliseconds: how long the answer is remembered.
    pub expires_at: u64,
    pub command: Box<Command>,
}

/// The answer to a command under an idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    pub request: String,
    pub reply: Reply,
    pub expires_at: u64,
}

impl Row for Remembered {
    const TABLE: Table = Table::Once;
    const KIND: &'static str = "idempotency key";
}

fn place(deciding: &Deciding<'_>, key: &str) -> String {
    format!("{}/{key}", deciding.actor.name())
}

/// What was answered before.
pub(crate) fn known(deciding: &Deciding<'_>, once: &Once) -> Result<Option<Reply>, Refused> {
    let before: Option<Remembered> = deciding.find(place(deciding, &once.key).as_str())?;
    match before.filter(|before| before.expires_at > deciding.at) {
        None => Ok(None),
        Some(before) if before.request == once.request => Ok(Some(before.reply)),
        Some(_) => Err(Refused::KeyReused(once.key.clone())),
    }
}

pub(crate) fn remember(deciding: &mut Deciding<'_>, once: &Once, reply: &Reply) {
    let key = place(deciding, &once.key);
    let (request, reply, expires_at) = (once.request.clone(), reply.clone(), once.expires_at);
    deciding.put(key.as_str(), &Remembered { request, reply, expires_at });
}
