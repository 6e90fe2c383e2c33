//! A process that can be told from a later one with the same number.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// A process id with the moment it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
/// The kernel gives a number out again; it never gives out the pair again before the next boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    pub started: u64,
}

impl Process {
    /// The live process with this number, if there is one.
    pub fn with_pid(pid: u32) -> Option<Process> {
        let stat = Stat::of(pid)?;
        stat.alive.then_some(Process { pid, started: stat.started })
    }

    pub fn this() -> Process {
        Process::with_pid(std::process::id()).expect("a running process is listed in /proc")
    }

    /// What a start script left in its pid file: `PID STARTED`.
    pub(crate) fn from_file(file: &Path) -> Option<Process> {
        let text = std::fs::read_to_string(file).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Process { pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    /// Whether this very process still runs. A zombie has ended.
    pub fn is_alive(self) -> bool {
        Process::with_pid(self.pid) == Some(self)
    }

    /// Ends this very process at once. The handle is opened before the start time is compared, so the number
    /// cannot pass to another process in between.
    pub fn kill(self) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        if self.is_alive() {
            // It may have ended by itself since: then there is nothing left to end.
            let _ = pidfd_send_signal(&handle, Signal::KILL);
        }
    }

    /// Waits until the process has ended, for at most `limit`; whether it has.
    pub fn wait_for_end(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// The live children of this process.
    pub fn children(self) -> Vec<Process> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| {
                let stat = Stat::of(pid)?;
                (stat.parent == self.pid && stat.alive).then_some(Process { pid, started: stat.started })
            })
            .collect()
    }
}

struct Stat {
    alive: bool,
    parent: u32,
    started: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Stat> {
        Stat::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// proc_pid_stat(5). The command name, in brackets, may hold spaces and brackets of its own: everything is
    /// counted from the last closing one.
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Stat {
            alive: !matches!(*fields.first()?, "Z" | "X" | "x"),
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_brackets_does_not_shift_the_fields() {
        let text = "12 (a) b (c)) S 7 12 12 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 9 9";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.alive, stat.parent, stat.started), (true, 7, 4711));
    }

    #[test]
    fn a_reused_number_is_not_the_same_process() {
        let this = Process::this();
        assert!(this.is_alive());
        let earlier = Process { started: this.started - 1, ..this };
        assert!(!earlier.is_alive());
        earlier.kill(); // Would end this test if numbers alone counted.
    }

    #[test]
    fn a_killed_child_has_ended_although_nobody_waited_for_it() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::with_pid(child.id()).unwrap();
        assert!(Process::this().children().contains(&process));
        process.kill();
        assert!(process.wait_for_end(Duration::from_secs(5)));
        child.wait().unwrap();
    }
}
