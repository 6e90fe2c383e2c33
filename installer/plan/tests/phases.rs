//! `installer/PHASES.md` is written from plans: every phase, its steps, what each proves. `UPDATE_GOLDEN=1` writes it
//! anew; otherwise a difference fails.

#![expect(clippy::disallowed_methods, reason = "a test of a pure crate reads its golden files")]

mod fixture;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use installer_model::plan::{Phase, Plan};

const HEAD: &str = "# Phases

Written by `UPDATE_GOLDEN=1 cargo test -p installer-plan --test phases` from the plans in `plan/tests/plans`. A phase is the
order in which people read a plan; what may run when is in the edges between steps. A step is done when its probe says so.
A command that has not ended by the step's limit is killed on its host, with or without a connection, and the step fails. Steps
without a limit here are made of short questions with limits of their own (30 s to 5 minutes), or wait for what they name
(10 minutes, drain 5).
";

#[test]
fn the_page_of_phases_says_what_plans_do() {
    let plans: Vec<Plan> = fixture::wishes().into_iter().map(|(_, wish)| fixture::plan(&wish)).collect();
    let page = page(&plans);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../PHASES.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, page).expect("PHASES.md can be written");
    } else {
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(committed, page, "UPDATE_GOLDEN=1 writes PHASES.md anew");
    }
}

fn page(plans: &[Plan]) -> String {
    let mut page = HEAD.to_owned();
    for phase in Phase::ALL {
        let mut seen = BTreeSet::new();
        let mut rows = String::new();
        for step in plans.iter().flat_map(|plan| &plan.steps).filter(|step| step.phase == phase) {
            let word = step.id.0.rsplit('/').next().unwrap_or_default();
            if seen.insert(word) {
                let critical = if step.quorum_critical { "a failure halts the run" } else { "" };
                let limit = step.action.command_limit_seconds().map(|limit| format!("{limit} s"));
                let (label, proof, limit) =
                    (step.action.label(), step.action.proof(), limit.unwrap_or_default());
                writeln!(rows, "| {word} | {label} | {proof} | {limit} | {critical} |")
                    .expect("writing to a String");
            }
        }
        if !rows.is_empty() {
            write!(page, "\n## {phase}\n\n| step | does | proves | limit | |\n|---|---|---|---|---|\n{rows}")
                .expect("writing to a String");
        }
    }
    page
}
