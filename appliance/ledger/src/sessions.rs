//! Sessions: a user in a browser, for some hours.

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::guessing;
use crate::refused::Refused;
use crate::table::{Row, Table};
use crate::users::{Password, User};

/// A session. Its key is the first 16 hex digits of the digest of its cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// sha256 of the cookie's random bytes as 64 hex digits.
    pub digest: String,
    pub user: String,
    /// Unix times in milliseconds.
    pub created_at: u64,
    pub seen_at: u64,
    /// However busy it is.
    pub expires_at: u64,
    /// Without a request for so long, it has expired too.
    pub idle_ms: u64,
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
    pub revision: u64,
}

impl Row for Session {
    const TABLE: Table = Table::Sessions;
    const KIND: &'static str = "session";
}

impl Session {
    pub fn id(&self) -> &str {
        public_id(&self.digest)
    }

    /// A clock that jumps ahead ends sessions, and so does one that is set back by more than their idle time: what was seen in a
    /// future that far away would otherwise last until then.
    pub fn is_over(&self, at: u64) -> bool {
        at >= self.expires_at || at.abs_diff(self.seen_at) >= self.idle_ms
    }
}

/// What a session or token is called where people see it: the first 16 hex digits of its digest.
pub fn public_id(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SessionCommand {
    /// Who knew the password (or was vouched for by their identity provider) is in. `password` is the revision of the
    /// [`Password`] that the hash was checked against: one that was changed meanwhile does not let in. Refused while the
    /// wait of too many wrong guesses lasts, right password or not.
    LogIn {
        session: Session,
        password: Option<u64>,
    },
    /// A wrong password, code or setup code from this address. `user` is what was typed.
    Failed {
        user: String,
        address: String,
    },
    /// Somebody who is known asked for what they may not: so often, since it was last said.
    Denied {
        method: String,
        path: String,
        times: u64,
    },
    /// There was a request: writes `seen_at`. Not audited; call it once a minute, not with each request.
    Seen {
        id: String,
    },
    LogOut {
        id: String,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &SessionCommand) -> Result<Reply, Refused> {
    match command {
        SessionCommand::LogIn { session, password } => log_in(deciding, session, *password),
        SessionCommand::Failed { user, address } => {
            // What was typed may be a password in the wrong field: only the name of a user is written down.
            let known = deciding.find::<User>(user.as_str())?.map(|user| user.name);
            guessing::wrong(deciding, known.as_deref(), address)?;
            let name = known.unwrap_or_default();
            deciding.say("session.failed", &name, &[("address", address.clone())]);
            Ok(Reply::Done)
        }
        SessionCommand::Denied { method, path, times } => {
            deciding.say("access.denied", path, &[("method", method.clone()), ("times", times.to_string())]);
            Ok(Reply::Done)
        }
        SessionCommand::Seen { id } => {
            let session: Session = deciding.wanted(id)?;
            if session.is_over(deciding.at) {
                return Err(Refused::Expired { kind: Session::KIND, id: id.clone() });
            }
            let seen_at = deciding.at;
            deciding.put(id.as_str(), &Session { seen_at, ..session });
            Ok(Reply::Done)
        }
        SessionCommand::LogOut { id } => {
            let session: Session = deciding.wanted(id)?;
            end(deciding, id);
            deciding.say("session.end", id, &[("user", session.user)]);
            Ok(Reply::Done)
        }
    }
}

fn log_in(deciding: &mut Deciding<'_>, session: &Session, password: Option<u64>) -> Result<Reply, Refused> {
    let name = session.user.as_str();
    guessing::heard(deciding, Some(name), &session.address)?;
    let user: User = deciding.wanted(name)?;
    if user.disabled {
        return Err(Refused::Disabled(name.to_owned()));
    }
    if let Some(expected) = password {
        let found = deciding.wanted::<Password>(name)?.revision;
        if found != expected {
            let id = name.to_owned();
            return Err(Refused::Changed { kind: Password::KIND, id, expected, found });
        }
    }
    let id = session.id().to_owned();
    if deciding.find::<Session>(id.as_str())?.is_some() {
        return Err(Refused::Exists { kind: Session::KIND, id });
    }
    guessing::right(deciding, name, &session.address);
    let revision = deciding.changed(Topic::Sessions, &id);
    let at = deciding.at;
    deciding.put(id.as_str(), &Session { created_at: at, seen_at: at, revision, ..session.clone() });
    deciding.say("session.begin", &id, &[("user", name.to_owned()), ("address", session.address.clone())]);
    Ok(Reply::Revision(revision))
}

pub(crate) fn end(deciding: &mut Deciding<'_>, id: &str) {
    deciding.remove(Table::Sessions, id);
    deciding.removed(Topic::Sessions, id);
}

/// Ends every session of a user but one.
pub(crate) fn end_all(deciding: &mut Deciding<'_>, user: &str, but: Option<&str>) -> Result<(), Refused> {
    for (_, session) in deciding.all::<Session>()? {
        if session.user == user && Some(session.id()) != but {
            end(deciding, session.id());
        }
    }
    Ok(())
}
