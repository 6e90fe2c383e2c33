//! kubeadm's files: `ClusterConfiguration` with `InitConfiguration`, `JoinConfiguration`, `KubeletConfiguration` and
//! `KubeProxyConfiguration`. They say nothing of SSH, and no more of hosts than those that init or join.

use std::net::IpAddr;

use installer_model::names::{Cidr, HostAddress};
use installer_model::site::{ApiEndpoint, Taint, TaintEffect};

use crate::ImportError;
use crate::common;
use crate::field::Field;
use crate::flags::{self, Component};
use crate::kubeadm_rules as tables;
use crate::outcome::Why;
use crate::rules::Rules;
use crate::site_draft::{HostDraft, SiteDraft};
use crate::source::Document;

/// The taint of control planes that run no ordinary pods.
const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane";

pub(crate) fn rules(document: &Document<'_>) -> Result<Rules, &'static str> {
    match (document.api_version, document.kind) {
        (_, "ClusterConfiguration") => Ok(tables::CLUSTER),
        (_, "InitConfiguration") => Ok(tables::INIT),
        (_, "JoinConfiguration") => Ok(tables::JOIN),
        ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration") => Ok(tables::KUBELET),
        ("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration") => Ok(tables::KUBE_PROXY),
        (_, "UpgradeConfiguration" | "ResetConfiguration") => Err(
            "is for an upgrade or reset by kubeadm: `armilla apply` and `armilla reset` need no such settings",
        ),
        _ => Err("a document that kubeadm does not read"),
    }
}

pub(crate) fn read(documents: &[Document<'_>]) -> Result<SiteDraft, ImportError> {
    let mut draft = SiteDraft::default();
    let mut places = Vec::new();
    if let Some(cluster) = common::one(documents, "ClusterConfiguration")? {
        read_cluster(&cluster.root(), &mut draft);
    }
    if let Some(init) = common::one(documents, "InitConfiguration")? {
        let root = init.root();
        let point = root.at("localAPIEndpoint");
        draft.api_port = point.at("bindPort").port().filter(|port| *port != 6443);
        let host = node(&root.at("nodeRegistration"), Some(&point), &mut draft);
        draft.hosts.push(host);
        places.push(root);
    }
    for join in documents.iter().filter(|document| document.kind == "JoinConfiguration") {
        let root = join.root();
        let point = root.at("controlPlane.localAPIEndpoint");
        let control_plane = root.at("controlPlane").node().is_some().then_some(&point);
        let host = node(&root.at("nodeRegistration"), control_plane, &mut draft);
        draft.hosts.push(host);
        places.push(root);
    }
    common::count_hosts(draft.hosts.len())?;
    for kubelet in documents.iter().filter(|document| document.kind == "KubeletConfiguration") {
        read_kubelet(&kubelet.root(), &mut draft);
    }
    for proxy in documents.iter().filter(|document| document.kind == "KubeProxyConfiguration") {
        common::proxy_mode(&proxy.root().at("mode"), &mut draft);
    }
    common::settle_roles(&mut draft, &places);
    if let (Some(endpoint), Some(port)) = (&mut draft.api_endpoint, draft.api_port)
        && endpoint.port == 0
    {
        endpoint.port = port;
    }
    if let Some(endpoint) = draft.api_endpoint.as_mut().filter(|endpoint| endpoint.port == 0) {
        endpoint.port = 6443;
    }
    common::settle_endpoint(&mut draft);
    Ok(draft)
}

fn read_cluster(root: &Field<'_>, draft: &mut SiteDraft) {
    // Without a name it is kubeadm's default.
    draft.name = common::site_name(&root.at("clusterName")).or_else(|| "kubernetes".parse().ok());
    draft.version = common::version(&root.at("kubernetesVersion"));
    draft.pod_cidr = common::cidr(&root.at("networking.podSubnet")).map(Into::into);
    draft.service_cidr = common::cidr(&root.at("networking.serviceSubnet")).map(Into::into);
    draft.cluster_domain = common::domain(&root.at("networking.dnsDomain"));
    if let Some((host, port)) = common::endpoint(&root.at("controlPlaneEndpoint")) {
        // Without a port it is that of the API server, which another document says.
        draft.api_endpoint = Some(ApiEndpoint { host, port: port.unwrap_or(0) });
    }
    common::certificate_names(&root.at("apiServer.certSANs"), draft);
    flags::flag_map(Component::ApiServer, &root.at("apiServer.extraArgs"), draft);
}

/// A host from its registration as a node; a control plane has a place for its API server too.
fn node(field: &Field<'_>, api_server: Option<&Field<'_>>, draft: &mut SiteDraft) -> HostDraft {
    let mut host = HostDraft { name: field.at("name").parse(), ..HostDraft::default() };
    host.control_plane = api_server.is_some();
    let advertised = api_server.and_then(|point| common::addresses(&point.at("advertiseAddress")));
    for (name, value, flag) in flags::flags_of(&field.at("kubeletExtraArgs")) {
        kubelet_flag(name, value, &flag, &mut host, draft);
    }
    host.cluster_address = advertised.or(host.cluster_address);
    if let Some(inside) = host.cluster_address {
        host.address = Some(HostAddress::Ip(inside));
        host.remarks.push("Taken for its SSH address too, which kubeadm does not know.".to_owned());
    }
    taints(&field.at("taints"), &mut host);
    host
}

/// Flags of one node; what a site says of a host goes there, the rest to the kubelets of all hosts.
fn kubelet_flag(name: &str, value: &str, field: &Field<'_>, host: &mut HostDraft, draft: &mut SiteDraft) {
    match name {
        "node-ip" => {
            let mut ips = value.split(',').filter_map(|part| part.trim().parse::<IpAddr>().ok());
            host.cluster_address = ips.find(IpAddr::is_ipv4);
            if host.cluster_address.is_none() {
                field.note(Why::Invalid, "has no IPv4 address: sites are IPv4 for now");
            }
        }
        "node-labels" => {
            for label in value.split(',').filter(|label| !label.is_empty()) {
                let (key, value) = label.split_once('=').unwrap_or((label, ""));
                match (key.parse(), value.parse()) {
                    (Ok(key), Ok(value)) => drop(host.labels.insert(key, value)),
                    _ => field.note(Why::Invalid, "holds what is no label"),
                }
            }
        }
        _ => {
            let known = draft.kubelet_args.len();
            flags::flag(Component::Kubelet, name, value, field, draft);
            if draft.kubelet_args.len() > known {
                field.note(
                    Why::NoPlace,
                    "is a flag of this node only: the draft gives it to the kubelets of all hosts",
                );
            }
        }
    }
}

/// No list means kubeadm's own taint on control planes; an empty list means none, so that ordinary pods run there.
fn taints(list: &Field<'_>, host: &mut HostDraft) {
    let written = list.node().filter(|node| !node.is_null()).is_some();
    let mut reserved = !written;
    for item in list.items() {
        let (key, value, effect) = (item.at("key"), item.at("value"), item.at("effect"));
        if key.is(CONTROL_PLANE_TAINT) && host.control_plane {
            reserved = true;
            item.take();
            continue;
        }
        let value = if value.is_there() { value.parse() } else { "".parse().ok() };
        let effect = effect.read(|text| match text {
            "NoSchedule" => Ok(TaintEffect::NoSchedule),
            "PreferNoSchedule" => Ok(TaintEffect::PreferNoSchedule),
            "NoExecute" => Ok(TaintEffect::NoExecute),
            _ => Err("is not one of NoSchedule, PreferNoSchedule, NoExecute".to_owned()),
        });
        if let (Some(key), Some(value), Some(effect)) = (key.parse(), value, effect) {
            host.taints.push(Taint { key, value, effect });
        }
    }
    host.worker = !host.control_plane || !reserved;
}

fn read_kubelet(root: &Field<'_>, draft: &mut SiteDraft) {
    for (key, name) in [("maxPods", "max-pods"), ("podPidsLimit", "pod-max-pids")] {
        let setting = root.at(key);
        // 0 and the kubelet's own default say nothing.
        if let Some(text) =
            setting.text().filter(|text| !matches!((key, *text), (_, "0" | "-1") | ("maxPods", "110")))
        {
            flags::flag(Component::Kubelet, name, text, &setting, draft);
        }
    }
    let domain = root.at("clusterDomain");
    if let Some(found) = common::domain(&domain) {
        match &draft.cluster_domain {
            Some(known) if *known != found => {
                domain.note(Why::NoPlace, "differs from networking.dnsDomain, which counts")
            }
            _ => draft.cluster_domain = Some(found),
        }
    }
    let services = draft.service_cidr.as_ref().map(|cidr| cidr.value);
    let services = services.or_else(|| "10.96.0.0/12".parse::<Cidr>().ok());
    let dns = services.and_then(|cidr| cidr.nth(10)).map(|ip| ip.to_string());
    for item in root.at("clusterDNS").items() {
        if item.peek() == dns.as_deref() {
            item.take();
        }
    }
}
