//! What stands in for a hand and its host: a process that remembers the files it was given and answers the commands of the
//! steps as a host does on which they worked.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bundles_format::Digest;
use installer_model::plan::{Action, FileSource, ImageSpec, Plan};
use installer_wire::answer::OutputHead;
use installer_wire::exchange::{Assembler, encode};
use installer_wire::{
    Answer, BlobState, Decoder, Failure, FailureKind, FileKind, FileStat, Hello, Request, Unit, UnitState,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Recorded on a lab host.
pub(crate) const FACTS: &str = include_str!("../../../hand/fixtures/lab.facts.json");

/// What is at a path.
#[derive(Clone, Serialize, Deserialize)]
enum Node {
    Text {
        mode: u32,
        text: String,
    },
    /// Only its digest matters.
    Blob {
        mode: u32,
        content: Digest,
        size: u64,
    },
    Folder {
        mode: u32,
    },
    Link {
        target: String,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct Host {
    name: String,
    nodes: BTreeMap<String, Node>,
    images: Vec<ImageSpec>,
    units: BTreeMap<String, Vec<String>>,
    /// Labels and annotations of each node of the cluster; a control plane's.
    labels: BTreeMap<String, BTreeMap<String, String>>,
    annotations: BTreeMap<String, BTreeMap<String, String>>,
    taints: BTreeMap<String, Vec<Value>>,
}

/// Is there while a process has the state in hand.
pub(crate) fn busy(state: &Path) -> PathBuf {
    state.with_extension("busy")
}

/// A host on which the plan's bytes have arrived and nothing else was done: programs are in place, images' blobs are in
/// containerd's store, kubeadm's files are there.
pub(crate) fn prepare(state: &Path, name: &str, plan: &Plan) {
    let mut host = Host { name: name.to_owned(), ..Host::default() };
    for path in KUBEADM_FILES {
        host.nodes.insert((*path).to_owned(), Node::Text { mode: 0o600, text: format!("{path}\n") });
    }
    // Every host is a node from the beginning: who waits for it to register has waited.
    host.labels = plan.steps.iter().map(|step| (step.host.clone(), BTreeMap::new())).collect();
    for step in plan.steps.iter().filter(|step| step.host == name) {
        match &step.action {
            Action::Files { files, .. } => files.iter().for_each(|file| host.has_blob(file)),
            Action::Service(service) => service.files.iter().for_each(|file| host.has_blob(file)),
            Action::Images { containerd_root, images, .. } => {
                let store = format!("{containerd_root}/io.containerd.content.v1.content/blobs/sha256");
                for blob in images.iter().flat_map(ImageSpec::blobs) {
                    let node = Node::Blob { mode: 0o600, content: blob.digest.clone(), size: blob.size };
                    host.nodes.insert(format!("{store}/{}", blob.digest.hex()), node);
                }
            }
            _ => {}
        }
    }
    std::fs::write(state, serde_json::to_vec(&host).unwrap()).unwrap();
}

const KUBEADM_FILES: &[&str] = &[
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/scheduler.conf",
    "/etc/kubernetes/manifests/etcd.yaml",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/manifests/kube-controller-manager.yaml",
    "/etc/kubernetes/manifests/kube-scheduler.yaml",
    "/etc/kubernetes/pki/apiserver-etcd-client.crt",
    "/etc/kubernetes/pki/apiserver-kubelet-client.crt",
    "/etc/kubernetes/pki/apiserver.crt",
    "/etc/kubernetes/pki/apiserver.key",
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/etcd/ca.crt",
    "/etc/kubernetes/pki/etcd/healthcheck-client.crt",
    "/etc/kubernetes/pki/etcd/peer.crt",
    "/etc/kubernetes/pki/etcd/server.crt",
    "/etc/kubernetes/pki/front-proxy-ca.crt",
    "/etc/kubernetes/pki/front-proxy-client.crt",
    "/etc/kubernetes/pki/sa.key",
    "/etc/kubernetes/pki/sa.pub",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
];

/// Serves one engine until its stream ends, every message `delay` late each way, and keeps what was done.
pub(crate) fn serve(state: &Path, delay: Duration) {
    std::fs::write(busy(state), "").unwrap();
    let mut host: Host = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
    let (arrive, arrived) = channel();
    let (leave, left) = channel();
    std::thread::spawn(move || read(&arrive, delay));
    let writer = std::thread::spawn(move || write(&left));
    let say = |request: u32, answer: &Answer, body: &[u8]| {
        let _ = leave.send((Instant::now() + delay, encode(request, answer, body).unwrap()));
    };
    say(0, &Answer::Hello(hello()), &[]);
    let (mut decoder, mut assembler, mut changed) = (Decoder::default(), Assembler::default(), false);
    for (due, bytes) in arrived {
        sleep_until(due);
        decoder.feed(&bytes);
        while let Some(frame) = decoder.next_frame().unwrap() {
            let Some(message) = assembler.take(frame).unwrap() else { continue };
            let request: Request = serde_json::from_slice(&message.json).unwrap();
            changed |= request.changes_host();
            match host.answer(request, &message.body) {
                Ok((answer, body)) => say(message.request, &answer, &body),
                Err(failure) => say(message.request, &Answer::Failed(failure), &[]),
            }
        }
    }
    drop(leave);
    writer.join().unwrap();
    if changed {
        std::fs::write(state, serde_json::to_vec(&host).unwrap()).unwrap();
    }
    std::fs::remove_file(busy(state)).unwrap();
}

fn read(arrive: &Sender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = std::io::stdin().lock().read(&mut piece) {
        if arrive.send((Instant::now() + delay, piece[..read].to_vec())).is_err() {
            return;
        }
    }
}

fn write(left: &Receiver<(Instant, Vec<u8>)>) {
    let mut out = std::io::stdout().lock();
    for (due, bytes) in left {
        sleep_until(due);
        if out.write_all(&bytes).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn sleep_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

fn hello() -> Hello {
    Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: "x86_64".to_owned(),
        pid: std::process::id(),
        boot_id: "stand-in".to_owned(),
        root: "/var/lib/armilla".to_owned(),
        uid: 0,
    }
}

type Answered = Result<(Answer, Vec<u8>), Failure>;

impl Host {
    fn has_blob(&mut self, file: &installer_model::plan::FileSpec) {
        if let FileSource::Blob { content, .. } = &file.source {
            let node = Node::Blob { mode: file.mode, content: content.clone(), size: 1 };
            self.nodes.insert(file.path.clone(), node);
        }
    }

    fn answer(&mut self, request: Request, body: &[u8]) -> Answered {
        let answer = match request {
            Request::Ping | Request::BlobRemove { .. } => Answer::Done,
            Request::Facts { .. } => Answer::Facts { facts: serde_json::from_str(FACTS).unwrap() },
            Request::FileStat { path, digest } => Answer::FileStat { file: self.stat(&path, digest) },
            Request::FileRead { path, .. } => {
                let Some(Node::Text { text, .. }) = self.nodes.get(&path) else {
                    return Err(Failure::new(FailureKind::Missing, format!("read {path}: it is not there")));
                };
                return Ok((Answer::FileRead { size: text.len() as u64 }, text.clone().into_bytes()));
            }
            Request::FileWrite { path, mode } => {
                let text = String::from_utf8_lossy(body).into_owned();
                self.nodes.insert(path, Node::Text { mode, text });
                Answer::Done
            }
            Request::Remove { paths } => {
                paths.iter().for_each(|path| drop(self.nodes.remove(path)));
                Answer::Done
            }
            Request::MakeFolder { path, mode } => {
                self.nodes.insert(path, Node::Folder { mode });
                Answer::Done
            }
            Request::Symlink { path, target } => {
                self.nodes.insert(path, Node::Link { target });
                Answer::Done
            }
            Request::BlobStat { blobs } => {
                let whole = |digest| BlobState { digest, complete: true, bytes: 1 };
                Answer::Blobs { blobs: blobs.into_iter().map(whole).collect() }
            }
            Request::Command(command) => return Ok(output(self.command(&command.argv))),
            Request::UnitStart(command) => {
                self.run(&command.argv);
                self.units.insert(command.name, command.argv);
                Answer::UnitStarted { already: false }
            }
            Request::UnitFollow { .. } => {
                Answer::UnitOutput { offset: 0, size: 0, state: UnitState::Exited(0) }
            }
            Request::UnitList => {
                let over = |(name, argv): (&String, &Vec<String>)| Unit {
                    name: name.clone(),
                    state: UnitState::Exited(0),
                    output: 0,
                    argv: argv.clone(),
                };
                Answer::Units { units: self.units.iter().map(over).collect() }
            }
            Request::UnitForget { names } => {
                names.iter().for_each(|name| drop(self.units.remove(name)));
                Answer::Done
            }
            Request::Fence { ledger, term, run, .. } => {
                let text = json!({ "ledger": ledger, "term": term, "run": run }).to_string();
                self.nodes.insert("/var/lib/armilla/fence.json".to_owned(), Node::Text { mode: 0o600, text });
                Answer::Done
            }
            other => {
                let unknown = format!("{} stands in for a host and does not know {other:?}", self.name);
                return Err(Failure::new(FailureKind::Unsupported, unknown));
            }
        };
        Ok((answer, Vec::new()))
    }

    fn stat(&self, path: &str, digest: bool) -> Option<FileStat> {
        let of = |kind, mode, size, content, target| FileStat {
            kind,
            mode,
            uid: 0,
            gid: 0,
            size,
            digest: content,
            target,
        };
        Some(match self.nodes.get(path)? {
            Node::Text { mode, text } => {
                let hash = || Digest::from_sha256(Sha256::digest(text.as_bytes()).into());
                of(FileKind::File, *mode, text.len() as u64, digest.then(hash), None)
            }
            Node::Blob { mode, content, size } => {
                of(FileKind::File, *mode, *size, digest.then(|| content.clone()), None)
            }
            Node::Folder { mode } => of(FileKind::Folder, *mode, 0, None, None),
            Node::Link { target } => of(FileKind::Link, 0o777, 0, None, Some(target.clone())),
        })
    }

    /// The unit ends at once and has worked.
    fn run(&mut self, argv: &[String]) {
        if let Some(at) = argv.iter().position(|word| word == "--list")
            && let Some(Node::Text { text, .. }) = self.nodes.get(&argv[at + 1])
        {
            self.images.extend(serde_json::from_str::<Vec<ImageSpec>>(text).unwrap());
        }
    }

    fn command(&mut self, argv: &[String]) -> String {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        match words[..] {
            ["/usr/local/bin/kubectl", "--kubeconfig", _, "--cache-dir", _, ref words @ ..] => {
                self.kubectl(words)
            }
            ["/usr/local/bin/ctr", "-n", _, "images", "list"] => {
                let mut list = "REF TYPE DIGEST SIZE PLATFORMS LABELS\n".to_owned();
                for image in &self.images {
                    let (reference, digest) = (&image.reference, &image.manifest.digest);
                    list += &format!(
                        "{reference} type {digest} 1 KiB linux/amd64 io.cri-containerd.pinned=pinned\n"
                    );
                }
                list
            }
            ["sh", "-c", _, "sh", path, value] => {
                let text = format!("{value}\n");
                self.nodes.insert(path.to_owned(), Node::Text { mode: 0o644, text });
                String::new()
            }
            ["/usr/local/bin/kubeadm", "token", "create", ..] => "abcdef.0123456789abcdef\n".to_owned(),
            // systemctl, ctr label: they work and say nothing.
            _ => String::new(),
        }
    }

    fn kubectl(&mut self, words: &[&str]) -> String {
        match words {
            ["get", "nodes", ..] => {
                let names: Vec<String> = self.labels.keys().cloned().collect();
                let items: Vec<Value> = names.iter().map(|name| self.node(name)).collect();
                json!({ "items": items }).to_string()
            }
            ["get", "node", name, ..] => self.node(name).to_string(),
            ["get", ..] => json!({
                "metadata": { "generation": 1 }, "spec": { "replicas": 1 },
                "status": { "observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1,
                    "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1,
                    "conditions": [{ "type": "Available", "status": "True" }] } })
            .to_string(),
            [verb @ ("label" | "annotate"), "node", name, .., change] => {
                let of = if *verb == "label" { &mut self.labels } else { &mut self.annotations };
                let (key, value) = change.split_once('=').unwrap_or((change, ""));
                of.entry((*name).to_owned()).or_default().insert(key.to_owned(), value.to_owned());
                String::new()
            }
            ["taint", "node", name, .., change] => {
                if let Some((taint, effect)) = change.rsplit_once(':').filter(|_| !change.ends_with('-')) {
                    let (key, value) = taint.split_once('=').unwrap_or((taint, ""));
                    let taint = json!({ "key": key, "value": value, "effect": effect });
                    self.taints.entry((*name).to_owned()).or_default().push(taint);
                }
                String::new()
            }
            // diff and apply: all is as planned.
            _ => String::new(),
        }
    }

    fn node(&self, name: &str) -> Value {
        json!({
            "metadata": { "name": name, "labels": self.labels.get(name), "annotations": self.annotations.get(name) },
            "spec": { "taints": self.taints.get(name) },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] } })
    }
}

fn output(text: String) -> (Answer, Vec<u8>) {
    let head = OutputHead { code: 0, stdout: text.len() as u32, stderr: 0, truncated: false };
    (Answer::Output(head), text.into_bytes())
}
