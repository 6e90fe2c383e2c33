//! What a command ends with when it does not end well.

use std::error::Error;
use std::fmt;

use appliance_control::ControlError;
use installer_model::{chain, plain};

/// Printed on standard error: every problem on a line, then what to do.
#[derive(Debug)]
pub(crate) struct CliError {
    /// Documented in `armilla --help`.
    pub(crate) code: u8,
    problems: Vec<String>,
    hint: Option<String>,
}

impl CliError {
    /// `problem` completes "failed to".
    pub(crate) fn new(code: u8, problem: impl Into<String>) -> CliError {
        CliError { code, problems: vec![problem.into()], hint: None }
    }

    /// Several problems at once, each complete in itself. The list is not empty.
    pub(crate) fn all(code: u8, problems: Vec<String>) -> CliError {
        CliError { code, problems, hint: None }
    }

    /// An error with all that lies behind it.
    pub(crate) fn from_error(code: u8, what: &str, error: &dyn Error) -> CliError {
        CliError::new(code, format!("{what}{}", chain(error)))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ControlError> for CliError {
    fn from(error: ControlError) -> CliError {
        let problems = error.problems.iter().map(ToString::to_string).collect();
        CliError { code: error.kind.exit_code(), problems, hint: error.hint }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [one] => writeln!(f, "error: {}", plain(one))?,
            many => {
                writeln!(f, "error: {} problems", many.len())?;
                for problem in many {
                    writeln!(f, "  {}", plain(problem).replace('\n', "\n    "))?;
                }
            }
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "hint: {hint}")?;
        }
        Ok(())
    }
}
