//! What is now, as the rules see it.

use std::collections::BTreeMap;

use crate::table::{Change, Key, Table};

/// A row could not be read, or is not what its table says: the database's fault, never the caller's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {what}: {why}")]
pub struct Unreadable {
    pub what: String,
    pub why: String,
}

/// The tables at one moment. The store answers from a transaction, a unit test from memory.
pub trait Reading {
    fn get(&self, table: Table, key: &Key) -> Result<Option<Vec<u8>>, Unreadable>;

    /// Rows in the order of their keys: from `from` on (or from the first), at most `limit`.
    fn range(
        &self,
        table: Table,
        from: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, Unreadable>;

    /// The row with the highest key.
    fn last(&self, table: Table) -> Result<Option<(Key, Vec<u8>)>, Unreadable>;
}

/// Tables in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    rows: BTreeMap<(Table, Key), Vec<u8>>,
}

impl Memory {
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Put { table, key, value } => {
                    self.rows.insert((*table, key.clone()), value.clone());
                }
                Change::Remove { table, key } => {
                    self.rows.remove(&(*table, key.clone()));
                }
            }
        }
    }

    fn of(&self, table: Table) -> impl DoubleEndedIterator<Item = (&Key, &Vec<u8>)> {
        let (first, end) = ((table, Key::Text(String::new())), (table, Key::Number(u64::MAX)));
        self.rows.range(first..=end).map(|((_, key), value)| (key, value))
    }
}

impl Reading for Memory {
    fn get(&self, table: Table, key: &Key) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(self.rows.get(&(table, key.clone())).cloned())
    }

    fn range(
        &self,
        table: Table,
        from: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, Unreadable> {
        let rows = self.of(table).filter(|(key, _)| from.is_none_or(|from| *key >= from));
        Ok(rows.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn last(&self, table: Table) -> Result<Option<(Key, Vec<u8>)>, Unreadable> {
        Ok(self.of(table).next_back().map(|(key, value)| (key.clone(), value.clone())))
    }
}
