//! Lists of what stands in tables: pages by key and pages by anything else hold the same, and what was read once is read again
//! when it changed.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use appliance_api::DoorLimits;
use common::Server;
use hyper::Method;
use serde_json::{Value, json};

/// A site whose first host carries the control plane.
fn site(name: &str, hosts: &[&str]) -> Value {
    let host = |(at, name): (usize, &&str)| {
        let role = if at == 0 { "control-plane" } else { "worker" };
        format!("- {{name: {name}, address: 10.0.0.{}, roles: [{role}]}}\n", at + 1)
    };
    let hosts: String = hosts.iter().enumerate().map(host).collect();
    json!({ "text": format!("apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: {name}}}\nhosts:\n{hosts}") })
}

/// Every item of a list, page by page.
async fn walk(server: &Server, list: &str, limit: usize) -> Vec<Value> {
    let (local, mut items, mut go_on) = (server.local(), Vec::new(), String::new());
    loop {
        let page = local.get::<Value>(&format!("{list}limit={limit}{go_on}")).await.unwrap().value;
        let here = page["items"].as_array().unwrap();
        assert!(here.len() <= limit);
        items.extend_from_slice(here);
        match page["continue"].as_str() {
            Some(mark) => go_on = format!("&continue={mark}"),
            None => {
                assert_eq!(page["total"], items.len(), "{list}");
                return items;
            }
        }
    }
}

#[tokio::test]
async fn pages_by_key_hold_what_pages_by_anything_else_hold() {
    let server = Server::start(DoorLimits::default()).await;
    for number in 0..7 {
        server.local().post::<Value>("/api/v1/sites", &site(&format!("s{number}"), &["h1"])).await.unwrap();
    }
    for (list, keyed) in [("/api/v1/sites", "name"), ("/api/v1/audit", "number")] {
        for limit in [1, 3, 7, 100] {
            let up = walk(&server, &format!("{list}?"), limit).await;
            assert!(up.len() >= 7);
            assert_eq!(walk(&server, &format!("{list}?sort={keyed}&"), limit).await, up);
            // A condition that all fulfil goes through the whole table.
            assert_eq!(walk(&server, &format!("{list}?filter={keyed}!=x&"), limit).await, up);
            let mut down = walk(&server, &format!("{list}?sort=-{keyed}&"), limit).await;
            assert_eq!(walk(&server, &format!("{list}?sort=-{keyed}&filter={keyed}!=x&"), limit).await, down);
            down.reverse();
            assert_eq!(down, up);
        }
    }
    server.serving.close().await;
}

#[tokio::test]
async fn a_mark_of_another_list_is_refused() {
    let server = Server::start(DoorLimits::default()).await;
    for name in ["one", "two"] {
        server.local().post::<Value>("/api/v1/sites", &site(name, &["h1"])).await.unwrap();
    }
    let page = server.local().get::<Value>("/api/v1/sites?limit=1").await.unwrap().value;
    let mark = page["continue"].as_str().unwrap();
    let error = server.local().get::<Value>(&format!("/api/v1/audit?continue={mark}")).await.unwrap_err();
    assert_eq!(error.problem().unwrap().status, 422);
    server.serving.close().await;
}

#[tokio::test]
async fn hosts_are_those_of_the_text_as_it_is_now() {
    let server = Server::start(DoorLimits::default()).await;
    let names = async |query: &str| {
        let path = format!("/api/v1/sites/demo/hosts{query}");
        let page = server.local().get::<Value>(&path).await.unwrap().value;
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|host| host["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let first = site("demo", &["c", "a", "b"]);
    server.local().post::<Value>("/api/v1/sites", &first).await.unwrap();
    for _ in 0..2 {
        assert_eq!(names("").await, "c a b");
    }
    assert_eq!(names("?sort=-name&limit=2").await, "c b");
    assert_eq!(names("?filter=name!=a").await, "c b");
    let second = site("demo", &["c", "d"]);
    let place = "/api/v1/sites/demo";
    let known = server.local().get::<Value>(place).await.unwrap();
    assert_eq!(known.value["hosts"], 3);
    server.local().change::<Value>(Method::PUT, place, &second, known.etag()).await.unwrap();
    assert_eq!(names("").await, "c d");
    assert_eq!(server.local().get::<Value>(place).await.unwrap().value["hosts"], 2);
    server.serving.close().await;
}
