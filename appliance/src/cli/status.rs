//! `armilla status`.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use appliance_control::hands::control_plane_hand;
use appliance_control::{Kind, site_file};
use clap::Args;
use installer_model::site::Site;
use installer_run::socket;
use installer_wire::Command;

use super::{CliError, StateArgs};
use crate::display;
use crate::wiring::{self, Secrets};

#[derive(Debug, Args)]
pub(super) struct Status {
    /// The site file
    #[arg(short = 's', long, value_name = "FILE", default_value = "site.yaml")]
    site: PathBuf,
    #[command(flatten)]
    state: StateArgs,
}

pub(super) async fn run(args: &Status) -> Result<u8, CliError> {
    let site = site_file::read(&args.site)?;
    let reader = wiring::reader(&args.state, "status");
    let runs = reader.runs().map_err(|error| CliError::from_error(1, "", &error))?;
    let Some(last) = runs.iter().rfind(|run| run.site == site.name.as_str()) else {
        println!("{}: nothing was run yet", site.name);
        return Ok(0);
    };
    let Some(outcome) = last.outcome else {
        taken_over(&site, &args.state).await?;
        let (_, view) = reader.run(&last.run).map_err(|error| CliError::from_error(1, "", &error))?;
        let done = view.steps.values().filter(|step| step.state.succeeded()).count();
        let total = reader.plan(&last.plan).map_or(0, |plan| plan.steps.len());
        println!("{}: run {} is open, {done} of {total} steps are done", site.name, last.run);
        return Ok(0);
    };
    let took = last.ended_at.map_or(0, |end| end.saturating_sub(last.started_at));
    println!("{}: run {} {outcome}, took {}", site.name, last.run, display::seconds(took));
    let known = wiring::acquaintance(&args.state, "status")?;
    let hand = control_plane_hand(&site, &known, &Secrets::default()).await?;
    let argv = [
        "/usr/local/bin/kubectl",
        "--kubeconfig",
        "/etc/kubernetes/admin.conf",
        "get",
        "nodes",
        "-o",
        "wide",
    ];
    let output = hand.command(Command::new(argv), b"").await.map_err(|error| {
        CliError::from_error(1, "ask the cluster for its nodes: ", &error).hint(error.hint())
    })?;
    if !output.ok() {
        return Err(CliError::new(
            1,
            format!("ask the cluster for its nodes: {}", output.stderr_text().trim()),
        ));
    }
    print!("{}", output.stdout_text());
    Ok(0)
}

/// A run that nobody performs may have been taken over with its site. Whether the host can be asked is not the question.
async fn taken_over(site: &Site, args: &StateArgs) -> Result<(), CliError> {
    if UnixStream::connect(socket::path(&wiring::state_folder(args))).is_ok() {
        return Ok(());
    }
    let known = wiring::acquaintance(args, "status")?;
    match control_plane_hand(site, &known, &Secrets::default()).await {
        Err(error) if error.kind == Kind::Conflict => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}
