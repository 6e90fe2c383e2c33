//! What becomes of kubeadm's fields that the reader does not take: <https://kubernetes.io/docs/reference/config-api/>,
//! kubeadm-config.v1beta3 and v1beta4, kubelet-config.v1beta1, kube-proxy-config.v1alpha1.

use crate::rules::Rule::{Anyway, No, Only, Read, Secret, Whole};
use crate::rules::Rules;

const OFF: &[&str] = &["false"];
const UNSET: &[&str] = &["0", "0s"];
const CONTAINERD: &[&str] = &[
    "unix:///run/containerd/containerd.sock",
    "unix:///var/run/containerd/containerd.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
];
const RUNTIME: &str = "the container runtime is Armilla's containerd";
const FLAGS: &str = "a site gives flags to the kubelet and the API server only";
const VOLUMES: &str = "components of the control plane have no volumes beside kubeadm's own";
const IMAGES: &str = "images come from the bundle under their own names";
const ETCD: &str = "etcd runs as kubeadm sets it up, with kubeadm's own settings";
const TOKENS: &str = "is not copied and not needed: Armilla lets its hosts join with tokens of its own";
const PHASES: &str = "Armilla runs kubeadm phase by phase, and all of them";
const PATCHES: &str = "manifests of the control plane are not patched";
const LIMITS: &str = "time limits are Armilla's own; `slowness` makes them longer";
const WAIVERS: &str = "checks are Armilla's own: `waivers` excuses one, with a reason";
const JOINING: &str = "Armilla finds and trusts the control plane over SSH";
const KUBELET_FILE: &str =
    "Armilla writes the kubelet's configuration: what has a flag can stand in kubelet.extraArgs";
const PROXY_FILE: &str = "Armilla writes kube-proxy's configuration: only its mode can be said";

pub(crate) const CLUSTER: Rules = &[
    ("clusterName", Read),
    ("kubernetesVersion", Read),
    ("controlPlaneEndpoint", Read),
    ("networking.podSubnet", Read),
    ("networking.serviceSubnet", Read),
    ("networking.dnsDomain", Read),
    ("apiServer.certSANs", Read),
    ("apiServer.extraArgs", Read),
    ("apiServer.extraArgs[].name", Read),
    ("apiServer.extraArgs[].value", Read),
    ("apiServer.extraArgs.*", Read),
    ("apiServer.extraVolumes[]", Whole(VOLUMES)),
    ("apiServer.extraEnvs[]", Whole("the API server's environment is kubeadm's own")),
    ("apiServer.timeoutForControlPlane", No(LIMITS)),
    ("controllerManager", No(FLAGS)),
    ("controllerManager.extraVolumes[]", Whole(VOLUMES)),
    ("scheduler", No(FLAGS)),
    ("scheduler.extraVolumes[]", Whole(VOLUMES)),
    ("etcd.local.dataDir", Only(&["/var/lib/etcd"], "etcd's data lies below dataRoot")),
    ("etcd.local.imageRepository", No(IMAGES)),
    ("etcd.local.imageTag", No(IMAGES)),
    ("etcd.local", No(ETCD)),
    ("etcd.external", Whole("etcd runs on the control plane; one of your own is not used")),
    ("dns.imageRepository", No(IMAGES)),
    ("dns.imageTag", No(IMAGES)),
    ("dns.type", Only(&["CoreDNS"], "the cluster's DNS is CoreDNS")),
    ("dns.disabled", Only(OFF, "the cluster's DNS is always installed")),
    ("proxy.disabled", Only(OFF, "kube-proxy is always installed")),
    ("certificatesDir", Only(&["/etc/kubernetes/pki"], "certificates lie in /etc/kubernetes/pki")),
    ("imageRepository", Only(&["registry.k8s.io", "k8s.gcr.io"], IMAGES)),
    ("featureGates", No("kubeadm's feature gates are as kubeadm has them")),
    ("encryptionAlgorithm", No("keys are as kubeadm makes them")),
    ("certificateValidityPeriod", No("certificates are valid for as long as kubeadm makes them")),
    ("caCertificateValidityPeriod", No("certificates are valid for as long as kubeadm makes them")),
];

const CERTIFICATE_KEY: &str = "is not copied and not needed: certificates go from host to host over SSH";

