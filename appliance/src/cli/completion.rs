//! `armilla completion`.

use clap::{Args, Command};

use super::CliError;

#[derive(Debug, Args)]
pub(super) struct Completion {
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Completion, command: &mut Command) -> Result<u8, CliError> {
    clap_complete::generate(args.shell, command, "armilla", &mut std::io::stdout());
    Ok(0)
}
