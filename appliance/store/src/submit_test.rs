use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use appliance_ledger::audit::Broken;
use appliance_ledger::{
    AuditEntry, CredentialCommand, CredentialKind, Expected, PasswordHash, PlanRow, Role, Session,
    SessionCommand, SetupCode, SiteCommand, SiteRow, Token, TokenCommand, Topic, User, UserCommand,
    credential_secret,
};
use installer_model::event::{Outcome, RunId};
use redb::{ReadableDatabase, ReadableTable};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{FeedItem, Holder};

fn open(dir: &Path) -> Store {
    Store::open(dir, &Holder::this_process("test", 1)).unwrap()
}

fn anna() -> Actor {
    Actor::Local { name: "anna".into() }
}

fn put_site(text: &str, expected: Expected) -> Command {
    let (name, text) = ("demo".to_owned(), text.to_owned());
    Command::Sites(SiteCommand::Put { name, text, bundle: None, expected })
}

#[test]
fn a_dry_run_answers_as_the_command_would_and_writes_nothing() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let dry = store.dry_run(&anna(), &put_site("one", Expected::Absent)).unwrap();
    assert_eq!(store.row::<SiteRow>("demo").unwrap(), None);
    assert_eq!(store.last_index().unwrap(), 0);
    let wet = store.submit(&anna(), &put_site("one", Expected::Absent)).unwrap();
    assert_eq!(dry, wet);
    let refused = store.dry_run(&anna(), &put_site("two", Expected::Absent));
    assert!(matches!(refused, Err(StoreError::Refused(Refused::Exists { .. }))));
}

#[test]
fn the_feed_gives_each_change_once_from_any_index_on() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let mut watch = store.changed();
    assert_eq!(*watch.borrow_and_update(), 0);
    for number in 0..10 {
        let committed = store.submit(&anna(), &put_site(&number.to_string(), Expected::Any)).unwrap();
        assert!(watch.has_changed().unwrap());
        assert_eq!(*watch.borrow_and_update(), committed.index);
    }
    let topics = BTreeSet::from([Topic::Sites]);
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let fed = store.feed(after, &topics, 3).unwrap();
        if fed.items.is_empty() {
            break;
        }
        seen.extend(fed.items.iter().map(FeedItem::index));
        after = fed.upto;
    }
    assert_eq!(seen, (0..10).map(|number| 2 * number + 1).collect::<Vec<u64>>());
    assert_eq!(
        store.feed(0, &BTreeSet::from([Topic::Users]), 9).unwrap().upto,
        20,
        "nothing of it, up to the end"
    );
    let last = open_again(store, dir.path()).last_index().unwrap();
    assert_eq!(last, 20);
}

fn open_again(store: Store, dir: &Path) -> Store {
    drop(store);
    let store = open(dir);
    assert_eq!(*store.changed().borrow(), store.last_index().unwrap());
    store
}

#[test]
fn a_long_feed_of_other_topics_is_passed_in_pieces() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store
        .write(|transaction| {
            let mut rows = transaction.open_table(numbered(Table::Feed))?;
            for index in 1..=5000_u64 {
                let topic = if index == 4000 { "users" } else { "checks" };
                let row = json!({"topic": topic, "id": "x", "became": "changed", "at": 1});
                rows.insert(index, row.to_string().as_bytes())?;
            }
            Ok(())
        })
        .unwrap();
    let (mut after, mut found, mut pieces) = (0, Vec::new(), 0);
    while after < store.last_index().unwrap() {
        let fed = store.feed(after, &BTreeSet::from([Topic::Users, Topic::Events]), 100).unwrap();
        assert!(fed.upto > after);
        (after, pieces) = (fed.upto, pieces + 1);
        found.extend(fed.items.iter().map(FeedItem::index));
    }
    assert_eq!((found, pieces), (vec![4000], 5));
}

