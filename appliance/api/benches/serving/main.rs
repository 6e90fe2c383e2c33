//! `cargo bench -p appliance-api --bench serving -- ARMILLA [ETCD ETCDCTL]`: what a server costs and how fast it answers, over TLS,
//! with 10,000 users, 1,000 runs and their events seeded; event streams by the thousand; and etcd's reads beside its own.
//!
//! ARMILLA is the static binary. Everything else lies in a folder that goes away.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on panics; what it finds is printed"
)]

mod etcd;
mod load;
mod seed;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use load::Target;

const USERS: usize = 10_000;
const RUNS: usize = 1_000;
const WATCHERS: usize = 1_000;

/// A server of its own process, until it is dropped.
struct Server {
    process: Child,
    address: String,
    started_in: Duration,
    _says: BufReader<std::process::ChildStdout>,
}

impl Server {
    fn start(armilla: &str, state: &Path) -> Server {
        let begun = Instant::now();
        let mut process = Command::new(armilla)
            .args(["serve", "--listen", "127.0.0.1:0", "--state"])
            .arg(state)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("Armilla listens on ") {
            line.clear();
            assert!(says.read_line(&mut line).unwrap() > 0, "the server did not start");
        }
        let address = line.trim().rsplit_once('/').unwrap().1.to_owned();
        Server { process, address, started_in: begun.elapsed(), _says: says }
    }

    /// Resident memory in MB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1000.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(armilla) = arguments.first() else {
        println!("name the binary: cargo bench -p appliance-api --bench serving -- dist/x86_64/armilla");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    println!("binary: {:.1} MB", std::fs::metadata(armilla).unwrap().len() as f64 / 1e6);
    {
        let server = Server::start(armilla, &dir.path().join("empty"));
        tokio::time::sleep(Duration::from_secs(3)).await;
        println!("empty, idle: {:.1} MB resident, listens after {:.0?}", server.memory(), server.started_in);
    }
    let state = dir.path().join("seeded");
    let token = seed::seed(&state, USERS, RUNS);
    let size = std::fs::metadata(state.join("armilla.redb")).unwrap().len() as f64 / 1e6;
    let server = Server::start(armilla, &state);
    println!("{USERS} users, {RUNS} runs: {size:.0} MB of state, listens after {:.0?}", server.started_in);
    let target = Target::armilla(&server.address, &state, &token).await;
    gets(&target).await;
    println!("after that: {:.1} MB resident", server.memory());
    let (rate, p99) = load::flood(&target, Target::armilla_read()).await;
    println!(
        "authenticated reads (GET /api/v1/me, HTTP/2, 8 connections, 128 at once): {rate:.0}/s, p99 {p99:.1?}"
    );
    if let [_, server, ctl] = arguments.as_slice() {
        let etcd = etcd::Etcd::start(server, ctl, dir.path()).await;
        let (rate, p99) = load::flood(&etcd.target, etcd.read()).await;
        println!(
            "etcd's (Range of one key, serializable, gRPC, the same client): {rate:.0}/s, p99 {p99:.1?}"
        );
    }
    watchers(&server, &target).await;
}

/// Main GETs, one after the other on one connection.
async fn gets(target: &Target) {
    for path in [
        "/api/v1/me",
        "/api/v1/users/user04711",
        "/api/v1/users",
        "/api/v1/users?filter=role=operator,name~47&sort=-createdAt&limit=50",
        "/api/v1/users?limit=1000",
        "/api/v1/audit",
        "/api/v1/runs",
        "/api/v1/runs?sort=-startedAt&limit=50",
        "/api/v1/runs/r-500",
        "/api/v1/sites",
    ] {
        match target.time(path, 300).await {
            Some((p50, p99)) => println!("GET {path}: p50 {p50:.1?}, p99 {p99:.1?}"),
            None => println!("GET {path}: there is no such route"),
        }
    }
}

/// Everybody watches one busy run: its events come as changes of what is watched.
async fn watchers(server: &Server, target: &Target) {
    let before = server.memory();
    let streams = load::watch(target, WATCHERS).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("{WATCHERS} event streams, idle: {:.1} MB more", server.memory() - before);
    let begun = Instant::now();
    let sent = target.change(200).await;
    let took = begun.elapsed();
    let lags = streams.lags(sent).await;
    println!(
        "{sent} events in {took:.1?} to each of {WATCHERS}: lag p50 {} ms, p99 {} ms, slowest {} ms; {:.1} MB more",
        lags[lags.len() / 2],
        lags[lags.len() * 99 / 100],
        lags[lags.len() - 1],
        server.memory() - before,
    );
}
