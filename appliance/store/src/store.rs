//! Opening the database, and the few ways in which the other modules read and write it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use appliance_ledger::{Actor, Refused};
use installer_model::event::RunId;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::holder::Holder;
use crate::migrate;
use crate::tables::SCHEMA;
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
    #[error("take the site over into {}: that state folder has runs of its own", .path.display())]
    Occupied { path: PathBuf },
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("{}", in_words(.0))]
    Refused(#[from] Refused),
    #[error("keep a copy of the database before it is brought up to date, at {}", .path.display())]
    Copy {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A refusal, fit to follow "failed to".
fn in_words(refused: &Refused) -> String {
    match refused {
        Refused::Adopt(_) | Refused::Begin(_) | Refused::Unreadable(_) => refused.to_string(),
        Refused::Ended(run) => format!("write to {run}: it has ended"),
        _ => format!("do what was asked: {refused}"),
    }
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
    /// Who opened it: in whose name the command line writes.
    pub(crate) opener: Actor,
    /// The last ledger index.
    pub(crate) changed: watch::Sender<u64>,
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
        let (ledger, vault) = migrate::prepare(&db, dir)?;
        holder.write(&Store::holder_path(dir)).map_err(folder)?;
        let opener = Actor::Local { name: holder.user.clone() };
        let (dir, live, changed) = (dir.to_owned(), Arc::default(), watch::Sender::new(0));
        let store = Store { db, dir, ledger, vault, live, opener, changed };
        store.tell(store.last_index()?);
        Ok(store)
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
}

impl Drop for Store {
    fn drop(&mut self) {
        // The database still locks others out here, so the file that goes is our own. If it stays, nothing is lost.
        let _ = fs::remove_file(Store::holder_path(&self.dir));
    }
}

pub(crate) fn random_id() -> io::Result<String> {
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

pub(crate) fn parsed<T: DeserializeOwned>(what: &str, value: serde_json::Value) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|source| StoreError::Damaged { what: what.to_owned(), source })
}

#[cfg(test)]
#[path = "store_test.rs"]
mod tests;
