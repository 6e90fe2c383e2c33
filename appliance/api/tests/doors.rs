//! The doors as callers find them, well-behaved and not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use appliance_api::DoorLimits;
use common::Server;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

#[tokio::test]
async fn the_same_routes_answer_over_tls_and_through_the_socket() {
    let server = Server::start(DoorLimits::default()).await;
    let problem = server.public().get::<Value>("/api/v1/version").await.unwrap_err();
    assert_eq!(problem.problem().unwrap().kind, "urn:armilla:problem:login-needed");
    let version = server.local().get::<Value>("/api/v1/version").await.unwrap().value;
    assert_eq!(version["version"], "test");
    let mode = std::fs::metadata(server.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for client in [server.public(), server.local()] {
        assert_eq!(client.get_bytes("/livez").await.unwrap().value, "ok\n");
        assert_eq!(client.get_bytes("/readyz").await.unwrap().value, "ok\n");
    }
    let socket = server.socket();
    server.serving.close().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn without_tls_one_is_told_where_to_go() {
    let server = Server::start(DoorLimits::default()).await;
    let mut stream = TcpStream::connect(server.serving.address).await.unwrap();
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: box:1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 308 Permanent Redirect\r\nLocation: https://box:1/x\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_let_go() {
    let limits = DoorLimits { handshake: Duration::from_millis(200), ..DoorLimits::default() };
    let server = Server::start(limits).await;
    for words in [&b""[..], b"GET / HT", b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(server.serving.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut [0; 64])).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "{words:?}: {read:?}");
    }
}

#[tokio::test]
async fn one_too_many_is_turned_away_and_a_place_comes_back() {
    let server = Server::start(DoorLimits { connections: 2, ..DoorLimits::default() }).await;
    let first = TcpStream::connect(server.serving.address).await.unwrap();
    let _second = TcpStream::connect(server.serving.address).await.unwrap();
    let mut third = TcpStream::connect(server.serving.address).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(20), third.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    drop(first);
    // The door hears of the leaving a moment later.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while server.public().get_bytes("/livez").await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "no place came back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_no_route_answers_is_a_problem_document_too() {
    let server = Server::start(DoorLimits::default()).await;
    let client = server.local();
    let problem = client.get::<Value>("/api/v1/nonsense").await.unwrap_err();
    assert_eq!(problem.problem().unwrap().kind, "urn:armilla:problem:not-found");
    let problem = client.post::<Value>("/livez", &Value::Null).await.unwrap_err();
    assert_eq!(problem.problem().unwrap().kind, "urn:armilla:problem:method-not-allowed");
}

#[tokio::test]
async fn half_a_body_and_a_caller_who_leaves_harm_nobody() {
    let server = Server::start(DoorLimits::default()).await;
    for words in [
        &b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"na"[..],
        b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"n",
        b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let mut stream = UnixStream::connect(server.socket()).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{:?} hangs", String::from_utf8_lossy(words));
    }
    assert_eq!(server.local().get::<Value>("/api/v1/users").await.unwrap().value["total"], 0);
}
