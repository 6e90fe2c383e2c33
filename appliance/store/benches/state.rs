//! How long the store takes with much in it: `cargo bench -p appliance-store`. Seeds 1,000 runs of 400 events and 1,000 sites, some
//! 200 MB, in a temporary folder, and prints one line per measurement: what, the middle and the slowest of its times.

#![expect(clippy::unwrap_used, reason = "a panic is how a bench fails")]
#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use appliance_store::ledger::{Actor, Command, Expected, Key, RunRow, SiteCommand, SiteRow, Topic};
use appliance_store::{AdoptedPlan, Holder, Store};
use installer_model::event::{Event, Failure, Outcome, RunId};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId, StepId};

const RUNS: u64 = 1000;
const EVENTS: usize = 400;

fn main() {
    // `cargo test --benches` runs it too, to see that it builds.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    seed(dir.path());
    let size = fs::metadata(Store::database_path(dir.path())).unwrap().len();
    println!("database: {} MB", size / 1_000_000);
    start(dir.path());
    let store = open(dir.path());
    reads(&store);
    writes(&store);
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &Holder::this_process("bench", 1)).unwrap()
}

fn plan(store: &Store) -> AdoptedPlan {
    let plan = Plan {
        format: PLAN_FORMAT,
        id: PlanId("one".into()),
        parent: None,
        site: "demo".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps: Vec::new(),
        report: Vec::new(),
    };
    store.adopt(&plan).unwrap()
}

fn failed(number: usize) -> Event {
    let evidence = vec!["error: the words of a program that failed, as it said them".to_owned(); 3];
    let failure = Failure { what: "run it".into(), evidence, hint: None, exit_code: 1 };
    Event::StepFailed { step: StepId(format!("h{number}/join/kubelet")), attempt: 1, failure, output: None }
}

fn seed(dir: &Path) {
    let store = open(dir);
    let plan = plan(&store);
    for _ in 0..RUNS {
        let begun = store.begin(&plan, 1).unwrap();
        let mut events: Vec<Event> = (0..EVENTS - 1).map(failed).collect();
        events.push(Event::RunEnded { outcome: Outcome::Failed });
        store.append(&begun.run, 2, events).unwrap();
    }
    for number in 0..1000 {
        put_site(&store, number);
    }
}

fn put_site(store: &Store, number: u64) {
    let text = "  - name: h1\n    address: 10.0.0.1\n".repeat(100);
    let name = format!("s{number:04}");
    let put = SiteCommand::Put { name, text, bundle: None, expected: Expected::Any };
    store.submit(&Actor::Instance, &Command::Sites(put)).unwrap();
}

fn measure<T>(what: &str, times: usize, mut act: impl FnMut() -> T) {
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(act());
            begun.elapsed()
        })
        .collect();
    taken.sort();
    println!("{what}: {:.2?}, at most {:.2?}", taken[times / 2], taken[times - 1]);
}

fn start(dir: &Path) {
    measure("start after an orderly end", 5, || open(dir));
    let crashed = tempfile::tempdir().unwrap();
    let copy = || {
        let store = open(dir);
        // A write since the start, as there is when a server is killed.
        put_site(&store, 1);
        fs::copy(Store::database_path(dir), Store::database_path(crashed.path())).unwrap();
        fs::copy(Store::key_path(dir), Store::key_path(crashed.path())).unwrap();
    };
    let mut taken = Vec::new();
    for _ in 0..3 {
        copy();
        let begun = Instant::now();
        let store = open(crashed.path());
        taken.push(begun.elapsed());
        drop(store);
    }
    println!("start after a kill: {taken:.2?}");
}

fn reads(store: &Store) {
    measure("all runs as rows", 20, || store.runs().unwrap().len());
    measure("a page of 100 runs", 20, || store.rows::<RunRow>(Some(&Key::Number(500)), 100).unwrap().len());
    measure("all 1,000 sites", 20, || store.rows::<SiteRow>(None, usize::MAX).unwrap().len());
    measure("the fold of a run", 20, || store.view(&RunId("r-500".into())).unwrap());
    let last = store.last_index().unwrap();
    let topics: BTreeSet<Topic> = Topic::ALL.into();
    measure("the last 100 of the feed", 20, || store.feed(last - 100, &topics, 1000).unwrap().items.len());
    measure("100 of the feed from its middle", 20, || {
        store.feed(last / 2, &topics, 100).unwrap().items.len()
    });
    measure("the whole audit verified", 3, || store.verify_audit().unwrap().unwrap());
}

fn writes(store: &Store) {
    let plan = plan(store);
    let begun = store.begin(&plan, 1).unwrap();
    let mut number = 0;
    measure("an event of a run, on disk", 200, || {
        number += 1;
        store.append(&begun.run, 3, vec![failed(number)]).unwrap()
    });
    measure("a command with its audit, on disk", 200, || put_site(store, 1));
    drop(begun);
    measure("beginning a run", 20, || drop(store.begin(&plan, 1).unwrap()));
}
