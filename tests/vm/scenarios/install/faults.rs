//! What goes wrong around an install while it runs: hosts without power, cables pulled, servers restarted, hands killed, a
//! disk that fills. Each ends in a cluster or in a failure that names the host, and the next apply ends well.

use crate::installation::{Installation, Ran, Running, done, kind};
use crate::wire;
use lab::{Cut, Rate};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// As short as a host's patience can sensibly be: what is waited for here is known not to come.
const PATIENCE: &[&str] = &["--patience", "15"];
/// A connection without a sign of life counts as lost after a minute; then come the patience, a last attempt, and what
/// else the run has to do.
const NOTICED: Duration = Duration::from_secs(60 + 15 + 30);

/// Whose power goes, at the first start of a step with this in its id.
const POWER_CUTS: &[(&str, &str)] = &[
    ("h3", "h3/prepare/"),
    ("h3", "h3/place/"),
    ("h3", "h3/start/"),
    ("h3", "h3/import/"),
    ("h1", "h1/found/upload-config"),
    ("h3", "h3/join/join"),
    ("h1", "h1/equip/"),
    ("h2", "h1/prove/"),
];

#[test]
#[ignore = "needs root"]
fn a_host_that_loses_power_in_any_phase_is_named_and_the_next_apply_ends_well() {
    let site = Installation::begin("faults-power", 3, |_| {});
    for (host, step) in POWER_CUTS {
        let apply = site.start("apply", PATIENCE);
        let seen = wait_for_step(&apply, step);
        let begun = Instant::now();
        // Pulled first: a host without power does not say goodbye on its open connections.
        site.lab.cut(host, Cut::Cable).unwrap();
        site.lab.power_off(&[host]).unwrap();
        let ran = apply.wait();
        assert!(begun.elapsed() < NOTICED + Duration::from_secs(120), "it took {:?}", begun.elapsed());
        let outcome = ended_or_named(&site, &ran, host);
        println!(
            "{host} without power at {seen}: {outcome} after {:.0} s, {} steps done meanwhile",
            begun.elapsed().as_secs_f64(),
            ran.acts().len()
        );
        site.lab.mend(host).unwrap();
        site.lab.power_on(&[host]).unwrap();
    }
    ends_well(&site, "power cuts in all phases");
}

#[test]
#[ignore = "needs root"]
fn a_link_that_is_cut_at_sixty_percent_goes_on_where_it_was() {
    let site = Installation::begin("faults-link", 3, |_| {});
    wire::count(&site.lab);
    site.lab.shape("h2", Some("200mbit".parse::<Rate>().unwrap())).unwrap();
    let apply = site.start("apply", &[]);
    // What a host is sent is the same for every worker, and h3's link is not slow: h3 has it all when h2 is on its way.
    wait_for_step(&apply, "h3/import/addons");
    wait_until(&apply, "h2 has 60 % of its bytes", Duration::from_secs(200), || {
        wire::sent(&site.lab, "h2") as f64 >= 0.6 * wire::sent(&site.lab, "h3") as f64
    });
    let begun = Instant::now();
    site.lab.cut("h2", Cut::Cable).unwrap();
    std::thread::sleep(Duration::from_secs(90));
    site.lab.mend("h2").unwrap();
    apply.wait().healthy("apply over a link that was cut for 90 s at 60 %");
    done("from the cut to the end", begun);
    let (cut, whole) = (wire::sent(&site.lab, "h2"), wire::sent(&site.lab, "h3"));
    let again = cut.saturating_sub(whole) as f64 / whole as f64;
    println!("h2 was sent {cut} bytes, h3 {whole}: {:.2} % again", again * 100.0);
    assert!(again <= 0.02);
    ends_well(&site, "a link cut at 60 %");
}

#[test]
#[ignore = "needs root"]
fn a_disk_that_fills_half_way_is_named_and_the_next_apply_ends_well() {
    let site = Installation::begin("faults-disk", 2, |_| {});
    let apply = site.start("apply", &[]);
    wait_for_step(&apply, "h2/place/");
    // All that is free, what is kept for root too: armilla is root there.
    let free = "$(($(stat -f -c '%f * %S' /var/lib/containerd) / 1048576))";
    site.host("h2").shell(&format!("fallocate -l $(({free} - 150))M /var/lib/containerd/fill")).unwrap();
    let ran = apply.wait();
    let failure = failures(&ran).into_iter().find(|failure| failure.0.starts_with("h2/")).expect("h2 failed");
    println!("a full disk: exit {:?}, {} failed to {}", ran.status, failure.0, failure.1);
    assert!(failure.1.to_lowercase().contains("no space"), "{failure:?}");
    assert!(ran.status.is_some_and(|code| code != 0));
    site.host("h2").shell("rm /var/lib/containerd/fill").unwrap();
    ends_well(&site, "a disk that was full");
}

#[test]
#[ignore = "needs root"]
fn servers_restarted_and_hands_killed_are_not_even_noticed() {
    let site = Installation::begin("faults-hands", 3, |_| {});
    let apply = site.start("apply", &[]);
    wait_for_step(&apply, "h2/place/");
    site.lab.hosts().iter().for_each(|host| drop(host.shell("systemctl restart ssh").unwrap()));
    wait_for_step(&apply, "h2/import/");
    let receivers: usize = site.lab.hosts().iter().map(|host| kill(host, "receive-blob")).sum();
    wait_for_step(&apply, "h3/import/");
    let hands: usize = site.lab.hosts().iter().map(|host| kill(host, "serve")).sum();
    wait_for_step(&apply, "h2/join/join");
    let more: usize = site.lab.hosts().iter().map(|host| kill(host, "serve")).sum();
    let ran = apply.wait().healthy("apply while servers were restarted and hands killed");
    println!("killed: {hands} and {more} hands, {receivers} receivers");
    assert!(hands + more >= 4, "there were hands to kill");
    assert_eq!(failures(&ran), []);
    ends_well(&site, "hands killed");
}

