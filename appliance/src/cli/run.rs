//! `armilla run`: asked of a server where there is one; else read from the engine while one runs, from the database otherwise.

use std::collections::BTreeMap;

use appliance_control::words::waived_line;
use clap::{Args, Subcommand};
use installer_model::event::{Record, RunId};
use installer_model::plain;
use installer_model::plan::StepId;
use installer_model::view::{StepState, StepView};
use installer_run::Observer;
use serde_json::Value;

use super::asking::{self, Asking, told};
use super::{CliError, Output, escaped};
use crate::display;
use crate::runs::Source;
use crate::served;
use crate::wiring::ServerArgs;

#[derive(Debug, Subcommand)]
pub(super) enum Run {
    /// List runs, the newest first
    Ls(Asking),
    /// Show one run: its steps and what failed
    Show(Show),
    /// Print what the commands of a run's steps said on the hosts
    Log(Log),
    /// Show a run while it goes on, from its beginning to its end; ends with the exit code that `apply` would
    Follow(Show),
    /// Cancel a run: what has started is let end, nothing more starts
    Cancel(Cancel),
    /// Try a host again that dropped out: in its run, or in another one of the same plan
    Retry(Retry),
    /// List what was asked of a server: starts, cancels and retries, and what became of them
    Requests(Asking),
    /// Take a start back that waits
    Withdraw(Withdraw),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Such as r-3; the newest without it
    run: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Log {
    #[command(flatten)]
    show: Show,
    /// Of these steps alone, or of all below: h2, h2/import, h2/import/base
    #[arg(long = "step", value_name = "STEP")]
    steps: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// Such as r-3
    run: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Retry {
    /// Such as r-3
    run: String,
    host: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// As `run requests` lists it
    request: String,
    #[command(flatten)]
    server: ServerArgs,
}

const REQUESTS: asking::Columns<'static> = &[
    ("ID", "id"),
    ("SITE", "site"),
    ("ASKED", "asked"),
    ("STATE", "state"),
    ("RUN", "run"),
    ("BY", "by"),
    ("AT", "at"),
];

pub(super) async fn run(args: &Run) -> Result<u8, CliError> {
    match args {
        Run::Ls(args) => ls(args).await,
        Run::Show(args) => show(args).await,
        Run::Log(args) => log(args).await,
        Run::Follow(args) => follow(args).await,
        Run::Cancel(args) => {
            let client = args.server.client("run cancel")?;
            let path = format!("/api/v1/runs/{}/cancel", escaped(&args.run));
            client.post::<()>(&path, &serde_json::json!({})).await.map_err(told)?;
            println!("{} ends when what has started has ended", args.run);
            Ok(0)
        }
        Run::Retry(args) => {
            let client = args.server.client("run retry")?;
            let (run, host) = (escaped(&args.run), escaped(&args.host));
            let path = format!("/api/v1/runs/{run}/hosts/{host}/retry");
            let retried: Value = client.post(&path, &serde_json::json!({})).await.map_err(told)?.value;
            match (retried["run"].as_str(), retried["request"].as_str()) {
                (Some(run), _) => println!("{} takes part in {run} again", args.host),
                (None, Some(request)) => {
                    let run = served::begun(&client, request).await?;
                    println!("{run} tries {} again, by the same plan", args.host);
                }
                (None, None) => println!("{} is tried again", args.host),
            }
            Ok(0)
        }
        Run::Requests(args) => {
            let client = args.server.client("run requests")?;
            asking::show(&asking::list(&client, "/api/v1/requests?sort=at").await?, REQUESTS, args.output);
            Ok(0)
        }
        Run::Withdraw(args) => {
            let client = args.server.client("run withdraw")?;
            client.delete(&format!("/api/v1/requests/{}", escaped(&args.request))).await.map_err(told)?;
            println!("{} is taken back", args.request);
            Ok(0)
        }
    }
}

async fn ls(args: &Asking) -> Result<u8, CliError> {
    let mut runs = Source::of(&args.server, "run ls")?.runs().await?;
    runs.reverse();
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&runs).expect("plain data"));
        return Ok(0);
    }
    println!("{:<8} {:<20} {:<12} {:<10} TOOK", "RUN", "SITE", "PLAN", "OUTCOME");
    for run in runs {
        let outcome = run.outcome.map_or("open".to_owned(), |outcome| outcome.to_string());
        let took =
            run.ended_at.map_or("-".to_owned(), |end| display::seconds(end.saturating_sub(run.started_at)));
        println!("{:<8} {:<20} {:<12} {outcome:<10} {took}", run.run, run.site, run.plan.short());
    }
    Ok(0)
}

/// The run that was named, else the newest.
async fn chosen(args: &Show, source: &Source) -> Result<RunId, CliError> {
    if let Some(run) = &args.run {
        return Ok(RunId(run.clone()));
    }
    let newest = source.runs().await?.pop();
    Ok(newest.ok_or_else(|| CliError::new(3, "find a run: there was none yet"))?.run)
}

