//! The whole instance in one file, and back.
//!
//! ```text
//!  armilla-backup 1\n
//!  <JSON of About>\n
//!  <the database, compressed with zstd>
//!  <sha256 of everything before it, 32 bytes>
//! ```
//!
//! **The key.** What is secret in the database is sealed, and a backup that lies on another disk must not open it: the key is
//! not in the backup. Only a key that a passphrase protects goes with it, wrapped as it is.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::holder::Holder;
use crate::passphrase::wrapped_text;
use crate::store::{Store, StoreError, is_full, random_id};
use crate::tables::{META, SCHEMA};
use crate::vault::{Vault, VaultError, write_text};

const MAGIC: &str = "armilla-backup 1\n";
/// The longest first part of a backup that is read, in bytes.
const ABOUT_LIMIT: u64 = 64 << 10;
const DIGEST: usize = 32;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The ledger's id.
    pub ledger: String,
    /// Version of its tables.
    pub schema: u64,
    /// What its key is called.
    pub key: String,
    /// The key, where a passphrase protects it.
    pub wrapped_key: Option<String>,
    /// Unix time in milliseconds.
    pub written_at: u64,
    /// Who wrote it.
    pub by: Holder,
    /// The last ledger index.
    pub index: u64,
}

/// Why there is no backup, or nothing was restored. Each completes "failed to".
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("write the backup")]
    Write(#[source] io::Error),
    #[error("read {}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("restore {}: it is no backup of an instance", .path.display())]
    NotABackup { path: PathBuf },
    #[error("restore {}: it is damaged or cut off: its digest is not that of its bytes", .path.display())]
    Damaged { path: PathBuf },
    #[error("restore: the backup has schema {found}, this version knows {SCHEMA} and older")]
    Newer { found: u64 },
    #[error("restore into {}: {} has it open", .path.display(), .holder)]
    InUse { path: PathBuf, holder: Box<Holder> },
    #[error("restore into {}: that folder has a database; name a new one", .path.display())]
    Occupied { path: PathBuf },
    #[error(
        "restore into {}: the database is sealed under key {wanted}, which the backup does not hold; give the armilla.key that lay \
         beside it",
        .path.display()
    )]
    NoKey { path: PathBuf, wanted: String },
    #[error("restore into {}: {} is key {found}, and the database is sealed under key {wanted}", .path.display(), .key.display())]
    WrongKey { path: PathBuf, key: PathBuf, found: String, wanted: String },
    #[error("restore into {}", .path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Counts what passes into the digest.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The whole instance at one moment, to be written as slowly as whoever takes it likes.
#[derive(Debug)]
pub struct Snapshot {
    about: About,
    database: fs::File,
}

impl Snapshot {
    pub fn write(mut self, out: &mut dyn Write) -> Result<About, BackupError> {
        pack(&self.about, &mut self.database, out).map_err(BackupError::Write)?;
        Ok(self.about)
    }
}

impl Store {
    /// Writes the whole instance as it is now. Whoever wants to write waits meanwhile; readers do not.
    pub fn backup(&self, by: &Holder, at: u64, out: &mut dyn Write) -> Result<About, BackupError> {
        // Output of steps may still be in memory: a commit brings it to disk, and nothing comes after it while we read.
        let _writer = self.write_held(|_| Ok(()))?;
        let about = self.about(by, at)?;
        pack(&about, &mut self.database_file()?, out).map_err(BackupError::Write)?;
        Ok(about)
    }

    /// A copy of the database as it is now, which has no name and is gone with its last reader. Whoever wants to write waits for
    /// the disk alone, and not for whoever takes the backup.
    pub fn snapshot(&self, by: &Holder, at: u64) -> Result<Snapshot, BackupError> {
        let path = self.dir.join(format!("backup.{}.partial", random_id().map_err(BackupError::Write)?));
        let nameless = || -> io::Result<fs::File> {
            let mut options = fs::OpenOptions::new();
            let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            fs::remove_file(&path)?;
            Ok(file)
        };
        let mut copy = nameless().map_err(BackupError::Write)?;
        let _writer = self.write_held(|_| Ok(()))?;
        let about = self.about(by, at)?;
        let mut copied = || -> io::Result<u64> {
            io::copy(&mut self.database_file().map_err(io::Error::other)?, &mut copy)?;
            copy.seek(io::SeekFrom::Start(0))
        };
        copied().map_err(|error| match is_full(&error) {
            true => BackupError::Store(StoreError::Full { path: self.dir.clone() }),
            false => BackupError::Write(error),
        })?;
        Ok(Snapshot { about, database: copy })
    }

    fn about(&self, by: &Holder, at: u64) -> Result<About, BackupError> {
        Ok(About {
            ledger: self.ledger().to_owned(),
            schema: SCHEMA,
            key: self.vault.id().to_owned(),
            wrapped_key: wrapped_text(&self.dir),
            written_at: at,
            by: by.clone(),
            index: self.last_index()?,
        })
    }

    fn database_file(&self) -> Result<fs::File, BackupError> {
        let path = Store::database_path(&self.dir);
        fs::File::open(&path).map_err(|source| BackupError::Read { path, source })
    }
}

fn pack(about: &About, database: &mut fs::File, out: &mut dyn Write) -> io::Result<()> {
    let mut out = Hashing { inner: out, hash: Sha256::new() };
    writeln!(out, "{}{}", MAGIC, serde_json::to_string(about)?)?;
    let mut packed = zstd::Encoder::new(&mut out, 3)?;
    io::copy(database, &mut packed)?;
    packed.finish()?;
    let Hashing { inner, hash } = out;
    inner.write_all(&hash.finalize())?;
    inner.flush()
}

