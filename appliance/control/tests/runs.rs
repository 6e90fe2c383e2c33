//! Runs of a control on simulated sites: they outlive the process, wait for room, are cancelled, and take hosts up again.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../../../installer/run/tests/sim/mod.rs"]
mod sim;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use appliance_control::asks::WantedSecret;
use appliance_control::control::{Asker, Retried, Start};
use appliance_control::fixing::{Choice, Fix};
use appliance_control::performing::Reached;
use appliance_control::restoring::Left;
use appliance_control::{Control, ControlError, Hosts, Kind, Looked, Wish};
use appliance_store::ledger::{
    Actor, AuditEntry, Command, Expected, PlanCommand, Request, RequestState, Settings, SettingsCommand,
    SiteCommand,
};
use appliance_store::{Holder, Store};
use installer_model::event::{Event, Outcome, RunId};
use installer_model::plan::{Intent, Plan, StepId};
use installer_model::site::SecretRef;
use installer_run::{BoxFuture, Ended, Observer, World};
use sim::{Fate, Fault, Level, SimWorld, plans};
use tempfile::TempDir;
use tokio::sync::Notify;

/// Sites that outlive the processes which control them.
#[derive(Default)]
struct SimHosts {
    worlds: Mutex<BTreeMap<String, Arc<SimWorld>>>,
    /// Nobody has given this yet.
    missing: Mutex<Option<WantedSecret>>,
    /// Every claim, in order.
    claims: Arc<Mutex<Vec<String>>>,
    /// Runs that have ended linger until this is told: a host does not take its copy.
    lingering: Mutex<Option<Arc<Notify>>>,
}

struct SimReached {
    world: Arc<SimWorld>,
    site: String,
    claims: Arc<Mutex<Vec<String>>>,
    lingering: Option<Arc<Notify>>,
}

impl Reached for SimReached {
    fn world(&self) -> Arc<dyn World> {
        self.world.clone()
    }

    fn claim<'a>(&'a self, _: &'a Plan) -> BoxFuture<'a, Result<(), ControlError>> {
        self.claims.lock().unwrap().push(self.site.clone());
        Box::pin(async { Ok(()) })
    }

    fn begin(&self, _: &Plan) -> Result<Vec<Arc<dyn Observer>>, ControlError> {
        Ok(Vec::new())
    }

    fn end<'a>(&'a self, _: &'a Plan, _: Option<&'a Ended>) -> BoxFuture<'a, ()> {
        Box::pin(async {
            if let Some(lingering) = &self.lingering {
                lingering.notified().await;
            }
        })
    }
}

impl Hosts for SimHosts {
    fn look<'a>(&'a self, _: &'a Wish, _: Option<&'a Intent>) -> BoxFuture<'a, Result<Looked, ControlError>> {
        Box::pin(async {
            Ok(Looked { findings: Vec::new(), unused_waivers: Vec::new(), plan: None, left: Left::default() })
        })
    }

    fn scan<'a>(&'a self, _: &'a Wish) -> BoxFuture<'a, Result<(), ControlError>> {
        Box::pin(async { Ok(()) })
    }

    fn repair<'a>(
        &'a self,
        _: &'a Wish,
        _: &'a Choice,
        _: bool,
    ) -> BoxFuture<'a, Result<Vec<Fix>, ControlError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn reach<'a>(
        &'a self,
        wish: &'a Wish,
        plan: &'a Plan,
        _: bool,
    ) -> BoxFuture<'a, Result<Box<dyn Reached>, ControlError>> {
        Box::pin(async move {
            let site = wish.site()?.name.to_string();
            assert_eq!(site, plan.site);
            if let Some(secret) = self.missing.lock().unwrap().clone() {
                let mut error = ControlError::new(Kind::NotLetIn, format!("find the {}", secret.what));
                error.asks.secrets = vec![secret];
                return Err(error);
            }
            let world = self.worlds.lock().unwrap()[&site].clone();
            let (claims, lingering) = (self.claims.clone(), self.lingering.lock().unwrap().clone());
            Ok(Box::new(SimReached { world, site, claims, lingering }) as Box<dyn Reached>)
        })
    }
}

/// A machine with its disk, and the sites around it.
struct Machine {
    disk: TempDir,
    hosts: Arc<SimHosts>,
}

const ANNA: fn() -> Actor = || Actor::Local { name: "anna".to_owned() };

impl Machine {
    fn new() -> Machine {
        let disk = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        Machine { disk, hosts: Arc::default() }
    }

    fn store(&self) -> Arc<Store> {
        open(self.disk.path())
    }

