//! Which API server a new connection goes to, and which connections have lost theirs: pure.
//!
//! ```text
//!            connect or probe answered
//!      ┌───────────────────────────────────┐
//!      ▼                                   │
//!  Answering ──refused or timed out──▶ Failing(1) ──again──▶ Failing(2) ──again──▶ Failing(3 …) = given up
//! ```
//!
//! A failing backend is only tried when every other one has failed for the same connection. Connections that are open
//! to it stay, because a process that died has closed them already and a slow one may still answer. After
//! [`GIVEN_UP_AFTER`] failures in a row the host behind it is taken for gone: nothing will ever close those
//! connections, so the balancer does, and the clients dial again and land elsewhere.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Failures in a row after which open connections are cut. With a round every 3 s and 2 s to connect, a host that
/// lost its power costs its clients between 8 and 15 s.
const GIVEN_UP_AFTER: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Backend {
    address: SocketAddr,
    /// The address belongs to this host: no wire between, and nobody else's load.
    local: bool,
    failures: u32,
}

/// The API servers and what is known of each.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    backends: Vec<Backend>,
    /// Moves on with each new connection, so that hosts without a local API server spread over all of them.
    turn: usize,
}

impl Pool {
    /// Takes over a new list; what is known of an address that stays is kept.
    pub(crate) fn replace(&mut self, addresses: &[SocketAddr]) {
        let known = std::mem::take(&mut self.backends);
        self.backends = addresses
            .iter()
            .map(|address| {
                known.iter().find(|backend| backend.address == *address).cloned().unwrap_or(Backend {
                    address: *address,
                    local: false,
                    failures: 0,
                })
            })
            .collect();
    }

    /// Notes which backends are on this host. An address may arrive after the service has started.
    pub(crate) fn find_local(&mut self, is_local: impl Fn(IpAddr) -> bool) {
        for backend in &mut self.backends {
            backend.local = is_local(backend.address.ip());
        }
    }

    /// All backends in the order in which one new connection tries them.
    pub(crate) fn candidates(&mut self) -> Vec<SocketAddr> {
        let count = self.backends.len();
        let turn = self.turn;
        self.turn = self.turn.wrapping_add(1);
        let mut order: Vec<&Backend> =
            (0..count).map(|at| &self.backends[(turn.wrapping_add(at)) % count]).collect();
        order.sort_by_key(|backend| (backend.failures > 0, !backend.local));
        order.into_iter().map(|backend| backend.address).collect()
    }

    pub(crate) fn answered(&mut self, address: SocketAddr) {
        if let Some(backend) = self.find(address) {
            backend.failures = 0;
        }
    }

    pub(crate) fn failed(&mut self, address: SocketAddr) {
        if let Some(backend) = self.find(address) {
            backend.failures = backend.failures.saturating_add(1);
        }
    }

    /// The backends worth a probe. With a single one there is nothing to choose and so nothing to learn.
    pub(crate) fn to_probe(&self) -> Vec<SocketAddr> {
        if self.backends.len() < 2 {
            return Vec::new();
        }
        self.backends.iter().map(|backend| backend.address).collect()
    }

    /// The backends whose open connections are to be cut: given up, while another one answers. When none answers,
    /// a cut would only make every client dial into nothing.
    pub(crate) fn given_up(&self) -> BTreeSet<SocketAddr> {
        if self.answering() == 0 {
            return BTreeSet::new();
        }
        self.backends
            .iter()
            .filter(|backend| backend.failures >= GIVEN_UP_AFTER)
            .map(|backend| backend.address)
            .collect()
    }

    pub(crate) fn answering(&self) -> usize {
        self.backends.iter().filter(|backend| backend.failures == 0).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.backends.len()
    }

    fn find(&mut self, address: SocketAddr) -> Option<&mut Backend> {
        self.backends.iter_mut().find(|backend| backend.address == address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 6443))
    }

    fn pool(hosts: &[u8]) -> Pool {
        let mut pool = Pool::default();
        pool.replace(&hosts.iter().map(|host| address(*host)).collect::<Vec<_>>());
        pool
    }

    #[test]
    fn connections_spread_over_backends_that_are_all_elsewhere() {
        let mut pool = pool(&[1, 2, 3]);
        let first: Vec<_> = (0..6).map(|_| pool.candidates()[0]).collect();
        assert_eq!(first, [1, 2, 3, 1, 2, 3].map(address));
    }

    #[test]
    fn every_backend_is_tried_once_whatever_the_turn() {
        let mut pool = pool(&[1, 2, 3]);
        pool.failed(address(2));
        for _ in 0..5 {
            let order = pool.candidates();
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 3);
            assert_eq!(order[2], address(2), "the failing one comes last");
        }
    }

    #[test]
    fn the_local_backend_comes_first_while_it_answers() {
        let mut pool = pool(&[1, 2, 3]);
        pool.find_local(|ip| ip == address(2).ip());
        assert!((0..4).all(|_| pool.candidates()[0] == address(2)));
        pool.failed(address(2));
        assert!((0..4).all(|_| pool.candidates()[0] != address(2)));
        pool.answered(address(2));
        assert_eq!(pool.candidates()[0], address(2));
    }

    #[test]
    fn a_backend_is_given_up_after_three_failures_and_only_while_another_answers() {
        let mut pool = pool(&[1, 2]);
        for _ in 0..2 {
            pool.failed(address(1));
        }
        assert!(pool.given_up().is_empty());
        pool.failed(address(1));
        assert_eq!(pool.given_up(), BTreeSet::from([address(1)]));
        pool.failed(address(2));
        assert!(pool.given_up().is_empty(), "with nothing left to turn to, connections stay");
        pool.answered(address(2));
        pool.answered(address(1));
        assert!(pool.given_up().is_empty());
    }

    #[test]
    fn a_new_list_keeps_what_is_known_of_those_that_stay() {
        let mut pool = pool(&[1, 2]);
        pool.failed(address(1));
        pool.replace(&[address(1), address(2), address(3)]);
        assert_eq!((pool.len(), pool.answering()), (3, 2));
        pool.replace(&[address(3)]);
        assert_eq!(pool.candidates(), [address(3)]);
        assert!(pool.to_probe().is_empty(), "one backend leaves no choice");
    }

    #[test]
    fn an_empty_pool_has_no_candidates() {
        assert!(Pool::default().candidates().is_empty());
    }
}
