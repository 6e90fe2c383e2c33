//! Which address is whose. Every lab has the same ones: each lab is a network namespace of its own.

use std::net::Ipv4Addr;

/// The network that SSH comes over, and the only one unless a second is asked for.
pub(crate) const SSH_NETWORK: &str = "10.77.0.0/24";
pub(crate) const PREFIX_LENGTH: u8 = 24;
/// Where the default route of every host leads.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The lab's own namespace, where `lab run` runs.
pub const RUNNER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// A name server that is named to the hosts and never answers. TEST-NET-1 of RFC 5737: nobody's address.
pub(crate) const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
/// Where a probe of the gateway's counter is sent. TEST-NET-2 of RFC 5737.
pub(crate) const BEYOND: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// The SSH address of the host at `position` (from 0).
pub(crate) fn ssh(position: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last_octet(position))
}

/// The address of the host at `position` on the second network, of which neither the gateway nor the runner is part.
pub(crate) fn cluster(position: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 78, 0, last_octet(position))
}

/// The hardware address of a host's card: the same after every power cut, as with a real card.
pub(crate) fn hardware(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

fn last_octet(position: usize) -> u8 {
    u8::try_from(11 + position).expect("a spec holds at most 200 hosts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_host_is_eleven_on_both_networks() {
        assert_eq!(ssh(0).to_string(), "10.77.0.11");
        assert_eq!(cluster(2).to_string(), "10.78.0.13");
        assert_eq!(hardware(ssh(0)), "02:00:0a:4d:00:0b");
    }
}
