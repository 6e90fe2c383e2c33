//! `kill -9` of `armilla apply` in every phase of an install, inside kubeadm itself, and at random: the next apply ends the work
//! and does next to nothing twice.

use crate::fate::Fate;
use crate::installation::{Installation, Ran, kind};
use crate::wire;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Where the process is killed: at the first start of a step with this in its id, and how much later.
const KILLS: &[(&str, Duration)] = &[
    ("/prepare/", Duration::ZERO),
    ("/place/", Duration::ZERO),
    ("/start/", Duration::ZERO),
    ("/import/", Duration::from_millis(500)),
    ("/found/", Duration::ZERO),
    // Two of kubeadm's own phases, while kubeadm runs on the host.
    ("/found/control-plane", Duration::from_millis(150)),
    ("/found/upload-config", Duration::from_millis(150)),
    ("/equip/", Duration::from_millis(150)),
    ("/join/join", Duration::from_millis(500)),
    ("/prove/", Duration::ZERO),
];

#[test]
#[ignore = "needs root"]
fn an_apply_that_was_killed_in_every_phase_ends_well() {
    let site = Installation::begin("install-kills", 3, |_| {});
    for (step, later) in KILLS {
        kill_at(&site, step, *later);
    }
    site.armilla("apply", &[]).healthy("apply after all kills");
    site.prove("proofs after all kills");
    let again = site.armilla("apply", &[]).healthy("apply once more");
    assert_eq!(again.acts(), [""; 0], "there was something left to do");
}

/// Applies until the step starts, and kills that one process.
pub(crate) fn kill_at(site: &Installation, step: &str, later: Duration) {
    let mut apply = site.start("apply", &[]);
    let begun = Instant::now();
    let seen = loop {
        let events = apply.events();
        let started = |record: &&serde_json::Value| {
            let id = record["event"]["step"].as_str().unwrap_or_default();
            kind(record) == "stepStarted" && id.contains(step)
        };
        if let Some(record) = events.iter().find(started) {
            break record["event"]["step"].as_str().unwrap().to_owned();
        }
        assert!(
            apply.child.try_wait().unwrap().is_none(),
            "apply ended before {step} started: {}",
            apply.said()
        );
        assert!(begun.elapsed() < Duration::from_secs(300), "{step} never started: {}", apply.said());
        std::thread::sleep(Duration::from_millis(10));
    };
    std::thread::sleep(later);
    apply.child.kill().unwrap();
    let ran = apply.wait();
    assert_eq!(ran.status, None, "apply ended by itself before it was killed at {seen}");
    println!("killed {} ms into {seen}, after {} acts", later.as_millis(), ran.acts().len());
}

/// Kills at random moments, over so many installs.
const RANDOM_KILLS: usize = 30;
const INSTALLS: usize = 6;

/// What installs that were killed took, beside one that was not.
#[derive(Default)]
struct Tally {
    kills: usize,
    installs: usize,
    /// Steps of all installs.
    steps: usize,
    /// Acts that were done and confirmed more than once.
    again: usize,
    /// Attempts whose end nobody saw, since the process was killed.
    cut_off: usize,
    bytes: u64,
}

#[test]
#[ignore = "needs root"]
fn random_kills_end_well_and_do_next_to_nothing_twice() {
    let mut fate = Fate::of_the_day();
    let clean = Installation::begin("install-clean", 3, |_| {});
    wire::count(&clean.lab);
    let untouched = clean.armilla("apply", &[]).healthy("an apply that nobody kills");
    let (clean_bytes, took) = (wire::sent_to_all(&clean.lab), untouched.took);
    drop(clean);

    let mut tally = Tally::default();
    while tally.kills < RANDOM_KILLS || tally.installs < INSTALLS {
        assert!(tally.installs < 2 * INSTALLS, "{} kills in {} installs", tally.kills, tally.installs);
        let wanted = (RANDOM_KILLS / INSTALLS).min((RANDOM_KILLS - tally.kills).max(1));
        kill_one_install(&mut tally, fate.moments(wanted, took));
    }
    let expected = clean_bytes * tally.installs as u64;
    let bytes_again = tally.bytes.saturating_sub(expected) as f64 / expected as f64;
    let steps_again = tally.again as f64 / tally.steps as f64;
    println!(
        "{} kills in {} installs: {} of {} steps done again ({:.1} %), {} cut off and taken up; {:.1} MiB sent where {:.1} are \
         needed ({:.2} % again)",
        tally.kills,
        tally.installs,
        tally.again,
        tally.steps,
        steps_again * 100.0,
        tally.cut_off,
        tally.bytes as f64 / 1048576.0,
        expected as f64 / 1048576.0,
        bytes_again * 100.0
    );
    assert!(bytes_again <= 0.02 && steps_again <= 0.05);
}

/// Applies to bare hosts, kills after each of these stretches of work, and ends the work. `moments` are of the work, in
/// order: the process that is started after a kill goes on with the clock.
fn kill_one_install(tally: &mut Tally, moments: Vec<Duration>) {
    tally.installs += 1;
    let site = Installation::begin(&format!("install-killed-{}", tally.installs), 3, |_| {});
    wire::count(&site.lab);
    let mut events = Vec::new();
    let mut worked = Duration::ZERO;
    for moment in moments {
        let mut apply = site.start("apply", &[]);
        std::thread::sleep(moment.saturating_sub(worked));
        worked = moment;
        let over = apply.child.try_wait().unwrap().is_some();
        apply.child.kill().unwrap();
        let ran = apply.wait();
        println!("  killed {:.1} s into the work, after {} acts", moment.as_secs_f64(), ran.acts().len());
        assert!(!over || ran.status == Some(0), "apply ended by itself with {:?}", ran.status);
        events.extend(ran.events);
        if over {
            break;
        }
        tally.kills += 1;
    }
    let last = site.armilla("apply", &[]).healthy("apply after the kills");
    events.extend(last.events);
    let steps: BTreeSet<&str> = events.iter().filter_map(|record| record["event"]["step"].as_str()).collect();
    let steps = steps.len();
    tally.bytes += wire::sent_to_all(&site.lab);
    tally.steps += steps;
    let (again, cut_off) = done_again(&events);
    tally.again += again;
    tally.cut_off += cut_off;
    println!("  of {steps} steps {again} were done again, {cut_off} cut off and taken up");
    site.prove("proofs after random kills");
    let nothing: Ran = site.armilla("apply", &[]).healthy("apply once more");
    assert_eq!(nothing.acts(), [""; 0], "there was something left to do");
}

/// From the events of all applies of one install: acts that were done more than once, and attempts without an end.
fn done_again(events: &[serde_json::Value]) -> (usize, usize) {
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    let mut open: BTreeMap<(&str, u64), ()> = BTreeMap::new();
    for record in events {
        let event = &record["event"];
        let Some(step) = event["step"].as_str() else { continue };
        let attempt = (step, event["attempt"].as_u64().unwrap_or_default());
        match kind(record) {
            "stepStarted" => drop(open.insert(attempt, ())),
            "stepDone" => {
                *done.entry(step).or_default() += 1;
                open.remove(&attempt);
            }
            "stepMet" | "stepFailed" => drop(open.remove(&attempt)),
            _ => {}
        }
    }
    (done.values().map(|times| times - 1).sum(), open.len())
}
