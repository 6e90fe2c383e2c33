//! How the values of a site fit together: names and addresses once, networks apart, one control plane.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;

use super::super::Place;
use super::super::reader::{Located, Text};
use super::super::shape::SiteFile;
use super::scalar::Checker;
use crate::site::Network;

/// Ports on every host that Armilla's and Kubernetes' own processes listen on.
const TAKEN_PORTS: &[(u16, &str)] = &[
    (2379, "etcd"),
    (2380, "etcd"),
    (2381, "etcd"),
    (7443, "the node service's balancer"),
    (7444, "the node service's image mirror"),
    (10248, "the kubelet"),
    (10249, "kube-proxy"),
    (10250, "the kubelet"),
    (10256, "kube-proxy"),
    (10257, "kube-controller-manager"),
    (10259, "kube-scheduler"),
];

pub(super) fn fit(network: &Network, api_port: u16, file: &SiteFile, check: &mut Checker<'_>) {
    host_list(file, check);
    networks(network, file, check);
    hosts_outside_of_networks(network, file, check);
    ports(network, api_port, file, check);
    upstreams(network, file, check);
    registries(file, check);
}

/// What the hosts must be together. Reads the file, not the Site, so that a host with another mistake counts.
fn host_list(file: &SiteFile, check: &mut Checker<'_>) {
    if file.hosts.is_empty() {
        return check.note(&Place { path: "hosts".into(), position: file.place.position }, "names no host");
    }
    repeats(file.hosts.iter().filter_map(|host| host.value.name.as_ref()), "name", check);
    let port = |text: &Option<Located<Text>>| text.as_ref().map(|port| port.value.text.clone());
    let logins = file.hosts.iter().filter_map(|host| {
        let address = host.value.address.as_ref()?;
        let port = port(&host.value.port).or_else(|| port(&file.ssh.port));
        // Behind different hops the same address may be different hosts.
        let through: Vec<_> =
            host.value.jump.iter().filter_map(|hop| port_free(&hop.value.address)).collect();
        Some(((address.value.text.clone(), port, through), address))
    });
    let logins: Vec<_> = logins.collect();
    let same_login = |one: &Place, other: &Place| {
        let login = |place: &Place| logins.iter().find(|(_, at)| at.place == *place).map(|(login, _)| login);
        login(one).is_some() && login(one) == login(other)
    };
    note_repeats(logins.iter().cloned(), "SSH address", check);
    let inside = file.hosts.iter().filter_map(|host| {
        let written = host.value.cluster_address.as_ref().or(host.value.address.as_ref())?;
        let ip: IpAddr = written.value.text.parse().ok()?;
        Some((ip, written))
    });
    let inside: Vec<_> = inside.collect();
    // Hosts that share a login were noted above; behind another port or hop the address is still one host's only.
    for (index, (ip, written)) in inside.iter().enumerate() {
        let earlier =
            inside[..index].iter().find(|(other, at)| other == ip && !same_login(&written.place, &at.place));
        if let Some((_, first)) = earlier {
            let first = owner(&first.place);
            let message = match written.place.path.ends_with(".address") {
                true => format!(
                    "{ip} is the cluster address of {first} too: add the clusterAddress by which the others reach it"
                ),
                false => format!("{ip} is the cluster address of {first} too"),
            };
            check.note(&written.place, message);
        }
    }
    control_planes(file, check);
}

fn port_free(address: &Option<Located<Text>>) -> Option<String> {
    address.as_ref().map(|address| address.value.text.clone())
}

/// `hosts[0].address` is `hosts[0]`'s.
fn owner(place: &Place) -> &str {
    place.path.rsplit_once('.').map_or(place.path.as_str(), |(owner, _)| owner)
}

fn repeats<'f>(texts: impl Iterator<Item = &'f Located<Text>>, what: &str, check: &mut Checker<'_>) {
    note_repeats(texts.map(|text| (text.value.text.clone(), text)), what, check);
}

fn note_repeats<'f, K: Eq + Hash>(
    items: impl Iterator<Item = (K, &'f Located<Text>)>,
    what: &str,
    check: &mut Checker<'_>,
) {
    let mut seen: HashMap<K, &Located<Text>> = HashMap::new();
    for (key, text) in items {
        match seen.entry(key) {
            Entry::Occupied(first) => {
                let first = owner(&first.get().place);
                let message = format!("{:?} is the {what} of {first} too", text.value.text);
                check.note(&text.place, message);
            }
            Entry::Vacant(free) => drop(free.insert(text)),
        }
    }
}

