//! `armilla support collect` where everything has failed, and what is left of secrets and cores.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use appliance_store::{Holder, Store};
use installer_model::event::{Event, Failure, RunId};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId, StepId};

const CANARY: &str = "canary-7f3a";
const ARMILLA: &str = env!("CARGO_BIN_EXE_armilla");

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Bench {
        let bench = Bench(tempfile::tempdir().unwrap());
        let password = bench.path("password");
        std::fs::write(&password, CANARY).unwrap();
        // Port 1 of loopback: refused at once.
        let site = format!(
            "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: broken}}  # {CANARY}\n\
             ssh: {{password: {{file: {}}}, port: 1}}\nhosts:\n\
             - {{name: a, address: 127.0.0.1, clusterAddress: 10.0.0.1, roles: [control-plane]}}\n\
             - {{name: b, address: 127.0.0.2, clusterAddress: 10.0.0.2}}\n",
            password.display()
        );
        std::fs::write(bench.path("site.yaml"), site).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A store with a run that failed at a step which said this, and is still open.
    fn store(&self, canary: &str) -> (Store, RunId) {
        let store = Store::open(&self.path("state"), &Holder::this_process("apply", 1)).unwrap();
        let (id, intent) = (PlanId("one".into()), Intent::Install);
        let (site, release) = ("broken".to_owned(), "1".to_owned());
        let (steps, report) = (Vec::new(), Vec::new());
        let plan = Plan { format: PLAN_FORMAT, id, parent: None, site, intent, release, steps, report };
        let adopted = store.adopt(&plan).unwrap();
        let run = store.begin(&adopted, 10).unwrap().run.clone();
        let step = StepId("a/found/init".into());
        let words = format!("said {canary} and abcdef.0123456789abcdef");
        store.append_output(&run, &step, 1, words.as_bytes()).unwrap();
        let failure = Failure { what: "run it".into(), evidence: vec![words], hint: None, exit_code: 1 };
        let started = Event::StepStarted { step: step.clone(), attempt: 1 };
        let failed = Event::StepFailed { step, attempt: 1, failure, output: None };
        store.append(&run, 11, vec![started, failed]).unwrap();
        (store, run)
    }

    fn collect(&self, site: &str) -> Output {
        let mut command = Command::new(ARMILLA);
        command.args([
            "support",
            "collect",
            "-o",
            "json",
            "--timeout",
            "20",
            "-s",
            site,
            "--out",
            "s.tar.gz",
        ]);
        command.args(["--state", "state"]).current_dir(self.0.path()).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// What is in the archive, by path below its folder.
    fn files(&self) -> BTreeMap<String, String> {
        let file = std::fs::File::open(self.path("s.tar.gz")).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
        let mut files = BTreeMap::new();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            assert!(!text.contains(CANARY), "{} holds the canary", path.display());
            let below: PathBuf = path.components().skip(1).collect();
            files.insert(below.display().to_string(), text);
        }
        files
    }
}

#[test]
fn all_hosts_down_and_no_cluster_still_give_an_archive_without_secrets() {
    let bench = Bench::new();
    drop(bench.store(CANARY));
    let said = bench.collect("site.yaml");
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{text}");
    let index: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let files = bench.files();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&files["index.json"]).unwrap(), index);
    for file in ["version.json", "site.yaml", "state/runs.json", "state/plan.json", "state/r-1/events.jsonl"]
    {
        assert!(files.contains_key(file), "{file} is not in {:?}", files.keys());
    }
    assert_eq!(files["state/r-1/output/a-found-init-1.txt"], "said [redacted] and [redacted]");
    let missing = index["missing"].as_array().unwrap();
    for host in ["hosts/a", "hosts/b"] {
        let why = missing.iter().find(|missing| missing["what"] == host).unwrap();
        assert!(why["why"].as_str().unwrap().contains("127.0.0"), "{why}");
    }
    assert!(missing.iter().any(|missing| missing["what"] == "state/check.json"), "nothing was checked yet");
    assert!(!text.contains(CANARY) && text.contains("2/2 "), "{text}");
}

#[test]
fn a_store_that_another_process_has_open_is_named_and_the_rest_is_collected() {
    let bench = Bench::new();
    let (_held, _) = bench.store(CANARY);
    let said = bench.collect("site.yaml");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let index = &bench.files()["index.json"];
    assert!(index.contains(&format!("process {}", std::process::id())), "{index}");
    assert!(index.contains("hosts/a"), "{index}");
}

#[test]
fn a_site_file_that_is_wrong_does_not_keep_the_runs_back() {
    let bench = Bench::new();
    // Which secrets there are is not known without the site file: only what has their shape goes.
    drop(bench.store("nothing"));
    std::fs::write(bench.path("wrong.yaml"), "kind: Site\nhosts: 7\n").unwrap();
    assert!(bench.collect("wrong.yaml").status.success());
    let files = bench.files();
    assert!(files["index.json"].contains("hosts: line 2"), "{}", files["index.json"]);
    assert!(files["state/r-1/events.jsonl"].contains("said nothing and [redacted]"), "{files:?}");
}

#[test]
fn no_core_is_written_by_a_hand_that_crashes_whatever_its_limits_were() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!(
        "ulimit -c unlimited 2>/dev/null; exec {ARMILLA} hand --root {} serve",
        folder.path().display()
    );
    let mut hand = Command::new("sh");
    hand.args(["-c", &line]).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = hand.spawn().unwrap();
    let mut greeting = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut greeting).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    let killed = Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = child.wait().unwrap();
    assert_eq!(ended.signal(), Some(6));
    assert!(!ended.core_dumped());
    assert!(
        Path::new(folder.path())
            .read_dir()
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().starts_with("core") })
    );
}
