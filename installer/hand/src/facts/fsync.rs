//! How long the disk takes to keep a promise: small appends, each made durable, as etcd does to its log.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use installer_model::survey::FsyncLatency;

/// As in etcd's own advice for measuring disks (`fio --bs=2300 --fdatasync=1`).
const WRITE_BYTES: usize = 2300;
const MOST_WRITES: usize = 500;
const MOST_TIME: Duration = Duration::from_millis(1500);
/// Fewer say nothing about a 99th percentile; then only a very slow disk stops the test early.
const FEWEST_WRITES: usize = 5;

/// Measures the filesystem of `directory`, or of its nearest ancestor that exists. `None` when nothing can be
/// written there.
pub(super) fn measure(directory: &str) -> Option<FsyncLatency> {
    let there = Path::new(directory).ancestors().find(|ancestor| ancestor.is_dir())?;
    let mut file = nameless_file(there)?;
    let (started, mut took) = (Instant::now(), Vec::with_capacity(MOST_WRITES));
    while took.len() < MOST_WRITES && started.elapsed() < MOST_TIME {
        let before = Instant::now();
        file.write_all(&[0x5a; WRITE_BYTES]).ok()?;
        file.sync_data().ok()?;
        took.push(before.elapsed());
    }
    (took.len() >= FEWEST_WRITES).then(|| summary(directory, took))
}

/// A file whose name is gone before the first write, so that nothing is left however the test ends.
fn nameless_file(folder: &Path) -> Option<File> {
    let path = folder.join(format!(".armilla-fsync-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path).ok()?;
    fs::remove_file(&path).ok()?;
    Some(file)
}

fn summary(directory: &str, mut took: Vec<Duration>) -> FsyncLatency {
    took.sort();
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let percentile = |percent: usize| micros(took[(took.len() * percent / 100).min(took.len() - 1)]);
    FsyncLatency {
        directory: directory.to_owned(),
        writes: u32::try_from(took.len()).unwrap_or(u32::MAX),
        p50_us: percentile(50),
        p99_us: percentile(99),
        max_us: percentile(100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentiles_are_of_the_sorted_times() {
        let times = (1..=200).rev().map(Duration::from_micros).collect();
        let found = summary("/x", times);
        assert_eq!((found.writes, found.p50_us, found.p99_us, found.max_us), (200, 101, 199, 200));
        let one = summary("/x", vec![Duration::from_micros(7)]);
        assert_eq!((one.p50_us, one.p99_us), (7, 7));
    }

    #[test]
    fn the_test_ends_in_time_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("not/yet/there");
        let started = Instant::now();
        let found = measure(inner.to_str().unwrap()).unwrap();
        assert!(started.elapsed() < Duration::from_secs(4));
        assert!(found.p50_us <= found.p99_us && found.p99_us <= found.max_us);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
