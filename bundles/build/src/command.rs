//! Running the tools that a build needs.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How much of what a tool says is kept for the error.
const TAIL_LINES: usize = 40;

/// How long a cancelled build may go on before it is noticed.
const POLL: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("start {program}")]
    Start { program: String, source: std::io::Error },
    #[error("run {program}: {status}\n{tail}")]
    Failed { program: String, status: ExitStatus, tail: String },
    #[error("run {program}: stopped, because another part of the build failed")]
    Cancelled { program: String },
}

/// Runs `command` to its end, gives its standard output, and hands each line of its standard error to `line`.
///
/// When `cancel` becomes true, the process is killed.
pub(crate) fn run(
    command: &mut Command,
    cancel: &AtomicBool,
    mut line: impl FnMut(&str) + Send,
) -> Result<String, CommandError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let start = |source| CommandError::Start { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(start)?;
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    let (status, output, tail) = std::thread::scope(|scope| {
        let output = scope.spawn(move || {
            let mut output = Vec::new();
            stdout.read_to_end(&mut output).map(|_| String::from_utf8_lossy(&output).into_owned())
        });
        let tail = scope.spawn(move || {
            let mut tail = VecDeque::new();
            for text in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let text = String::from_utf8_lossy(&text).into_owned();
                line(&text);
                if tail.len() == TAIL_LINES {
                    tail.pop_front();
                }
                tail.push_back(text);
            }
            tail.make_contiguous().join("\n")
        });
        let status = loop {
            if let Some(status) = child.try_wait().transpose() {
                break status;
            }
            if cancel.load(Ordering::Relaxed) {
                // Both fail only when the process is gone already, which is what is wanted.
                let _ = child.kill();
                let _ = child.wait();
            }
            std::thread::sleep(POLL);
        };
        let join =
            |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().expect("a reader does not panic");
        let tail = tail.join().expect("a reader does not panic");
        (status, join(output), tail)
    });
    let (status, output) = (status.map_err(start)?, output.map_err(start)?);
    if cancel.load(Ordering::Relaxed) && !status.success() {
        return Err(CommandError::Cancelled { program });
    }
    if !status.success() {
        return Err(CommandError::Failed { program, status, tail });
    }
    Ok(output)
}

/// Whether a program of this name is on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| is_executable(&directory.join(program)))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_the_last_words_of_a_failure_are_kept_apart() {
        let go_on = AtomicBool::new(false);
        let mut lines = vec![];
        let output =
            run(&mut sh("echo out; echo err >&2"), &go_on, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!((output.as_str(), lines), ("out\n", vec!["err".to_owned()]));
        let error = run(&mut sh("echo why >&2; exit 3"), &go_on, |_| {}).unwrap_err();
        assert!(matches!(&error, CommandError::Failed { tail, .. } if tail == "why"), "{error}");
    }

    #[test]
    fn a_cancelled_process_is_killed() {
        let error = run(&mut sh("exec sleep 600"), &AtomicBool::new(true), |_| {}).unwrap_err();
        assert!(matches!(error, CommandError::Cancelled { .. }), "{error}");
    }
}
