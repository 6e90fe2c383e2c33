//! The loop.
//!
//! ```text
//!  order.next() ── Perform ──▶ commit Started ─▶ probe ─ met ─────────────────────────▶ Met    ─┐
//!      ▲    │                                        └─ not met, cannot tell ─▶ act ─▶ probe ─▶ Done  │
//!      │    ├─ Wait, Halt ─▶ until a step ends                                    └────────▶ Failed   │
//!      │    └─ Complete ───▶ commit Ended                                                             │
//!      └──────────────────────────── fold ◀── commit ◀────────────────────────────────────────────────┘
//! ```
//!
//! A commit is synchronous and takes some milliseconds of the disk: nothing may happen before it, so there is nothing
//! to do meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use appliance_store::{AdoptedPlan, Begun, Store, StoreError};
use installer_model::event::{Event, Failure, Outcome, Record, RunId};
use installer_model::plan::{Step, StepId};
use installer_model::view::{StepState, StepView, View, WaivedView};
use installer_plan::next::{Limits, Next};
use installer_plan::order::Order;
use tokio::task::{Id, JoinError, JoinSet};

use crate::cancel::{Cancel, Level};
use crate::observe::{Clock, Observer};
use crate::world::{Probe, StepContext, World};

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "end {run}: it was left with {in_flight} steps in flight, and goes on with the next `armilla apply`"
    )]
    Aborted { run: RunId, in_flight: usize },
}

/// What runs plans.
pub struct Engine {
    pub store: Arc<Store>,
    pub world: Arc<dyn World>,
    pub observer: Arc<dyn Observer>,
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    /// What a new run goes on in spite of: written down as its first events.
    pub waived: Vec<WaivedView>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    pub run: RunId,
    pub outcome: Outcome,
    pub view: View,
}

impl Ended {
    /// Steps that failed, in order of their ids.
    pub fn failures(&self) -> BTreeMap<StepId, Failure> {
        let failed = |(id, step): (&StepId, &StepView)| match &step.state {
            StepState::Failed(failure) => Some((id.clone(), failure.clone())),
            StepState::Started | StepState::Met | StepState::Done => None,
        };
        self.view.steps.iter().filter_map(failed).collect()
    }

    /// Steps that were acted, that is, not found met.
    pub fn acts(&self) -> usize {
        self.view.acts()
    }

    /// The exit code of the command: of the first failure where there is one.
    pub fn exit_code(&self) -> u8 {
        self.view.exit_code()
    }
}

impl Engine {
    /// Runs the plan to its end, or takes up the run of it that was left open. Dropping the future is a power cut.
    pub async fn run(&self, plan: &AdoptedPlan, mut cancel: Cancel) -> Result<Ended, RunError> {
        let begun = self.store.begin(plan, self.clock.now())?;
        let new = !begun.resumed;
        let mut run = Running::new(self, plan, begun);
        if new && !self.waived.is_empty() {
            run.append(self.waived.iter().map(WaivedView::event).collect())?;
        }
        loop {
            let level = run.heed(&cancel)?;
            for host in cancel.take_retries() {
                run.retry(host)?;
            }
            match run.order.next(self.limits) {
                Next::Perform(steps) => run.start(steps)?,
                Next::Wait | Next::Halt { .. } => tokio::select! {
                    biased;
                    () = cancel.above(level) => {}
                    ended = run.ended() => run.commit(ended)?,
                },
                Next::Complete { outcome } => return run.end(outcome),
            }
        }
    }
}

/// One run being performed.
struct Running<'a> {
    engine: &'a Engine,
    plan: &'a AdoptedPlan,
    by_id: HashMap<&'a StepId, &'a Step>,
    begun: Begun,
    view: View,
    /// What the view says, in the form that decides.
    order: Order<'a>,
    /// Dropped with the run: a step does not outlive its engine.
    tasks: JoinSet<Ending>,
    of_task: HashMap<Id, StepId>,
}

/// How an attempt of a step ended.
enum Ending {
    Met,
    Done,
    Failed(Failure),
}

