//! Opening the database, and the few ways in which the other modules read and write it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use installer_model::event::RunId;
use redb::{
    Database, DatabaseError, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::holder::Holder;
use crate::rules::{AdoptRefused, BeginRefused};
use crate::tables::{self, META, SCHEMA};
use crate::vault::{Vault, VaultError};

/// Memory for cached pages. The whole database of a site of 150 hosts is some tens of MiB.
const CACHE_BYTES: usize = 16 << 20;
/// Between two tries to open a store that another process has open.
const OPEN_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("open the state directory {}", .path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("open the store in {}: {} has it open", .path.display(), holder_or_another(.holder))]
    InUse { path: PathBuf, holder: Option<Holder> },
    #[error("open the store: its schema is {found}, this version knows {SCHEMA} and older")]
    Newer { found: u64 },
    #[error("use the store")]
    Database(#[source] Box<redb::Error>),
    #[error("read {what} from the store")]
    Damaged {
        what: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("find {0} in the store")]
    Missing(String),
    #[error("write to {0}: it has ended")]
    Ended(RunId),
    #[error("take the site over into {}: that state folder has runs of its own", .path.display())]
    Occupied { path: PathBuf },
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Adopt(#[from] AdoptRefused),
    #[error(transparent)]
    Begin(#[from] BeginRefused),
}

fn holder_or_another(holder: &Option<Holder>) -> String {
    holder.as_ref().map_or("another process".to_owned(), Holder::to_string)
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> StoreError {
                StoreError::Database(Box::new(error.into()))
            }
        }
    )*};
}
from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError, SetDurabilityError);

/// The database of one instance. Every call is synchronous; a call that writes returns when the disk has it, unless
/// it says otherwise.
pub struct Store {
    db: Database,
    pub(crate) dir: PathBuf,
    ledger: String,
    pub(crate) vault: Vault,
    /// Runs that an engine of this process performs.
    pub(crate) live: Arc<Mutex<BTreeSet<RunId>>>,
}

impl Store {
    /// The database in this folder.
    pub fn database_path(dir: &Path) -> PathBuf {
        dir.join("armilla.redb")
    }

    /// The key that opens what the database in this folder has sealed.
    pub fn key_path(dir: &Path) -> PathBuf {
        Vault::path(dir)
    }

    fn holder_path(dir: &Path) -> PathBuf {
        dir.join("armilla.holder")
    }

    /// Opens or makes the store in `dir`; the folder is made with mode 0700, the files with 0600.
    pub fn open(dir: &Path, holder: &Holder) -> Result<Store, StoreError> {
        let folder = |source| StoreError::Folder { path: dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(folder)?;
        let path = Store::database_path(dir);
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(folder)?;
        let db = match Database::builder().set_cache_size(CACHE_BYTES).create_file(file) {
            Ok(db) => db,
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                let holder = Holder::read(&Store::holder_path(dir));
                return Err(StoreError::InUse { path: dir.to_owned(), holder });
            }
            Err(error) => return Err(error.into()),
        };
        let (ledger, vault) = prepare(&db, dir)?;
        holder.write(&Store::holder_path(dir)).map_err(folder)?;
        Ok(Store { db, dir: dir.to_owned(), ledger, vault, live: Arc::default() })
    }

    /// As [`Store::open`], but waits as long as `patience` for another process to close it: a verb that only reads has
    /// it open for a moment. Blocks.
    pub fn open_within(dir: &Path, holder: &Holder, patience: Duration) -> Result<Store, StoreError> {
        let mut waited = Duration::ZERO;
        loop {
            match Store::open(dir, holder) {
                Err(StoreError::InUse { .. }) if waited < patience => {
                    std::thread::sleep(OPEN_PAUSE);
                    waited += OPEN_PAUSE;
                }
                opened => return opened,
            }
        }
    }

    /// Who has the store in `dir` open, as far as it is written down. Only a failed [`Store::open`] makes it true.
    pub fn holder(dir: &Path) -> Option<Holder> {
        Holder::read(&Store::holder_path(dir))
    }

    /// The id of this ledger, drawn when the database was made: hosts keep it as their owner.
    pub fn ledger(&self) -> &str {
        &self.ledger
    }

