//! What the machine is called and reached at.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

/// Interfaces whose addresses come and go with containers and services, or are reached by nobody from outside.
const INNER: [&str; 8] = ["veth", "cali", "cni", "docker", "flannel", "kube-ipvs", "lxc", "nodelocaldns"];
/// More names than these make a certificate that some clients refuse to read.
const MOST: usize = 100;

/// The names and addresses for a certificate, sorted: those the operator gave, the machine's own, loopback.
pub(super) fn this_machine(extra: &[String]) -> Vec<String> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let addresses = getifaddrs().into_iter().flatten().filter_map(|interface| {
        let storage = interface.address?;
        let address = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let address =
            address.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))?;
        Some((interface.interface_name, address))
    });
    names(&host, addresses, extra)
}

fn names(host: &str, addresses: impl Iterator<Item = (String, IpAddr)>, extra: &[String]) -> Vec<String> {
    let reached = addresses
        .filter(|(interface, address)| outer(interface) && !link_local(address))
        .map(|(_, address)| address.to_string());
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(extra.iter().cloned());
    names.extend([host.to_ascii_lowercase()].into_iter().filter(|host| is_dns_name(host)));
    names.extend(reached.take(MOST));
    names.sort();
    names.dedup();
    names
}

fn outer(interface: &str) -> bool {
    !INNER.iter().any(|inner| interface.starts_with(inner))
}

/// Needs a zone to be reached, which no certificate can say.
fn link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// What a certificate takes as a name: a host may be called anything.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_under_which_the_machine_is_reached() {
        let addresses = [
            ("lo", "127.0.0.1"),
            ("eth0", "10.0.0.7"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::7"),
            ("cali12", "10.244.0.1"),
            ("kube-ipvs0", "10.96.0.1"),
        ];
        let addresses = addresses.map(|(name, address)| (name.to_owned(), address.parse().unwrap()));
        assert_eq!(
            names("Box.example", addresses.into_iter(), &["armilla.example".to_owned()]),
            ["10.0.0.7", "127.0.0.1", "2001:db8::7", "::1", "armilla.example", "box.example", "localhost"]
        );
    }

    #[test]
    fn a_machine_with_an_unusual_name_still_gets_a_certificate() {
        assert_eq!(names("böx!", std::iter::empty(), &[]), ["127.0.0.1", "::1", "localhost"]);
        assert!(!this_machine(&[]).is_empty());
    }
}
