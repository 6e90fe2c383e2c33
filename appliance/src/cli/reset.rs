//! `armilla reset`.

use appliance_control::performing::forget;
use appliance_control::restoring::{self, Left};
use appliance_control::{Purpose, Ready, site_file};
use clap::Args;
use installer_model::event::Outcome;
use installer_model::plan::{Intent, Plan};
use installer_model::site::Site;
use installer_plan::removal;

use super::{CliError, Output, SiteArgs};
use crate::performing::{Shown, perform};
use crate::served::{Beside, Served};
use crate::{planning, wiring};

/// Without --host the whole cluster goes. Volumes and everything that ran on the hosts go with it. What was there before
/// Armilla stays, or comes back. What will be removed is shown first. The bundle is
/// not needed, unless a host has another architecture than this machine and the hand that was put there is gone.
#[derive(Debug, Args)]
pub(super) struct Reset {
    #[command(flatten)]
    site: SiteArgs,
    /// Only this host: it is drained, leaves the cluster and is cleaned. Then take it out of the site file
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Do without this host, which is lost: what is on it stays there; may be given again
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,
    /// Show what would be removed, and touch nothing
    #[arg(long)]
    dry_run: bool,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &Reset) -> Result<u8, CliError> {
    // A slip in a name is told before anything connects.
    let site = site_file::read(&args.site.site)?;
    let intent = intent(args, &site)?;
    args.without.iter().try_for_each(|name| site_file::host(&site, name).map(drop))?;
    if let Some(served) = Served::ready_without(&args.site, &args.without).await? {
        return reset_served(args, &served).await;
    }
    let ready = planning::ready(&args.site, args.site.asked(Purpose::Reset)?.without(&args.without)).await?;
    let keep = std::path::absolute(&ready.state)
        .map_err(|error| CliError::new(1, format!("find the state folder: {error}")))?;
    let plan = ready.plan(&intent, &[keep.display().to_string()])?;
    let left = ready.left(&intent).await?;
    show(args, &intent, &plan, &left);
    if args.dry_run {
        restoring::sweep(&ready.world, &left.strangers, &ready.state).await?;
        return Ok(0);
    }
    if plan.steps.is_empty() {
        restore(&ready, &left).await?;
        forget(ready.store.by(&ready.actor), ready.site.name.as_str(), &intent)?;
        nothing_to_do(&left);
        return Ok(0);
    }
    if !wiring::confirm(args.site.yes, &question(args, &ready.site)) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    let shown = if args.output == Output::Json { Shown::Json } else { Shown::Text };
    let ended = perform(&ready, plan, shown).await?;
    if ended.outcome == Outcome::Healthy {
        restore(&ready, &left).await?;
        conclude(args);
    } else {
        eprintln!(
            "What is named above was not done; the rest was. Mend it, then run the same command again."
        );
    }
    Ok(ended.exit_code())
}

/// The same, planned and performed by a server.
async fn reset_served(args: &Reset, served: &Served<'_>) -> Result<u8, CliError> {
    let intent = intent(args, served.site())?;
    let beside = Beside { without: args.without.clone(), ..Beside::default() };
    let wish = match &args.host {
        None => serde_json::json!({"intent": "reset"}),
        Some(host) => serde_json::json!({"intent": "resetHosts", "hosts": [host]}),
    };
    let (made, plan) = served.make_plan(wish, &beside).await?;
    show(args, &intent, &plan, &made.left);
    if args.dry_run {
        return Ok(0);
    }
    // A run without steps takes repairs back, and forgets what is kept of the cluster.
    let is_empty = plan.steps.is_empty();
    if is_empty && made.left.repaired.is_empty() && !served.is_founded().await? {
        nothing_to_do(&made.left);
        return Ok(0);
    }
    if !is_empty && !wiring::confirm(args.site.yes, &question(args, served.site())) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    let shown = if args.output == Output::Json { Shown::Json } else { Shown::Text };
    let code = served.perform(&made, &plan, &beside, shown).await?.exit_code();
    if code == 0 {
        match is_empty {
            true => nothing_to_do(&made.left),
            false => conclude(args),
        }
    } else {
        eprintln!(
            "What is named above was not done; the rest was. Mend it, then run the same command again."
        );
    }
    Ok(code)
}

fn question(args: &Reset, site: &Site) -> String {
    match &args.host {
        Some(host) => format!("Take {host} out of the cluster and delete all that it holds?"),
        None => format!("Delete the cluster of site {} with all that it holds?", site.name),
    }
}

/// What goes from which host, and which hosts are left alone.
fn show(args: &Reset, intent: &Intent, plan: &Plan, left: &Left) {
    match (args.dry_run, args.output) {
        (true, Output::Json) => {
            println!("{}", serde_json::to_string_pretty(plan).expect("a plan is plain data"));
        }
        (true, Output::Text) => print!("{}", removal::text(plan)),
        (false, Output::Text) => eprint!("{}", removal::text(plan)),
        (false, Output::Json) => {}
    }
    let asked = |name: &&String| restoring::is_asked(intent, name);
    for name in left.strangers.iter().filter(asked) {
        match left.repaired.contains(name) {
            true => eprintln!("{name}: nothing was installed there; what check --fix changed is taken back"),
            false => eprintln!("{name}: it has no record of Armilla, and is left as it is"),
        }
    }
    for name in args.without.iter().filter(asked) {
        eprintln!("{name}: nothing is removed there; it was said to be lost");
    }
}

/// What no step of the plan does, with what changes.
async fn restore(ready: &Ready, left: &Left) -> Result<(), CliError> {
    for (host, change) in restoring::take_back(&ready.world, &left.repaired).await? {
        eprintln!("{host}: {change}");
    }
    Ok(restoring::sweep(&ready.world, &left.strangers, &ready.state).await?)
}

fn nothing_to_do(left: &Left) {
    match left.repaired.is_empty() {
        true => eprintln!("Nothing to do: no host holds anything of Armilla's."),
        false => eprintln!("Every host is as it was."),
    }
}

fn conclude(args: &Reset) {
    let site = args.site.site.display();
    match &args.host {
        Some(host) if args.without.contains(host) => {
            eprintln!("{host} is out of the cluster; what is on it is still there. Take it out of {site}.");
        }
        Some(host) => eprintln!("{host} is out of the cluster and clean. Take it out of {site}."),
        None if args.without.is_empty() => eprintln!("Every host is as it was."),
        None => eprintln!("Every host is as it was, but for {}.", args.without.join(", ")),
    }
}

fn intent(args: &Reset, site: &Site) -> Result<Intent, CliError> {
    let Some(name) = &args.host else { return Ok(Intent::Reset) };
    let host = site_file::host(site, name)?;
    if host.roles.control_plane {
        return Err(CliError::new(5, format!("take out {name} alone: it is the only control plane"))
            .hint("without --host the whole cluster is reset"));
    }
    Ok(Intent::ResetHosts(vec![name.clone()]))
}
