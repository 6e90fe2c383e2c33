//! A second `apply` over many hosts: every probe, no act. `cargo bench -p installer-run --bench again [HOSTS…]`
//!
//! The hosts are processes of this program that stand in for hands (`stand_in.rs`): they speak the hands' protocol over their
//! standard streams, each message 10 ms late each way, and answer the survey with facts recorded on a lab host. Beside that
//! everything is the product's own: planning, the store on the disk, the loop, the steps. What is not in it: SSH and its
//! login, and what `kubectl`, `systemctl` and `ctr` take on a real host.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "figures are for reading")]

mod stand_in;

#[path = "../../../plan/tests/fixture/mod.rs"]
#[expect(dead_code, reason = "the release is needed, the golden wishes are not")]
mod fixture;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use appliance_store::{Holder, Store};
use futures_util::future::join_all;
use installer_model::event::Outcome;
use installer_model::plan::Plan;
use installer_model::site::Site;
use installer_model::survey::{HostFacts, Survey, SurveyedHost};
use installer_plan::next::Limits;
use installer_plan::planner::{self, PlanInput};
use installer_plan::{HostInput, decide, preflight};
use installer_run::{Cancel, Ended, Engine, SiteWorld, SystemClock};
use installer_ssh::{Auth, BinarySource, Hand, HostKeyPolicy, Target};

/// How late each message is, each way: a round trip takes twice as long.
const DELAY: Duration = Duration::from_millis(10);
const ROUNDS: usize = 5;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let first = args.next();
    if first.as_deref() == Some("stand-in") {
        let state = args.next().expect("stand-in STATE");
        return stand_in::serve(Path::new(&state), DELAY);
    }
    let counts: Vec<usize> = first.into_iter().chain(args).map(|count| count.parse().unwrap()).collect();
    let counts = if counts.is_empty() { vec![5, 10, 150] } else { counts };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let mut medians = BTreeMap::new();
    for count in counts {
        let site = Bench::new(count);
        let first = runtime.block_on(site.apply());
        assert_eq!(first.ended.outcome, Outcome::Healthy, "{:?}", first.ended.failures());
        let mut rounds: Vec<Applied> = (0..ROUNDS).map(|_| runtime.block_on(site.apply())).collect();
        rounds.sort_by_key(|round| round.whole);
        let median = &rounds[ROUNDS / 2];
        for round in &rounds {
            assert_eq!((round.ended.outcome, round.ended.acts()), (Outcome::Healthy, 0));
        }
        println!(
            "{count:>4} hosts: {:.2} s ({:.2} to {:.2}); of that hands {:.2}, survey {:.2}, plan {:.2}, run {:.2} of {} steps",
            median.whole.as_secs_f64(),
            rounds[0].whole.as_secs_f64(),
            rounds[ROUNDS - 1].whole.as_secs_f64(),
            median.hands.as_secs_f64(),
            median.survey.as_secs_f64(),
            median.plan.as_secs_f64(),
            median.run.as_secs_f64(),
            median.ended.view.steps.len(),
        );
        medians.insert(count, median.whole);
    }
    if let (Some(ten), Some(many)) = (medians.get(&10), medians.get(&150)) {
        println!("T(150)/T(10) = {:.2}", many.as_secs_f64() / ten.as_secs_f64());
    }
}

/// One apply, part by part.
struct Applied {
    hands: Duration,
    survey: Duration,
    plan: Duration,
    run: Duration,
    whole: Duration,
    ended: Ended,
}