#[test]
fn an_audit_that_was_changed_behind_the_ledgers_back_is_found() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    for number in 0..1500 {
        store.submit_at(number, &anna(), &put_site(&number.to_string(), Expected::Any)).unwrap();
    }
    assert_eq!(store.verify_audit().unwrap(), Ok(1500));
    let mut entry: AuditEntry = store.row(1200).unwrap().unwrap();
    entry.said.actor = "ben".into();
    store
        .write(|transaction| {
            let row = serde_json::to_vec(&entry).unwrap();
            transaction.open_table(numbered(Table::Audit))?.insert(1200, row.as_slice())?;
            Ok(())
        })
        .unwrap();
    assert!(matches!(store.verify_audit().unwrap(), Err(Broken::Changed { number: 1200, .. })));
}

/// Unpacks what schema 2 wrote. `tests/schema2/README.md` says how it was made.
fn schema_2() -> TempDir {
    let dir = TempDir::new().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema2");
    let packed = fs::read(fixture.join("armilla.redb.zst")).unwrap();
    fs::write(Store::database_path(dir.path()), zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    fs::copy(fixture.join("armilla.key"), Store::key_path(dir.path())).unwrap();
    dir
}

#[test]
fn a_database_of_schema_2_opens_with_all_that_it_held_and_a_copy_is_kept() {
    let dir = schema_2();
    let store = open(dir.path());
    assert_eq!(store.ledger(), "aa7ed02699cc3115ba8cd509130c078c");
    assert_eq!(store.site::<Value>("demo").unwrap().unwrap()["hosts"][0], "h1");
    assert_eq!(store.base("demo").unwrap().unwrap().path, Path::new("/srv/armilla.bundle"));
    assert_eq!(store.addons::<Value>("demo").unwrap(), [("hello".to_owned(), json!({"version": "1"}))]);
    assert_eq!(store.host_key("10.0.0.1").unwrap().unwrap().key, "ssh-ed25519 AAAA");
    assert_eq!(store.bundle_keys().unwrap().len(), 1);
    assert_eq!(store.verified("sha256:aa").unwrap().unwrap().size, 3);
    assert_eq!(store.check::<Value>("demo").unwrap().unwrap(), json!({"findings": []}));
    assert_eq!(store.waivers("demo").unwrap()[0].by, "anna@jump1");
    assert_eq!(store.target("demo").unwrap().unwrap().id.0, "two");
    assert_eq!(store.plan(&installer_model::plan::PlanId("one".into())).unwrap().unwrap().id.0, "one");
    let outcomes: Vec<_> = store.runs().unwrap().into_iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Failed), None]);
    let records = store.records(&RunId("r-1".into()), 0, 9).unwrap();
    assert_eq!(records.iter().map(|record| record.index).collect::<Vec<_>>(), [1, 2, 3]);
    let rows: Vec<(Key, PlanRow)> = store.rows(None, 9).unwrap();
    assert_eq!(rows.len(), 2);
    let fed = store.feed(0, &Topic::ALL.into(), 99).unwrap();
    assert_eq!(fed.items.iter().map(FeedItem::index).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let copy = crate::migrate::copy_path(dir.path(), 2);
    {
        let old = redb::Database::open(&copy).unwrap().begin_read().unwrap();
        let schema = old.open_table(crate::tables::META).unwrap().get("schema").unwrap().unwrap();
        assert_eq!(schema.value(), "2");
        let target = old.open_table(crate::tables::OLD_TARGETS).unwrap().get("demo").unwrap().unwrap();
        assert_eq!(target.value(), "two");
    }
    let kept = fs::read(&copy).unwrap();
    let target = store.target("demo").unwrap().unwrap();
    let begun = store.begin(&target, 30).unwrap();
    assert!(begun.resumed && begun.run.0 == "r-2" && begun.records[0].index == 6);
    drop(begun);
    drop(store);
    open(dir.path());
    assert!(fs::read(&copy).unwrap() == kept, "not written again");
}

#[test]
fn a_copy_that_cannot_be_kept_leaves_the_database_as_it_was() {
    let dir = schema_2();
    let copy = crate::migrate::copy_path(dir.path(), 2);
    fs::create_dir(copy.with_extension("partial")).unwrap();
    let error = Store::open(dir.path(), &Holder::this_process("test", 1)).err().unwrap();
    assert!(matches!(error, StoreError::Copy { .. }), "{error}");
    fs::remove_dir(copy.with_extension("partial")).unwrap();
    assert_eq!(open(dir.path()).runs().unwrap().len(), 2);
}

