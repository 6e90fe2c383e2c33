//! Runs one of the machine's own commands and says in full what went wrong with it.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A command of the machine that could not be started or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("start `{command}`")]
    Start { command: String, source: std::io::Error },
    #[error("run `{command}`: {status}: {complaint}")]
    Failed { command: String, status: std::process::ExitStatus, complaint: String },
}

/// Runs `program` with `arguments`; its standard output as text.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String, CommandError> {
    run_command(Command::new(program).args(arguments).stdin(Stdio::null()))
}

/// Runs `program` and gives it `input` on its standard input.
pub(crate) fn run_with_input<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
    input: &str,
) -> Result<String, CommandError> {
    run_command_with_input(Command::new(program).args(arguments), input)
}

/// As [`run_with_input`], for a prepared command.
pub(crate) fn run_command_with_input(command: &mut Command, input: &str) -> Result<String, CommandError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let words = in_words(command);
    let failed = |source| CommandError::Start { command: words.clone(), source };
    let mut child = command.spawn().map_err(failed)?;
    // A program that ends without reading says why in its status; the broken pipe adds nothing.
    let _ = child.stdin.take().expect("the pipe was asked for above").write_all(input.as_bytes());
    judge(&words, child.wait_with_output().map_err(failed)?)
}

/// Runs a prepared command to its end; its standard output as text.
pub(crate) fn run_command(command: &mut Command) -> Result<String, CommandError> {
    let words = in_words(command);
    let output = command.output().map_err(|source| CommandError::Start { command: words.clone(), source })?;
    judge(&words, output)
}

fn judge(words: &str, output: Output) -> Result<String, CommandError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(CommandError::Failed {
        command: words.to_owned(),
        status: output.status,
        complaint: last_lines(&String::from_utf8_lossy(&output.stderr), 12),
    })
}

fn in_words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// The last `count` lines of a text: where programs put what stopped them.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_named_with_what_it_said() {
        let error = run("sh", ["-c", "echo no such disk >&2; exit 3"]).unwrap_err().to_string();
        assert!(error.contains("exit status: 3: no such disk"), "{error}");
    }

    #[test]
    fn input_reaches_the_command() {
        assert_eq!(run_with_input("cat", [""; 0], "one\ntwo\n").unwrap(), "one\ntwo\n");
    }

    #[test]
    fn last_lines_are_the_last() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\n", 2), "a");
    }
}
