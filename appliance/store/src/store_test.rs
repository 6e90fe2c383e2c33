use std::os::unix::fs::PermissionsExt;

use installer_model::event::{Event, Failure, Outcome};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId, StepId};
use tempfile::TempDir;

use super::*;
use crate::tables::{META, OUTPUT, numbered};
use crate::{OUTPUT_LIMIT, PinnedKey};

fn holder() -> Holder {
    Holder::this_process("apply", 1)
}

fn open(dir: &TempDir) -> Store {
    Store::open(dir.path(), &holder()).unwrap()
}

fn plan(name: &str, parent: Option<&str>) -> Plan {
    Plan {
        format: PLAN_FORMAT,
        id: PlanId(name.into()),
        parent: parent.map(|id| PlanId(id.into())),
        site: "demo".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps: Vec::new(),
        report: Vec::new(),
    }
}

fn started(step: &str) -> Event {
    Event::StepStarted { step: StepId(step.into()), attempt: 1 }
}

#[test]
fn files_are_readable_by_their_owner_alone() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state");
    let _store = Store::open(&state, &holder()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_second_opener_is_told_who_has_the_store() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let error = Store::open(dir.path(), &holder()).err().unwrap().to_string();
    assert!(error.contains(&format!("(process {},", std::process::id())), "{error}");
    drop(store);
    open(&dir);
}

#[test]
fn a_patient_opener_gets_the_store_when_it_is_closed() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let closing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(120));
        drop(store);
    });
    Store::open_within(dir.path(), &holder(), Duration::from_secs(10)).unwrap();
    closing.join().unwrap();
}

#[test]
fn a_holder_file_left_by_a_killed_process_locks_nobody_out() {
    let dir = TempDir::new().unwrap();
    fs::write(Store::holder_path(dir.path()), br#"{"pid":1,"command":"apply","started_at":0,"host":"x"}"#)
        .unwrap();
    open(&dir);
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = TempDir::new().unwrap();
    {
        let store = open(&dir);
        let transaction = store.writing().unwrap();
        transaction.open_table(META).unwrap().insert("schema", "4").unwrap();
        transaction.commit().unwrap();
    }
    let error = Store::open(dir.path(), &holder()).err().unwrap();
    assert_eq!(error.to_string(), "open the store: its schema is 4, this version knows 3 and older");
}

#[test]
fn the_ledger_keeps_its_id() {
    let dir = TempDir::new().unwrap();
    let first = open(&dir).ledger().to_owned();
    assert_eq!(open(&dir).ledger(), first);
    assert_ne!(open(&TempDir::new().unwrap()).ledger(), first);
}

#[test]
fn sites_keys_and_checks_are_read_as_they_were_written() {
    let dir = TempDir::new().unwrap();
    {
        let store = open(&dir);
        store.put_site("demo", &serde_json::json!({"hosts": ["a"]})).unwrap();
        let key = PinnedKey { fingerprint: "SHA256:x".into(), key: String::new(), pinned_at: 5 };
        store.pin_host_key("10.0.0.1", &key).unwrap();
        store.pin_bundle_key(&key).unwrap();
    }
    let store = open(&dir);
    assert_eq!(store.site::<serde_json::Value>("demo").unwrap().unwrap()["hosts"][0], "a");
    assert_eq!(store.host_key("10.0.0.1").unwrap().unwrap().fingerprint, "SHA256:x");
    assert_eq!(store.host_key("10.0.0.2").unwrap(), None);
    assert_eq!(store.bundle_keys().unwrap().len(), 1);
    assert_eq!(store.check::<serde_json::Value>("demo").unwrap(), None);
}

#[test]
fn a_target_is_replaced_only_by_a_plan_made_from_it() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    store.adopt(&plan("one", None)).unwrap();
    store.adopt(&plan("two", Some("one"))).unwrap();
    assert!(matches!(store.adopt(&plan("other", Some("one"))), Err(StoreError::Refused(Refused::Adopt(_)))));
    assert_eq!(store.target("demo").unwrap().unwrap().id.0, "two");
    assert_eq!(store.plan(&PlanId("one".into())).unwrap().unwrap().id.0, "one");
    assert!(store.plan(&PlanId("other".into())).unwrap().is_none());
}

