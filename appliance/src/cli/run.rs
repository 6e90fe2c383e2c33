//! `armilla run ls|show|follow`.

use clap::{Args, Subcommand};
use installer_model::event::RunId;
use installer_model::view::StepState;

use super::{CliError, Output, StateArgs};
use crate::{display, wiring};

#[derive(Debug, Subcommand)]
pub(super) enum Run {
    /// List runs, the newest first
    Ls(Ls),
    /// Show one run: its steps and what failed
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    #[command(flatten)]
    state: StateArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Such as r-3; the newest without it
    run: Option<String>,
    #[command(flatten)]
    state: StateArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &Run) -> Result<u8, CliError> {
    match args {
        Run::Ls(args) => ls(args),
        Run::Show(args) => show(args),
    }
}

fn failed(error: appliance_store::StoreError) -> CliError {
    CliError::from_error(1, "", &error)
}

fn ls(args: &Ls) -> Result<u8, CliError> {
    let store = wiring::store(&wiring::state_folder(&args.state), "run ls")?;
    let mut runs = store.runs().map_err(failed)?;
    runs.reverse();
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&runs).expect("plain data"));
        return Ok(0);
    }
    println!("{:<8} {:<20} {:<12} {:<10} TOOK", "RUN", "SITE", "PLAN", "OUTCOME");
    for run in runs {
        let outcome = run.outcome.map_or("open".to_owned(), |outcome| outcome.to_string());
        let took = run.ended_at.map_or("-".to_owned(), |end| display::seconds(end.saturating_sub(run.started_at)));
        println!("{:<8} {:<20} {:<12} {outcome:<10} {took}", run.run, run.site, run.plan.short());
    }
    Ok(0)
}

fn show(args: &Show) -> Result<u8, CliError> {
    let store = wiring::store(&wiring::state_folder(&args.state), "run show")?;
    let run = match &args.run {
        Some(run) => RunId(run.clone()),
        None => {
            let newest = store.runs().map_err(failed)?.pop();
            newest.ok_or_else(|| CliError::new(3, "find a run: there was none yet"))?.run
        }
    };
    if store.run(&run).map_err(failed)?.is_none() {
        return Err(CliError::new(3, format!("find run {run}")).hint("`armilla run ls` lists them"));
    }
    let view = store.view(&run).map_err(failed)?;
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&view).expect("plain data"));
        return Ok(0);
    }
    println!("{run}: {}", view.outcome.map_or("open".to_owned(), |outcome| outcome.to_string()));
    for (id, step) in &view.steps {
        let took = step.ended_at.map_or(String::new(), |end| display::seconds(end.saturating_sub(step.started_at)));
        let state = match &step.state {
            StepState::Started => "running".to_owned(),
            StepState::Met => "already so".to_owned(),
            StepState::Done => "done".to_owned(),
            StepState::Failed(failure) => format!("failed to {}", failure.what),
        };
        println!("  {id:<40} {took:>10}  {state}");
    }
    Ok(0)
}
