//! The one way in which control-plane state is written: a command, decided by the ledger, in one transaction.

use std::time::{SystemTime, UNIX_EPOCH};

use appliance_ledger::{
    Actor, Change, Command, Decided, Key, Keyed, Reading, Refused, Reply, Row, Sealed, Table, decide,
};
use installer_model::event::Record;
use redb::WriteTransaction;
use zeroize::Zeroizing;

use crate::runs::{event_place, number};
use crate::store::{Store, StoreError, parse};
use crate::tables::{RUN_EVENTS, Rows, Transaction, numbered, texted};

/// A command that was carried out, and is on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Whoever watches has seen all of it once they have seen this index.
    pub index: u64,
    pub reply: Reply,
    /// It was carried out before, under the same idempotency key.
    pub repeated: bool,
}

impl From<Decided> for Committed {
    fn from(Decided { index, reply, repeated, .. }: Decided) -> Committed {
        Committed { index, reply, repeated }
    }
}

impl Store {
    /// Carries a command out. When this returns, the disk has it; when it is refused, nothing has changed. Blocks for one
    /// sync of the disk, and for the commands before it.
    pub fn submit(&self, actor: &Actor, command: &Command) -> Result<Committed, StoreError> {
        self.submit_at(now_ms(), actor, command)
    }

    /// As [`Store::submit`], at another time than now: Unix time in milliseconds.
    pub fn submit_at(&self, at: u64, actor: &Actor, command: &Command) -> Result<Committed, StoreError> {
        let decided = self.write(|transaction| {
            let decided = decide(&self.rows_of(Transaction::Write(transaction)), at, actor, command)?;
            self.apply(transaction, &decided.changes)?;
            Ok(decided)
        })?;
        self.writings.count(&decided.changes);
        self.tell(decided.index);
        Ok(decided.into())
    }

    /// What [`Store::submit`] would answer now. Nothing is written.
    pub fn dry_run(&self, actor: &Actor, command: &Command) -> Result<Committed, StoreError> {
        let transaction = self.reading()?;
        let decided = decide(&self.rows_of(Transaction::Read(&transaction)), now_ms(), actor, command)?;
        Ok(decided.into())
    }

    /// Refuses while the wait of too many wrong guesses lasts: see [`appliance_ledger::may_guess`].
    pub fn may_guess(&self, name: Option<&str>, address: &str) -> Result<(), StoreError> {
        let transaction = self.reading()?;
        let rows = self.rows_of(Transaction::Read(&transaction));
        Ok(appliance_ledger::may_guess(&rows, now_ms(), name, address)?)
    }

    /// What was answered to a request under this idempotency key before.
    pub fn answered(&self, actor: &Actor, keyed: &Keyed) -> Result<Option<Reply>, StoreError> {
        let transaction = self.reading()?;
        let rows = self.rows_of(Transaction::Read(&transaction));
        Ok(appliance_ledger::answered(&rows, now_ms(), actor, keyed)?)
    }

    /// Tells a request from others by the digest of it, which itself is not to be kept: a request may hold a password.
    pub fn mark(&self, digest: &[u8; 32]) -> String {
        self.vault.mark(digest)
    }

    /// As [`Store::submit`], in the name of whoever opened the store.
    pub(crate) fn submit_own(&self, command: &Command) -> Result<Committed, StoreError> {
        self.submit_at(now_ms(), &self.opener, command)
    }

    /// One row by its key.
    pub fn row<R: Row>(&self, key: impl Into<Key>) -> Result<Option<R>, StoreError> {
        let (key, transaction) = (key.into(), self.reading()?);
        let row = self.rows_of(Transaction::Read(&transaction)).get(R::TABLE, &key).map_err(Refused::from)?;
        row.map(|row| parse(&described::<R>(&key), &row)).transpose()
    }

    /// Rows in the order of their keys, from `from` on (or the first), at most `limit`.
    pub fn rows<R: Row>(&self, from: Option<&Key>, limit: usize) -> Result<Vec<(Key, R)>, StoreError> {
        let transaction = self.reading()?;
        let rows = self.rows_of(Transaction::Read(&transaction)).range(R::TABLE, from, limit);
        let rows = rows.map_err(Refused::from)?.into_iter().map(|(key, row)| {
            let row = parse(&described::<R>(&key), &row)?;
            Ok((key, row))
        });
        rows.collect()
    }

    /// The row with the highest key.
    pub fn last_row<R: Row>(&self) -> Result<Option<(Key, R)>, StoreError> {
        let transaction = self.reading()?;
        let row = self.rows_of(Transaction::Read(&transaction)).last(R::TABLE).map_err(Refused::from)?;
        let Some((key, row)) = row else { return Ok(None) };
        let row = parse(&described::<R>(&key), &row)?;
        Ok(Some((key, row)))
    }

    /// Seals a secret for the place of this name, for a command to carry.
    pub fn seal(&self, name: &str, secret: &[u8]) -> Result<Sealed, StoreError> {
        Ok(Sealed(self.vault.seal(&secret_place(name), secret)?))
    }

    /// Opens the secret of this name.
    pub fn secret(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let Some(Sealed(sealed)) = self.row(name)? else { return Ok(None) };
        Ok(Some(Zeroizing::new(self.vault.unseal(&secret_place(name), &sealed)?)))
    }

    pub(crate) fn rows_of<'a>(&'a self, transaction: Transaction<'a>) -> Rows<'a> {
        Rows { transaction, vault: &self.vault }
    }

    /// Makes changes in a transaction. Events are sealed on the way, and listed under their run.
    pub(crate) fn apply(&self, transaction: &WriteTransaction, changes: &[Change]) -> Result<(), StoreError> {
        for change in changes {
            match change {
                Change::Put { table: Table::Events, key: Key::Number(index), value } => {
                    let record: Record = parse("event", value)?;
                    let sealed = self.vault.seal(&event_place(*index), value)?;
                    transaction.open_table(numbered(Table::Events))?.insert(index, sealed.as_slice())?;
                    transaction.open_table(RUN_EVENTS)?.insert((number(&record.run)?, *index), ())?;
                }
                Change::Put { table, key: Key::Number(key), value } => {
                    transaction.open_table(numbered(*table))?.insert(key, value.as_slice())?;
                }
                Change::Put { table, key: Key::Text(key), value } => {
                    transaction.open_table(texted(*table))?.insert(key.as_str(), value.as_slice())?;
                }
                Change::Remove { table, key: Key::Number(key) } => {
                    transaction.open_table(numbered(*table))?.remove(key)?;
                }
                Change::Remove { table, key: Key::Text(key) } => {
                    transaction.open_table(texted(*table))?.remove(key.as_str())?;
                }
            }
        }
        Ok(())
    }
}

fn described<R: Row>(key: &Key) -> String {
    match key {
        Key::Text(text) => format!("{} {text}", R::KIND),
        Key::Number(number) => format!("{} {number}", R::KIND),
    }
}

/// Where a secret is sealed to.
fn secret_place(name: &str) -> String {
    format!("secret {name}")
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "submit_test.rs"]
mod tests;
