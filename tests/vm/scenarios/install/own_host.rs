//! The machine that runs Armilla is one of the hosts that it installs: its power is cut in the middle of its own install,
//! and its own reset spares what it works from.

use crate::installation::{Installation, done};
use crate::residue::Before;
use lab::Host;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// On the host. The state lies below a folder that a reset removes.
const FOLDER: &str = "/root/site";
const STATE: &str = "/var/lib/armilla/operator";

#[test]
#[ignore = "needs root"]
fn a_host_installs_itself_through_a_power_cut_and_resets_itself() {
    let site = Installation::begin("own-host", 2, |_| {});
    let before = Before::of(&site);
    let host = site.host("h1");
    move_in(&site, host);
    for step in ["h1/place/", "h1/found/control-plane"] {
        cut_power_at(&site, host, step);
    }
    let begun = Instant::now();
    healthy("apply after the power cuts", &armilla(host, "apply"));
    done("apply on the host itself after two power cuts", begun);
    site.prove("proofs of a cluster that one of its hosts made");

    let again = armilla(host, "apply");
    assert!(said(&again).contains("Nothing to do"), "{}", said(&again));
    healthy("reset", &armilla(host, "reset"));
    before.assert_again(&site, &["h2"], "reset by the other host");
    let left =
        host.shell("ls -d /var/lib/armilla/* /usr/local/bin/* /etc/kubernetes 2>/dev/null; true").unwrap();
    assert_eq!(left, format!("{STATE}\n"), "what the reset left on the host that ran it");
    let runs = host.shell(&format!("{FOLDER}/armilla run ls --state {STATE}")).unwrap();
    assert!(runs.lines().count() >= 4, "the state was not spared: {runs}");
}

/// Gives the host what an operator has: the program, the bundle, the keys, a site file.
fn move_in(site: &Installation, host: &Host) {
    let folder = host.root().join(FOLDER.trim_start_matches('/'));
    std::fs::create_dir_all(&folder).unwrap();
    let key = site.lab.record().key.clone();
    let files: [(PathBuf, &str); 4] = [
        (site.folder.program(), "armilla"),
        (site.folder.bundle(), "armilla.bundle"),
        (site.folder.trust(), "bundle.key.pub"),
        (key.clone(), "key"),
    ];
    for (from, name) in files {
        std::fs::copy(from, folder.join(name)).unwrap();
    }
    let text = std::fs::read_to_string(site.folder.site()).unwrap();
    std::fs::write(
        folder.join("site.yaml"),
        text.replace(&key.display().to_string(), &format!("{FOLDER}/key")),
    )
    .unwrap();
}

fn words(verb: &str) -> Vec<String> {
    let line = format!(
        "{FOLDER}/armilla {verb} -s {FOLDER}/site.yaml --state {STATE} -b {FOLDER}/armilla.bundle --trust {FOLDER}/bundle.key.pub -y"
    );
    line.split(' ').map(str::to_owned).collect()
}

fn armilla(host: &Host, verb: &str) -> Output {
    host.command(words(verb)).unwrap().stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn healthy(what: &str, output: &Output) {
    assert!(output.status.success(), "{what}: {}", said(output));
}

/// Applies on the host, cuts its power when the step has started, and gives it power again.
fn cut_power_at(site: &Installation, host: &Host, step: &str) {
    let log = site.folder.path().join("apply-on-h1.events");
    let mut words = words("apply");
    words.extend(["-o".into(), "json".into()]);
    let mut apply = host.command(words).unwrap();
    let errors = File::create(log.with_extension("log")).unwrap();
    let mut apply =
        apply.stdin(Stdio::null()).stdout(File::create(&log).unwrap()).stderr(errors).spawn().unwrap();
    let begun = Instant::now();
    loop {
        let events = std::fs::read_to_string(&log).unwrap_or_default();
        if events.lines().any(|line| line.contains("stepStarted") && line.contains(step)) {
            break;
        }
        assert!(apply.try_wait().unwrap().is_none(), "apply ended before {step}: see {}", log.display());
        assert!(begun.elapsed() < Duration::from_secs(300), "{step} never started: see {}", log.display());
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    site.lab.power_off(&[host.name()]).unwrap();
    apply.wait().unwrap();
    site.lab.power_on(&[host.name()]).unwrap();
    done(&format!("power cut 200 ms into {step}, and on again"), begun);
}
