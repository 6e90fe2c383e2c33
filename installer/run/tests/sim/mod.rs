//! A simulated site: hosts that remember what was done to them, lose power, and break where they are told to.
//!
//! An act goes through three states, and a power cut leaves it in any that an honest host may be in:
//!
//! ```text
//!  absent ──▶ half ──▶ present        cut while absent: absent, half or present afterwards (the command had begun
//!                                     and outlived its connection, or had not); cut while half: half or present
//! ```

#![expect(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod plans;
pub(crate) mod rig;
pub(crate) mod sites;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use appliance_store::Store;
use installer_model::event::{Event, Failure};
use installer_model::plan::{Plan, Step, StepId};
use installer_run::{BoxFuture, Probe, StepContext, World};

/// How far a step's wish is fulfilled on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Absent,
    Half,
    Present,
}

/// What goes wrong with a step's act, every time until it is mended.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The act says so.
    Fails(String),
    /// The act says that all is well, and it is not.
    Lies,
    Panics,
}

/// The site. It outlives engines, as hosts do.
#[derive(Default)]
pub(crate) struct SimWorld {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    levels: BTreeMap<StepId, Level>,
    after: BTreeMap<StepId, Vec<StepId>>,
    faults: BTreeMap<StepId, Fault>,
    /// Steps whose probe cannot tell before their act was done.
    blind: BTreeSet<StepId>,
    acting: BTreeSet<StepId>,
    /// Every act that began, in order.
    acts: Vec<StepId>,
    probes: usize,
    touches: usize,
    /// Changes how long each touch takes, and with it the order in which steps end.
    pace: u64,
    cut: Option<Box<dyn Cut>>,
    /// The power is off: nothing moves any more.
    frozen: bool,
    /// Broken promises of the engine, which no test may see.
    wrongs: Vec<String>,
    store: Option<std::sync::Weak<Store>>,
}

/// Decides when the power goes.
pub(crate) trait Cut: Send {
    /// Called before the host is touched for the `touch`-th time; true cuts the power.
    fn now(&mut self, touch: usize) -> bool;
}

impl<F: FnMut(usize) -> bool + Send> Cut for F {
    fn now(&mut self, touch: usize) -> bool {
        self(touch)
    }
}

impl SimWorld {
    pub(crate) fn new(plan: &Plan) -> SimWorld {
        let world = SimWorld::default();
        world.learn(plan);
        world
    }

