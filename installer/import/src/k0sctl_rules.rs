//! What becomes of the fields of k0sctl and k0s that the reader does not take: <https://github.com/k0sproject/k0sctl> and
//! <https://docs.k0sproject.io/stable/configuration/>.

use crate::rules::Rule::{self, Anyway, No, Only, Read, Secret, Whole};
use crate::rules::Rules;

pub(crate) const SSH_OPTIONS: &str =
    "SSH options have no place: host keys are pinned at first contact, or by hostKey";
const OFF: &[&str] = &["false"];
const ON: &[&str] = &["true"];
const BUNDLE: &str = "every program comes from the bundle";
const OWN_WAY: &str = "Armilla has its own way to do this, with nothing to set";
const FLAGS: &str = "a site gives flags to the kubelet and the API server only";
const NETWORK: &str = "the pod network is flannel with VXLAN, and has nothing to set";
const ETCD: &str = "etcd runs as kubeadm sets it up, with kubeadm's own settings";

/// A rule of k0s's configuration, where it stands inside of k0sctl's file and where it is a document of its own.
macro_rules! k0s_rules {
    ($(($path:literal, $rule:expr)),* $(,)?) => {
        pub(crate) const K0S: Rules = &[
            ("metadata", No("metadata of k0s's configuration has no place in a site")),
            $((concat!("spec.", $path), $rule),)*
        ];
        const NESTED: &[(&str, Rule)] = &[$((concat!("spec.k0s.config.spec.", $path), $rule)),*];
    };
}

k0s_rules![
    ("api.address", Read),
    ("api.externalAddress", Read),
    ("api.port", Read),
    ("api.k0sApiPort", No("is a port of k0s's own")),
    ("api.sans", Read),
    ("api.extraArgs", Read),
    ("api.extraArgs.*", Read),
    ("api.rawArgs", No("flags of the API server stand in apiServer.extraArgs, each with its name")),
    ("api.onlyBindToAddress", Only(OFF, "the API server listens on every address")),
    ("api.tunneledNetworkingMode", Only(OFF, "workers reach the API server directly")),
    ("api.ca", No("certificates are valid for as long as kubeadm makes them")),
    ("controllerManager", No(FLAGS)),
    ("scheduler", No(FLAGS)),
    ("storage.type", Only(&["etcd"], "the cluster's state lies in etcd")),
    ("storage.etcd.peerAddress", Anyway),
    ("storage.etcd.externalCluster", Whole("etcd runs on the control plane; one of your own is not used")),
    ("storage.etcd", No(ETCD)),
    ("storage.kine.dataSource", Secret("is not copied and not needed: the cluster's state lies in etcd")),
    ("storage.kine", No("the cluster's state lies in etcd")),
    ("network.provider", No("the pod network is flannel with VXLAN")),
    ("network.podCIDR", Read),
    ("network.serviceCIDR", Read),
    ("network.clusterDomain", Read),
    ("network.primaryAddressFamily", Only(&["IPv4"], "sites are IPv4 for now")),
    ("network.dualStack", Whole("sites are IPv4 for now")),
    ("network.calico", No(NETWORK)),
    ("network.kuberouter", No(NETWORK)),
    ("network.kubeProxy.disabled", Only(OFF, "kube-proxy is always installed")),
    ("network.kubeProxy.mode", Read),
    ("network.kubeProxy", No("Armilla writes kube-proxy's configuration: only its mode can be said")),
    // The node service is a balancer on every node.
    ("network.nodeLocalLoadBalancing.enabled", Anyway),
    ("network.nodeLocalLoadBalancing", No("each node's balancer is Armilla's own")),
    (
        "network.controlPlaneLoadBalancing.keepalived.vrrpInstances[].authPass",
        Secret("is not copied and not needed: Armilla installs no keepalived")
    ),
    (
        "network.controlPlaneLoadBalancing.enabled",
        Only(OFF, "Armilla holds no virtual address: api.endpoint names a load balancer of your own")
    ),
    (
        "network.controlPlaneLoadBalancing",
        No("Armilla holds no virtual address: api.endpoint names a load balancer of your own")
    ),
    ("podSecurityPolicy", Whole("pod security is for the namespaces of the cluster to say")),
    ("installConfig", No(OWN_WAY)),
    ("images", No("images come from the bundle under their own names")),
    (
        "extensions.helm.repositories[]",
        Whole("charts come as an add-on bundle: `armilla bundle build --name`")
    ),
    ("extensions.helm.charts[]", Whole("charts come as an add-on bundle: `armilla bundle build --name`")),
    ("extensions.helm", No("charts come as an add-on bundle: `armilla bundle build --name`")),
    ("extensions.storage", No("volumes come from the local-path add-on, below dataRoot")),
    ("konnectivity", No("there is no konnectivity: the API server reaches nodes directly")),
    ("telemetry.enabled", Only(OFF, "Armilla sends nothing to anybody")),
    ("telemetry", No("Armilla sends nothing to anybody")),
    (
        "featureGates[]",
        Whole(
            "feature gates are flags of each component: a site gives them to the kubelet and the API server only"
        )
    ),
    (
        "workerProfiles[]",
        Whole(
            "the kubelets of all hosts have one configuration: what has a flag can stand in kubelet.extraArgs"
        )
    ),
];

