//! How many may be inside at once, and how slow they may be.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

/// What a door puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorLimits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub per_address: usize,
    /// From the connection to its first byte, and from there through the TLS handshake.
    pub handshake: Duration,
    /// For the head of a request; on a connection that is kept open, from the end of the request before. With HTTP/2, for the
    /// first one.
    pub head: Duration,
    /// Bytes of a head.
    pub head_bytes: usize,
    /// From the head of a request to the end of a body that is read whole.
    pub body: Duration,
    /// How long a connection with HTTP/2 may be kept open after the last answer.
    pub idle: Duration,
    /// How long a caller may take no byte of an answer.
    pub stalled: Duration,
}

impl Default for DoorLimits {
    fn default() -> DoorLimits {
        DoorLimits {
            connections: 4096,
            per_address: 2048,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            head_bytes: 64 << 10,
            body: Duration::from_secs(20),
            idle: Duration::from_secs(300),
            stalled: Duration::from_secs(30),
        }
    }
}

/// Counts who is inside. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Doorkeeper {
    limits: DoorLimits,
    inside: Arc<watch::Sender<usize>>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Doorkeeper {
    pub(crate) fn new(limits: DoorLimits) -> Doorkeeper {
        Doorkeeper { limits, inside: Arc::new(watch::Sender::new(0)), by_address: Arc::default() }
    }

    /// A place, unless all are taken.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Option<Admission> {
        let mut by_address = self.by_address.lock().expect("invariant: nothing panics while it counts");
        if *self.inside.borrow() >= self.limits.connections {
            return None;
        }
        if let Some(address) = address {
            let count = by_address.entry(address).or_default();
            if *count >= self.limits.per_address {
                return None;
            }
            *count += 1;
        }
        self.inside.send_modify(|inside| *inside += 1);
        Some(Admission { keeper: self.clone(), address })
    }

    /// Waits until everybody has left, at most this long.
    pub(crate) async fn empty(&self, patience: Duration) {
        let mut inside = self.inside.subscribe();
        let _ = tokio::time::timeout(patience, inside.wait_for(|inside| *inside == 0)).await;
    }
}

/// A place inside, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    keeper: Doorkeeper,
    address: Option<IpAddr>,
}

impl Admission {
    pub(crate) fn limits(&self) -> DoorLimits {
        self.keeper.limits
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(address) = self.address
            && let Ok(mut by_address) = self.keeper.by_address.lock()
            && let Some(count) = by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
        self.keeper.inside.send_modify(|inside| *inside -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_by_address_and_come_back() {
        let limits = DoorLimits { connections: 3, per_address: 2, ..DoorLimits::default() };
        let keeper = Doorkeeper::new(limits);
        let (one, two) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let first = keeper.admit(Some(one)).unwrap();
        let _second = keeper.admit(Some(one)).unwrap();
        assert!(keeper.admit(Some(one)).is_none());
        let _third = keeper.admit(Some(two)).unwrap();
        assert!(keeper.admit(Some(two)).is_none(), "all places are taken");
        assert!(keeper.admit(None).is_none());
        drop(first);
        assert_eq!(*keeper.inside.borrow(), 2);
        assert!(keeper.admit(Some(one)).is_some());
    }

    #[test]
    fn nobody_is_remembered_who_left() {
        let keeper = Doorkeeper::new(DoorLimits::default());
        drop(keeper.admit(Some("10.0.0.1".parse().unwrap())));
        assert!(keeper.by_address.lock().unwrap().is_empty());
    }
}
