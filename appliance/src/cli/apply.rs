//! `armilla apply`.

use appliance_control::site_file::hosts_in_words;
use appliance_control::{Purpose, Ready};
use clap::Args;
use installer_model::event::Outcome;
use installer_model::plan::{Intent, Plan};
use installer_model::view::View;

use super::{CliError, Output, SiteArgs};
use crate::performing::{Shown, perform};
use crate::served::{self, Beside, Served};
use crate::{planning, report, wiring};

/// Makes the site what its file says. What was cut off goes on; what is done is not done again.
#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    site: SiteArgs,
    /// text: a live display; json: events, one a line
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &Apply) -> Result<u8, CliError> {
    if let Some(served) = Served::ready(&args.site).await? {
        return apply_served(args, &served).await;
    }
    let ready = planning::ready(&args.site, args.site.asked(Purpose::Apply)?).await?;
    report::report_findings(&ready)?;
    ready.refuse_unsupported_changes()?;
    let plan = ready.plan(&Intent::Install, &[])?;
    let known = ready.target()?.is_some();
    let question = format!(
        "Install {} on {} ({} steps)?",
        wiring::about(&ready.release),
        hosts_in_words(&ready.site),
        plan.steps.len()
    );
    if !known && !wiring::confirm(args.site.yes, &question) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    carry_out(&ready, plan, &args.site, args.output).await
}

/// The same, planned and performed by a server.
async fn apply_served(args: &Apply, served: &Served<'_>) -> Result<u8, CliError> {
    let known = served.follows().await?.is_some();
    let beside = Beside::default();
    let (made, plan) = served.make_plan(serde_json::json!({"intent": "install"}), &beside).await?;
    served::report(&made.findings)?;
    let question = format!("Install on {} ({} steps)?", hosts_in_words(served.site()), plan.steps.len());
    if !known && !wiring::confirm(args.site.yes, &question) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    let shown = if args.output == Output::Json { Shown::Json } else { Shown::Text };
    let view = served.perform(&made, &plan, &beside, shown).await?;
    Ok(conclude(&view, &args.site))
}

/// Performs the plan and says how it ended and what to do next.
pub(super) async fn carry_out(
    ready: &Ready,
    plan: Plan,
    args: &SiteArgs,
    output: Output,
) -> Result<u8, CliError> {
    let shown = if output == Output::Json { Shown::Json } else { Shown::Text };
    let ended = perform(ready, plan, shown).await?;
    Ok(conclude(&ended.view, args))
}

/// Says how a run ended and what to do next. Gives the exit code.
pub(super) fn conclude(view: &View, args: &SiteArgs) -> u8 {
    if view.exit_code() == 0 {
        if view.acts() == 0 {
            eprintln!("Nothing to do: the site is as its file says.");
        } else {
            let with = with(args);
            eprintln!(
                "The site is as its file says.\n\nLook around:\n  armilla status {with}\n  armilla kubeconfig {with} > kubeconfig && kubectl --kubeconfig kubeconfig get nodes"
            );
        }
    } else if view.outcome == Some(Outcome::Cancelled) {
        eprintln!("Run the same command again to go on: what is done stays done.");
    } else {
        eprintln!("Mend what is named above, then run the same command again: what is done stays done.");
    }
    view.exit_code()
}

/// The options with which other verbs find the same site.
fn with(args: &SiteArgs) -> String {
    let state = args.state.state.as_ref().map(|folder| format!(" --state {}", folder.display()));
    format!("-s {}{}", args.site.display(), state.unwrap_or_default())
}