    pub(crate) fn reading(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.db.begin_read()?)
    }

    pub(crate) fn writing(&self) -> Result<WriteTransaction, StoreError> {
        Ok(self.db.begin_write()?)
    }

    /// One JSON value by key.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        table: TableDefinition<&str, &[u8]>,
        key: &str,
    ) -> Result<Option<T>, StoreError> {
        let table = self.reading()?.open_table(table)?;
        let value = table.get(key)?;
        value.map(|value| parse(key, value.value())).transpose()
    }

    /// Writes one JSON value.
    pub(crate) fn put<T: Serialize>(
        &self,
        table: TableDefinition<&str, &[u8]>,
        key: &str,
        value: &T,
    ) -> Result<(), StoreError> {
        let transaction = self.writing()?;
        transaction.open_table(table)?.insert(key, json(value).as_slice())?;
        Ok(transaction.commit()?)
    }

    pub(crate) fn remove(&self, table: TableDefinition<&str, &[u8]>, key: &str) -> Result<(), StoreError> {
        let transaction = self.writing()?;
        transaction.open_table(table)?.remove(key)?;
        Ok(transaction.commit()?)
    }

    /// Every key of a table with its JSON value.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        table: TableDefinition<&str, &[u8]>,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let table = self.reading()?.open_table(table)?;
        let mut all = Vec::new();
        for row in table.iter()? {
            let (key, value) = row?;
            all.push((key.value().to_owned(), parse(key.value(), value.value())?));
        }
        Ok(all)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The database still locks others out here, so the file that goes is our own. If it stays, nothing is lost.
        let _ = fs::remove_file(Store::holder_path(&self.dir));
    }
}

/// Makes the tables of a new database, seals what an older one has open, refuses a newer one; the ledger's id and the
/// key.
fn prepare(db: &Database, dir: &Path) -> Result<(String, Vault), StoreError> {
    let found = meta(db, "schema")?.map(|text| text.parse().unwrap_or(u64::MAX));
    if let Some(found) = found.filter(|found| *found > SCHEMA) {
        return Err(StoreError::Newer { found });
    }
    let vault = match meta(db, "key")? {
        Some(id) => Vault::open(dir, &id)?,
        None => Vault::open_or_make(dir)?,
    };
    let transaction = db.begin_write()?;
    create(&transaction, tables::SITES)?;
    create(&transaction, tables::HOST_KEYS)?;
    create(&transaction, tables::BUNDLE_KEYS)?;
    create(&transaction, tables::VERIFIED)?;
    create(&transaction, tables::BASES)?;
    create(&transaction, tables::ADDONS)?;
    create(&transaction, tables::PLANS)?;
    create(&transaction, tables::CHECKS)?;
    create(&transaction, tables::WAIVERS)?;
    create(&transaction, tables::RUNS)?;
    create(&transaction, tables::EVENTS)?;
    create(&transaction, tables::SEALS)?;
    transaction.open_table(tables::TARGETS)?;
    transaction.open_table(tables::RUN_EVENTS)?;
    create(&transaction, tables::OUTPUT)?;
    if found == Some(1) {
        crate::runs::seal_all(&transaction, &vault)?;
        crate::output::seal_all(&transaction, &vault)?;
    }
    let ledger = {
        let mut meta = transaction.open_table(META)?;
        meta.insert("schema", SCHEMA.to_string().as_str())?;
        meta.insert("key", vault.id())?;
        let known = meta.get("ledger")?.map(|id| id.value().to_owned());
        match known {
            Some(id) => id,
            None => {
                let id = random_id()
                    .map_err(|source| StoreError::Folder { path: "/dev/urandom".into(), source })?;
                meta.insert("ledger", id.as_str())?;
                id
            }
        }
    };
    transaction.commit()?;
    Ok((ledger, vault))
}

fn create<K: Key + 'static>(
    transaction: &WriteTransaction,
    table: TableDefinition<K, &[u8]>,
) -> Result<(), StoreError> {
    transaction.open_table(table)?;
    Ok(())
}

/// A word about the database itself; `None` in a new one. Text that is no number was not written by any version up to
/// this one.
fn meta(db: &Database, key: &str) -> Result<Option<String>, StoreError> {
    let meta = match db.begin_read()?.open_table(META) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        meta => meta?,
    };
    Ok(meta.get(key)?.map(|text| text.value().to_owned()))
}

fn random_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(crate) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("invariant: what is stored has text keys and no fallible serializer")
}

pub(crate) fn parse<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Damaged { what: what.to_owned(), source })
}

#[cfg(test)]
#[path = "store_test.rs"]
mod tests;
