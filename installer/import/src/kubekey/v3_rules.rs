//! What becomes of the fields of KubeKey's `Cluster` that the reader does not take: <https://github.com/kubesphere/kubekey>,
//! `cmd/kk/apis/kubekey/v1alpha2` of version 3.

use crate::rules::Rule::{Anyway, No, Only, Read, Reference, Whole};
use crate::rules::Rules;

const OFF: &[&str] = &["false"];
const FLANNEL: &str = "the pod network is flannel with VXLAN, and has nothing to set";
const ETCD: &str = "etcd runs as kubeadm sets it up, with kubeadm's own settings";
const DOCKER: &str = "the container runtime is containerd, not Docker";
const BACKUP: &str = "etcd is not backed up by Armilla yet";
const PACKAGES: &str = "Armilla installs no packages of the operating system";
const SCRIPTS: &str = "scripts are not run on hosts: do by hand what they do, before or afterwards";
const FLAGS: &str = "a site gives flags to the kubelet and the API server only";
const COMPONENTS: &str = "Armilla writes this component's configuration; a site gives flags to the kubelet and the API server only";
const STORAGE: &str = "volumes come from the local-path add-on, below dataRoot";
const IMAGES: &str = "images come from the bundle under their own names";

pub(crate) const RULES: Rules = &[
    ("metadata", No("a cluster's metadata but for its name has no place in a site")),
    ("metadata.name", Read),
    ("spec.hosts[].name", Read),
    ("spec.hosts[].address", Read),
    ("spec.hosts[].internalAddress", Read),
    ("spec.hosts[].port", Read),
    ("spec.hosts[].user", Read),
    ("spec.hosts[].password", Reference),
    ("spec.hosts[].privateKey", Reference),
    ("spec.hosts[].privateKeyPath", Read),
    // Armilla asks each host; KubeKey's default hides ARM hosts.
    ("spec.hosts[].arch", Anyway),
    ("spec.hosts[].timeout", No("time limits are Armilla's own; `slowness` makes them longer")),
    ("spec.hosts[].labels.*", Read),
    ("spec.roleGroups.etcd", Read),
    ("spec.roleGroups.control-plane", Read),
    ("spec.roleGroups.controlplane", Read),
    ("spec.roleGroups.master", Read),
    ("spec.roleGroups.worker", Read),
    (
        "spec.roleGroups.registry",
        No("Armilla installs no registry: images come from the bundle, which every node holds"),
    ),
    ("spec.roleGroups.*", No("a group that a site does not have: roles are control-plane and worker")),
    ("spec.controlPlaneEndpoint.domain", Read),
    ("spec.controlPlaneEndpoint.address", Read),
    ("spec.controlPlaneEndpoint.port", Read),
    ("spec.controlPlaneEndpoint.externalDNS", Read),
    // A balancer on every node is what the node service is.
    (
        "spec.controlPlaneEndpoint.internalLoadbalancer",
        Only(&["haproxy", "none"], "is no balancer that Armilla knows: each node has its own"),
    ),
    ("spec.controlPlaneEndpoint.kubevip", Whole("Armilla installs no kube-vip")),
    ("spec.system.ntpServers", Read),
    ("spec.system.timezone", No("the time zone of hosts is left as it is")),
    ("spec.system.rpms", No(PACKAGES)),
    ("spec.system.debs", No(PACKAGES)),
    ("spec.system.preInstall[]", Whole(SCRIPTS)),
    ("spec.system.postClusterInstall[]", Whole(SCRIPTS)),
    ("spec.system.postInstall[]", Whole(SCRIPTS)),
    (
        "spec.system.skipConfigureOS",
        Only(OFF, "`check --fix` shows what it would change on a host before it does"),
    ),
    ("spec.kubernetes.type", Only(&["kubernetes"], "Armilla installs upstream Kubernetes")),
    ("spec.kubernetes.version", Read),
    ("spec.kubernetes.imageRepo", No(IMAGES)),
    ("spec.kubernetes.clusterName", Only(&["cluster.local"], "the cluster is named after the site")),
    ("spec.kubernetes.dnsDomain", Read),
    ("spec.kubernetes.disableKubeProxy", Only(OFF, "kube-proxy is always installed")),
    ("spec.kubernetes.masqueradeAll", Only(OFF, COMPONENTS)),
    ("spec.kubernetes.maxPods", Read),
    ("spec.kubernetes.podPidsLimit", Read),
    ("spec.kubernetes.nodeCidrMaskSize", Only(&["24"], "every node has a /24 of the pod network")),
    ("spec.kubernetes.nodeCidrMaskSizeIPv6", No("sites are IPv4 for now")),
    ("spec.kubernetes.apiserverCertExtraSans", Read),
    ("spec.kubernetes.proxyMode", Read),
    ("spec.kubernetes.autoRenewCerts", Only(OFF, "Armilla installs no timer that renews certificates")),
    ("spec.kubernetes.nodelocaldns", Only(OFF, "there is no DNS cache on nodes: pods ask the cluster's DNS")),
    ("spec.kubernetes.containerManager", Only(&["containerd"], "the container runtime is containerd")),
    (
        "spec.kubernetes.containerRuntimeEndpoint",
        Only(
            &["unix:///run/containerd/containerd.sock", "/run/containerd/containerd.sock"],
            "the container runtime is Armilla's containerd",
        ),
    ),
    (
        "spec.kubernetes.nodeFeatureDiscovery",
        Whole("node feature discovery is no part of Armilla: it can come as an add-on bundle"),
    ),
    ("spec.kubernetes.kata", Whole("Kata Containers are no part of Armilla")),
    ("spec.kubernetes.apiserverArgs", Read),
    ("spec.kubernetes.controllerManagerArgs", No(FLAGS)),
    ("spec.kubernetes.schedulerArgs", No(FLAGS)),
    ("spec.kubernetes.kubeletArgs", Read),
    ("spec.kubernetes.kubeProxyArgs", No(FLAGS)),
    (
        "spec.kubernetes.featureGates",
        No(
            "feature gates are flags of each component: a site gives them to the kubelet and the API server only",
        ),
    ),
    (
        "spec.kubernetes.kubeletConfiguration",
        No("Armilla writes the kubelet's configuration: what has a flag can stand in kubelet.extraArgs"),
    ),
    ("spec.kubernetes.kubeProxyConfiguration", No(COMPONENTS)),
    ("spec.kubernetes.kubeProxyConfiguration.mode", Read),
    ("spec.kubernetes.audit", Whole("Armilla writes no audit policy")),
    ("spec.kubernetes.nvidiaRuntime", Only(OFF, "Armilla installs no runtime for GPUs")),
    ("spec.etcd.type", Only(&["kubeadm"], "etcd runs as a static pod on the control plane")),
    ("spec.etcd.external", Whole("etcd runs on the control plane; one of your own is not used")),
    ("spec.etcd.port", Only(&["2379"], ETCD)),
    ("spec.etcd.peerPort", Only(&["2380"], ETCD)),
    ("spec.etcd.backupDir", No(BACKUP)),
    ("spec.etcd.backupPeriod", No(BACKUP)),
    ("spec.etcd.keepBackupNumber", No(BACKUP)),
    ("spec.etcd.backupScript", No(BACKUP)),
    ("spec.etcd.dataDir", Only(&["/var/lib/etcd"], "etcd's data lies below dataRoot")),
    ("spec.etcd.heartbeatInterval", No(ETCD)),
    ("spec.etcd.electionTimeout", No(ETCD)),
    ("spec.etcd.snapshotCount", No(ETCD)),
    ("spec.etcd.autoCompactionRetention", No(ETCD)),
    ("spec.etcd.metrics", No(ETCD)),
    ("spec.etcd.quotaBackendBytes", No(ETCD)),
    ("spec.etcd.maxRequestBytes", No(ETCD)),
    ("spec.etcd.maxSnapshots", No(ETCD)),
    ("spec.etcd.maxWals", No(ETCD)),
    ("spec.etcd.logLevel", No(ETCD)),
    ("spec.etcd.extraArgs", No(ETCD)),
    ("spec.network.plugin", Only(&["flannel"], "the pod network is flannel with VXLAN")),
    ("spec.network.kubePodsCIDR", Read),
    ("spec.network.kubeServiceCIDR", Read),
    ("spec.network.calico", No(FLANNEL)),
    ("spec.network.cilium", No(FLANNEL)),
    ("spec.network.flannel.backendMode", Only(&["vxlan"], FLANNEL)),
    ("spec.network.flannel.directRouting", Only(OFF, FLANNEL)),
    ("spec.network.kubeovn", No(FLANNEL)),
    ("spec.network.hybridnet", No(FLANNEL)),
    ("spec.network.multusCNI", Whole("pods have one network: Multus is no part of Armilla")),
    ("spec.storage", No(STORAGE)),
    (
        "spec.registry.type",
        No("Armilla installs no registry: images come from the bundle, which every node holds"),
    ),
    ("spec.registry.privateRegistry", Read),
    ("spec.registry.namespaceOverride", No(IMAGES)),
    ("spec.registry.namespaceRewrite", Whole(IMAGES)),
    ("spec.registry.registryMirrors", Read),
    (
        "spec.registry.insecureRegistries",
        No("registries are reached with TLS only: give caFile where their certificate is your own"),
    ),
    ("spec.registry.auths.*.username", Read),
    ("spec.registry.auths.*.password", Reference),
    ("spec.registry.auths.*.certsPath", Read),
    (
        "spec.registry.auths.*.skipTLSVerify",
        Only(OFF, "certificates of registries are verified: give caFile"),
    ),
    ("spec.registry.auths.*.plainHTTP", Only(OFF, "registries are reached with TLS only")),
    ("spec.registry.remoteMirrors.*.endpoint", Read),
    ("spec.registry.remoteMirrors.*", No("only the endpoint of a mirror is taken over")),
    (
        "spec.registry.containerdDataDir",
        Only(
            &["/var/lib/containerd"],
            "containerd's data lies below dataRoot, with that of kubelet and etcd",
        ),
    ),
    ("spec.registry.dockerDataDir", No(DOCKER)),
    ("spec.registry.registryDataDir", No("Armilla installs no registry")),
    ("spec.registry.bridgeIP", No(DOCKER)),
    ("spec.addons[]", Whole("charts and manifests come as an add-on bundle: `armilla bundle build --name`")),
    (
        "spec.dns.dnsEtcHosts",
        No("the cluster's DNS has no entries of its own: say them in the servers of dns.upstreams"),
    ),
    ("spec.dns.nodeEtcHosts", No("/etc/hosts of nodes is left as it is")),
    ("spec.dns.coredns.upstreamDNSServers", Read),
    (
        "spec.dns.coredns",
        No("Armilla writes the configuration of the cluster's DNS: only its upstreams can be said"),
    ),
    ("spec.dns.nodelocaldns", Whole("there is no DNS cache on nodes: pods ask the cluster's DNS")),
    (
        "spec.kubesphere",
        Whole("KubeSphere is no part of Armilla: it can be installed on the cluster afterwards"),
    ),
    ("status", Whole("tells what the cluster was, not what it should be")),
];
