//! What watchers read: events of runs and changes of resources, in one sequence.

use std::collections::BTreeSet;

use appliance_ledger::audit::{Broken, Verifier};
use appliance_ledger::{AuditEntry, AuditHead, Key, Notice, ONLY, Reading, Refused, Table, Topic};
use installer_model::event::Record;
use tokio::sync::watch;

use crate::runs::event_place;
use crate::store::{Store, StoreError, parse};
use crate::tables::{Transaction, numbered};

/// Something that happened, by its ledger index.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedItem {
    /// In a run.
    Event(Record),
    /// To a resource.
    Change { index: u64, notice: Notice },
}

impl FeedItem {
    pub fn index(&self) -> u64 {
        match self {
            FeedItem::Event(record) => record.index,
            FeedItem::Change { index, .. } => *index,
        }
    }

    pub fn topic(&self) -> Topic {
        match self {
            FeedItem::Event(_) => Topic::Events,
            FeedItem::Change { notice, .. } => notice.topic,
        }
    }
}

/// A piece of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fed {
    pub items: Vec<FeedItem>,
    /// Everything up to this index was looked at: where the next piece goes on after.
    pub upto: u64,
}

/// Rows that are looked at in one piece, also when most of them are of other topics.
const PIECE: usize = 1024;

impl Store {
    /// As [`Store::feed_piece`], of any size.
    pub fn feed(&self, after: u64, topics: &BTreeSet<Topic>, limit: usize) -> Result<Fed, StoreError> {
        self.feed_piece(after, topics, limit, usize::MAX)
    }

    /// What came after this index, in order: at most `limit` items of these topics, and no further one when those before it
    /// have `bytes` as they are stored. `upto` is the index to go on after, also when nothing of these topics came. Looks at
    /// some thousand rows at most, one at a time, and says by `upto` < the last index that there is more.
    pub fn feed_piece(
        &self,
        after: u64,
        topics: &BTreeSet<Topic>,
        limit: usize,
        bytes: usize,
    ) -> Result<Fed, StoreError> {
        let transaction = self.reading()?;
        let rows = self.rows_of(Transaction::Read(&transaction));
        let last = appliance_ledger::last_index(&rows).map_err(Refused::from)?;
        let events = transaction.open_table(numbered(Table::Events))?;
        let notices = transaction.open_table(numbered(Table::Feed))?;
        let from = after.saturating_add(1);
        // Events are all of one topic, and sealed: they are opened only when they are wanted.
        let first_event = if topics.contains(&Topic::Events) { from } else { u64::MAX };
        let (mut events, mut notices) = (events.range(first_event..)?, notices.range(from..)?);
        let (mut event, mut notice) = (events.next().transpose()?, notices.next().transpose()?);
        let mut fed = Fed { items: Vec::new(), upto: after };
        let mut read = 0;
        for _ in 0..PIECE {
            if fed.items.len() >= limit || read >= bytes {
                return Ok(fed);
            }
            let indices = (event.as_ref().map(|row| row.0.value()), notice.as_ref().map(|row| row.0.value()));
            let is_event = match indices {
                (None, None) => return Ok(Fed { upto: last.max(after), ..fed }),
                (Some(event), Some(notice)) => event < notice,
                (event, None) => event.is_some(),
                (None, Some(_)) => false,
            };
            let row = if is_event {
                std::mem::replace(&mut event, events.next().transpose()?)
            } else {
                std::mem::replace(&mut notice, notices.next().transpose()?)
            };
            let (index, row) = row.expect("invariant: one of both has an index");
            let (index, row) = (index.value(), row.value());
            let item = if is_event {
                let record = self.vault.unseal(&event_place(index), row)?;
                FeedItem::Event(parse(&format!("event {index}"), &record)?)
            } else {
                FeedItem::Change { index, notice: parse(&format!("change {index}"), row)? }
            };
            fed.upto = index;
            if topics.contains(&item.topic()) {
                read += row.len();
                fed.items.push(item);
            }
        }
        Ok(fed)
    }

    /// The last ledger index, now and whenever it grows.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The last ledger index.
    pub fn last_index(&self) -> Result<u64, StoreError> {
        let transaction = self.reading()?;
        let rows = self.rows_of(Transaction::Read(&transaction));
        Ok(appliance_ledger::last_index(&rows).map_err(Refused::from)?)
    }

    pub(crate) fn tell(&self, index: u64) {
        self.changed.send_if_modified(|last| {
            let grew = index > *last;
            *last = index.max(*last);
            grew
        });
    }

    /// Follows the audit's chain from its beginning. Gives the number of entries, or the first that is broken.
    pub fn verify_audit(&self) -> Result<Result<u64, Broken>, StoreError> {
        let transaction = self.reading()?;
        let rows = self.rows_of(Transaction::Read(&transaction));
        let mut verifier = Verifier::default();
        let mut from = Key::Number(0);
        loop {
            let piece = rows.range(Table::Audit, Some(&from), PIECE).map_err(Refused::from)?;
            for (key, row) in &piece {
                let entry: AuditEntry = parse(&format!("audit entry {}", number_of(key)), row)?;
                if let Err(broken) = verifier.next(&entry) {
                    return Ok(Err(broken));
                }
                from = Key::Number(number_of(key) + 1);
            }
            if piece.len() < PIECE {
                break;
            }
        }
        let head = rows.get(Table::AuditHead, &ONLY.into()).map_err(Refused::from)?;
        let head: Option<AuditHead> = head.map(|head| parse("head of the audit", &head)).transpose()?;
        Ok(verifier.end(&head.unwrap_or_default()))
    }
}

fn number_of(key: &Key) -> u64 {
    match key {
        Key::Number(number) => *number,
        Key::Text(_) => 0,
    }
}
