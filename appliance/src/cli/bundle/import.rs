//! `armilla bundle import`.

use std::path::PathBuf;

use appliance_control::Purpose;
use appliance_control::addons::Import;
use clap::Args;
use installer_model::plan::Intent;
use installer_model::site::Site;

use super::super::{CliError, Output, SiteArgs, apply};
use crate::performing::Shown;
use crate::served::{self, Beside, Served};
use crate::{planning, report, wiring};

/// Brings the images of a bundle to every node of a site, now and whenever a host joins, and can apply its manifests.
/// Does all else that apply does, too; what was cut off goes on.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The bundle, or a folder with its parts
    file: PathBuf,
    /// Apply the bundle's manifests, when every node has its images
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    site: SiteArgs,
    /// text: a live display; json: events, one a line
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &ImportArgs) -> Result<u8, CliError> {
    if let Some(served) = Served::ready(&args.site).await? {
        return import_served(args, &served).await;
    }
    let import = Import { path: args.file.clone(), apply: args.apply };
    let ready = planning::ready(&args.site, args.site.asked(Purpose::Import)?.importing(import)).await?;
    let failed = |error| CliError::from_error(1, "read the site as it was: ", &error);
    if ready.store.site::<Site>(ready.site.name.as_str()).map_err(failed)?.is_none() {
        return Err(CliError::new(4, format!("import into site {}: it is not installed", ready.site.name))
            .hint("run `armilla apply` first, or name its state folder with --state"));
    }
    report::report_findings(&ready)?;
    ready.refuse_unsupported_changes()?;
    let plan = ready.plan(&Intent::Install, &[])?;
    let imported = ready.imported.clone().unwrap_or_default();
    let question =
        format!("Bring bundle {imported} to {} hosts ({} steps)?", ready.site.hosts.len(), plan.steps.len());
    if !wiring::confirm(args.site.yes, &question) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    apply::carry_out(&ready, plan, &args.site, args.output).await
}

/// The same, planned and performed by a server, which gets the bundle first.
async fn import_served(args: &ImportArgs, served: &Served<'_>) -> Result<u8, CliError> {
    let id = served.bring(&args.file).await?;
    let beside = Beside { import: Some((id.clone(), args.apply)), ..Beside::default() };
    let (made, plan) = served.make_plan(serde_json::json!({"intent": "install"}), &beside).await?;
    served::report(&made.findings)?;
    let imported = served.release_of(&id).await?;
    let hosts = served.site().hosts.len();
    let question = format!("Bring bundle {imported} to {hosts} hosts ({} steps)?", plan.steps.len());
    if !wiring::confirm(args.site.yes, &question) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    let shown = if args.output == Output::Json { Shown::Json } else { Shown::Text };
    let view = served.perform(&made, &plan, &beside, shown).await?;
    Ok(apply::conclude(&view, &args.site))
}
