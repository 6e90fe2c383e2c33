//! What a unit runs: the command of its folder, with its output and its end on disk.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use installer_wire::{Failure, FailureKind, TIMED_OUT, UnitCommand};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::command::{code_of, program, wait_until};
use crate::failure::Doing;
use crate::files;

/// How a unit ended: `exit.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code, or 128 + the signal's number.
    pub code: i32,
    /// It was told to stop.
    #[serde(default)]
    pub stopped: bool,
}

/// Who runs a unit: `started.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub pid: u32,
    pub boot_id: String,
}

pub fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_vec(value).expect("records of strings and numbers are JSON");
    files::write(&path.to_string_lossy(), 0o600, &text)
}

/// Runs the command of `folder` to its end. The result is the exit code of this process, for systemd's eyes.
///
/// The lock is held from before `started.json` is there until this process is gone, whatever ends it: it is how others
/// tell a running unit from a lost one.
pub fn unit_exec(folder: &Path) -> Result<i32, Failure> {
    // Started by systemd this is a session of its own already and the call fails, which is as well.
    let _ = rustix::process::setsid();
    let lock = open_lock(&folder.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive).doing(|| format!("lock {}", folder.display()))?;
    let command: UnitCommand = read_json(&folder.join("command.json")).ok_or_else(|| {
        Failure::new(FailureKind::Missing, format!("{} holds no command", folder.display()))
    })?;
    let output = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(folder.join("output"))
        .doing(|| format!("open the output in {}", folder.display()))?;
    let stdin = take_stdin(&folder.join("stdin"))?;
    let started = Started { pid: std::process::id(), boot_id: boot_id() };
    write_json(&folder.join("started.json"), &started)?;
    let code = run(&command, stdin, &output);
    output.sync_all().doing(|| format!("sync the output in {}", folder.display()))?;
    write_json(&folder.join("exit.json"), &Exit { code, stopped: false })?;
    if code == TIMED_OUT && is_session_leader() {
        // What it started dies with this process: systemd would see to it, but is not everywhere the init.
        let _ = kill_process_group(rustix::process::getpid(), Signal::KILL);
    }
    Ok(code)
}

fn is_session_leader() -> bool {
    rustix::process::getsid(None).is_ok_and(|session| session == rustix::process::getpid())
}

fn run(command: &UnitCommand, stdin: Stdio, output: &File) -> i32 {
    let name = command.argv.first().map_or("", String::as_str);
    let ended = program(&command.argv, &command.env, command.workdir.as_deref()).and_then(|mut program| {
        let streams = (output.try_clone(), output.try_clone());
        let (Ok(stdout), Ok(stderr)) = streams else {
            return Err(Failure::new(FailureKind::Io, "share the output file"));
        };
        let child = program.stdin(stdin).stdout(stdout).stderr(stderr).spawn();
        let mut child = child.doing(|| format!("start {name}"))?;
        attend(&mut child, command.limit_seconds).doing(|| format!("wait for {name}"))
    });
    let mut output = output;
    match ended {
        Ok(Some(status)) => code_of(status),
        Ok(None) => {
            let limit = command.limit_seconds.unwrap_or_default();
            let _ = writeln!(output, "armilla: {name} did not end within {limit} s and was killed");
            TIMED_OUT
        }
        Err(failure) => {
            let _ = writeln!(output, "armilla: {failure}");
            // What a shell gives for a program that is not there, or that it cannot start.
            if failure.kind == FailureKind::Missing { 127 } else { 126 }
        }
    }
}

/// How it ended; nothing when its time ran out, by when it is dead.
fn attend(child: &mut Child, limit_seconds: Option<u32>) -> std::io::Result<Option<ExitStatus>> {
    let Some(seconds) = limit_seconds else { return child.wait().map(Some) };
    let ended = wait_until(child, Instant::now() + Duration::from_secs(seconds.into()))?;
    if ended.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(ended)
}

/// Opens the unit's standard input and removes its name: it may be secret, and is read once.
fn take_stdin(path: &Path) -> Result<Stdio, Failure> {
    match File::open(path) {
        Ok(file) => {
            fs::remove_file(path).doing(|| format!("remove {}", path.display()))?;
            Ok(file.into())
        }
        Err(_) => Ok(Stdio::null()),
    }
}

pub fn open_lock(path: &Path) -> Result<File, Failure> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .doing(|| format!("open {}", path.display()))
}

/// A name for this boot of this host.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(command: &UnitCommand) -> (i32, String, Duration) {
        let output = tempfile::NamedTempFile::new().unwrap();
        let began = Instant::now();
        let code = run(command, Stdio::null(), output.as_file());
        (code, fs::read_to_string(output.path()).unwrap(), began.elapsed())
    }

    #[test]
    fn a_command_that_hangs_is_killed_at_its_limit_and_says_so() {
        let hangs = UnitCommand::new("u", ["sh", "-c", "echo begun; exec sleep 60"]);
        let (code, said, took) = ran(&hangs.limit(Duration::from_secs(1)));
        assert_eq!(code, TIMED_OUT);
        assert_eq!(said, "begun\narmilla: sh did not end within 1 s and was killed\n");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }

    #[test]
    fn a_command_that_ends_in_time_knows_nothing_of_its_limit() {
        let quick = UnitCommand::new("u", ["sh", "-c", "echo done; exit 3"]);
        let (code, said, _) = ran(&quick.limit(Duration::from_secs(60)));
        assert_eq!((code, said.as_str()), (3, "done\n"));
    }
}
