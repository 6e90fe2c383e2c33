//! Who listens where.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use installer_model::survey::{Holder, Listener, Protocol};

use super::Root;

/// A row of `/proc/net/{tcp,udp}{,6}` that waits for the world.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    protocol: Protocol,
    address: IpAddr,
    port: u16,
    /// 0: the kernel's own.
    inode: u64,
}

/// `None` when not even the table of TCP sockets can be read.
pub(super) fn listeners(root: &Root, processes: &[Holder]) -> Option<Vec<Listener>> {
    let mut sockets = parse(&root.text("/proc/net/tcp")?, Protocol::Tcp);
    for (file, protocol) in [("tcp6", Protocol::Tcp), ("udp", Protocol::Udp), ("udp6", Protocol::Udp)] {
        sockets.extend(parse(&root.text(&format!("/proc/net/{file}")).unwrap_or_default(), protocol));
    }
    let mut holders = holders(root, processes, &sockets);
    let listener = |socket: Socket| Listener {
        protocol: socket.protocol,
        address: socket.address,
        port: socket.port,
        holders: holders.remove(&socket.inode).unwrap_or_default(),
    };
    let mut listeners: Vec<Listener> = sockets.into_iter().map(listener).collect();
    listeners.sort_by_key(|listener| (listener.protocol, listener.port, listener.address));
    Some(listeners)
}

fn parse(text: &str, protocol: Protocol) -> Vec<Socket> {
    text.lines().skip(1).filter_map(|line| row(line, protocol)).collect()
}

/// `sl local remote state … inode`: TCP that listens has state 0A; UDP without a peer has 07.
fn row(line: &str, protocol: Protocol) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state) = (fields.get(1)?, *fields.get(3)?);
    let waits = match protocol {
        Protocol::Tcp => state == "0A",
        Protocol::Udp => state == "07",
    };
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let inode = fields.get(9)?.parse().ok()?;
    (waits && port != 0).then_some(Socket { protocol, address: hex_address(address)?, port, inode })
}

/// Words of 32 bits in the byte order of the machine, which is little-endian on every architecture we serve.
pub(super) fn hex_address(hex: &str) -> Option<IpAddr> {
    let words: Option<Vec<[u8; 4]>> = (0..hex.len() / 8)
        .map(|i| u32::from_str_radix(hex.get(8 * i..8 * i + 8)?, 16).ok().map(u32::to_le_bytes))
        .collect();
    match words?.concat().as_slice() {
        [a, b, c, d] => Some(Ipv4Addr::new(*a, *b, *c, *d).into()),
        bytes => {
            let v6 = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4))
        }
    }
}

/// Whose file descriptors point at the sockets: `socket:[inode]`.
fn holders(root: &Root, processes: &[Holder], sockets: &[Socket]) -> BTreeMap<u64, Vec<Holder>> {
    let wanted: BTreeSet<u64> =
        sockets.iter().map(|socket| socket.inode).filter(|inode| *inode != 0).collect();
    let mut holders: BTreeMap<u64, Vec<Holder>> = BTreeMap::new();
    for process in processes {
        let folder = format!("/proc/{}/fd", process.pid);
        let links = root.names(&folder).into_iter().filter_map(|fd| root.link(&format!("{folder}/{fd}")));
        let inodes = links.filter_map(|link| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        let held: BTreeSet<u64> = inodes.filter(|inode| wanted.contains(inode)).collect();
        for inode in held {
            holders.entry(inode).or_default().push(process.clone());
        }
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_are_told_from_connections() {
        let tcp = "  sl  local_address rem_address   st tx_queue\n   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2057 1 0\n   1: 0100007F:192B 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 2058 1 0\n";
        let wanted =
            Socket { protocol: Protocol::Tcp, address: Ipv4Addr::LOCALHOST.into(), port: 6443, inode: 2057 };
        assert_eq!(parse(tcp, Protocol::Tcp), [wanted]);
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        assert_eq!(hex_address("020200C0"), Some("192.0.2.2".parse().unwrap()));
        assert_eq!(hex_address("00000000000000000000000001000000"), Some("::1".parse().unwrap()));
        assert_eq!(hex_address("0000000000000000FFFF00000100007F"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(hex_address("zz"), None);
        assert_eq!(hex_address(""), None);
    }
}
