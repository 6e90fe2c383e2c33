//! The store over a disk that crashes: what was not synced is dropped, torn and reordered.
//!
//! One writer tells a story of commits over a disk that keeps a journal of what reached it. Each crash image is the disk at
//! some moment: all that was synced by then, and of the rest what chance leaves. Opened again, the store must hold every
//! command that was acknowledged by that moment, each whole, none but those that were asked for; and its audit must verify.
//!
//! `ARMILLA_CRASHES` is the number of images, `ARMILLA_SEED` draws the same ones again.

use std::collections::BTreeSet;
use std::io;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::{Arc, Mutex};

use appliance_ledger::{Actor, Command, Expected, SiteCommand, SiteRow, Topic};
use installer_model::event::RunId;
use installer_model::plan::StepId;
use redb::{Database, DatabaseError, StorageBackend};
use tempfile::TempDir;

use crate::disk::{CACHE_BYTES, Disk};
use crate::{FeedItem, Holder, Store, StoreError};

/// What reached the disk, in order.
#[derive(Debug, Clone)]
enum Op {
    Write {
        offset: u64,
        data: Vec<u8>,
    },
    SetLen(u64),
    Sync,
    /// So many commands have been acknowledged to their callers.
    Acknowledged(u64),
}

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    journal: Vec<Op>,
    records: bool,
    /// A build with the sync left out.
    ignores_sync: bool,
    /// The disk is full past this length.
    capacity: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct TestDisk(Arc<Mutex<Platter>>);

impl TestDisk {
    fn with<T>(&self, act: impl FnOnce(&mut Platter) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    fn holding(bytes: Vec<u8>) -> TestDisk {
        TestDisk(Arc::new(Mutex::new(Platter { bytes, ..Platter::default() })))
    }
}

impl Platter {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Write { offset, data } => {
                let start = usize::try_from(*offset).unwrap();
                let end = start + data.len();
                if self.bytes.len() < end {
                    self.bytes.resize(end, 0);
                }
                self.bytes[start..end].copy_from_slice(data);
            }
            Op::SetLen(len) => self.bytes.resize(usize::try_from(*len).unwrap(), 0),
            Op::Sync | Op::Acknowledged(_) => {}
        }
    }

    fn take(&mut self, op: Op) {
        self.apply(&op);
        if self.records {
            self.journal.push(op);
        }
    }
}

impl Disk for TestDisk {
    fn open(&self) -> Result<Database, DatabaseError> {
        Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(self.clone())
    }

    fn has_room(&self) -> bool {
        true
    }
}

impl StorageBackend for TestDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|platter| platter.bytes.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|platter| {
            let start = usize::try_from(offset).unwrap();
            let bytes = platter.bytes.get(start..start + out.len());
            out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|platter| {
            let grows = len > platter.bytes.len() as u64;
            if grows && platter.capacity.is_some_and(|capacity| len > capacity) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            platter.take(Op::SetLen(len));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|platter| {
            if !platter.ignores_sync {
                platter.take(Op::Sync);
            }
        });
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|platter| platter.take(Op::Write { offset, data: data.to_vec() }));
        Ok(())
    }
}

/// splitmix64: small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

/// What a disk promises to write as a whole.
const SECTOR: usize = 512;

/// The disk after a crash: what was synced, and of what was not, what chance leaves of it in an order of its own.
fn crashed(synced: &[u8], unsynced: &[&Op], chance: &mut Chance) -> Vec<u8> {
    let mut platter = Platter { bytes: synced.to_vec(), ..Platter::default() };
    let mut order: Vec<&Op> = unsynced.to_vec();
    match chance.below(4) {
        // In order, up to some moment: a process that was killed under a kernel that writes in order.
        0 => order.truncate(chance.below(order.len() + 1)),
        // Nothing of it.
        1 => order.clear(),
        _ => {
            for at in (1..order.len()).rev() {
                order.swap(at, chance.below(at + 1));
            }
            let dropped = chance.below(4);
            order.retain(|_| chance.below(4) >= dropped);
        }
    }
    for op in order {
        match op {
            Op::Write { offset, data } if chance.below(3) == 0 => {
                // Torn: some of its sectors.
                for (at, sector) in data.chunks(SECTOR).enumerate() {
                    if chance.below(2) == 0 {
                        let offset = offset + (at * SECTOR) as u64;
                        platter.apply(&Op::Write { offset, data: sector.to_vec() });
                    }
                }
            }
            op => platter.apply(op),
        }
    }
    platter.bytes
}

fn actor() -> Actor {
    Actor::Local { name: "test".into() }
}

/// Command `number` of the story. Its text says which it is, and is long enough to take several pages now and then.
fn command(number: u64) -> Command {
    let text = format!("{number} {}", "x".repeat(usize::try_from(number % 7).unwrap() * 1500));
    let name = format!("s{}", number % 3);
    Command::Sites(SiteCommand::Put { name, text, bundle: None, expected: Expected::Any })
}

/// Commits, and output between them, which is not synced by itself. Gives the journal from before the first command on, and
/// what the disk held then.
fn story(dir: &Path, commands: u64, ignores_sync: bool) -> (Vec<u8>, Vec<Op>) {
    let disk = TestDisk::default();
    drop(Store::over(Box::new(disk.clone()), dir, &Holder::this_process("test", 1)).unwrap());
    let first = disk.with(|platter| {
        platter.records = true;
        platter.ignores_sync = ignores_sync;
        platter.bytes.clone()
    });
    let store = Store::over(Box::new(disk.clone()), dir, &Holder::this_process("test", 1)).unwrap();
    for number in 1..=commands {
        store.append_output(&RunId("r-1".into()), &StepId("a/b/c".into()), 1, &[b'o'; 700]).unwrap();
        store.submit_at(number, &actor(), &command(number)).unwrap();
        disk.with(|platter| platter.journal.push(Op::Acknowledged(number)));
    }
    // A crash, not an end: nothing that closing writes is part of the story.
    let journal = disk.with(|platter| std::mem::take(&mut platter.journal));
    (first, journal)
}

