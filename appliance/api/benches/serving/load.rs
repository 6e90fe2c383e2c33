//! Callers: one after the other, many at once, and those who watch.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const FLOOD: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 8;
const AT_ONCE: usize = 16;

/// Whom to ask, and as whom.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) roots: RootCertStore,
    pub(crate) authorization: String,
}

/// A request that is sent again and again.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) body: Bytes,
}

/// What answers to a GET took.
pub(crate) struct Times {
    /// What is read once for all was read in it.
    pub(crate) first: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) bytes: usize,
}

impl Target {
    pub(crate) async fn armilla(address: &str, state: &Path, token: &str) -> Target {
        let socket = state.join("armilla.sock");
        let pem = loop {
            if let Some(transport) = appliance_client::Transport::of_folder(&socket)
                && let Ok(answer) = appliance_client::Client::new(transport).get_bytes("/ca.pem").await
            {
                break answer.value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        Target { address: address.to_owned(), roots, authorization: format!("Bearer {token}") }
    }

    /// A GET of armilla's API.
    pub(crate) fn get(path: &'static str) -> Sent {
        Sent { method: Method::GET, path, kind: "application/json", body: Bytes::new() }
    }

    /// Asks until it is answered as it should be, which is when a server that was just started is there.
    pub(crate) async fn answers(&self, sent: &Sent) {
        while self.answered(sent).await.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn answered(&self, sent: &Sent) -> Option<()> {
        let stream = self.connected(b"h2", TcpStream::connect(&self.address).await.ok()?).await.ok()?;
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let answer = sender.send_request(self.request(sent)).await.ok()?;
        let refused = answer.headers().contains_key("grpc-status");
        let status = answer.status();
        let body = answer.into_body().collect().await.ok()?;
        let ended = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
        (status == 200 && !refused && ended.is_none_or(|status| status == "0")).then_some(())
    }

    async fn connect(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        self.connected(protocol, stream).await.unwrap()
    }

    async fn connected(&self, protocol: &[u8], stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(self.roots.clone())
                .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    pub(crate) async fn http1(&self) -> http1::SendRequest<Full<Bytes>> {
        let stream = self.connect(b"http/1.1").await;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    pub(crate) async fn http2(&self) -> http2::SendRequest<Full<Bytes>> {
        let stream = self.connect(b"h2").await;
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    pub(crate) fn request(&self, sent: &Sent) -> Request<Full<Bytes>> {
        Request::builder()
            .method(sent.method.clone())
            .uri(format!("https://127.0.0.1{}", sent.path))
            .header("authorization", &self.authorization)
            .header("content-type", sent.kind)
            .header("te", "trailers")
            .body(Full::new(sent.body.clone()))
            .unwrap()
    }

    /// As a person does, whose password was set through the socket of this state folder.
    pub(crate) async fn log_in(&self, state: &Path) {
        let client = appliance_client::Transport::of_folder(&state.join("armilla.sock")).unwrap();
        let (name, password) = ("person", "correct horse battery");
        let user = serde_json::json!({"name": name, "role": "admin", "password": password});
        let client = appliance_client::Client::new(client);
        client.post::<serde_json::Value>("/api/v1/users", &user).await.unwrap();
        let login = serde_json::json!({"user": name, "password": password}).to_string();
        let request = Request::post("/api/v1/sessions")
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .body(Full::from(login))
            .unwrap();
        let answer = self.http1().await.send_request(request).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// How long a GET with all of its answer takes, one after the other.
    pub(crate) async fn time(&self, path: &str, times: usize) -> Times {
        let mut sender = self.http1().await;
        let mut took = Vec::with_capacity(times);
        let mut bytes = 0;
        for _ in 0..times {
            let request = Request::get(path)
                .header("host", "127.0.0.1")
                .header("authorization", &self.authorization)
                .body(Full::default())
                .unwrap();
            sender.ready().await.unwrap();
            let begun = Instant::now();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            bytes = answer.into_body().collect().await.unwrap().to_bytes().len();
            took.push(begun.elapsed());
        }
        let first = took[0];
        took.sort();
        Times { first, p50: took[times / 2], p99: took[times * 99 / 100], bytes }
    }

    /// Event streams that the server holds open.
    pub(crate) async fn watchers(&self) -> u64 {
        let answer = self.http2().await.send_request(self.request(&Target::get("/metrics"))).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body);
        let line = text.lines().find_map(|line| line.strip_prefix("armilla_watchers "));
        line.unwrap().parse().unwrap()
    }

    /// Makes events: each change is told once as itself and once as an entry of the audit. Gives how many of the first.
    pub(crate) async fn change(&self, times: usize) -> usize {
        let mut sender = self.http1().await;
        for number in 0..times {
            let role = ["viewer", "operator"][number % 2];
            let request = Request::patch("/api/v1/users/user00000")
                .header("host", "127.0.0.1")
                .header("authorization", &self.authorization)
                .header("content-type", "application/json")
                .body(Full::from(format!("{{\"role\": \"{role}\"}}")))
                .unwrap();
            sender.ready().await.unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap();
        }
        times
    }
}

/// Answers per second and p99 over some seconds.
pub(crate) async fn flood(target: &Target, sent: Sent) -> (f64, Duration) {
    let mut callers = Vec::new();
    let end = Instant::now() + FLOOD;
    for _ in 0..CONNECTIONS {
        let sender = target.http2().await;
        for _ in 0..AT_ONCE {
            let (target, sent, mut sender) = (target.clone(), sent.clone(), sender.clone());
            callers.push(tokio::spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < end {
                    sender.ready().await.unwrap();
                    let begun = Instant::now();
                    let answer = sender.send_request(target.request(&sent)).await.unwrap();
                    assert_eq!(answer.status(), 200);
                    let body = answer.into_body().collect().await.unwrap();
                    let refused = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
                    assert!(refused.is_none_or(|status| status == "0"), "{refused:?}");
                    took.push(begun.elapsed());
                }
                took
            }));
        }
    }
    let mut took = Vec::new();
    for caller in callers {
        took.extend(caller.await.unwrap());
    }
    took.sort();
    (took.len() as f64 / FLOOD.as_secs_f64(), took[took.len() * 99 / 100])
}

/// Readers who ask for everything that ever happened and take none of it.
pub(crate) async fn stall(target: &Target, count: usize) -> Vec<TlsStream<TcpStream>> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let socket = TcpSocket::new_v4().unwrap();
        // So that the kernels hold little of it.
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(target.address.parse().unwrap()).await.unwrap();
        let mut stream = target.connected(b"http/1.1", stream).await.unwrap();
        let head = format!(
            "GET /api/v1/watch?after=0 HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {}\r\n\r\n",
            target.authorization
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        streams.push(stream);
    }
    streams
}

/// Open streams, and how long what has a time took to each.
pub(crate) struct Streams {
    watchers: usize,
    heard: mpsc::UnboundedReceiver<u64>,
}

pub(crate) async fn watch(target: &Target, topic: &str, count: usize) -> Streams {
    let (tell, heard) = mpsc::unbounded_channel();
    for _ in 0..count {
        let mut sender = target.http1().await;
        let request = Request::get(format!("/api/v1/watch?topics={topic}"))
            .header("host", "127.0.0.1")
            .header("authorization", &target.authorization)
            .body(Full::default())
            .unwrap();
        let mut body = sender.send_request(request).await.unwrap().into_body();
        let tell = tell.clone();
        tokio::spawn(async move {
            // The connection ends with its sender.
            let _sender = sender;
            let mut text = String::new();
            while let Some(Ok(frame)) = body.frame().await {
                let Ok(data) = frame.into_data() else { continue };
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
                text.push_str(&String::from_utf8_lossy(&data));
                // The last message may be cut.
                let Some(end) = text.rfind("\n\n") else { continue };
                for part in text[..end].split("\"at\":").skip(1) {
                    let digits = part.split(|letter: char| !letter.is_ascii_digit()).next();
                    let at: u64 = digits.unwrap().parse().unwrap();
                    let _ = tell.send(now.saturating_sub(at));
                }
                text.drain(..end);
            }
        });
    }
    Streams { watchers: count, heard }
}

impl Streams {
    /// Milliseconds from the decision to the reader, of every event at every reader, sorted.
    pub(crate) async fn lags(mut self, events: usize) -> Vec<u64> {
        let mut lags = Vec::with_capacity(events * self.watchers);
        while lags.len() < events * self.watchers {
            let lag = tokio::time::timeout(Duration::from_secs(60), self.heard.recv()).await;
            lags.push(lag.expect("an event did not come").unwrap());
        }
        lags.sort_unstable();
        lags
    }
}
