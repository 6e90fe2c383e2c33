//! Uploads: a bundle that comes in chunks, over as many connections as it takes.

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::refused::Refused;
use crate::table::{Row, Table};

/// Uploads that may be open at a time: each holds room on the disk.
pub const MOST_UPLOADS: u64 = 16;

/// An upload that is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    pub id: String,
    /// The file's name on the machine that it comes from.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Bytes that are on disk for sure. The next chunk begins here.
    pub received: u64,
    /// sha256 of the whole as 64 hex digits, where the sender said it.
    pub digest: Option<String>,
    pub by: String,
    /// Unix times in milliseconds.
    pub begun_at: u64,
    pub expires_at: u64,
    pub revision: u64,
}

/// No upload is given longer: what seems to end later was begun or added to while the clock was ahead.
const LONGEST_MS: u64 = 7 * 24 * 60 * 60 * 1000;

impl Upload {
    /// Nothing was added to it for too long, as far as the clock can be believed.
    pub fn is_over(&self, at: u64) -> bool {
        at >= self.expires_at || self.expires_at > at.saturating_add(LONGEST_MS)
    }
}

impl Row for Upload {
    const TABLE: Table = Table::Uploads;
    const KIND: &'static str = "upload";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UploadCommand {
    /// `received`, `by`, `begun_at` and `revision` are the ledger's to fill.
    Begin(Upload),
    /// So many bytes are on disk. Not audited.
    Received { id: String, received: u64, expires_at: u64 },
    /// It is complete (and a bundle now), or given up.
    End { id: String },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &UploadCommand) -> Result<Reply, Refused> {
    match command {
        UploadCommand::Begin(upload) => {
            let id = upload.id.as_str();
            let open = deciding.all::<Upload>()?;
            if open.iter().any(|(_, open)| open.id == upload.id) {
                return Err(Refused::Exists { kind: Upload::KIND, id: upload.id.clone() });
            }
            if open.len() as u64 >= MOST_UPLOADS {
                return Err(Refused::TooMany { what: "uploads", limit: MOST_UPLOADS });
            }
            let revision = deciding.changed(Topic::Uploads, id);
            let (begun_at, by) = (deciding.at, deciding.actor.name());
            deciding.put(id, &Upload { received: 0, begun_at, by, revision, ..upload.clone() });
            deciding.say("upload.begin", id, &[("name", upload.name.clone())]);
            Ok(Reply::Made { id: id.to_owned(), revision })
        }
        UploadCommand::Received { id, received, expires_at } => {
            let upload: Upload = deciding.wanted(id)?;
            if *received > upload.size {
                let detail =
                    format!("{received} bytes are more than the {} that were announced", upload.size);
                return Err(Refused::Invalid { pointer: "/received", detail });
            }
            let revision = deciding.changed(Topic::Uploads, id);
            let (received, expires_at) = (*received, *expires_at);
            deciding.put(id.as_str(), &Upload { received, expires_at, revision, ..upload });
            Ok(Reply::Revision(revision))
        }
        UploadCommand::End { id } => {
            deciding.wanted::<Upload>(id)?;
            deciding.remove(Table::Uploads, id.as_str());
            deciding.removed(Topic::Uploads, id);
            deciding.say("upload.end", id, &[]);
            Ok(Reply::Done)
        }
    }
}
