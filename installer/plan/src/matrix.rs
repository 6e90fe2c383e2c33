//! Which hosts probe which ports of which others, and when: rounds of disjoint pairs, so that no host is measured by two
//! others at a time and the whole takes as many rounds as there are hosts.

use std::collections::BTreeSet;

use installer_model::site::{Host, Site};
use installer_model::survey::Protocol;

/// A round-robin tournament by the circle method: one host stays, the others turn. `count` − 1 rounds, or `count` where it
/// is odd; every pair meets once, and nobody twice in a round.
pub fn rounds(count: usize) -> Vec<Vec<(usize, usize)>> {
    let seats = count + count % 2;
    let turn = |round: usize, seat: usize| if seat == 0 { 0 } else { 1 + (seat - 1 + round) % (seats - 1) };
    (0..seats.saturating_sub(1))
        .map(|round| {
            (0..seats / 2)
                .map(|seat| (turn(round, seat), turn(round, seats - 1 - seat)))
                // Of an odd number, whoever meets the empty seat rests.
                .filter(|(one, other)| *one < count && *other < count)
                .map(|(one, other)| (one.min(other), one.max(other)))
                .collect()
        })
        .collect()
}

/// The ports of `to` that processes on `from` will use once the cluster is there.
/// <https://kubernetes.io/docs/reference/networking/ports-and-protocols/>, and the pod network's own.
pub fn ports(site: &Site, from: &Host, to: &Host) -> Vec<(Protocol, u16)> {
    const ETCD: [u16; 2] = [2379, 2380];
    const KUBELET: u16 = 10250;
    const POD_NETWORK: u16 = 8472;
    let mut ports = Vec::new();
    if to.roles.control_plane {
        ports.push((Protocol::Tcp, site.api.port));
        if from.roles.control_plane {
            ports.extend(ETCD.map(|port| (Protocol::Tcp, port)));
        }
    }
    // The API server asks kubelets, and so do metrics-server's pods from wherever they run.
    ports.push((Protocol::Tcp, KUBELET));
    ports.push((Protocol::Udp, POD_NETWORK));
    ports
}

/// Everything that others will use of a host.
pub fn listening(site: &Site, host: &Host) -> Vec<(Protocol, u16)> {
    let others = site.hosts.iter().filter(|other| other.name != host.name);
    let all: BTreeSet<(Protocol, u16)> = others.flat_map(|other| ports(site, other, host)).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_meets_once_and_nobody_twice_in_a_round() {
        for count in 0..=51 {
            let rounds = rounds(count);
            let mut met = BTreeSet::new();
            for round in &rounds {
                let mut busy = BTreeSet::new();
                for (one, other) in round {
                    assert!(one < other && *other < count, "{count}: {one} {other}");
                    assert!(busy.insert(*one) && busy.insert(*other), "{count}: twice in {round:?}");
                    assert!(met.insert((*one, *other)), "{count}: {one} and {other} meet again");
                }
            }
            assert_eq!(met.len(), count * count.saturating_sub(1) / 2, "{count}");
            assert!(rounds.len() <= count, "{count} hosts in {} rounds", rounds.len());
        }
    }

    const SITE: &str = "
apiVersion: armilla/v1
kind: Site
metadata: {name: demo}
api: {port: 6444}
hosts:
  - {name: control, address: 10.0.0.1, roles: [control-plane]}
  - {name: one, address: 10.0.0.2}
  - {name: two, address: 10.0.0.3}
";

    #[test]
    fn workers_reach_the_api_and_each_other_and_nobody_reaches_etcd_alone() {
        let site = Site::parse(SITE).unwrap();
        let [control, one, two] = site.hosts.as_slice() else { panic!("three hosts") };
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        assert_eq!(ports(&site, one, control), [(tcp, 6444), (tcp, 10250), (udp, 8472)]);
        assert_eq!(ports(&site, one, two), [(tcp, 10250), (udp, 8472)]);
        assert_eq!(listening(&site, control), ports(&site, one, control));
    }

    #[test]
    fn control_planes_reach_each_others_etcd() {
        let mut site = Site::parse(SITE).unwrap();
        site.hosts[1].roles.control_plane = true;
        let ports = ports(&site, &site.hosts[1], &site.hosts[0]);
        assert!(ports.contains(&(Protocol::Tcp, 2379)) && ports.contains(&(Protocol::Tcp, 2380)));
    }
}
