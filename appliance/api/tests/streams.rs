//! Streams of one HTTP/2 connection whose callers do not read alike.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use appliance_api::DoorLimits;
use axum::body::Bytes;
use common::{PASSWORD, Server};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// RFC 9113, section 6.9.2: what an HTTP/2 stream may be sent before its reader says that it took some of it.
const WINDOW: u32 = 65_535;

/// Many requests at once, by a reader who gives each its own window and takes only what it asks for.
struct Caller {
    sender: SendRequest<Empty<Bytes>>,
    token: String,
}

impl Caller {
    async fn new(server: &Server) -> Caller {
        let body = json!({"name": "anna", "role": "admin", "password": PASSWORD});
        server.local().post::<Value>("/api/v1/users", &body).await.unwrap();
        let body = json!({"name": "test", "user": "anna", "role": "admin"});
        let token = server.local().post::<Value>("/api/v1/tokens", &body).await.unwrap().value;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(server.authority.clone())).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(server.serving.address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        // All streams together may be sent more than one that stops.
        builder.initial_stream_window_size(WINDOW).initial_connection_window_size(16 * WINDOW);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Caller { sender, token: token["secret"].as_str().unwrap().to_owned() }
    }

    async fn get(&self, path: &str) -> Response<Incoming> {
        let request = Request::get(format!("https://127.0.0.1{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .body(Empty::new())
            .unwrap();
        let answer = self.sender.clone().send_request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer
    }

    async fn watchers(&self) -> u64 {
        let page = self.get("/metrics").await.into_body().collect().await.unwrap().to_bytes();
        let page = String::from_utf8_lossy(&page).into_owned();
        page.lines().find_map(|line| line.strip_prefix("armilla_watchers ")).unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_let_go_while_its_connection_lives() {
    let stalled = Duration::from_millis(700);
    let server = Server::start(DoorLimits { stalled, ..DoorLimits::default() }).await;
    server.happen();
    let caller = Caller::new(&server).await;
    // It is quiet after its first words: there is nothing that its reader could take.
    let quiet = caller.get("/api/v1/watch?topics=drafts").await;
    let stops = caller.get("/api/v1/watch?topics=secrets&after=0").await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while caller.watchers().await > 1 {
        assert!(tokio::time::Instant::now() < deadline, "who does not read is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What was on its way comes, and then the reset.
    let mut body = stops.into_body();
    let mut came = 0;
    let ended = loop {
        match body.frame().await {
            Some(Ok(frame)) => came += frame.into_data().unwrap().len(),
            other => break other,
        }
    };
    assert!(ended.is_some_and(|ended| ended.is_err()), "it ended as if it were whole");
    assert!(came <= WINDOW as usize, "{came}");
    tokio::time::sleep(stalled * 2).await;
    assert_eq!(caller.watchers().await, 1, "only who had nothing to take is still there");
    drop(quiet);
}

#[tokio::test]
async fn a_stream_that_is_read_slowly_goes_on() {
    let stalled = Duration::from_secs(3);
    let server = Server::start(DoorLimits { stalled, ..DoorLimits::default() }).await;
    server.happen();
    let caller = Caller::new(&server).await;
    let mut slow = caller.get("/api/v1/watch?topics=secrets&after=0").await.into_body();
    // Some now, some then, and in twice the limit far from all.
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < stalled * 2 {
        slow.frame().await.unwrap().unwrap();
        slow.frame().await.unwrap().unwrap();
        tokio::time::sleep(stalled / 10).await;
    }
    assert_eq!(caller.watchers().await, 1);
    let answer = caller.get("/openapi.json").await.into_body().collect().await.unwrap().to_bytes();
    assert!(answer.len() > 200_000, "an answer of many pieces is whole: {}", answer.len());
    serde_json::from_slice::<Value>(&answer).unwrap();
}
