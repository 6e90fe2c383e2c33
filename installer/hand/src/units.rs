//! Commands that outlive their connection.
//!
//! A unit is a folder: what to run, its output so far, and in the end how it ended. Whoever reads the folder knows
//! how it stands; no process has to be asked. Starting and stopping go through systemd. On a machine where systemd is not
//! the init (a container that tests run in, or that Armilla itself runs in) the unit is a process in a session of its own:
//! it outlives the connection just the same, but nothing kills what it may have left behind.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use installer_wire::{Failure, FailureKind, Unit, UnitCommand, UnitState};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::failure::Doing;
use crate::files::NewFile;
use crate::transient::{Abilities, version_of};
use crate::unit_exec::{Exit, Started, boot_id, open_lock, read_json, write_json};

/// How long a unit may take from the request to start until it has its lock.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long a unit may take to end after SIGTERM. systemd is told the same.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// The longest that a follower is kept waiting for something to report.
const WAIT_LIMIT: Duration = Duration::from_secs(30);
/// The largest piece of output in one answer.
const PIECE_LIMIT: u32 = 256 * 1024;

/// What starts and stops processes that are not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launcher {
    Systemd,
    /// A process in a session of its own, where systemd is not the init.
    Session,
}

impl Launcher {
    /// As `sd_booted(3)` decides it.
    pub fn of_this_machine() -> Launcher {
        if Path::new("/run/systemd/system").is_dir() { Launcher::Systemd } else { Launcher::Session }
    }
}

pub struct Units {
    runs: PathBuf,
    launcher: Launcher,
}

/// A piece of a unit's output and how the unit stood before it was read.
#[derive(Debug)]
pub struct Followed {
    pub offset: u64,
    pub size: u64,
    pub state: UnitState,
    pub output: Vec<u8>,
}

impl Units {
    /// The units under the hand's root. Touches nothing.
    pub fn at(root: &Path) -> Units {
        Units { runs: root.join("runs"), launcher: Launcher::of_this_machine() }
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
        if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.chars().all(fits) {
            return Err(Failure::new(FailureKind::Invalid, format!("{name:?} is not a name for a unit")));
        }
        Ok(self.runs.join(name))
    }

    /// Starts a unit, or finds it started; the latter is `true`.
    pub fn start(&self, command: &UnitCommand, stdin: &[u8]) -> Result<bool, Failure> {
        let folder = self.folder(&command.name)?;
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.doing(|| format!("make the folder {}", folder.display()))?;
        let starting = open_lock(&folder.join("start.lock"))?;
        flock(&starting, FlockOperation::LockExclusive).doing(|| format!("lock {}", folder.display()))?;
        if let Some(there) = read_json::<UnitCommand>(&folder.join("command.json")) {
            if there == *command {
                return Ok(true);
            }
            let other = format!("unit {} is there with another command", command.name);
            return Err(Failure::new(FailureKind::Exists, other));
        }
        let started = self.start_in(&folder, command, stdin);
        if started.is_err() {
            // Nothing runs: without the record, the same name may be tried again.
            let _ = fs::remove_dir_all(&folder);
        }
        started.map(|()| false)
    }

