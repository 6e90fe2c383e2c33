//! How fast blobs reach a host, and with how much memory: `put HOST PORT USER KEY FOLDER MEBIBYTES STREAMS`.
//!
//! Brings blobs that no compression makes smaller, MEBIBYTES in all over STREAMS channels, and prints MB/s and the most memory that this
//! program and any receiver on the same machine held. `docs/benchmarks.md` says what to hold it against.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bundles_format::Digest;
use installer_ssh::{Auth, Binary, BinarySource, Blob, Hand, HostKeyPolicy, Target};
use sha2::{Digest as _, Sha256};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Bytes that no compression makes smaller, made as they are read; each follows from its place alone.
struct Noise {
    seed: u64,
    at: u64,
    size: u64,
}

impl Read for Noise {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(usize::try_from(self.size - self.at).unwrap_or(usize::MAX));
        let mut filled = 0;
        while filled < most {
            let word = word(self.seed, self.at / 8).to_le_bytes();
            let word = &word[(self.at % 8) as usize..];
            let taken = word.len().min(most - filled);
            into[filled..filled + taken].copy_from_slice(&word[..taken]);
            filled += taken;
            self.at += taken as u64;
        }
        Ok(most)
    }
}

/// SplitMix64.
fn word(seed: u64, place: u64) -> u64 {
    let mut word = (seed << 48).wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn noise(seed: u64, size: u64) -> Outcome<Blob> {
    let mut hash = Sha256::new();
    std::io::copy(&mut Noise { seed, at: 0, size }, &mut hash)?;
    let open = Arc::new(move |offset: u64| -> std::io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Noise { seed, at: offset, size }))
    });
    Ok(Blob { digest: Digest::from_sha256(hash.finalize().into()), size, open })
}

/// The memory that a process holds now, in KiB.
fn resident(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The most that any one receiver on this machine holds now, in KiB.
fn receivers() -> u64 {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let receives = |name: &String| {
        let line = std::fs::read(format!("/proc/{name}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).split('\0').nth(4) == Some("receive-blob")
    };
    names.filter(receives).map(|name| resident(&name)).max().unwrap_or(0)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, user, key, folder, mebibytes, streams] = &args[..] else {
        return Err("put HOST PORT USER KEY FOLDER MEBIBYTES STREAMS".into());
    };
    let auth = Auth::Key { file: key.into(), passphrase: None };
    let mut target = Target::new(host, user, auth, HostKeyPolicy::Ask(Arc::new(|_, _| true)));
    target.port = port.parse()?;
    let program = std::env::current_exe()?.with_file_name("hand");
    let source = BinarySource::new([(std::env::consts::ARCH.parse()?, Binary::read(&program)?)]);
    let hand = Hand::start(&target, &source, folder).await?;
    let streams: u64 = streams.parse()?;
    let size = mebibytes.parse::<u64>()? * 1024 * 1024 / streams;
    let blobs = (0..streams).map(|seed| noise(seed + 1, size)).collect::<Outcome<Vec<Blob>>>()?;

    let before = resident("self");
    let most = Arc::new((AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false)));
    let watched = Arc::clone(&most);
    let watcher = std::thread::spawn(move || {
        while !watched.2.load(Ordering::SeqCst) {
            watched.0.fetch_max(resident("self"), Ordering::SeqCst);
            watched.1.fetch_max(receivers(), Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let began = Instant::now();
    let tasks: Vec<_> = blobs
        .iter()
        .cloned()
        .map(|blob| {
            let hand = hand.clone();
            tokio::spawn(async move { hand.put_blob(&blob, &|_| {}).await })
        })
        .collect();
    let mut sent = 0;
    for task in tasks {
        sent += task.await??.sent;
    }
    let seconds = began.elapsed().as_secs_f64();
    most.2.store(true, Ordering::SeqCst);
    watcher.join().map_err(|_| "the watcher panicked")?;
    println!(
        "{sent} bytes in {seconds:.2} s: {:.0} MB/s; memory here {before} KiB before, {} at most; a receiver {} at most",
        sent as f64 / 1e6 / seconds,
        most.0.load(Ordering::SeqCst),
        most.1.load(Ordering::SeqCst),
    );
    hand.remove_blobs(&blobs.iter().map(|blob| blob.digest.clone()).collect::<Vec<_>>()).await?;
    Ok(())
}
