//! Revisions, dry runs, idempotency keys, lists and problems, by the example of users.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Direct, PASSWORD, ask};
use serde_json::json;

#[tokio::test]
async fn a_change_wants_the_revision_that_was_seen() {
    let direct = Direct::new();
    direct.add_user("anna", "viewer").await;
    let seen = direct.hear(ask("GET", "/api/v1/users/anna")).await;
    let change = |etag: &str, role: &str| {
        ask("PATCH", "/api/v1/users/anna").header("if-match", etag).json(&json!({"role": role}))
    };
    let changed = direct.hear(change(seen.header("etag"), "operator")).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), seen.header("etag"));
    let stale = direct.hear(change(seen.header("etag"), "admin")).await;
    assert_eq!((stale.status.as_u16(), stale.problem()), (412, "stale"));
    assert_eq!(direct.hear(ask("GET", "/api/v1/users/anna")).await.json["role"], "operator");
}

#[tokio::test]
async fn a_dry_run_answers_and_changes_nothing() {
    let direct = Direct::new();
    let body = json!({"name": "anna", "role": "viewer", "password": PASSWORD});
    let dry = direct.hear(ask("POST", "/api/v1/users?dryRun=All").json(&body)).await;
    assert_eq!((dry.status.as_u16(), dry.json["name"].as_str()), (200, Some("anna")));
    assert_eq!(direct.hear(ask("GET", "/api/v1/users")).await.json["total"], 0);
    direct.add_user("anna", "viewer").await;
    let again = direct.hear(ask("POST", "/api/v1/users?dryRun=All").json(&body)).await;
    assert_eq!(again.problem(), "conflict");
    let gone = direct.hear(ask("DELETE", "/api/v1/users/anna?dryRun=All")).await;
    assert_eq!(gone.status, 204);
    assert_eq!(direct.hear(ask("GET", "/api/v1/users/anna")).await.status, 200);
}

#[tokio::test]
async fn a_request_that_comes_twice_under_one_key_is_carried_out_once() {
    let direct = Direct::new();
    let add = |name: &str| {
        let body = json!({"name": name, "role": "viewer", "password": PASSWORD});
        ask("POST", "/api/v1/users").header("idempotency-key", "one").json(&body)
    };
    assert_eq!(direct.hear(add("anna")).await.status, 201);
    assert_eq!(direct.hear(add("anna")).await.status, 201, "as if it were the first time");
    assert_eq!(direct.hear(add("ben")).await.problem(), "key-reused");
    let audit = direct.hear(ask("GET", "/api/v1/audit?filter=action=user.add")).await;
    assert_eq!(audit.json["total"], 1);
}

#[tokio::test]
async fn the_audit_has_what_a_setting_was_before() {
    let direct = Direct::new();
    let put = |hours: u32, url: &str| {
        let body = json!({"sessionHours": hours, "idleMinutes": 60, "runsAtOnce": 4, "publicUrl": url});
        ask("PUT", "/api/v1/settings").json(&body)
    };
    for (hours, url) in [(8, "https://a.example"), (9, "https://a.example")] {
        assert_eq!(direct.hear(put(hours, url)).await.status, 200);
    }
    let audit = direct.hear(ask("GET", "/api/v1/audit?filter=action=settings.put&sort=number")).await;
    let detail = |at: usize| audit.json["items"][at]["detail"].clone();
    let first = json!({
        "sessionHours": "8", "sessionHours.was": "12", "publicUrl": "https://a.example", "publicUrl.was": ""
    });
    assert_eq!(detail(0), first);
    assert_eq!(detail(1), json!({"sessionHours": "9", "sessionHours.was": "8"}));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let direct = Direct::new();
    for name in ["anna", "ben", "carl"] {
        direct.add_user(name, "viewer").await;
    }
    let page = direct.hear(ask("GET", "/api/v1/users?sort=-name&limit=2")).await;
    assert_eq!(
        (page.json["total"].as_u64(), page.json["items"][0]["name"].as_str()),
        (Some(3), Some("carl"))
    );
    let go_on = page.json["continue"].as_str().unwrap();
    let rest = direct.hear(ask("GET", &format!("/api/v1/users?sort=-name&limit=2&continue={go_on}"))).await;
    assert_eq!(rest.json["items"][0]["name"], "anna");
    assert!(rest.json.get("continue").is_none());
    for query in ["limit=0", "limit=x", "filter=colour=red", "nonsense=1", "continue=x"] {
        let said = direct.hear(ask("GET", &format!("/api/v1/users?{query}"))).await;
        assert_eq!(said.problem(), "invalid", "{query}");
    }
}

