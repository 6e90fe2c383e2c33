//! The store under `kill -9`, and on a disk that is really full.
//!
//! `ARMILLA_KILLS` is how often the writer is killed, `ARMILLA_SEED` draws the same moments again.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use appliance_store::ledger::{Actor, Command, Expected, SiteCommand, SiteRow};
use appliance_store::{Holder, Store, StoreError};

/// The state folder that a child of this test works on.
const FOLDER: &str = "ARMILLA_TEST_FOLDER";

fn open(dir: &Path) -> Store {
    Store::open(dir, &Holder::this_process("test", 1)).unwrap()
}

fn write(store: &Store, number: u64) -> Result<(), StoreError> {
    let actor = Actor::Local { name: "test".into() };
    let text = format!("{number} {}", "x".repeat(usize::try_from(number % 7).unwrap() * 1500));
    let put = SiteCommand::Put { name: "demo".into(), text, bundle: None, expected: Expected::Any };
    store.submit(&actor, &Command::Sites(put)).map(drop)
}

/// This test again, in a process of its own.
fn child(test: &str, dir: &Path) -> Process {
    let mut process = Process::new(std::env::current_exe().unwrap());
    process.args(["--exact", test, "--nocapture", "--include-ignored"]).env(FOLDER, dir);
    process
}

fn folder_of_a_child() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Not a test of its own: what the child of the next one does. Says each number once its command is acknowledged.
#[test]
fn writer() {
    let Some(dir) = folder_of_a_child() else { return };
    let store = open(&dir);
    let first = store.verify_audit().unwrap().unwrap() + 1;
    let mut out = std::io::stdout();
    for number in first.. {
        write(&store, number).unwrap();
        writeln!(out, "\nacknowledged {number}").and_then(|()| out.flush()).unwrap();
    }
}

#[test]
fn a_killed_writer_loses_nothing_that_was_acknowledged() {
    let asked = |variable: &str, otherwise: u64| {
        std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
    };
    let kills = asked("ARMILLA_KILLS", 10);
    let mut seed = asked("ARMILLA_SEED", 1);
    let dir = tempfile::tempdir().unwrap();
    let mut total = 0;
    for kill in 1..=kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let patience = Duration::from_micros(seed >> 33 & 0x1_ffff);
        let mut writer =
            child("writer", dir.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let acknowledged = killed_after(&mut writer, patience);
        let store = open(dir.path());
        let entries = store.verify_audit().unwrap().unwrap();
        // One more may be there, whose acknowledgement was cut off.
        assert!(
            entries >= acknowledged && entries <= acknowledged.max(total) + 1,
            "kill {kill}: {acknowledged} were acknowledged, the audit has {entries}"
        );
        let site = store.row::<SiteRow>("demo").unwrap().unwrap();
        assert!(site.text.starts_with(&format!("{entries} ")), "kill {kill}");
        assert_eq!(store.last_index().unwrap(), 2 * entries, "kill {kill}");
        total = entries;
    }
    assert!(total >= kills, "{total} commands were carried out between {kills} kills");
}

/// Lets the writer write something, waits, and kills it. Gives the last number that it said.
fn killed_after(writer: &mut Child, patience: Duration) -> u64 {
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
    let number = |line: String| line.strip_prefix("acknowledged ").and_then(|number| number.parse().ok());
    let first = lines.by_ref().find_map(number).unwrap();
    std::thread::sleep(patience);
    writer.kill().unwrap();
    writer.wait().unwrap();
    lines.filter_map(number).last().unwrap_or(first)
}

/// Not a test of its own: what the child of the next one does, on a small disk.
#[test]
fn on_a_small_disk() {
    let Some(dir) = folder_of_a_child() else { return };
    let (state, filler) = (dir.join("state"), dir.join("filler"));
    let store = open(&state);
    write(&store, 1).unwrap();
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let refused = write(&store, 2).unwrap_err();
    assert!(matches!(refused, StoreError::Full { .. }), "{refused:?}");
    assert!(refused.to_string().contains("its disk is full"), "{refused}");
    assert!(store.row::<SiteRow>("demo").unwrap().unwrap().text.starts_with("1 "));
    drop(store);
    let store = open(&state);
    assert!(store.row::<SiteRow>("demo").unwrap().unwrap().text.starts_with("1 "), "a new reader reads, too");
    assert!(matches!(write(&store, 2), Err(StoreError::Full { .. })));
    fs::remove_file(&filler).unwrap();
    write(&store, 2).unwrap();
    assert_eq!(store.verify_audit().unwrap(), Ok(2));
}

/// Mounts a disk of 24 MB in a namespace of its own.
#[test]
#[ignore = "needs root"]
fn a_disk_that_is_really_full_refuses_writes_and_heals() {
    let dir = tempfile::tempdir().unwrap();
    let inner = child("on_a_small_disk", dir.path());
    let exe = inner.get_program().to_owned();
    let mount = r#"mount -t tmpfs -o size=24m,mode=0700 tmpfs "$ARMILLA_TEST_FOLDER" && exec "$0" "$@""#;
    let status = Process::new("unshare")
        .args(["--mount", "--", "sh", "-c", mount])
        .arg(exe)
        .args(inner.get_args())
        .env(FOLDER, dir.path())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "it was the small disk that was written to");
}
