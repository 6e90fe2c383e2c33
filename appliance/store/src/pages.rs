//! Reading a table without holding all of it: a page by its keys, or row by row.

use std::marker::PhantomData;
use std::ops::Bound;

use appliance_ledger::{Key, Row};
use redb::{Range, ReadableTable, ReadableTableMetadata};
use serde::Deserialize;

use crate::store::{Store, StoreError, parse};
use crate::tables::{numbered, texted};

/// In which direction keys are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// Some rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<R> {
    pub rows: Vec<R>,
    /// Rows in the whole table.
    pub total: u64,
}

impl Store {
    /// The rows behind a key in this direction, or from the first on; at most `limit`. Costs what they cost, however many there
    /// are in the table. Not for events, which are sealed.
    pub fn page<R: Row>(&self, behind: Option<&Key>, way: Way, limit: usize) -> Result<Page<R>, StoreError> {
        let transaction = self.reading()?;
        if R::TABLE.is_numbered() {
            let table = transaction.open_table(numbered(R::TABLE))?;
            let behind = match behind {
                Some(Key::Number(behind)) => Some(*behind),
                Some(Key::Text(_)) | None => None,
            };
            let rows = taken(table.range(bounds(behind, way))?, way, limit)?;
            Ok(Page { rows, total: table.len()? })
        } else {
            let table = transaction.open_table(texted(R::TABLE))?;
            let behind = match behind {
                Some(Key::Text(behind)) => Some(behind.as_str()),
                Some(Key::Number(_)) | None => None,
            };
            let rows = taken(table.range::<&str>(bounds(behind, way))?, way, limit)?;
            Ok(Page { rows, total: table.len()? })
        }
    }

    /// Whether there is a row of this key.
    pub fn has<R: Row>(&self, key: impl Into<Key>) -> Result<bool, StoreError> {
        let transaction = self.reading()?;
        Ok(match key.into() {
            Key::Number(key) => transaction.open_table(numbered(R::TABLE))?.get(key)?.is_some(),
            Key::Text(key) => transaction.open_table(texted(R::TABLE))?.get(key.as_str())?.is_some(),
        })
    }

    /// Hands over every row of a table in the order of their keys, one at a time. Not for events, which are sealed.
    pub fn each<R: Row>(
        &self,
        way: Way,
        mut take: impl FnMut(Unread<'_, R>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let transaction = self.reading()?;
        if R::TABLE.is_numbered() {
            all(transaction.open_table(numbered(R::TABLE))?.iter()?, way, |row| take(Unread::new(row)))
        } else {
            all(transaction.open_table(texted(R::TABLE))?.iter()?, way, |row| take(Unread::new(row)))
        }
    }
}

/// A row as it is stored: reading all of it costs more than reading what it is chosen by.
pub struct Unread<'a, R> {
    bytes: &'a [u8],
    row: PhantomData<R>,
}

impl<'a, R: Row> Unread<'a, R> {
    fn new(bytes: &'a [u8]) -> Unread<'a, R> {
        Unread { bytes, row: PhantomData }
    }

    pub fn read(&self) -> Result<R, StoreError> {
        parse(R::KIND, self.bytes)
    }

    /// Some of its fields, which may borrow from it.
    pub fn glance<G: Deserialize<'a>>(&self) -> Result<G, StoreError> {
        parse(R::KIND, self.bytes)
    }
}

fn all<K: redb::Key + 'static>(
    mut rows: Range<'_, K, &'static [u8]>,
    way: Way,
    mut take: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    loop {
        let row = match way {
            Way::Up => rows.next(),
            Way::Down => rows.next_back(),
        };
        let Some(row) = row else { return Ok(()) };
        take(row?.1.value())?;
    }
}

fn bounds<K>(behind: Option<K>, way: Way) -> (Bound<K>, Bound<K>) {
    match (behind, way) {
        (None, _) => (Bound::Unbounded, Bound::Unbounded),
        (Some(behind), Way::Up) => (Bound::Excluded(behind), Bound::Unbounded),
        (Some(behind), Way::Down) => (Bound::Unbounded, Bound::Excluded(behind)),
    }
}

fn taken<R: Row, K: redb::Key + 'static>(
    rows: Range<'_, K, &'static [u8]>,
    way: Way,
    limit: usize,
) -> Result<Vec<R>, StoreError> {
    let read = |row: Result<(_, redb::AccessGuard<'_, &'static [u8]>), redb::StorageError>| {
        parse(R::KIND, row?.1.value())
    };
    match way {
        Way::Up => rows.take(limit).map(read).collect(),
        Way::Down => rows.rev().take(limit).map(read).collect(),
    }
}

#[cfg(test)]
mod tests {
    use appliance_ledger::{Actor, AuditEntry, Command, Expected, SiteCommand, SiteRow};

    use super::*;
    use crate::Holder;

    fn store(sites: usize) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Holder::this_process("test", 0)).unwrap();
        for number in 0..sites {
            let name = format!("s{number}");
            let put = SiteCommand::Put { name, text: String::new(), bundle: None, expected: Expected::Any };
            store.submit(&Actor::Instance, &Command::Sites(put)).unwrap();
        }
        (dir, store)
    }

    #[test]
    fn pages_by_text_go_both_ways_and_end() {
        let (_dir, store) = store(5);
        let names = |behind: Option<&str>, way, limit| {
            let page = store.page::<SiteRow>(behind.map(Key::from).as_ref(), way, limit).unwrap();
            assert_eq!(page.total, 5);
            page.rows.into_iter().map(|row| row.name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(None, Way::Up, 2), "s0 s1");
        assert_eq!(names(Some("s1"), Way::Up, 2), "s2 s3");
        assert_eq!(names(Some("s3x"), Way::Up, 2), "s4");
        assert_eq!(names(None, Way::Down, 2), "s4 s3");
        assert_eq!(names(Some("s1"), Way::Down, 2), "s0");
        assert_eq!(names(Some("s0"), Way::Down, 2), "");
    }

    #[test]
    fn pages_by_number_go_both_ways_and_each_row_comes_once() {
        let (_dir, store) = store(12);
        let numbers = |behind: Option<u64>, way, limit| {
            let page = store.page::<AuditEntry>(behind.map(Key::from).as_ref(), way, limit).unwrap();
            assert_eq!(page.total, 12);
            page.rows.into_iter().map(|entry| entry.said.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(None, Way::Up, 2), [1, 2]);
        assert_eq!(numbers(Some(10), Way::Up, 9), [11, 12]);
        assert_eq!(numbers(Some(11), Way::Down, 3), [10, 9, 8]);
        let mut seen = Vec::new();
        let mut see = |entry: Unread<'_, AuditEntry>| {
            seen.push(entry.read()?.said.number);
            Ok(())
        };
        store.each(Way::Up, &mut see).unwrap();
        store.each(Way::Down, &mut see).unwrap();
        assert_eq!(seen, (1..=12).chain((1..=12).rev()).collect::<Vec<_>>());
    }
}
