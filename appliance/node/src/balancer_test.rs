//! The balancer over real sockets. Each backend listens on an address of its own in 127/8.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

use super::*;

/// Says its name, then sends back what it gets, then how many bytes that was when its client ends.
struct Backend {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Backend {
    async fn start(name: u8) -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(echo(stream, name));
            }
        });
        Backend { address, task }
    }

    /// As the kernel does when a process is killed: the listener and every connection end.
    async fn die(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn echo(mut stream: TcpStream, name: u8) {
    let mut total = 0u64;
    let mut buffer = vec![0; 8192];
    // A probe comes and goes without a word.
    if stream.write_all(&[name]).await.is_err() {
        return;
    }
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        total += length as u64;
        if stream.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    let _ = stream.write_all(&total.to_be_bytes()).await;
}

async fn balancer(addresses: &[SocketAddr]) -> (SocketAddr, Backends, JoinHandle<()>) {
    let backends = Backends::new(addresses);
    let balancer = Balancer::bind("127.0.0.1:0".parse().unwrap(), backends.clone()).await.unwrap();
    (balancer.address().unwrap(), backends, tokio::spawn(balancer.run()))
}

/// A connection and the name of the backend that answered it.
async fn connect(balancer: SocketAddr) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(balancer).await.unwrap();
    let name = stream.read_u8().await.unwrap();
    (stream, name)
}

#[test]
fn loopback_is_local_and_a_documentation_address_is_not() {
    assert!(is_local(IpAddr::from([127, 0, 0, 1])));
    assert!(!is_local(IpAddr::from([192, 0, 2, 1])));
}

#[tokio::test]
async fn a_backend_that_dies_midway_ends_its_connections_and_the_next_go_elsewhere_at_once() {
    let (first, second) = (Backend::start(1).await, Backend::start(2).await);
    let (address, backends, _task) = balancer(&[first.address, second.address]).await;
    let (mut stream, name) = connect(address).await;
    stream.write_all(b"ping").await.unwrap();
    let mut pong = [0; 4];
    stream.read_exact(&mut pong).await.unwrap();
    let (dying, living) = if name == 1 { (first, second) } else { (second, first) };
    dying.die().await;

    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(2), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the client must learn of the end");

    let started = Instant::now();
    for _ in 0..20 {
        let (_, answered) = connect(address).await;
        assert_ne!(answered, name);
    }
    assert!(started.elapsed() < Duration::from_secs(1), "a refused connection costs no time");
    assert_eq!(backends.answering(), (1, 2));
    drop(living);
}

#[tokio::test]
async fn a_refused_connection_is_remembered_without_any_probe() {
    let (dead, living) = (Backend::start(1).await, Backend::start(2).await);
    let backends = Backends::new(&[dead.address, living.address]);
    let dead_address = dead.address;
    dead.die().await;
    for _ in 0..2 {
        let (address, _stream) = backends.connect().await.unwrap();
        assert_eq!(address, living.address);
    }
    assert_eq!(backends.answering(), (1, 2));
    assert_eq!(backends.update(Pool::candidates), [living.address, dead_address]);
}

#[tokio::test]
async fn two_hundred_connections_at_once_each_get_their_own_bytes_back() {
    let (first, second) = (Backend::start(1).await, Backend::start(2).await);
    let (address, _, _task) = balancer(&[first.address, second.address]).await;
    let mut clients = JoinSet::new();
    for client in 0..200u32 {
        clients.spawn(async move {
            let (stream, name) = connect(address).await;
            let (mut read, mut write) = stream.into_split();
            let sent: Vec<u8> = (0..100_000u32).map(|at| (at.wrapping_mul(client + 1) >> 3) as u8).collect();
            let expected = sent.clone();
            let writer = tokio::spawn(async move {
                write.write_all(&sent).await.unwrap();
                write.shutdown().await.unwrap();
            });
            let mut got = Vec::new();
            read.read_to_end(&mut got).await.unwrap();
            writer.await.unwrap();
            assert!(got[..expected.len()] == expected[..], "client {client} got other bytes");
            assert_eq!(got[expected.len()..], (expected.len() as u64).to_be_bytes());
            name
        });
    }
    let names = clients.join_all().await;
    assert_eq!(names.len(), 200);
    assert!(names.contains(&1) && names.contains(&2), "both backends take part");
}

