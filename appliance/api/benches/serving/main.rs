//! `make bench PART=serve`: what a server costs and how fast it is, over TLS, with 10,000 hosts, 10,000 users and 1,000 runs in
//! more than 100 MB of state; and the same of etcd, in the same minutes on the same machine.
//!
//! ```text
//! cargo bench -p appliance-api --bench serving -- ARMILLA [ETCD]
//! ```
//!
//! Each server is a process of its own on two cores (where there are more), the callers are on the others. What belongs
//! together is measured in turns, so that other work on the machine meets both. State lies in `TMPDIR` and goes away.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on panics; what it finds is printed"
)]

mod aims;
mod busy;
mod etcd;
mod load;
mod seed;
mod server;

use std::path::Path;
use std::time::{Duration, Instant};

use aims::Aims;
use etcd::Etcd;
use load::Target;
use server::{Armilla, Process};

/// As in the binary, so that memory is counted alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MUCH: seed::Much = seed::Much { users: 10_000, runs: 1_000, large: 5_000, sites: 50 };
const ROUNDS: usize = 5;
const WATCHERS: usize = 1_000;
const STALLED: usize = 50;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(armilla) = arguments.first() else {
        println!("name the binary: cargo bench -p appliance-api --bench serving -- dist/x86_64/armilla");
        return;
    };
    if let [role, state, address] = arguments.as_slice()
        && role == busy::ROLE
    {
        return busy::serve(state.into(), address).await;
    }
    server::keep_off_its_cores();
    let load = || std::fs::read_to_string("/proc/loadavg").unwrap();
    println!("load of the machine: {}", load().trim());
    let dir = tempfile::tempdir().unwrap();
    println!("binary: {:.1} MB", std::fs::metadata(armilla).unwrap().len() as f64 / 1e6);
    let mut aims = Aims::default();
    if wants("empty") {
        empty(armilla, dir.path(), &mut aims).await;
    }

    if wants("busy") {
        busy(dir.path(), &mut aims).await;
    }

    let state = dir.path().join("seeded");
    let token = seed::seed(&state, &MUCH);
    let server = Armilla::new(armilla, &state);
    let process = server.start();
    let target = Target::armilla(&server.address, &state, &token).await;
    process.end();
    let mut etcd = match arguments.get(1) {
        None => None,
        Some(program) => {
            let etcd = Etcd::new(program, &dir.path().join("etcd"));
            let rows = etcd.seed(server.size(), 400).await;
            println!("etcd: {rows} rows of 400 bytes, {:.0} MB of database", etcd.size() as f64 / 1e6);
            Some(etcd)
        }
    };
    println!("armilla: {:.0} MB of database", server.size() as f64 / 1e6);
    if wants("starts") {
        starts(&server, &target, etcd.as_ref(), &mut aims).await;
    }

    let process = server.start();
    target.answers(&Target::get("/api/v1/me")).await;
    if wants("gets") {
        gets(&target, &mut aims).await;
    }
    println!("after these: {}", process.memory());
    if wants("floods") {
        floods(&process, &target, etcd.as_mut(), &mut aims).await;
    }
    if wants("watchers") {
        watchers(&process, &target).await;
    }
    if wants("stalled") {
        stalled(&process, &target, &mut aims).await;
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    println!("at the end, idle again: {}", process.memory());
    println!("load of the machine: {}", load().trim());
    println!("\naims:\n{}", aims.table());
}

/// Whether this part is measured: all are, unless `ARMILLA_BENCH` names some.
fn wants(part: &str) -> bool {
    std::env::var("ARMILLA_BENCH").map_or(true, |parts| parts.split(',').any(|named| named == part))
}

/// A server that was just installed, and nobody asks.
async fn empty(armilla: &str, dir: &Path, aims: &mut Aims) {
    let state = dir.join("empty");
    let server = Armilla::new(armilla, &state);
    let process = server.start();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let idle = process.memory();
    println!("empty and idle: {idle}");
    Target::armilla(&server.address, &state, "").await.log_in(&state).await;
    // Threads that have nothing to do end after ten seconds, and what is free goes back every five.
    tokio::time::sleep(Duration::from_secs(17)).await;
    let later = process.memory();
    println!("after a user was added and logged in, idle again: {later}");
    aims.at_most("resident, empty and idle", idle.all, 20.0, "MB");
    aims.at_most("resident, idle again after a login", later.all, 20.0, "MB");
}