    /// A site of this name with a plan for three hosts.
    fn site(&self, name: &str) -> Plan {
        let store = self.store();
        let text = format!(
            "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: {name}}}\nssh: {{user: root, agent: true}}\nhosts:\n\
             - {{name: a, address: 10.0.0.1, roles: [control-plane]}}\n- {{name: b, address: 10.0.0.2}}\n\
             - {{name: c, address: 10.0.0.3}}\n"
        );
        let put = SiteCommand::Put { name: name.to_owned(), text, bundle: None, expected: Expected::Absent };
        store.submit(&ANNA(), &Command::Sites(put)).unwrap();
        let mut plan = plans::three_hosts();
        plan.site = name.to_owned();
        plan.id.0 = format!("{:0<64}", hex(name));
        let keep = PlanCommand::Keep { plan: Box::new(plan.clone()) };
        store.submit(&ANNA(), &Command::Plans(keep)).unwrap();
        let world = Arc::new(SimWorld::new(&plan));
        self.hosts.worlds.lock().unwrap().insert(name.to_owned(), world);
        plan
    }

    fn world(&self, site: &str) -> Arc<SimWorld> {
        self.hosts.worlds.lock().unwrap()[site].clone()
    }

    /// The life of one process, which ends as `kill -9` ends it: nothing in it gets another word in.
    fn life<T>(&self, live: impl AsyncFnOnce(Control) -> T) -> T {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let store = self.store();
        self.hosts.worlds.lock().unwrap().values().for_each(|world| world.watch(&store));
        let lived =
            runtime.block_on(async { live(Control::begin(store, self.hosts.clone()).unwrap()).await });
        drop(runtime);
        for world in self.hosts.worlds.lock().unwrap().values() {
            world.power_on(&mut Fate::new(7));
            assert_eq!(world.wrongs(), [""; 0]);
        }
        lived
    }
}

fn open(disk: &Path) -> Arc<Store> {
    Arc::new(Store::open(disk, &Holder::this_process("serve", 0)).unwrap())
}

