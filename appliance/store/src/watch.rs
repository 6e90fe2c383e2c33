//! What watchers read: events of runs and changes of resources, in one sequence.

use std::collections::BTreeSet;

use appliance_ledger::audit::{Broken, Verifier};
use appliance_ledger::{AuditEntry, AuditHead, Key, Notice, ONLY, Reading, Refused, Table, Topic};
use installer_model::event::Record;
use tokio::sync::watch;

use crate::store::{Store, StoreError, parse};
use crate::tables::Transaction;

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

/// Rows that are read at a time when most of them are of other topics.
const PIECE: usize = 1024;

impl Store {
    /// What came after this index, in order: at most `limit` items of these topics. `upto` is the index to go on after,
    /// also when nothing of these topics came. Looks at some thousand rows at most, and says by `upto` < the last index
    /// that there is more.
    pub fn feed(&self, after: u64, topics: &BTreeSet<Topic>, limit: usize) -> Result<Fed, StoreError> {
        let transaction = self.reading()?;
        let rows = self.rows_of(Transaction::Read(&transaction));
        let last = appliance_ledger::last_index(&rows).map_err(Refused::from)?;
        let from = Key::Number(after.saturating_add(1));
        let read = |table, most| rows.range(table, Some(&from), most).map_err(Refused::from);
        // Events are all of one topic: more than are wanted would be unsealed for nothing.
        let most_events = limit.saturating_add(1).min(PIECE);
        let wants_events = topics.contains(&Topic::Events);
        let events = if wants_events { read(Table::Events, most_events)? } else { Vec::new() };
        let notices = read(Table::Feed, PIECE)?;
        // Past the end of a piece that was cut, the other table may be ahead of it.
        let end = |rows: &[(Key, Vec<u8>)], most| match rows.last() {
            Some((Key::Number(index), _)) if rows.len() == most => *index,
            _ => last,
        };
        let mut upto = end(&events, most_events).min(end(&notices, PIECE));
        let mut items = Vec::new();
        for (key, row) in events {
            let index = number_of(&key);
            items.push(FeedItem::Event(parse(&format!("event {index}"), &row)?));
        }
        for (key, row) in notices {
            let index = number_of(&key);
            items.push(FeedItem::Change { index, notice: parse(&format!("change {index}"), &row)? });
        }
        items.retain(|item| item.index() <= upto && topics.contains(&item.topic()));
        items.sort_by_key(FeedItem::index);
        if items.len() > limit {
            items.truncate(limit);
            upto = items.last().map_or(after, FeedItem::index);
        }
        Ok(Fed { items, upto: upto.max(after) })
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
