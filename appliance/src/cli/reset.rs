//! `armilla reset`.

use clap::Args;
use installer_model::event::Outcome;
use installer_model::plan::Intent;
use installer_model::site::Site;

use super::{CliError, Output, SiteArgs};
use crate::performing::{Shown, perform};
use crate::planning::{self, Purpose};
use crate::wiring;

/// Without --host the whole cluster goes. Volumes and everything that ran on the hosts go with it. The bundle is not
/// needed, unless a host has another architecture than this machine and the hand that was put there is gone.
#[derive(Debug, Args)]
pub(super) struct Reset {
    #[command(flatten)]
    site: SiteArgs,
    /// Only this host: it is drained, leaves the cluster and is cleaned. Then take it out of the site file.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &Reset) -> Result<u8, CliError> {
    // A slip in the name is told before anything connects.
    let intent = intent(args, &wiring::site(&args.site.site)?)?;
    let ready = planning::ready(&args.site, Purpose::Reset).await?;
    let keep = std::path::absolute(&ready.state)
        .map_err(|error| CliError::new(1, format!("find the state folder: {error}")))?;
    let plan = ready.plan(&intent, &[keep.display().to_string()])?;
    let question = match &args.host {
        Some(host) => format!("Take {host} out of the cluster and delete all that it holds?"),
        None => format!("Delete the cluster of site {} with all that it holds?", ready.site.name),
    };
    if !wiring::confirm(args.site.yes, &question) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    let shown = if args.output == Output::Json { Shown::Json } else { Shown::Text };
    let ended = perform(&ready, plan, shown).await?;
    if ended.outcome == Outcome::Healthy {
        forget(&ready, &intent)?;
        match &args.host {
            Some(host) => eprintln!(
                "{host} is out of the cluster and clean. Take it out of {}.",
                args.site.site.display()
            ),
            None => eprintln!("Every host is as it was."),
        }
    }
    Ok(ended.exit_code())
}

fn intent(args: &Reset, site: &Site) -> Result<Intent, CliError> {
    let Some(name) = &args.host else { return Ok(Intent::Reset) };
    let host = wiring::host(site, name)?;
    if host.roles.control_plane {
        return Err(CliError::new(5, format!("take out {name} alone: it is the only control plane"))
            .hint("without --host the whole cluster is reset"));
    }
    Ok(Intent::ResetHosts(vec![name.clone()]))
}

/// What is remembered of the cluster goes with it.
fn forget(ready: &planning::Ready, intent: &Intent) -> Result<(), CliError> {
    let failed = |error| CliError::from_error(1, "forget the site: ", &error);
    let name = ready.site.name.as_str();
    let Some(mut kept) = ready.store.site::<Site>(name).map_err(failed)? else { return Ok(()) };
    match intent {
        Intent::Install => Ok(()),
        Intent::Reset => ready.store.remove_site(name).map_err(failed),
        Intent::ResetHosts(gone) => {
            kept.hosts.retain(|host| !gone.iter().any(|name| name == host.name.as_str()));
            ready.store.put_site(name, &kept).map_err(failed)
        }
    }
}
