//! `armilla run ls|show|follow`: read from the engine while one runs, from the database otherwise.

use std::collections::BTreeMap;

use appliance_control::words::waived_line;
use clap::{Args, Subcommand};
use installer_model::event::RunId;
use installer_model::plan::StepId;
use installer_model::view::{StepState, StepView};
use installer_run::Observer;
use installer_run::query::Answer;
use installer_run::reader::{ReadError, Reader};

use super::{CliError, Output, StateArgs, chain};
use crate::{display, wiring};

#[derive(Debug, Subcommand)]
pub(super) enum Run {
    /// List runs, the newest first
    Ls(Ls),
    /// Show one run: its steps and what failed
    Show(Show),
    /// Show a run while it goes on, from its beginning to its end
    Follow(Show),
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
        Run::Follow(args) => follow(args),
    }
}

fn failed(error: &ReadError) -> CliError {
    let code = if matches!(error, ReadError::Refused(_)) { 3 } else { 1 };
    CliError::new(code, chain(error)).hint("`armilla run ls` lists the runs of a state folder")
}

fn ls(args: &Ls) -> Result<u8, CliError> {
    let mut runs = wiring::reader(&args.state, "run ls").runs().map_err(|error| failed(&error))?;
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
fn chosen(args: &Show, reader: &Reader) -> Result<RunId, CliError> {
    if let Some(run) = &args.run {
        return Ok(RunId(run.clone()));
    }
    let newest = reader.runs().map_err(|error| failed(&error))?.pop();
    Ok(newest.ok_or_else(|| CliError::new(3, "find a run: there was none yet"))?.run)
}

fn show(args: &Show) -> Result<u8, CliError> {
    let reader = wiring::reader(&args.state, "run show");
    let run = chosen(args, &reader)?;
    let (row, view) = reader.run(&run).map_err(|error| failed(&error))?;
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
    let plan = reader.plan(&row.plan).ok();
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

fn follow(args: &Show) -> Result<u8, CliError> {
    let reader = wiring::reader(&args.state, "run follow");
    let run = chosen(args, &reader)?;
    let (row, _) = reader.run(&run).map_err(|error| failed(&error))?;
    let lines = display::Lines::default();
    if let Ok(plan) = reader.plan(&row.plan) {
        lines.began(&plan, &installer_model::view::View::new(run.clone()));
    }
    for answer in reader.follow(&run, 0).map_err(|error| failed(&error))? {
        match answer.map_err(|error| failed(&error))? {
            Answer::Record { record } if args.output == Output::Json => {
                println!("{}", serde_json::to_string(&record).expect("plain data"));
            }
            Answer::Record { record } => lines.record(&record),
            Answer::Refused { why } => return Err(CliError::new(3, why)),
            _ => {}
        }
    }
    Ok(0)
}
