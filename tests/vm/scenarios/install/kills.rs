//! `kill -9` of `armilla apply` in every phase of an install, and inside kubeadm itself: the next apply ends the work.

use crate::installation::{Installation, kind};
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
fn kill_at(site: &Installation, step: &str, later: Duration) {
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
