//! Ports that are listened on for a moment.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use installer_model::link::{Heard, Listening};
use installer_model::survey::Protocol;
use installer_wire::{Failure, FailureKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::word;

/// How often a listener looks whether it should end.
const TICK: Duration = Duration::from_millis(50);
/// How long a peer may take to say what it wants.
const TURN: Duration = Duration::from_secs(2);
/// Conversations at a time, per port: peers have one each.
const MOST_AT_ONCE: usize = 64;
const MOST_PORTS: usize = 32;

/// What this hand listens on now, by nonce.
#[derive(Default)]
pub struct Listeners {
    running: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    watch: Arc<Watch>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads of one question share.
struct Watch {
    nonce: String,
    peers: Vec<IpAddr>,
    until: Instant,
    over: AtomicBool,
    heard: Mutex<BTreeMap<IpAddr, u32>>,
}

impl Watch {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || Instant::now() >= self.until
    }
}

impl Listeners {
    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens on those of the ports that are free, and says which; returns at once.
    pub fn listen(&self, wanted: &Listening) -> Result<Vec<(Protocol, u16)>, Failure> {
        let invalid = |what: &str| Err(Failure::new(FailureKind::Invalid, what.to_owned()));
        if !word::is_nonce(&wanted.nonce) {
            return invalid("the nonce is not 16 to 64 letters and digits");
        }
        if wanted.ports.len() > MOST_PORTS {
            return invalid("more ports than a host of a cluster uses");
        }
        let hold = Duration::from_millis(wanted.hold_ms.min(Listening::LONGEST_MS));
        let watch = Arc::new(Watch {
            nonce: wanted.nonce.clone(),
            peers: wanted.peers.clone(),
            until: Instant::now() + hold,
            over: AtomicBool::new(false),
            heard: Mutex::default(),
        });
        self.end(&wanted.nonce);
        let (mut listening, mut threads) = (Vec::new(), Vec::new());
        for (protocol, port) in &wanted.ports {
            let at = SocketAddr::new(wanted.address, *port);
            // A port that is taken, and an address that is not this host's, are known by facts.
            let begun = match protocol {
                Protocol::Tcp => TcpListener::bind(at).and_then(|socket| hear_tcp(socket, *port, &watch)),
                Protocol::Udp => UdpSocket::bind(at).and_then(|socket| hear_udp(socket, *port, &watch)),
            };
            if let Ok(thread) = begun {
                threads.push(thread);
                listening.push((*protocol, *port));
            }
        }
        self.running().insert(wanted.nonce.clone(), Running { watch, threads });
        Ok(listening)
    }

    /// Ends listening; says how many UDP probes came from whom.
    pub fn end(&self, nonce: &str) -> Heard {
        let Some(Running { watch, threads }) = self.running().remove(nonce) else { return Vec::new() };
        watch.over.store(true, Ordering::Relaxed);
        // The ports are free when this returns.
        for thread in threads {
            let _ = thread.join();
        }
        let heard = watch.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|(peer, count)| (*peer, *count)).collect()
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.running().values().for_each(|running| running.watch.over.store(true, Ordering::Relaxed));
    }
}

/// Waits for something to read, for a tick at most.
pub(super) fn readable(socket: impl AsFd, wait: Duration) -> bool {
    let timeout = Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    };
    let mut polled = [PollFd::new(&socket, PollFlags::IN)];
    matches!(poll(&mut polled, Some(&timeout)), Ok(1..))
}

fn hear_tcp(listener: TcpListener, port: u16, watch: &Arc<Watch>) -> std::io::Result<JoinHandle<()>> {
    listener.set_nonblocking(true)?;
    let watch = Arc::clone(watch);
    let at_once = Arc::new(AtomicUsize::new(0));
    Ok(thread::spawn(move || {
        while !watch.is_over() {
            if !readable(&listener, TICK) {
                continue;
            }
            let Ok((stream, peer)) = listener.accept() else { continue };
            if !watch.peers.contains(&peer.ip()) || at_once.load(Ordering::Relaxed) >= MOST_AT_ONCE {
                continue;
            }
            at_once.fetch_add(1, Ordering::Relaxed);
            let (watch, at_once) = (Arc::clone(&watch), Arc::clone(&at_once));
            thread::spawn(move || {
                let _ = converse(stream, port, &watch.nonce);
                at_once.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }))
}

/// Answers one question. The peer closes first: the port is then free again at once, without a connection that lingers.
fn converse(mut stream: TcpStream, port: u16, nonce: &str) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TURN))?;
    stream.set_write_timeout(Some(TURN))?;
    let mut said = Vec::new();
    let mut piece = [0; word::LOOKED_AT];
    while !said.contains(&b'\n') && said.len() < word::LOOKED_AT {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        said.extend_from_slice(&piece[..read]);
    }
    if let Some(number) = word::asked(&said, nonce) {
        stream.write_all(word::answer(nonce, port, number).as_bytes())?;
        // What comes, comes too late; the end is what is waited for.
        let _ = stream.read(&mut piece)?;
    }
    Ok(())
}

fn hear_udp(socket: UdpSocket, port: u16, watch: &Arc<Watch>) -> std::io::Result<JoinHandle<()>> {
    socket.set_nonblocking(true)?;
    let watch = Arc::clone(watch);
    Ok(thread::spawn(move || {
        let mut packet = vec![0; 65_536];
        while !watch.is_over() {
            if !readable(&socket, TICK) {
                continue;
            }
            let Ok((length, peer)) = socket.recv_from(&mut packet) else { continue };
            if !watch.peers.contains(&peer.ip()) {
                continue;
            }
            let Some(number) = word::asked(&packet[..length], &watch.nonce) else { continue };
            let mut heard = watch.heard.lock().unwrap_or_else(PoisonError::into_inner);
            *heard.entry(peer.ip()).or_default() += 1;
            drop(heard);
            // A lost answer is what is being measured.
            let _ = socket.send_to(word::answer(&watch.nonce, port, number).as_bytes(), peer);
        }
    }))
}
