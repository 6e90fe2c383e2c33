//! Short commands: bounded in time and output, gone with the connection.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use installer_wire::{Command, CommandOutput, Failure, FailureKind};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::failure::Doing;

/// How long output that is still held open by a process left behind is waited for after the command itself ended.
const GRACE: Duration = Duration::from_millis(500);

/// Where programs are looked for: what systemd gives its units.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The commands that run now, as process groups, so that none outlives its hand.
#[derive(Default)]
pub struct Commands {
    groups: Mutex<BTreeSet<i32>>,
}

/// The exit code as a shell gives it: a signal n is 128 + n.
pub fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A program with the same small environment whichever way the hand was started.
pub fn program(
    argv: &[String],
    env: &std::collections::BTreeMap<String, String>,
    workdir: Option<&str>,
) -> Result<std::process::Command, Failure> {
    let Some((name, arguments)) = argv.split_first() else {
        return Err(Failure::new(FailureKind::Invalid, "the command is empty"));
    };
    let mut program = std::process::Command::new(name);
    program.args(arguments).env_clear();
    program.env("PATH", PATH).env("HOME", "/root").env("LC_ALL", "C").envs(env);
    program.current_dir(workdir.unwrap_or("/"));
    Ok(program)
}

impl Commands {
    fn groups(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills what is still running.
    pub fn kill_all(&self) {
        for group in std::mem::take(&mut *self.groups()) {
            kill_group(group);
        }
    }

    /// Runs a command to its end or its time limit.
    pub fn run(&self, command: &Command, stdin: Vec<u8>) -> Result<CommandOutput, Failure> {
        let name = command.argv.first().map_or("", String::as_str);
        let mut child = program(&command.argv, &command.env, command.workdir.as_deref())?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .doing(|| format!("start {name}"))?;
        let group = child.id() as i32;
        self.groups().insert(group);
        let ended = self.attend(&mut child, command, stdin);
        // The command is reaped; what it left behind in its group goes with a time-out or the hand.
        if ended.is_err() {
            kill_group(group);
            let _ = child.wait();
        }
        self.groups().remove(&group);
        ended
    }

    fn attend(&self, child: &mut Child, command: &Command, stdin: Vec<u8>) -> Result<CommandOutput, Failure> {
        let name = command.argv.first().map_or("", String::as_str);
        let deadline = Instant::now() + Duration::from_millis(command.timeout_ms);
        let mut input = child.stdin.take().expect("stdin was asked for");
        // A command that does not read its input closes it; that is its business.
        thread::spawn(move || input.write_all(&stdin));
        let max = command.max_output as usize;
        let stdout = collect(child.stdout.take().expect("stdout was asked for"), max);
        let stderr = collect(child.stderr.take().expect("stderr was asked for"), max);
        let status = wait_until(child, deadline).doing(|| format!("wait for {name}"))?.ok_or_else(|| {
            let seconds = command.timeout_ms as f64 / 1000.0;
            Failure::new(FailureKind::Timeout, format!("{name} did not end within {seconds} s"))
        })?;
        let (stdout, cut_out) = gathered(&stdout, max);
        let (stderr, cut_err) = gathered(&stderr, max);
        Ok(CommandOutput { code: code_of(status), stdout, stderr, truncated: cut_out || cut_err })
    }
}

fn kill_group(group: i32) {
    if let Some(pid) = Pid::from_raw(group) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Waits in growing steps: most commands end within milliseconds.
pub(crate) fn wait_until(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(40));
    }
}

/// Reads a stream to its end on a thread of its own, passing on the first `max` bytes.
fn collect(mut from: impl Read + Send + 'static, max: usize) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut piece = vec![0; 16 * 1024];
        let mut passed = 0;
        while let Ok(read @ 1..) = from.read(&mut piece) {
            // One byte more than wanted tells the other side that there was more.
            let keep = read.min((max + 1).saturating_sub(passed));
            passed += keep;
            if keep > 0 && send.send(piece[..keep].to_vec()).is_err() {
                break;
            }
        }
    });
    receive
}

/// What a collected stream gave, and whether there was more.
fn gathered(from: &Receiver<Vec<u8>>, max: usize) -> (Vec<u8>, bool) {
    let deadline = Instant::now() + GRACE;
    let mut all = Vec::new();
    // Ends with the stream, or when the grace is over.
    while let Ok(piece) = from.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        all.extend(piece);
    }
    let truncated = all.len() > max;
    all.truncate(max);
    (all, truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        Command::new(["sh", "-c", script])
    }

    #[test]
    fn both_streams_the_code_and_the_input_come_through() {
        let output = Commands::default().run(&sh("cat; echo bad >&2; exit 3"), b"in".to_vec()).unwrap();
        assert_eq!((output.code, &output.stdout[..], &output.stderr[..]), (3, &b"in"[..], &b"bad\n"[..]));
        assert!(!output.truncated);
    }

    #[test]
    fn a_signal_is_told_as_a_shell_tells_it() {
        assert_eq!(Commands::default().run(&sh("kill -9 $$"), vec![]).unwrap().code, 137);
    }

    #[test]
    fn output_past_the_limit_is_dropped_and_the_command_still_ends() {
        let mut command = sh("head -c 3000000 /dev/zero");
        command.max_output = 1000;
        let output = Commands::default().run(&command, vec![]).unwrap();
        assert_eq!((output.code, output.stdout.len(), output.truncated), (0, 1000, true));
    }

    #[test]
    fn a_command_past_its_time_is_killed_with_what_it_started() {
        let mark = format!("86{}", std::process::id());
        let began = Instant::now();
        let failure = Commands::default()
            .run(&sh(&format!("sleep {mark} & sleep {mark}")).timeout_ms(200), vec![])
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::Timeout);
        assert!(began.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(100));
        let left = std::process::Command::new("pgrep").args(["-f", &format!("sleep {mark}")]).output();
        if let Ok(left) = left {
            assert_eq!(String::from_utf8_lossy(&left.stdout), "");
        }
    }

    #[test]
    fn a_process_left_behind_with_the_output_open_does_not_hold_the_answer() {
        let began = Instant::now();
        let commands = Commands::default();
        let output = commands.run(&sh("sleep 30 & echo done"), vec![]).unwrap();
        assert_eq!(output.stdout, b"done\n");
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_is_not_there_is_missing() {
        let failure = Commands::default().run(&Command::new(["no-such-program"]), vec![]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Missing);
    }
}
