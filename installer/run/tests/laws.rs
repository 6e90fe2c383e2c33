//! What holds for every plan, whatever happens while it runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod sim;

use std::collections::BTreeSet;

use appliance_store::FeedItem;
use appliance_store::ledger::Topic;
use installer_model::event::{Event, Outcome, RunId};
use installer_model::plan::{Plan, StepId};
use installer_model::view::StepState;
use installer_plan::next::Limits;
use installer_run::{Canceller, RunError};
use sim::plans::{self, all};
use sim::rig::{Asks, Rig, When};
use sim::{Fate, Fault, Level};

/// Every wish of the plan is fulfilled, and the engine kept its promises on the way.
fn assert_whole(plan: &Plan, rig: &Rig) {
    let levels = rig.world.levels();
    for step in &plan.steps {
        assert_eq!(levels.get(&step.id), Some(&Level::Present), "{}", step.id);
    }
    assert_eq!(rig.world.wrongs(), Vec::<String>::new());
}

/// The ledger of the first run is one story: no gap, no attempt used twice, nothing after the end.
fn assert_one_story(rig: &Rig) {
    let store = rig.store();
    let records = store.records(&RunId("r-1".into()), 0, usize::MAX).unwrap();
    let mut attempts = BTreeSet::new();
    let (mut told, mut after) = (Vec::new(), 0);
    while after < store.last_index().unwrap() {
        let fed = store.feed(after, &Topic::ALL.into(), usize::MAX).unwrap();
        told.extend(fed.items.iter().map(FeedItem::index));
        after = fed.upto;
    }
    assert_eq!(told, (1..=after).collect::<Vec<_>>(), "events and changes share one sequence without a gap");
    assert_eq!(store.verify_audit().unwrap().map(|entries| entries > 0), Ok(true));
    for (at, record) in records.iter().enumerate() {
        assert!(at == 0 || record.index > records[at - 1].index);
        if let Event::StepStarted { step, attempt } = &record.event {
            assert!(attempts.insert((step.clone(), *attempt)), "{step} attempt {attempt} starts twice");
        }
        let last = at + 1 == records.len();
        assert_eq!(matches!(record.event, Event::RunEnded { .. }), last);
    }
}

/// Of the plans with many steps, not every touch is tried: every event is.
fn stride(plan: &Plan) -> usize {
    if plan.steps.len() > 30 { 11 } else { 1 }
}

fn healthy(plan: &Plan, rig: &mut Rig) {
    let ended = rig.run(plan, When::Never, &mut Fate::new(0)).expect("the power stays on");
    assert_eq!(ended.outcome, Outcome::Healthy);
    assert_whole(plan, rig);
}

#[test]
fn a_plan_runs_to_its_end_and_every_step_is_acted_once() {
    for plan in all() {
        let mut rig = Rig::new(&plan);
        healthy(&plan, &mut rig);
        assert_eq!(rig.world.acts().len(), plan.steps.len());
        assert_one_story(&rig);
    }
}

#[test]
fn a_power_cut_at_any_event_resumes_to_the_same_world() {
    for plan in all() {
        let mut fate = Fate::new(1);
        for after in 1.. {
            let mut rig = Rig::new(&plan);
            if rig.run(&plan, When::Events(after), &mut fate).is_some() {
                break;
            }
            if rig.told.iter().any(|record| matches!(record.event, Event::RunEnded { .. })) {
                // The end was on disk: the next run is a new one, with nothing to do.
                let acts = rig.world.acts().len();
                healthy(&plan, &mut rig);
                assert_eq!(rig.world.acts().len(), acts);
                continue;
            }
            healthy(&plan, &mut rig);
            assert_one_story(&rig);
        }
    }
}

#[test]
fn a_power_cut_at_any_touch_of_a_host_resumes_to_the_same_world() {
    for plan in all() {
        let mut fate = Fate::new(2);
        for touches in (1..).step_by(stride(&plan)) {
            let mut rig = Rig::new(&plan);
            if rig.run(&plan, When::Touches(touches), &mut fate).is_some() {
                break;
            }
            healthy(&plan, &mut rig);
            assert_one_story(&rig);
        }
    }
}

#[test]
fn a_machine_that_loses_power_again_and_again_still_gets_there() {
    for seed in 0..40 {
        let plan = plans::three_hosts();
        let (mut rig, mut fate) = (Rig::new(&plan), Fate::new(seed));
        // A run that gets nowhere between two cuts would never end; each stretch here does a little.
        for _ in 0..6 {
            let when = match fate.below(2) {
                0 => When::Events(3 + fate.below(12)),
                _ => When::Touches(4 + fate.below(20)),
            };
            if rig.run(&plan, when, &mut fate).is_some() {
                break;
            }
        }
        healthy(&plan, &mut rig);
    }
}