pub(crate) const INIT: Rules = &[
    ("bootstrapTokens[].token", Secret(TOKENS)),
    ("bootstrapTokens[]", No("Armilla lets its hosts join with tokens of its own")),
    ("certificateKey", Secret(CERTIFICATE_KEY)),
    ("localAPIEndpoint.advertiseAddress", Read),
    ("localAPIEndpoint.bindPort", Read),
    ("nodeRegistration.name", Read),
    ("nodeRegistration.criSocket", Only(CONTAINERD, RUNTIME)),
    ("nodeRegistration.taints[].key", Read),
    ("nodeRegistration.taints[].value", Read),
    ("nodeRegistration.taints[].effect", Read),
    ("nodeRegistration.taints[].timeAdded", Anyway),
    ("nodeRegistration.kubeletExtraArgs", Read),
    ("nodeRegistration.kubeletExtraArgs[].name", Read),
    ("nodeRegistration.kubeletExtraArgs[].value", Read),
    ("nodeRegistration.kubeletExtraArgs.*", Read),
    ("nodeRegistration.ignorePreflightErrors", No(WAIVERS)),
    // The images are on every node before anything starts.
    ("nodeRegistration.imagePullPolicy", Anyway),
    ("nodeRegistration.imagePullSerial", Anyway),
    ("skipPhases", No(PHASES)),
    ("patches", No(PATCHES)),
    ("timeouts", No(LIMITS)),
    ("dryRun", Only(OFF, "`armilla plan` shows what would be done")),
];

pub(crate) const JOIN: Rules = &[
    ("caCertPath", Only(&["/etc/kubernetes/pki/ca.crt"], JOINING)),
    ("discovery.bootstrapToken.token", Secret(TOKENS)),
    ("discovery.tlsBootstrapToken", Secret(TOKENS)),
    ("discovery", No(JOINING)),
    ("controlPlane", Read),
    ("controlPlane.certificateKey", Secret(CERTIFICATE_KEY)),
    ("controlPlane.localAPIEndpoint.advertiseAddress", Read),
    (
        "controlPlane.localAPIEndpoint.bindPort",
        Only(&["6443"], "the port of the first control plane counts for all"),
    ),
    ("nodeRegistration.name", Read),
    ("nodeRegistration.criSocket", Only(CONTAINERD, RUNTIME)),
    ("nodeRegistration.taints[].key", Read),
    ("nodeRegistration.taints[].value", Read),
    ("nodeRegistration.taints[].effect", Read),
    ("nodeRegistration.taints[].timeAdded", Anyway),
    ("nodeRegistration.kubeletExtraArgs", Read),
    ("nodeRegistration.kubeletExtraArgs[].name", Read),
    ("nodeRegistration.kubeletExtraArgs[].value", Read),
    ("nodeRegistration.kubeletExtraArgs.*", Read),
    ("nodeRegistration.ignorePreflightErrors", No(WAIVERS)),
    ("nodeRegistration.imagePullPolicy", Anyway),
    ("nodeRegistration.imagePullSerial", Anyway),
    ("skipPhases", No(PHASES)),
    ("patches", No(PATCHES)),
    ("timeouts", No(LIMITS)),
    ("dryRun", Only(OFF, "`armilla plan` shows what would be done")),
];