/// A site, what stands in for its hosts, and the machine's own state folder.
struct Bench {
    site: Site,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(hosts: usize) -> Bench {
        let mut text = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: bench}\nhosts:\n".to_owned();
        for at in 1..=hosts {
            let role = if at == 1 { "control-plane" } else { "worker" };
            text +=
                &format!("- {{name: h{at}, address: 10.1.{}.{}, roles: [{role}]}}\n", at / 250, 1 + at % 250);
        }
        let site = Site::parse(&text).unwrap();
        // On the disk that the state folder of an operator would be on.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let bench = Bench { site, folder };
        let plan = bench.plan(&bench.recorded_survey());
        for host in &bench.site.hosts {
            stand_in::prepare(&bench.state_of(host.name.as_str()), host.name.as_str(), &plan);
        }
        bench
    }

    fn state_of(&self, host: &str) -> PathBuf {
        self.folder.path().join(format!("{host}.json"))
    }

    /// As `armilla apply` does it, from the site file on.
    async fn apply(&self) -> Applied {
        let begun = Instant::now();
        let store = Arc::new(Store::open(self.folder.path(), &Holder::this_process("bench", 0)).unwrap());
        let hands = self.start_hands().await;
        let connected = begun.elapsed();
        let survey = self.survey(&hands).await;
        let surveyed = begun.elapsed();
        let findings = preflight::preflight(&self.site, &fixture::release(), None, &survey);
        std::hint::black_box(findings);
        let mut plan = self.plan(&survey);
        plan.parent = store.target(&plan.site).unwrap().map(|target| target.id.clone());
        let adopted = match store.target(&plan.site).unwrap() {
            Some(target) if target.id == plan.id => target,
            _ => store.adopt(&plan).unwrap(),
        };
        let planned = begun.elapsed();
        let targets = self.site.hosts.iter().map(|host| (host.name.to_string(), nowhere())).collect();
        let world = SiteWorld::new(targets, BinarySource::default(), None, "h1".to_owned()).with_hands(hands);
        let engine = Engine {
            store,
            world: Arc::new(world),
            observer: Arc::new(()),
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            waived: Vec::new(),
        };
        let ended = engine.run(&adopted, Cancel::never()).await.unwrap();
        let whole = begun.elapsed();
        drop(engine);
        self.wait_for_states().await;
        Applied {
            hands: connected,
            survey: surveyed - connected,
            plan: planned - surveyed,
            run: whole - planned,
            whole,
            ended,
        }
    }

    async fn start_hands(&self) -> BTreeMap<String, Hand> {
        let program = std::env::current_exe().unwrap();
        let start = |name: String| {
            let (program, state) = (program.clone(), self.state_of(&name));
            async move {
                let mut command = tokio::process::Command::new(program);
                command.arg("stand-in").arg(state).stdin(Stdio::piped()).stdout(Stdio::piped());
                let mut child = command.spawn().unwrap();
                let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
                tokio::spawn(async move { child.wait().await });
                let hand = Hand::behind(&name, input, output).await.unwrap();
                (name, hand)
            }
        };
        let hands = self.site.hosts.iter().map(|host| start(host.name.to_string()));
        join_all(hands).await.into_iter().collect()
    }

    async fn survey(&self, hands: &BTreeMap<String, Hand>) -> Survey {
        let looks = self.site.hosts.iter().map(|host| async {
            let hand = &hands[host.name.as_str()];
            hand.ping().await.unwrap();
            let questions = serde_json::to_value(preflight::questions(&self.site, host, true)).unwrap();
            (host.name.clone(), surveyed(hand.facts(questions).await.unwrap()))
        });
        Survey { hosts: join_all(looks).await.into_iter().collect(), ..Survey::default() }
    }

    fn recorded_survey(&self) -> Survey {
        let facts = || serde_json::from_str(stand_in::FACTS).unwrap();
        let hosts = self.site.hosts.iter().map(|host| (host.name.clone(), surveyed(facts()))).collect();
        Survey { hosts, ..Survey::default() }
    }

    fn plan(&self, survey: &Survey) -> Plan {
        let release = fixture::release();
        let shared = decide::site_settings(&self.site, survey);
        let hosts = (self.site.hosts.iter())
            .map(|host| {
                let facts = survey.facts(&host.name).unwrap();
                let settings = decide::host_settings(host, facts);
                (host.name.to_string(), HostInput { arch: facts.arch().unwrap(), settings })
            })
            .collect();
        let registry_cas = BTreeMap::new();
        let input = PlanInput {
            site: &self.site,
            release: &release,
            hosts: &hosts,
            shared: &shared,
            registry_cas: &registry_cas,
            addons: &[],
            parent: None,
        };
        planner::install(&input).unwrap()
    }

    /// What stands in for a host keeps what was done to it when its stream ends: the next apply finds it.
    async fn wait_for_states(&self) {
        for host in &self.site.hosts {
            let busy = stand_in::busy(&self.state_of(host.name.as_str()));
            while busy.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

fn surveyed(facts: serde_json::Value) -> SurveyedHost {
    let facts: HostFacts = serde_json::from_value(facts).unwrap();
    SurveyedHost { facts, surveyed_unix_ns: 0, ssh_rtt_us: Some(20_000), clock_skew_ms: Some(0), ours: true }
}

/// Every host has its hand already.
fn nowhere() -> Target {
    let nobody = HostKeyPolicy::Ask(Arc::new(|_, _| false));
    Target::new("127.0.0.1", "nobody", Auth::Agent, nobody)
}
