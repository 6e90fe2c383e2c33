//! KubeKey's `kind: Cluster`, apiVersion `kubekey.kubesphere.io/v1alpha1` and `v1alpha2` (KubeKey 1 to 3).

use installer_model::names::HostAddress;

use super::names::HostNames;
use super::v3_rules::RULES;
use super::{EndpointFields, LoginFields, credentials, endpoint, labels, login, time_servers};
use crate::ImportError;
use crate::common;
use crate::field::Field;
use crate::flags::{self, Component};
use crate::outcome::Why;
use crate::rules::Rules;
use crate::site_draft::{HostDraft, Noted, SiteDraft};
use crate::source::Document;

pub(crate) fn rules(document: &Document<'_>) -> Result<Rules, &'static str> {
    match (document.api_version, document.kind) {
        ("kubekey.kubesphere.io/v1alpha1" | "kubekey.kubesphere.io/v1alpha2", "Cluster") => Ok(RULES),
        ("kubekey.kubesphere.io/v1alpha1" | "kubekey.kubesphere.io/v1alpha2", "Manifest") => {
            Err("the recipe of a KubeKey artifact: bundles are built by `armilla bundle build`")
        }
        ("installer.kubesphere.io/v1alpha1", "ClusterConfiguration") => {
            Err("KubeSphere is no part of Armilla: it can be installed on the cluster afterwards")
        }
        _ => Err("a document that KubeKey does not read"),
    }
}

pub(crate) fn read(documents: &[Document<'_>]) -> Result<SiteDraft, ImportError> {
    let document = common::one(documents, "Cluster")?.expect("the format was recognised by it");
    let root = document.root();
    let spec = root.at("spec");
    let mut draft = SiteDraft { name: common::site_name(&root.at("metadata.name")), ..SiteDraft::default() };
    let items = spec.at("hosts").items();
    common::count_hosts(items.len())?;
    for (index, item) in items.iter().enumerate() {
        let host = host(index, item, &mut draft);
        draft.hosts.push(host);
    }
    groups(&spec.at("roleGroups"), &items, &mut draft);
    common::settle_roles(&mut draft, &items);
    let point = spec.at("controlPlaneEndpoint");
    let fields = EndpointFields {
        name: point.at("domain"),
        address: point.at("address"),
        port: point.at("port"),
        balancer: point.at("internalLoadbalancer"),
        external_dns: point.at("externalDNS"),
    };
    endpoint(&fields, &mut draft);
    network(&spec, &mut draft);
    kubernetes(&spec.at("kubernetes"), &mut draft);
    registry(&spec.at("registry"), &mut draft);
    let names = items.iter().map(|item| item.at("name").peek());
    time_servers(&spec.at("system.ntpServers"), names, &mut draft);
    common::settle_endpoint(&mut draft);
    Ok(draft)
}

/// If only one of address and internalAddress is written, KubeKey uses it for both.
fn host(index: usize, item: &Field<'_>, draft: &mut SiteDraft) -> HostDraft {
    let (address, internal) = (item.at("address"), item.at("internalAddress"));
    let mut host = HostDraft { name: item.at("name").parse(), ..HostDraft::default() };
    host.cluster_address = common::addresses(&internal);
    host.address =
        if address.is_there() { address.parse() } else { host.cluster_address.map(HostAddress::Ip) };
    let fields = LoginFields {
        user: item.at("user"),
        port: item.at("port"),
        password: item.at("password"),
        key: item.at("privateKey"),
        key_path: item.at("privateKeyPath"),
    };
    login(&fields, index, &mut host, draft);
    labels(&item.at("labels"), &mut host);
    host
}

/// `master` is the old word for `control-plane`; members of both count.
fn groups(groups: &Field<'_>, items: &[Field<'_>], draft: &mut SiteDraft) {
    let mut names = HostNames::new(items.iter().map(|item| item.at("name").peek()));
    let mut members = |group: &str| -> Vec<usize> {
        groups.at(group).items().iter().flat_map(|item| names.members(item)).collect()
    };
    for group in ["control-plane", "master", "controlplane"] {
        for index in members(group) {
            draft.hosts[index].control_plane = true;
        }
    }
    for index in members("worker") {
        draft.hosts[index].worker = true;
    }
    let etcd = members("etcd");
    if etcd.iter().any(|index| !draft.hosts[*index].control_plane) {
        groups.at("etcd").note(Why::NoPlace, "etcd runs on the control plane, and nowhere else");
    }
}

/// Networks that the file does not name are KubeKey's own.
fn network(spec: &Field<'_>, draft: &mut SiteDraft) {
    let network = spec.at("network");
    let or_default = |key: &str, default: &str| {
        let field = network.at(key);
        if field.is_there() {
            return common::cidr(&field).map(Noted::from);
        }
        let value = default.parse().expect("KubeKey's own networks are networks");
        Some(Noted { value, remark: Some("KubeKey's default") })
    };
    draft.pod_cidr = or_default("kubePodsCIDR", "10.233.64.0/18");
    draft.service_cidr = or_default("kubeServiceCIDR", "10.233.0.0/18");
    for item in spec.at("dns.coredns.upstreamDNSServers").items() {
        draft.dns_upstreams.extend(common::address(&item));
    }
}

fn kubernetes(field: &Field<'_>, draft: &mut SiteDraft) {
    draft.version = common::version(&field.at("version"));
    draft.cluster_domain = common::domain(&field.at("dnsDomain"));
    common::certificate_names(&field.at("apiserverCertExtraSans"), draft);
    flags::flag_list(Component::ApiServer, &field.at("apiserverArgs"), draft);
    for (key, name) in [("maxPods", "max-pods"), ("podPidsLimit", "pod-max-pids")] {
        let setting = field.at(key);
        // 110 is the kubelet's own default.
        if let Some(text) = setting.text().filter(|text| !(key == "maxPods" && *text == "110")) {
            flags::flag(Component::Kubelet, name, text, &setting, draft);
        }
    }
    flags::flag_list(Component::Kubelet, &field.at("kubeletArgs"), draft);
    for mode in [field.at("proxyMode"), field.at("kubeProxyConfiguration.mode")] {
        common::proxy_mode(&mode, draft);
    }
}

fn registry(field: &Field<'_>, draft: &mut SiteDraft) {
    let private = field.at("privateRegistry");
    if let Some(host) = private.text().and_then(|text| common::registry_host(&private, text)) {
        common::registry(draft, &host);
    }
    for mirror in field.at("registryMirrors").items() {
        common::mirror(&mirror, "docker.io", draft);
    }
    for (of, settings) in field.at("remoteMirrors").entries() {
        common::mirror(&settings.at("endpoint"), of, draft);
    }
    for (host, login) in field.at("auths").entries() {
        // KubeKey's folder of certificates is laid out as Docker's.
        let folder = login.at("certsPath").text();
        let ca_file = folder.map(|folder| format!("{}/ca.crt", folder.trim_end_matches('/')));
        match common::registry_host(&login, host) {
            Some(host) => credentials(host, ca_file, &login, draft),
            None => login.take(),
        }
    }
}
