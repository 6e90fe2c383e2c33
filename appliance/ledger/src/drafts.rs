//! Drafts: a site that somebody is still writing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::{Expected, Refused};
use crate::sites::SITE_LIMIT;
use crate::table::{Row, Table, encoded};

/// A draft, by the name of its site. Nothing in it need be right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    pub site: String,
    /// What the writer wants kept: the text of a site, the page of a wizard.
    pub content: Value,
    /// Unix time in milliseconds.
    pub changed_at: u64,
    pub by: String,
    pub revision: u64,
}

impl Row for Draft {
    const TABLE: Table = Table::Drafts;
    const KIND: &'static str = "draft";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DraftCommand {
    Put { site: String, content: Value, expected: Expected },
    Remove { site: String, expected: Expected },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &DraftCommand) -> Result<Reply, Refused> {
    match command {
        DraftCommand::Put { site, content, expected } => {
            let before: Option<Draft> = deciding.find(site.as_str())?;
            expected.check(Draft::KIND, site, before.map(|draft| draft.revision))?;
            if encoded(content).len() > SITE_LIMIT {
                let detail = format!("a draft has at most {SITE_LIMIT} bytes");
                return Err(Refused::Invalid { pointer: "/content", detail });
            }
            let revision = deciding.changed(Topic::Drafts, site);
            let draft = Draft {
                site: site.clone(),
                content: content.clone(),
                changed_at: deciding.at,
                by: deciding.actor.name(),
                revision,
            };
            deciding.put(site.as_str(), &draft);
            deciding.say("draft.put", site, &[]);
            Ok(Reply::Revision(revision))
        }
        DraftCommand::Remove { site, expected } => {
            let draft: Draft = deciding.wanted(site)?;
            expected.check(Draft::KIND, site, Some(draft.revision))?;
            deciding.remove(Table::Drafts, site.as_str());
            deciding.removed(Topic::Drafts, site);
            deciding.say("draft.remove", site, &[]);
            Ok(Reply::Done)
        }
    }
}
