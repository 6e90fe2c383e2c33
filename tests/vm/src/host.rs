//! One host that was made: started, watched until ssh answers, entered, cut from power.

use crate::address;
use crate::command::{self, CommandError};
use crate::condition::{Cable, Condition};
use crate::file::{self, FileError};
use crate::netns;
use crate::place::{HostPlace, Place, namespace_file};
use crate::process::Process;
use crate::state::{HostRecord, Record};
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Why a host is not there as it should be.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("make {host}")]
    Make { host: String, source: CommandError },
    #[error("change the cables of {host}")]
    Cables { host: String, source: CommandError },
    #[error("run a command on {host}")]
    Command { host: String, source: CommandError },
    #[error("keep the files of a host")]
    File(#[from] FileError),
    #[error("start {host}")]
    Start { host: String, source: std::io::Error },
    #[error("start {host}: it ended before ssh answered; its console says:\n{console}")]
    Ended { host: String, console: String },
    #[error("reach ssh on {host} within {} s; its console says:\n{console}", .limit.as_secs())]
    Silent { host: String, limit: Duration, console: String },
    #[error("start {0}: it is running")]
    Running(String),
    #[error("run something on {0}: it is off")]
    Off(String),
    #[error("cut the power of {0}: it is still running")]
    StillRunning(String),
}

/// A host that boots in 1 to 3 s takes this long only when the machine is overloaded or the host is broken.
const SSH_ANSWERS_WITHIN: Duration = Duration::from_secs(90);

/// One host of a lab that is up.
#[derive(Debug, Clone)]
pub struct Host {
    pub(crate) lab_namespace: String,
    pub(crate) place: HostPlace,
    record: HostRecord,
}

impl Host {
    pub(crate) fn of(lab: &Record, position: usize) -> Host {
        let place = Place::of(&lab.name);
        let record = lab.hosts[position].clone();
        Host { lab_namespace: place.own_namespace(), place: place.host(&record.name), record }
    }