#[test]
fn events_outlive_the_process_and_share_one_sequence() {
    let dir = TempDir::new().unwrap();
    let run = {
        let store = open(&dir);
        let adopted = store.adopt(&plan("one", None)).unwrap();
        let begun = store.begin(&adopted, 10).unwrap();
        store.append(&begun.run, 11, vec![started("a/prepare/x"), started("a/prepare/y")]).unwrap();
        begun.run.clone()
    };
    let store = open(&dir);
    let records = store.records(&run, 0, usize::MAX).unwrap();
    let indices: Vec<u64> = records.iter().map(|record| record.index).collect();
    assert!(indices.len() == 3 && indices.is_sorted_by(|a, b| a < b), "{indices:?}");
    assert_eq!(store.records(&run, indices[1], 1).unwrap(), records[1..2]);
    let adopted = store.adopt(&plan("two", Some("one"))).unwrap();
    let begun = store.begin(&adopted, 20).unwrap();
    assert_eq!(begun.run.0, "r-2");
    let closed = &begun.records[0];
    assert!(closed.index > indices[2], "one sequence for all runs");
    assert_eq!(closed.event, Event::RunEnded { outcome: Outcome::Abandoned });
    assert_eq!(store.run(&run).unwrap().unwrap().outcome, Some(Outcome::Abandoned));
}

#[test]
fn a_run_left_open_goes_on_and_an_ended_one_takes_no_more_events() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let adopted = store.adopt(&plan("one", None)).unwrap();
    let first = store.begin(&adopted, 1).unwrap();
    assert!(
        matches!(store.begin(&adopted, 2), Err(StoreError::Refused(Refused::Begin(_)))),
        "its engine is alive"
    );
    drop(first);
    let again = store.begin(&adopted, 3).unwrap();
    assert!(again.resumed);
    assert_eq!(again.run.0, "r-1");
    store.append(&again.run, 4, vec![Event::RunEnded { outcome: Outcome::Healthy }]).unwrap();
    let late = store.append(&again.run, 5, vec![started("a/prepare/x")]);
    assert!(matches!(late, Err(StoreError::Refused(Refused::Ended(_)))));
    assert_eq!(store.view(&again.run).unwrap().outcome, Some(Outcome::Healthy));
}

#[test]
fn a_plan_is_not_replaced_under_a_run_that_is_going_on() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let adopted = store.adopt(&plan("one", None)).unwrap();
    let begun = store.begin(&adopted, 1).unwrap();
    assert!(matches!(store.adopt(&plan("two", Some("one"))), Err(StoreError::Refused(Refused::Adopt(_)))));
    drop(begun);
    store.adopt(&plan("two", Some("one"))).unwrap();
}

#[test]
fn output_is_read_from_any_offset_once_and_sealed_with_its_digest() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let (run, step) = (RunId("r-1".into()), StepId("a/found/init".into()));
    assert_eq!(store.seal_output(&run, &step, 1).unwrap(), None);
    store.append_output(&run, &step, 1, b"hello ").unwrap();
    store.append_output(&run, &step, 1, b"world").unwrap();
    store.append_output(&run, &step, 2, b"other attempt").unwrap();
    let text = |offset| -> Vec<u8> {
        let chunks = store.output(&run, &step, 1, offset, 1 << 20).unwrap();
        chunks.into_iter().flat_map(|chunk| chunk.bytes).collect()
    };
    assert_eq!(text(0), b"hello world");
    assert_eq!(text(4), b"o world");
    assert_eq!(text(11), b"");
    let seal = store.seal_output(&run, &step, 1).unwrap().unwrap();
    assert_eq!((seal.length, seal.dropped), (11, 0));
    // `printf 'hello world' | sha256sum`
    assert_eq!(seal.digest.hex(), "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
}

