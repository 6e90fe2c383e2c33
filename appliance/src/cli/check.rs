//! `armilla check`.

use appliance_control::fixing::{self as repairs, Fix};
use appliance_control::{Purpose, waiving};
use clap::Args;
use installer_model::finding::Finding;
use installer_model::waiver::{KeptWaiver, WaiverTarget};
use serde::Serialize;

use super::{CliError, Output, SiteArgs};
use crate::served::{Judged, Served};
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

/// What came of a check, whoever did it.
struct Done {
    findings: Vec<Finding>,
    unused_waivers: Vec<KeptWaiver>,
    fixes: Option<Vec<Fix>>,
}

pub(super) async fn run(args: &Check) -> Result<u8, CliError> {
    // A slip in the words is told before anything connects.
    let change = waiving::Change::of(&args.waive, args.reason.as_deref(), &args.unwaive)?;
    let done = match Served::ready(&args.site).await? {
        Some(served) => by_server(args, &served, &change).await?,
        None => here(args, change).await?,
    };
    let Done { findings: found, unused_waivers: unused, fixes } = done;
    match args.output {
        Output::Json => {
            let (fixes, dry_run) = (fixes.as_deref(), args.dry_run);
            let report = Report { fixes, dry_run, findings: &found, unused_waivers: &unused };
            println!("{}", serde_json::to_string_pretty(&report).expect("plain data"));
        }
        Output::Text => {
            let fixes = fixes.as_deref().map(|fixes| fixing::text(fixes, args.dry_run, findings::language()));
            print!("{}", fixes.unwrap_or_default());
            print!("{}{}", findings::text(&found, findings::language()), findings::unused_text(&unused));
        }
    }
    let failed = fixes.iter().flatten().any(|fix| fix.failed.is_some());
    Ok(if failed { 1 } else { findings::exit_code(&found) })
}

/// By this process.
async fn here(args: &Check, change: waiving::Change) -> Result<Done, CliError> {
    let mut ready = planning::ready(&args.site, args.site.asked(Purpose::Check)?.waiving(change)).await?;
    let mut fixes = None;
    if args.fix {
        let perform = async |wanted, dry| Ok(repairs::perform(&ready.world, wanted, dry).await);
        let done = fix(args, &ready.findings, perform).await?;
        if !args.dry_run && !done.is_empty() {
            // The store has one holder, and hosts are looked at anew.
            drop(ready);
            ready = planning::ready(&args.site, args.site.asked(Purpose::Check)?).await?;
        }
        fixes = Some(done);
    }
    Ok(Done { findings: ready.findings.clone(), unused_waivers: ready.unused_waivers.clone(), fixes })
}

/// By a server, which keeps the waivers.
async fn by_server(args: &Check, served: &Served<'_>, change: &waiving::Change) -> Result<Done, CliError> {
    served.waive(change).await?;
    let mut judged = served.check().await?;
    let mut fixes = None;
    if args.fix {
        let perform = async |_, dry| served.repair(args.move_data, dry).await;
        let done = fix(args, &judged.findings, perform).await?;
        if !args.dry_run && !done.is_empty() {
            judged = served.check().await?;
        }
        fixes = Some(done);
    }
    let Judged { findings, unused_waivers } = judged;
    Ok(Done { findings, unused_waivers, fixes })
}

/// Shows what would change, asks, and does it. What the hosts say beforehand is shown on standard error, where the question is.
/// `perform` takes what is wanted, and whether the hosts are only asked.
async fn fix(
    args: &Check,
    found: &[Finding],
    perform: impl AsyncFn(Vec<Fix>, bool) -> Result<Vec<Fix>, CliError>,
) -> Result<Vec<Fix>, CliError> {
    let wanted = repairs::wanted(found, &repairs::Choice { move_data: args.move_data, checks: Vec::new() });
    let left = found.iter().flat_map(|finding| &finding.repairs).filter(|repair| repair.touches_data());
    if !args.move_data && left.count() > 0 {
        eprintln!("Folders that hold another cluster's data stay; --move-data renames them out of the way.");
    }
    if wanted.is_empty() {
        eprintln!("Nothing that Armilla can mend by itself.");
        return Ok(wanted);
    }
    let would = perform(wanted.clone(), true).await?;
    if args.dry_run {
        return Ok(would);
    }
    eprint!("{}", fixing::text(&would, true, findings::language()));
    let question = format!("Do these {} repairs? `armilla reset` takes them back.", wanted.len());
    if !wiring::confirm(args.site.yes, &question) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    perform(wanted, false).await
}