    pub fn name(&self) -> &str {
        &self.record.name
    }
    pub fn address(&self) -> Ipv4Addr {
        self.record.address
    }
    pub fn cluster_address(&self) -> Option<Ipv4Addr> {
        self.record.cluster_address
    }
    /// `SHA256:…` of the host's ssh key.
    pub fn fingerprint(&self) -> &str {
        &self.record.fingerprint
    }
    /// The host's root on the machine: its files can be read and changed here, on or off.
    pub fn root(&self) -> PathBuf {
        self.place.root()
    }
    /// All that the host has said on its console since it was made.
    pub fn console(&self) -> String {
        std::fs::read(self.place.console())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
    /// The name of the host's network namespace, as `ip -n` takes it.
    pub(crate) fn namespace(&self) -> &str {
        &self.place.namespace
    }

    pub(crate) fn cables(&self) -> Vec<Cable> {
        let cable = |card, bridge, port: String, address| Cable {
            port,
            bridge,
            card,
            hardware: address::hardware(address),
        };
        let name = self.name();
        let second = |address| cable("cluster0", "lab1", format!("{name}-cluster"), address);
        let first = cable("host0", "lab0", name.to_owned(), self.record.address);
        [Some(first), self.record.cluster_address.map(second)].into_iter().flatten().collect()
    }

    pub(crate) fn condition(&self) -> Condition {
        let text = file::read(&self.place.condition()).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn keep_condition(&self, condition: &Condition) -> Result<(), HostError> {
        let text = serde_json::to_string(condition).expect("a condition is plain data");
        let script = condition.script(&self.lab_namespace, &self.place.namespace, &self.cables());
        file::write(&self.place.condition(), &text, 0o600)?;
        Ok(file::write(&self.place.condition_script(), &script, 0o600)?)
    }

    /// Keeps the condition for every start to come, and puts it on now if the host runs.
    pub(crate) fn put_in_condition(&self, condition: &Condition) -> Result<(), HostError> {
        self.keep_condition(condition)?;
        if self.is_on() {
            let script = self.place.condition_script();
            command::run("sh", [script])
                .map_err(|source| HostError::Cables { host: self.record.name.clone(), source })?;
        }
        Ok(())
    }

    /// Whether the host runs, or is between two runs of a reboot.
    pub fn is_on(&self) -> bool {
        Process::from_file(&self.place.supervisor()).is_some_and(Process::is_alive)
    }

    /// The host's first process, as the machine sees it.
    pub fn leader(&self) -> Option<Process> {
        let nspawn = Process::from_file(&self.place.nspawn()).filter(|process| process.is_alive())?;
        nspawn.children().into_iter().find(|child| is_first_of_its_namespace(child.pid))
    }

    /// Gives the host power; returns at once.
    pub(crate) fn start(&self) -> Result<(), HostError> {
        if self.is_on() {
            return Err(HostError::Running(self.record.name.clone()));
        }
        let failed = |source| HostError::Start { host: self.record.name.clone(), source };
        let console = File::options().create(true).append(true).open(self.place.console()).map_err(failed)?;
        let mut supervisor = Command::new("setsid")
            .arg("sh")
            .arg(self.place.start_script())
            .stdin(Stdio::null())
            .stdout(console.try_clone().map_err(failed)?)
            .stderr(console)
            .spawn()
            .map_err(failed)?;
        // The file is there before anybody asks whether the host is on.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.is_on() && Instant::now() < deadline && !matches!(supervisor.try_wait(), Ok(Some(_))) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Nobody else waits for it as long as this process lives.
        std::thread::spawn(move || supervisor.wait());
        Ok(())
    }

    /// Waits until ssh answers and logins are open.
    pub fn wait(&self) -> Result<(), HostError> {
        let deadline = Instant::now() + SSH_ANSWERS_WITHIN;
        let console = || command::last_lines(&self.console(), 25);
        loop {
            if !self.is_on() {
                return Err(HostError::Ended { host: self.record.name.clone(), console: console() });
            }
            if self.ssh_answers()? && self.logins_are_open() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let limit = SSH_ANSWERS_WITHIN;
                return Err(HostError::Silent { host: self.record.name.clone(), limit, console: console() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks inside the host's own namespace, so that a host whose cable is cut can come up too.
    fn ssh_answers(&self) -> Result<bool, HostError> {
        let file = namespace_file(&self.place.namespace);
        if !file.exists() {
            return Ok(false);
        }
        let address = SocketAddr::from((self.record.address, 22));
        let greeted = || {
            let limit = Duration::from_secs(2);
            let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
            stream.set_read_timeout(Some(limit)).ok()?;
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting).ok()?;
            (greeting == *b"SSH-").then_some(())
        };
        match netns::inside(&file, greeted) {
            Ok(answer) => Ok(answer.is_some()),
            // The namespace is made anew while the host reboots.
            Err(_) => Ok(false),
        }
    }

    /// While a host boots, pam_nologin keeps ordinary users out.
    fn logins_are_open(&self) -> bool {
        self.leader()
            .is_some_and(|leader| !Path::new(&format!("/proc/{}/root/run/nologin", leader.pid)).exists())
    }

    /// Ends the host's first process, and all others with it, with no chance to say goodbye; returns at once. What it
    /// had written but not yet synced is kept all the same: the machine's memory stays on.
    pub(crate) fn cut_power(&self) {
        if let Some(supervisor) = Process::from_file(&self.place.supervisor()) {
            supervisor.kill();
        }
        if let Some(leader) = self.leader() {
            leader.kill();
        }
    }

    /// After `cut_power`: returns when nothing of the host runs any more.
    pub(crate) fn wait_for_off(&self) -> Result<(), HostError> {
        let limit = Duration::from_secs(15);
        let nspawn = Process::from_file(&self.place.nspawn());
        if nspawn.is_some_and(|nspawn| !nspawn.wait_for_end(limit)) {
            return Err(HostError::StillRunning(self.record.name.clone()));
        }
        Ok(())
    }

    /// A command that runs inside the host as root: not over ssh, so also when the host's network is cut.
    pub fn command<S: AsRef<std::ffi::OsStr>>(
        &self,
        words: impl IntoIterator<Item = S>,
    ) -> Result<Command, HostError> {
        let leader = self.leader().ok_or_else(|| HostError::Off(self.record.name.clone()))?;
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", leader.pid));
        command.args([
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--cgroup",
            "--root",
            "--wd",
            "--no-fork",
        ]);
        command.args(["--", "env", "-i", "HOME=/root", "LANG=C.UTF-8"]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        // nsenter would stop itself when a host that shuts down stops all its processes, never collect its child, and
        // so keep the host from ending. A shell waits and minds nothing else.
        command.args(["sh", "-c", "\"$@\"; exit $?", "sh"]).args(words);
        Ok(command)
    }

    /// Runs a shell line inside the host as root; its standard output. A status other than 0 is an error.
    pub fn shell(&self, line: &str) -> Result<String, HostError> {
        let mut command = self.command(["sh", "-c", line])?;
        command::run_command(command.stdin(Stdio::null()))
            .map_err(|source| HostError::Command { host: self.record.name.clone(), source })
    }
}

/// The last number of the line `NSpid:` is the one that the process has in its own namespace.
fn is_first_of_its_namespace(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    numbers.len() > 1 && numbers.last() == Some(&"1")
}
