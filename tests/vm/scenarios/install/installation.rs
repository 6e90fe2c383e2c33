//! An installation in a lab, from the outside: the `armilla` command, the events it prints, the hosts themselves.
//! Every command leaves its transcript, and whatever fails names it.

use lab::demo::{Folder, Product};
use lab::proofs::{self, Cluster, Seen};
use lab::{Host, Lab, LabSpec};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A lab of bare hosts, and a folder with a bundle, a site file and state for them.
pub(crate) struct Installation {
    pub(crate) lab: Lab,
    pub(crate) folder: Folder,
    transcripts: PathBuf,
    commands: AtomicU32,
}

/// For site files of labs. The hosts write to the one disk of the machine beside whatever else it does: that it is slow then is right to
/// say of a host, and not what these scenarios are about.
pub(crate) const SHARED_DISK: &str =
    "waivers:\n  - {check: fsync, reason: hosts of a lab share the disk of their machine}\n";

/// Adds [`SHARED_DISK`] to the site file.
pub(crate) fn excuse_the_disk(folder: &Folder) {
    let text = std::fs::read_to_string(folder.site()).unwrap();
    std::fs::write(folder.site(), text + SHARED_DISK).unwrap();
}

impl Installation {
    /// `scenario` names the lab and the folder. The lab goes with this value; the folder stays for who looks for the
    /// cause of a failure, until the scenario runs again.
    pub(crate) fn begin(scenario: &str, hosts: u8, change: impl FnOnce(&mut LabSpec)) -> Installation {
        let begun = Instant::now();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(scenario);
        let _ = std::fs::remove_dir_all(&path);
        let folder = Folder::make(&path).unwrap_or_else(|error| panic!("{}", chain(&error)));
        let transcripts = path.join("transcripts");
        std::fs::create_dir_all(&transcripts).unwrap();
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let product = Product::of_checkout(&checkout).unwrap_or_else(|error| panic!("{}", chain(&error)));
        product.put_into(&folder).unwrap_or_else(|error| panic!("{}", chain(&error)));
        product.build_bundle(&folder).unwrap_or_else(|error| panic!("{}", chain(&error)));
        done("the bundle", begun);

        let begun = Instant::now();
        let mut spec = LabSpec::new(&format!("{scenario}-{}", std::process::id()), hosts).unwrap();
        change(&mut spec);
        let lab = Lab::up(&spec).unwrap_or_else(|error| panic!("{}", chain(&error))).down_on_drop();
        folder.write_site_once(&lab, scenario).unwrap_or_else(|error| panic!("{}", chain(&error)));
        excuse_the_disk(&folder);
        done("bare hosts", begun);
        Installation { lab, folder, transcripts, commands: AtomicU32::new(0) }
    }

    pub(crate) fn host(&self, name: &str) -> &Host {
        self.lab.host(name).unwrap()
    }