/// From the start of the process to the first answer that needed its state, in turns.
async fn starts(server: &Armilla, target: &Target, etcd: Option<&Etcd>, aims: &mut Aims) {
    for (how, orderly) in [("after an orderly end", true), ("after a kill", false)] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(start(server.start(), target, &Target::get("/api/v1/users/user04711"), orderly).await);
            if let Some(etcd) = etcd {
                theirs.push(start(etcd.start(&[]), &etcd.target, &etcd.read(), orderly).await);
            }
        }
        ours.sort();
        theirs.sort();
        // The first start of each came after the end of a server that had written much.
        let middle = ROUNDS / 2;
        print!("first answer {how}: {:.1?} (at most {:.1?})", ours[middle], ours[ROUNDS - 1]);
        match theirs.get(middle) {
            None => println!(),
            Some(etcd) => {
                let times = etcd.as_secs_f64() / ours[middle].as_secs_f64();
                println!("; etcd {etcd:.1?} (at most {:.1?}): {times:.1} times as long", theirs[ROUNDS - 1]);
                let what =
                    if orderly { "start, against etcd's" } else { "start after a kill, against etcd's" };
                aims.times(what, times, 10.0);
            }
        }
    }
}

async fn start(process: Process, target: &Target, read: &load::Sent, orderly: bool) -> Duration {
    target.answers(read).await;
    let took = process.begun.elapsed();
    if orderly {
        process.end();
    }
    took
}

/// Main GETs, one after the other on one connection.
async fn gets(target: &Target, aims: &mut Aims) {
    let milliseconds = |took: Duration| took.as_secs_f64() * 1e3;
    let mut slowest = 0.0_f64;
    println!("{:>9} {:>9} {:>9} {:>9}   GET, 200 times", "p50 ms", "p99 ms", "first ms", "bytes");
    for path in [
        "/api/v1/me",
        "/api/v1/users/user04711",
        "/api/v1/users",
        "/api/v1/users?limit=1000",
        "/api/v1/users?filter=role=operator,name~47&sort=-createdAt&limit=50",
        "/api/v1/audit",
        "/api/v1/audit?sort=-number",
        "/api/v1/audit?filter=action=user.add&sort=-at",
        "/api/v1/runs",
        "/api/v1/runs?sort=-startedAt&limit=50",
        "/api/v1/runs/r-500",
        "/api/v1/runs/r-500/events",
        "/api/v1/sites",
        "/api/v1/sites/s007",
        "/api/v1/sites/s007/hosts",
        "/api/v1/sites/large/hosts",
        "/api/v1/sites/large/hosts?filter=name~47&sort=-name",
        "/api/v1/sites/large/hosts?limit=1000",
    ] {
        let load::Times { first, p50, p99, bytes } = target.time(path, 200).await;
        let (first, p50, p99) = (milliseconds(first), milliseconds(p50), milliseconds(p99));
        println!("{p50:>9.2} {p99:>9.2} {first:>9.2} {bytes:>9}   {path}");
        slowest = slowest.max(p99);
    }
    aims.at_most("p99 of the slowest of these GETs", slowest, 20.0, "ms");
}

/// Authenticated reads, in turns.
async fn floods(process: &Process, target: &Target, etcd: Option<&mut Etcd>, aims: &mut Aims) {
    let etcd = match etcd {
        None => None,
        Some(etcd) => {
            let running = etcd.start(&[]);
            etcd.target.answers(&etcd.read()).await;
            etcd.log_in().await;
            Some((running, &*etcd))
        }
    };
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..3 {
        for (path, rates) in ["/api/v1/me", "/api/v1/users/user04711"].into_iter().zip(&mut rates) {
            rates.push(flood(process, target, Target::get(path)).await);
        }
        if let Some((running, etcd)) = &etcd {
            rates[2].push(flood(running, &etcd.target, etcd.read()).await);
        }
    }
    let say = |what: &str, rates: &mut Vec<(f64, Duration, f64)>| {
        rates.sort_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((rate, p99, cost)) = rates.get(1) {
            println!("{what}: {rate:.0}/s, p99 {p99:.1?}, {cost:.0} µs of a core each");
        }
    };
    println!("authenticated reads, HTTP/2, 8 connections, 128 at once, the middle of 3:");
    say("  armilla, GET /me", &mut rates[0]);
    say("  armilla, GET /users/NAME", &mut rates[1]);
    say("  etcd, a key of 200 bytes, serializable", &mut rates[2]);
    if let (Some(ours), Some(theirs)) = (rates[1].get(1), rates[2].get(1)) {
        aims.times("authenticated reads a second, against etcd's", ours.0 / theirs.0, 1.0);
    }
}

