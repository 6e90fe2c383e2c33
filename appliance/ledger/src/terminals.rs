//! Terminals in pods and on hosts. Nothing of them is kept but who opened which, when, from where, and how it ended: what is
//! typed and shown may hold any secret, and is not written down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::refused::Refused;

/// What a terminal is open to: `SITE/hosts/HOST`, `SITE/pods/NAMESPACE/POD`.
pub type TerminalPlace = String;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TerminalCommand {
    /// Noted before anything is opened: what cannot be noted is not opened. `detail` says more, such as the container.
    Open { place: TerminalPlace, from: String, detail: BTreeMap<String, String> },
    /// Somebody takes what opens a cluster, such as `SITE/kubeconfig`.
    Hand { what: String, from: String },
    /// `why` is how it ended: an exit code, or that the user left.
    Close { place: TerminalPlace, from: String, seconds: u64, typed: u64, shown: u64, why: String },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &TerminalCommand) -> Result<Reply, Refused> {
    match command {
        TerminalCommand::Open { place, from, detail } => {
            let mut said: Vec<(&str, String)> =
                detail.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
            said.push(("from", from.clone()));
            deciding.say("terminal.open", place, &said);
        }
        TerminalCommand::Hand { what, from } => {
            deciding.say("secret.hand", what, &[("from", from.clone())]);
        }
        TerminalCommand::Close { place, from, seconds, typed, shown, why } => {
            let said = [
                ("from", from.clone()),
                ("seconds", seconds.to_string()),
                ("typed", typed.to_string()),
                ("shown", shown.to_string()),
                ("why", why.clone()),
            ];
            deciding.say("terminal.close", place, &said);
        }
    }
    Ok(Reply::Done)
}