#[test]
fn a_second_run_asks_everything_and_acts_nothing() {
    for plan in all() {
        let mut rig = Rig::new(&plan);
        healthy(&plan, &mut rig);
        let (acts, probes) = (rig.world.acts().len(), rig.world.probes());
        let ended = rig.run(&plan, When::Never, &mut Fate::new(0)).unwrap();
        assert_eq!((ended.outcome, ended.acts()), (Outcome::Healthy, 0));
        assert_eq!(rig.world.acts().len(), acts);
        assert_eq!(rig.world.probes() - probes, plan.steps.len());
        assert!(ended.view.steps.values().all(|step| step.state == StepState::Met));
    }
}

#[test]
fn one_thing_changed_by_hand_gives_exactly_one_act() {
    let plan = plans::three_hosts();
    for step in &plan.steps {
        let mut rig = Rig::new(&plan);
        healthy(&plan, &mut rig);
        let before = rig.world.acts().len();
        rig.world.undo(&step.id);
        healthy(&plan, &mut rig);
        assert_eq!(rig.world.acts()[before..], *std::slice::from_ref(&step.id));
    }
}

/// Everything that comes after one of these, by way of others too.
fn followers(plan: &Plan, out: &mut BTreeSet<StepId>) {
    loop {
        let more: Vec<StepId> = (plan.steps.iter())
            .filter(|step| !out.contains(&step.id) && step.after.iter().any(|before| out.contains(before)))
            .map(|step| step.id.clone())
            .collect();
        if more.is_empty() {
            return;
        }
        out.extend(more);
    }
}

#[test]
fn each_failing_step_is_named_its_host_drops_out_the_others_go_on_and_the_next_run_ends_well() {
    for plan in all() {
        for broken in &plan.steps {
            let mut rig = Rig::new(&plan);
            // One step of a host at a time: what its host still does while the step fails is then nothing.
            rig.limits = Limits { steps_per_host: 1, hosts: 32 };
            rig.world.break_step(&broken.id, Fault::Fails("it is broken".into()));
            let ended = rig.run(&plan, When::Never, &mut Fate::new(0)).unwrap();
            let failures = ended.failures();
            assert_eq!(failures.keys().collect::<Vec<_>>(), [&broken.id]);
            assert_eq!(failures[&broken.id].evidence, ["it is broken"]);
            assert_eq!(ended.view.dropped.get(&broken.host), Some(&broken.id));
            let failed_at =
                rig.told.iter().position(|record| matches!(record.event, Event::StepFailed { .. }));
            let after = &rig.told[failed_at.unwrap()..];
            for record in after {
                if let Event::StepStarted { step, .. } = &record.event {
                    assert!(!broken.quorum_critical, "{step} starts after a quorum-critical step failed");
                    assert_ne!(plan.step(step).unwrap().host, broken.host, "{step} starts on a dropped host");
                }
            }
            if broken.quorum_critical {
                assert_eq!(ended.outcome, Outcome::Failed);
            } else {
                assert_others_went_on(&plan, &rig, &ended.view, broken);
            }
            rig.world.mend();
            healthy(&plan, &mut rig);
        }
    }
}

/// Steps that neither were on the dropped host nor come after one of its lost steps all succeeded.
fn assert_others_went_on(
    plan: &Plan,
    rig: &Rig,
    view: &installer_model::view::View,
    broken: &installer_model::plan::Step,
) {
    let mut lost: BTreeSet<StepId> = (plan.steps.iter())
        .filter(|step| step.host == broken.host && !view.succeeded(&step.id))
        .map(|step| step.id.clone())
        .collect();
    followers(plan, &mut lost);
    for step in &plan.steps {
        assert_eq!(view.succeeded(&step.id), !lost.contains(&step.id), "{}", step.id);
    }
    assert_eq!(rig.world.wrongs(), Vec::<String>::new());
}

#[test]
fn an_act_that_lies_and_an_act_that_panics_fail_their_step() {
    for (fault, says) in [(Fault::Lies, "but it is missing"), (Fault::Panics, "panic")] {
        let plan = plans::one_host();
        let mut rig = Rig::new(&plan);
        let broken = &plan.steps[1].id;
        rig.world.break_step(broken, fault);
        let ended = rig.run(&plan, When::Never, &mut Fate::new(0)).unwrap();
        let what = &ended.failures()[broken].what;
        assert!(what.contains(says), "{what}");
        assert_eq!((ended.outcome, ended.exit_code()), (Outcome::Failed, 1));
    }
}

