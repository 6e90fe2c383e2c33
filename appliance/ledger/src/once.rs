//! Idempotency keys: a command that comes twice is carried out once, and answered twice.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::command::{Command, Reply};
use crate::deciding::Deciding;
use crate::reading::Reading;
use crate::refused::Refused;
use crate::table::{Row, Table};

/// A command under an idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Once {
    /// What the caller sent; each actor has keys of their own.
    pub key: String,
    /// What tells the request from others: the same key with another request is refused. Made under a key of the instance
    /// (`Store::mark`), since a request may hold a password that a bare digest would let be guessed.
    pub request: String,
    /// Unix time in milliseconds: how long the answer is remembered.
    pub expires_at: u64,
    pub command: Box<Command>,
}

/// An idempotency key, before there is a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    pub key: String,
    pub request: String,
    pub expires_at: u64,
}

impl Keyed {
    /// The command, to be carried out once for this key.
    pub fn once(&self, command: Command) -> Command {
        let Keyed { key, request, expires_at } = self.clone();
        Command::Once(Once { key, request, expires_at, command: Box::new(command) })
    }
}

/// What was answered to a request under this key before: for callers that do much before they have a command. Refused when the
/// key came with another request.
pub fn answered(
    now: &dyn Reading,
    at_ms: u64,
    actor: &Actor,
    keyed: &Keyed,
) -> Result<Option<Reply>, Refused> {
    known(&Deciding::new(now, at_ms, actor)?, &keyed.key, &keyed.request)
}

/// The answer to a command under an idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    pub request: String,
    pub reply: Reply,
    pub expires_at: u64,
}

/// No answer is kept longer: one that seems to be was given while the clock was ahead.
const LONGEST_MS: u64 = 7 * 24 * 60 * 60 * 1000;

impl Remembered {
    /// Nobody asks for it any more, as far as the clock can be believed.
    pub fn is_over(&self, at: u64) -> bool {
        at >= self.expires_at || self.expires_at > at.saturating_add(LONGEST_MS)
    }
}

impl Row for Remembered {
    const TABLE: Table = Table::Once;
    const KIND: &'static str = "idempotency key";
}

fn place(deciding: &Deciding<'_>, key: &str) -> String {
    format!("{}/{key}", deciding.actor.name())
}

/// What was answered before.
pub(crate) fn known(deciding: &Deciding<'_>, key: &str, request: &str) -> Result<Option<Reply>, Refused> {
    let before: Option<Remembered> = deciding.find(place(deciding, key).as_str())?;
    match before.filter(|before| before.expires_at > deciding.at) {
        None => Ok(None),
        Some(before) if before.request == request => Ok(Some(before.reply)),
        Some(_) => Err(Refused::KeyReused(key.to_owned())),
    }
}

pub(crate) fn remember(deciding: &mut Deciding<'_>, once: &Once, reply: &Reply) {
    let key = place(deciding, &once.key);
    let (request, reply, expires_at) = (once.request.clone(), reply.clone(), once.expires_at);
    deciding.put(key.as_str(), &Remembered { request, reply, expires_at });
}
