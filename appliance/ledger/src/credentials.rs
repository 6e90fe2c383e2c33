//! Credentials by which hosts are reached, and the other secrets of the instance. Both arrive sealed.

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::{Expected, Refused};
use crate::sealed::Sealed;
use crate::table::{Row, Table};

/// What is known of a credential without opening it. The secret itself is at `credential/NAME` in [`Table::Secrets`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    pub name: String,
    /// The login on the hosts.
    pub user: String,
    pub kind: CredentialKind,
    /// The public key, where there is one.
    pub public_key: Option<String>,
    /// Unix time in milliseconds.
    pub changed_at: u64,
    pub by: String,
    pub revision: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CredentialKind {
    Password,
    PrivateKey,
}

impl Row for Credential {
    const TABLE: Table = Table::Credentials;
    const KIND: &'static str = "credential";
}

/// Where a credential's secret is sealed to.
pub fn credential_secret(name: &str) -> String {
    format!("credential/{name}")
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CredentialCommand {
    /// `sealed` for [`credential_secret`]; `None` keeps the one that is there.
    Put {
        name: String,
        user: String,
        kind: CredentialKind,
        public_key: Option<String>,
        sealed: Option<Sealed>,
        expected: Expected,
    },
    Remove {
        name: String,
        expected: Expected,
    },
    /// Another secret, such as `kubeconfig/lab` or `tls/ca`, sealed for this name.
    PutSecret {
        name: String,
        sealed: Sealed,
    },
    RemoveSecret {
        name: String,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &CredentialCommand) -> Result<Reply, Refused> {
    match command {
        CredentialCommand::Put { name, user, kind, public_key, sealed, expected } => {
            let before: Option<Credential> = deciding.find(name.as_str())?;
            expected.check(Credential::KIND, name, before.as_ref().map(|credential| credential.revision))?;
            match (sealed, before) {
                (Some(sealed), _) => deciding.put(credential_secret(name).as_str(), sealed),
                (None, Some(before)) if before.kind == *kind => {}
                (None, _) => {
                    let detail = "a new credential, or one of another kind, needs its secret".to_owned();
                    return Err(Refused::Invalid { pointer: "/secret", detail });
                }
            }
            let revision = deciding.changed(Topic::Credentials, name);
            let credential = Credential {
                name: name.clone(),
                user: user.clone(),
                kind: *kind,
                public_key: public_key.clone(),
                changed_at: deciding.at,
                by: deciding.actor.name(),
                revision,
            };
            deciding.put(name.as_str(), &credential);
            deciding.say("credential.put", name, &[("user", user.clone())]);
            Ok(Reply::Revision(revision))
        }
        CredentialCommand::Remove { name, expected } => {
            let credential: Credential = deciding.wanted(name)?;
            expected.check(Credential::KIND, name, Some(credential.revision))?;
            deciding.remove(Table::Credentials, name.as_str());
            deciding.remove(Table::Secrets, credential_secret(name).as_str());
            deciding.removed(Topic::Credentials, name);
            deciding.say("credential.remove", name, &[]);
            Ok(Reply::Done)
        }
        CredentialCommand::PutSecret { name, sealed } => {
            deciding.put(name.as_str(), sealed);
            let revision = deciding.changed(Topic::Secrets, name);
            deciding.say("secret.put", name, &[]);
            Ok(Reply::Revision(revision))
        }
        CredentialCommand::RemoveSecret { name } => {
            deciding.wanted::<Sealed>(name)?;
            deciding.remove(Table::Secrets, name.as_str());
            deciding.removed(Topic::Secrets, name);
            deciding.say("secret.remove", name, &[]);
            Ok(Reply::Done)
        }
    }
}