#[test]
fn a_probe_that_cannot_tell_leads_to_the_act() {
    let plan = plans::one_host();
    let mut rig = Rig::new(&plan);
    plan.steps.iter().for_each(|step| rig.world.blind(&step.id));
    healthy(&plan, &mut rig);
    assert_eq!(rig.world.acts().len(), plan.steps.len());
}

#[test]
fn a_run_cancelled_at_any_event_lets_what_is_in_flight_end_and_the_next_run_ends_well() {
    for plan in all() {
        for after in (1..).step_by(stride(&plan)) {
            let mut rig = Rig::new(&plan);
            let (canceller, cancel) = Canceller::new();
            let asks = Some(Asks { canceller, after, times: 1, retry: None });
            let ended = rig.run_with(&plan, When::Never, &mut Fate::new(0), cancel, asks).unwrap().unwrap();
            if after > rig.told.len() {
                break;
            }
            assert!(matches!(ended.outcome, Outcome::Cancelled | Outcome::Healthy));
            assert!(ended.view.steps.values().all(|step| step.state.succeeded()));
            assert_nothing_starts_after_the_cancel(&rig);
            healthy(&plan, &mut rig);
        }
    }
}

fn assert_nothing_starts_after_the_cancel(rig: &Rig) {
    let cancelled = rig.told.iter().skip_while(|record| record.event != Event::RunCancelled);
    for record in cancelled {
        assert!(!matches!(record.event, Event::StepStarted { .. }), "{record:?}");
    }
}

#[test]
fn an_abort_leaves_the_run_open_and_the_next_engine_takes_it_up() {
    let plan = plans::three_hosts();
    let mut rig = Rig::new(&plan);
    let (canceller, cancel) = Canceller::new();
    let asks = Some(Asks { canceller, after: 9, times: 2, retry: None });
    let ended = rig.run_with(&plan, When::Never, &mut Fate::new(0), cancel, asks).unwrap();
    let in_flight = match ended {
        Err(RunError::Aborted { in_flight, .. }) => in_flight,
        other => panic!("{other:?}"),
    };
    assert!(in_flight > 0, "there was something to leave behind");
    rig.world.power_on(&mut Fate::new(3));
    healthy(&plan, &mut rig);
    assert_one_story(&rig);
}

#[test]
fn a_run_left_open_is_abandoned_when_another_plan_is_run() {
    let (first, second) = (plans::one_host(), plans::three_hosts());
    let mut rig = Rig::new(&first);
    assert!(rig.run(&first, When::Events(4), &mut Fate::new(0)).is_none());
    healthy(&second, &mut rig);
    let rows = rig.store().runs().unwrap();
    let outcomes: Vec<_> = rows.iter().map(|row| (row.run.0.as_str(), row.outcome)).collect();
    assert_eq!(outcomes, [("r-1", Some(Outcome::Abandoned)), ("r-2", Some(Outcome::Healthy))]);
}

#[test]
fn what_an_act_said_is_kept_and_its_end_carries_the_digest() {
    let plan = plans::one_host();
    let mut rig = Rig::new(&plan);
    healthy(&plan, &mut rig);
    let store = rig.store();
    for record in &rig.told {
        if let Event::StepDone { step, attempt, output } = &record.event {
            let text = format!("{step} ok\n");
            let chunks = store.output(&record.run, step, *attempt, 0, 1 << 20).unwrap();
            assert_eq!(
                chunks.iter().flat_map(|chunk| chunk.bytes.clone()).collect::<Vec<_>>(),
                text.as_bytes()
            );
            assert_eq!(output.as_ref().unwrap().length, text.len() as u64);
        }
    }
}

#[test]
fn limits_hold_at_every_moment() {
    let plan = plans::three_hosts();
    let mut rig = Rig::new(&plan);
    rig.limits = Limits { steps_per_host: 1, hosts: 2 };
    healthy(&plan, &mut rig);
    let mut flying: BTreeSet<StepId> = BTreeSet::new();
    for record in &rig.told {
        match &record.event {
            Event::StepStarted { step, .. } => assert!(flying.insert(step.clone())),
            Event::StepMet { step, .. } | Event::StepDone { step, .. } => assert!(flying.remove(step)),
            _ => {}
        }
        let hosts: BTreeSet<&str> = flying.iter().map(|id| id.0.split('/').next().unwrap()).collect();
        assert!(flying.len() <= 2 && hosts.len() == flying.len(), "{flying:?}");
    }
}