const OUTSIDE: &[(&str, Rule)] = &[
    ("metadata.name", Read),
    ("metadata.user", Only(&["admin"], "the user in a kubeconfig is named by Armilla")),
    ("metadata", No("a cluster's metadata but for its name has no place in a site")),
    ("spec.hosts[].role", Read),
    ("spec.hosts[].hostname", Read),
    ("spec.hosts[].noTaints", Read),
    ("spec.hosts[].ssh.address", Read),
    ("spec.hosts[].ssh.user", Read),
    ("spec.hosts[].ssh.port", Read),
    ("spec.hosts[].ssh.keyPath", Read),
    (
        "spec.hosts[].ssh.hostKey",
        No("say the fingerprint of the key in hostKey, or accept it at first contact"),
    ),
    ("spec.hosts[].ssh.bastion.address", Read),
    ("spec.hosts[].ssh.bastion.user", Read),
    ("spec.hosts[].ssh.bastion.port", Read),
    ("spec.hosts[].ssh.bastion.keyPath", Read),
    ("spec.hosts[].ssh.bastion.bastion", Read),
    ("spec.hosts[].ssh.bastion.options", Read),
    (
        "spec.hosts[].ssh.bastion.hostKey",
        No("say the fingerprint of the key in hostKey, or accept it at first contact"),
    ),
    ("spec.hosts[].ssh.options", No(SSH_OPTIONS)),
    ("spec.hosts[].openSSH.address", Read),
    ("spec.hosts[].openSSH.user", Read),
    ("spec.hosts[].openSSH.port", Read),
    ("spec.hosts[].openSSH.keyPath", Read),
    ("spec.hosts[].openSSH.configPath", No("ssh_config is not read: say what it says in ssh and jump")),
    ("spec.hosts[].openSSH.options", No(SSH_OPTIONS)),
    ("spec.hosts[].openSSH.disableMultiplexing", Anyway),
    ("spec.hosts[].winRM.password", Secret("is not copied: hosts are reached over SSH only")),
    ("spec.hosts[].winRM", Whole("hosts are reached over SSH only")),
    ("spec.hosts[].localhost", Whole("hosts are reached over SSH only, the one that runs Armilla too")),
    ("spec.hosts[].reset", Only(OFF, "`armilla reset --host` takes a host out")),
    ("spec.hosts[].privateInterface", No("say the address by which other hosts reach it in clusterAddress")),
    ("spec.hosts[].privateAddress", Read),
    ("spec.hosts[].dataDir", Only(&["/var/lib/k0s"], "data lies below dataRoot, on all hosts alike")),
    ("spec.hosts[].kubeletRootDir", No("data lies below dataRoot, on all hosts alike")),
    (
        "spec.hosts[].environment",
        No(
            "programs on hosts have no environment of your own; nothing is downloaded that would want a proxy",
        ),
    ),
    // Everything is carried to the hosts.
    ("spec.hosts[].uploadBinary", Anyway),
    ("spec.hosts[].useExistingK0s", Only(OFF, BUNDLE)),
    ("spec.hosts[].k0sBinaryPath", No(BUNDLE)),
    ("spec.hosts[].k0sInstallPath", No(BUNDLE)),
    ("spec.hosts[].k0sDownloadURL", No(BUNDLE)),
    ("spec.hosts[].installFlags", No("are flags of k0s")),
    (
        "spec.hosts[].files[]",
        Whole("images and manifests come as an add-on bundle; other files are not put on hosts"),
    ),
    ("spec.hosts[].os", No("the operating system is read from the host")),
    (
        "spec.hosts[].hooks",
        Whole("scripts are not run on hosts: do by hand what they do, before or afterwards"),
    ),
    ("spec.k0s.version", Read),
    ("spec.k0s.versionChannel", No("the bundle carries one version")),
    ("spec.k0s.dynamicConfig", Only(OFF, "k0s's dynamic configuration has no place in a site")),
    ("spec.k0s.config.apiVersion", Anyway),
    ("spec.k0s.config.kind", Anyway),
    ("spec.k0s.config.metadata", No("metadata of k0s's configuration has no place in a site")),
    ("spec.options.wait.enabled", Only(ON, "Armilla waits for what it does")),
    ("spec.options.drain.enabled", Only(ON, "workers are drained before they are taken out")),
    ("spec.options.drain", No(OWN_WAY)),
    ("spec.options.concurrency", No(OWN_WAY)),
    ("spec.options.evictTaint", Whole(OWN_WAY)),
];

/// k0sctl's own rules and those of the configuration of k0s inside its file.
pub(crate) const CLUSTER: Rules = &joined();

const fn joined() -> [(&'static str, Rule); OUTSIDE.len() + NESTED.len()] {
    let mut all = [("", Anyway); OUTSIDE.len() + NESTED.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OUTSIDE.len() { OUTSIDE[at] } else { NESTED[at - OUTSIDE.len()] };
        at += 1;
    }
    all
}
