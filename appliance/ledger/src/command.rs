//! The one door: a command, and what becomes of it.

use installer_model::event::{Record, RunId};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::deciding::Deciding;
use crate::reading::Reading;
use crate::refused::Refused;
use crate::table::Change;
use crate::{
    bundles, checks, credentials, drafts, host_keys, once, plans, requests, runs, sessions, settings, sites,
    sweep, take_over, terminals, tokens, uploads, users, waivers,
};

/// Everything that can be asked of the ledger. Times, ids, hashes and sealed bytes come in with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Command {
    Users(users::UserCommand),
    Sessions(sessions::SessionCommand),
    Tokens(tokens::TokenCommand),
    Settings(settings::SettingsCommand),
    Credentials(credentials::CredentialCommand),
    Sites(sites::SiteCommand),
    Drafts(drafts::DraftCommand),
    HostKeys(host_keys::HostKeyCommand),
    Bundles(bundles::BundleCommand),
    Uploads(uploads::UploadCommand),
    Waivers(waivers::WaiverCommand),
    Checks(checks::CheckCommand),
    Plans(plans::PlanCommand),
    Requests(requests::RequestCommand),
    Runs(runs::RunCommand),
    Terminals(terminals::TerminalCommand),
    /// A site that another ledger had. Refused by a ledger that has runs or a site of its own.
    TakeOver(Box<take_over::TakenOver>),
    /// A command that is carried out once for its idempotency key, however often it comes.
    Once(once::Once),
    /// Forgets what has expired.
    Sweep,
}

/// What the caller learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    Done,
    /// The resource that was written has this revision now.
    Revision(u64),
    /// What was made has this name and revision: a repetition learns the name of the first.
    Made {
        id: String,
        revision: u64,
    },
    /// A run began, or goes on.
    Begun {
        run: RunId,
        resumed: bool,
        records: Vec<Record>,
    },
    /// Events as they were numbered.
    Appended(Vec<Record>),
    /// So many rows had expired.
    Swept(u64),
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// In the order in which they are made.
    pub changes: Vec<Change>,
    pub reply: Reply,
    /// The highest ledger index after it. What it changed has indices up to this one.
    pub index: u64,
    /// The reply is that of an earlier command with the same idempotency key; nothing changes.
    pub repeated: bool,
}

/// Decides a command. The same command on the same tables at the same time gives the same answer, everywhere.
pub fn decide(now: &dyn Reading, at_ms: u64, actor: &Actor, command: &Command) -> Result<Decided, Refused> {
    let mut deciding = Deciding::new(now, at_ms, actor)?;
    if let Command::Once(once) = command {
        if let Some(reply) = once::known(&deciding, &once.key, &once.request)? {
            let (changes, index) = deciding.end()?;
            return Ok(Decided { changes, reply, index, repeated: true });
        }
        let reply = dispatch(&mut deciding, &once.command)?;
        once::remember(&mut deciding, once, &reply);
        let (changes, index) = deciding.end()?;
        return Ok(Decided { changes, reply, index, repeated: false });
    }
    let reply = dispatch(&mut deciding, command)?;
    let (changes, index) = deciding.end()?;
    Ok(Decided { changes, reply, index, repeated: false })
}

fn dispatch(deciding: &mut Deciding<'_>, command: &Command) -> Result<Reply, Refused> {
    match command {
        Command::Users(command) => users::decide(deciding, command),
        Command::Sessions(command) => sessions::decide(deciding, command),
        Command::Tokens(command) => tokens::decide(deciding, command),
        Command::Settings(command) => settings::decide(deciding, command),
        Command::Credentials(command) => credentials::decide(deciding, command),
        Command::Sites(command) => sites::decide(deciding, command),
        Command::Drafts(command) => drafts::decide(deciding, command),
        Command::HostKeys(command) => host_keys::decide(deciding, command),
        Command::Bundles(command) => bundles::decide(deciding, command),
        Command::Uploads(command) => uploads::decide(deciding, command),
        Command::Waivers(command) => waivers::decide(deciding, command),
        Command::Checks(command) => checks::decide(deciding, command),
        Command::Plans(command) => plans::decide(deciding, command),
        Command::Requests(command) => requests::decide(deciding, command),
        Command::Runs(command) => runs::decide(deciding, command),
        Command::Terminals(command) => terminals::decide(deciding, command),
        Command::TakeOver(taken) => take_over::decide(deciding, taken),
        Command::Once(once) => Err(Refused::Invalid {
            pointer: "",
            detail: format!("the idempotency key {} stands inside another", once.key),
        }),
        Command::Sweep => sweep::decide(deciding),
    }
}
