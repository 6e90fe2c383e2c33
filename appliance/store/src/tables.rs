//! The tables and their version. The ledger's are named by [`Table`]; those below are the store's own.

use appliance_ledger::{Key, Reading, Table, Unreadable};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use crate::runs::event_place;
use crate::vault::Vault;

/// Version of the tables. A binary refuses a database with a higher one.
///
/// - 2: events and output are sealed (see `vault`).
/// - 3: the ledger's tables: users, sessions, audit and so on; `targets` and `taken_from/…` became rows of it.
pub(crate) const SCHEMA: u64 = 3;

/// `schema` → [`SCHEMA`] as decimal text; `ledger` → the ledger's id as text; `key` → what the sealing key is called.
pub(crate) const META: TableDefinition<&str, &str> = TableDefinition::new("meta");
/// Id of a bundle → `FileStamp` of the file in which every byte was found right. It tells of this machine's disk, so it
/// is no business of the ledger.
pub(crate) const VERIFIED: TableDefinition<&str, &[u8]> = TableDefinition::new("verified");
/// (run number, ledger index) → nothing: the events of one run.
pub(crate) const RUN_EVENTS: TableDefinition<(u64, u64), ()> = TableDefinition::new("run_events");
/// (run number, step, attempt, offset) → the bytes from that offset on, sealed.
pub(crate) const OUTPUT: TableDefinition<(u64, &str, u32, u64), &[u8]> = TableDefinition::new("output");
/// (run number, step, attempt) → `OutputSeal`.
pub(crate) const SEALS: TableDefinition<(u64, &str, u32), &[u8]> = TableDefinition::new("seals");

/// Site name → id of the site's target plan. Up to schema 2.
pub(crate) const OLD_TARGETS: TableDefinition<&str, &str> = TableDefinition::new("targets");

pub(crate) type Numbered<'a> = TableDefinition<'a, u64, &'static [u8]>;
pub(crate) type Texted<'a> = TableDefinition<'a, &'static str, &'static [u8]>;

pub(crate) fn numbered(table: Table) -> Numbered<'static> {
    TableDefinition::new(table.name())
}

pub(crate) fn texted(table: Table) -> Texted<'static> {
    TableDefinition::new(table.name())
}

/// The ledger's tables inside a transaction, with what is sealed open.
pub(crate) struct Rows<'a> {
    pub(crate) transaction: Transaction<'a>,
    pub(crate) vault: &'a Vault,
}

pub(crate) enum Transaction<'a> {
    Read(&'a ReadTransaction),
    Write(&'a WriteTransaction),
}

type Row = (Key, Vec<u8>);

impl Reading for Rows<'_> {
    fn get(&self, table: Table, key: &Key) -> Result<Option<Vec<u8>>, Unreadable> {
        let found = match (key, &self.transaction) {
            (Key::Number(key), Transaction::Read(transaction)) => {
                opened(table, transaction.open_table(numbered(table)), |rows| number_of(rows, *key))
            }
            (Key::Number(key), Transaction::Write(transaction)) => {
                opened(table, transaction.open_table(numbered(table)), |rows| number_of(rows, *key))
            }
            (Key::Text(key), Transaction::Read(transaction)) => {
                opened(table, transaction.open_table(texted(table)), |rows| text_of(rows, key))
            }
            (Key::Text(key), Transaction::Write(transaction)) => {
                opened(table, transaction.open_table(texted(table)), |rows| text_of(rows, key))
            }
        }?;
        found.map(|value| self.open(table, key, value)).transpose()
    }

    fn range(&self, table: Table, from: Option<&Key>, limit: usize) -> Result<Vec<Row>, Unreadable> {
        let rows = match (table.is_numbered(), &self.transaction) {
            (true, Transaction::Read(transaction)) => {
                opened(table, transaction.open_table(numbered(table)), |rows| numbers(rows, from, limit))
            }
            (true, Transaction::Write(transaction)) => {
                opened(table, transaction.open_table(numbered(table)), |rows| numbers(rows, from, limit))
            }
            (false, Transaction::Read(transaction)) => {
                opened(table, transaction.open_table(texted(table)), |rows| texts(rows, from, limit))
            }
            (false, Transaction::Write(transaction)) => {
                opened(table, transaction.open_table(texted(table)), |rows| texts(rows, from, limit))
            }
        }?;
        let rows = rows.into_iter().map(|(key, value)| {
            let value = self.open(table, &key, value)?;
            Ok((key, value))
        });
        rows.collect()
    }

    fn last(&self, table: Table) -> Result<Option<Row>, Unreadable> {
        let found = match (table.is_numbered(), &self.transaction) {
            (true, Transaction::Read(transaction)) => {
                opened(table, transaction.open_table(numbered(table)), last_number)
            }
            (true, Transaction::Write(transaction)) => {
                opened(table, transaction.open_table(numbered(table)), last_number)
            }
            (false, Transaction::Read(transaction)) => {
                opened(table, transaction.open_table(texted(table)), last_text)
            }
            (false, Transaction::Write(transaction)) => {
                opened(table, transaction.open_table(texted(table)), last_text)
            }
        }?;
        let open = |(key, value)| {
            let value = self.open(table, &key, value)?;
            Ok((key, value))
        };
        found.map(open).transpose()
    }
}

