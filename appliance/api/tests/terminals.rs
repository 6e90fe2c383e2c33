//! The doors of terminals, and of what is said of clusters: tried without a host that answers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use appliance_api::DoorLimits;
use appliance_store::ledger::{Actor, AuditEntry, Command, Expected, SiteCommand};
use common::{Direct, Server, ask};
use installer_model::site::Site;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A site whose only host is a port of this machine that nobody listens on.
fn site() -> Command {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: plant}}\nssh: {{user: root, keyFile: /nowhere, port: {free}}}\n\
         hosts:\n  - {{name: h1, address: 127.0.0.1, clusterAddress: 10.9.9.9, roles: [control-plane, worker]}}\n"
    );
    let name = "plant".to_owned();
    Command::Sites(SiteCommand::Put { name, text, bundle: None, expected: Expected::Any })
}

/// From now on the site's cluster stands, as far as the instance knows.
fn found(direct: &Direct, site: Command) {
    let Command::Sites(SiteCommand::Put { name, text, .. }) = site else { unreachable!("{site:?}") };
    direct.app.store().put_site(&name, &Site::parse(&text).unwrap()).unwrap();
}

async fn said(server: &Server, path: &str, more: &str) -> String {
    String::from_utf8(handshake(server, path, more).await).unwrap()
}

/// What a WebSocket's handshake is answered with, through the unix socket.
async fn handshake(server: &Server, path: &str, more: &str) -> Vec<u8> {
    let mut stream = UnixStream::connect(server.socket()).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: box:9443\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("}\n") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.unwrap().unwrap();
        if read == 0 || close_frame(&answer).is_some() || answer.ends_with(b"}") {
            break;
        }
    }
    answer
}

/// The reason in the close frame of a server that switched protocols, once it is there whole: 0x88, the payload's length, a code
/// of two bytes, the reason.
fn close_frame(answer: &[u8]) -> Option<String> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let [0x88, length, payload @ ..] = &answer[head + 4..] else { return None };
    let payload = payload.get(..usize::from(*length))?;
    Some(String::from_utf8(payload[2..].to_vec()).unwrap())
}

const PATIENCE: Duration = Duration::from_secs(60);

const SHELL: &str = "/api/v1/sites/plant/hosts/h1/shell";

#[tokio::test]
async fn a_page_of_another_origin_opens_no_terminal() {
    let server = Server::start(DoorLimits::default()).await;
    server.app.store().submit(&Actor::Instance, &site()).unwrap();
    for more in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let answer = said(&server, SHELL, more).await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("cross-origin"), "{answer}");
    }
    let entries = server.app.store().rows::<AuditEntry>(None, 100).unwrap();
    assert!(entries.iter().all(|(_, entry)| entry.said.action != "terminal.open"));
}

#[tokio::test]
async fn a_terminal_that_cannot_be_opened_is_a_problem_and_is_noted() {
    let server = Server::start(DoorLimits::default()).await;
    server.app.store().submit(&Actor::Instance, &site()).unwrap();
    let answer = said(&server, SHELL, "Origin: https://box:9443\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("/hosts/h1"), "{answer}");
    let entries = server.app.store().rows::<AuditEntry>(None, 100).unwrap();
    let said: Vec<_> = entries.iter().map(|(_, entry)| &entry.said).collect();
    let opened = said.iter().find(|said| said.action == "terminal.open").unwrap();
    assert_eq!((opened.id.as_str(), opened.actor.as_str()), ("plant/hosts/h1", "local root"));
    assert_eq!(opened.detail["from"], "local");
    let closed = said.iter().find(|said| said.action == "terminal.close").unwrap();
    assert_eq!(closed.detail["why"], "it could not be opened");
}

#[tokio::test]
async fn a_page_learns_from_the_end_of_a_terminal_why_there_is_none() {
    let server = Server::start(DoorLimits::default()).await;
    server.app.store().submit(&Actor::Instance, &site()).unwrap();
    let answer = handshake(&server, &format!("{SHELL}?refusalOnClose=true"), "").await;
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    let reason = close_frame(&answer).unwrap();
    assert!(reason.starts_with("Failed to find the private key"), "{reason}");
    let entries = server.app.store().rows::<AuditEntry>(None, 100).unwrap();
    assert!(entries.iter().any(|(_, entry)| entry.said.action == "terminal.close"));
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_no_websocket_is_told_so() {
    let server = Server::start(DoorLimits::default()).await;
    server.app.store().submit(&Actor::Instance, &site()).unwrap();
    for path in ["/api/v1/sites/other/hosts/h1/shell", "/api/v1/sites/plant/hosts/h9/shell"] {
        let answer = said(&server, path, "").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    let wrong = said(&server, &format!("{SHELL}?term=x;reboot"), "").await;
    assert!(wrong.starts_with("HTTP/1.1 422"), "{wrong}");
    let direct = Direct::new();
    let said = direct.hear(ask("GET", SHELL)).await;
    assert_eq!((said.status.as_u16(), said.problem()), (426, "upgrade-needed"));
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_somebody_elses_fault() {
    let direct = Direct::new();
    assert_eq!(direct.hear(ask("GET", "/api/v1/clusters/plant/nodes")).await.status, 404);
    let site = site();
    direct.app.store().submit(&Actor::Instance, &site).unwrap();
    let said = direct.hear(ask("GET", "/api/v1/clusters/plant/nodes")).await;
    assert_eq!((said.status.as_u16(), said.problem()), (404, "not-found"), "no host is asked: {said:?}");
    found(&direct, site);
    // No file of this machine is read in the place of what nobody gave.
    let said = direct.hear(ask("GET", "/api/v1/clusters/plant/nodes")).await;
    assert_eq!((said.status.as_u16(), said.problem()), (502, "not-let-in"), "{said:?}");
    let listed = direct.hear(ask("GET", "/api/v1/sites/plant/credentials")).await;
    let path = format!("/api/v1/sites/plant/credentials/{}", listed.json["items"][0]["id"].as_str().unwrap());
    let given = direct.hear(ask("PUT", &path).json(&serde_json::json!({"secret": "a key"}))).await;
    assert_eq!(given.status, 204, "{given:?}");
    for path in ["", "/nodes", "/nodes/h1", "/pods", "/events", "/workloads", "/addons", "/certificates"] {
        let said = direct.hear(ask("GET", &format!("/api/v1/clusters/plant{path}"))).await;
        assert_eq!((said.status.as_u16(), said.problem()), (502, "upstream"), "{path}: {said:?}");
        assert_eq!(said.json["errors"][0]["pointer"], "/hosts/h1", "{path}");
    }
    let said = direct.hear(ask("GET", "/api/v1/clusters/plant/pods?limit=0")).await;
    assert_eq!((said.status.as_u16(), said.problem()), (422, "invalid"));
}