async fn flood(process: &Process, target: &Target, sent: load::Sent) -> (f64, Duration, f64) {
    let before = process.computed();
    let begun = Instant::now();
    let (rate, p99) = load::flood(target, sent).await;
    let answers = rate * begun.elapsed().as_secs_f64();
    (rate, p99, (process.computed() - before).as_secs_f64() * 1e6 / answers)
}

/// Everybody watches what changes.
async fn watchers(process: &Process, target: &Target) {
    let before = process.memory().all;
    let streams = load::watch(target, "users", WATCHERS).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("{WATCHERS} event streams, idle: {:.1} MB more", process.memory().all - before);
    let begun = Instant::now();
    let sent = target.change(300).await;
    let took = begun.elapsed();
    let lags = streams.lags(sent).await;
    println!(
        "{sent} events in {took:.1?} to each of {WATCHERS}: lag p50 {} ms, p99 {} ms, slowest {} ms; {:.1} MB more",
        lags[lags.len() / 2],
        lags[lags.len() * 99 / 100],
        lags[lags.len() - 1],
        process.memory().all - before,
    );
}

/// Everybody watches one run.
async fn busy(dir: &Path, aims: &mut Aims) {
    let state = dir.join("busy");
    let token = seed::seed(&state, &seed::Much { users: 3, runs: 0, large: 1, sites: 0 });
    let (mut process, address) = busy::start(&state);
    let target = Target::armilla(&address, &state, &token).await;
    let before = process.memory();
    let streams = load::watch(&target, "events", WATCHERS).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = process.memory();
    let begun = Instant::now();
    process.tell("go");
    let mut lags = std::pin::pin!(streams.lags(busy::EVENTS));
    let mut most = idle.all;
    let lags = loop {
        tokio::select! {
            lags = &mut lags => break lags,
            () = tokio::time::sleep(Duration::from_millis(100)) => most = most.max(process.memory().all),
        }
    };
    println!(
        "one busy run, {} events in {:.1?} to each of {WATCHERS}: lag p50 {} ms, p99 {} ms, slowest {} ms; {:.1} MB before them, {:.1} MB \
         more for their streams, {:.1} MB more at most in the run",
        busy::EVENTS,
        begun.elapsed(),
        lags[lags.len() / 2],
        lags[lags.len() * 99 / 100],
        lags[lags.len() - 1],
        before.all,
        idle.all - before.all,
        most - idle.all,
    );
    aims.at_most(
        "for each of 1,000 streams of a busy run",
        (most - before.all) * 1e3 / WATCHERS as f64,
        100.0,
        "kB",
    );
    aims.at_most("slowest stream of a busy run", lags[lags.len() - 1] as f64, 1000.0, "ms");
}

/// Readers who take nothing while there is much to send.
async fn stalled(process: &Process, target: &Target, aims: &mut Aims) {
    let before = process.memory().all;
    // Those who watched go on.
    let others = target.watchers().await;
    let streams = load::stall(target, STALLED).await;
    let begun = Instant::now();
    let mut most = 0.0_f64;
    while target.watchers().await > others {
        most = most.max(process.memory().all - before);
        assert!(begun.elapsed() < Duration::from_secs(90), "they were not let go");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!(
        "{STALLED} readers who take nothing of all that ever happened: let go after {:.0?}, {most:.1} MB more until then",
        begun.elapsed()
    );
    aims.at_most("for each reader who takes nothing", most * 1e3 / STALLED as f64, 1000.0, "kB");
    aims.at_most("until such a reader is let go", begun.elapsed().as_secs_f64(), 40.0, "s");
    drop(streams);
}
