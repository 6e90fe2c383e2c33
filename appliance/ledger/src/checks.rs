//! The last check of each site: findings, and the survey that they were judged from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::Refused;
use crate::table::{Row, Table};

/// A check as the caller shapes it, by the name of its site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Check(pub Value);

impl Row for Check {
    const TABLE: Table = Table::Checks;
    const KIND: &'static str = "check of site";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckCommand {
    Put { site: String, check: Value },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &CheckCommand) -> Result<Reply, Refused> {
    let CheckCommand::Put { site, check } = command;
    deciding.put(site.as_str(), &Check(check.clone()));
    let revision = deciding.changed(Topic::Checks, site);
    deciding.say("check.put", site, &[]);
    Ok(Reply::Revision(revision))
}
