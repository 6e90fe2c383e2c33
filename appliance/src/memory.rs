//! A server that waits holds what it needs for that, and not what it once needed.
//!
//! ```text
//!  every 5 s    what is free inside the allocator goes back to the kernel
//!  every 60 s   the program's own code is unmapped; what still runs is mapped again by the fault that wants it
//! ```

use std::ops::Range;
use std::time::Duration;

/// Between two times of giving back. What was freed shortly before may be wanted again.
const PAUSE: Duration = Duration::from_secs(5);
/// So many pauses between two times of unmapping: some hundred faults of microseconds each are nothing in a minute.
const PAUSES: u64 = 12;

/// For as long as it is polled. mimalloc gives back what is free when something is allocated or freed a second later: a server
/// that hashed a password and then waits would keep those 19 MiB. And the start runs through code of all routes, around each
/// piece of which the kernel maps 64 KiB of the file: pages that are mapped are the last that it takes back.
pub(crate) async fn give_back() {
    for pauses in 0_u64.. {
        tokio::time::sleep(PAUSE).await;
        collect();
        if pauses.is_multiple_of(PAUSES) {
            unmap_code();
        }
    }
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

/// A kernel that says nothing of our mappings, or does not unmap them, is no reason not to work.
#[expect(
    unsafe_code,
    reason = "neither the standard library nor a crate that we have takes pages out of a mapping"
)]
fn unmap_code() {
    let Ok(mappings) = std::fs::read_to_string("/proc/self/maps") else { return };
    for Range { start, end } in code(&mappings) {
        let start = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: code of a file that nobody may write to in memory is the same after it was read again (madvise(2)).
        unsafe { libc::madvise(start, end - start.addr(), libc::MADV_DONTNEED) };
    }
}

/// Mappings of files that are code and cannot have changed since they were read: `proc_pid_maps(5)`.
fn code(mappings: &str) -> impl Iterator<Item = Range<usize>> {
    mappings.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (range, allowed) = (words.next()?, words.next()?);
        let file = words.nth(3)?;
        let (start, end) = range.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        (allowed == "r-xp" && file.starts_with('/')).then_some(number(start)?..number(end)?)
    })
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

    #[test]
    fn code_is_what_a_file_holds_and_nobody_writes() {
        let mappings = "01000000-01841000 r--p 00000000 fe:00 1180 /usr/bin/armilla\n\
            01841000-03c7a000 r-xp 00840000 fe:00 1180 /usr/bin/armilla\n\
            03c7a000-03ddd000 rw-p 02c78000 fe:00 1180 /usr/bin/armilla\n\
            03dea000-03dfe000 rwxp 00000000 00:00 0\n\
            7fc5c107f000-7fc5c1081000 r-xp 00000000 00:00 0 [vdso]\n";
        assert_eq!(code(mappings).collect::<Vec<_>>(), [0x0184_1000..0x03c7_a000]);
    }

    #[test]
    fn code_runs_on_after_it_was_unmapped() {
        let mappings = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(code(&mappings).count() > 0, "{mappings}");
        unmap_code();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(b"abc");
        assert!(format!("{digest:x}").starts_with("ba7816bf8f01cfea414140de5dae2223"));
    }
}
