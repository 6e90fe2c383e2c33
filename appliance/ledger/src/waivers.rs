//! What was decided to go on in spite of.

use installer_model::names::HostName;
use installer_model::waiver::KeptWaiver;
use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::Refused;
use crate::table::{Row, Table};

/// The waivers of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Waivers(pub Vec<KeptWaiver>);

impl Row for Waivers {
    const TABLE: Table = Table::Waivers;
    const KIND: &'static str = "waivers of site";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WaiverCommand {
    /// All waivers of a site.
    Put {
        site: String,
        waivers: Vec<KeptWaiver>,
    },
    /// One more; it takes the place of one for the same.
    Waive {
        site: String,
        waiver: KeptWaiver,
    },
    Withdraw {
        site: String,
        check: String,
        host: Option<HostName>,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &WaiverCommand) -> Result<Reply, Refused> {
    match command {
        WaiverCommand::Put { site, waivers } => {
            let before: Waivers = deciding.find(site.as_str())?.unwrap_or_default();
            if before.0 == *waivers {
                return Ok(Reply::Done);
            }
            let targets: Vec<String> = waivers.iter().map(|kept| kept.waiver.target().to_string()).collect();
            deciding.say("waivers.put", site, &[("waivers", targets.join(" "))]);
            Ok(write(deciding, site, waivers.clone()))
        }
        WaiverCommand::Waive { site, waiver } => {
            let Waivers(mut waivers) = deciding.find(site.as_str())?.unwrap_or_default();
            waivers.retain(|kept| !kept.waiver.is_for_the_same(&waiver.waiver));
            waivers.push(waiver.clone());
            let target = waiver.waiver.target().to_string();
            deciding.say("waiver.add", site, &[("waiver", target), ("reason", waiver.waiver.reason.clone())]);
            Ok(write(deciding, site, waivers))
        }
        WaiverCommand::Withdraw { site, check, host } => {
            let Waivers(mut waivers) = deciding.find(site.as_str())?.unwrap_or_default();
            let before = waivers.len();
            waivers.retain(|kept| kept.waiver.check != *check || kept.waiver.host != *host);
            if waivers.len() == before {
                return Err(Refused::missing("waiver", check));
            }
            let host = host.as_ref().map_or(String::new(), |host| host.as_str().to_owned());
            deciding.say("waiver.withdraw", site, &[("check", check.clone()), ("host", host)]);
            Ok(write(deciding, site, waivers))
        }
    }
}

fn write(deciding: &mut Deciding<'_>, site: &str, waivers: Vec<KeptWaiver>) -> Reply {
    deciding.put(site, &Waivers(waivers));
    Reply::Revision(deciding.changed(Topic::Waivers, site))
}
