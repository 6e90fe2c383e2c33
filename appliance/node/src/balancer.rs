//! A TCP balancer in front of the API servers: accepts on loopback, dials one that answers, copies both ways.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::pool::Pool;

/// How long one backend may take to accept. A host on the same network does it in a millisecond; what takes longer
/// than this is behind a link that Kubernetes itself would not survive.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two looks at every backend.
const ROUND: Duration = Duration::from_secs(3);
/// Bytes per direction and connection.
const BUFFER: usize = 16 * 1024;
/// A host has a few dozen clients of the API server. Beyond this many the rest waits in the kernel's queue.
const CONNECTIONS: usize = 2048;
/// Data that a peer has not acknowledged for this long, or keepalives unanswered for about as long, end a connection.
const DEAD_AFTER: Duration = Duration::from_secs(30);

pub(crate) struct Balancer {
    listener: TcpListener,
    backends: Backends,
}

/// The backends, shared with whoever changes or watches them.
#[derive(Clone)]
pub(crate) struct Backends {
    pool: Arc<Mutex<Pool>>,
    /// Those whose open connections are to end.
    given_up: Arc<watch::Sender<BTreeSet<SocketAddr>>>,
}

impl Balancer {
    pub(crate) async fn bind(listen: SocketAddr, backends: Backends) -> io::Result<Balancer> {
        Ok(Balancer { listener: TcpListener::bind(listen).await?, backends })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until dropped, and every connection with it.
    pub(crate) async fn run(self) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        connections.spawn(probe(self.backends.clone()));
        loop {
            let slot = Arc::clone(&slots).acquire_owned().await.expect("invariant: never closed");
            match self.listener.accept().await {
                Ok((client, _)) => {
                    let backends = self.backends.clone();
                    connections.spawn(async move {
                        serve(client, &backends).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: some will be given back.
                    tracing::warn!(%error, "failed to accept a connection");
                    sleep(Duration::from_millis(100)).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    }
}

impl Backends {
    pub(crate) fn new(addresses: &[SocketAddr]) -> Backends {
        let backends = Backends { pool: Arc::default(), given_up: Arc::new(watch::Sender::default()) };
        backends.replace(addresses);
        backends
    }

    pub(crate) fn replace(&self, addresses: &[SocketAddr]) {
        self.update(|pool| {
            pool.replace(addresses);
            pool.find_local(is_local);
        });
    }

    /// How many answer, and of how many.
    pub(crate) fn answering(&self) -> (usize, usize) {
        self.update(|pool| (pool.answering(), pool.len()))
    }

    fn update<T>(&self, change: impl FnOnce(&mut Pool) -> T) -> T {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let answering = pool.answering();
        let out = change(&mut pool);
        if pool.answering() != answering {
            tracing::info!(answering = pool.answering(), of = pool.len(), "API servers");
        }
        let now = pool.given_up();
        self.given_up.send_if_modified(|before| std::mem::replace(before, now.clone()) != now);
        out
    }

    /// A connection to the first backend that accepts one. Each is tried once.
    async fn connect(&self) -> Option<(SocketAddr, TcpStream)> {
        for address in self.update(Pool::candidates) {
            match dial(address).await {
                Ok(stream) => {
                    self.update(|pool| pool.answered(address));
                    return Some((address, stream));
                }
                Err(error) => {
                    tracing::warn!(%address, %error, "failed to reach an API server");
                    self.update(|pool| pool.failed(address));
                }
            }
        }
        None
    }

    /// Ends when connections to this backend should.
    async fn until_given_up(&self, address: SocketAddr) {
        let mut given_up = self.given_up.subscribe();
        given_up
            .wait_for(|set| set.contains(&address))
            .await
            .expect("invariant: the sender lives as long as self");
    }
}

async fn serve(mut client: TcpStream, backends: &Backends) {
    let Some((address, mut server)) = backends.connect().await else {
        return;
    };
    prepare(&client);
    // A side that ends only its own direction is passed on as such; an error on either ends both.
    tokio::select! {
        copied = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER) => {
            if let Err(error) = copied {
                tracing::debug!(%address, %error, "connection ended");
            }
        }
        () = backends.until_given_up(address) => {
            tracing::info!(%address, "connection cut: the API server behind it is gone");
        }
    }
}

/// Looks at every backend now and then, so that a dead one costs no client the time to find out.
async fn probe(backends: Backends) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let mut dials = JoinSet::new();
        for address in backends.update(|pool| {
            pool.find_local(is_local);
            pool.to_probe()
        }) {
            dials.spawn(async move { (address, dial(address).await.is_ok()) });
        }
        while let Some(dialed) = dials.join_next().await {
            let (address, answered) = dialed.expect("invariant: a dial neither panics nor is aborted");
            backends.update(|pool| if answered { pool.answered(address) } else { pool.failed(address) });
        }
    }
}

async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await??;
    prepare(&stream);
    Ok(stream)
}

/// Watches of the API are silent for minutes: without keepalives the end of a host would never be noticed.
fn prepare(stream: &TcpStream) {
    let set = || -> io::Result<()> {
        stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, DEAD_AFTER / 2)?;
        sockopt::set_tcp_keepintvl(stream, DEAD_AFTER / 6)?;
        sockopt::set_tcp_keepcnt(stream, 3)?;
        sockopt::set_tcp_user_timeout(stream, DEAD_AFTER.as_millis().try_into().unwrap_or(u32::MAX))?;
        Ok(())
    };
    if let Err(error) = set() {
        tracing::debug!(%error, "failed to set socket options");
    }
}

/// Whether an address belongs to this host: then the kernel picks it as the source towards itself. No packet is sent.
fn is_local(ip: IpAddr) -> bool {
    let any: SocketAddr = if ip.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let source = UdpSocket::bind(any).and_then(|socket| {
        socket.connect((ip, 9))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == ip)
}

#[cfg(test)]
#[path = "balancer_test.rs"]
mod tests;
