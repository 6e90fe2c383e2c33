//! `armilla status`.

use std::os::unix::net::UnixStream;

use appliance_control::hands::control_plane_hand;
use appliance_control::{Kind, site_file};
use appliance_store::RunRow;
use clap::Args;
use installer_model::site::Site;
use installer_run::socket;
use serde_json::json;

use super::asking::{self, print_json};
use super::of_site::OfSite;
use super::{CliError, Output, StateArgs, cluster};
use crate::display;
use crate::runs::Source;
use crate::wiring::{self, Secrets};

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    site: OfSite,
    /// json: an object with the last run and the nodes
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &Status) -> Result<u8, CliError> {
    let name = args.site.name("status").await?;
    let source = Source::of(&args.site.server, "status")?;
    let runs = source.runs().await?;
    let last = runs.iter().rfind(|run| run.site == name);
    let told = match last {
        None => format!("{name}: nothing was run yet"),
        Some(run) => told(args, &source, run).await?,
    };
    if args.output == Output::Text {
        println!("{told}");
    }
    let ended = last.is_some_and(|run| run.outcome.is_some());
    // While a run goes on there may be no cluster, or half of one.
    let nodes = if ended { cluster::nodes(&args.site, "status").await? } else { Vec::new() };
    match args.output {
        Output::Json => print_json(&json!({"site": name, "run": last, "nodes": nodes})),
        Output::Text if ended => asking::show(&nodes, cluster::NODES, Output::Text),
        Output::Text => {}
    }
    Ok(0)
}

/// One line about the last run.
async fn told(args: &Status, source: &Source, run: &RunRow) -> Result<String, CliError> {
    let Some(outcome) = run.outcome else {
        if let Source::Here(_) = source {
            taken_over(&args.site, &args.site.server.state).await?;
        }
        let (_, view) = source.run(&run.run).await?;
        let done = view.steps.values().filter(|step| step.state.succeeded()).count();
        let total = source.plan(&run.plan).await.map_or(0, |plan| plan.steps.len());
        return Ok(format!("{}: run {} is open, {done} of {total} steps are done", run.site, run.run));
    };
    let took = run.ended_at.map_or(0, |end| end.saturating_sub(run.started_at));
    Ok(format!("{}: run {} {outcome}, took {}", run.site, run.run, display::seconds(took)))
}

/// A run that nobody performs may have been taken over with its site. Whether the host can be asked is not the question.
async fn taken_over(site: &OfSite, args: &StateArgs) -> Result<(), CliError> {
    let Some(file) = site.file() else { return Ok(()) };
    if UnixStream::connect(socket::path(&wiring::state_folder(args))).is_ok() {
        return Ok(());
    }
    let site: Site = site_file::read(&file)?;
    let known = wiring::acquaintance(args, "status")?;
    match control_plane_hand(&site, &known, &Secrets::default()).await {
        Err(error) if error.kind == Kind::Conflict => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}
