//! What each key of a site file means and what may stand there, for the schema. A test holds the list against the readers.

use super::schema::Kind::{
    self, ApiServerFlags, Exactly, Factor, Group, KubeletFlags, Labels, Like, OneOf, Only, Port, Text, Truth,
};

/// Path, kind, whether it must be there, and what it means.
pub(super) type Word = (&'static str, Kind, bool, &'static str);

const LABEL: Kind = Like("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$");
const SUBDOMAIN: Kind = Like("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$");
const ADDRESS: Kind = Like("^[A-Za-z0-9:]([A-Za-z0-9.:-]*[A-Za-z0-9:])?$");
const IP: Kind = Exactly("^[0-9A-Fa-f:.]+$");
const CIDR: Kind = Exactly("^[0-9A-Fa-f:.]+/[0-9]{1,3}$");
const USER: Kind = Like(r"^[A-Za-z0-9_][A-Za-z0-9_.@\\$-]*$");
const HOST_KEY: Kind = Exactly("^SHA256:[A-Za-z0-9+/]{43}$");
const VARIABLE: Kind = Like("^[A-Za-z_][A-Za-z0-9_]*$");
const REGISTRY: Kind = Like("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?$");
const ROLE: Kind = OneOf(&["control-plane", "worker"]);
const EFFECT: Kind = OneOf(&["NoSchedule", "PreferNoSchedule", "NoExecute"]);

const FILE: &str = "The first line of this file, on the machine that runs Armilla; may begin with ~/.";
const ENV: &str = "An environment variable of armilla.";
const PROMPT: &str = "Asked for at the terminal, once per run.";
const KEY_FILE: &str = "A private key on the machine that runs Armilla; may begin with ~/.";
const PASSPHRASE: &str = "Where the passphrase of the key file is found.";
const AGENT: &str = "Ask the SSH agent. The default when there is no keyFile and no password.";
const PASSWORD: &str = "Where the password is found; it is never written here.";
const PINNED: &str = "The fingerprint of the host's key, as `ssh-keygen -l` prints it; otherwise you are asked at first contact.";
const HOP_ADDRESS: &str = "Where SSH reaches the hop: an address or a name.";

