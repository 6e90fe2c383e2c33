//! From the file as written to a [`Site`]: each value by itself, then how they fit together.

mod fit;
mod host;
mod scalar;

use std::collections::BTreeMap;

use super::reader::{Errors, Located, Text};
use super::shape::{AddonsFile, ApiFile, BundleFile, NetworkFile, RegistryFile, SiteFile, WaiverFile};
use crate::names::{Cidr, DnsName, FlagName};
use crate::site::{
    Addons, Api, ApiEndpoint, BundleChoice, KubeProxyChoice, Network, PortRange, Registry,
    RegistryCredentials, Site, Slowness,
};
use crate::waiver::Waiver;
use scalar::Checker;

/// `None` when something that the Site cannot be without is missing or wrong; then an error was noted. The caller
/// takes the Site only when no error at all was noted.
pub(super) fn validate(file: &SiteFile, errors: &mut Errors) -> Option<Site> {
    let mut check = Checker { errors };
    header(file, &mut check);
    let name = match &file.metadata {
        Some(metadata) => check.required(&metadata.value.name, &metadata.place, "name"),
        None => check.missing(&file.place, "metadata.name"),
    };
    let hosts = host::hosts(file, &mut check);
    let network = network(&file.network, &mut check);
    let api = api(&file.api, &mut check);
    let data_root = check.optional(&file.data_root);
    let bundle = file.bundle.as_ref().and_then(|bundle| bundle_choice(bundle, &mut check));
    fit::fit(&network, api.port, file, &mut check);
    Some(Site {
        dns_upstreams: check.each_with(&file.dns, scalar::ip),
        time_servers: check.each(&file.time),
        data_root: data_root.unwrap_or_else(|| known("/var/lib")),
        registries: file.registries.iter().filter_map(|located| registry(located, &mut check)).collect(),
        kubelet_extra_args: extra_args(&file.kubelet, KUBELET_FLAGS, &mut check),
        api_server_extra_args: extra_args(&file.api_server, API_SERVER_FLAGS, &mut check),
        kube_proxy_mode: kube_proxy_mode(&file.kube_proxy_mode, &mut check),
        slowness: check.with(&file.slowness, slowness).unwrap_or_default(),
        kubernetes_version: check.optional(&file.kubernetes_version),
        bundle,
        addons: addons(&file.addons, &mut check),
        waivers: file.waivers.iter().filter_map(|located| waiver(located, file, &mut check)).collect(),
        // Last, so that every check above has run.
        name: name?,
        hosts,
        network,
        api,
    })
}

/// Parses a default that this file itself wrote.
fn known<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().expect("the defaults in this file are valid")
}

fn header(file: &SiteFile, check: &mut Checker<'_>) {
    for (field, key, wanted) in
        [(&file.api_version, "apiVersion", "armilla/v1"), (&file.kind, "kind", "Site")]
    {
        match field {
            Some(found) if found.value.text == wanted => {}
            Some(found) => {
                check.note(&found.place, format!("{:?} is not known here: {wanted}", found.value.text))
            }
            None => check.note(&file.place, format!("{key} is missing: write `{key}: {wanted}`")),
        }
    }
}

fn network(file: &NetworkFile, check: &mut Checker<'_>) -> Network {
    let pod_cidr: Option<Cidr> = check.optional(&file.pod_cidr);
    let service_cidr: Option<Cidr> = check.optional(&file.service_cidr);
    let cluster_domain: Option<DnsName> = check.optional(&file.cluster_domain);
    Network {
        pod_cidr: pod_cidr.unwrap_or_else(|| known("10.244.0.0/16")),
        service_cidr: service_cidr.unwrap_or_else(|| known("10.96.0.0/12")),
        cluster_domain: cluster_domain.unwrap_or_else(|| known("cluster.local")),
        node_ports: check
            .with(&file.node_ports, port_range)
            .unwrap_or(PortRange { first: 30000, last: 32767 }),
    }
}

fn port_range(text: &Text) -> Result<PortRange, String> {
    let bad = || format!("{:?} is not a range of ports (FIRST-LAST, such as 30000-32767)", text.text);
    let (first, last) = text.text.split_once('-').ok_or_else(bad)?;
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad);
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(bad());
    }
    Ok(PortRange { first, last })
}

fn api(file: &ApiFile, check: &mut Checker<'_>) -> Api {
    let port = check.with(&file.port, scalar::port).unwrap_or(6443);
    Api {
        port,
        names: check.each(&file.names),
        addresses: check.each_with(&file.addresses, scalar::ip),
        endpoint: check.with(&file.endpoint, |text| endpoint(text, port)),
    }
}

/// `host`, `host:port`, an IPv6 address, or one in brackets with a port.
fn endpoint(text: &Text, default_port: u16) -> Result<ApiEndpoint, String> {
    let bad = || format!("{:?} is not host or host:port", text.text);
    if let Ok(host) = text.text.parse() {
        return Ok(ApiEndpoint { host, port: default_port });
    }
    let (host, port) = text.text.rsplit_once(':').ok_or_else(bad)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad)?;
    Ok(ApiEndpoint { host: host.parse().map_err(|_| bad())?, port })
}

fn bundle_choice(bundle: &Located<BundleFile>, check: &mut Checker<'_>) -> Option<BundleChoice> {
    let path = check.required_with(&bundle.value.path, &bundle.place, "path", scalar::local_path);
    Some(BundleChoice { trust: check.with(&bundle.value.trust, scalar::not_empty), path: path? })
}

