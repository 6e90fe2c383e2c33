//! `armilla check`.

use appliance_control::fixing::{self as repairs, Fix};
use appliance_control::{Purpose, Ready, waiving};
use clap::Args;
use installer_model::finding::Finding;
use installer_model::waiver::{KeptWaiver, WaiverTarget};
use serde::Serialize;

use super::{CliError, Output, SiteArgs};
use crate::served::{self, Judged, Served};
use crate::{findings, fixing, planning, wiring};

/// Connects to every host, looks, lets the hosts measure the network between them, and shows all findings at once. Without
/// --fix nothing on a host changes but for Armilla's own folder.
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
    /// Mend what checks can mend by themselves; `reset` takes it back
    #[arg(long)]
    fix: bool,
    /// With --fix: ask the hosts what would change, and change nothing
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// With --fix: also rename folders that hold another cluster's data out of the way
    #[arg(long, requires = "fix")]
    move_data: bool,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

/// What `-o json` prints: the same findings in the same order as people see.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// Of `--fix`, in the order in which they were done; `dryRun`: none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    fixes: Option<&'a [Fix]>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    findings: &'a [Finding],
    /// Waivers that excused nothing.
    unused_waivers: &'a [KeptWaiver],
}

pub(super) async fn run(args: &Check) -> Result<u8, CliError> {
    if let Some(served) = Served::ready(&args.site).await? {
        return check_served(args, &served).await;
    }
    let change = waiving::Change::of(&args.waive, args.reason.as_deref(), &args.unwaive)?;
    let mut ready = planning::ready(&args.site, args.site.asked(Purpose::Check)?.waiving(change)).await?;
    let mut fixes = None;
    if args.fix {
        let done = fix(args, &ready).await?;
        if !args.dry_run && !done.is_empty() {
            // The store has one holder, and hosts are looked at anew.
            drop(ready);
            ready = planning::ready(&args.site, args.site.asked(Purpose::Check)?).await?;
        }
        fixes = Some(done);
    }
    let (found, unused) = (&ready.findings, &ready.unused_waivers);
    match args.output {
        Output::Json => {
            let (fixes, dry_run) = (fixes.as_deref(), args.dry_run);
            let report = Report { fixes, dry_run, findings: found, unused_waivers: unused };
            println!("{}", serde_json::to_string_pretty(&report).expect("plain data"));
        }
        Output::Text => {
            let fixes = fixes.as_deref().map(|fixes| fixing::text(fixes, args.dry_run, findings::language()));
            print!("{}", fixes.unwrap_or_default());
            print!("{}{}", findings::text(found, findings::language()), findings::unused_text(unused));
        }
    }
    let failed = fixes.iter().flatten().any(|fix| fix.failed.is_some());
    Ok(if failed { 1 } else { findings::exit_code(found) })
}

/// The same, done by a server, which keeps the waivers.
async fn check_served(args: &Check, served: &Served<'_>) -> Result<u8, CliError> {
    let others =
        [("--fix", args.fix), ("--waive", !args.waive.is_empty()), ("--unwaive", !args.unwaive.is_empty())];
    if let Some((option, _)) = others.into_iter().find(|(_, given)| *given) {
        return Err(served::refuse(option));
    }
    let Judged { findings: found, unused_waivers: unused } = &served.check().await?;
    match args.output {
        Output::Json => {
            let report = Report { fixes: None, dry_run: false, findings: found, unused_waivers: unused };
            println!("{}", serde_json::to_string_pretty(&report).expect("plain data"));
        }
        Output::Text => {
            print!("{}{}", findings::text(found, findings::language()), findings::unused_text(unused));
        }
    }
    Ok(findings::exit_code(found))
}

/// Shows what would change, asks, and does it. What the hosts say beforehand is shown on standard error, where the question is.
async fn fix(args: &Check, ready: &Ready) -> Result<Vec<Fix>, CliError> {
    let wanted = repairs::wanted(&ready.findings, args.move_data);
    let left =
        ready.findings.iter().flat_map(|finding| &finding.repairs).filter(|repair| repair.touches_data());
    if !args.move_data && left.count() > 0 {
        eprintln!("Folders that hold another cluster's data stay; --move-data renames them out of the way.");
    }
    if wanted.is_empty() {
        eprintln!("Nothing that Armilla can mend by itself.");
        return Ok(wanted);
    }
    let would = repairs::perform(&ready.world, wanted.clone(), true).await;
    if args.dry_run {
        return Ok(would);
    }
    eprint!("{}", fixing::text(&would, true, findings::language()));
    let question = format!("Do these {} repairs? `armilla reset` takes them back.", wanted.len());
    if !wiring::confirm(args.site.yes, &question) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    Ok(repairs::perform(&ready.world, wanted, false).await)
}