    /// Remembers what comes after what, to watch the engine.
    pub(crate) fn learn(&self, plan: &Plan) {
        let edges = plan.steps.iter().map(|step| (step.id.clone(), step.after.clone()));
        self.lock().after.extend(edges);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn break_step(&self, step: &StepId, fault: Fault) {
        self.lock().faults.insert(step.clone(), fault);
    }

    pub(crate) fn blind(&self, step: &StepId) {
        self.lock().blind.insert(step.clone());
    }

    pub(crate) fn mend(&self) {
        self.lock().faults.clear();
    }

    /// Somebody changes by hand what a step had brought about.
    pub(crate) fn undo(&self, step: &StepId) {
        self.lock().levels.insert(step.clone(), Level::Absent);
    }

    /// The host is found with this much of the step's wish fulfilled.
    pub(crate) fn find(&self, step: &StepId, level: Level) {
        self.lock().levels.insert(step.clone(), level);
    }

    pub(crate) fn set_pace(&self, pace: u64) {
        self.lock().pace = pace;
    }

    pub(crate) fn cut_when(&self, cut: impl Cut + 'static) {
        self.lock().cut = Some(Box::new(cut));
    }

    pub(crate) fn never_cut(&self) {
        self.lock().cut = None;
    }

    pub(crate) fn freeze(&self) {
        self.lock().frozen = true;
    }

    /// Power comes back. What was being acted is as far as `fate` draws, among what is honest.
    pub(crate) fn power_on(&self, fate: &mut Fate) {
        let mut inner = self.lock();
        (inner.frozen, inner.cut) = (false, None);
        for step in std::mem::take(&mut inner.acting) {
            let level = inner.levels.get(&step).copied().unwrap_or(Level::Absent);
            let honest: Vec<Level> =
                [Level::Absent, Level::Half, Level::Present].into_iter().filter(|to| *to >= level).collect();
            inner.levels.insert(step, honest[fate.below(honest.len())]);
        }
    }

    /// Lets acts check that their start is on disk.
    pub(crate) fn watch(&self, store: &std::sync::Arc<Store>) {
        self.lock().store = Some(std::sync::Arc::downgrade(store));
    }

    pub(crate) fn levels(&self) -> BTreeMap<StepId, Level> {
        self.lock().levels.clone()
    }

    pub(crate) fn acts(&self) -> Vec<StepId> {
        self.lock().acts.clone()
    }

    pub(crate) fn probes(&self) -> usize {
        self.lock().probes
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.lock().wrongs.clone()
    }

    /// One touch of a host: it takes a while, and the power may go instead.
    async fn touch(&self, step: &StepId) {
        let pace = self.lock().pace;
        tokio::time::sleep(duration(step, pace)).await;
        let dark = {
            let mut inner = self.lock();
            inner.touches += 1;
            let touch = inner.touches;
            if !inner.frozen && inner.cut.as_mut().is_some_and(|cut| cut.now(touch)) {
                inner.frozen = true;
            }
            inner.frozen
        };
        if dark {
            std::future::pending::<()>().await;
        }
    }

    fn begin_act(&self, step: &Step, context: &StepContext) {
        let mut inner = self.lock();
        inner.acts.push(step.id.clone());
        if !inner.acting.insert(step.id.clone()) {
            inner.wrongs.push(format!("{} is acted twice at a time", step.id));
        }
        let open =
            step.after.iter().find(|before| inner.levels.get(*before) != Some(&Level::Present)).cloned();
        if let Some(before) = open {
            inner.wrongs.push(format!("{} is acted before {before} holds", step.id));
        }
        let store = inner.store.as_ref().and_then(std::sync::Weak::upgrade);
        if let Some(store) = store {
            let records = store.records(&context.run, context.fence, 1).unwrap();
            let start = Event::StepStarted { step: step.id.clone(), attempt: context.attempt };
            if records.first().map(|record| (record.index, &record.event)) != Some((context.fence, &start)) {
                inner.wrongs.push(format!("{} is acted before its start is on disk", step.id));
            }
        }
    }

    fn set(&self, step: &StepId, level: Level) {
        self.lock().levels.insert(step.clone(), level);
    }

    fn end_act(&self, step: &StepId) {
        self.lock().acting.remove(step);
    }

    fn ask(&self, step: &StepId) -> Probe {
        let mut inner = self.lock();
        inner.probes += 1;
        match inner.levels.get(step).copied().unwrap_or(Level::Absent) {
            Level::Present => Probe::Met,
            Level::Half => Probe::NotMet("half of it is missing".into()),
            Level::Absent if inner.blind.contains(step) => Probe::CannotTell("nobody answers yet".into()),
            Level::Absent => Probe::NotMet("it is missing".into()),
        }
    }
}

impl World for SimWorld {
    fn probe<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Probe> {
        Box::pin(async {
            self.touch(&step.id).await;
            self.ask(&step.id)
        })
    }

    fn act<'a>(&'a self, step: &'a Step, context: &'a StepContext) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async {
            self.begin_act(step, context);
            self.touch(&step.id).await;
            let fault = self.lock().faults.get(&step.id).cloned();
            match fault {
                None => {}
                Some(Fault::Lies) => {
                    self.end_act(&step.id);
                    return Ok(());
                }
                Some(Fault::Panics) => {
                    self.end_act(&step.id);
                    panic!("the act of {} panics, as it was told to", step.id);
                }
                Some(Fault::Fails(why)) => {
                    self.end_act(&step.id);
                    context.output(format!("{why}\n").as_bytes());
                    return Err(Failure {
                        what: step.action.label(),
                        evidence: vec![why],
                        hint: None,
                        exit_code: 1,
                    });
                }
            }
            self.set(&step.id, Level::Half);
            context.progress(50, Some(100));
            self.touch(&step.id).await;
            self.set(&step.id, Level::Present);
            context.progress(100, Some(100));
            context.output(format!("{} ok\n", step.id).as_bytes());
            self.touch(&step.id).await;
            self.end_act(&step.id);
            Ok(())
        })
    }
}

/// Between 1 and 97 ms, the same for the same step at the same pace, so that steps overlap in different ways.
fn duration(step: &StepId, pace: u64) -> Duration {
    let sum = step.0.bytes().fold(7 + pace, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_millis(1 + sum % 97)
}

/// A seeded source of chance (SplitMix64), or one that always draws the same.
pub(crate) struct Fate(u64, Option<usize>);

impl Fate {
    pub(crate) fn new(seed: u64) -> Fate {
        Fate(seed, None)
    }

    /// Draws this each time, or the highest that may be. For an act that is cut off: 0 is that as little of it happened as
    /// may be, 1 that half or more did, 2 that all of it did.
    pub(crate) fn always(draw: usize) -> Fate {
        Fate(0, Some(draw))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if let Some(draw) = self.1 {
            return draw.min(bound - 1);
        }
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}
