//! A decision in the making: what is read, what changes, what is told and written down.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::actor::Actor;
use crate::audit::{AuditHead, Said};
use crate::feed::{Became, Notice, Topic};
use crate::reading::{Reading, Unreadable};
use crate::refused::Refused;
use crate::table::{Change, Key, Row, Table, encoded};

/// The key of the only row of tables that have one: settings, setup code, head of the audit.
pub const ONLY: &str = "only";

pub(crate) struct Deciding<'a> {
    now: &'a dyn Reading,
    pub(crate) at: u64,
    pub(crate) actor: &'a Actor,
    /// The highest index that was given out.
    index: u64,
    changes: Vec<Change>,
    said: Option<(String, String, BTreeMap<String, String>)>,
}

impl<'a> Deciding<'a> {
    pub(crate) fn new(now: &'a dyn Reading, at: u64, actor: &'a Actor) -> Result<Deciding<'a>, Refused> {
        let index = last_index(now)?;
        Ok(Deciding { now, at, actor, index, changes: Vec::new(), said: None })
    }

    pub(crate) fn find<R: Row>(&self, key: impl Into<Key>) -> Result<Option<R>, Refused> {
        let key = key.into();
        let row = self.now.get(R::TABLE, &key)?;
        Ok(row.map(|row| decoded(R::KIND, &key, &row)).transpose()?)
    }

    /// As [`Deciding::find`], and refuses when there is none.
    pub(crate) fn wanted<R: Row>(&self, key: &str) -> Result<R, Refused> {
        self.find(key)?.ok_or_else(|| Refused::missing(R::KIND, key))
    }

    pub(crate) fn all<R: Row>(&self) -> Result<Vec<(Key, R)>, Refused> {
        let rows = self.now.range(R::TABLE, None, usize::MAX)?;
        let rows = rows.into_iter().map(|(key, row)| {
            let row = decoded(R::KIND, &key, &row)?;
            Ok((key, row))
        });
        rows.collect::<Result<_, Unreadable>>().map_err(Refused::from)
    }

    /// Keys of a table that begin with these letters.
    pub(crate) fn keys_under(&self, table: Table, prefix: &str) -> Result<Vec<String>, Refused> {
        let rows = self.now.range(table, Some(&prefix.into()), usize::MAX)?;
        let keys = rows.into_iter().filter_map(|(key, _)| match key {
            Key::Text(key) => Some(key),
            Key::Number(_) => None,
        });
        Ok(keys.take_while(|key| key.starts_with(prefix)).collect())
    }

    /// The highest key of a table that counts; 0 when it is empty.
    pub(crate) fn last_number(&self, table: Table) -> Result<u64, Refused> {
        Ok(last_number(self.now, table)?)
    }

    pub(crate) fn put<R: Row>(&mut self, key: impl Into<Key>, row: &R) {
        self.changes.push(Change::Put { table: R::TABLE, key: key.into(), value: encoded(row) });
    }

    pub(crate) fn remove(&mut self, table: Table, key: impl Into<Key>) {
        self.changes.push(Change::Remove { table, key: key.into() });
    }

    /// The next ledger index.
    pub(crate) fn next(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// The next ledger index that is not below `least`: what another ledger counted keeps its numbers where it can.
    pub(crate) fn next_from(&mut self, least: u64) -> u64 {
        self.index = least.max(self.index + 1);
        self.index
    }

    /// Tells that a resource is new or other than before. Gives its revision.
    pub(crate) fn changed(&mut self, topic: Topic, id: &str) -> u64 {
        self.tell(topic, id, Became::Changed)
    }

    /// Tells that a resource is gone.
    pub(crate) fn removed(&mut self, topic: Topic, id: &str) {
        self.tell(topic, id, Became::Removed);
    }

    fn tell(&mut self, topic: Topic, id: &str, became: Became) -> u64 {
        let index = self.next();
        self.put(index, &Notice { topic, id: id.to_owned(), became, at: self.at });
        index
    }

    /// What the audit says of this command: once, at its end.
    pub(crate) fn say(&mut self, action: &str, id: &str, detail: &[(&str, String)]) {
        let detail = detail.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        self.said = Some((action.to_owned(), id.to_owned(), detail));
    }

    /// Changes and the highest index, with the entry of the audit.
    pub(crate) fn end(mut self) -> Result<(Vec<Change>, u64), Refused> {
        if let Some((action, id, detail)) = self.said.take() {
            let head: AuditHead = self.find(ONLY)?.unwrap_or_default();
            let number = head.number + 1;
            let index = self.tell(Topic::Audit, &number.to_string(), Became::Changed);
            let (actor, via) = (self.actor.name(), self.actor.via());
            let said = Said { action, actor, at: self.at, detail, id, index, number, via };
            let (entry, head) = head.followed_by(said);
            self.put(number, &entry);
            self.put(ONLY, &head);
        }
        Ok((self.changes, self.index))
    }
}

/// The last ledger index that was given out: of an event or of a change.
pub fn last_index(now: &dyn Reading) -> Result<u64, Unreadable> {
    Ok(last_number(now, Table::Feed)?.max(last_number(now, Table::Events)?))
}

fn last_number(now: &dyn Reading, table: Table) -> Result<u64, Unreadable> {
    match now.last(table)? {
        Some((Key::Number(number), _)) => Ok(number),
        Some((Key::Text(_), _)) | None => Ok(0),
    }
}

pub(crate) fn decoded<T: DeserializeOwned>(kind: &str, key: &Key, row: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(row).map_err(|error| {
        let name = match key {
            Key::Text(text) => text.clone(),
            Key::Number(number) => number.to_string(),
        };
        Unreadable { what: format!("{kind} {name}"), why: error.to_string() }
    })
}
