//! `armilla check`.

use clap::Args;
use installer_model::finding::Severity;

use super::{CliError, Output, SiteArgs};
use crate::planning::{self, Purpose};

/// Connects to every host, looks, and shows all findings at once. Nothing on a host changes but for Armilla's own
/// folder.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    site: SiteArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &Check) -> Result<u8, CliError> {
    let ready = planning::ready(&args.site, Purpose::Check).await?;
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&ready.findings).expect("plain data")),
        Output::Text => print!("{}", planning::findings_text(&ready.findings)),
    }
    let worst = ready.findings.iter().map(|finding| finding.severity).max();
    Ok(match worst {
        Some(Severity::Refuse) => 5,
        Some(Severity::Warn) => 6,
        Some(Severity::Info) | None => 0,
    })
}