#[tokio::test]
async fn a_client_that_ends_its_half_still_gets_its_answer() {
    let backend = Backend::start(1).await;
    let (address, _, _task) = balancer(&[backend.address]).await;
    let (mut stream, _) = connect(address).await;
    stream.write_all(b"question").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, [b"question".as_slice(), &8u64.to_be_bytes()].concat());
}

#[tokio::test]
async fn a_server_that_ends_its_half_still_gets_what_the_client_sends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, _, _task) = balancer(&[listener.local_addr().unwrap()]).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0, "the end of the server's half arrives");
    client.write_all(b"still here").await.unwrap();
    client.shutdown().await.unwrap();
    let mut got = Vec::new();
    server.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"still here");
}

#[tokio::test]
async fn a_client_that_vanishes_frees_its_backend() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, _, _task) = balancer(&[listener.local_addr().unwrap()]).await;
    let client = TcpStream::connect(address).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    drop(client);
    let ended = timeout(Duration::from_secs(2), server.read(&mut [0; 1])).await;
    assert_eq!(ended.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_new_list_counts_for_new_connections_and_leaves_the_old_alone() {
    let (first, second) = (Backend::start(1).await, Backend::start(2).await);
    let (address, backends, _task) = balancer(&[first.address]).await;
    let (mut old, name) = connect(address).await;
    assert_eq!(name, 1);
    backends.replace(&[second.address]);
    assert_eq!(connect(address).await.1, 2);
    old.write_all(b"x").await.unwrap();
    assert_eq!(old.read_u8().await.unwrap(), b'x');
}

#[tokio::test]
async fn connections_to_a_backend_that_was_given_up_are_cut() {
    let (first, second) = (Backend::start(1).await, Backend::start(2).await);
    let (address, backends, _task) = balancer(&[first.address, second.address]).await;
    let (mut stream, name) = connect(address).await;
    let gone = if name == 1 { first.address } else { second.address };
    // What three rounds do for a host without power. The backend itself would have kept the connection. It answers
    // probes, though, and one of those may come in between: hence more than one attempt.
    let mut cut = false;
    for _ in 0..20 {
        for _ in 0..3 {
            backends.update(|pool| pool.failed(gone));
        }
        if let Ok(ended) = timeout(Duration::from_millis(100), stream.read(&mut [0; 1])).await {
            assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
            cut = true;
            break;
        }
    }
    assert!(cut, "the connection was left open");
    backends.update(|pool| pool.failed(gone));
    assert_ne!(connect(address).await.1, name);
}

#[tokio::test]
async fn a_backend_that_does_not_answer_is_passed_over_after_the_timeout() {
    // A full queue makes the kernel drop what else comes, as a dead host or a firewall does.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let silent = socket.listen(0).unwrap();
    let silent_address = silent.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(silent_address)).await {
        queued.push(stream);
    }
    let living = Backend::start(2).await;
    let (address, _, _task) = balancer(&[silent_address, living.address]).await;
    let started = Instant::now();
    assert_eq!(connect(address).await.1, 2);
    assert!(started.elapsed() < CONNECT_TIMEOUT + Duration::from_secs(1));
    let started = Instant::now();
    assert_eq!(connect(address).await.1, 2);
    assert!(started.elapsed() < Duration::from_millis(500), "the silent one is tried last from now on");
}

#[tokio::test]
async fn with_no_backend_alive_the_client_is_let_go() {
    let dead = Backend::start(1).await;
    let (address, _, _task) = balancer(&[dead.address]).await;
    dead.die().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ended = timeout(Duration::from_secs(1), stream.read(&mut [0; 1])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
}

#[tokio::test]
async fn a_backend_that_comes_back_is_found_without_a_client() {
    let (first, second) = (Backend::start(1).await, Backend::start(2).await);
    let (_, backends, _task) = balancer(&[first.address, second.address]).await;
    backends.update(|pool| pool.failed(first.address));
    assert_eq!(backends.answering(), (1, 2));
    let found = timeout(ROUND * 2, async {
        while backends.answering() != (2, 2) {
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(found.await.is_ok());
}
