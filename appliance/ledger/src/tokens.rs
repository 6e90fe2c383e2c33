//! API tokens: a user in a program.

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::Refused;
use crate::sessions::public_id;
use crate::table::{Row, Table};
use crate::users::{Role, User};

/// A token. Its key is the first 16 hex digits of its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// sha256 of its 32 random bytes as 64 hex digits.
    pub digest: String,
    /// What it is for.
    pub name: String,
    pub user: String,
    /// It may what this role may, and never more than its user may now.
    pub role: Role,
    /// Unix times in milliseconds.
    pub created_at: u64,
    pub expires_at: Option<u64>,
    /// To the minute; `None` before the first time.
    pub used_at: Option<u64>,
    pub revision: u64,
}

impl Row for Token {
    const TABLE: Table = Table::Tokens;
    const KIND: &'static str = "token";
}

impl Token {
    pub fn id(&self) -> &str {
        public_id(&self.digest)
    }

    pub fn is_over(&self, at: u64) -> bool {
        self.expires_at.is_some_and(|expires_at| at >= expires_at)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenCommand {
    /// Refused when the user has less than the token's role.
    Make(Token),
    /// Writes `used_at`. Not audited; call it once a minute, not with each request.
    Used {
        id: String,
    },
    Revoke {
        id: String,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &TokenCommand) -> Result<Reply, Refused> {
    match command {
        TokenCommand::Make(token) => make(deciding, token),
        TokenCommand::Used { id } => {
            let token: Token = deciding.wanted(id)?;
            if token.is_over(deciding.at) {
                return Err(Refused::Expired { kind: Token::KIND, id: id.clone() });
            }
            let used_at = Some(deciding.at);
            deciding.put(id.as_str(), &Token { used_at, ..token });
            Ok(Reply::Done)
        }
        TokenCommand::Revoke { id } => {
            let token: Token = deciding.wanted(id)?;
            revoke(deciding, id);
            deciding.say("token.revoke", id, &[("name", token.name), ("user", token.user)]);
            Ok(Reply::Done)
        }
    }
}

fn make(deciding: &mut Deciding<'_>, token: &Token) -> Result<Reply, Refused> {
    let user: User = deciding.wanted(&token.user)?;
    if user.disabled {
        return Err(Refused::Disabled(user.name));
    }
    if token.role > user.role {
        let detail = format!("user {} is {}, which is less than {}", user.name, user.role, token.role);
        return Err(Refused::Invalid { pointer: "/role", detail });
    }
    if token.is_over(deciding.at) {
        let detail = "it lies in the past".to_owned();
        return Err(Refused::Invalid { pointer: "/expiresAt", detail });
    }
    let id = token.id().to_owned();
    if deciding.find::<Token>(id.as_str())?.is_some() {
        return Err(Refused::Exists { kind: Token::KIND, id });
    }
    let revision = deciding.changed(Topic::Tokens, &id);
    let created_at = deciding.at;
    deciding.put(id.as_str(), &Token { created_at, used_at: None, revision, ..token.clone() });
    let detail =
        [("name", token.name.clone()), ("user", token.user.clone()), ("role", token.role.to_string())];
    deciding.say("token.make", &id, &detail);
    Ok(Reply::Revision(revision))
}

pub(crate) fn revoke(deciding: &mut Deciding<'_>, id: &str) {
    deciding.remove(Table::Tokens, id);
    deciding.removed(Topic::Tokens, id);
}

pub(crate) fn revoke_all(deciding: &mut Deciding<'_>, user: &str) -> Result<(), Refused> {
    for (_, token) in deciding.all::<Token>()? {
        if token.user == user {
            revoke(deciding, token.id());
        }
    }
    Ok(())
}
