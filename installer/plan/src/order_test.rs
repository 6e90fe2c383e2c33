use std::collections::BTreeSet;

use installer_model::event::{Failure, Record, RunId};
use installer_model::plan::{Action, Intent, PLAN_FORMAT, Phase, PlanId, Step};

use super::*;
use crate::next::next;

/// A seeded source of chance (SplitMix64).
struct Fate(u64);

impl Fate {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Up to 8 hosts and 40 steps; edges lead from earlier steps to later ones, and the plan lists them in any order.
fn any_plan(fate: &mut Fate) -> Plan {
    let (hosts, count) = (1 + fate.below(8), 1 + fate.below(40));
    let mut steps: Vec<Step> = Vec::new();
    for at in 0..count {
        let host = format!("h{}", fate.below(hosts));
        let after: Vec<StepId> =
            steps.iter().filter(|_| fate.below(6) == 0).map(|before| before.id.clone()).collect();
        steps.push(Step {
            id: StepId(format!("{host}/place/s{at}")),
            phase: Phase::Place,
            wave: 0,
            host,
            action: Action::StopPods,
            after,
            quorum_critical: fate.below(12) == 0,
        });
    }
    for at in (1..steps.len()).rev() {
        steps.swap(at, fate.below(at + 1));
    }
    Plan {
        format: PLAN_FORMAT,
        id: PlanId("1".repeat(64)),
        parent: None,
        site: "demo".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps,
        report: Vec::new(),
    }
}

/// A run in which everything may happen that an engine can do: the order that was kept and one made anew from the view
/// answer the same after every event.
#[test]
fn an_order_kept_by_events_answers_as_one_made_anew() {
    let mut ends = BTreeSet::new();
    for seed in 0..400 {
        let mut fate = Fate(seed);
        let plan = any_plan(&mut fate);
        let limits = Limits { steps_per_host: 1 + fate.below(4), hosts: 1 + fate.below(8) };
        let run = RunId("r-1".into());
        let mut view = View::new(run.clone());
        let mut order = Order::of(&plan, &view, &BTreeSet::new());
        let mut in_flight: BTreeSet<StepId> = BTreeSet::new();
        let mut index = 0;
        let outcome = loop {
            let events = match order.next(limits) {
                Next::Complete { outcome } => break outcome,
                Next::Perform(steps) => {
                    in_flight.extend(steps.iter().cloned());
                    steps.into_iter().map(|step| Event::StepStarted { step, attempt: 1 }).collect()
                }
                Next::Wait | Next::Halt { .. } if fate.below(8) == 0 => retried(&plan, &order),
                Next::Wait | Next::Halt { .. } => vec![something_happens(&mut fate, &mut in_flight)],
            };
            for event in events {
                index += 1;
                order.apply(&event);
                view.apply(&Record { format: 1, index, at: 0, run: run.clone(), event });
            }
            assert_eq!(order.next(limits), next(&plan, &view, &in_flight, limits), "seed {seed}");
            let anew = Order::of(&plan, &view, &in_flight).waiting(limits);
            assert_same_but_for_which_failure(&order.waiting(limits), &anew, seed);
        };
        ends.insert(outcome.to_string());
    }
    let all = ["cancelled", "degraded", "failed", "healthy"].map(str::to_owned);
    assert_eq!(ends, BTreeSet::from(all), "every kind of end was seen");
}

/// Every host with a failed step is tried again.
fn retried(plan: &Plan, order: &Order<'_>) -> Vec<Event> {
    let hosts: BTreeSet<&String> = plan.steps.iter().map(|step| &step.host).collect();
    let hosts = hosts.into_iter().map(|host| (host.clone(), order.failed_on(host)));
    let failed = hosts.filter(|(_, steps)| !steps.is_empty());
    failed.map(|(host, steps)| Event::HostRetried { host, steps }).collect()
}

fn something_happens(fate: &mut Fate, in_flight: &mut BTreeSet<StepId>) -> Event {
    if fate.below(60) == 0 {
        return Event::RunCancelled;
    }
    let step = in_flight.iter().nth(fate.below(in_flight.len())).unwrap().clone();
    in_flight.remove(&step);
    match fate.below(12) {
        0 => {
            let failure = Failure { what: "try".into(), evidence: Vec::new(), hint: None, exit_code: 1 };
            Event::StepFailed { step, attempt: 1, failure, output: None }
        }
        1..6 => Event::StepMet { step, attempt: 1 },
        _ => Event::StepDone { step, attempt: 1, output: None },
    }
}

/// A step that comes after two failures may be said to wait for either.
fn assert_same_but_for_which_failure(kept: &[Waiting], anew: &[Waiting], seed: u64) {
    let first = StepId(String::new());
    let plain = |waiting: &Waiting| match &waiting.reason {
        Reason::HostDropped { .. } | Reason::Blocked { .. } => {
            (waiting.step.clone(), Reason::Blocked { failed: first.clone() })
        }
        other => (waiting.step.clone(), other.clone()),
    };
    let (kept, anew): (Vec<_>, Vec<_>) = (kept.iter().map(plain).collect(), anew.iter().map(plain).collect());
    assert_eq!(kept, anew, "seed {seed}");
}