async fn show(args: &Show) -> Result<u8, CliError> {
    let source = Source::of(&args.server, "run show")?;
    let run = chosen(args, &source).await?;
    let (row, view) = source.run(&run).await?;
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&view).expect("plain data"));
        return Ok(0);
    }
    println!(
        "{run} of {}: {}",
        row.site,
        view.outcome.map_or("open".to_owned(), |outcome| outcome.to_string())
    );
    view.waived.iter().for_each(|waived| println!("  {}", waived_line(waived)));
    // In the plan's order where the plan is known, which is how people read it.
    let plan = source.plan(&row.plan).await;
    let order: BTreeMap<StepId, usize> = plan
        .iter()
        .flat_map(|plan| &plan.steps)
        .enumerate()
        .map(|(at, step)| (step.id.clone(), at))
        .collect();
    let mut steps: Vec<(&StepId, &StepView)> = view.steps.iter().collect();
    steps.sort_by_key(|(id, _)| order.get(*id).copied().unwrap_or(usize::MAX));
    for (id, step) in steps {
        let took =
            step.ended_at.map_or(String::new(), |end| display::seconds(end.saturating_sub(step.started_at)));
        println!("  {id:<36} {took:>12}  {}", state(&step.state));
        if let StepState::Failed(failure) = &step.state {
            failure.evidence.iter().for_each(|line| println!("      | {line}"));
        }
    }
    Ok(0)
}

fn state(state: &StepState) -> String {
    match state {
        StepState::Started => "running".to_owned(),
        StepState::Met => "already so".to_owned(),
        StepState::Done => "done".to_owned(),
        StepState::Failed(failure) => format!("failed to {}", failure.what),
    }
}

/// Step by step, in the order in which they were begun, each attempt with a line above it that names it.
async fn log(args: &Log) -> Result<u8, CliError> {
    let source = Source::of(&args.show.server, "run log")?;
    let run = chosen(&args.show, &source).await?;
    let (_, view) = source.run(&run).await?;
    let mut steps: Vec<(&StepId, &StepView)> =
        view.steps.iter().filter(|(step, _)| is_wanted(&args.steps, &step.to_string())).collect();
    if steps.is_empty() && !args.steps.is_empty() {
        return Err(CliError::new(3, format!("find a step {} in {run}", args.steps.join(" or ")))
            .hint(format!("`armilla run show {run}` lists the steps that have begun")));
    }
    steps.sort_by_key(|(_, step)| step.started_at);
    for (step, view) in steps {
        for attempt in 1..=view.attempt {
            print_output(&source, &run, step, attempt, args.show.output).await?;
        }
    }
    Ok(0)
}

/// Whether one of the names is this step, or a folder above it; no name is every step.
fn is_wanted(names: &[String], step: &str) -> bool {
    let below = |name: &String| step.strip_prefix(name.trim_end_matches('/')).is_some_and(is_end_or_slash);
    names.is_empty() || names.iter().any(below)
}

fn is_end_or_slash(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

async fn print_output(
    source: &Source,
    run: &RunId,
    step: &StepId,
    attempt: u32,
    output: Output,
) -> Result<(), CliError> {
    let mut offset = 0;
    loop {
        let (text, next) = source.output(run, step, attempt, offset).await?;
        if next == offset {
            return Ok(());
        }
        match output {
            Output::Json => {
                let piece = serde_json::json!({
                    "step": step, "attempt": attempt, "offset": offset, "text": text
                });
                println!("{piece}");
            }
            Output::Text => {
                if offset == 0 {
                    println!("==> {step}, attempt {attempt}");
                }
                print!("{}", plain(&text));
            }
        }
        offset = next;
    }
}

async fn follow(args: &Show) -> Result<u8, CliError> {
    let source = Source::of(&args.server, "run follow")?;
    let run = chosen(args, &source).await?;
    let (row, _) = source.run(&run).await?;
    let lines = display::Lines::default();
    if let Some(plan) = source.plan(&row.plan).await {
        lines.began(&plan, &installer_model::view::View::new(run.clone()));
    }
    let show = |record: &Record| match args.output {
        Output::Json => println!("{}", serde_json::to_string(record).expect("plain data")),
        Output::Text => lines.record(record),
    };
    source.follow(&run, &show).await?;
    let (_, view) = source.run(&run).await?;
    // Of a run that is left open there is nothing to judge yet.
    Ok(if view.outcome.is_some() { view.exit_code() } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_named_by_itself_or_by_what_is_above_it() {
        let wanted = |name: &str| is_wanted(&[name.to_owned()], "h2/import/base");
        assert!(wanted("h2") && wanted("h2/") && wanted("h2/import") && wanted("h2/import/base"));
        assert!(!wanted("h") && !wanted("h2/imp") && !wanted("h2/import/base/x") && !wanted("base"));
        assert!(is_wanted(&[], "h2/import/base"));
    }
}
