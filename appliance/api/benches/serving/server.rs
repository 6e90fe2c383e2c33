//! A server of its own process, held to two cores where there are more; this process keeps to the others.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Cores for the server that is measured.
const CORES: usize = 2;

pub(crate) fn keep_off_its_cores() {
    let all = std::thread::available_parallelism().unwrap().get();
    if all > CORES {
        let mut others = CpuSet::new();
        (CORES..all).for_each(|core| others.set(core));
        sched_setaffinity(None, &others).unwrap();
    }
}

pub(crate) fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Until it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) begun: Instant,
}

impl Process {
    /// Its command, held to its cores.
    pub(crate) fn held(program: &Path) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &format!("0-{}", CORES - 1)]).arg(program).stdout(Stdio::null());
        command
    }

    pub(crate) fn start(mut command: Command) -> Process {
        let begun = Instant::now();
        Process { child: command.spawn().unwrap(), begun }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// A line on its standard input, which was piped.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// As a service manager ends it.
    pub(crate) fn end(mut self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }

    /// Resident memory in MB: all of it, and what is its own alone, without the pages of the program's file.
    pub(crate) fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let read = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1000.0
        };
        Memory { all: read("VmRSS:"), own: read("RssAnon:") }
    }

    /// Time of processors that it took so far.
    pub(crate) fn computed(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // proc_pid_stat(5): fields 14 and 15, in ticks of 10 ms; what stands in brackets may hold spaces.
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) all: f64,
    pub(crate) own: f64,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.1} MB resident ({:.1} its own, the rest pages of the program's file)",
            self.all, self.own
        )
    }
}

/// `armilla serve` over a state folder.
pub(crate) struct Armilla {
    program: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) address: String,
}

impl Armilla {
    pub(crate) fn new(program: &str, state: &Path) -> Armilla {
        Armilla { program: program.into(), state: state.to_owned(), address: free_address() }
    }

    pub(crate) fn start(&self) -> Process {
        let mut command = Process::held(&self.program);
        command.args(["serve", "--listen", &self.address, "--state"]).arg(&self.state);
        Process::start(command)
    }

    /// Bytes of its database.
    pub(crate) fn size(&self) -> u64 {
        std::fs::metadata(self.state.join("armilla.redb")).unwrap().len()
    }
}