fn control_planes(file: &SiteFile, check: &mut Checker<'_>) {
    let roles = file.hosts.iter().flat_map(|host| &host.value.roles);
    let control_planes: Vec<_> = roles.filter(|role| role.value.text == "control-plane").collect();
    match control_planes.as_slice() {
        [] => {
            let place =
                Place { path: "hosts".into(), position: file.hosts.first().and_then(|h| h.place.position) };
            check.note(&place, "has no control plane: give one host `roles: [control-plane]`");
        }
        [_] => {}
        [_, more @ ..] => {
            for role in more {
                // The same word twice at one host was noted already.
                if !control_planes[0].place.path.starts_with(owner_of_role(&role.place)) {
                    check.note(&role.place, "is a second control plane: several control planes come later");
                }
            }
        }
    }
}

/// `hosts[0].roles[1]` gives `hosts[0].`.
fn owner_of_role(place: &Place) -> &str {
    place.path.find(".roles").map_or("", |end| &place.path[..=end])
}

fn networks(network: &Network, file: &SiteFile, check: &mut Checker<'_>) {
    let pods = place_of(&file.network.pod_cidr, "network.podCIDR", file);
    let services = place_of(&file.network.service_cidr, "network.serviceCIDR", file);
    let v4 = [(&network.pod_cidr, &pods), (&network.service_cidr, &services)].map(|(cidr, place)| {
        if !cidr.is_ipv4() {
            check.note(place, format!("{cidr} is IPv6: IPv6 networks come later"));
        }
        cidr.is_ipv4()
    });
    if v4 != [true, true] {
        return;
    }
    if network.pod_cidr.overlaps(&network.service_cidr) {
        let message = format!("{} overlaps the pod network {}", network.service_cidr, network.pod_cidr);
        check.note(&services, message);
    }
    // Every node takes a /24 of the pod network, and kube-controller-manager refuses more than 16 bits of nodes.
    let nodes = 1_usize.checked_shl(24_u32.saturating_sub(network.pod_cidr.prefix().into())).unwrap_or(0);
    if !(8..=24).contains(&network.pod_cidr.prefix()) {
        check.note(&pods, format!("{} does not suit pods: /8 to /24", network.pod_cidr));
    } else if file.hosts.len() > nodes {
        let message =
            format!("{} has room for {nodes} nodes (a /24 each), not {}", network.pod_cidr, file.hosts.len());
        check.note(&pods, message);
    }
    // The API server refuses more than 20 bits; fewer than 4 leave no room for the DNS at the tenth address.
    if !(12..=28).contains(&network.service_cidr.prefix()) {
        check.note(&services, format!("{} does not suit Services: /12 to /28", network.service_cidr));
    }
}

/// Of the value, or of where it would stand when its default is meant.
fn place_of(field: &Option<Located<Text>>, path: &str, file: &SiteFile) -> Place {
    match field {
        Some(located) => located.place.clone(),
        None => Place { path: path.to_owned(), position: file.place.position },
    }
}

fn hosts_outside_of_networks(network: &Network, file: &SiteFile, check: &mut Checker<'_>) {
    for host in &file.hosts {
        let Some(written) = host.value.cluster_address.as_ref().or(host.value.address.as_ref()) else {
            continue;
        };
        let Ok(ip) = written.value.text.parse::<IpAddr>() else { continue };
        for (cidr, what) in [(&network.pod_cidr, "pod network"), (&network.service_cidr, "Service network")] {
            if cidr.contains(ip) {
                check.note(&written.place, format!("{ip} lies in the {what} {cidr}: choose another network"));
            }
        }
    }
}

fn ports(network: &Network, api_port: u16, file: &SiteFile, check: &mut Checker<'_>) {
    let place = place_of(&file.api.port, "api.port", file);
    if let Some((port, holder)) = TAKEN_PORTS.iter().find(|(port, _)| *port == api_port) {
        check.note(&place, format!("{port} is the port of {holder}"));
    }
    let range = network.node_ports;
    let inside = |port: u16| (range.first..=range.last).contains(&port);
    if inside(api_port) {
        check.note(&place, format!("{} lies in the node ports {range}", api_port));
    }
    let range_place = place_of(&file.network.node_ports, "network.nodePortRange", file);
    for (port, holder) in TAKEN_PORTS.iter().filter(|(port, _)| inside(*port)) {
        check.note(&range_place, format!("{range} holds {port}, the port of {holder}"));
    }
}

fn upstreams(network: &Network, file: &SiteFile, check: &mut Checker<'_>) {
    for written in &file.dns {
        let Ok(ip) = written.value.text.parse::<IpAddr>() else { continue };
        if ip.is_loopback() {
            check.note(
                &written.place,
                format!("{ip} is a loopback address: the cluster's DNS cannot reach it"),
            );
        } else if network.service_cidr.contains(ip) || network.pod_cidr.contains(ip) {
            check.note(&written.place, format!("{ip} lies in a network of the cluster"));
        }
    }
}

fn registries(file: &SiteFile, check: &mut Checker<'_>) {
    repeats(file.registries.iter().filter_map(|registry| registry.value.host.as_ref()), "host", check);
}
