//! The laws of a run over sites that were drawn, not written: one host to sixty, with and without add-ons, some of it done
//! already. `ARMILLA_SITES=N` tries that many; a failure names the seed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod sim;

use std::collections::{BTreeMap, BTreeSet};

use installer_model::event::{Event, Outcome, Record, RunId};
use installer_model::plan::{Plan, StepId};
use installer_model::view::View;
use installer_plan::next::Limits;
use installer_run::Ended;
use sim::rig::{Rig, When};
use sim::{Fate, Fault, Level, plans, sites};

/// A drawn site's plan, and hosts on which some of it holds already.
struct Drawn {
    seed: u64,
    plan: Plan,
    found: BTreeMap<StepId, Level>,
}

fn drawn() -> impl Iterator<Item = Drawn> {
    let count = std::env::var("ARMILLA_SITES").map_or(5, |count| count.parse().unwrap());
    (0..count).map(|seed| {
        let plan = plans::of_wish(&sites::any(seed));
        let mut fate = Fate::new(seed ^ 0xF00D);
        let levels = [Level::Absent, Level::Absent, Level::Half, Level::Present];
        let bare = fate.below(2) == 0;
        let found = plan.steps.iter().filter(|_| !bare);
        let found = found.map(|step| (step.id.clone(), levels[fate.below(levels.len())])).collect();
        Drawn { seed, plan, found }
    })
}

impl Drawn {
    fn rig(&self) -> Rig {
        let rig = Rig::new(&self.plan);
        self.found.iter().for_each(|(step, level)| rig.world.find(step, *level));
        rig
    }

    fn healthy(&self, rig: &mut Rig) -> Ended {
        let ended = rig.run(&self.plan, When::Never, &mut Fate::new(0)).expect("the power stays on");
        assert_eq!(ended.outcome, Outcome::Healthy, "seed {}: {:?}", self.seed, ended.failures());
        let levels = rig.world.levels();
        for step in &self.plan.steps {
            assert_eq!(levels.get(&step.id), Some(&Level::Present), "seed {}: {}", self.seed, step.id);
        }
        assert_eq!(rig.world.wrongs(), Vec::<String>::new(), "seed {}", self.seed);
        ended
    }
}

#[test]
fn a_power_cut_resumes_to_the_same_world_whatever_came_of_what_was_cut_off() {
    for site in drawn() {
        let mut whole = site.rig();
        site.healthy(&mut whole);
        let (events, mut fate) = (whole.told.len(), Fate::new(site.seed));
        for fortune in 0..3 {
            for when in [When::Events(1 + fate.below(events)), When::Touches(1 + fate.below(2 * events))] {
                let mut rig = site.rig();
                rig.run(&site.plan, when, &mut Fate::always(fortune));
                site.healthy(&mut rig);
            }
        }
    }
}

#[test]
fn what_is_done_is_not_done_again_and_what_was_found_done_is_not_done() {
    for site in drawn() {
        let mut rig = site.rig();
        site.healthy(&mut rig);
        let open = site.plan.steps.iter().filter(|step| site.found.get(&step.id) != Some(&Level::Present));
        let acted: BTreeSet<StepId> = rig.world.acts().into_iter().collect();
        assert_eq!(acted, open.map(|step| step.id.clone()).collect(), "seed {}", site.seed);
        assert_eq!(site.healthy(&mut rig).acts(), 0, "seed {}", site.seed);
    }
}

#[test]
fn a_step_that_fails_is_named_its_host_drops_out_and_the_others_go_on() {
    for site in drawn() {
        let mut fate = Fate::new(site.seed);
        for _ in 0..3 {
            let broken = &site.plan.steps[fate.below(site.plan.steps.len())];
            let mut rig = site.rig();
            rig.world.find(&broken.id, Level::Absent);
            rig.limits = Limits { steps_per_host: 1, ..Limits::default() };
            rig.world.break_step(&broken.id, Fault::Fails("it is broken".into()));
            let ended = rig.run(&site.plan, When::Never, &mut Fate::new(0)).unwrap();
            let failures = ended.failures();
            assert_eq!(failures.keys().collect::<Vec<_>>(), [&broken.id], "seed {}", site.seed);
            assert_eq!(ended.view.dropped.get(&broken.host), Some(&broken.id), "seed {}", site.seed);
            assert_rest(&site, broken, &ended, &rig.told);
            rig.world.mend();
            site.healthy(&mut rig);
        }
    }
}

/// Without a quorum nothing starts any more; otherwise all that does not hang on the dropped host succeeds.
fn assert_rest(site: &Drawn, broken: &installer_model::plan::Step, ended: &Ended, told: &[Record]) {
    if broken.quorum_critical {
        assert_eq!(ended.outcome, Outcome::Failed, "seed {}", site.seed);
        let after = told.iter().skip_while(|record| !matches!(record.event, Event::StepFailed { .. }));
        let starts = after.filter(|record| matches!(record.event, Event::StepStarted { .. })).count();
        assert_eq!(starts, 0, "seed {}", site.seed);
        return;
    }
    let mut lost: BTreeSet<&StepId> = (site.plan.steps.iter())
        .filter(|step| step.host == broken.host && !ended.view.succeeded(&step.id))
        .map(|step| &step.id)
        .collect();
    // A step comes after steps that the plan may list later: spread until nothing changes.
    loop {
        let before = lost.len();
        for step in &site.plan.steps {
            if step.after.iter().any(|id| lost.contains(id)) {
                lost.insert(&step.id);
            }
        }
        if lost.len() == before {
            break;
        }
    }
    for step in &site.plan.steps {
        let succeeded = ended.view.succeeded(&step.id);
        assert_eq!(succeeded, !lost.contains(&step.id), "seed {}: {}", site.seed, step.id);
    }
}

#[test]
fn the_order_in_which_steps_end_never_changes_the_end() {
    for site in drawn() {
        let mut ends = Vec::new();
        for pace in [0, 1, 77] {
            let mut rig = site.rig();
            rig.world.set_pace(pace);
            rig.limits = Limits { steps_per_host: 1 + (pace as usize % 4), hosts: 64 };
            let ended = site.healthy(&mut rig);
            let states: BTreeMap<_, _> =
                ended.view.steps.into_iter().map(|(id, step)| (id, step.state)).collect();
            let acts: BTreeSet<StepId> = rig.world.acts().into_iter().collect();
            ends.push((states, acts, rig.world.levels()));
        }
        assert!(ends.windows(2).all(|two| two[0] == two[1]), "seed {}", site.seed);
    }
}

#[test]
fn events_fold_to_the_same_view_at_once_piece_by_piece_and_from_their_text() {
    for site in drawn() {
        let (mut rig, mut fate) = (site.rig(), Fate::new(site.seed));
        rig.run(&site.plan, When::Events(1 + fate.below(40)), &mut fate);
        let ended = site.healthy(&mut rig);
        let records = rig.store().records(&ended.run, 0, usize::MAX).unwrap();
        let fold = |records: &[Record]| View::fold(ended.run.clone(), records);
        assert_eq!(fold(&records), ended.view, "seed {}", site.seed);
        let (first, rest) = records.split_at(fate.below(records.len()));
        let mut view = fold(first);
        // A reader that asks again from a little before sees some twice.
        first.iter().rev().take(3).rev().chain(rest).for_each(|record| view.apply(record));
        assert_eq!(view, ended.view, "seed {}", site.seed);
        let text: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let read: Vec<Record> = text.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(View::fold(RunId(ended.run.0.clone()), &read), ended.view, "seed {}", site.seed);
    }
}
