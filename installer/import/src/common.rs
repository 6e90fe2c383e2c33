//! What the readers of all formats share.

use std::net::IpAddr;

use installer_model::names::{Cidr, DnsName, HostAddress, KubernetesVersion, RegistryHost, SiteName};
use installer_model::site::{ApiEndpoint, KubeProxyChoice};

use crate::ImportError;
use crate::field::Field;
use crate::outcome::Why;
use crate::site_draft::{HostDraft, RegistryDraft, SiteDraft};
use crate::source::Document;

/// More hosts than this are no site.
pub(crate) const MOST_HOSTS: usize = 10_000;

pub(crate) fn count_hosts(hosts: usize) -> Result<(), ImportError> {
    if hosts > MOST_HOSTS {
        return Err(ImportError::TooManyHosts { hosts, most: MOST_HOSTS });
    }
    Ok(())
}

/// The only document of this kind.
pub(crate) fn one<'a, 't>(
    documents: &'a [Document<'t>],
    kind: &'static str,
) -> Result<Option<&'a Document<'t>>, ImportError> {
    let mut found = documents.iter().filter(|document| document.kind.eq_ignore_ascii_case(kind));
    let first = found.next();
    match (first, found.next()) {
        (Some(first), Some(second)) => {
            Err(ImportError::Twice { what: kind, first: first.line(), second: second.line() })
        }
        _ => Ok(first),
    }
}

/// A site's name from a cluster's, bent to the rules for names where it must be.
pub(crate) fn site_name(field: &Field<'_>) -> Option<SiteName> {
    let text = field.text()?;
    if let Ok(name) = text.parse() {
        return Some(name);
    }
    let lower = text.to_lowercase();
    let bent: String =
        lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    let name: Option<SiteName> = bent.trim_matches('-').parse().ok();
    field.note(
        Why::Invalid,
        match &name {
            Some(name) => format!("is no name for a site (RFC 1123): the draft says {name}"),
            None => "is no name for a site (RFC 1123)".to_owned(),
        },
    );
    name
}

/// A network, or the IPv4 one of `v4,v6`.
pub(crate) fn cidr(field: &Field<'_>) -> Option<Cidr> {
    let text = field.text()?;
    let (v4, v6): (Vec<&str>, Vec<&str>) =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).partition(|part| !part.contains(':'));
    if !v6.is_empty() {
        field.note(Why::NoPlace, "the IPv6 network is left out: sites are IPv4 for now");
    }
    if v4.len() > 1 {
        field.note(Why::NoPlace, "only the first IPv4 network is taken over");
    }
    let (address, prefix) = v4.first()?.split_once('/').unwrap_or((v4[0], ""));
    let network = address.parse().ok().zip(prefix.parse().ok());
    match network.and_then(|(address, prefix): (IpAddr, u8)| Cidr::containing(address, prefix)) {
        Some(network) => {
            if network.address().to_string() != address {
                field.note(Why::Invalid, format!("has host bits set: the draft says {network}"));
            }
            Some(network)
        }
        None => {
            field.note(Why::Invalid, "is not a network (address/prefix, such as 10.244.0.0/16)");
            None
        }
    }
}

/// `v1.37.1`, with what other distributions hang on it.
pub(crate) fn version(field: &Field<'_>) -> Option<KubernetesVersion> {
    let text = field.text()?;
    let plain = text.strip_prefix('v').unwrap_or(text);
    let core = plain.split(['+', '-']).next().unwrap_or_default();
    match core.parse() {
        Ok(version) => {
            if core != plain {
                let rest = &plain[core.len()..];
                let rest: String = rest.chars().filter(|c| !c.is_control()).take(32).collect();
                field.note(
                    Why::NoPlace,
                    format!("{rest:?} is left out: Armilla installs upstream Kubernetes"),
                );
            }
            Some(version)
        }
        Err(_) => {
            field.note(Why::Invalid, "is not a version such as v1.37.1: the draft leaves it to the bundle");
            None
        }
    }
}

/// A list of names and addresses for the API server's certificate.
pub(crate) fn certificate_names(list: &Field<'_>, draft: &mut SiteDraft) {
    for item in list.items() {
        if let Some(host) = item.parse::<HostAddress>() {
            add_certificate_name(host, draft);
        }
    }
}

pub(crate) fn add_certificate_name(host: HostAddress, draft: &mut SiteDraft) {
    match host {
        HostAddress::Ip(ip) if !draft.api_addresses.contains(&ip) => draft.api_addresses.push(ip),
        HostAddress::Name(name) if !draft.api_names.contains(&name) => draft.api_names.push(name),
        HostAddress::Ip(_) | HostAddress::Name(_) => {}
    }
}

/// A registry from `https://host[:port]`, `host[:port]` or `host[:port]/path`; what is left out of it is noted.
pub(crate) fn registry_host(field: &Field<'_>, text: &str) -> Option<RegistryHost> {
    let bare = match text.split_once("://") {
        Some(("https", rest)) => rest,
        Some(("http", _)) => {
            field.note(Why::NoPlace, "registries are reached with TLS only");
            return None;
        }
        Some(_) | None => text,
    };
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    match host.parse() {
        Ok(host) => {
            if !path.is_empty() {
                field.note(Why::NoPlace, "the path is left out: a registry is a host with a port");
            }
            Some(host)
        }
        Err(_) => {
            field.note(Why::Invalid, "is not a registry (host or host:port)");
            None
        }
    }
}