fn addons(file: &AddonsFile, check: &mut Checker<'_>) -> Addons {
    Addons {
        metrics_server: check.with(&file.metrics_server, scalar::truth).unwrap_or(true),
        local_path: check.with(&file.local_path, scalar::truth).unwrap_or(true),
    }
}

fn slowness(text: &Text) -> Result<Slowness, String> {
    let factor = text.text.parse().ok().filter(|_| text.plain).and_then(Slowness::new);
    factor.ok_or_else(|| format!("{:?} is not a whole number from 1 to {}", text.text, Slowness::MOST))
}

/// Whether there is such a check is for the preflight to say.
fn waiver(located: &Located<WaiverFile>, file: &SiteFile, check: &mut Checker<'_>) -> Option<Waiver> {
    let WaiverFile { check: id, host, reason } = &located.value;
    let id = check.required_with(id, &located.place, "check", scalar::not_empty);
    let reason = check.required_with(reason, &located.place, "reason", scalar::not_empty);
    if let Some(named) = host
        && !file
            .hosts
            .iter()
            .any(|host| host.value.name.as_ref().is_some_and(|name| name.value.text == named.value.text))
    {
        check.note(&named.place, format!("{:?} is no host of this site", named.value.text));
        return None;
    }
    Some(Waiver { host: check.optional(host), check: id?, reason: reason? })
}

fn kube_proxy_mode(field: &Option<Located<Text>>, check: &mut Checker<'_>) -> KubeProxyChoice {
    let mode = check.with(field, |text| match text.text.as_str() {
        "auto" => Ok(KubeProxyChoice::Auto),
        "nftables" => Ok(KubeProxyChoice::Nftables),
        "iptables" => Ok(KubeProxyChoice::Iptables),
        other => Err(format!("{other:?} is not one of auto, nftables, iptables")),
    });
    mode.unwrap_or_default()
}

fn registry(located: &Located<RegistryFile>, check: &mut Checker<'_>) -> Option<Registry> {
    let file = &located.value;
    let host = check.required(&file.host, &located.place, "host");
    let ca_file = check.with(&file.ca_file, scalar::local_path);
    let username = check.with(&file.username, scalar::not_empty);
    let password = check.secret(&file.password);
    let credentials = match (username, password) {
        (Some(username), Some(password)) => Some(RegistryCredentials { username, password }),
        (Some(_), None) if file.password.is_none() => check.missing(&located.place, "password"),
        (None, Some(_)) if file.username.is_none() => check.missing(&located.place, "username"),
        _ => None,
    };
    Some(Registry { ca_file, credentials, mirror_of: check.each(&file.mirror_of), host: host? })
}

/// Flags that Armilla decides, each with where the site file says it instead.
type Owned = &'static [(&'static str, &'static str)];

const KUBELET_FLAGS: Owned = &[
    ("config", "Armilla writes the kubelet's configuration"),
    ("kubeconfig", "Armilla writes the kubelet's kubeconfig"),
    ("bootstrap-kubeconfig", "Armilla bootstraps the kubelet"),
    ("container-runtime-endpoint", "Armilla installs containerd"),
    ("hostname-override", "say it in hosts[].name"),
    ("node-ip", "say it in hosts[].clusterAddress"),
    ("node-labels", "say it in hosts[].labels"),
    ("register-with-taints", "say it in hosts[].taints"),
    ("root-dir", "say it in dataRoot"),
];

const API_SERVER_FLAGS: Owned = &[
    ("advertise-address", "say it in hosts[].clusterAddress"),
    ("secure-port", "say it in api.port"),
    ("service-cluster-ip-range", "say it in network.serviceCIDR"),
    ("service-node-port-range", "say it in network.nodePortRange"),
    ("etcd-servers", "Armilla installs etcd"),
];

fn decided(owned: Owned, flag: &str) -> Option<&'static str> {
    owned.iter().find(|(known, _)| *known == flag).map(|(_, instead)| *instead)
}

/// The flags that a site may not give, of the kubelet and of the API server.
pub(super) fn decided_flags() -> [Vec<&'static str>; 2] {
    [KUBELET_FLAGS, API_SERVER_FLAGS].map(|owned| owned.iter().map(|(flag, _)| *flag).collect())
}

/// Where the site file says what this flag of the kubelet would; `None` for flags that a site may give.
pub fn decided_of_kubelet(flag: &str) -> Option<&'static str> {
    decided(KUBELET_FLAGS, flag)
}

/// The same for flags of the API server.
pub fn decided_of_api_server(flag: &str) -> Option<&'static str> {
    decided(API_SERVER_FLAGS, flag)
}

fn extra_args(
    entries: &[(Located<String>, Located<Text>)],
    owned: Owned,
    check: &mut Checker<'_>,
) -> BTreeMap<FlagName, String> {
    let mut args = BTreeMap::new();
    for (name, value) in entries {
        if let Some(instead) = decided(owned, &name.value) {
            check.note(&name.place, format!("is decided by Armilla: {instead}"));
            continue;
        }
        let Some(flag) = check.parse::<FlagName>(&name.value, &name.place) else { continue };
        if value.value.text.contains(char::is_control) {
            check.note(&value.place, "holds a line break or another control character");
            continue;
        }
        args.insert(flag, value.value.text.clone());
    }
    args
}
