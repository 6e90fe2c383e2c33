//! `armilla reset`.

use appliance_control::owner::FENCE;
use appliance_control::performing::forget;
use appliance_control::{Purpose, Ready, site_file};
use clap::Args;
use installer_model::event::Outcome;
use installer_model::plan::{Intent, Plan};
use installer_model::site::Site;
use installer_plan::removal;
use installer_render::paths::ARMILLA_ROOT;
use installer_ssh::HandError;

use super::{CliError, Output, SiteArgs};
use crate::performing::{Shown, perform};
use crate::served::{self, Served};
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
    if let Some(served) = Served::ready(&args.site).await? {
        return reset_served(args, &served).await;
    }
    let ready = planning::ready(&args.site, args.site.asked(Purpose::Reset)?.without(&args.without)).await?;
    let keep = std::path::absolute(&ready.state)
        .map_err(|error| CliError::new(1, format!("find the state folder: {error}")))?;
    let plan = ready.plan(&intent, &[keep.display().to_string()])?;
    let repaired = repaired(&ready, &intent).await?;
    show(args, &ready, &intent, &plan, &repaired);
    if args.dry_run {
        sweep(&ready).await?;
        return Ok(0);
    }
    if plan.steps.is_empty() {
        take_back(&ready, &repaired).await?;
        sweep(&ready).await?;
        forget(&ready.store, ready.site.name.as_str(), &intent)?;
        match repaired.is_empty() {
            true => eprintln!("Nothing to do: no host holds anything of Armilla's."),
            false => eprintln!("Every host is as it was."),
        }
        return Ok(0);
    }
    if !wiring::confirm(args.site.yes, &question(args, &ready.site)) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    let shown = if args.output == Output::Json { Shown::Json } else { Shown::Text };
    let ended = perform(&ready, plan, shown).await?;
    if ended.outcome == Outcome::Healthy {
        take_back(&ready, &repaired).await?;
        sweep(&ready).await?;
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
    if !args.without.is_empty() {
        return Err(served::refuse("--without"));
    }
    let wish = match &args.host {
        None => serde_json::json!({"intent": "reset"}),
        Some(host) => serde_json::json!({"intent": "resetHosts", "hosts": [host]}),
    };
    let (made, plan) = served.make_plan(wish).await?;
    match (args.dry_run, args.output) {
        (true, Output::Json) => served::print_plan(&plan),
        (true, Output::Text) => print!("{}", removal::text(&plan)),
        (false, Output::Text) => eprint!("{}", removal::text(&plan)),
        (false, Output::Json) => {}
    }
    if args.dry_run {
        return Ok(0);
    }
    if plan.steps.is_empty() {
        eprintln!("Nothing to do: no host holds anything of Armilla's.");
        return Ok(0);
    }
    if !wiring::confirm(args.site.yes, &question(args, served.site())) {
        return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
    }
    let shown = if args.output == Output::Json { Shown::Json } else { Shown::Text };
    let code = served.perform(&made, &plan, shown).await?;
    if code == 0 {
        conclude(args);
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
fn show(args: &Reset, ready: &Ready, intent: &Intent, plan: &Plan, repaired: &[String]) {
    match (args.dry_run, args.output) {
        (true, Output::Json) => {
            println!("{}", serde_json::to_string_pretty(plan).expect("a plan is plain data"));
        }
        (true, Output::Text) => print!("{}", removal::text(plan)),
        (false, Output::Text) => eprint!("{}", removal::text(plan)),
        (false, Output::Json) => {}
    }
    let asked = |name: &str| is_asked(intent, name);
    for name in ready.strangers().into_iter().filter(|name| asked(name)) {
        match repaired.iter().any(|other| other == name) {
            true => eprintln!("{name}: nothing was installed there; what check --fix changed is taken back"),
            false => eprintln!("{name}: it has no record of Armilla, and is left as it is"),
        }
    }
    for name in args.without.iter().filter(|name| asked(name)) {
        eprintln!("{name}: nothing is removed there; it was said to be lost");
    }
}

fn is_asked(intent: &Intent, name: &str) -> bool {
    match intent {
        Intent::ResetHosts(names) => names.iter().any(|asked| asked == name),
        Intent::Reset | Intent::Install => true,
    }
}

/// Hosts on which nothing was ever installed, but something repaired.
async fn repaired(ready: &Ready, intent: &Intent) -> Result<Vec<String>, CliError> {
    let mut found = Vec::new();
    for name in ready.strangers().into_iter().filter(|name| is_asked(intent, name)) {
        let looked = async {
            let hand = ready.world.hand(name).await?;
            // Of a host that somebody else holds, the repairs are theirs.
            let held = hand.stat(FENCE, false).await?.is_some();
            Ok(!held && hand.stat(installer_run::REPAIRS, false).await?.is_some())
        };
        if looked.await.map_err(|error| of_hand(name, &error))? {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

/// As the step of a plan does where something was installed.
async fn take_back(ready: &Ready, repaired: &[String]) -> Result<(), CliError> {
    for name in repaired {
        let undone = async { ready.world.hand(name).await?.undo_repairs().await };
        for change in undone.await.map_err(|error| of_hand(name, &error))? {
            eprintln!("{name}: {change}");
        }
    }
    Ok(())
}

fn of_hand(name: &str, error: &HandError) -> CliError {
    CliError::from_error(1, &format!("{name}: failed to "), error).hint(error.hint())
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

/// The hand that asked a host brought its program with it. Where nothing else of ours is, it takes that along again.
async fn sweep(ready: &Ready) -> Result<(), CliError> {
    // A state folder that lies there on this very machine is no hand's.
    if std::path::absolute(&ready.state).is_ok_and(|state| state.starts_with(ARMILLA_ROOT)) {
        return Ok(());
    }
    for name in ready.strangers() {
        let swept = async {
            let hand = ready.world.hand(name).await?;
            let ours = [FENCE, installer_run::BEFORE, installer_run::REPAIRS];
            for path in ours {
                if hand.stat(path, false).await?.is_some() {
                    return Ok(());
                }
            }
            hand.remove(&[ARMILLA_ROOT]).await
        };
        swept.await.map_err(|error: HandError| of_hand(name, &error))?;
    }
    Ok(())
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
