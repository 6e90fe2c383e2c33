//! k0sctl's `kind: Cluster` with the configuration of k0s, inside it or as a document of its own.
//!
//! k0s lays out its data otherwise than kubeadm, so only hosts, roles, logins and settings come over, for a new cluster.

use installer_model::names::HostAddress;
use installer_model::site::ApiEndpoint;

use crate::ImportError;
use crate::common;
use crate::field::Field;
use crate::flags::{self, Component};
use crate::k0sctl_rules as tables;
use crate::outcome::Why;
use crate::rules::Rules;
use crate::site_draft::{HopDraft, HostDraft, LoginDraft, SiteDraft};
use crate::source::Document;

pub(crate) fn rules(document: &Document<'_>) -> Result<Rules, &'static str> {
    match document.api_version {
        "k0sctl.k0sproject.io/v1beta1" => Ok(tables::CLUSTER),
        "k0s.k0sproject.io/v1beta1" => Ok(tables::K0S),
        _ => Err("a document that k0sctl does not read"),
    }
}

pub(crate) fn read(documents: &[Document<'_>]) -> Result<SiteDraft, ImportError> {
    let mut clusters = documents.iter().filter(|document| document.api_version.starts_with("k0sctl."));
    let document = clusters.next().expect("the format was recognised by it");
    if let Some(second) = clusters.next() {
        return Err(ImportError::Twice { what: "Cluster", first: document.line(), second: second.line() });
    }
    let root = document.root();
    let spec = root.at("spec");
    // Without a name it is k0sctl's default.
    let name = common::site_name(&root.at("metadata.name")).or_else(|| "k0s-cluster".parse().ok());
    let mut draft = SiteDraft { name, ..SiteDraft::default() };
    let items = spec.at("hosts").items();
    common::count_hosts(items.len())?;
    for (index, item) in items.iter().enumerate() {
        draft.hosts.push(host(index, item));
    }
    common::settle_roles(&mut draft, &items);
    draft.version = common::version(&spec.at("k0s.version"));
    k0s(&spec.at("k0s.config.spec"), &mut draft);
    for config in documents.iter().filter(|document| document.api_version.starts_with("k0s.")) {
        k0s(&config.root().at("spec"), &mut draft);
    }
    common::settle_endpoint(&mut draft);
    Ok(draft)
}

fn host(index: usize, item: &Field<'_>) -> HostDraft {
    let mut host = HostDraft::default();
    let hostname = item.at("hostname");
    if hostname.is_there() {
        host.name = hostname.parse();
    } else {
        host.name = format!("node-{}", index + 1).parse().ok();
        host.remarks.push("The imported file leaves the name to the host.".to_owned());
    }
    match item.at("role").text() {
        Some("controller") => host.control_plane = true,
        Some("single") => (host.control_plane, host.worker) = (true, true),
        // k0s taints such a host unless it is told not to.
        Some("controller+worker") => {
            host.control_plane = true;
            host.worker = item.at("noTaints").truth().unwrap_or(false);
        }
        Some("worker") => host.worker = true,
        Some(_) => {
            item.at("role").note(Why::Invalid, "is not controller, controller+worker, single or worker")
        }
        None => {}
    }
    // Of use with that role alone, and refused by k0sctl elsewhere.
    item.at("noTaints").truth();
    let ways = [item.at("ssh"), item.at("openSSH")];
    match ways.iter().find(|way| way.is_there()) {
        Some(way) => {
            host.address = way.at("address").parse();
            host.login = login(way);
            host.jump = jump(&way.at("bastion"));
        }
        None => {
            host.left_out = Some("not reached over SSH");
            item.note(Why::NoPlace, "is not reached over SSH: left out of the draft");
        }
    }
    host.cluster_address = common::addresses(&item.at("privateAddress"));
    host
}

fn login(way: &Field<'_>) -> LoginDraft {
    LoginDraft {
        user: way.at("user").parse(),
        port: way.at("port").port().filter(|port| *port != 22),
        key_file: way.at("keyPath").text().map(str::to_owned),
        ..LoginDraft::default()
    }
}

/// A bastion may have a bastion of its own, which is the hop before it.
fn jump(bastion: &Field<'_>) -> Vec<HopDraft> {
    let mut hops = Vec::new();
    let mut next = bastion.clone();
    while next.is_there() {
        let address: Option<HostAddress> = next.at("address").parse();
        let mut login = login(&next);
        // A hop without a user would take the one that the site says for all.
        login.user = login.user.or_else(|| "root".parse().ok());
        next.at("options").no(tables::SSH_OPTIONS);
        hops.extend(address.map(|address| HopDraft { address, login }));
        next = next.at("bastion");
    }
    hops.reverse();
    hops
}

fn k0s(spec: &Field<'_>, draft: &mut SiteDraft) {
    let (api, network) = (spec.at("api"), spec.at("network"));
    draft.api_port = api.at("port").port().filter(|port| *port != 6443).or(draft.api_port);
    common::certificate_names(&api.at("sans"), draft);
    flags::flag_map(Component::ApiServer, &api.at("extraArgs"), draft);
    if let Some((host, port)) = common::endpoint(&api.at("externalAddress")) {
        draft.api_endpoint = Some(ApiEndpoint { host, port: port.or(draft.api_port).unwrap_or(6443) });
    }
    if let Some(address) = api.at("address").parse::<HostAddress>()
        && !draft.hosts.iter().any(|host| host.address.as_ref() == Some(&address))
    {
        common::add_certificate_name(address, draft);
    }
    if let Some(cidr) = common::cidr(&network.at("podCIDR")) {
        draft.pod_cidr = Some(cidr.into());
    }
    if let Some(cidr) = common::cidr(&network.at("serviceCIDR")) {
        draft.service_cidr = Some(cidr.into());
    }
    draft.cluster_domain =
        common::domain(&network.at("clusterDomain")).or_else(|| draft.cluster_domain.take());
    common::proxy_mode(&network.at("kubeProxy.mode"), draft);
}
