//! A request that comes twice under one Idempotency-Key is carried out once and answered twice.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use appliance_store::ledger::{Actor, Command, PlanCommand, Remembered, Request};
use common::{Ask, Direct, PASSWORD, Said, ask};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: lab}\nssh: {user: root, port: 1, password: {env: LOGIN}}\n\
    hosts:\n- {name: h1, address: 127.0.0.1, clusterAddress: 10.0.0.1, roles: [control-plane]}\n";

fn keyed(method: &str, path: &str, key: &str) -> Ask {
    ask(method, path).header("idempotency-key", key)
}

async fn send(direct: &Direct, method: &str, path: &str, key: &str, body: &Value) -> Said {
    direct.hear(keyed(method, path, key).json(body)).await
}

/// With a site, and a plan of it that could start if its hosts' password were there.
async fn with_plan() -> (Direct, Plan) {
    let direct = Direct::with_control();
    assert_eq!(send(&direct, "POST", "/api/v1/sites", "site", &json!({"text": SITE})).await.status, 201);
    let (id, site, release) = (PlanId("1".repeat(64)), "lab".to_owned(), "1".to_owned());
    let (intent, steps, report) = (Intent::Reset, Vec::new(), Vec::new());
    let plan = Plan { format: PLAN_FORMAT, id, parent: None, site, intent, release, steps, report };
    let keep = PlanCommand::Keep { plan: Box::new(plan.clone()) };
    direct.app.store().submit(&Actor::Instance, &Command::Plans(keep)).unwrap();
    (direct, plan)
}

fn requests(direct: &Direct) -> usize {
    direct.app.store().rows::<Request>(None, usize::MAX).unwrap().len()
}

#[tokio::test]
async fn a_start_that_comes_twice_starts_once_whatever_happened_in_between() {
    let (direct, plan) = with_plan().await;
    let start = json!({"plan": plan.id.0});
    let first = send(&direct, "POST", "/api/v1/runs", "k", &start).await;
    assert_eq!(first.status, 202, "{first:?}");
    let again = send(&direct, "POST", "/api/v1/runs", "k", &start).await;
    assert_eq!((again.status, &again.json["id"]), (first.status, &first.json["id"]));
    assert_eq!(requests(&direct), 1);
    let other = send(&direct, "POST", "/api/v1/runs", "k", &json!({"plan": "2"})).await;
    assert_eq!((other.status.as_u16(), other.problem()), (409, "key-reused"), "{other:?}");
    assert_eq!(send(&direct, "POST", "/api/v1/runs", "l", &start).await.problem(), "conflict", "another key");

    // The site is another one now, and would refuse a start of this plan.
    let put = json!({"text": format!("{SITE}# changed\n")});
    assert_eq!(send(&direct, "PUT", "/api/v1/sites/lab", "m", &put).await.status, 200);
    let again = send(&direct, "POST", "/api/v1/runs", "k", &start).await;
    assert_eq!((again.status, &again.json["id"]), (first.status, &first.json["id"]), "{again:?}");

    let request = format!("/api/v1/requests/{}", first.json["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(send(&direct, "DELETE", &request, "withdraw", &Value::Null).await.status, 204);
    }
    assert_eq!(
        direct.hear(ask("DELETE", &request)).await.problem(),
        "conflict",
        "without the key it is asked anew"
    );
    assert_eq!(requests(&direct), 1);
}

#[tokio::test]
async fn what_is_made_under_a_key_has_the_name_of_the_first() {
    let (direct, _) = with_plan().await;
    let upload = json!({"name": "x.bundle", "size": 10});
    let first = send(&direct, "POST", "/api/v1/uploads", "k", &upload).await;
    let again = send(&direct, "POST", "/api/v1/uploads", "k", &upload).await;
    assert_eq!((again.status.as_u16(), &again.json["id"]), (201, &first.json["id"]), "{again:?}");
    assert_eq!(direct.hear(ask("GET", "/api/v1/uploads")).await.json["items"].as_array().unwrap().len(), 1);
    let place = format!("/api/v1/uploads/{}", first.json["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(send(&direct, "DELETE", &place, "gone", &Value::Null).await.status, 204);
    }
    // Keys are each caller's own.
    direct.add_user("anna", "operator").await;
    let token = direct.token("anna", "operator").await;
    let hers = ask("POST", "/api/v1/uploads").bearer(&token).header("idempotency-key", "k").json(&upload);
    assert_ne!(direct.hear(hers).await.json["id"], first.json["id"]);
}

#[tokio::test]
async fn a_bundle_that_was_completed_is_answered_again() {
    let (direct, _) = with_plan().await;
    direct.seal("a.bundle", "1", "key");
    let pem = std::fs::read_to_string(direct.dir.path().join("key.pub")).unwrap();
    assert_eq!(send(&direct, "POST", "/api/v1/bundle-keys", "p", &json!({"pem": pem})).await.status, 201);
    let bytes = std::fs::read(direct.dir.path().join("a.bundle")).unwrap();
    let wish = json!({"name": "a.bundle", "size": bytes.len()});
    let begun = send(&direct, "POST", "/api/v1/uploads", "u", &wish).await;
    let place = format!("/api/v1/uploads/{}", begun.json["id"].as_str().unwrap());
    let content = ask("PUT", &format!("{place}/content?offset=0")).bytes("application/octet-stream", bytes);
    assert_eq!(direct.hear(content).await.status, 200);
    let complete = format!("{place}/complete");
    let first = send(&direct, "POST", &complete, "c", &Value::Null).await;
    let again = send(&direct, "POST", &complete, "c", &Value::Null).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{again:?}");
    assert_eq!(first.json, again.json);
    let bundle = format!("/api/v1/bundles/{}", first.json["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(send(&direct, "DELETE", &bundle, "d", &Value::Null).await.status, 204);
    }
}

#[tokio::test]
async fn what_tells_requests_apart_lets_nobody_try_passwords() {
    let (direct, _) = with_plan().await;
    let body = json!({"name": "anna", "role": "viewer", "password": PASSWORD});
    assert_eq!(send(&direct, "POST", "/api/v1/users", "k", &body).await.status, 201);
    let bare = hex::encode(Sha256::digest(format!("POST /api/v1/users\n{body}")));
    let remembered = direct.app.store().rows::<Remembered>(None, usize::MAX).unwrap();
    let (_, kept) = remembered.iter().find(|(key, _)| format!("{key:?}").contains("/k")).unwrap();
    assert_ne!(kept.request, bare, "whoever has the database could try passwords as fast as sha256 goes");
    let other = json!({"name": "anna", "role": "viewer", "password": "another horse"});
    assert_eq!(send(&direct, "POST", "/api/v1/users", "k", &other).await.problem(), "key-reused");
}
