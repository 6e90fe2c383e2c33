//! kubeadm's configuration, API `kubeadm.k8s.io/v1beta4`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::paths::{ARMILLA_ETC, BALANCER, CONTAINERD_SOCKET, DataFolders};
use crate::yaml;

/// The API server's own default, which needs no argument.
const DEFAULT_NODE_PORTS: &str = "30000-32767";

/// `/etc/armilla/kubeadm/…`: configuration that kubeadm reads.
pub fn path(file: &str) -> String {
    format!("{ARMILLA_ETC}/kubeadm/{file}")
}

/// What all hosts of a cluster share.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub name: String,
    /// With a leading `v`.
    pub kubernetes: String,
    pub etcd_tag: String,
    pub pod_cidr: String,
    pub service_cidr: String,
    pub dns_domain: String,
    /// The tenth address of the Service network.
    pub dns_address: String,
    /// That every API server listens on.
    pub api_port: u16,
    /// Further names and addresses in the API server's certificate.
    pub api_names: Vec<String>,
    pub api_args: BTreeMap<String, String>,
    /// `first-last`.
    pub node_port_range: String,
    pub proxy_mode: String,
    /// kube-proxy cannot set conntrack limits on some host.
    pub conntrack_unsettable: bool,
    /// `oom_score_adj` cannot be lowered on some host.
    pub oom_score_fixed: bool,
    /// Some host has cgroup v1; the kubelet since 1.35 refuses it otherwise.
    pub accept_cgroup_v1: bool,
    /// How many times as long as usual kubeadm and the kubelet wait for what starts; 1 on ordinary hosts.
    pub slowness: u32,
    pub data: DataFolders,
}

/// What one host adds.
#[derive(Debug, Clone)]
pub struct Member {
    pub node: String,
    pub address: String,
    pub kubelet_args: BTreeMap<String, String>,
}

/// The file for `kubeadm init phase … --config`.
pub fn init(cluster: &Cluster, member: &Member) -> String {
    let mut init = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "localAPIEndpoint": { "advertiseAddress": member.address, "bindPort": cluster.api_port },
        "nodeRegistration": registration(cluster, member),
    });
    add_timeouts(&mut init, cluster.slowness);
    yaml::documents(&[init, cluster_configuration(cluster), kubelet(cluster), proxy(cluster)])
}

/// The file for `kubeadm join phase … --config`. The discovery file that it names holds the token; it is written for
/// the join and removed after it.
pub fn join(cluster: &Cluster, member: &Member) -> String {
    let mut join = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "JoinConfiguration",
        "discovery": { "file": { "kubeConfigPath": path("discovery.conf") } },
        "nodeRegistration": registration(cluster, member),
    });
    add_timeouts(&mut join, cluster.slowness);
    yaml::document(&join)
}

/// kubeadm's own defaults (`timeouts` of v1beta4), each that many times as long. The first one is also how long a static
/// pod's startup probe lets it start before the kubelet kills it.
fn add_timeouts(configuration: &mut Value, slowness: u32) {
    if slowness == 1 {
        return;
    }
    let minutes = |usual: u32| format!("{}m0s", usual * slowness);
    configuration["timeouts"] = json!({
        "controlPlaneComponentHealthCheck": minutes(4),
        "kubeletHealthCheck": minutes(4),
        "kubernetesAPICall": minutes(1),
        "discovery": minutes(5),
        "tlsBootstrap": minutes(5),
    });
}

/// The kubeconfig that a joining host discovers the cluster by.
pub fn discovery(ca_pem_base64: &str, token: &str) -> String {
    yaml::document(&json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "site", "cluster": {
            "server": format!("https://{BALANCER}"), "certificate-authority-data": ca_pem_base64,
        }}],
        "contexts": [{ "name": "join", "context": { "cluster": "site", "user": "join" } }],
        "current-context": "join",
        "users": [{ "name": "join", "user": { "token": token } }],
    }))
}

fn registration(cluster: &Cluster, member: &Member) -> Value {
    let mut args = vec![json!({ "name": "node-ip", "value": member.address })];
    if cluster.data.kubelet != crate::paths::KUBELET_ETC {
        args.push(json!({ "name": "root-dir", "value": cluster.data.kubelet }));
    }
    args.extend(member.kubelet_args.iter().map(|(name, value)| json!({ "name": name, "value": value })));
    json!({
        "name": member.node,
        "criSocket": format!("unix://{CONTAINERD_SOCKET}"),
        "imagePullPolicy": "IfNotPresent",
        "taints": [],
        "kubeletExtraArgs": args,
    })
}

fn cluster_configuration(cluster: &Cluster) -> Value {
    let mut api_args: Vec<Value> =
        cluster.api_args.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    if cluster.node_port_range != DEFAULT_NODE_PORTS {
        api_args.push(json!({ "name": "service-node-port-range", "value": cluster.node_port_range }));
    }
    json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        "kubernetesVersion": cluster.kubernetes,
        "controlPlaneEndpoint": BALANCER,
        "imageRepository": "registry.k8s.io",
        "apiServer": { "certSANs": cluster.api_names, "extraArgs": api_args },
        "etcd": { "local": { "dataDir": cluster.data.etcd, "imageTag": cluster.etcd_tag } },
        "dns": { "disabled": true },
        "networking": {
            "podSubnet": cluster.pod_cidr,
            "serviceSubnet": cluster.service_cidr,
            "dnsDomain": cluster.dns_domain,
        },
    })
}

fn kubelet(cluster: &Cluster) -> Value {
    let mut value = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "clusterDNS": [cluster.dns_address],
        "clusterDomain": cluster.dns_domain,
        "failSwapOn": true,
        "rotateCertificates": true,
        "serializeImagePulls": false,
    });
    if cluster.accept_cgroup_v1 {
        value["failCgroupV1"] = json!(false);
    }
    if cluster.oom_score_fixed {
        value["oomScoreAdj"] = json!(0);
    }
    value
}

fn proxy(cluster: &Cluster) -> Value {
    let mut value = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": cluster.proxy_mode,
        "clusterCIDR": cluster.pod_cidr,
    });
    if cluster.oom_score_fixed {
        value["oomScoreAdj"] = json!(0);
    }
    if cluster.conntrack_unsettable {
        value["conntrack"] = json!({ "maxPerCore": 0, "min": 0 });
    }
    value
}