#[tokio::test]
async fn every_wrong_body_is_a_problem_with_its_place() {
    let direct = Direct::new();
    let post = |kind: &str, body: &str| ask("POST", "/api/v1/users").raw(kind, body);
    for (kind, body, problem, pointer) in [
        ("text/plain", "{}", "media-type", ""),
        ("application/json", "{", "malformed", ""),
        ("application/json", "", "malformed", ""),
        ("application/json", r#"{"name": "a", "role": "king", "password": "12345678"}"#, "invalid", "/role"),
        (
            "application/json",
            r#"{"name": "a b", "role": "viewer", "password": "12345678"}"#,
            "invalid",
            "/name",
        ),
        ("application/json", r#"{"name": "a", "role": "viewer", "password": "1"}"#, "invalid", "/password"),
        ("application/json", r#"{"name": "a", "role": "viewer", "pass": "1"}"#, "invalid", "/pass"),
    ] {
        let said = direct.hear(post(kind, body)).await;
        assert_eq!(said.problem(), problem, "{body}: {said:?}");
        assert_eq!(said.header("content-type"), "application/problem+json");
        assert_eq!(said.json["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer, "{body}");
    }
    let large = format!("\"{}\"", "x".repeat(9 << 20));
    assert_eq!(direct.hear(post("application/json", &large)).await.problem(), "too-large");
    let deep = "[".repeat(100_000);
    assert_eq!(direct.hear(post("application/json", &deep)).await.problem(), "invalid");
}

#[tokio::test]
async fn the_audit_says_who_did_what_and_its_chain_holds() {
    let direct = Direct::new();
    direct.add_user("anna", "admin").await;
    let token = direct.token("anna", "admin").await;
    let remove = ask("POST", "/api/v1/users").bearer(&token);
    let body = json!({"name": "ben", "role": "viewer", "password": PASSWORD});
    assert_eq!(direct.hear(remove.json(&body)).await.status, 201);
    let audit = direct.hear(ask("GET", "/api/v1/audit?filter=id=ben")).await;
    assert_eq!(audit.json["items"][0]["actor"], "anna");
    assert!(!audit.text.contains(PASSWORD) && !audit.text.contains("argon2"));
    let verified = direct.hear(ask("GET", "/api/v1/audit/verify")).await;
    assert_eq!(verified.json["intact"], true);
}

#[tokio::test]
async fn settings_have_a_revision_and_limits() {
    let direct = Direct::new();
    let seen = direct.hear(ask("GET", "/api/v1/settings")).await;
    let put = |etag: &str, hours: u32| {
        let body = json!({"sessionHours": hours, "idleMinutes": 5, "runsAtOnce": 2});
        ask("PUT", "/api/v1/settings").header("if-match", etag).json(&body)
    };
    assert_eq!(direct.hear(put(seen.header("etag"), 0)).await.json["errors"][0]["pointer"], "/sessionHours");
    let set = direct.hear(put(seen.header("etag"), 3)).await;
    assert_eq!(set.json["sessionHours"], 3);
    assert_eq!(direct.hear(put(seen.header("etag"), 4)).await.problem(), "stale");
}

#[tokio::test]
async fn a_secret_is_kept_sealed_and_shown_to_nobody() {
    let direct = Direct::new();
    let put = ask("PUT", "/api/v1/settings/oidc-secret").json(&json!({"secret": "canary-4711"}));
    assert_eq!(direct.hear(put).await.status, 204);
    let shown = direct.hear(ask("GET", "/api/v1/settings")).await;
    assert!(!shown.text.contains("canary"));
    let bytes = std::fs::read(direct.dir.path().join("armilla.redb")).unwrap();
    assert!(!bytes.windows(11).any(|part| part == b"canary-4711"));
}
