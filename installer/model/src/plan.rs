//! The plan: an immutable, complete list of steps. It holds states ("this file with this digest"), never edits, and
//! references to secrets, never secrets.

use std::collections::BTreeMap;
use std::fmt;

use bundles_format::Digest;
use serde::{Deserialize, Serialize};

use crate::site::SecretRef;

/// Version of the stored shape of [`Plan`].
pub const PLAN_FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub format: u32,
    /// sha256 over everything else in the plan: two plans that say the same are the same.
    pub id: PlanId,
    /// The plan that was the site's target when this one was made.
    pub parent: Option<PlanId>,
    pub site: String,
    pub intent: Intent,
    /// The release's version, for people.
    pub release: String,
    /// In an order that a reader can follow; what may run when is in `after`.
    pub steps: Vec<Step>,
    /// Why the plan is as it is, a line each.
    pub report: Vec<String>,
}

/// The hex sha256 of a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub String);

impl PlanId {
    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a run of the plan brings about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Intent {
    /// The site as its file says.
    Install,
    /// The named hosts leave the cluster and are cleaned.
    ResetHosts(Vec<String>),
    /// Every host is cleaned.
    Reset,
}

/// The verbs of the story, in the order in which people read a plan. This literal lists the whole job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Kernel settings and folders.
    Prepare,
    /// The bundle's files reach the host.
    Place,
    /// The node service and containerd run.
    Start,
    /// Images reach containerd.
    Import,
    /// The first control plane comes up.
    Found,
    /// The other hosts join.
    Join,
    /// Network, DNS, metrics, storage.
    Equip,
    /// Everything answers.
    Prove,
    /// Nodes leave the cluster.
    Leave,
    /// Hosts are put back as they were.
    Clean,
}