fn hex(name: &str) -> String {
    name.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn start(control: &Control, plan: &Plan) -> String {
    control.start(&ANNA().into(), &plan.id, &Start::default()).unwrap()
}

/// Waits until it is so. Time is simulated: a thousand hours pass in no time, and then it will never be so.
async fn until(control: &Control, what: &str, so: impl Fn(&Control) -> bool) {
    let mut changed = control.store().changed();
    let waiting = async {
        while !so(control) {
            let _ = tokio::time::timeout(std::time::Duration::from_millis(1), changed.changed()).await;
        }
    };
    let patience = std::time::Duration::from_secs(3600);
    tokio::time::timeout(patience, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn outcome(control: &Control, run: &str) -> Option<Outcome> {
    control.store().run(&RunId(run.to_owned())).unwrap().and_then(|row| row.outcome)
}

async fn ended(control: &Control, run: &str) -> Outcome {
    until(control, "the run ends", |control| outcome(control, run).is_some()).await;
    until(control, "its task ends", |control| !control.live().values().any(|live| live.0 == run)).await;
    outcome(control, run).unwrap()
}

fn events(control: &Control, run: &str) -> Vec<Event> {
    let records = control.store().records(&RunId(run.to_owned()), 0, usize::MAX).unwrap();
    records.into_iter().map(|record| record.event).collect()
}

fn request(control: &Control, id: &str) -> Request {
    control.store().row(id).unwrap().unwrap()
}

#[test]
fn the_audit_names_who_asked_and_not_who_started_the_server() {
    let machine = Machine::new();
    let plan = machine.site("lab");
    machine.life(async |control| {
        start(&control, &plan);
        until(&control, "it begins", |control| {
            outcome(control, "r-1").is_none() && !events(control, "r-1").is_empty()
        })
        .await;
    });
    machine.life(async |control| ended(&control, "r-1").await);
    let entries = machine.store().rows::<AuditEntry>(None, usize::MAX).unwrap();
    let by = |action: &str| {
        let of = entries.iter().filter(|(_, entry)| entry.said.action == action);
        of.map(|(_, entry)| entry.said.actor.clone()).collect::<Vec<_>>()
    };
    for action in ["run.start", "plan.adopt", "run.begin"] {
        assert!(by(action).starts_with(&["local anna".to_owned()]), "{action}: {:?}", by(action));
    }
    assert_eq!(by("run.resume"), ["instance"], "nobody asked for that");
}

#[test]
fn a_run_goes_on_by_itself_wherever_its_process_was_killed() {
    let all = {
        let machine = Machine::new();
        let plan = machine.site("lab");
        machine.life(async |control| {
            start(&control, &plan);
            assert_eq!(ended(&control, "r-1").await, Outcome::Healthy);
            events(&control, "r-1").len()
        })
    };
    for killed_after in (0..all - 1).step_by(6) {
        let machine = Machine::new();
        let plan = machine.site("lab");
        let asked = machine.life(async |control| {
            let asked = start(&control, &plan);
            let so_far = |control: &Control| match outcome(control, "r-1") {
                None if control.store().runs().unwrap().is_empty() => 0,
                None | Some(_) => events(control, "r-1").len(),
            };
            until(&control, "so many events", |control| so_far(control) >= killed_after).await;
            asked
        });
        machine.life(async |control| {
            assert_eq!(ended(&control, "r-1").await, Outcome::Healthy, "killed after {killed_after}");
            let taken = RequestState::Taken { run: Some(RunId("r-1".to_owned())) };
            assert_eq!(request(&control, &asked).state, taken);
            assert_eq!(control.store().runs().unwrap().len(), 1);
            let mut following = control.follow(&RunId("r-1".to_owned()), 0).unwrap();
            let mut followed = Vec::new();
            loop {
                match following.next().await.unwrap() {
                    records if records.is_empty() => break,
                    records => followed.extend(records.into_iter().map(|record| record.event)),
                }
            }
            assert_eq!(followed, events(&control, "r-1"), "no event is lost, none comes twice");
        });
        let levels = machine.world("lab").levels();
        assert!(plan.steps.iter().all(|step| levels[&step.id] == Level::Present));
    }
}

#[test]
fn two_runs_of_one_site_do_not_start() {
    let machine = Machine::new();
    let plan = machine.site("lab");
    machine.life(async |control| {
        start(&control, &plan);
        let refused = control.start(&ANNA().into(), &plan.id, &Start::default()).unwrap_err();
        assert_eq!(refused.kind, Kind::Conflict);
        until(&control, "it began", |control| control.live().contains_key("lab")).await;
        let refused = control.start(&ANNA().into(), &plan.id, &Start::default()).unwrap_err();
        assert!(refused.to_string().contains("r-1 is going on"), "{refused}");
        assert_eq!(ended(&control, "r-1").await, Outcome::Healthy);
        start(&control, &plan);
        assert_eq!(ended(&control, "r-2").await, Outcome::Healthy);
    });
}

#[test]
fn as_many_sites_run_at_once_as_the_settings_allow() {
    let machine = Machine::new();
    let plans: Vec<Plan> = ["s1", "s2", "s3", "s4", "s5"].map(|name| machine.site(name)).into();
    let set = |control: &Control, runs_at_once| {
        let settings = Settings { runs_at_once, ..Settings::default() };
        let command = SettingsCommand::Put { settings, expected: Expected::Any };
        control.store().submit(&ANNA(), &Command::Settings(command)).unwrap();
    };
    machine.life(async |control| {
        set(&control, 2);
        plans.iter().for_each(|plan| drop(start(&control, plan)));
        until(&control, "two run", |control| control.live().len() == 2).await;
        until(&control, "an event", |control| events(control, "r-1").len() > 5).await;
        assert_eq!(control.live().len(), 2);
        set(&control, 4);
        until(&control, "four run", |control| control.live().len() == 4).await;
        for run in ["r-1", "r-2", "r-3", "r-4", "r-5"] {
            until(&control, "it begins", |control| {
                control.store().run(&RunId(run.into())).unwrap().is_some()
            })
            .await;
            assert_eq!(ended(&control, run).await, Outcome::Healthy);
        }
    });
}

#[test]
fn a_cancel_lets_what_has_started_end_and_holds_over_a_kill() {
    let machine = Machine::new();
    let plan = machine.site("lab");
    machine.life(async |control| {
        start(&control, &plan);
        until(&control, "some events", |control| {
            !control.store().runs().unwrap().is_empty() && events(control, "r-1").len() >= 6
        })
        .await;
        control.cancel(&ANNA().into(), &RunId("r-1".to_owned())).unwrap();
        // Killed before the engine heeds it.
    });
    machine.life(async |control| {
        assert_eq!(ended(&control, "r-1").await, Outcome::Cancelled);
        let acted = machine.world("lab").acts().len();
        assert!(acted < plan.steps.len(), "{acted} of {}", plan.steps.len());
        let refused = control.cancel(&ANNA().into(), &RunId("r-1".to_owned())).unwrap_err();
        assert_eq!(refused.kind, Kind::Conflict, "{refused}");
        until(&control, "the cancel is answered", |control| {
            let requests = control.store().rows::<Request>(None, usize::MAX).unwrap();
            requests.iter().all(|(_, request)| request.state != RequestState::Waiting)
        })
        .await;
        start(&control, &plan);
        assert_eq!(ended(&control, "r-2").await, Outcome::Healthy);
    });
}

#[test]
fn a_host_is_tried_again_in_its_run_and_after_it() {
    let machine = Machine::new();
    let plan = machine.site("lab");
    let world = machine.world("lab");
    let broken = StepId("c/place/binaries".to_owned());
    world.break_step(&broken, Fault::Fails("the disk is full".to_owned()));
    machine.life(async |control| {
        start(&control, &plan);
        let run = RunId("r-1".to_owned());
        let dropped = |control: &Control| {
            !control.store().runs().unwrap().is_empty()
                && control.store().view(&RunId("r-1".to_owned())).unwrap().dropped.contains_key("c")
        };
        until(&control, "c drops out", dropped).await;
        assert_eq!(control.retry_host(&ANNA().into(), &run, "a").unwrap_err().kind, Kind::Conflict);
        world.mend();
        assert_eq!(control.retry_host(&ANNA().into(), &run, "c").unwrap(), Retried::InRun(run));
        assert_eq!(ended(&control, "r-1").await, Outcome::Healthy);
        world.undo(&broken);
        world.break_step(&broken, Fault::Fails("full again".to_owned()));
        let lingering = Arc::new(Notify::new());
        *machine.hosts.lingering.lock().unwrap() = Some(lingering.clone());
        start(&control, &plan);
        until(&control, "r-2 ends", |control| outcome(control, "r-2") == Some(Outcome::Degraded)).await;
        world.mend();
        *machine.hosts.lingering.lock().unwrap() = None;
        assert!(control.live().contains_key("lab"), "it has ended, and its hosts have not got their copies");
        let retried = control.retry_host(&ANNA().into(), &RunId("r-2".to_owned()), "c").unwrap();
        assert!(matches!(retried, Retried::Anew(_)));
        lingering.notify_one();
        assert_eq!(ended(&control, "r-3").await, Outcome::Healthy);
    });
}

#[test]
fn a_run_without_its_credentials_is_held_with_the_reason_and_goes_on_when_they_come() {
    let machine = Machine::new();
    let plan = machine.site("lab");
    machine.life(async |control| {
        start(&control, &plan);
        until(&control, "it began", |control| control.live().contains_key("lab")).await;
    });
    let secret = WantedSecret { from: SecretRef::Prompt, what: "password of root@10.0.0.1".to_owned() };
    *machine.hosts.missing.lock().unwrap() = Some(secret.clone());
    machine.life(async |control| {
        until(&control, "it is held", |control| !control.held().is_empty()).await;
        let held = control.held().remove(0);
        assert_eq!((held.run, held.secrets), (Some(RunId("r-1".to_owned())), vec![secret]));
        assert_eq!(outcome(&control, "r-1"), None);
        *machine.hosts.missing.lock().unwrap() = None;
        let sealed = control.store().seal("site/lab/x", b"given").unwrap();
        let put =
            appliance_store::ledger::CredentialCommand::PutSecret { name: "site/lab/x".to_owned(), sealed };
        control.store().submit(&ANNA(), &Command::Credentials(put)).unwrap();
        assert_eq!(ended(&control, "r-1").await, Outcome::Healthy);
        assert!(control.held().is_empty());
    });
    assert_eq!(*machine.hosts.claims.lock().unwrap(), ["lab"], "a run that goes on claims with its steps");
}

#[test]
fn a_plan_of_a_site_that_was_changed_since_is_not_started() {
    let machine = Machine::new();
    let plan = machine.site("lab");
    machine.life(async |control| {
        let row: appliance_store::ledger::SiteRow = control.store().row("lab").unwrap().unwrap();
        let text = format!("{}# changed\n", row.text);
        let put = SiteCommand::Put { name: row.name, text, bundle: None, expected: Expected::Any };
        control.store().submit(&ANNA(), &Command::Sites(put)).unwrap();
        let refused = control.start(&ANNA().into(), &plan.id, &Start::default()).unwrap_err();
        assert!(refused.to_string().contains("was changed after it was made"), "{refused}");
        let dry = control.start(&Asker { dry: true, ..ANNA().into() }, &plan.id, &Start::default());
        assert_eq!(dry.unwrap_err().kind, Kind::Conflict);
    });
}

#[test]
fn an_instance_that_closes_leaves_its_runs_open_and_the_next_takes_them_up() {
    let machine = Machine::new();
    let plan = machine.site("lab");
    machine.life(async |control| {
        start(&control, &plan);
        until(&control, "it began", |control| control.live().contains_key("lab")).await;
        control.close().await;
        assert_eq!(outcome(&control, "r-1"), None);
    });
    machine.life(async |control| assert_eq!(ended(&control, "r-1").await, Outcome::Healthy));
}
