//! Connections that begin on a host, and terminals on it, by a real sshd on 127.0.0.1.

use std::time::Duration;

use installer_model::secret::Secret;
use installer_ssh::{Hand, Sudo, Terminal};
use installer_wire::terminal::{Size, Typed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Settings, Sshd, hand_program};

async fn hand_on(server: &Sshd) -> Hand {
    Hand::start(&server.target(), &hand_program(), &server.root()).await.unwrap()
}

/// Answers each connection with what it was sent, in capitals, once that has ended.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = Vec::new();
                stream.read_to_end(&mut heard).await.unwrap();
                stream.write_all(&heard.to_ascii_uppercase()).await.unwrap();
            });
        }
    });
    port
}

async fn said_through(hand: &Hand, port: u16, what: &[u8]) -> Vec<u8> {
    let mut stream = hand.dial("127.0.0.1", port).await.unwrap();
    stream.write_all(what).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn connections_begin_on_the_host_many_at_a_time() {
    let server = Sshd::start(&Settings::default());
    let (hand, port) = (hand_on(&server).await, echo().await);
    // More than the ten sessions that a connection may have: these are not sessions.
    let all = (0..24u8).map(|at| {
        let hand = hand.clone();
        tokio::spawn(async move {
            let long = vec![b'a' + at; 300_000];
            assert_eq!(said_through(&hand, port, &long).await, long.to_ascii_uppercase());
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn where_sshd_forwards_no_ports_the_hand_dials() {
    let server = Sshd::start(&Settings { lines: &["AllowTcpForwarding no"], ..Settings::default() });
    let (hand, port) = (hand_on(&server).await, echo().await);
    assert_eq!(said_through(&hand, port, b"hello").await, b"HELLO");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_told_either_way() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for lines in [&[][..], &["AllowTcpForwarding no"]] {
        let server = Sshd::start(&Settings { lines, ..Settings::default() });
        let error = hand_on(&server).await.dial("127.0.0.1", free).await.err().unwrap();
        assert!(error.to_string().contains(&format!("127.0.0.1:{free}")), "{error}");
    }
}

async fn sees(terminal: &mut Terminal, text: &str) -> String {
    let mut seen = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&seen).contains(text) {
            assert_ne!(terminal.output.read_buf(&mut seen).await.unwrap(), 0, "{text:?} in {seen:?}");
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(60), reading).await;
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(read.is_ok(), "{text:?} in {seen:?}");
    seen
}

#[tokio::test]
async fn a_terminal_is_roots_even_behind_a_sudo_that_asks() {
    let server = Sshd::start(&Settings { sudo_password: Some("open sesame"), ..Settings::default() });
    let mut target = server.target();
    target.sudo = Sudo::Password(Secret::new("open sesame"));
    let hand = Hand::start(&target, &hand_program(), &server.root()).await.unwrap();
    let mut terminal = hand.terminal(Size { columns: 100, rows: 30 }, "xterm").await.unwrap();
    drop(hand);
    let line = |text: &str| Typed::Keys(format!("{text}\n").into_bytes());
    terminal.typed.send(line("stty size; echo term=$TERM uid=$(id -u)")).await.unwrap();
    sees(&mut terminal, "term=xterm uid=0").await;
    terminal.typed.send(Typed::Size(Size { columns: 44, rows: 11 })).await.unwrap();
    terminal.typed.send(line("stty size")).await.unwrap();
    sees(&mut terminal, "11 44").await;
    terminal.typed.send(line("exit 3")).await.unwrap();
    let mut rest = Vec::new();
    terminal.output.read_to_end(&mut rest).await.unwrap();
    assert_eq!(terminal.exit.await.unwrap(), Some(3));
}

#[tokio::test]
async fn a_terminal_hangs_up_when_its_user_leaves() {
    let server = Sshd::start(&Settings::default());
    let hand = hand_on(&server).await;
    let mut terminal = hand.terminal(Size { columns: 80, rows: 24 }, "dumb").await.unwrap();
    let stay = "trap '' TERM; echo p''id=$$ r''eady; exec sleep 1000\n";
    terminal.typed.send(Typed::Keys(stay.into())).await.unwrap();
    let seen = sees(&mut terminal, " ready").await;
    let pid = seen.split_once("pid=").and_then(|(_, rest)| rest.split_once(" ready")).unwrap().0.to_owned();
    drop(terminal);
    let gone = async {
        while std::path::Path::new(&format!("/proc/{pid}")).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the shell goes");
    assert!(!hand.is_lost());
}
