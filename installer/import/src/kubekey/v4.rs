//! KubeKey 4: an `Inventory` of hosts and groups, and a `Config`. The same words as in version 3 mean other things here.

use std::collections::{HashMap, HashSet};

use installer_model::names::HostAddress;

use super::{EndpointFields, LoginFields, credentials, endpoint, labels, login, time_servers, v4_rules};
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
        ("kubekey.kubesphere.io/v1", "Inventory") => Ok(v4_rules::INVENTORY),
        ("kubekey.kubesphere.io/v1", "Config") => Ok(v4_rules::CONFIG),
        _ => Err("a document that says nothing of hosts or of the cluster"),
    }
}

pub(crate) fn read(documents: &[Document<'_>]) -> Result<SiteDraft, ImportError> {
    let mut draft = SiteDraft::default();
    let inventory = common::one(documents, "Inventory")?;
    let config = common::one(documents, "Config")?;
    let cluster_name =
        config.and_then(|config| common::site_name(&config.root().at("spec.kubernetes.cluster_name")));
    let mut names = Vec::new();
    if let Some(inventory) = inventory {
        let root = inventory.root();
        draft.name = common::site_name(&root.at("metadata.name"));
        let hosts = root.at("spec.hosts").entries();
        common::count_hosts(hosts.len())?;
        for (index, (name, field)) in hosts.iter().enumerate() {
            let host = host(index, name, field, &mut draft);
            draft.hosts.push(host);
            names.push(*name);
        }
        groups(&root.at("spec.groups"), &names, &mut draft);
        let places: Vec<Field<'_>> = hosts.into_iter().map(|(_, field)| field).collect();
        common::settle_roles(&mut draft, &places);
    }
    draft.name = cluster_name.or(draft.name);
    let spec = config.map(|config| config.root().at("spec"));
    let nothing = || inventory.map(|inventory| inventory.root().none());
    let spec = spec.or_else(nothing).expect("the format was recognised by one of the two");
    cluster(&spec, &names, &mut draft);
    common::settle_endpoint(&mut draft);
    Ok(draft)
}

/// Without `connector.host` KubeKey goes to the host by its name in the inventory.
fn host(index: usize, name: &str, field: &Field<'_>, draft: &mut SiteDraft) -> HostDraft {
    let mut host = HostDraft::default();
    match name.parse() {
        Ok(name) => host.name = Some(name),
        Err(error) => field.note(Why::Invalid, format!("{error}")),
    }
    let connector = field.at("connector");
    let kind = connector.at("type");
    let local = name == "localhost" && !connector.at("host").is_there();
    if local || kind.peek().is_some_and(|kind| kind != "ssh") {
        host.left_out = Some("not reached over SSH");
        field.note(Why::NoPlace, "is not reached over SSH: left out of the draft");
    }
    kind.take();
    host.cluster_address = common::addresses(&field.at("internal_ipv4"));
    host.address = match connector.at("host") {
        written if written.is_there() => written.parse(),
        _ => host.cluster_address.map(HostAddress::Ip).or_else(|| name.parse().ok()),
    };
    let fields = LoginFields {
        user: connector.at("user"),
        port: connector.at("port"),
        password: connector.at("password"),
        key: connector.at("private_key_content"),
        key_path: connector.at("private_key"),
    };
    login(&fields, index, &mut host, draft);
    labels(&field.at("labels"), &mut host);
    host
}

/// A group has hosts of its own and those of other groups.
fn groups(groups: &Field<'_>, names: &[&str], draft: &mut SiteDraft) {
    let known: HashMap<&str, usize> = names.iter().enumerate().map(|(index, name)| (*name, index)).collect();
    let members = |group: &str| {
        let (mut found, mut seen) = (HashSet::new(), HashSet::new());
        collect(groups, group, &known, &mut found, &mut seen);
        found
    };
    for index in members("kube_control_plane") {
        draft.hosts[index].control_plane = true;
    }
    for index in members("kube_worker") {
        draft.hosts[index].worker = true;
    }
    if members("etcd").iter().any(|index| !draft.hosts[*index].control_plane) {
        groups.at("etcd").note(Why::NoPlace, "etcd runs on the control plane, and nowhere else");
    }
    // The two groups together, which is what every host of a site belongs to.
    members("k8s_cluster");
}

fn collect<'d>(
    groups: &Field<'d>,
    group: &str,
    known: &HashMap<&str, usize>,
    found: &mut HashSet<usize>,
    seen: &mut HashSet<String>,
) {
    let mut open = vec![group.to_owned()];
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let field = groups.at_key(&name);
        for item in field.at("hosts").items() {
            let once = !item.is_taken();
            match item.text().and_then(|text| known.get(text)) {
                Some(index) => drop(found.insert(*index)),
                None if once && item.is_there() => item.note(Why::Invalid, "names no host of the inventory"),
                None => {}
            }
        }
        for item in field.at("groups").items() {
            let once = !item.is_taken();
            match item.text() {
                Some(name) if groups.at_key(name).node().is_some() => open.push(name.to_owned()),
                Some(_) if once => item.note(Why::Invalid, "names no group of the inventory"),
                Some(_) | None => {}
            }
        }
    }
}

