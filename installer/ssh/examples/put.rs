//! How fast blobs reach a host, and with how much memory: `put HOST PORT USER KEY FOLDER MEBIBYTES STREAMS`.
//!
//! Brings blobs of zeros-free bytes, MEBIBYTES in all over STREAMS channels, and prints MB/s and the most memory that this
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

/// Bytes that no compression makes smaller, made as they are read.
struct Noise {
    state: u64,
    left: u64,
}

impl Read for Noise {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        for word in into[..most].chunks_mut(8) {
            self.state =
                self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            word.copy_from_slice(&self.state.to_le_bytes()[..word.len()]);
        }
        self.left -= most as u64;
        Ok(most)
    }
}

fn noise(seed: u64, size: u64) -> Outcome<Blob> {
    let mut hash = Sha256::new();
    std::io::copy(&mut Noise { state: seed, left: size }, &mut hash)?;
    let open = Arc::new(move |offset: u64| -> std::io::Result<Box<dyn Read + Send>> {
        let mut noise = Noise { state: seed, left: size };
        std::io::copy(&mut noise.by_ref().take(offset), &mut std::io::sink())?;
        Ok(Box::new(noise))
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