impl Phase {
    pub const ALL: [Phase; 10] = [
        Phase::Prepare,
        Phase::Place,
        Phase::Start,
        Phase::Import,
        Phase::Found,
        Phase::Join,
        Phase::Equip,
        Phase::Prove,
        Phase::Leave,
        Phase::Clean,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Prepare => "prepare",
            Phase::Place => "place",
            Phase::Start => "start",
            Phase::Import => "import",
            Phase::Found => "found",
            Phase::Join => "join",
            Phase::Equip => "equip",
            Phase::Prove => "prove",
            Phase::Leave => "leave",
            Phase::Clean => "clean",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Unique in its plan and the same in every plan of the site: `<host>/<phase>/<word>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One action on one host, with the steps it comes after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepId,
    pub phase: Phase,
    /// The hosts that one budget lets a phase touch at a time share a wave.
    pub wave: u32,
    /// The host whose hand acts; a name of the site.
    pub host: String,
    pub action: Action,
    /// Steps that must have succeeded before this one may start.
    pub after: Vec<StepId>,
    /// A failure halts the run instead of dropping the host.
    pub quorum_critical: bool,
}

/// What a step brings about. Closed: a new action does not compile until the executor, the label for people, the
/// simulator and the documents know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Action {
    /// What is at these paths, and which of these folders are there, was noted before anything was put there; what would
    /// be overwritten is kept.
    Remember { paths: Vec<String>, folders: Vec<String> },
    /// These kernel modules are loaded where they are not built in, now and at boot.
    Modules { path: String, names: Vec<String> },
    /// These kernel settings hold, now and at boot. `path` is the sysctl.d file. `others` are set by what is installed:
    /// their values are noted too.
    Sysctls {
        path: String,
        values: BTreeMap<String, String>,
        #[serde(default)]
        others: Vec<String>,
    },
    /// These files and folders are there with this content.
    Files { title: String, folders: Vec<FolderSpec>, files: Vec<FileSpec> },
    /// A unit is set up, and runs where it should.
    Service(ServiceSpec),
    /// containerd holds these images, unpacked and pinned, and the node service answers for them.
    Images {
        containerd_root: String,
        /// The add-on bundle that brought them; none for the bundle that the site was installed from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        addon: Option<String>,
        images: Vec<ImageSpec>,
    },
    /// One phase of `kubeadm init`.
    Init { phase: InitPhase, config: String, config_digest: Digest },
    /// The host joins the cluster that `founder` began.
    JoinWorker { founder: String, node: String, config: String, config_digest: Digest },
    /// Labels and taints of a node are as the site says. Acted by a control plane.
    Node { node: String, labels: BTreeMap<String, String>, taints: Vec<Taint>, control_plane: bool },
    /// These objects are in the cluster (server-side apply). Acted by a control plane.
    Apply { name: String, manifest: String },
    /// Nothing is done but wait until it is so. Acted by a control plane.
    Await { condition: Condition, timeout_seconds: u32 },
    /// Pods are moved off the node and none start there. Acted by a control plane.
    Drain { node: String, timeout_seconds: u32 },
    /// The node is no longer in the cluster. Acted by a control plane.
    DeleteNode { node: String },
    /// No command of any run, of whichever ledger, is at work on the host.
    StopRuns,
    /// No pod of Kubernetes runs on the host.
    StopPods,
    /// No process runs from these files.
    StopPrograms { programs: Vec<String> },
    /// These units are stopped, disabled and forgotten.
    RemoveUnits { units: Vec<String> },
    /// Nothing is mounted below these folders; with a `*` at the end, at what begins so.
    Unmount { below: Vec<String> },
    /// These network links and the namespaces of pods are gone.
    RemoveLinks { links: Vec<String> },
    /// Packet filter rules of Kubernetes, the CNI plugins and flannel are gone.
    RemoveRules,
    /// What Armilla put at these paths is gone. `keep` lists paths below them that stay.
    RemovePaths { paths: Vec<String>, keep: Vec<String> },
    /// Kernel settings are as they were before the first run changed them.
    RestoreSysctls,
    /// What `check --fix` changed is as it was.
    UndoRepairs,
    /// What was there before Armilla is there again, and folders that came with it and are empty are gone.
    /// `keep` as with [`Action::RemovePaths`].
    Restore { keep: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderSpec {
    pub path: String,
    /// Permission bits.
    pub mode: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    pub source: FileSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileSource {
    Text(String),
    /// A file of the bundle: its blob holds the content compressed with zstd.
    Blob {
        name: String,
        blob: Digest,
        blob_size: u64,
        content: Digest,
        content_size: u64,
    },
    /// A symbolic link to this target.
    Link(String),
    /// Text that logs in somewhere: [`BASIC`] stands where HTTP's basic credentials go when the file is written.
    Login {
        template: String,
        username: String,
        password: SecretRef,
    },
}

/// In the template of [`FileSource::Login`]: base64 of `username:password`.
pub const BASIC: &str = "{basic}";

/// A systemd unit that runs, is enabled, and was started with exactly these files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Such as `containerd.service`.
    pub unit: String,
    /// The unit file, drop-ins and configuration: a change in any restarts the unit.
    pub files: Vec<FileSpec>,
    /// Digests of what else the running process was started from, such as its binary.
    pub started_from: Vec<Digest>,
    /// `false` for a unit that others start (the kubelet before kubeadm configures it).
    pub running: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSpec {
    pub reference: String,
    /// What the name stands for where that lists several platforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<BlobSpec>,
    pub manifest: BlobSpec,
    pub config: BlobSpec,
    pub layers: Vec<BlobSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobSpec {
    pub digest: Digest,
    /// Bytes as stored and sent.
    pub size: u64,
    pub media_type: String,
}

impl ImageSpec {
    pub fn blobs(&self) -> impl Iterator<Item = &BlobSpec> {
        self.index.iter().chain([&self.manifest, &self.config]).chain(&self.layers)
    }

    /// What the name stands for.
    pub fn target(&self) -> &BlobSpec {
        self.index.as_ref().unwrap_or(&self.manifest)
    }

    /// A second name under which a host keeps what an add-on brought. A pull writes the record of the name that it pulls
    /// anew and takes the pin from it; nobody pulls this one, so the pin that it carries stays.
    pub fn kept_name(&self) -> String {
        format!("armilla.local/kept:{}", self.target().digest.hex())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    pub key: String,
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// `kubeadm init` cut into parts that may each be repeated. Source: `kubeadm init phase --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InitPhase {
    Certs,
    Kubeconfig,
    Etcd,
    ControlPlane,
    KubeletStart,
    UploadConfig,
    MarkControlPlane,
    BootstrapToken,
    KubeletFinalize,
    KubeProxy,
}

impl InitPhase {
    pub const ALL: [InitPhase; 10] = [
        InitPhase::Certs,
        InitPhase::Kubeconfig,
        InitPhase::Etcd,
        InitPhase::ControlPlane,
        InitPhase::KubeletStart,
        InitPhase::UploadConfig,
        InitPhase::MarkControlPlane,
        InitPhase::BootstrapToken,
        InitPhase::KubeletFinalize,
        InitPhase::KubeProxy,
    ];

    /// The words after `kubeadm init phase`. The token that kubeadm makes stays out of what it prints: a run's output is
    /// read by viewers.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            InitPhase::Certs => &["certs", "all"],
            InitPhase::Kubeconfig => &["kubeconfig", "all"],
            InitPhase::Etcd => &["etcd", "local"],
            InitPhase::ControlPlane => &["control-plane", "all"],
            InitPhase::KubeletStart => &["kubelet-start"],
            InitPhase::UploadConfig => &["upload-config", "all"],
            InitPhase::MarkControlPlane => &["mark-control-plane"],
            InitPhase::BootstrapToken => &["bootstrap-token", "--skip-token-print"],
            InitPhase::KubeletFinalize => &["kubelet-finalize", "all"],
            InitPhase::KubeProxy => &["addon", "kube-proxy"],
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            InitPhase::Certs => "certs",
            InitPhase::Kubeconfig => "kubeconfig",
            InitPhase::Etcd => "etcd",
            InitPhase::ControlPlane => "control-plane",
            InitPhase::KubeletStart => "kubelet-start",
            InitPhase::UploadConfig => "upload-config",
            InitPhase::MarkControlPlane => "mark-control-plane",
            InitPhase::BootstrapToken => "bootstrap-token",
            InitPhase::KubeletFinalize => "kubelet-finalize",
            InitPhase::KubeProxy => "kube-proxy",
        }
    }
}

