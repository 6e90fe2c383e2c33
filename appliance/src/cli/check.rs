//! `armilla check`.

use clap::Args;
use installer_model::finding::Finding;
use installer_model::waiver::{KeptWaiver, WaiverTarget};
use serde::Serialize;

use super::{CliError, Output, SiteArgs};
use crate::planning::{self, Purpose};
use crate::{findings, waiving};

/// Connects to every host, looks, and shows all findings at once. Nothing on a host changes but for Armilla's own
/// folder.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    site: SiteArgs,
    /// Go on in spite of this check, on this host or on all; kept until taken back. May be given again
    #[arg(long, value_name = "CHECK[@HOST]")]
    waive: Vec<WaiverTarget>,
    /// Why; kept and printed wherever the waiver counts
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Take a waiver back
    #[arg(long, value_name = "CHECK[@HOST]")]
    unwaive: Vec<WaiverTarget>,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

/// What `-o json` prints: the same findings in the same order as people see.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    findings: &'a [Finding],
    /// Waivers that excused nothing.
    unused_waivers: &'a [KeptWaiver],
}

pub(super) async fn run(args: &Check) -> Result<u8, CliError> {
    let change = waiving::Change::of(&args.waive, args.reason.as_deref(), &args.unwaive)?;
    let ready = planning::ready_waiving(&args.site, Purpose::Check, &change).await?;
    let (found, unused) = (&ready.findings, &ready.unused_waivers);
    match args.output {
        Output::Json => {
            let report = Report { findings: found, unused_waivers: unused };
            println!("{}", serde_json::to_string_pretty(&report).expect("plain data"));
        }
        Output::Text => {
            print!("{}{}", findings::text(found, findings::language()), findings::unused_text(unused));
        }
    }
    Ok(findings::exit_code(found))
}