#[test]
fn output_past_the_limit_is_counted_and_not_kept() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let (run, step) = (RunId("r-1".into()), StepId("a/found/init".into()));
    let piece = vec![b'x'; usize::try_from(OUTPUT_LIMIT).unwrap() - 10];
    store.append_output(&run, &step, 1, &piece).unwrap();
    store.append_output(&run, &step, 1, b"0123456789abc").unwrap();
    store.append_output(&run, &step, 1, b"more").unwrap();
    let seal = store.seal_output(&run, &step, 1).unwrap().unwrap();
    assert_eq!((seal.length, seal.dropped), (OUTPUT_LIMIT, 7));
}

/// A run that failed with these words on the host's side.
fn failed_run(store: &Store, words: &str) -> RunId {
    let adopted = store.adopt(&plan("one", None)).unwrap();
    let begun = store.begin(&adopted, 10).unwrap();
    let step = StepId("a/found/init".into());
    store.append_output(&begun.run, &step, 1, words.as_bytes()).unwrap();
    let evidence = vec![words.to_owned()];
    let failure = Failure { what: "run it".into(), evidence, hint: None, exit_code: 1 };
    let failed = Event::StepFailed { step, attempt: 1, failure, output: None };
    store.append(&begun.run, 11, vec![failed]).unwrap();
    begun.run.clone()
}

fn holds(dir: &Path, words: &str) -> bool {
    let bytes = fs::read(Store::database_path(dir)).unwrap();
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}

#[test]
fn a_copied_database_shows_nothing_that_programs_said_and_says_that_its_key_is_missing() {
    let dir = TempDir::new().unwrap();
    let run = failed_run(&open(&dir), "token abcdef.0123456789abcdef");
    assert!(!holds(dir.path(), "abcdef.0123456789abcdef"));
    let copied = TempDir::new().unwrap();
    fs::copy(Store::database_path(dir.path()), Store::database_path(copied.path())).unwrap();
    let error = Store::open(copied.path(), &holder()).err().unwrap().to_string();
    assert!(error.contains("armilla.key is missing"), "{error}");
    fs::copy(Vault::path(dir.path()), Vault::path(copied.path())).unwrap();
    let records = open(&copied).records(&run, 0, 9).unwrap();
    assert_eq!(records, open(&dir).records(&run, 0, 9).unwrap());
    open(&TempDir::new().unwrap());
    let other = TempDir::new().unwrap();
    open(&other);
    fs::copy(Vault::path(other.path()), Vault::path(copied.path())).unwrap();
    let error = Store::open(copied.path(), &holder()).err().unwrap().to_string();
    assert!(error.contains("and the database is sealed under key"), "{error}");
}

#[test]
fn a_database_from_before_the_seal_is_sealed_when_it_is_opened() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let run = failed_run(&store, "token abcdef");
    let records = store.records(&run, 0, 9).unwrap();
    {
        let transaction = store.writing().unwrap();
        let mut events = transaction.open_table(numbered(appliance_ledger::Table::Events)).unwrap();
        for record in &records {
            events.insert(record.index, json(record).as_slice()).unwrap();
        }
        drop(events);
        let key = (1, "a/found/init", 1, 0);
        transaction.open_table(OUTPUT).unwrap().insert(key, b"token abcdef".as_slice()).unwrap();
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("schema", "1").unwrap();
        meta.remove("key").unwrap();
        drop(meta);
        transaction.commit().unwrap();
    }
    drop(store);
    fs::remove_file(Vault::path(dir.path())).unwrap();
    let store = open(&dir);
    assert_eq!(store.records(&run, 0, 9).unwrap(), records);
    assert_eq!(
        store.output(&run, &StepId("a/found/init".into()), 1, 0, 99).unwrap()[0].bytes,
        b"token abcdef"
    );
}