/// Something that can be asked of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// The API server on this host says `/readyz` ok.
    ApiReady,
    NodeReady(String),
    /// Every wanted pod of the workload is updated and available.
    RolledOut {
        kind: String,
        namespace: String,
        name: String,
    },
    /// An APIService answers, such as `v1beta1.metrics.k8s.io`.
    ApiServiceAvailable(String),
}

impl Action {
    /// What people read in a plan and a run, in the present tense.
    pub fn label(&self) -> String {
        match self {
            Action::Remember { .. } => "remember what was there before".to_owned(),
            Action::Modules { names, .. } => format!("load kernel modules {}", names.join(", ")),
            Action::Sysctls { values, .. } => format!("set {} kernel settings", values.len()),
            Action::Files { title, .. } => format!("place {title}"),
            Action::Service(service) if service.running => format!("run {}", service.unit),
            Action::Service(service) => format!("set up {}", service.unit),
            Action::Images { images, addon: None, .. } => format!("import {} images", images.len()),
            Action::Images { images, addon: Some(name), .. } => {
                format!("import {} images of bundle {name}", images.len())
            }
            Action::Init { phase, .. } => format!("run kubeadm init phase {}", phase.as_str()),
            Action::JoinWorker { node, founder, .. } => format!("join {node} to the cluster of {founder}"),
            Action::Node { node, .. } => format!("set labels and taints of {node}"),
            Action::Apply { name, .. } => format!("apply {name}"),
            Action::Await { condition, .. } => format!("wait until {condition}"),
            Action::Drain { node, .. } => format!("drain {node}"),
            Action::DeleteNode { node } => format!("remove {node} from the cluster"),
            Action::StopRuns => "stop what other runs left at work".to_owned(),
            Action::StopPods => "stop all pods".to_owned(),
            Action::StopPrograms { programs } => format!("kill what runs from {} programs", programs.len()),
            Action::RemoveUnits { units } => format!("remove units {}", units.join(", ")),
            Action::Unmount { .. } => "unmount what pods left mounted".to_owned(),
            Action::RemoveLinks { .. } => "remove network links".to_owned(),
            Action::RemoveRules => "remove packet filter rules".to_owned(),
            Action::RemovePaths { paths, .. } => format!("remove {} paths", paths.len()),
            Action::RestoreSysctls => "restore kernel settings".to_owned(),
            Action::Restore { .. } => "put back what was there before".to_owned(),
            Action::UndoRepairs => "take repairs back".to_owned(),
        }
    }
}

