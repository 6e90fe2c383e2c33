//! The client against servers on loopback that answer from a script, byte by byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use appliance_client::{Address, Body, Client, ClientError, Handler, Pin, Transport, look};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

/// What is answered to the n-th request, by the request's text; `None` cuts the connection.
type Script = Arc<dyn Fn(usize, &str) -> Option<String> + Send + Sync>;
type Heard = Arc<Mutex<Vec<String>>>;

fn ok(body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 200 OK\r\netag: \"7\"\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

/// A request's head and body.
async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if read == 0 {
                return text;
            }
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if read == 0 || body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, heard: &Heard, script: &Script) {
    let request = read(&mut stream).await;
    if request.is_empty() {
        return;
    }
    let number = {
        let mut heard = heard.lock().unwrap();
        heard.push(request.clone());
        heard.len() - 1
    };
    if let Some(answer) = script(number, &request) {
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
    }
}

struct Socket {
    _folder: tempfile::TempDir,
    client: Client,
    heard: Heard,
}

fn at_socket(script: impl Fn(usize, &str) -> Option<String> + Send + Sync + 'static) -> Socket {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("armilla.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let heard = Heard::default();
    let script: Script = Arc::new(script);
    tokio::spawn({
        let heard = heard.clone();
        async move {
            loop {
                serve(listener.accept().await.unwrap().0, &heard, &script).await;
            }
        }
    });
    Socket { _folder: folder, client: Client::new(Transport::Socket(path)), heard }
}

/// A server's authority and a certificate of it, for `names`.
fn authority(names: &[&str]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    (authority.der().to_vec(), leaf.der().to_vec(), key.serialize_der())
}

async fn over_tls(certificates: &[&[u8]], key: &[u8]) -> (Address, Heard) {
    let chain = certificates.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    let key = PrivateKeyDer::try_from(key.to_vec()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (heard, script) = (Heard::default(), Arc::new(|_: usize, _: &str| ok("{}")) as Script);
    tokio::spawn({
        let heard = heard.clone();
        async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let stream = listener.accept().await.unwrap().0;
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, &heard, &script).await;
                }
            }
        }
    });
    (address, heard)
}

#[tokio::test]
async fn a_pinned_server_is_asked_under_whatever_name_it_is_reached() {
    let (authority, leaf, key) = authority(&["plant-7.example"]);
    let (address, heard) = over_tls(&[&leaf, &authority], &key).await;
    let pin = look(&address).await.unwrap();
    assert_eq!(pin.der(), authority);
    assert!(heard.lock().unwrap().is_empty(), "a server that is only looked at is told nothing");
    let client = Client::new(Transport::pinned(&address, &pin).unwrap()).with_token("canary");
    client.get::<Value>("/api/v1/sites").await.unwrap();
    let request = heard.lock().unwrap().join("");
    assert!(request.contains("authorization: Bearer canary\r\n"), "{request}");
    assert!(request.contains(&format!("host: {}\r\n", address.authority())), "{request}");
}

