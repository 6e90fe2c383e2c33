//! Users: who may log in, and as what.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::{Deciding, ONLY};
use crate::feed::Topic;
use crate::refused::{Expected, Refused};
use crate::sealed::PasswordHash;
use crate::table::{Row, Table};
use crate::{sessions, tokens};

/// What a user may do; each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Runs: sites, bundles, plans, hosts.
    Operator,
    /// Decides who may what, and how the instance is set.
    Admin,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A user, without what they log in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    /// Who they are to an identity provider; `None`: they have a password here.
    pub external: Option<External>,
    /// Unix time in milliseconds.
    pub created_at: u64,
    pub revision: u64,
}

impl Row for User {
    const TABLE: Table = Table::Users;
    const KIND: &'static str = "user";
}

/// A user of an identity provider (OpenID Connect).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct External {
    pub issuer: String,
    pub subject: String,
}

/// What a user's password is checked against. Apart from [`User`], which is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Password {
    pub hash: PasswordHash,
    /// Unix time in milliseconds.
    pub changed_at: u64,
    pub revision: u64,
}

impl Row for Password {
    const TABLE: Table = Table::Passwords;
    const KIND: &'static str = "password of user";
}

/// The one-time code that the first administrator shows: its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupCode {
    /// sha256 of the code as 64 hex digits.
    pub digest: String,
    /// Unix time in milliseconds.
    pub expires_at: u64,
}

impl Row for SetupCode {
    const TABLE: Table = Table::Setup;
    const KIND: &'static str = "setup code";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserCommand {
    /// Offers the first administrator's place to whoever shows the code. Refused once there is a user.
    OfferSetup(SetupCode),
    /// The first administrator. `digest` is that of the code shown; count a wrong one with
    /// [`crate::SessionCommand::Failed`].
    SetUp {
        digest: String,
        name: String,
        password: PasswordHash,
    },
    Add {
        name: String,
        role: Role,
        password: PasswordHash,
    },
    /// A user as an identity provider knows them: made at the first login, brought up to date at each.
    Federated {
        name: String,
        role: Role,
        external: External,
    },
    SetRole {
        name: String,
        role: Role,
        expected: Expected,
    },
    /// Their sessions end with it; their tokens are refused while it lasts.
    SetDisabled {
        name: String,
        disabled: bool,
        expected: Expected,
    },
    /// Their sessions end but this one.
    SetPassword {
        name: String,
        password: PasswordHash,
        keep_session: Option<String>,
    },
    /// With their sessions and tokens.
    Remove {
        name: String,
        expected: Expected,
    },
}

const KIND: &str = User::KIND;

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &UserCommand) -> Result<Reply, Refused> {
    match command {
        UserCommand::OfferSetup(code) => offer(deciding, code),
        UserCommand::SetUp { digest, name, password } => set_up(deciding, digest, name, password),
        UserCommand::Add { name, role, password } => {
            let revision = add(deciding, name, *role, password)?;
            deciding.say("user.add", name, &[("role", role.to_string())]);
            Ok(Reply::Revision(revision))
        }
        UserCommand::Federated { name, role, external } => federated(deciding, name, *role, external),
        UserCommand::SetRole { name, role, expected } => {
            let user = found(deciding, name, *expected)?;
            if *role != Role::Admin {
                another_administrator(deciding, name)?;
            }
            let was = user.role.to_string();
            let revision = write(deciding, User { role: *role, ..user });
            deciding.say("user.role", name, &[("role", role.to_string()), ("was", was)]);
            Ok(Reply::Revision(revision))
        }
        UserCommand::SetDisabled { name, disabled, expected } => {
            let user = found(deciding, name, *expected)?;
            if *disabled {
                another_administrator(deciding, name)?;
                sessions::end_all(deciding, name, None)?;
            }
            let revision = write(deciding, User { disabled: *disabled, ..user });
            deciding.say(if *disabled { "user.disable" } else { "user.enable" }, name, &[]);
            Ok(Reply::Revision(revision))
        }
        UserCommand::SetPassword { name, password, keep_session } => {
            let user = found(deciding, name, Expected::Any)?;
            if user.external.is_some() {
                let detail = "an identity provider checks who they are".to_owned();
                return Err(Refused::Invalid { pointer: "/password", detail });
            }
            sessions::end_all(deciding, name, keep_session.as_deref())?;
            let revision = write(deciding, user);
            set_password(deciding, name, password, revision)?;
            deciding.say("user.password", name, &[]);
            Ok(Reply::Revision(revision))
        }
        UserCommand::Remove { name, expected } => {
            found(deciding, name, *expected)?;
            another_administrator(deciding, name)?;
            sessions::end_all(deciding, name, None)?;
            tokens::revoke_all(deciding, name)?;
            deciding.remove(Table::Users, name.as_str());
            deciding.remove(Table::Passwords, name.as_str());
            deciding.removed(Topic::Users, name);
            deciding.say("user.remove", name, &[]);
            Ok(Reply::Done)
        }
    }
}

