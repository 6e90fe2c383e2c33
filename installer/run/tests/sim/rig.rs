//! A machine that runs Armilla: its disk, and a switch for its power.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use appliance_store::{AdoptedPlan, Holder, Store};
use installer_model::event::{Event, Record};
use installer_model::plan::Plan;
use installer_plan::next::Limits;
use installer_run::{Cancel, Canceller, Clock, Ended, Engine, Observer, Progress, RunError};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::{Fate, SimWorld};

/// When the power of the machine that runs Armilla goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    Never,
    /// Right after this many events are on disk.
    Events(usize),
    /// Right before a host is touched for this many times.
    Touches(usize),
}

/// An operator who presses Ctrl-C so many times after so many events.
pub(crate) struct Asks {
    pub(crate) canceller: Canceller,
    pub(crate) after: usize,
    pub(crate) times: usize,
    /// Instead: whatever was broken is mended, and this host is tried again.
    pub(crate) retry: Option<String>,
}

pub(crate) struct Rig {
    pub(crate) world: Arc<SimWorld>,
    disk: TempDir,
    pub(crate) limits: Limits,
    /// Everything observers were told since the last start.
    pub(crate) told: Vec<Record>,
    pub(crate) progress: Vec<Progress>,
}

impl Rig {
    pub(crate) fn new(plan: &Plan) -> Rig {
        let world = Arc::new(SimWorld::new(plan));
        let disk = disk();
        Rig { world, disk, limits: Limits::default(), told: Vec::new(), progress: Vec::new() }
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.disk.path(), &Holder::this_process("test", 0)).unwrap()
    }

    /// Runs until the end, or `None` when the power went. Afterwards the disk is as it was at that moment.
    pub(crate) fn run(&mut self, plan: &Plan, when: When, fate: &mut Fate) -> Option<Ended> {
        self.run_with(plan, when, fate, Cancel::never(), None).map(|ended| ended.unwrap())
    }

    /// As [`Rig::run`], with an operator who may lose patience.
    pub(crate) fn run_with(
        &mut self,
        plan: &Plan,
        when: When,
        fate: &mut Fate,
        cancel: Cancel,
        asks: Option<Asks>,
    ) -> Option<Result<Ended, RunError>> {
        let store = Arc::new(self.store());
        let plan = adopt(&store, plan);
        let power = Arc::new(Power::new(self, when, asks));
        self.world.learn(&plan);
        self.world.watch(&store);
        self.world.never_cut();
        if let When::Touches(count) = when {
            let (power, mut left) = (power.clone(), count);
            self.world.cut_when(move |_touch| {
                left = left.saturating_sub(1);
                if left == 0 {
                    power.off();
                }
                left == 0
            });
        }
        let engine = Engine {
            store,
            world: self.world.clone(),
            observer: power.clone(),
            clock: Arc::new(Ticks::default()),
            limits: self.limits,
            waived: Vec::new(),
        };
        let ended = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(async {
                tokio::select! {
                    biased;
                    () = power.gone.notified() => None,
                    ended = engine.run(&plan, cancel) => Some(ended),
                }
            });
        drop(engine);
        self.told = std::mem::take(&mut *power.told.lock().unwrap());
        self.progress = std::mem::take(&mut *power.progress.lock().unwrap());
        let snapshot = power.snapshot.lock().unwrap().take();
        if let Some(disk) = snapshot {
            self.disk = disk;
            self.world.power_on(fate);
            return None;
        }
        ended
    }

    /// What observers were told of steps, in short.
    pub(crate) fn transcript(&self) -> Vec<String> {
        self.told.iter().map(said).collect()
    }
}

/// An event as a line of a transcript.
pub(crate) fn said(record: &Record) -> String {
    let again = |attempt: &u32| if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
    match &record.event {
        Event::RunStarted { .. } => format!("{} started", record.run),
        Event::FindingWaived { waiver, .. } => format!("{} waived", waiver.waiver.check),
        Event::RunResumed => format!("{} resumed", record.run),
        Event::StepStarted { step, attempt } => format!("{step} started{}", again(attempt)),
        Event::StepMet { step, .. } => format!("{step} met"),
        Event::StepDone { step, .. } => format!("{step} done"),
        Event::StepFailed { step, failure, .. } => {
            let evidence: String = failure.evidence.iter().map(|line| format!(": {line}")).collect();
            format!("{step} FAILED: failed to {}{evidence}", failure.what)
        }
        Event::HostDropped { host, step } => format!("host {host} dropped out after {step}"),
        Event::HostRetried { host, .. } => format!("host {host} tried again"),
        Event::RunCancelled => format!("{} cancelled", record.run),
        Event::RunEnded { outcome } => format!("{} ended: {outcome}", record.run),
        Event::Unknown => "something newer".to_owned(),
    }
}

/// In memory where the machine can: a law runs a plan hundreds of times, and each event waits for the disk.
fn disk() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

fn adopt(store: &Store, plan: &Plan) -> AdoptedPlan {
    let mut plan = plan.clone();
    let target = store.target(&plan.site).unwrap().map(|target| target.id.clone());
    if target.as_ref() != Some(&plan.id) {
        plan.parent = target;
    }
    store.adopt(&plan).unwrap()
}

/// Watches the run and takes the disk's picture when the power goes: what was not on it then is lost.
struct Power {
    disk: std::path::PathBuf,
    world: Arc<SimWorld>,
    when: When,
    asks: Option<Asks>,
    told: Mutex<Vec<Record>>,
    progress: Mutex<Vec<Progress>>,
    snapshot: Mutex<Option<TempDir>>,
    gone: Notify,
}

impl Power {
    fn new(rig: &Rig, when: When, asks: Option<Asks>) -> Power {
        Power {
            disk: rig.disk.path().to_owned(),
            world: rig.world.clone(),
            when,
            asks,
            told: Mutex::default(),
            progress: Mutex::default(),
            snapshot: Mutex::default(),
            gone: Notify::new(),
        }
    }

    /// Takes the picture; the world is frozen by who calls.
    fn off(&self) {
        let mut snapshot = self.snapshot.lock().unwrap();
        if snapshot.is_none() {
            let copy = disk();
            for file in [Store::database_path, Store::key_path] {
                std::fs::copy(file(&self.disk), file(copy.path())).unwrap();
            }
            *snapshot = Some(copy);
            self.gone.notify_one();
        }
    }
}

impl Observer for Power {
    fn record(&self, record: &Record) {
        let count = {
            let mut told = self.told.lock().unwrap();
            told.push(record.clone());
            told.len()
        };
        if matches!(self.when, When::Events(after) if after == count) {
            self.off();
            self.world.freeze();
        }
        if let Some(asks) = &self.asks
            && asks.after == count
        {
            match &asks.retry {
                Some(host) => {
                    self.world.mend();
                    asks.canceller.retry(host);
                }
                None => (0..asks.times).for_each(|_| asks.canceller.request()),
            }
        }
    }

    fn progress(&self, progress: &Progress) {
        self.progress.lock().unwrap().push(progress.clone());
    }
}

/// A clock that goes on by one millisecond each time it is read.
#[derive(Default)]
struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
