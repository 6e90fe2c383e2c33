//! The event stream over real connections.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use appliance_api::DoorLimits;
use appliance_client::{Message, Watch};
use common::{PASSWORD, Server};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

async fn add(server: &Server, name: &str) {
    let body = json!({"name": name, "role": "viewer", "password": PASSWORD});
    server.local().post::<Value>("/api/v1/users", &body).await.unwrap();
}

/// The next message that is no bookmark.
async fn next(watch: &mut Watch) -> Message {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(30), watch.next()).await.unwrap().unwrap();
        if message.event != "bookmark" {
            return message;
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_in_order_and_once_also_after_a_cut() {
    let server = Server::start(DoorLimits::default()).await;
    add(&server, "anna").await;
    let mut watch = server.local().watch("/api/v1/watch?topics=users", Some(0));
    let first = next(&mut watch).await;
    assert_eq!(serde_json::from_str::<Value>(&first.data).unwrap()["id"], "anna");
    add(&server, "ben").await;
    let second = next(&mut watch).await;
    assert_eq!(serde_json::from_str::<Value>(&second.data).unwrap()["id"], "ben");
    // Cut: another connection goes on after what came.
    let after = second.last_id.parse().unwrap();
    drop(watch);
    add(&server, "carl").await;
    add(&server, "dora").await;
    let mut watch = server.local().watch("/api/v1/watch?topics=users", Some(after));
    for name in ["carl", "dora"] {
        let message = next(&mut watch).await;
        assert_eq!(serde_json::from_str::<Value>(&message.data).unwrap()["id"], name);
        assert!(message.last_id.parse::<u64>().unwrap() > after);
    }
}

#[tokio::test]
async fn a_stream_begins_with_where_it_is_and_ends_with_the_server() {
    let server = Server::start(DoorLimits::default()).await;
    add(&server, "anna").await;
    let mut watch = server.local().watch("/api/v1/watch", None).with_patience(Duration::ZERO);
    let mark = watch.next().await.unwrap();
    assert_eq!((mark.event.as_str(), mark.numbered), ("bookmark", true));
    assert_eq!(mark.last_id, server.app.store().last_index().unwrap().to_string());
    server.serving.close().await;
    let ended = tokio::time::timeout(Duration::from_secs(20), watch.next()).await.unwrap();
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn a_position_that_never_was_is_refused() {
    let server = Server::start(DoorLimits::default()).await;
    let refused = server.local().watch("/api/v1/watch", Some(1 << 40)).next().await.unwrap_err();
    assert_eq!(refused.problem().unwrap().slug(), "conflict");
    let refused = server.local().watch("/api/v1/watch?topics=nonsense", None).next().await.unwrap_err();
    assert_eq!(refused.problem().unwrap().slug(), "invalid");
}

/// The number of open streams, as the metrics say.
async fn watchers(server: &Server) -> String {
    let page = server.local().get_bytes("/metrics").await.unwrap().value;
    let page = String::from_utf8_lossy(&page).into_owned();
    page.lines().find_map(|line| line.strip_prefix("armilla_watchers ")).unwrap().to_owned()
}

#[tokio::test]
async fn who_stops_reading_is_dropped_and_who_reads_on_is_not() {
    let limits = DoorLimits { stalled: Duration::from_millis(500), ..DoorLimits::default() };
    let server = Server::start(limits).await;
    server.happen();
    let mut reads = server.local().watch("/api/v1/watch?topics=secrets", Some(0));
    let mut stops = tokio::net::UnixStream::connect(server.socket()).await.unwrap();
    stops.write_all(b"GET /api/v1/watch?after=0 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    for _ in 0..100 {
        next(&mut reads).await;
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while watchers(&server).await != "1" {
        assert!(tokio::time::Instant::now() < deadline, "who does not read is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    add(&server, "anna").await;
    let mut users = server.local().watch("/api/v1/watch?topics=users", Some(0));
    next(&mut users).await;
}