/// Opens an image and holds it against what was acknowledged and what had been asked for by then.
fn judge(image: Vec<u8>, dir: &Path, acknowledged: u64) -> Result<(), String> {
    let disk = TestDisk::holding(image);
    let store = Store::over(Box::new(disk), dir, &Holder::this_process("test", 1))
        .map_err(|error| format!("it does not open: {error} {error:?}"))?;
    let entries =
        store.verify_audit().map_err(|error| error.to_string())?.map_err(|broken| broken.to_string())?;
    // One more may be there: its caller had not been answered yet.
    if entries < acknowledged || entries > acknowledged + 1 {
        return Err(format!("{acknowledged} commands were acknowledged, the audit has {entries}"));
    }
    let rows = store.rows::<SiteRow>(None, 99).map_err(|error| error.to_string())?;
    for (_, row) in rows {
        let newest = (entries.saturating_sub(2)..=entries)
            .find(|number| number % 3 == row.name[1..].parse::<u64>().unwrap());
        let wanted = newest.unwrap_or(0);
        if !row.text.starts_with(&format!("{wanted} ")) {
            return Err(format!("site {} is not that of command {wanted}", row.name));
        }
    }
    let fed = store.feed(0, &BTreeSet::from([Topic::Sites, Topic::Audit]), usize::MAX);
    let fed = fed.map_err(|error| error.to_string())?;
    if !fed.items.iter().map(FeedItem::index).eq(1..=2 * entries) {
        return Err("the feed has a gap".to_owned());
    }
    // It is not only readable.
    store
        .submit_at(99, &actor(), &command(entries + 1))
        .map_err(|error| format!("it takes no write: {error}"))?;
    Ok(())
}

/// Judges so many images of a story; gives those that are wrong.
fn crash(images: u64, seed: u64, ignores_sync: bool) -> Vec<String> {
    let dir = TempDir::new().unwrap();
    let (mut synced, journal) = story(dir.path(), 60, ignores_sync);
    let mut chance = Chance(seed);
    let (mut wrong, mut judged, mut acknowledged, mut last_sync) = (Vec::new(), 0, 0, 0);
    for (at, op) in journal.iter().enumerate() {
        // Spread over the journal, whatever their number.
        let due = images * (at as u64 + 1) / journal.len() as u64;
        while judged < due {
            judged += 1;
            let unsynced: Vec<&Op> = journal[last_sync..at].iter().collect();
            let image = crashed(&synced, &unsynced, &mut chance);
            // A file that is no database any more may take redb by surprise: that is wrong, too.
            let judged_one = catch_unwind(|| judge(image, dir.path(), acknowledged));
            if let Err(why) = judged_one.unwrap_or_else(|_| Err("opening it panics".to_owned())) {
                wrong.push(format!("image {judged} (ARMILLA_SEED={seed}): {why}"));
            }
        }
        match op {
            Op::Sync => {
                let mut platter = Platter { bytes: std::mem::take(&mut synced), ..Platter::default() };
                journal[last_sync..at].iter().for_each(|op| platter.apply(op));
                (synced, last_sync) = (platter.bytes, at);
            }
            Op::Acknowledged(number) => acknowledged = *number,
            Op::Write { .. } | Op::SetLen(_) => {}
        }
    }
    assert_eq!(judged, images);
    wrong
}

fn asked(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn a_crash_at_any_moment_keeps_what_was_acknowledged() {
    let images = asked("ARMILLA_CRASHES", 400);
    let wrong = crash(images, asked("ARMILLA_SEED", 1), false);
    assert!(wrong.is_empty(), "{} of {images}: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
}

#[test]
fn a_build_with_the_sync_left_out_is_caught() {
    let wrong = crash(60, asked("ARMILLA_SEED", 1), true);
    assert!(wrong.len() > 20, "{} of 60 images were found wrong", wrong.len());
}

#[test]
fn a_full_disk_refuses_writes_by_name_answers_reads_and_heals() {
    let dir = TempDir::new().unwrap();
    let disk = TestDisk::default();
    let store = Store::over(Box::new(disk.clone()), dir.path(), &Holder::this_process("test", 1)).unwrap();
    store.submit_at(1, &actor(), &command(1)).unwrap();
    disk.with(|platter| platter.capacity = Some(platter.bytes.len() as u64));
    let (mut written, mut refused) = (1, 0);
    for number in 2..4000 {
        match store.submit_at(number, &actor(), &command(written + 1)) {
            Ok(_) => written += 1,
            Err(StoreError::Full { .. }) => refused += 1,
            Err(other) => panic!("{other}: {other:?}"),
        }
        let site = store.row::<SiteRow>(format!("s{}", written % 3).as_str()).unwrap().unwrap();
        assert!(site.text.starts_with(&format!("{written} ")), "after {refused} refusals");
        if refused == 20 {
            break;
        }
    }
    assert_eq!(refused, 20, "the disk never got full");
    assert_eq!(store.verify_audit().unwrap(), Ok(written));
    disk.with(|platter| platter.capacity = None);
    store.submit_at(1, &actor(), &command(written + 1)).unwrap();
    drop(store);
    let again = Store::over(Box::new(disk), dir.path(), &Holder::this_process("test", 1)).unwrap();
    assert_eq!(again.verify_audit().unwrap(), Ok(written + 1));
}
