//! `armilla support collect`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{CliError, Output, StateArgs};
use crate::supporting::{self, Wanted};

#[derive(Debug, Subcommand)]
pub(super) enum Support {
    /// Collect versions, plan, events, output, findings and logs into one archive, without secrets
    Collect(Collect),
}

/// Works whatever has failed: hosts that are down, a run that goes on, no cluster at all. What could not be had stands with
/// its reason in index.json of the archive. Secrets are taken out; look through it before you give it away.
#[derive(Debug, Args)]
pub(super) struct Collect {
    /// The site file
    #[arg(short = 's', long, value_name = "FILE", default_value = "site.yaml")]
    site: PathBuf,
    #[command(flatten)]
    state: StateArgs,
    /// The archive to write [default: armilla-support-SITE-TIME.tar.gz]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seconds that each host is given
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// Trust host keys that are seen for the first time
    #[arg(short = 'y', long)]
    yes: bool,
    /// json: the index of the archive
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(command: &Support) -> Result<u8, CliError> {
    let Support::Collect(args) = command;
    let limit = Duration::from_secs(args.timeout);
    let wanted =
        Wanted { site: &args.site, state: &args.state, out: args.out.as_deref(), limit, yes: args.yes };
    let collected = supporting::collect(&wanted).await?;
    let index = &collected.index;
    for missing in &index.missing {
        eprintln!("not had: {}: {}", missing.what, missing.why.replace('\n', "\n  "));
    }
    eprintln!(
        "{}: {} files, {} secrets taken out, {} things could not be had.",
        collected.path.display(),
        index.files.len(),
        index.redacted,
        index.missing.len()
    );
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(index).expect("plain data")),
        Output::Text => println!("{}", collected.path.display()),
    }
    Ok(0)
}
