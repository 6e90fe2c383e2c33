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
async fn fifty_megabytes_are_too_large_wherever_a_site_is_said() {
    let direct = Direct::new();
    let text = "# more\n".repeat(50_000_000 / 7);
    let requests = [
        site(&text),
        ask("PUT", "/api/v1/sites/x").json(&json!({"text": text})),
        ask("PUT", "/api/v1/sites/x/draft").json(&json!({"content": {"text": text}})),
        ask("POST", "/api/v1/sites/import").json(&json!({"files": [{"name": "x", "text": text}]})),
    ];
    for request in requests {
        let said = soon(&direct, request).await;
        assert_eq!((said.status.as_u16(), said.problem()), (413, "too-large"), "{said:?}");
    }
    assert_eq!(soon(&direct, ask("GET", "/api/v1/sites")).await.json["total"], 0);
    assert_eq!(soon(&direct, ask("GET", "/api/v1/drafts")).await.json["total"], 0);
}

#[tokio::test]
async fn a_draft_as_deep_as_the_sea_is_refused() {
    let direct = Direct::new();
    let deep = format!("{{\"content\": {}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let said = soon(&direct, ask("PUT", "/api/v1/sites/x/draft").raw("application/json", &deep)).await;
    assert_eq!((said.status.as_u16(), said.problem()), (400, "malformed"), "{said:?}");
}

/// YAML that is small and would be large, or deep.
fn bombs() -> Vec<(&'static str, String)> {
    let mut laughs = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (letter, before) in ('b'..='k').zip('a'..) {
        laughs += &format!("{letter}: &{letter} [{}]\n", vec![format!("*{before}"); 9].join(", "));
    }
    let mut merged = "a: &a {lol: 1}\n".to_owned();
    for (letter, before) in ('b'..='z').zip('a'..) {
        merged += &format!("{letter}: &{letter} {{<<: [*{before}, *{before}], x: *{before}}}\n");
    }
    let deep = format!("hosts: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let indented: String = (0..2_000).map(|depth| format!("{}- \n", " ".repeat(depth))).collect();
    let wide = format!("metadata: {{name: x}}\nhosts:\n{}", "- {name: a}\n".repeat(20_000));
    vec![
        ("aliases", laughs),
        ("merge keys", merged),
        ("brackets", deep),
        ("braces", "{a: ".repeat(100_000)),
        ("dashes", "- ".repeat(500_000)),
        ("indentation", indented),
        ("an alias of itself", "a: &a [*a, *a]\n".to_owned()),
        ("hosts", wide),
    ]
}

/// Bytes of memory that this process had at most so far (`proc_pid_status(5)`).
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn yaml_that_unfolds_is_not_unfolded() {
    let direct = Direct::new();
    let before = most_memory();
    for (what, text) in bombs() {
        let import = json!({"files": [{"name": "x", "text": text}]});
        for request in [site(&text), ask("POST", "/api/v1/sites/import").json(&import)] {
            let said = soon(&direct, request).await;
            assert_eq!(
                (said.status.as_u16(), said.problem()),
                (422, "invalid"),
                "{what}: {}",
                said.text.len()
            );
            assert!(said.text.len() < 64 << 20, "{what}: the answer has {} bytes", said.text.len());
        }
    }
    assert_eq!(soon(&direct, ask("GET", "/api/v1/sites")).await.json["total"], 0);
    // Beside what other tests of this process hold meanwhile, such as fifty megabytes a few times.
    let more = most_memory() - before;
    assert!(more < 1 << 30, "{} MiB more", more >> 20);
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
