//! `armilla status`.

use std::path::PathBuf;

use clap::Args;
use installer_wire::Command;

use super::{CliError, StateArgs};
use crate::{display, wiring};

#[derive(Debug, Args)]
pub(super) struct Status {
    /// The site file
    #[arg(short = 's', long, value_name = "FILE", default_value = "site.yaml")]
    site: PathBuf,
    #[command(flatten)]
    state: StateArgs,
}

pub(super) async fn run(args: &Status) -> Result<u8, CliError> {
    let site = wiring::site(&args.site)?;
    let state = wiring::state_folder(&args.state);
    {
        let store = wiring::store(&state, "status")?;
        let runs = store.runs().map_err(|error| CliError::from_error(1, "", &error))?;
        match runs.iter().rfind(|run| run.site == site.name.as_str()) {
            None => println!("{}: nothing was run yet", site.name),
            Some(run) => {
                let outcome = run.outcome.map_or("open".to_owned(), |outcome| outcome.to_string());
                let took = run.ended_at.map_or(String::new(), |end| {
                    format!(", took {}", display::seconds(end.saturating_sub(run.started_at)))
                });
                println!("{}: run {} {outcome}{took}", site.name, run.run);
            }
        }
    }
    let hand = wiring::control_plane_hand(&site, &state, "status").await?;
    let argv = ["/usr/local/bin/kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "nodes", "-o", "wide"];
    let output = hand
        .command(Command::new(argv), b"")
        .await
        .map_err(|error| CliError::from_error(1, "ask the cluster for its nodes: ", &error).hint(error.hint()))?;
    if !output.ok() {
        return Err(CliError::new(1, format!("ask the cluster for its nodes: {}", output.stderr_text().trim())));
    }
    print!("{}", output.stdout_text());
    Ok(0)
}