impl Action {
    /// The longest that a command of a step of this kind may run on its host before it is killed and the step fails, in
    /// seconds; `None` where a step is made of short questions, each with a limit of its own, or waits for as long as the
    /// plan says. Some twenty times what the kind takes on a slow disk, and more than any timeout inside the command
    /// (kubeadm gives up on an API server after 4 minutes): what is killed was hanging.
    pub fn command_limit_seconds(&self) -> Option<u32> {
        match self {
            Action::Init { .. } | Action::JoinWorker { .. } => Some(900),
            Action::Images { .. } => Some(1800),
            Action::Remember { .. }
            | Action::Modules { .. }
            | Action::Sysctls { .. }
            | Action::Files { .. }
            | Action::Service(_)
            | Action::Node { .. }
            | Action::Apply { .. }
            | Action::Await { .. }
            | Action::Drain { .. }
            | Action::DeleteNode { .. }
            | Action::StopRuns
            | Action::StopPods
            | Action::StopPrograms { .. }
            | Action::RemoveUnits { .. }
            | Action::Unmount { .. }
            | Action::RemoveLinks { .. }
            | Action::RemoveRules
            | Action::RemovePaths { .. }
            | Action::RestoreSysctls
            | Action::Restore { .. }
            | Action::UndoRepairs => None,
        }
    }

    /// What its probe looks at: what a step of this kind proves.
    pub fn proof(&self) -> &'static str {
        match self {
            Action::Remember { .. } => {
                "the host's record says of each path what was there, and a copy of what was is kept"
            }
            Action::Modules { .. } => "each module is loaded or built in, and is listed for the next boot",
            Action::Sysctls { .. } => "each setting has its value now, and is listed for the next boot",
            Action::Files { .. } => "each file has its content, by sha256, and its permission bits",
            Action::Service(_) => {
                "its files are as planned, it is enabled, it runs, and was started from just these files"
            }
            Action::Images { .. } => {
                "containerd holds each image under its digest, pinned, and the node service knows it"
            }
            Action::Init { .. } => {
                "the phase was done with this configuration, what it wrote is unchanged, what it made is in the cluster"
            }
            Action::JoinWorker { .. } => "the kubelet has its certificate, and the cluster has the node",
            Action::Node { .. } => {
                "the node has these labels and taints, and none of ours that the site no longer names"
            }
            Action::Apply { .. } => "a server-side apply would change nothing",
            Action::Await { .. } => "the cluster says so",
            Action::Drain { .. } => "the node takes no pods and carries none but its own",
            Action::DeleteNode { .. } => "the cluster does not have the node",
            Action::StopRuns => "no unit of a run is active",
            Action::StopPods => {
                "the slice of pods is not active, and the container runtime has no pod or does not run"
            }
            Action::StopPrograms { .. } => "no process has one of the files as its program",
            Action::RemoveUnits { .. } => "no unit file of ours is there",
            Action::Unmount { .. } => "nothing is mounted below the folders",
            Action::RemoveLinks { .. } => "no such link is there",
            Action::RemoveRules => "no table or chain of ours is in the packet filter",
            Action::RemovePaths { .. } => {
                "nothing is at the paths but what was there before us and what is to be kept"
            }
            Action::RestoreSysctls => "nothing is left to restore",
            Action::Restore { .. } => "the record is worked off",
            Action::UndoRepairs => "the record of repairs is worked off",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::ApiReady => f.write_str("the API server is ready"),
            Condition::NodeReady(node) => write!(f, "node {node} is Ready"),
            Condition::RolledOut { kind, namespace, name } => {
                write!(f, "{kind} {namespace}/{name} is rolled out")
            }
            Condition::ApiServiceAvailable(name) => write!(f, "API service {name} answers"),
        }
    }
}

impl Plan {
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| &step.id == id)
    }

    /// Hosts in order of first appearance.
    pub fn hosts(&self) -> Vec<&str> {
        let mut hosts: Vec<&str> = Vec::new();
        for step in &self.steps {
            if !hosts.contains(&step.host.as_str()) {
                hosts.push(&step.host);
            }
        }
        hosts
    }
}
