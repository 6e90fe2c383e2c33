//! Bodies that are meant to cost more than they say: each is a problem document, soon, and the next request is served.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use common::{Ask, Direct, Said, ask};
use serde_json::json;

/// However slow the machine is, this is not how long a refusal takes.
const LONG: Duration = Duration::from_secs(60);

async fn soon(direct: &Direct, request: Ask) -> Said {
    tokio::time::timeout(LONG, direct.hear(request)).await.expect("an answer within a minute")
}

fn site(text: &str) -> Ask {
    ask("POST", "/api/v1/sites").json(&json!({"text": text}))
}

#[tokio::test]
async fn a_site_of_fifty_megabytes_is_too_large() {
    let direct = Direct::new();
    let said = soon(&direct, site(&"# more\n".repeat(50_000_000 / 7))).await;
    assert_eq!((said.status.as_u16(), said.problem()), (413, "too-large"), "{said:?}");
    assert_eq!(soon(&direct, ask("GET", "/api/v1/sites")).await.json["total"], 0);
}

#[tokio::test]
async fn yaml_that_unfolds_is_not_unfolded() {
    let direct = Direct::new();
    let mut laughs = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (letter, before) in ('b'..='k').zip('a'..) {
        laughs += &format!("{letter}: &{letter} [{}]\n", vec![format!("*{before}"); 9].join(", "));
    }
    let deep = format!("hosts: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let braces = "{a: ".repeat(100_000);
    let wide = format!("metadata: {{name: x}}\nhosts:\n{}", "- {name: a}\n".repeat(20_000));
    for (what, text) in [("aliases", laughs), ("brackets", deep), ("braces", braces), ("hosts", wide)] {
        let said = soon(&direct, site(&text)).await;
        assert_eq!((said.status.as_u16(), said.problem()), (422, "invalid"), "{what}: {}", said.text.len());
        assert!(said.text.len() < 64 << 20, "{what}: the answer has {} bytes", said.text.len());
    }
    assert_eq!(soon(&direct, ask("GET", "/api/v1/sites")).await.json["total"], 0);
}

#[tokio::test]
async fn who_is_not_known_sends_short_bodies_only() {
    let direct = Direct::new();
    let body = json!({"user": "anna", "password": "x".repeat(100_000)});
    for path in ["/api/v1/sessions", "/api/v1/setup"] {
        let said = soon(&direct, ask("POST", path).remote().json(&body)).await;
        assert_eq!((said.status.as_u16(), said.problem()), (413, "too-large"), "{path}: {said:?}");
    }
}
