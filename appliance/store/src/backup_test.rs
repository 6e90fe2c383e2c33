use appliance_ledger::{
    Actor, Command, CredentialCommand, CredentialKind, Expected, SiteCommand, SiteRow, credential_secret,
};
use tempfile::TempDir;

use super::*;
use crate::Passphrase;

fn holder() -> Holder {
    Holder::this_process("test", 1)
}

/// A state folder with a site and a secret.
fn instance() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), &holder()).unwrap();
    let put =
        SiteCommand::Put { name: "demo".into(), text: "one".into(), bundle: None, expected: Expected::Any };
    store.submit(&Actor::Instance, &Command::Sites(put)).unwrap();
    let sealed = store.seal(&credential_secret("ops"), b"canary-5f2a").unwrap();
    let put = CredentialCommand::Put {
        name: "ops".into(),
        user: "root".into(),
        kind: CredentialKind::Password,
        public_key: None,
        sealed: Some(sealed),
        expected: Expected::Any,
    };
    store.submit(&Actor::Instance, &Command::Credentials(put)).unwrap();
    (dir, store)
}

fn backup(store: &Store, dir: &TempDir) -> PathBuf {
    let path = dir.path().join("backup");
    let mut file = fs::File::create(&path).unwrap();
    store.backup(&holder(), 7, &mut file).unwrap();
    path
}

fn refused(backup: &Path, dir: &Path, key: Option<&Path>) -> BackupError {
    let error = restore(backup, dir, key).unwrap_err();
    assert!(!Store::database_path(dir).with_extension("redb.partial").exists(), "it leaves nothing half");
    error
}

#[test]
fn a_backup_of_an_open_instance_is_the_instance_with_its_key() {
    let (dir, store) = instance();
    let backup = backup(&store, &dir);
    let key = Store::key_path(dir.path());
    let words = fs::read(&backup).unwrap();
    let digits = fs::read_to_string(&key).unwrap();
    let holds = |what: &[u8]| words.windows(what.len()).any(|window| window == what);
    assert!(!holds(digits.trim().as_bytes()) && !holds(b"canary-5f2a"));
    let new = TempDir::new().unwrap();
    let into = new.path().join("state");
    assert!(matches!(refused(&backup, &into, None), BackupError::NoKey { .. }));
    let (other, _other) = instance();
    let wrong = refused(&backup, &into, Some(&Store::key_path(other.path())));
    assert!(matches!(wrong, BackupError::WrongKey { .. }), "{wrong}");
    let about = restore(&backup, &into, Some(&key)).unwrap();
    assert_eq!(about.ledger, store.ledger());
    let restored = Store::open(&into, &holder()).unwrap();
    assert_eq!(restored.ledger(), store.ledger());
    assert_eq!(restored.row::<SiteRow>("demo").unwrap(), store.row::<SiteRow>("demo").unwrap());
    assert_eq!(*restored.secret(&credential_secret("ops")).unwrap().unwrap(), b"canary-5f2a");
    assert_eq!(restored.verify_audit().unwrap(), Ok(2));
    assert!(matches!(refused(&backup, &into, Some(&key)), BackupError::InUse { .. }));
    drop(restored);
    assert!(matches!(refused(&backup, &into, Some(&key)), BackupError::Occupied { .. }));
}

#[test]
fn a_backup_that_was_changed_or_cut_anywhere_is_refused() {
    let (dir, store) = instance();
    let backup = backup(&store, &dir);
    let whole = fs::read(&backup).unwrap();
    let key = Store::key_path(dir.path());
    let into = dir.path().join("state");
    let stride = whole.len() / 97 + 1;
    for at in (0..whole.len()).step_by(stride).chain([whole.len() - 1]) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&backup, &changed).unwrap();
        let error = refused(&backup, &into, Some(&key));
        assert!(
            matches!(error, BackupError::Damaged { .. } | BackupError::NotABackup { .. }),
            "byte {at}: {error}"
        );
        fs::write(&backup, &whole[..at]).unwrap();
        refused(&backup, &into, Some(&key));
    }
    assert!(!into.exists(), "nothing was begun");
}

#[test]
fn a_backup_of_a_newer_version_is_refused() {
    let (dir, store) = instance();
    let newer = (SCHEMA + 1).to_string();
    store
        .write(|transaction| {
            transaction.open_table(META)?.insert("schema", newer.as_str())?;
            Ok(())
        })
        .unwrap();
    let backup = backup(&store, &dir);
    let error = refused(&backup, &dir.path().join("state"), Some(&Store::key_path(dir.path())));
    assert!(matches!(error, BackupError::Newer { .. }), "{error}");
}

#[test]
fn a_key_under_a_passphrase_goes_with_the_backup_wrapped() {
    let (dir, store) = instance();
    let plain = fs::read_to_string(Store::key_path(dir.path())).unwrap();
    let passphrase = Passphrase::new("correct horse battery").unwrap();
    Store::protect(dir.path(), Some(&passphrase)).unwrap();
    let wrapped = fs::read_to_string(Store::key_path(dir.path())).unwrap();
    assert!(wrapped.starts_with("argon2id:") && !wrapped.contains(plain.trim()));
    let backup = backup(&store, &dir);
    let into = dir.path().join("state");
    restore(&backup, &into, None).unwrap();
    assert_eq!(fs::read_to_string(Store::key_path(&into)).unwrap(), wrapped);
    let error = Store::open(&into, &holder()).err().unwrap();
    assert!(error.to_string().contains("a passphrase protects its key"), "{error}");
}

#[test]
fn a_snapshot_is_of_one_moment_and_holds_no_writer_up() {
    let (dir, store) = instance();
    let snapshot = store.snapshot(&holder(), 7).unwrap();
    let put =
        SiteCommand::Put { name: "later".into(), text: "two".into(), bundle: None, expected: Expected::Any };
    store.submit(&Actor::Instance, &Command::Sites(put)).unwrap();
    let mut bytes = Vec::new();
    let about = snapshot.write(&mut bytes).unwrap();
    assert!(about.index < store.last_index().unwrap());
    let path = dir.path().join("backup");
    fs::write(&path, &bytes).unwrap();
    assert_eq!(about_backup(&path).unwrap(), about);
    let new = TempDir::new().unwrap();
    let into = new.path().join("state");
    restore(&path, &into, Some(&Store::key_path(dir.path()))).unwrap();
    let restored = Store::open(&into, &holder()).unwrap();
    assert_eq!(restored.last_index().unwrap(), about.index);
    assert!(restored.row::<SiteRow>("demo").unwrap().is_some());
    assert!(restored.row::<SiteRow>("later").unwrap().is_none());
    let left = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(about_backup(&path), Err(BackupError::Damaged { .. })), "one that was cut off");
}
