//! Callers who take their time, a byte at a time: each is let go after a while, and the others are served meanwhile.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use appliance_api::DoorLimits;
use common::Server;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Short, so that nobody waits for the real ones; the trickle below is faster than each of them.
const LIMITS: fn() -> DoorLimits = || {
    let moment = Duration::from_millis(700);
    DoorLimits { handshake: moment, head: moment, body: moment, idle: moment, ..DoorLimits::default() }
};
/// However slow the machine is.
const LONG: Duration = Duration::from_secs(60);

async fn plain(server: &Server) -> TcpStream {
    TcpStream::connect(server.serving.address).await.unwrap()
}

async fn tls(server: &Server, protocol: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(server.authority.clone())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("127.0.0.1").unwrap(), plain(server).await).await.unwrap()
}

/// Sends `begin`, then `more` again and again, a piece each 50 ms, until the server has had enough. Gives what it said.
async fn trickle<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, begin: &[u8], more: &[u8]) -> Vec<u8> {
    let sending = async {
        let mut answer = Vec::new();
        if stream.write_all(begin).await.is_err() || stream.flush().await.is_err() {
            return answer;
        }
        let mut piece = [0; 4096];
        let mut letters = more.chunks(1).cycle();
        loop {
            tokio::select! {
                read = stream.read(&mut piece) => match read {
                    Ok(0) | Err(_) => return answer,
                    Ok(read) => answer.extend_from_slice(&piece[..read]),
                },
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    let letter = letters.next().unwrap_or_default();
                    // What cannot be sent any more may have been answered.
                    let _ = stream.write_all(letter).await;
                    let _ = stream.flush().await;
                }
            }
        }
    };
    tokio::time::timeout(LONG, sending).await.expect("the server holds on to who never ends")
}

/// The record of a TLS handshake that announces 16 KiB, of which a byte comes now and then.
const HELLO: &[u8] = &[0x16, 3, 1, 0x40, 0];
/// RFC 9113, section 3.4, and a SETTINGS frame without settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// HEADERS without END_HEADERS on stream 1: CONTINUATION would have to follow.
const HALF_A_HEAD: &[u8] = &[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_byte_at_a_time_is_let_go_and_others_are_served() {
    let server = Arc::new(Server::start(LIMITS()).await);
    let over = |protocol: &'static [u8], begin: &'static [u8], more: &'static [u8]| {
        let server = server.clone();
        tokio::spawn(async move { trickle(tls(&server, protocol).await, begin, more).await })
    };
    let bare = |begin: &'static [u8], more: &'static [u8]| {
        let server = server.clone();
        tokio::spawn(async move { trickle(plain(&server).await, begin, more).await })
    };
    let half_a_head = [PREFACE, HALF_A_HEAD].concat().leak();
    let cut_off = vec![
        ("nothing", bare(b"", b"")),
        ("a TLS handshake", bare(HELLO, b"\x01")),
        ("a request without TLS", bare(b"GET / HTTP/1.1\r\n", b"x")),
        ("a request line", over(b"http/1.1", b"GET /", b"x")),
        ("headers", over(b"http/1.1", b"GET /livez HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n")),
        ("no preface of HTTP/2", over(b"h2", b"", b"")),
        ("half a preface of HTTP/2", over(b"h2", &PREFACE[..9], b"")),
        ("nothing after the preface", over(b"h2", PREFACE, b"")),
        ("half of the headers of HTTP/2", over(b"h2", half_a_head, b"")),
    ];
    let post = b"POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let announced = [&post[..], b"content-length: 1000\r\n\r\n{"].concat().leak();
    let chunked = [&post[..], b"transfer-encoding: chunked\r\n\r\n"].concat().leak();
    let bodies = vec![
        ("a body", over(b"http/1.1", announced, b" ")),
        ("a body in chunks", over(b"http/1.1", chunked, b"1\r\n \r\n")),
    ];
    let crowd: Vec<_> = (0..40).map(|_| bare(HELLO, b"\x01")).collect();

    let client = server.public();
    for _ in 0..20 {
        let live = tokio::time::timeout(LONG, client.get_bytes("/livez")).await.expect("others wait");
        assert_eq!(live.unwrap().value, "ok\n");
    }
    for (what, trickling) in cut_off {
        let answer = String::from_utf8_lossy(&trickling.await.unwrap()).into_owned();
        assert!(!answer.contains("HTTP/1.1 2"), "{what}: {answer}");
    }
    for (what, trickling) in bodies {
        let answer = String::from_utf8_lossy(&trickling.await.unwrap()).into_owned();
        assert!(answer.starts_with("HTTP/1.1 408"), "{what}: {answer}");
        assert!(answer.contains("urn:armilla:problem:slow-request"), "{what}: {answer}");
    }
    for trickling in crowd {
        trickling.await.unwrap();
    }
    assert_eq!(client.get_bytes("/livez").await.unwrap().value, "ok\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_refused_as_soon_as_it_is_too_long() {
    let server = Server::start(DoorLimits::default()).await;
    let mut stream = tls(&server, b"http/1.1").await;
    let head = b"POST /api/v1/setup HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let chunk = [&b"4000\r\n"[..], &[b' '; 0x4000], b"\r\n"].concat();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let sending = tokio::spawn(async move {
        let mut sent = 0_usize;
        while writing.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
            assert!(sent < 1 << 30, "it takes whatever comes");
        }
        sent
    });
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let reading = async {
        while !String::from_utf8_lossy(&answer).contains("too-large") {
            match reading.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(read) => answer.extend_from_slice(&piece[..read]),
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = tokio::time::timeout(LONG, reading).await.expect("an answer while the body goes on");
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("too-large"), "{answer}");
    let sent = tokio::time::timeout(LONG, sending).await.expect("it reads for ever").unwrap();
    assert!(sent < 256 << 20, "{sent}");
}
