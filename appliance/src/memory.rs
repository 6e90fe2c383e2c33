//! A server that waits holds what it needs for that, and not what it once needed.

use std::time::Duration;

/// Between two times of giving back. What was freed shortly before may be wanted again.
const PAUSE: Duration = Duration::from_secs(5);

/// For as long as it is polled. mimalloc gives back what is free when something is allocated or freed a second later: a server
/// that hashed a password and then waits would keep those 19 MiB.
pub(crate) async fn give_back() {
    loop {
        tokio::time::sleep(PAUSE).await;
        collect();
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
}
