//! A server that waits holds what it needs for that, and not what it once needed.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// Between two times of giving back. What was freed shortly before may be wanted again.
const PAUSE: Duration = Duration::from_secs(5);

/// Rounds of giving back between two looks at whether anything is computed: a minute.
const ROUNDS: u64 = 12;
/// Who computes less than this in a minute serves nobody.
const QUIET: Duration = Duration::from_millis(200);

/// For as long as it is polled. mimalloc gives back what is free when something is allocated or freed a second later: a server
/// that hashed a password and then waits would keep those 19 MiB.
pub(crate) async fn give_back() {
    let mut computed = Duration::ZERO;
    for round in 0_u64.. {
        tokio::time::sleep(PAUSE).await;
        collect();
        if round.is_multiple_of(ROUNDS) {
            let now = computing_time();
            // At first, what starting needed goes in any case.
            if round == 0 || now.saturating_sub(computed) < QUIET {
                unmap_program();
            }
            computed = now;
        }
    }
}

/// Of all threads of this process together.
fn computing_time() -> Duration {
    // A clock that never goes back; were it negative, nothing would be computed yet.
    rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

/// Lets go of the pages of the program's own code; what is run is mapped again, out of the kernel's cache of the file, where all
/// of them stay for as long as it has room. A request that comes then takes a fraction of a millisecond longer.
fn unmap_program() {
    // Without `/proc` they stay.
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    let Ok(program) = std::fs::read_link("/proc/self/exe") else { return };
    maps.lines().filter_map(|line| code_of(line, &program)).for_each(unmap);
}

/// The addresses that a line of `/proc/self/maps` gives to code of this file: `proc_pid_maps(5)`. Data may have been written to.
fn code_of(line: &str, program: &Path) -> Option<Range<usize>> {
    let mut words = line.split_ascii_whitespace();
    let (addresses, permissions) = (words.next()?, words.next()?);
    let path = words.nth(3)?;
    if permissions != "r-xp" || Path::new(path) != program {
        return None;
    }
    let (start, end) = addresses.split_once('-')?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[expect(unsafe_code, reason = "the kernel's own function")]
fn unmap(code: Range<usize>) {
    // SAFETY: nothing ever wrote to these pages, which cannot be written to: they read the same when they are mapped again.
    // Advice that is not taken changes nothing.
    unsafe { libc::madvise(code.start as *mut libc::c_void, code.len(), libc::MADV_DONTNEED) };
}

#[expect(unsafe_code, reason = "the allocator's own function, which its crate does not wrap")]
fn collect() {
    // `mimalloc.h`; in the library that the global allocator links.
    unsafe extern "C" {
        fn mi_collect(force: bool);
    }
    // SAFETY: it may be called at any time from any thread, and touches nothing that is in use.
    unsafe { mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `proc_pid_statm(5)`.
    fn resident() -> usize {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
        pages * rustix::param::page_size()
    }

    /// Bytes of this program's code that are mapped: `proc_pid_smaps(5)`.
    fn resident_code(program: &Path) -> usize {
        let (mut bytes, mut counts) = (0, false);
        for line in std::fs::read_to_string("/proc/self/smaps").unwrap().lines() {
            if let Some(rest) = line.strip_prefix("Rss:") {
                let size: usize = rest.trim().trim_end_matches(" kB").parse().unwrap();
                bytes += if counts { size << 10 } else { 0 };
            } else if line.split_ascii_whitespace().next().is_some_and(|word| word.contains('-')) {
                counts = code_of(line, program).is_some();
            }
        }
        bytes
    }

    #[test]
    #[expect(unsafe_code, reason = "it reads its own code")]
    fn code_that_is_not_run_goes_and_comes_back() {
        let program = std::fs::read_link("/proc/self/exe").unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let code = maps.lines().find_map(|line| code_of(line, &program)).unwrap();
        let sum = || {
            // SAFETY: these addresses are mapped for reading for as long as the process lives.
            let bytes = unsafe { std::slice::from_raw_parts(code.start as *const u8, code.len()) };
            bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
        };
        let before = sum();
        let all = resident_code(&program);
        unmap_program();
        // Other tests of this process run meanwhile.
        assert!(resident_code(&program) < all / 2, "{all}");
        assert_eq!(sum(), before);
    }

    #[test]
    fn what_was_freed_goes_back() {
        const SIZE: usize = 256 << 20;
        let before = resident();
        let large = std::hint::black_box(vec![1_u8; SIZE]);
        assert!(resident() > before + SIZE / 2);
        drop(large);
        collect();
        // Other tests of this process use memory meanwhile.
        assert!(resident() < before + SIZE / 2);
    }
}