impl<'a> Running<'a> {
    fn new(engine: &'a Engine, plan: &'a AdoptedPlan, begun: Begun) -> Running<'a> {
        engine.observer.began(plan, &begun.view);
        begun.records.iter().for_each(|record| engine.observer.record(record));
        let by_id = plan.steps.iter().map(|step| (&step.id, step)).collect();
        let view = begun.view.clone();
        let order = Order::of(plan, &view, &BTreeSet::new());
        let (tasks, of_task) = (JoinSet::new(), HashMap::new());
        Running { engine, plan, by_id, begun, view, order, tasks, of_task }
    }

    fn heed(&mut self, cancel: &Cancel) -> Result<Level, RunError> {
        let level = cancel.level();
        match level {
            Level::Go => {}
            Level::Finish if self.view.cancelled => {}
            Level::Finish => {
                self.append(vec![Event::RunCancelled])?;
            }
            Level::Abort => {
                return Err(RunError::Aborted { run: self.begun.run.clone(), in_flight: self.of_task.len() });
            }
        }
        Ok(level)
    }

    /// Lets a host that dropped out take part again.
    fn retry(&mut self, host: String) -> Result<(), RunError> {
        let steps = self.order.failed_on(&host);
        if !steps.is_empty() {
            self.append(vec![Event::HostRetried { host, steps }])?;
        }
        Ok(())
    }

    /// Commits that the steps start, then starts them.
    fn start(&mut self, steps: Vec<StepId>) -> Result<(), RunError> {
        let started = |step: StepId| {
            let attempt = self.view.next_attempt(&step);
            Event::StepStarted { step, attempt }
        };
        let records = self.append(steps.into_iter().map(started).collect())?;
        for record in records {
            if let Event::StepStarted { step, attempt } = record.event {
                self.spawn(step, attempt, record.index);
            }
        }
        Ok(())
    }

    fn spawn(&mut self, id: StepId, attempt: u32, fence: u64) {
        let step: Step = (*self.by_id.get(&id).expect("invariant: next names steps of the plan")).clone();
        let (store, observer) = (self.engine.store.clone(), self.engine.observer.clone());
        let context = StepContext::new(self.begun.run.clone(), id.clone(), attempt, fence, store, observer);
        let world = self.engine.world.clone();
        let task = self.tasks.spawn(async move { perform(&*world, &step, &context).await });
        self.of_task.insert(task.id(), id);
    }

    /// Waits until a step ends; with it, all others that have ended by then. May be dropped while it waits.
    async fn ended(&mut self) -> Vec<(StepId, Ending)> {
        let mut ended = Vec::new();
        let mut one = self.tasks.join_next_with_id().await;
        while let Some(joined) = one {
            ended.push(self.identified(joined));
            one = self.tasks.try_join_next_with_id();
        }
        ended
    }

    fn identified(&mut self, joined: Result<(Id, Ending), JoinError>) -> (StepId, Ending) {
        let (task, ending) = match joined {
            Ok(ended) => ended,
            Err(error) => (error.id(), Ending::Failed(panicked(&error))),
        };
        let step = self.of_task.remove(&task).expect("invariant: every task was noted when it was spawned");
        (step, ending)
    }

    /// Commits how steps ended; a failure drops its host in the same commit.
    fn commit(&mut self, ended: Vec<(StepId, Ending)>) -> Result<(), RunError> {
        let mut events = Vec::new();
        let mut dropped = BTreeSet::new();
        for (step, ending) in ended {
            let attempt = self.view.attempts.get(&step).copied().unwrap_or(1);
            let output = self.engine.store.seal_output(&self.begun.run, &step, attempt)?;
            match ending {
                Ending::Met => events.push(Event::StepMet { step, attempt }),
                Ending::Done => events.push(Event::StepDone { step, attempt, output }),
                Ending::Failed(failure) => {
                    let (host, failure) = (&self.by_id[&step].host, failure.plain());
                    events.push(Event::StepFailed { step: step.clone(), attempt, failure, output });
                    if !self.view.dropped.contains_key(host) && dropped.insert(host.clone()) {
                        events.push(Event::HostDropped { host: host.clone(), step });
                    }
                }
            }
        }
        self.append(events)?;
        Ok(())
    }

    fn end(mut self, outcome: Outcome) -> Result<Ended, RunError> {
        self.append(vec![Event::RunEnded { outcome }])?;
        debug_assert_eq!(self.view.plan.as_ref(), Some(&self.plan.id));
        Ok(Ended { run: self.begun.run.clone(), outcome, view: self.view })
    }

    /// Commits, folds, tells.
    fn append(&mut self, events: Vec<Event>) -> Result<Vec<Record>, RunError> {
        let now = self.engine.clock.now();
        let records = self.engine.store.append(&self.begun.run, now, events)?;
        for record in &records {
            self.view.apply(record);
            self.order.apply(&record.event);
            self.engine.observer.record(record);
        }
        Ok(records)
    }
}

/// One attempt of one step.
async fn perform(world: &dyn World, step: &Step, context: &StepContext) -> Ending {
    match world.probe(step).await {
        Probe::Met => return Ending::Met,
        Probe::NotMet(_) | Probe::CannotTell(_) => {}
    }
    if let Err(failure) = world.act(step, context).await {
        return Ending::Failed(failure);
    }
    match world.probe(step).await {
        Probe::Met => Ending::Done,
        Probe::NotMet(why) => Ending::Failed(unconfirmed(step, &format!("it was done, but {why}"))),
        Probe::CannotTell(why) => {
            Ending::Failed(unconfirmed(step, &format!("it was done, but whether it holds is unknown: {why}")))
        }
    }
}

fn unconfirmed(step: &Step, why: &str) -> Failure {
    Failure {
        what: format!("{}: {why}", step.action.label()),
        evidence: Vec::new(),
        hint: None,
        exit_code: 1,
    }
}

fn panicked(error: &JoinError) -> Failure {
    Failure {
        what: format!("perform the step: {error}"),
        evidence: Vec::new(),
        hint: Some("this is a fault of armilla: please report it with the run's events".to_owned()),
        exit_code: 1,
    }
}