impl Rows<'_> {
    fn open(&self, table: Table, key: &Key, value: Vec<u8>) -> Result<Vec<u8>, Unreadable> {
        match (table, key) {
            (Table::Events, Key::Number(index)) => {
                let opened = self.vault.unseal(&event_place(*index), &value);
                opened.map_err(|error| unreadable(table, &error))
            }
            _ => Ok(value),
        }
    }
}

fn unreadable(table: Table, error: &dyn std::error::Error) -> Unreadable {
    Unreadable { what: format!("table {}", table.name()), why: error.to_string() }
}

fn opened<T, R>(
    table: Table,
    rows: Result<T, redb::TableError>,
    read: impl FnOnce(&T) -> Result<R, redb::StorageError>,
) -> Result<R, Unreadable> {
    let rows = rows.map_err(|error| unreadable(table, &error))?;
    read(&rows).map_err(|error| unreadable(table, &error))
}

fn number_of(
    rows: &impl ReadableTable<u64, &'static [u8]>,
    key: u64,
) -> Result<Option<Vec<u8>>, redb::StorageError> {
    Ok(rows.get(key)?.map(|value| value.value().to_vec()))
}

fn text_of(
    rows: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<Vec<u8>>, redb::StorageError> {
    Ok(rows.get(key)?.map(|value| value.value().to_vec()))
}

fn numbers(
    rows: &impl ReadableTable<u64, &'static [u8]>,
    from: Option<&Key>,
    limit: usize,
) -> Result<Vec<Row>, redb::StorageError> {
    let from = match from {
        Some(Key::Number(from)) => *from,
        Some(Key::Text(_)) | None => 0,
    };
    let rows = rows.range(from..)?.take(limit);
    rows.map(|row| row.map(|(key, value)| (Key::Number(key.value()), value.value().to_vec()))).collect()
}

fn texts(
    rows: &impl ReadableTable<&'static str, &'static [u8]>,
    from: Option<&Key>,
    limit: usize,
) -> Result<Vec<Row>, redb::StorageError> {
    let from = match from {
        Some(Key::Text(from)) => from.as_str(),
        Some(Key::Number(_)) | None => "",
    };
    let rows = rows.range(from..)?.take(limit);
    rows.map(|row| row.map(|(key, value)| (key.value().into(), value.value().to_vec()))).collect()
}

fn last_number(rows: &impl ReadableTable<u64, &'static [u8]>) -> Result<Option<Row>, redb::StorageError> {
    Ok(rows.last()?.map(|(key, value)| (Key::Number(key.value()), value.value().to_vec())))
}

fn last_text(
    rows: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Option<Row>, redb::StorageError> {
    Ok(rows.last()?.map(|(key, value)| (key.value().into(), value.value().to_vec())))
}