fn cluster(spec: &Field<'_>, names: &[&str], draft: &mut SiteDraft) {
    let kubernetes = spec.at("kubernetes");
    draft.version = common::version(&kubernetes.at("kube_version"));
    let point = kubernetes.at("control_plane_endpoint");
    let balancer = point.at("type");
    let address = match balancer.peek() {
        None | Some("local") => point.at("local.address"),
        Some("haproxy") => point.none(),
        Some(_) => point.at("kube_vip.address"),
    };
    let fields = EndpointFields {
        name: point.at("host"),
        address,
        port: point.at("port"),
        balancer,
        external_dns: point.none(),
    };
    endpoint(&fields, draft);
    draft.api_port = kubernetes.at("apiserver.port").port().filter(|port| *port != 6443).or(draft.api_port);
    common::certificate_names(&kubernetes.at("apiserver.certSANs"), draft);
    flags::flag_map(Component::ApiServer, &kubernetes.at("apiserver.extra_args"), draft);
    for (key, name) in [("max_pods", "max-pods"), ("pod_pids_limit", "pod-max-pids")] {
        let setting = kubernetes.at("kubelet").at(key);
        if let Some(text) = setting.text().filter(|text| !(key == "max_pods" && *text == "110")) {
            flags::flag(Component::Kubelet, name, text, &setting, draft);
        }
    }
    flags::flag_map(Component::Kubelet, &kubernetes.at("kubelet.extra_args"), draft);
    common::proxy_mode(&kubernetes.at("kube_proxy.mode"), draft);
    network(spec, draft);
    draft.cluster_domain = common::domain(&spec.at("dns.domain"));
    time_servers(&spec.at("native.ntp.servers"), names.iter().map(|name| Some(*name)), draft);
    draft.local_path = spec.at("storage_class.local.enabled").truth();
    registries(spec, draft);
}

/// Networks that the files do not name are KubeKey's own.
fn network(spec: &Field<'_>, draft: &mut SiteDraft) {
    let or_default = |key: &str, default: &str| {
        let field = spec.at("cni").at(key);
        if field.is_there() {
            return common::cidr(&field).map(Noted::from);
        }
        let value = default.parse().expect("KubeKey's own networks are networks");
        Some(Noted { value, remark: Some("KubeKey's default") })
    };
    draft.pod_cidr = or_default("pod_cidr", "10.233.64.0/18");
    draft.service_cidr = or_default("service_cidr", "10.233.0.0/18");
}

fn registries(spec: &Field<'_>, draft: &mut SiteDraft) {
    let cri = spec.at("cri.registry");
    for mirror in cri.at("mirrors").items() {
        common::mirror(&mirror, "docker.io", draft);
    }
    let auths = cri.at("auths").items();
    for login in auths.iter().chain([&spec.at("image_registry.auth")]) {
        let field = [login.at("registry"), login.at("repo")].into_iter().find(Field::is_there);
        let Some(field) = field else { continue };
        let Some(host) = field.text().and_then(|text| common::registry_host(&field, text)) else { continue };
        let ca_file = [login.at("ca_file"), login.at("ca_cert")].into_iter().find_map(|file| file.text());
        credentials(host, ca_file.map(str::to_owned), login, draft);
    }
}