/// The registry of this host in the draft, new or known.
pub(crate) fn registry<'a>(draft: &'a mut SiteDraft, host: &RegistryHost) -> &'a mut RegistryDraft {
    let known = draft.registries.iter().position(|registry| registry.host == *host);
    let index = known.unwrap_or_else(|| {
        draft.registries.push(RegistryDraft {
            host: host.clone(),
            ca_file: None,
            username: None,
            password: None,
            mirror_of: Vec::new(),
        });
        draft.registries.len() - 1
    });
    &mut draft.registries[index]
}

/// A mirror of Docker Hub or of another registry.
pub(crate) fn mirror(field: &Field<'_>, of: &str, draft: &mut SiteDraft) {
    let Some(text) = field.text() else { return };
    let (Some(host), Ok(of)) = (registry_host(field, text), of.parse::<RegistryHost>()) else { return };
    let registry = registry(draft, &host);
    if !registry.mirror_of.contains(&of) {
        registry.mirror_of.push(of);
    }
}

/// One control plane for now: the first one stays, and the others stay workers or are left out.
pub(crate) fn settle_roles(draft: &mut SiteDraft, places: &[Field<'_>]) {
    let mut seen = false;
    for (host, place) in draft.hosts.iter_mut().zip(places) {
        if host.control_plane && std::mem::replace(&mut seen, true) {
            if host.worker {
                host.control_plane = false;
                host.remarks.push("A control plane in the imported file; a site has one for now.".to_owned());
                place.note(
                    Why::NoPlace,
                    "is a further control plane, and a site has one for now: the draft has it as a worker",
                );
            } else {
                host.left_out = Some("a further control plane; a site has one for now");
                place.note(
                    Why::NoPlace,
                    "is a further control plane, and a site has one for now: left out of the draft",
                );
            }
        } else if !host.control_plane && !host.worker && host.left_out.is_none() {
            host.left_out = Some("neither control plane nor worker");
            place.note(Why::NoPlace, "is neither a control plane nor a worker: left out of the draft");
        }
    }
}

/// The IPv4 and other addresses of `v4,v6`.
pub(crate) fn addresses(field: &Field<'_>) -> Option<IpAddr> {
    let text = field.text()?;
    let mut found = None;
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.parse::<IpAddr>() {
            Ok(ip) if ip.is_ipv4() && found.is_none() => found = Some(ip),
            Ok(ip) if ip.is_ipv4() => field.note(Why::NoPlace, "only the first IPv4 address is taken over"),
            Ok(_) => field.note(Why::NoPlace, "the IPv6 address is left out: sites are IPv4 for now"),
            Err(_) => field.note(Why::Invalid, "is not an IP address"),
        }
    }
    found
}

/// Names for certificates are no names for kubeconfigs: without a load balancer those name the control plane itself.
pub(crate) fn settle_endpoint(draft: &mut SiteDraft) {
    let named = !draft.api_names.is_empty() || !draft.api_addresses.is_empty();
    if draft.api_endpoint.is_some() || !named {
        return;
    }
    let control_plane = draft.hosts.iter().find(|host| host.control_plane && host.left_out.is_none());
    draft.api_endpoint = control_plane
        .and_then(|host| host.address.clone())
        .map(|host| ApiEndpoint { host, port: draft.api_port.unwrap_or(6443) });
}

/// An address by itself.
pub(crate) fn address(field: &Field<'_>) -> Option<IpAddr> {
    field.read(|text| text.parse().map_err(|_| "is not an IP address".to_owned()))
}

/// For messages: a host by its name, or by where it stands.
pub(crate) fn called(host: &HostDraft, index: usize) -> String {
    host.name.as_ref().map_or_else(|| format!("host {}", index + 1), ToString::to_string)
}

/// `host`, `host:port`, `[v6]:port`.
pub(crate) fn endpoint(field: &Field<'_>) -> Option<(HostAddress, Option<u16>)> {
    field.read(|text| {
        if let Ok(host) = text.parse() {
            return Ok((host, None));
        }
        let bad = || "is not host or host:port".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad)?;
        Ok((host.parse().map_err(|_| bad())?, Some(port)))
    })
}

/// The cluster's domain, unless it is the default anyway.
pub(crate) fn domain(field: &Field<'_>) -> Option<DnsName> {
    field.parse::<DnsName>().filter(|domain| domain.as_str() != "cluster.local")
}

/// The modes that kube-proxy has here.
pub(crate) fn proxy_mode(mode: &Field<'_>, draft: &mut SiteDraft) {
    match mode.peek() {
        Some("iptables") => draft.kube_proxy = Some(KubeProxyChoice::Iptables),
        Some("nftables") => draft.kube_proxy = Some(KubeProxyChoice::Nftables),
        Some(_) => {
            return mode
                .no("kube-proxy runs in nftables or iptables mode: the draft leaves the choice to Armilla");
        }
        None => return,
    }
    mode.take();
}