#[test]
#[ignore = "needs root"]
fn a_network_that_is_gone_inside_a_kubeadm_phase_is_waited_for() {
    let site = Installation::begin("faults-network", 3, |_| {});
    let apply = site.start("apply", &[]);
    let unit = wait_for_unit(&site, &apply, "h1", "found-certs");
    site.lab.cut("h1", Cut::Cable).unwrap();
    assert!(!unit.join("exit.json").exists(), "kubeadm ended before the network went");
    let begun = Instant::now();
    std::thread::sleep(Duration::from_secs(90));
    let exit = std::fs::read_to_string(unit.join("exit.json"))
        .expect("kubeadm went on without the network, to its end");
    println!("kubeadm ended while the network was gone: {}", exit.trim());
    site.lab.mend("h1").unwrap();
    let ran = apply.wait().healthy("apply with the network gone for 90 s inside a kubeadm phase");
    done("from the cut to the end", begun);
    let step = "h1/found/certs";
    let began =
        ran.events.iter().filter(|record| kind(record) == "stepStarted" && record["event"]["step"] == step);
    assert_eq!(began.count(), 1, "the same attempt went on");
    ends_well(&site, "a network that was gone");
}

/// The next apply is healthy, the cluster proves itself, and then there is nothing left to do.
fn ends_well(site: &Installation, after: &str) {
    site.armilla("apply", &[]).healthy(&format!("apply after {after}"));
    site.prove(&format!("proofs after {after}"));
    let again = site.armilla("apply", &[]).healthy("apply once more");
    assert_eq!(again.acts(), [""; 0], "there was something left to do");
}

/// A run that was not healthy says which host it was, in time; the others went on.
fn ended_or_named(site: &Installation, ran: &Ran, host: &str) -> String {
    if ran.status == Some(0) {
        return "healthy".to_owned();
    }
    let address = site.host(host).address().to_string();
    let failures = failures(ran);
    let named =
        failures.iter().find(|(step, what)| step.starts_with(&format!("{host}/")) || what.contains(&address));
    let (step, what) = named.unwrap_or_else(|| panic!("{host} is not named: {:?} {failures:?}", ran.status));
    let ends: Vec<&Value> = ran.events.iter().filter(|record| kind(record) == "runEnded").collect();
    assert_eq!(ends.len(), 1, "the run came to an end of its own: {:?}", ran.status);
    format!("exit {}, {step} failed to {what}", ran.status.unwrap_or(-1))
}

/// The steps that failed, and what they failed to do.
fn failures(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let failed =
        ran.events.iter().filter(|record| kind(record) == "stepFailed").map(|record| &record["event"]);
    failed
        .map(|event| {
            let said: Vec<String> =
                event["failure"]["evidence"].as_array().into_iter().flatten().map(text).collect();
            (text(&event["step"]), format!("{} | {}", text(&event["failure"]["what"]), said.join(" | ")))
        })
        .collect()
}

fn wait_for_step(apply: &Running, step: &str) -> String {
    let mut seen = None;
    wait_until(apply, step, Duration::from_secs(300), || {
        let started = |record: &Value| kind(record) == "stepStarted";
        let id = |record: &Value| record["event"]["step"].as_str().unwrap_or_default().to_owned();
        seen = apply.events().iter().filter(|record| started(record)).map(id).find(|id| id.contains(step));
        seen.is_some()
    });
    seen.expect("it was waited for")
}

/// The folder of a step's unit, on the host, as soon as it runs.
fn wait_for_unit(site: &Installation, apply: &Running, host: &str, step: &str) -> PathBuf {
    let runs = site.host(host).root().join("var/lib/armilla/runs");
    let mut found = None;
    wait_until(apply, step, Duration::from_secs(300), || {
        let units = std::fs::read_dir(&runs).into_iter().flatten().flatten().map(|unit| unit.path());
        let mut of_step = units.filter(|unit| unit.to_string_lossy().contains(step));
        found = of_step.find(|unit| unit.join("started.json").exists());
        found.is_some()
    });
    found.expect("it was waited for")
}

fn wait_until(apply: &Running, what: &str, limit: Duration, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        let ended = apply.events().iter().any(|record| kind(record) == "runEnded");
        assert!(!ended, "apply ended before {what}: {}", apply.said());
        assert!(begun.elapsed() < limit, "{what}: not within {} s: {}", limit.as_secs(), apply.said());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills the hand's processes for this job on a host; how many there were.
fn kill(host: &lab::Host, job: &str) -> usize {
    let line = format!(
        "for at in /proc/[0-9]*; do \
           tr '\\0' ' ' <$at/cmdline 2>/dev/null | grep -q '^/var/lib/armilla/bin/.* hand .*{job}' && \
           kill -9 ${{at#/proc/}} && echo killed; done; true"
    );
    host.shell(&line).unwrap().lines().count()
}
