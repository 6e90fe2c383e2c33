//! `armilla plan`.

use appliance_control::Purpose;
use clap::Args;
use installer_model::plan::Intent;

use super::{CliError, Output, SiteArgs};
use crate::served::{self, Beside, Served};
use crate::{planning, report};

/// Connects, looks, and shows every step that apply would take, and what differs from the last plan.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    site: SiteArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &PlanArgs) -> Result<u8, CliError> {
    if let Some(served) = Served::ready(&args.site).await? {
        return plan_served(args, &served).await;
    }
    let ready = planning::ready(&args.site, args.site.asked(Purpose::Plan)?).await?;
    let plan = ready.plan(&Intent::Install, &[])?;
    report::report_warnings(&ready);
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&plan).expect("a plan is plain data")),
        Output::Text => {
            print!("{}", installer_plan::diff::render_plan(&plan));
            let last = ready.target()?;
            match last {
                Some(last) if last.id == plan.id => eprintln!("The same plan as last time."),
                Some(last) => {
                    eprintln!("\nAgainst plan {}: changed", last.id.short());
                }
                None => {}
            }
            for line in &plan.report {
                eprintln!("note: {line}");
            }
        }
    }
    Ok(0)
}

/// The same, made by a server.
async fn plan_served(args: &PlanArgs, served: &Served<'_>) -> Result<u8, CliError> {
    let last = served.follows().await?;
    let (made, plan) = served.make_plan(serde_json::json!({"intent": "install"}), &Beside::default()).await?;
    // What would stop a run is no reason not to show the plan.
    let _ = served::report(&made.findings);
    match args.output {
        Output::Json => served::print_plan(&plan),
        Output::Text => {
            print!("{}", installer_plan::diff::render_plan(&plan));
            match last {
                Some(last) if last == made.id => eprintln!("The same plan as last time."),
                Some(last) => eprintln!("\nAgainst plan {}: changed", last.get(..12).unwrap_or(&last)),
                None => {}
            }
            made.report.iter().for_each(|line| eprintln!("note: {line}"));
        }
    }
    Ok(0)
}
