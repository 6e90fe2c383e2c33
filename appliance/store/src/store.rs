//! Opening the database, and the few ways in which the other modules read and write it.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use appliance_ledger::{Actor, Refused};
use installer_model::event::RunId;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::disk::{Disk, FileDisk};
use crate::holder::Holder;
use crate::migrate;
use crate::tables::SCHEMA;
use crate::vault::{Vault, VaultError};
use crate::writings::Writings;

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
    #[error(
        "write to the store in {}: its disk is full; what it holds can be read, and writing goes on when there is room",
        .path.display()
    )]
    Full { path: PathBuf },
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

impl StoreError {
    /// Whether the disk failed, and not what was asked of it.
    fn is_of_the_disk(&self) -> bool {
        match self {
            StoreError::Full { .. } => true,
            StoreError::Database(error) => {
                matches!(**error, redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed)
            }
            // What the ledger reads, it reads from the same disk.
            StoreError::Refused(refused) => matches!(refused, Refused::Unreadable(_)),
            _ => false,
        }
    }

    /// Names a full disk as one.
    fn at(self, dir: &Path) -> StoreError {
        match &self {
            StoreError::Database(error) => match &**error {
                redb::Error::Io(error) if is_full(error) => StoreError::Full { path: dir.to_owned() },
                _ => self,
            },
            _ => self,
        }
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether a full disk is what lies behind an error, however deep.
pub fn is_of_full_disk(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let is_stores = matches!(error.downcast_ref(), Some(StoreError::Full { .. }));
        if is_stores || error.downcast_ref().is_some_and(is_full) {
            return true;
        }
        cause = error.source();
    }
    false
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
    /// `None` while the disk does not let it be opened again.
    db: RwLock<Option<Database>>,
    disk: Box<dyn Disk>,
    /// One writer at a time, also while the database is opened again.
    writer: Mutex<()>,
    pub(crate) dir: PathBuf,
    ledger: String,
    pub(crate) vault: Vault,
    /// Runs that an engine of this process performs.
    pub(crate) live: Arc<Mutex<BTreeSet<RunId>>>,
    /// Who opened it: in whose name the command line writes.
    pub(crate) opener: Actor,
    /// The last ledger index.
    pub(crate) changed: watch::Sender<u64>,
    pub(crate) writings: Writings,
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
        let disk = FileDisk { path: Store::database_path(dir) };
        Store::over(Box::new(disk), dir, holder)
    }

    /// The store on this disk, with its key and its holder's name in `dir`.
    pub(crate) fn over(disk: Box<dyn Disk>, dir: &Path, holder: &Holder) -> Result<Store, StoreError> {
        let db = match disk.open() {
            Ok(db) => db,
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                let holder = Holder::read(&Store::holder_path(dir));
                return Err(StoreError::InUse { path: dir.to_owned(), holder });
            }
            Err(error) => return Err(StoreError::from(error).at(dir)),
        };
        let (ledger, vault) = migrate::prepare(&db, dir).map_err(|error| error.at(dir))?;
        match holder.write(&Store::holder_path(dir)) {
            Ok(()) => {}
            // It only names who is in: a full disk must not keep readers out.
            Err(error) if is_full(&error) => {}
            Err(source) => return Err(StoreError::Folder { path: dir.to_owned(), source }),
        }
        let opener = Actor::Local { name: holder.user.clone() };
        let (live, changed) = (Arc::default(), watch::Sender::new(0));
        let (db, writer, dir) = (RwLock::new(Some(db)), Mutex::default(), dir.to_owned());
        let writings = Writings::default();
        let store = Store { db, disk, writer, dir, ledger, vault, live, opener, changed, writings };
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
        self.opened(|db| Ok(db.begin_read()?))
    }

    #[cfg(test)]
    pub(crate) fn writing(&self) -> Result<WriteTransaction, StoreError> {
        self.opened(|db| Ok(db.begin_write()?))
    }

    /// Writes, all or nothing, and durably if `act` does not say otherwise. A disk that fails in it costs this write alone.
    pub(crate) fn write<T>(
        &self,
        act: impl FnOnce(&mut WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write_held(act).map(|(done, _)| done)
    }

    /// As [`Store::write`], and nobody writes after it until what it gives is dropped.
    pub(crate) fn write_held<T>(
        &self,
        act: impl FnOnce(&mut WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<(T, MutexGuard<'_, ()>), StoreError> {
        let writer = self.writer.lock().expect("invariant: nothing panics while it writes");
        if !self.disk.has_room() {
            return Err(StoreError::Full { path: self.dir.clone() });
        }
        let mut transaction = self.opened(|db| Ok(db.begin_write()?))?;
        let done = match act(&mut transaction) {
            Ok(done) => transaction.commit().map(|()| done).map_err(StoreError::from),
            Err(error) => {
                drop(transaction);
                Err(error)
            }
        };
        let done = done.map_err(|error| error.at(&self.dir));
        if done.as_ref().is_err_and(StoreError::is_of_the_disk) {
            // redb takes nothing more after a failure of its disk. What was committed is there when it is opened again; if
            // that fails too, the next caller tries it.
            self.writings.count_all();
            *self.db.write().expect("invariant: nothing panics while it opens") = None;
            let _ = self.opened(|_| Ok(()));
        }
        Ok((done?, writer))
    }

    /// Does something with the database, which is opened again if it has to be.
    fn opened<T>(&self, act: impl Fn(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        const WHOLE: &str = "invariant: nothing panics while it opens";
        if let Some(db) = self.db.read().expect(WHOLE).as_ref() {
            return act(db);
        }
        let mut db = self.db.write().expect(WHOLE);
        if db.is_none() {
            *db = Some(self.disk.open().map_err(|error| StoreError::from(error).at(&self.dir))?);
        }
        act(db.as_ref().expect("invariant: it was opened above"))
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
        self.write(|transaction| {
            transaction.open_table(table)?.insert(key, json(value).as_slice())?;
            Ok(())
        })
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

pub(crate) fn parse<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Damaged { what: what.to_owned(), source })
}

pub(crate) fn parsed<T: DeserializeOwned>(what: &str, value: serde_json::Value) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|source| StoreError::Damaged { what: what.to_owned(), source })
}

#[cfg(test)]
#[path = "store_test.rs"]
mod tests;