/// Every command that carries a secret, with a canary in it.
#[test]
fn no_canary_is_in_the_database() {
    let dir = TempDir::new().unwrap();
    let canary = |name: &str| format!("canary-{name}-8f1b2c");
    {
        let store = open(dir.path());
        let submit = |command| store.submit(&anna(), &command).unwrap();
        // A password enters as its hash and a token as its digest: what the ledger is given of them holds no canary. The
        // one slip a caller can make is to hand over the password itself.
        let plain = PasswordHash(canary("password"));
        let add = |password| UserCommand::Add { name: "anna".into(), role: Role::Admin, password };
        assert!(store.submit(&anna(), &Command::Users(add(plain))).is_err());
        submit(Command::Users(add(PasswordHash("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into()))));
        let digest = |name: &str| {
            use sha2::Digest as _;
            let hash = sha2::Sha256::digest(canary(name));
            hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let setup = SetupCode { digest: digest("setup"), expires_at: 1 };
        assert!(store.submit(&anna(), &Command::Users(UserCommand::OfferSetup(setup))).is_err());
        submit(Command::Tokens(TokenCommand::Make(Token {
            digest: digest("token"),
            name: "ci".into(),
            user: "anna".into(),
            role: Role::Viewer,
            created_at: 0,
            expires_at: None,
            used_at: None,
            revision: 0,
        })));
        submit(Command::Sessions(SessionCommand::LogIn {
            session: Session {
                digest: digest("cookie"),
                user: "anna".into(),
                created_at: 0,
                seen_at: 0,
                expires_at: u64::MAX,
                idle_ms: 1,
                address: "192.0.2.1".into(),
                agent: "test".into(),
                revision: 0,
            },
            password: None,
        }));
        submit(Command::Sessions(SessionCommand::Failed {
            user: canary("typed"),
            address: "192.0.2.1".into(),
        }));
        let place = credential_secret("ops");
        submit(Command::Credentials(CredentialCommand::Put {
            name: "ops".into(),
            user: "root".into(),
            kind: CredentialKind::PrivateKey,
            public_key: None,
            sealed: Some(store.seal(&place, canary("key").as_bytes()).unwrap()),
            expected: Expected::Absent,
        }));
        for name in ["kubeconfig/demo", "tls/ca", "oidc"] {
            let sealed = store.seal(name, canary("secret").as_bytes()).unwrap();
            submit(Command::Credentials(CredentialCommand::PutSecret { name: name.into(), sealed }));
        }
        assert_eq!(*store.secret(&place).unwrap().unwrap(), canary("key").into_bytes());
        let moved = store.row::<Sealed>("tls/ca").unwrap().unwrap();
        submit(Command::Credentials(CredentialCommand::PutSecret { name: "moved".into(), sealed: moved }));
        assert!(store.secret("moved").is_err(), "a secret opens in its own place alone");
        let run = RunId("r-1".into());
        let step = installer_model::plan::StepId("a/b/c".into());
        store.append_output(&run, &step, 1, canary("output").as_bytes()).unwrap();
        assert_eq!(store.row::<User>("anna").unwrap().unwrap().role, Role::Admin);
    }
    let bytes = fs::read(Store::database_path(dir.path())).unwrap();
    let found = bytes.windows(7).filter(|window| *window == b"canary-").count();
    assert_eq!(found, 0, "the database holds a secret in the clear");
    let hex: Vec<u8> = b"canary-".iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
    assert!(!bytes.windows(hex.len()).any(|window| window == hex), "or in hex");
}

#[test]
fn commands_of_many_threads_come_one_after_the_other() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..20 {
                    let command = put_site(&format!("{thread}.{number}"), Expected::Any);
                    store.submit(&anna(), &command).unwrap();
                    store.row::<SiteRow>("demo").unwrap().unwrap();
                }
            });
        }
    });
    assert_eq!(store.verify_audit().unwrap(), Ok(160));
    let transaction = store.reading().unwrap();
    let feed = transaction.open_table(numbered(Table::Feed)).unwrap();
    assert_eq!(feed.iter().unwrap().count(), 320);
}
