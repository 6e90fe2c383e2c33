//! Scenarios on simulated sites, readable like the manual: `stories/*.story`.
//!
//! A story is prose (`#`), commands, and below each command what came of it (`|`), which this test compares.
//! `UPDATE_GOLDEN=1 cargo test -p installer-run --test stories` writes it anew, for a person to review.
//!
//! ```text
//!  plan three-hosts                 the plan that `run` runs: one-host, three-hosts, reset
//!  fail STEP because TEXT           the step's act fails until `mend`
//!  lie STEP                         the step's act claims success and did nothing, until `mend`
//!  mend                             all acts work again
//!  undo STEP                        somebody takes away by hand what the step had brought about
//!  run                              run the plan to its end
//!  run, power goes after N events   … or before a host is touched for the Nth time (`touches`)
//!  run, cancelled after N events
//!  run, HOST mended and retried after N events
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod sim;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use installer_model::plan::{Plan, StepId};
use installer_plan::next::waiting;
use installer_run::{Cancel, Canceller};
use sim::rig::{Asks, Rig, When};
use sim::{Fate, Fault, plans};

#[test]
fn every_story_goes_as_it_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut stories: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    stories.sort();
    assert!(!stories.is_empty());
    for path in stories {
        let told = std::fs::read_to_string(&path).unwrap();
        let happened = perform(&told);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, happened).unwrap();
        } else {
            assert_eq!(told, happened, "{}: UPDATE_GOLDEN=1 writes what happened", path.display());
        }
    }
}

/// The story with what came of each command.
fn perform(told: &str) -> String {
    let mut stage: Option<Stage> = None;
    let mut happened = String::new();
    for line in told.lines().filter(|line| !line.trim_start().starts_with('|')) {
        happened += &format!("{line}\n");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("plan ") {
            stage = Some(match stage.take() {
                Some(stage) => Stage { plan: named(name), ..stage },
                None => Stage::new(named(name)),
            });
            continue;
        }
        let stage = stage.as_mut().expect("a story begins with a plan");
        for line in stage.command(line) {
            happened += &format!("  | {line}\n");
        }
    }
    happened
}

fn named(name: &str) -> Plan {
    match name {
        "one-host" => plans::one_host(),
        "three-hosts" => plans::three_hosts(),
        "reset" => plans::reset(),
        other => panic!("no plan is called {other}"),
    }
}

struct Stage {
    plan: Plan,
    rig: Rig,
    fate: Fate,
}

impl Stage {
    fn new(plan: Plan) -> Stage {
        Stage { rig: Rig::new(&plan), plan, fate: Fate::new(0) }
    }

    fn command(&mut self, line: &str) -> Vec<String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "fail" => {
                let (step, why) = rest.split_once(" because ").expect("fail STEP because TEXT");
                self.rig.world.break_step(&self.step(step), Fault::Fails(why.to_owned()));
            }
            "lie" => self.rig.world.break_step(&self.step(rest), Fault::Lies),
            "mend" => self.rig.world.mend(),
            "undo" => self.rig.world.undo(&self.step(rest)),
            "run" => return self.run(When::Never, None),
            "run," => {
                let words: Vec<&str> = rest.split(' ').collect();
                return match words[..] {
                    ["power", "goes", "after", count, "events"] => {
                        self.run(When::Events(count.parse().unwrap()), None)
                    }
                    ["power", "goes", "after", count, "touches"] => {
                        self.run(When::Touches(count.parse().unwrap()), None)
                    }
                    ["cancelled", "after", count, "events"] => {
                        self.run(When::Never, Some((count.parse().unwrap(), None)))
                    }
                    [host, "mended", "and", "retried", "after", count, "events"] => {
                        self.run(When::Never, Some((count.parse().unwrap(), Some(host.to_owned()))))
                    }
                    _ => panic!("not understood: {line}"),
                };
            }
            _ => panic!("not understood: {line}"),
        }
        Vec::new()
    }

    fn step(&self, name: &str) -> StepId {
        self.plan.step(&StepId(name.to_owned())).expect("a step of the plan").id.clone()
    }

    /// `asked`: after how many events an operator cancels, or has this host tried again.
    fn run(&mut self, when: When, asked: Option<(usize, Option<String>)>) -> Vec<String> {
        let (canceller, cancel) = Canceller::new();
        let asks = asked.map(|(after, retry)| Asks { canceller, after, times: 1, retry });
        let cancel = if asks.is_some() { cancel } else { Cancel::never() };
        let ended = self.rig.run_with(&self.plan, when, &mut self.fate, cancel, asks);
        let mut lines = self.rig.transcript();
        match ended {
            None => lines.push("(the power goes)".to_owned()),
            Some(ended) => {
                let ended = ended.unwrap();
                lines.push(format!("({} steps were acted, exit code {})", ended.acts(), ended.exit_code()));
                let open = waiting(&self.plan, &ended.view, &BTreeSet::new(), self.rig.limits);
                lines.extend(
                    open.iter().map(|open| format!("{} did not succeed: {}", open.step, open.reason)),
                );
            }
        }
        assert_eq!(self.rig.world.wrongs(), Vec::<String>::new());
        lines
    }
}
