use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use installer_model::link::{Listening, Probing, Reach};
use installer_model::survey::Protocol::{Tcp, Udp};

use super::*;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

fn here() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

/// Ports that were free a moment ago.
fn free() -> (u16, u16) {
    let tcp = TcpListener::bind((here(), 0)).unwrap().local_addr().unwrap().port();
    let udp = UdpSocket::bind((here(), 0)).unwrap().local_addr().unwrap().port();
    (tcp, udp)
}

fn listening(ports: (u16, u16), peers: &[&str]) -> Listening {
    Listening {
        nonce: NONCE.to_owned(),
        address: here(),
        peers: peers.iter().map(|peer| peer.parse().unwrap()).collect(),
        ports: vec![(Tcp, ports.0), (Udp, ports.1)],
        hold_ms: 20_000,
    }
}

fn probing(ports: (u16, u16)) -> Probing {
    Probing {
        nonce: NONCE.to_owned(),
        from: here(),
        to: here(),
        ports: vec![(Tcp, ports.0, true), (Udp, ports.1, true)],
        mtu: Some(1500),
        echoes: 20,
        patience_ms: 400,
    }
}

fn reaches(wanted: &Probing) -> Vec<Reach> {
    probe(wanted).unwrap().ports.into_iter().map(|seen| seen.reach).collect()
}

#[test]
fn a_peer_with_the_nonce_is_answered_and_measured() {
    let (listeners, ports) = (Listeners::default(), free());
    assert_eq!(listeners.listen(&listening(ports, &["127.0.0.1"])).unwrap().len(), 2);
    let probed = probe(&probing(ports)).unwrap();
    assert!(probed.ports.iter().all(|seen| seen.reach == Reach::Open), "{probed:?}");
    let echo = probed.echo.unwrap();
    assert_eq!((echo.sent, echo.answered), (20, 20));
    assert_eq!(probed.mtu.unwrap().passes, 1500);
    let heard = listeners.end(NONCE);
    assert!(heard[0].0 == here() && heard[0].1 >= 21, "{heard:?}");
}

#[test]
fn who_is_not_expected_or_does_not_know_the_nonce_hears_nothing() {
    let (listeners, ports) = (Listeners::default(), free());
    listeners.listen(&listening(ports, &["127.0.0.9"])).unwrap();
    assert_eq!(reaches(&probing(ports)), [Reach::Stranger, Reach::Silent]);

    listeners.listen(&listening(ports, &["127.0.0.1"])).unwrap();
    let mut stream = TcpStream::connect((here(), ports.0)).unwrap();
    stream.write_all(b"armilla-probe ffffffffffffffffffffffffffffffff 0\n").unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"");
    assert_eq!(listeners.end(NONCE), []);
}

#[test]
fn a_stranger_on_the_port_is_no_answer() {
    let taken = TcpListener::bind((here(), 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in taken.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n");
        }
    });
    let listeners = Listeners::default();
    assert_eq!(listeners.listen(&listening((port, free().1), &["127.0.0.1"])).unwrap().len(), 1);
    let mut wanted = probing((port, 1));
    wanted.ports.truncate(1);
    assert_eq!(reaches(&wanted), [Reach::Stranger]);
    // Known to be somebody else's: that it takes connections is enough.
    wanted.ports[0].2 = false;
    assert_eq!(reaches(&wanted), [Reach::Open]);
}

#[test]
fn a_port_where_nobody_listens_is_rejected_by_the_host_itself() {
    let ports = free();
    let seen = reaches(&probing(ports));
    assert!(seen.iter().all(|reach| matches!(reach, Reach::Rejected { error } if error.contains("refused"))));
}

#[test]
fn ports_are_free_again_when_it_is_over() {
    let (listeners, ports) = (Listeners::default(), free());
    listeners.listen(&listening(ports, &["127.0.0.1"])).unwrap();
    probe(&probing(ports)).unwrap();
    listeners.end(NONCE);
    let began = Instant::now();
    while TcpListener::bind((here(), ports.0)).is_err() || UdpSocket::bind((here(), ports.1)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(5), "still held");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut short = listening(ports, &["127.0.0.1"]);
    short.hold_ms = 100;
    listeners.listen(&short).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    TcpListener::bind((here(), ports.0)).unwrap();
}

#[test]
fn nonsense_is_refused() {
    let mut wanted = listening((1, 1), &[]);
    wanted.nonce = "short".to_owned();
    assert!(Listeners::default().listen(&wanted).is_err());
    let mut many = listening((1, 1), &[]);
    many.ports = (1..40).map(|port| (Tcp, port)).collect();
    assert!(Listeners::default().listen(&many).is_err());
}