    fn start_in(&self, folder: &Path, command: &UnitCommand, stdin: &[u8]) -> Result<(), Failure> {
        if !stdin.is_empty() {
            let mut file = NewFile::beside(&folder.join("stdin").to_string_lossy())?;
            std::io::Write::write_all(&mut file.file, stdin).doing(|| "write the unit's input".to_owned())?;
            file.commit(0o600)?;
        }
        write_json(&folder.join("command.json"), command)?;
        let exe = std::env::current_exe().doing(|| "find this program".to_owned())?;
        match self.launcher {
            Launcher::Systemd => start_with_systemd(&exe, folder, &command.name)?,
            Launcher::Session => start_in_session(&exe, folder)?,
        }
        let deadline = Instant::now() + START_LIMIT;
        while !folder.join("started.json").exists() {
            if Instant::now() > deadline {
                let late = format!("unit {} did not start within {} s", command.name, START_LIMIT.as_secs());
                return Err(Failure::new(FailureKind::Timeout, late));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub fn state(&self, name: &str) -> Result<UnitState, Failure> {
        Ok(state_of(&self.folder(name)?))
    }

    /// Waits until there is output past `offset` or the unit is over, at most `wait`.
    pub fn follow(&self, name: &str, offset: u64, max: u32, wait: Duration) -> Result<Followed, Failure> {
        let folder = self.folder(name)?;
        let deadline = Instant::now() + wait.min(WAIT_LIMIT);
        let mut pause = Duration::from_millis(5);
        loop {
            // The state first: what is read after a unit was seen to be over is all there will be.
            let state = state_of(&folder);
            let (size, output) = output_from(&folder, offset, max.min(PIECE_LIMIT))?;
            if !output.is_empty() || state.is_over() || Instant::now() >= deadline {
                return Ok(Followed { offset, size, state, output });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Stops a unit and all it started; one that is over stays as it was.
    pub fn stop(&self, name: &str) -> Result<Unit, Failure> {
        let folder = self.folder(name)?;
        if state_of(&folder) == UnitState::Running {
            match self.launcher {
                Launcher::Systemd => stop_with_systemd(&folder, name)?,
                Launcher::Session => stop_session(&folder)?,
            }
            if state_of(&folder) == UnitState::Lost {
                write_json(&folder.join("exit.json"), &Exit { code: 143, stopped: true })?;
            }
        }
        Ok(unit_in(&folder, name))
    }

    pub fn list(&self) -> Result<Vec<Unit>, Failure> {
        let entries = match fs::read_dir(&self.runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(crate::failure::io_failure("list the units", &error)),
        };
        let mut units: Vec<Unit> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .map(|name| unit_in(&self.runs.join(&name), &name))
            .collect();
        units.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(units)
    }

    /// Deletes the record of units that are over.
    pub fn forget(&self, names: &[String]) -> Result<(), Failure> {
        for name in names {
            let folder = self.folder(name)?;
            match state_of(&folder) {
                UnitState::Running => {
                    return Err(Failure::new(FailureKind::Busy, format!("unit {name} is running")));
                }
                UnitState::Absent => {}
                UnitState::Exited(_) | UnitState::Lost => {
                    if self.launcher == Launcher::Systemd {
                        unload_failed(name);
                    }
                    fs::remove_dir_all(&folder).doing(|| format!("remove {}", folder.display()))?;
                }
            }
        }
        Ok(())
    }
}

fn unit_in(folder: &Path, name: &str) -> Unit {
    let state = state_of(folder);
    let output = fs::metadata(folder.join("output")).map_or(0, |meta| meta.len());
    let argv =
        read_json::<UnitCommand>(&folder.join("command.json")).map_or(Vec::new(), |command| command.argv);
    Unit { name: name.to_owned(), state, output, argv }
}

fn state_of(folder: &Path) -> UnitState {
    let ended = || read_json::<Exit>(&folder.join("exit.json")).map(|exit| UnitState::Exited(exit.code));
    if !folder.join("command.json").exists() {
        return UnitState::Absent;
    }
    if let Some(ended) = ended() {
        return ended;
    }
    if is_locked(&folder.join("start.lock")) || is_locked(&folder.join("lock")) {
        return UnitState::Running;
    }
    // It may have ended between the first look and the locks.
    ended().unwrap_or(UnitState::Lost)
}

fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    flock(&file, FlockOperation::NonBlockingLockShared).is_err()
}

fn output_from(folder: &Path, offset: u64, max: u32) -> Result<(u64, Vec<u8>), Failure> {
    let Ok(mut file) = File::open(folder.join("output")) else { return Ok((0, Vec::new())) };
    let what = || format!("read the output in {}", folder.display());
    let size = file.metadata().doing(what)?.len();
    file.seek(SeekFrom::Start(offset)).doing(what)?;
    let mut output = Vec::new();
    file.take(u64::from(max)).read_to_end(&mut output).doing(what)?;
    Ok((size, output))
}

fn systemctl(words: &[&str]) -> Result<std::process::Output, Failure> {
    Process::new("systemctl").args(words).stdin(Stdio::null()).output().doing(|| "start systemctl".to_owned())
}

/// Of the systemd that runs, asked once for the life of this hand.
fn abilities() -> Abilities {
    static VERSION: OnceLock<Option<u32>> = OnceLock::new();
    let ask = || version_of(&String::from_utf8_lossy(&systemctl(&["--version"]).ok()?.stdout));
    Abilities::of(*VERSION.get_or_init(ask))
}

fn start_with_systemd(exe: &Path, folder: &Path, name: &str) -> Result<(), Failure> {
    let started = Process::new("systemd-run")
        .args(abilities().run_arguments(name, exe, folder, STOP_LIMIT.as_secs()))
        .stdin(Stdio::null())
        .output()
        .doing(|| "start systemd-run".to_owned())?;
    if started.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&started.stderr);
    Err(Failure::new(FailureKind::Io, format!("start unit {name}: {}", said.trim())))
}

fn stop_with_systemd(folder: &Path, name: &str) -> Result<(), Failure> {
    let unit = format!("{name}.service");
    if !abilities().limits_stopping() {
        end_within_the_limit(folder, &unit)?;
    }
    let stopped = systemctl(&["stop", &unit])?;
    if stopped.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&stopped.stderr);
    // It ended by itself and was collected in the meantime.
    if said.contains("not loaded") {
        return Ok(());
    }
    Err(Failure::new(FailureKind::Io, format!("stop unit {name}: {}", said.trim())))
}

/// What newer versions of systemd do by themselves: SIGKILL for what SIGTERM did not end in time.
fn end_within_the_limit(folder: &Path, unit: &str) -> Result<(), Failure> {
    systemctl(&["--no-block", "stop", unit])?;
    let deadline = Instant::now() + STOP_LIMIT;
    while state_of(folder) == UnitState::Running && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    if state_of(folder) == UnitState::Running {
        systemctl(&["kill", "--signal=KILL", unit])?;
    }
    Ok(())
}

/// A unit that failed stays loaded where systemd does not collect it; one that is not loaded is what is wanted.
fn unload_failed(name: &str) {
    if !abilities().collects() {
        let _ = systemctl(&["reset-failed", &format!("{name}.service")]);
    }
}

fn start_in_session(exe: &Path, folder: &Path) -> Result<(), Failure> {
    let mut child = Process::new(exe)
        .args(["hand", "unit-exec"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .doing(|| format!("start {}", exe.display()))?;
    // Reaps it when it ends while this hand is still there; otherwise init does.
    thread::spawn(move || child.wait());
    Ok(())
}

fn stop_session(folder: &Path) -> Result<(), Failure> {
    let started: Option<Started> = read_json(&folder.join("started.json"));
    // The lock is held, so the process is alive and its number its own.
    let here = started.filter(|started| started.boot_id == boot_id());
    let Some(group) = here.and_then(|started| Pid::from_raw(started.pid as i32)) else { return Ok(()) };
    let deadline = Instant::now() + STOP_LIMIT;
    let _ = kill_process_group(group, Signal::TERM);
    while state_of(folder) == UnitState::Running && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let _ = kill_process_group(group, Signal::KILL);
    while state_of(folder) == UnitState::Running {
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