#[tokio::test]
async fn a_server_of_another_authority_hears_no_token() {
    let (presented, leaf, key) = authority(&["localhost"]);
    let (pinned, ..) = authority(&["localhost"]);
    let (address, heard) = over_tls(&[&leaf, &presented], &key).await;
    let client = Client::new(Transport::pinned(&address, &Pin::new(pinned)).unwrap()).with_token("canary");
    let error = client.get::<Value>("/").await.unwrap_err();
    assert!(matches!(error, ClientError::Trust { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 7);
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_show_its_own_authority_is_not_offered_for_pinning() {
    let (_, leaf, key) = authority(&["localhost"]);
    let (address, _) = over_tls(&[&leaf], &key).await;
    assert!(matches!(look(&address).await, Err(ClientError::Trust { .. })));
    let (other, ..) = authority(&["localhost"]);
    let (address, _) = over_tls(&[&leaf, &other], &key).await;
    assert!(matches!(look(&address).await, Err(ClientError::Trust { .. })));
}

#[tokio::test]
async fn a_problem_comes_with_its_exit_code() {
    let server = at_socket(|_, _| {
        let body = r#"{"type":"urn:armilla:problem:not-found","detail":"find site x"}"#;
        Some(format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    });
    let error = server.client.get::<Value>("/api/v1/sites/x").await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.exit_code()), ("find site x", 3));
    let nobody = Client::new(Transport::Socket("/nonexistent/armilla.sock".into()));
    assert_eq!(nobody.get::<Value>("/").await.unwrap_err().exit_code(), 8);
    assert!(Transport::of_folder("/nonexistent/armilla.sock".as_ref()).is_none());
}

/// The server did it, the answer got lost: asking again with the same key does not do it twice.
#[tokio::test]
async fn a_change_whose_answer_got_lost_is_asked_for_again_with_the_same_key() {
    let server = at_socket(|number, _| if number == 0 { None } else { ok(r#"{"id":"r-1"}"#) });
    let answer = server.client.post::<Value>("/api/v1/runs", &json!({"plan": "x"})).await.unwrap();
    assert_eq!((&answer.value, answer.etag()), (&json!({"id": "r-1"}), Some("\"7\"")));
    let heard = server.heard.lock().unwrap();
    let key = |text: &str| text.lines().find(|line| line.starts_with("idempotency-key: ")).map(str::to_owned);
    assert_eq!(heard.len(), 2);
    assert!(key(&heard[0]).is_some());
    assert_eq!(heard[0], heard[1]);
}

#[tokio::test]
async fn a_change_names_the_revision_that_it_is_for() {
    let server = at_socket(|_, _| ok(""));
    let changed = server.client.change::<()>(Method::PUT, "/x", &json!({}), Some("\"7\"")).await;
    changed.unwrap();
    assert!(server.heard.lock().unwrap()[0].contains("if-match: \"7\"\r\n"));
}

#[tokio::test]
async fn a_stream_that_was_cut_goes_on_behind_the_last_event_that_came() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let server = at_socket(move |number, _| match number {
        // Cut within the third event.
        0 => Some(format!("{head}id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c")),
        1 => Some("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned()),
        2 => Some(format!("{head}: hello\n\nid: 3\ndata: c\n\n")),
        _ => Some("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned()),
    });
    let mut watch = server.client.watch("/api/v1/watch", None);
    let mut came = Vec::new();
    let error = loop {
        match watch.next().await {
            Ok(message) => came.push(message.data),
            Err(error) => break error,
        }
    };
    assert_eq!(came, ["a", "b", "c"]);
    assert_eq!(error.exit_code(), 7, "who is not let in any more does not try for ever");
    let heard = server.heard.lock().unwrap();
    let after =
        |text: &str| text.lines().find_map(|line| line.strip_prefix("last-event-id: ")).map(str::to_owned);
    let after: Vec<Option<String>> = heard.iter().map(|text| after(text)).collect();
    assert_eq!(after, [None, Some("2".into()), Some("2".into()), Some("3".into())]);
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up() {
    let server = at_socket(|_, _| None);
    let mut watch = server.client.watch("/", None).with_patience(Duration::from_millis(300));
    assert_eq!(watch.next().await.unwrap_err().exit_code(), 8);
}

#[tokio::test]
async fn the_own_process_is_asked_the_same_way() {
    let handler: Handler = Arc::new(|request| {
        Box::pin(async move {
            let said = format!("\"{} {}\"", request.method(), request.uri());
            let body: Body = Full::new(Bytes::from(said)).map_err(|never| match never {}).boxed_unsync();
            hyper::Response::new(body)
        })
    });
    let client = Client::new(Transport::Here(handler));
    assert_eq!(client.get::<String>("/api/v1/runs?limit=1").await.unwrap().value, "GET /api/v1/runs?limit=1");
    let odd = client.get::<Value>("/a b").await.unwrap_err();
    assert!(matches!(odd, ClientError::Request(_)), "{odd:?}");
}