fn offer(deciding: &mut Deciding<'_>, code: &SetupCode) -> Result<Reply, Refused> {
    nobody_yet(deciding)?;
    deciding.put(ONLY, code);
    deciding.say("setup.offer", "", &[]);
    Ok(Reply::Done)
}

fn set_up(
    deciding: &mut Deciding<'_>,
    digest: &str,
    name: &str,
    password: &PasswordHash,
) -> Result<Reply, Refused> {
    nobody_yet(deciding)?;
    let code: SetupCode = deciding.wanted(ONLY)?;
    if code.digest != digest {
        return Err(Refused::Invalid { pointer: "/code", detail: "it is not the setup code".to_owned() });
    }
    if code.expires_at <= deciding.at {
        return Err(Refused::Expired { kind: SetupCode::KIND, id: String::new() });
    }
    let revision = add(deciding, name, Role::Admin, password)?;
    deciding.remove(Table::Setup, ONLY);
    deciding.say("setup.done", name, &[]);
    Ok(Reply::Revision(revision))
}

fn nobody_yet(deciding: &Deciding<'_>) -> Result<(), Refused> {
    match deciding.all::<User>()?.into_iter().next() {
        Some((_, user)) => Err(Refused::Exists { kind: KIND, id: user.name }),
        None => Ok(()),
    }
}

fn add(deciding: &mut Deciding<'_>, name: &str, role: Role, password: &PasswordHash) -> Result<u64, Refused> {
    fit(name)?;
    let there: Option<User> = deciding.find(name)?;
    Expected::Absent.check(KIND, name, there.map(|user| user.revision))?;
    let revision = write(
        deciding,
        User {
            name: name.to_owned(),
            role,
            disabled: false,
            external: None,
            created_at: deciding.at,
            revision: 0,
        },
    );
    set_password(deciding, name, password, revision)?;
    Ok(revision)
}

fn federated(
    deciding: &mut Deciding<'_>,
    name: &str,
    role: Role,
    external: &External,
) -> Result<Reply, Refused> {
    fit(name)?;
    let created_at = deciding.at;
    let user = match deciding.find::<User>(name)? {
        // A name belongs to who had it first: the provider cannot hand somebody the place of a local administrator.
        Some(user) if user.external.as_ref() != Some(external) => {
            return Err(Refused::Exists { kind: KIND, id: name.to_owned() });
        }
        Some(user) if user.role == role => return Ok(Reply::Revision(user.revision)),
        Some(user) => {
            if role != Role::Admin {
                another_administrator(deciding, name)?;
            }
            User { role, ..user }
        }
        None => User {
            name: name.to_owned(),
            role,
            disabled: false,
            external: Some(external.clone()),
            created_at,
            revision: 0,
        },
    };
    let revision = write(deciding, user);
    let detail = [("role", role.to_string()), ("issuer", external.issuer.clone())];
    deciding.say("user.federated", name, &detail);
    Ok(Reply::Revision(revision))
}

fn found(deciding: &Deciding<'_>, name: &str, expected: Expected) -> Result<User, Refused> {
    let user: User = deciding.wanted(name)?;
    expected.check(KIND, name, Some(user.revision))?;
    Ok(user)
}

fn write(deciding: &mut Deciding<'_>, user: User) -> u64 {
    let revision = deciding.changed(Topic::Users, &user.name);
    let name = user.name.clone();
    deciding.put(name.as_str(), &User { revision, ..user });
    revision
}

fn set_password(
    deciding: &mut Deciding<'_>,
    name: &str,
    hash: &PasswordHash,
    revision: u64,
) -> Result<(), Refused> {
    if !hash.is_argon2id() {
        let detail = "it is not the argon2id hash of a password".to_owned();
        return Err(Refused::Invalid { pointer: "/password", detail });
    }
    deciding.put(name, &Password { hash: hash.clone(), changed_at: deciding.at, revision });
    Ok(())
}

/// Refuses when nobody else could decide who may what.
fn another_administrator(deciding: &Deciding<'_>, but: &str) -> Result<(), Refused> {
    let can = |user: &User| user.role == Role::Admin && !user.disabled;
    let users = deciding.all::<User>()?;
    let is_one = users.iter().any(|(_, user)| user.name == but && can(user));
    if is_one && !users.iter().any(|(_, user)| user.name != but && can(user)) {
        return Err(Refused::LastAdministrator(but.to_owned()));
    }
    Ok(())
}

/// A name is short and plain, so that it can stand in a path, a log and an audit without quotes.
fn fit(name: &str) -> Result<(), Refused> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) && name.as_bytes()[0].is_ascii_alphanumeric()
    {
        return Ok(());
    }
    let detail = "a name has 1 to 64 letters and digits of ASCII, and . _ @ - after the first".to_owned();
    Err(Refused::Invalid { pointer: "/name", detail })
}