pub(super) const WORDS: &[Word] = &[
    ("apiVersion", Only("armilla/v1"), true, "The version of this format."),
    ("kind", Only("Site"), true, "What the file describes."),
    ("metadata", Group, true, "What the site is called."),
    ("metadata.name", LABEL, true, "The site's name, which its cluster has too."),
    ("ssh", Group, false, "How to log in; a host may have its own user, port and ssh."),
    ("ssh.user", USER, false, "Who logs in (root)."),
    ("ssh.port", Port, false, "Where sshd listens (22)."),
    ("ssh.keyFile", Text, false, KEY_FILE),
    ("ssh.passphrase", Group, false, PASSPHRASE),
    ("ssh.passphrase.file", Text, false, FILE),
    ("ssh.passphrase.env", VARIABLE, false, ENV),
    ("ssh.passphrase.prompt", Truth, false, PROMPT),
    ("ssh.agent", Truth, false, AGENT),
    ("ssh.password", Group, false, PASSWORD),
    ("ssh.password.file", Text, false, FILE),
    ("ssh.password.env", VARIABLE, false, ENV),
    ("ssh.password.prompt", Truth, false, PROMPT),
    ("sudo", Group, false, "How a login that is not root becomes root."),
    ("sudo.password", Group, false, "Where the password for sudo is found, when it asks for one."),
    ("sudo.password.file", Text, false, FILE),
    ("sudo.password.env", VARIABLE, false, ENV),
    ("sudo.password.prompt", Truth, false, PROMPT),
    ("jump", Group, false, "Hops on the way to the hosts, the first one first."),
    ("jump[].address", ADDRESS, true, HOP_ADDRESS),
    ("jump[].port", Port, false, "Where its sshd listens (22)."),
    ("jump[].user", USER, false, "Who logs in there."),
    ("jump[].hostKey", HOST_KEY, false, PINNED),
    ("jump[].ssh", Group, false, "How to log in there, when it is not as at the hosts."),
    ("jump[].ssh.keyFile", Text, false, KEY_FILE),
    ("jump[].ssh.passphrase", Group, false, PASSPHRASE),
    ("jump[].ssh.passphrase.file", Text, false, FILE),
    ("jump[].ssh.passphrase.env", VARIABLE, false, ENV),
    ("jump[].ssh.passphrase.prompt", Truth, false, PROMPT),
    ("jump[].ssh.agent", Truth, false, AGENT),
    ("jump[].ssh.password", Group, false, PASSWORD),
    ("jump[].ssh.password.file", Text, false, FILE),
    ("jump[].ssh.password.env", VARIABLE, false, ENV),
    ("jump[].ssh.password.prompt", Truth, false, PROMPT),
    ("hosts", Group, true, "The hosts of the site; one of them carries the control plane."),
    ("hosts[].name", SUBDOMAIN, true, "The name of the host and of its node."),
    ("hosts[].address", ADDRESS, true, "Where SSH reaches it: an address or a name."),
    ("hosts[].port", Port, false, "Where its sshd listens, when it is not ssh.port."),
    ("hosts[].user", USER, false, "Who logs in there, when it is not ssh.user."),
    ("hosts[].hostKey", HOST_KEY, false, PINNED),
    (
        "hosts[].clusterAddress",
        IP,
        false,
        "Where the other hosts reach it, when that is not its address. IPv4.",
    ),
    ("hosts[].roles", ROLE, false, "What it does in the cluster (worker)."),
    ("hosts[].labels", Labels, false, "Labels of its node."),
    ("hosts[].taints", Group, false, "Taints of its node."),
    ("hosts[].taints[].key", Text, true, "The taint's key: name or prefix/name."),
    ("hosts[].taints[].value", Text, false, "The taint's value."),
    ("hosts[].taints[].effect", EFFECT, true, "What it does to pods that do not tolerate it."),
    ("hosts[].ssh", Group, false, "How to log in there, when it is not as at the others."),
    ("hosts[].ssh.keyFile", Text, false, KEY_FILE),
    ("hosts[].ssh.passphrase", Group, false, PASSPHRASE),
    ("hosts[].ssh.passphrase.file", Text, false, FILE),
    ("hosts[].ssh.passphrase.env", VARIABLE, false, ENV),
    ("hosts[].ssh.passphrase.prompt", Truth, false, PROMPT),
    ("hosts[].ssh.agent", Truth, false, AGENT),
    ("hosts[].ssh.password", Group, false, PASSWORD),
    ("hosts[].ssh.password.file", Text, false, FILE),
    ("hosts[].ssh.password.env", VARIABLE, false, ENV),
    ("hosts[].ssh.password.prompt", Truth, false, PROMPT),
    ("hosts[].sudo", Group, false, "How a login becomes root there."),
    ("hosts[].sudo.password", Group, false, "Where the password for sudo is found, when it asks for one."),
    ("hosts[].sudo.password.file", Text, false, FILE),
    ("hosts[].sudo.password.env", VARIABLE, false, ENV),
    ("hosts[].sudo.password.prompt", Truth, false, PROMPT),
    ("hosts[].jump", Group, false, "Hops on the way to this host, the first one first."),
    ("hosts[].jump[].address", ADDRESS, true, HOP_ADDRESS),
    ("hosts[].jump[].port", Port, false, "Where its sshd listens (22)."),
    ("hosts[].jump[].user", USER, false, "Who logs in there."),
    ("hosts[].jump[].hostKey", HOST_KEY, false, PINNED),
    ("hosts[].jump[].ssh", Group, false, "How to log in there, when it is not as at the hosts."),
    ("hosts[].jump[].ssh.keyFile", Text, false, KEY_FILE),
    ("hosts[].jump[].ssh.passphrase", Group, false, PASSPHRASE),
    ("hosts[].jump[].ssh.passphrase.file", Text, false, FILE),
    ("hosts[].jump[].ssh.passphrase.env", VARIABLE, false, ENV),
    ("hosts[].jump[].ssh.passphrase.prompt", Truth, false, PROMPT),
    ("hosts[].jump[].ssh.agent", Truth, false, AGENT),
    ("hosts[].jump[].ssh.password", Group, false, PASSWORD),
    ("hosts[].jump[].ssh.password.file", Text, false, FILE),
    ("hosts[].jump[].ssh.password.env", VARIABLE, false, ENV),
    ("hosts[].jump[].ssh.password.prompt", Truth, false, PROMPT),
    ("network", Group, false, "The networks of pods and Services."),
    ("network.podCIDR", CIDR, false, "The network of pods (10.244.0.0/16). IPv4, /8 to /24."),
    ("network.serviceCIDR", CIDR, false, "The network of Services (10.96.0.0/12). IPv4, /12 to /28."),
    ("network.clusterDomain", SUBDOMAIN, false, "The domain of names in the cluster (cluster.local)."),
    (
        "network.nodePortRange",
        Exactly("^ *[0-9]+ *- *[0-9]+ *$"),
        false,
        "Ports of Services on nodes (30000-32767).",
    ),
    ("api", Group, false, "How the API server is reached."),
    ("api.port", Port, false, "What the API server listens on (6443)."),
    ("api.names", SUBDOMAIN, false, "More names in the API server's certificate."),
    ("api.addresses", IP, false, "More addresses in the API server's certificate."),
    (
        "api.endpoint",
        Like(r"^[\[A-Za-z0-9:].*$"),
        false,
        "What kubeconfigs name as their server: host or host:port (the control plane).",
    ),
    ("dns", Group, false, "The cluster's DNS."),
    ("dns.upstreams", IP, false, "Name servers for names outside of the cluster (the hosts' own)."),
    ("time", Group, false, "The hosts' clocks."),
    ("time.servers", ADDRESS, false, "NTP servers (time is left to the hosts)."),
    (
        "dataRoot",
        Exactly("^/[A-Za-z0-9/_.+@-]+$"),
        false,
        "Where containerd, kubelet and etcd keep their data (/var/lib).",
    ),
    ("registries", Group, false, "Image registries of your own."),
    ("registries[].host", REGISTRY, true, "host or host:port."),
    (
        "registries[].caFile",
        Text,
        false,
        "The CA of its certificate in PEM, on the machine that runs Armilla.",
    ),
    ("registries[].username", Text, false, "Who logs in; with password."),
    ("registries[].password", Group, false, PASSWORD),
    ("registries[].password.file", Text, false, FILE),
    ("registries[].password.env", VARIABLE, false, ENV),
    ("registries[].password.prompt", Truth, false, PROMPT),
    ("registries[].mirrorOf", REGISTRY, false, "Registries whose images are looked for here first."),
    ("kubelet", Group, false, "The kubelets of all hosts."),
    ("kubelet.extraArgs", KubeletFlags, false, "Flags without dashes, such as max-pods: 200."),
    ("apiServer", Group, false, "The API server."),
    ("apiServer.extraArgs", ApiServerFlags, false, "Flags without dashes."),
    ("kubeProxy", Group, false, "kube-proxy."),
    (
        "kubeProxy.mode",
        OneOf(&["auto", "nftables", "iptables"]),
        false,
        "How it works (auto: nftables where every kernel can, else iptables).",
    ),
    ("slowness", Factor, false, "For slow hosts: wait so many times as long for everything (1)."),
    ("kubernetes", Group, false, "The version of Kubernetes."),
    (
        "kubernetes.version",
        Exactly(r"^[0-9]+\.[0-9]+\.[0-9]+$"),
        false,
        "The bundle must carry exactly this one.",
    ),
    ("bundle", Group, false, "The bundle to install from."),
    ("bundle.path", Text, true, "Relative to this file; may begin with ~/."),
    ("bundle.trust", Text, false, "The public key that must have sealed it."),
    ("addons", Group, false, "What comes with the cluster."),
    ("addons.metricsServer", Truth, false, "metrics-server, for kubectl top (true)."),
    ("addons.localPath", Truth, false, "Volumes in folders of the hosts (true)."),
    ("waivers", Group, false, "Checks that may object, each with the reason."),
    ("waivers[].check", Text, true, "The check's id."),
    ("waivers[].host", SUBDOMAIN, false, "The host that it is about (every host)."),
    ("waivers[].reason", Text, true, "Why; it is printed wherever the waiver counts."),
];
