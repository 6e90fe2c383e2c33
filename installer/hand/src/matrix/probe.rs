//! The way to one other host: its ports, how large packets may be, how many are lost, how long they take.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use installer_model::link::{Echo, PathMtu, PortSeen, Probed, Probing, Reach};
use installer_model::survey::Protocol;
use installer_wire::{Failure, FailureKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

use super::listen::readable;
use super::word;

/// Longer would keep a round of pairs waiting for one bad one.
const MOST_PATIENCE: Duration = Duration::from_secs(10);
const MOST_ECHOES: u32 = 1000;
/// Between two small datagrams: a burst would measure queues.
const PACE: Duration = Duration::from_millis(1);
/// How long packets of one size are waited for beyond the usual round trip.
const SIZE_PATIENCE: Duration = Duration::from_millis(400);
/// Each size is tried so often: a lost packet is no small MTU.
const TRIES: u32 = 4;
/// IPv4's least that every network carries, with its header.
const SMALLEST: u32 = 576;

/// Finds out everything that is asked. All ports at once; then, over a UDP port that answered, loss and latency, and
/// then sizes.
pub fn probe(wanted: &Probing) -> Result<Probed, Failure> {
    if !word::is_nonce(&wanted.nonce) {
        return Err(Failure::new(FailureKind::Invalid, "the nonce is not 16 to 64 letters and digits"));
    }
    let patience = Duration::from_millis(wanted.patience_ms).min(MOST_PATIENCE);
    let ports: Vec<PortSeen> = thread::scope(|scope| {
        let asked: Vec<_> = wanted
            .ports
            .iter()
            .map(|(protocol, port, listens)| {
                let reach = scope.spawn(move || match protocol {
                    Protocol::Tcp => over_tcp(wanted, *port, *listens, patience),
                    Protocol::Udp if *listens => over_udp(wanted, *port, patience),
                    Protocol::Udp => Reach::Untested,
                });
                (*protocol, *port, reach)
            })
            .collect();
        asked
            .into_iter()
            .map(|(protocol, port, reach)| {
                let reach = reach.join().unwrap_or(Reach::Untested);
                PortSeen { protocol, port, reach }
            })
            .collect()
    });
    let open = ports.iter().find(|seen| seen.protocol == Protocol::Udp && seen.reach == Reach::Open);
    let Some(port) = open.map(|seen| seen.port) else { return Ok(Probed { ports, mtu: None, echo: None }) };
    let echo = echo(wanted, port, patience).ok();
    let round_trip = Duration::from_micros(echo.map_or(0, |echo| echo.median_us));
    let mtu = wanted.mtu.and_then(|mtu| path_mtu(wanted, port, mtu, round_trip).ok());
    Ok(Probed { ports, mtu, echo })
}

fn over_tcp(wanted: &Probing, port: u16, listens: bool, patience: Duration) -> Reach {
    let until = Instant::now() + patience;
    let to = SocketAddr::new(wanted.to, port);
    match connected(wanted.from, to, patience) {
        // Something else holds the port there: that it takes connections is all there is to know.
        Ok(_) if !listens => Reach::Open,
        Ok(stream) => match greet(stream, &wanted.nonce, port, until) {
            Ok(true) => Reach::Open,
            Ok(false) | Err(_) => Reach::Stranger,
        },
        Err(error) => refused(&error, listens),
    }
}

fn refused(error: &io::Error, listens: bool) -> Reach {
    match error.kind() {
        io::ErrorKind::TimedOut => Reach::Silent,
        // What holds the port may hold it on another address.
        io::ErrorKind::ConnectionRefused if !listens => Reach::Untested,
        _ => Reach::Rejected { error: plain(error) },
    }
}

/// Without the number that the standard library puts behind it.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// A connection from this very address: the other side answers no other.
fn connected(from: IpAddr, to: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddr::new(from, 0))?;
    match connect(&socket, &to) {
        Ok(()) => {}
        Err(rustix::io::Errno::INPROGRESS) => {
            let timeout = Timespec {
                tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: patience.subsec_nanos().into(),
            };
            let mut polled = [PollFd::new(&socket, PollFlags::OUT)];
            if poll(&mut polled, Some(&timeout))? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sockopt::socket_error(&socket)??;
        }
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Whether the other side proves that it is the other host's hand.
fn greet(mut stream: TcpStream, nonce: &str, port: u16, until: Instant) -> io::Result<bool> {
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(500));
    stream.set_read_timeout(Some(left))?;
    stream.set_write_timeout(Some(left))?;
    stream.write_all(word::question(nonce, 0).as_bytes())?;
    let mut said = Vec::new();
    let mut piece = [0; word::LOOKED_AT];
    while !said.contains(&b'\n') && said.len() < word::LOOKED_AT {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        said.extend_from_slice(&piece[..read]);
    }
    Ok(word::answered(&said, nonce, port).is_some())
}

/// A socket that only the other host's port can answer.
fn udp_to(wanted: &Probing, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::new(wanted.from, 0))?;
    socket.connect(SocketAddr::new(wanted.to, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn over_udp(wanted: &Probing, port: u16, patience: Duration) -> Reach {
    let until = Instant::now() + patience;
    let Ok(socket) = udp_to(wanted, port) else { return Reach::Untested };
    let mut pause = Duration::from_millis(100);
    while Instant::now() < until {
        // An error that a packet before brought back is told here as well as by recv.
        let sent = socket.send(word::question(&wanted.nonce, 0).as_bytes());
        if let Err(error) = sent
            && error.kind() != io::ErrorKind::WouldBlock
        {
            return Reach::Rejected { error: plain(&error) };
        }
        let again = (Instant::now() + pause).min(until);
        loop {
            match received(&socket, again) {
                Ok(Some(packet)) if word::answered(&packet, &wanted.nonce, port).is_some() => {
                    return Reach::Open;
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Reach::Rejected { error: plain(&error) },
            }
        }
        pause = (pause * 2).min(Duration::from_millis(800));
    }
    Reach::Silent
}

/// The next packet before `until`.
fn received(socket: &UdpSocket, until: Instant) -> io::Result<Option<Vec<u8>>> {
    let mut packet = [0; 256];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if !readable(socket, left) {
            return Ok(None);
        }
        match socket.recv(&mut packet) {
            Ok(length) => return Ok(Some(packet[..length].to_vec())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Sends small datagrams at an even pace and takes the time of each.
fn echo(wanted: &Probing, port: u16, patience: Duration) -> io::Result<Echo> {
    let socket = udp_to(wanted, port)?;
    let count = wanted.echoes.clamp(1, MOST_ECHOES);
    let mut sent: BTreeMap<u32, Instant> = BTreeMap::new();
    let mut times: Vec<Duration> = Vec::new();
    let mut take = |sent: &mut BTreeMap<u32, Instant>, until: Instant| -> bool {
        let Ok(Some(packet)) = received(&socket, until) else { return false };
        let number = word::answered(&packet, &wanted.nonce, port);
        if let Some(at) = number.and_then(|number| sent.remove(&number)) {
            times.push(at.elapsed());
        }
        true
    };
    for number in 1..=count {
        sent.insert(number, Instant::now());
        let _ = socket.send(word::question(&wanted.nonce, number).as_bytes());
        let next = Instant::now() + PACE;
        while take(&mut sent, next) {}
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let until = Instant::now() + patience;
    while !sent.is_empty() && take(&mut sent, until) {}
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(Echo {
        sent: count,
        answered: u32::try_from(times.len()).unwrap_or(count),
        median_us: u64::try_from(median.as_micros()).unwrap_or(u64::MAX),
    })
}

/// The largest packet that gets there whole. First the sizes that networks have, all at once; where the largest fails,
/// sizes between the best and the next one.
fn path_mtu(wanted: &Probing, port: u16, largest: u32, round_trip: Duration) -> io::Result<PathMtu> {
    let socket = udp_to(wanted, port)?;
    if wanted.to.is_ipv4() {
        sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
    }
    let passes = largest_of(&socket, wanted, port, &usual_sizes(largest), round_trip)?;
    if passes == largest {
        return Ok(PathMtu { wanted: largest, passes });
    }
    let above = usual_sizes(largest).into_iter().filter(|size| *size > passes).min().unwrap_or(largest);
    let between = sizes_between(passes, above);
    let finer = largest_of(&socket, wanted, port, &between, round_trip)?;
    Ok(PathMtu { wanted: largest, passes: passes.max(finer) })
}

/// What links, tunnels and clouds use, and the one that is wanted.
fn usual_sizes(largest: u32) -> Vec<u32> {
    const USUAL: [u32; 16] =
        [SMALLEST, 1000, 1280, 1300, 1350, 1370, 1400, 1420, 1430, 1440, 1450, 1460, 1476, 1492, 1500, 8900];
    let mut sizes: Vec<u32> = USUAL.into_iter().filter(|size| *size < largest).collect();
    sizes.push(largest);
    sizes
}

fn sizes_between(low: u32, high: u32) -> Vec<u32> {
    const STEPS: u32 = 16;
    let gap = high.saturating_sub(low);
    let mut sizes: Vec<u32> = (1..STEPS).map(|step| low + gap * step / STEPS).collect();
    sizes.dedup();
    sizes.retain(|size| *size > low && *size < high);
    sizes
}

/// The largest of these sizes that was answered, 0 when none was. The number of a question is its size.
fn largest_of(
    socket: &UdpSocket,
    wanted: &Probing,
    port: u16,
    sizes: &[u32],
    round_trip: Duration,
) -> io::Result<u32> {
    let headers = if wanted.to.is_ipv4() { 28 } else { 48 };
    let Some(aim) = sizes.iter().copied().max() else { return Ok(0) };
    let mut best = 0;
    for _ in 0..TRIES {
        for size in sizes.iter().filter(|size| **size > best) {
            let mut packet = word::question(&wanted.nonce, *size).into_bytes();
            packet.resize((size.saturating_sub(headers) as usize).max(packet.len()), b' ');
            // One that is too large for this host's own interface fails here, which is an answer too.
            let _ = socket.send(&packet);
        }
        let until = Instant::now() + SIZE_PATIENCE / TRIES + round_trip * 2;
        while best < aim {
            match received(socket, until) {
                Ok(Some(packet)) => {
                    best = best.max(word::answered(&packet, &wanted.nonce, port).unwrap_or(0))
                }
                Ok(None) => break,
                // "Message too long" of a packet before.
                Err(_) => {}
            }
        }
        if best == aim {
            break;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod sizes {
    use super::*;

    #[test]
    fn the_wanted_size_is_the_largest_that_is_tried() {
        for wanted in [1280, 1400, 1500, 9000] {
            assert_eq!(usual_sizes(wanted).into_iter().max(), Some(wanted));
        }
        assert_eq!(usual_sizes(1400).last(), Some(&1400));
    }

    #[test]
    fn what_lies_between_two_sizes_is_looked_at_evenly() {
        assert_eq!(sizes_between(1400, 1404), [1401, 1402, 1403]);
        assert!(sizes_between(1500, 1501).is_empty());
        assert!(sizes_between(1500, 8900).iter().all(|size| (1501..8900).contains(size)));
    }
}