/// Makes a state folder of a backup. `key`: the key file that lay beside the database, where the backup does not hold it. The
/// folder must have no database. Nothing of it is there before all of it was found right.
pub fn restore(backup: &Path, dir: &Path, key: Option<&Path>) -> Result<About, BackupError> {
    let database = Store::database_path(dir);
    if database.exists() {
        if let (Err(StoreError::InUse { .. }), Some(holder)) =
            (Store::open(dir, &Holder::this_process("restore", 0)), Store::holder(dir))
        {
            return Err(BackupError::InUse { path: dir.to_owned(), holder: Box::new(holder) });
        }
        return Err(BackupError::Occupied { path: dir.to_owned() });
    }
    verify(backup)?;
    let folder = |source| BackupError::Folder { path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(folder)?;
    let partial = database.with_extension("redb.partial");
    let restored = unpack(backup, &partial).and_then(|about| {
        put_key(dir, &about, key)?;
        fs::rename(&partial, &database).map_err(folder)?;
        fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(folder)?;
        Ok(about)
    });
    if restored.is_err() {
        let _ = fs::remove_file(&partial);
    }
    restored
}

/// What a backup says of itself, after all of it was held against its digest.
pub fn about_backup(backup: &Path) -> Result<About, BackupError> {
    verify(backup)?;
    let read = |source| BackupError::Read { path: backup.to_owned(), source };
    head(&mut BufReader::new(fs::File::open(backup).map_err(read)?), backup)
}

/// Reads the first two lines of a backup.
fn head(body: &mut impl BufRead, backup: &Path) -> Result<About, BackupError> {
    let read = |source| BackupError::Read { path: backup.to_owned(), source };
    let (mut magic, mut about) = (String::new(), String::new());
    body.read_line(&mut magic).map_err(read)?;
    body.take(ABOUT_LIMIT).read_line(&mut about).map_err(read)?;
    let about: About =
        serde_json::from_str(&about).map_err(|_| BackupError::NotABackup { path: backup.to_owned() })?;
    if about.schema > SCHEMA {
        return Err(BackupError::Newer { found: about.schema });
    }
    Ok(about)
}

/// Holds the whole file against its digest before anything of it is believed.
fn verify(backup: &Path) -> Result<(), BackupError> {
    let read = |source| BackupError::Read { path: backup.to_owned(), source };
    let mut file = fs::File::open(backup).map_err(read)?;
    let length = file.metadata().map_err(read)?.len();
    let mut magic = [0; MAGIC.len()];
    if file.read_exact(&mut magic).is_err() || magic != MAGIC.as_bytes() {
        return Err(BackupError::NotABackup { path: backup.to_owned() });
    }
    let body = length.saturating_sub((MAGIC.len() + DIGEST) as u64);
    let mut hash = Hashing { inner: io::sink(), hash: Sha256::new() };
    hash.write_all(&magic).map_err(read)?;
    let copied = io::copy(&mut (&mut file).take(body), &mut hash).map_err(read)?;
    let mut digest = Vec::new();
    file.read_to_end(&mut digest).map_err(read)?;
    if copied != body || digest != hash.hash.finalize().as_slice() {
        return Err(BackupError::Damaged { path: backup.to_owned() });
    }
    Ok(())
}

/// Unpacks the database of a verified backup, and looks into it.
fn unpack(backup: &Path, partial: &Path) -> Result<About, BackupError> {
    let read = |source| BackupError::Read { path: backup.to_owned(), source };
    let not_a_backup = || BackupError::NotABackup { path: backup.to_owned() };
    let file = fs::File::open(backup).map_err(read)?;
    let length = file.metadata().map_err(read)?.len();
    let mut body = BufReader::new(file.take(length - DIGEST as u64));
    let about = head(&mut body, backup)?;
    let written = |source| BackupError::Folder { path: partial.to_owned(), source };
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(partial)
        .map_err(written)?;
    let mut packed = zstd::Decoder::with_buffer(body).map_err(read)?;
    io::copy(&mut packed, &mut out).map_err(written)?;
    out.sync_all().map_err(written)?;
    let found = schema_of(partial)?.ok_or_else(not_a_backup)?;
    if found > SCHEMA {
        return Err(BackupError::Newer { found });
    }
    Ok(about)
}

fn schema_of(database: &Path) -> Result<Option<u64>, StoreError> {
    let db = Database::open(database)?;
    let meta = db.begin_read()?.open_table(META)?;
    let schema = meta.get("schema")?;
    Ok(schema.and_then(|schema| schema.value().parse().ok()))
}

/// Puts the key beside the database: the one that was given, or the wrapped one of the backup.
fn put_key(dir: &Path, about: &About, given: Option<&Path>) -> Result<(), BackupError> {
    let folder = |source| BackupError::Folder { path: dir.to_owned(), source };
    let place = Vault::path(dir);
    if let Some(given) = given {
        let read = |source| BackupError::Read { path: given.to_owned(), source };
        let text = zeroize::Zeroizing::new(fs::read_to_string(given).map_err(read)?);
        let found = Vault::id_of(given)?;
        if found != about.key {
            let (key, wanted) = (given.to_owned(), about.key.clone());
            return Err(BackupError::WrongKey { path: dir.to_owned(), key, found, wanted });
        }
        return write_text(&place, text.trim()).map_err(folder);
    }
    if place.exists() {
        return Ok(Vault::open(dir, &about.key).map(drop)?);
    }
    match &about.wrapped_key {
        Some(wrapped) => write_text(&place, wrapped).map_err(folder),
        None => Err(BackupError::NoKey { path: dir.to_owned(), wanted: about.key.clone() }),
    }
}

#[cfg(test)]
#[path = "backup_test.rs"]
mod tests;
