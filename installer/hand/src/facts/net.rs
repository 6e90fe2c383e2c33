//! Interfaces and routes.

use std::net::{IpAddr, Ipv6Addr};

use installer_model::names::Cidr;
use installer_model::survey::{Nic, NicAddress, Route};

use super::Root;
use super::sockets::hex_address;

/// Interfaces of `/sys/class/net` with the addresses that the kernel named for each.
pub(super) fn nics(root: &Root, addresses: &[(String, NicAddress)]) -> Vec<Nic> {
    let nic = |name: String| {
        let file = |file: &str| root.line(&format!("/sys/class/net/{name}/{file}"));
        let flags = file("flags").and_then(|text| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok());
        let own = addresses.iter().filter(|(owner, _)| *owner == name).map(|(_, address)| *address);
        Nic {
            mac: file("address"),
            mtu: file("mtu").and_then(|text| text.parse().ok()),
            // IFF_UP, netdevice(7).
            up: flags.is_some_and(|flags| flags & 1 == 1),
            addresses: own.collect(),
            name,
        }
    };
    // `bonding_masters` is a file of the bonding driver, not an interface.
    let names = root.names("/sys/class/net").into_iter().filter(|name| name != "bonding_masters");
    names.map(nic).collect()
}

/// Of the main table, both families. Routes that refuse or blackhole are left out.
pub(super) fn routes(root: &Root) -> Vec<Route> {
    let v4 = root.text("/proc/net/route").unwrap_or_default();
    let v6 = root.text("/proc/net/ipv6_route").unwrap_or_default();
    v4.lines().skip(1).filter_map(route_v4).chain(v6.lines().filter_map(route_v6)).collect()
}

const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, hexadecimal in the machine's byte order.
fn route_v4(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
    if flags & UP == 0 || flags & REJECT != 0 {
        return None;
    }
    let mask = u32::from_str_radix(fields.get(7)?, 16).ok()?;
    let gateway = hex_address(fields.get(2)?)?;
    Some(Route {
        destination: Cidr::containing(hex_address(fields.get(1)?)?, u8::try_from(mask.count_ones()).ok()?)?,
        gateway: (!gateway.is_unspecified()).then_some(gateway),
        interface: Some((*fields.first()?).to_owned()),
        metric: fields.get(6)?.parse().ok()?,
    })
}

/// `destination prefix source prefix gateway metric refs use flags interface`, hexadecimal in network order. The
/// kernel lists its own addresses and multicast here too: those are no routes to anywhere.
fn route_v6(line: &str) -> Option<Route> {
    const LOCAL: u32 = 0x8000_0000;
    let fields: Vec<&str> = line.split_whitespace().collect();
    let address = |hex: &str| u128::from_str_radix(hex, 16).ok().map(|bits| IpAddr::V6(Ipv6Addr::from(bits)));
    let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
    let interface = *fields.get(9)?;
    let destination = address(fields.first()?)?;
    if flags & UP == 0 || flags & (REJECT | LOCAL) != 0 || destination.is_multicast() || interface == "lo" {
        return None;
    }
    let gateway = address(fields.get(4)?)?;
    Some(Route {
        destination: Cidr::containing(destination, u8::from_str_radix(fields.get(1)?, 16).ok()?)?,
        gateway: (!gateway.is_unspecified()).then_some(gateway),
        interface: Some(interface.to_owned()),
        metric: u32::from_str_radix(fields.get(5)?, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_route_and_a_connected_network_are_read() {
        let default = route_v4("eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0").unwrap();
        assert!(default.destination.is_default());
        assert_eq!((default.gateway, default.metric), (Some("192.0.2.1".parse().unwrap()), 100));
        let connected = route_v4("eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0").unwrap();
        assert_eq!((connected.destination.to_string(), connected.gateway), ("192.0.2.0/24".into(), None));
        assert_eq!(route_v4("eth0\t000200C0\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0"), None);
    }

    #[test]
    fn of_ipv6_only_routes_to_somewhere_count() {
        let zero = "00000000000000000000000000000000";
        let default = format!(
            "{zero} 00 {zero} 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0"
        );
        assert!(route_v6(&default).unwrap().destination.is_default());
        let local = format!(
            "fd000000000000000000000000000002 80 {zero} 00 {zero} 00000000 00000002 00000000 80200001     eth0"
        );
        let reject = format!("{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo");
        let multicast = format!(
            "ff000000000000000000000000000000 08 {zero} 00 {zero} 00000100 00000002 00000000 00000001     eth0"
        );
        assert_eq!([local, reject, multicast].iter().filter_map(|line| route_v6(line)).count(), 0);
    }
}