/// What `kubeadm config print` writes out unset is `0s` or what Armilla sets too.
pub(crate) const KUBELET: Rules = &[
    ("maxPods", Read),
    ("podPidsLimit", Read),
    ("clusterDomain", Read),
    ("clusterDNS", Only(&[], "the cluster's DNS is the tenth address of the Service network")),
    ("cgroupDriver", Only(&["systemd"], "the cgroup driver is systemd")),
    ("containerRuntimeEndpoint", Only(CONTAINERD, RUNTIME)),
    ("staticPodPath", Only(&["/etc/kubernetes/manifests"], KUBELET_FILE)),
    ("rotateCertificates", Only(&["true"], KUBELET_FILE)),
    ("failSwapOn", Only(&["true"], "hosts of a cluster have no swap: `check --fix` switches it off")),
    ("serializeImagePulls", Only(OFF, KUBELET_FILE)),
    ("healthzBindAddress", Only(&["127.0.0.1"], KUBELET_FILE)),
    ("healthzPort", Only(&["10248"], KUBELET_FILE)),
    ("authentication.anonymous.enabled", Only(OFF, KUBELET_FILE)),
    ("authentication.webhook.enabled", Only(&["true"], KUBELET_FILE)),
    ("authentication.webhook.cacheTTL", Only(UNSET, KUBELET_FILE)),
    ("authentication.x509.clientCAFile", Only(&["/etc/kubernetes/pki/ca.crt"], KUBELET_FILE)),
    ("authorization.mode", Only(&["Webhook"], KUBELET_FILE)),
    ("authorization.webhook.cacheAuthorizedTTL", Only(UNSET, KUBELET_FILE)),
    ("authorization.webhook.cacheUnauthorizedTTL", Only(UNSET, KUBELET_FILE)),
    ("cpuManagerReconcilePeriod", Only(UNSET, KUBELET_FILE)),
    ("evictionPressureTransitionPeriod", Only(UNSET, KUBELET_FILE)),
    ("fileCheckFrequency", Only(UNSET, KUBELET_FILE)),
    ("httpCheckFrequency", Only(UNSET, KUBELET_FILE)),
    ("imageMinimumGCAge", Only(UNSET, KUBELET_FILE)),
    ("imageMaximumGCAge", Only(UNSET, KUBELET_FILE)),
    ("nodeStatusReportFrequency", Only(UNSET, KUBELET_FILE)),
    ("nodeStatusUpdateFrequency", Only(UNSET, KUBELET_FILE)),
    ("runtimeRequestTimeout", Only(UNSET, KUBELET_FILE)),
    ("shutdownGracePeriod", Only(UNSET, KUBELET_FILE)),
    ("shutdownGracePeriodCriticalPods", Only(UNSET, KUBELET_FILE)),
    ("streamingConnectionIdleTimeout", Only(UNSET, KUBELET_FILE)),
    ("syncFrequency", Only(UNSET, KUBELET_FILE)),
    ("volumeStatsAggPeriod", Only(UNSET, KUBELET_FILE)),
    ("logging.flushFrequency", Only(UNSET, KUBELET_FILE)),
    ("logging.verbosity", Only(UNSET, KUBELET_FILE)),
    ("logging.options.json.infoBufferSize", Only(UNSET, KUBELET_FILE)),
    ("logging.options.text.infoBufferSize", Only(UNSET, KUBELET_FILE)),
    // There are a hundred more, and all of them end here.
    ("*", No(KUBELET_FILE)),
];

pub(crate) const KUBE_PROXY: Rules = &[
    ("mode", Read),
    ("bindAddress", Only(&["0.0.0.0"], PROXY_FILE)),
    ("bindAddressHardFail", Only(OFF, PROXY_FILE)),
    ("clientConnection.kubeconfig", Only(&["/var/lib/kube-proxy/kubeconfig.conf"], PROXY_FILE)),
    ("clientConnection.qps", Only(UNSET, PROXY_FILE)),
    ("clientConnection.burst", Only(UNSET, PROXY_FILE)),
    ("configSyncPeriod", Only(UNSET, PROXY_FILE)),
    ("enableProfiling", Only(OFF, PROXY_FILE)),
    ("iptables.masqueradeAll", Only(OFF, PROXY_FILE)),
    ("iptables.minSyncPeriod", Only(UNSET, PROXY_FILE)),
    ("iptables.syncPeriod", Only(UNSET, PROXY_FILE)),
    ("ipvs.minSyncPeriod", Only(UNSET, PROXY_FILE)),
    ("ipvs.strictARP", Only(OFF, PROXY_FILE)),
    ("ipvs.syncPeriod", Only(UNSET, PROXY_FILE)),
    ("ipvs.tcpFinTimeout", Only(UNSET, PROXY_FILE)),
    ("ipvs.tcpTimeout", Only(UNSET, PROXY_FILE)),
    ("ipvs.udpTimeout", Only(UNSET, PROXY_FILE)),
    ("nftables.masqueradeAll", Only(OFF, PROXY_FILE)),
    ("nftables.minSyncPeriod", Only(UNSET, PROXY_FILE)),
    ("nftables.syncPeriod", Only(UNSET, PROXY_FILE)),
    ("logging.flushFrequency", Only(UNSET, PROXY_FILE)),
    ("logging.verbosity", Only(UNSET, PROXY_FILE)),
    ("logging.options.json.infoBufferSize", Only(UNSET, PROXY_FILE)),
    ("logging.options.text.infoBufferSize", Only(UNSET, PROXY_FILE)),
    ("winkernel.enableDSR", Only(OFF, PROXY_FILE)),
    ("winkernel.forwardHealthCheckVip", Only(OFF, PROXY_FILE)),
    ("*", No(PROXY_FILE)),
];