    pub(crate) fn cluster(&self) -> Cluster<'_> {
        Cluster::on(&self.lab.hosts()[0])
    }

    /// `armilla VERB … -y -o json`, to its end.
    pub(crate) fn armilla(&self, verb: &str, words: &[&str]) -> Ran {
        self.start(verb, words).wait()
    }

    /// `armilla VERB … -y -o json`, in a process that is still running.
    pub(crate) fn start(&self, verb: &str, words: &[&str]) -> Running {
        let number = self.commands.fetch_add(1, Ordering::Relaxed) + 1;
        let transcript = self.transcripts.join(format!("{number:02}-{}", verb.replace(' ', "-")));
        let (events, said) = (transcript.with_extension("events"), transcript.with_extension("log"));
        let mut command: Command = self.folder.armilla_on_site(&self.lab, verb);
        command.args(["-y", "-o", "json"]).args(words).stdin(Stdio::null());
        command.stdout(File::create(&events).unwrap()).stderr(File::create(&said).unwrap());
        Running { begun: Instant::now(), child: command.spawn().unwrap(), events, said }
    }

    /// Proves everything about a cluster with as many nodes as the lab has hosts.
    pub(crate) fn prove(&self, what: &str) {
        let begun = Instant::now();
        let tell = |proof: &proofs::Proof| println!("  {}", proof.line());
        let all = proofs::all(&self.lab, "h1", self.lab.hosts().len(), &tell).unwrap();
        let failed: Vec<String> =
            all.iter().filter(|proof| proof.outcome.is_err()).map(|proof| proof.line()).collect();
        assert!(failed.is_empty(), "{what}: {failed:#?}; transcripts: {}", self.transcripts.display());
        done(what, begun);
    }

    /// Waits until the lab's hosts, and no others, are Ready nodes.
    pub(crate) fn wait_for_nodes(
        &self,
        what: &str,
        limit: Duration,
        fits: impl Fn(&[(String, String)]) -> bool,
    ) {
        let begun = Instant::now();
        let nodes = self.lab.hosts().len();
        let seen = proofs::wait("every node Ready", limit, || {
            let ready = self.cluster().ready_nodes()?;
            Ok(match ready.len() == nodes && fits(&ready) {
                true => Seen::Yes(()),
                false => Seen::NotYet(format!("{ready:?}")),
            })
        });
        self.ended(what, begun, seen);
    }

    /// Waits until every container of every pod runs and was started after `since`.
    pub(crate) fn wait_for_pods(&self, what: &str, limit: Duration, since: &str) {
        let begun = Instant::now();
        let seen = proofs::wait("every pod's containers run", limit, || {
            let pods = self.cluster().list(&["pods", "--all-namespaces"])?;
            let not: Vec<&str> = pods
                .iter()
                .filter(|pod| !runs_since(pod, since))
                .filter_map(|pod| pod["metadata"]["name"].as_str())
                .collect();
            Ok(if not.is_empty() && !pods.is_empty() { Seen::Yes(()) } else { Seen::NotYet(not.join(", ")) })
        });
        self.ended(what, begun, seen);
    }

    fn ended(&self, what: &str, begun: Instant, seen: Result<(), proofs::ProofError>) {
        if let Err(error) = seen {
            panic!("{what}: {}; transcripts: {}", error.chain(), self.transcripts.display());
        }
        done(what, begun);
    }
}

/// Whether all containers of a pod are ready and were started after `since`.
fn runs_since(pod: &Value, since: &str) -> bool {
    let started = |container: &Value| {
        let at = container["state"]["running"]["startedAt"].as_str().unwrap_or_default();
        container["ready"] == true && at >= since
    };
    pod["status"]["containerStatuses"].as_array().is_some_and(|all| all.iter().all(started))
}

/// An `armilla` that runs.
pub(crate) struct Running {
    begun: Instant,
    pub(crate) child: Child,
    events: PathBuf,
    said: PathBuf,
}

impl Running {
    /// The events it has printed so far. A last line that is not whole yet is left out.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.events).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Where it says what goes wrong.
    pub(crate) fn said(&self) -> String {
        self.said.display().to_string()
    }

    pub(crate) fn wait(mut self) -> Ran {
        let status = self.child.wait().unwrap();
        Ran { status: status.code(), events: self.events(), took: self.begun.elapsed(), said: self.said }
    }
}

/// An `armilla` that has ended.
pub(crate) struct Ran {
    /// Its exit code; none when a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) events: Vec<Value>,
    pub(crate) took: Duration,
    said: PathBuf,
}

impl Ran {
    /// What it said on standard error.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Its run must have ended well: the last one of which it tells, since it ends one that was left open.
    pub(crate) fn healthy(self, what: &str) -> Ran {
        let outcome = self.events.iter().rfind(|record| kind(record) == "runEnded");
        let outcome = outcome.map(|record| record["event"]["outcome"].clone()).unwrap_or_default();
        if self.status != Some(0) || outcome != "healthy" {
            let said = std::fs::read_to_string(&self.said).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(15).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            panic!("{what}: exit {:?}, {outcome}; {}\n{}", self.status, self.said.display(), last.join("\n"));
        }
        println!("{what}: {:.1} s, {} acts", self.took.as_secs_f64(), self.acts().len());
        self
    }

    /// The steps that did something.
    pub(crate) fn acts(&self) -> Vec<String> {
        self.steps("stepDone")
    }

    /// The steps with nothing to do.
    pub(crate) fn met(&self) -> Vec<String> {
        self.steps("stepMet")
    }

    fn steps(&self, wanted: &str) -> Vec<String> {
        let found = self.events.iter().filter(|record| kind(record) == wanted);
        found.map(|record| record["event"]["step"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// The type of the event in a record.
pub(crate) fn kind(record: &Value) -> &str {
    record["event"]["type"].as_str().unwrap_or_default()
}

/// Says how long something took.
pub(crate) fn done(what: &str, begun: Instant) {
    println!("{what}: {:.1} s", begun.elapsed().as_secs_f64());
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    format!("{error}{cause}")
}
